//! What Athena tells of tables: `SHOW TABLES`, `SHOW PARTITIONS`, `SHOW CREATE VIEW`, `DESCRIBE`.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// What a statement that begins with SHOW asks for.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sql) enum Shown {
    Tables,
    Partitions(String),
    CreateView(String),
}

/// What a statement of this kind asks for. `None` if it is another statement.
pub(in crate::sql) fn shown(sql: &str) -> Option<Shown> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().ok()?;
    let words: Vec<String> = tokens.into_iter().filter_map(word).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // The last part of a name is the table's.
    match words.as_slice() {
        ["show", "tables"] => Some(Shown::Tables),
        ["show", "partitions", .., table] => Some(Shown::Partitions((*table).to_owned())),
        ["show", "create", "view", .., view] => Some(Shown::CreateView((*view).to_owned())),
        _ => None,
    }
}

fn word(token: Token) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.value.to_lowercase()),
        Token::Whitespace(_) | Token::Period => None,
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_show_are_told_apart() {
        assert_eq!(shown("SHOW TABLES"), Some(Shown::Tables));
        let partitions = Some(Shown::Partitions("auth0_logs_json".to_owned()));
        assert_eq!(shown("show partitions \"auth0_event_logs\".\"auth0_logs_json\""), partitions);
        assert_eq!(shown("SHOW CREATE VIEW auth0_logs"), Some(Shown::CreateView("auth0_logs".to_owned())));
        assert_eq!(shown("SELECT 'SHOW TABLES'"), None);
    }
}
