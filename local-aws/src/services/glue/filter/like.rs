//! The patterns of LIKE.

use regex_lite::Regex;

/// Translates a pattern of LIKE to a regular expression. `%` matches any text and `_` matches one character. `escape`
/// before a character makes it literal. `None` if the pattern is too large.
pub(super) fn regex(pattern: &str, escape: Option<char>) -> Option<Regex> {
    let mut chars = pattern.chars();
    let mut regex = "(?s)^".to_owned();
    while let Some(char) = chars.next() {
        match char {
            char if Some(char) == escape => regex.push_str(&literal(chars.next().unwrap_or(char))),
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            char => regex.push_str(&literal(char)),
        }
    }
    Regex::new(&(regex + "$")).ok()
}

fn literal(char: char) -> String {
    regex_lite::escape(char.encode_utf8(&mut [0; 4]))
}
