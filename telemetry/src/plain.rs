//! Text that a terminal only shows. A value of an event may have any character: some move the cursor, clear the screen,
//! change the title, or reorder what is read. Here such characters become their escapes, as Rust and JSON write them.

use std::borrow::Cow;
use std::fmt::Write;

/// `text`, in which line feeds end lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, acts_within_lines, |to, character| to.extend(character.escape_default()))
}

/// `text` in one line, such as a value in a table.
pub fn value(text: &str) -> Cow<'_, str> {
    escaped(text, acts, |to, character| to.extend(character.escape_default()))
}

/// A JSON text as serde_json prints it, with the same value. JSON itself allows most such characters in a string.
pub fn json(text: &str) -> Cow<'_, str> {
    escaped(text, acts_within_lines, |to, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // To write to a String never fails.
            let _ = write!(to, "\\u{unit:04x}");
        }
    })
}

/// Like [`acts`], where line feeds end lines.
fn acts_within_lines(character: char) -> bool {
    character != '\n' && acts(character)
}

fn escaped(text: &str, acts: impl Fn(char) -> bool, escape: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let Some(first) = text.find(&acts) else { return Cow::Borrowed(text) };
    let mut plain = text[..first].to_string();
    for character in text[first..].chars() {
        if acts(character) { escape(&mut plain, character) } else { plain.push(character) }
    }
    Cow::Owned(plain)
}

/// True for characters that a terminal acts on, or that change how others are read: Unicode's categories of controls,
/// formats (those of bidirectional text and the invisible ones) and separators of lines and paragraphs, by version 16.
pub fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0001}'
                | '\u{e0020}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_acts_on_is_escaped() {
        let hostile = "a\u{1b}[2Jb\rc\u{8}d\u{9b}31me\u{202e}f\u{2066}g\u{7f}h\u{200b}i\u{e0041}";
        let shown = r"a\u{1b}[2Jb\rc\u{8}d\u{9b}31me\u{202e}f\u{2066}g\u{7f}h\u{200b}i\u{e0041}";
        assert_eq!((lines(hostile), value(hostile)), (shown.into(), shown.into()));
        assert_eq!((lines("one\n\ttwo"), value("one\n\ttwo")), ("one\n\\ttwo".into(), "one\\n\\ttwo".into()));
    }

    #[test]
    fn what_it_only_shows_is_left() {
        for text in ["", "plain", "Zoë — 株式会社 — Ωμέγα — שלום — 👩", "\\u{1b}"] {
            assert!(matches!(value(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({"a\u{202e}": ["\u{9b}2J", "\u{e0041}", "\u{1b}", "plain"]});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let escaped = json(&text);
        assert!(!escaped.chars().any(|character| character != '\n' && acts(character)), "{escaped}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
    }
}
