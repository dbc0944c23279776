//! The text of statements: its tokens, the statements in it, and literals.

use anyhow::{Result, anyhow};
use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Location, Token, Tokenizer};

/// A text as a literal of SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The tokens of a text, which one after another are the text.
///
/// # Errors
///
/// If a string, a name or a comment has no end.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).with_unescape(false).tokenize();
    tokens.map_err(|error| anyhow!("the statement cannot be read: {error}"))
}

/// The statements of a text, which semicolons separate: each as it is written, without those that say nothing.
///
/// # Errors
///
/// If a string, a name or a comment has no end.
pub(crate) fn split(text: &str) -> Result<Vec<String>> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location();
    let tokens = tokens.map_err(|error| anyhow!("the statement cannot be read: {error}"))?;
    let (mut statements, mut start, mut says_something) = (Vec::new(), 0, false);
    for token in tokens {
        match token.token {
            Token::SemiColon => {
                let end = offset(text, token.span.start);
                if std::mem::take(&mut says_something) {
                    statements.push(text[start..end].trim().to_owned());
                }
                start = end + 1;
            }
            Token::Whitespace(_) => {}
            _ => says_something = true,
        }
    }
    if says_something {
        statements.push(text[start..].trim().to_owned());
    }
    Ok(statements)
}

/// Where a place, of which line and column are counted from 1, is in a text.
fn offset(text: &str, place: Location) -> usize {
    let (before, within) = (place.line.saturating_sub(1), place.column.saturating_sub(1));
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let mut lines = text.split_inclusive('\n');
    let start: usize = lines.by_ref().take(count(before)).map(str::len).sum();
    start + lines.next().unwrap_or_default().chars().take(count(within)).map(char::len_utf8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_separate_statements() {
        let check = |text: &str, expected: &[&str]| assert_eq!(split(text).unwrap(), expected, "{text}");
        check("SELECT 1", &["SELECT 1"]);
        check(
            " SELECT 1 ;\n-- the end;\nSELECT '2;''3' AS \"a;b\" /* ; */;;",
            &["SELECT 1", "-- the end;\nSELECT '2;''3' AS \"a;b\" /* ; */"],
        );
        check("; -- nothing;\n", &[]);
        check(
            "SELECT 'a\\nb', U&'\\2603', x -> 'y', DATE '2026-11-20', 1e3",
            &["SELECT 'a\\nb', U&'\\2603', x -> 'y', DATE '2026-11-20', 1e3"],
        );
        check("SELECT 'é';\tSELECT\n'日本;' ;SELECT 3", &["SELECT 'é'", "SELECT\n'日本;'", "SELECT 3"]);
        assert!(split("SELECT 'a").unwrap_err().to_string().contains("cannot be read"));
    }
}
