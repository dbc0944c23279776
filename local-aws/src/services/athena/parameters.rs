//! Parameters of a statement: Athena puts each into the place of a question mark, as it is.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::error::AthenaError;

/// The statement with `parameters`, which are literals, in the places of its question marks.
pub(super) fn put_in(sql: &str, parameters: &[String]) -> Result<String, AthenaError> {
    if parameters.is_empty() {
        return Ok(sql.to_owned());
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).with_unescape(false).tokenize();
    let tokens = tokens.map_err(|error| AthenaError::Invalid(error.to_string()))?;
    let is_place = |token: &&Token| matches!(token, Token::Placeholder(name) if name == "?");
    let places = tokens.iter().filter(is_place).count();
    if places != parameters.len() {
        let message = format!("Incorrect number of parameters: expected {places} but found {}", parameters.len());
        return Err(AthenaError::Invalid(message));
    }
    let mut parameters = parameters.iter();
    let text = |token: &Token| match Some(token).filter(is_place).and_then(|_| parameters.next()) {
        Some(parameter) => parameter.clone(),
        None => token.to_string(),
    };
    Ok(tokens.iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_take_the_places_of_question_marks() {
        let put = |sql: &str, parameters: &[&str]| {
            let parameters: Vec<String> = parameters.iter().map(|it| (*it).to_owned()).collect();
            put_in(sql, &parameters).map_err(|error| error.to_string())
        };
        assert_eq!(put("SELECT '?' FROM t -- ?", &[]).as_deref(), Ok("SELECT '?' FROM t -- ?"));
        let sql = "SELECT a FROM t WHERE b = ? AND c = '?' AND d > ? -- why?";
        assert_eq!(
            put(sql, &["'it''s?'", "DATE '2026-11-20'"]).as_deref(),
            Ok("SELECT a FROM t WHERE b = 'it''s?' AND c = '?' AND d > DATE '2026-11-20' -- why?")
        );
        assert_eq!(put(sql, &["1"]), Err("Incorrect number of parameters: expected 2 but found 1".to_owned()));
    }
}
