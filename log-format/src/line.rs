//! Any line becomes a row, or is refused with a reason.

use std::borrow::Cow;

use crate::column::{COLUMNS, EXTRA};
use crate::json::object::{Field, Object, append_field, string_text};

/// The longest line that is written or read, in bytes, without its newline.
///
/// EventBridge takes events of up to 1 MB. `details` and `extra` are embedded as text: escaping their quotes and
/// backslashes at worst doubles them.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The values of one line, one for each of [`COLUMNS`], in order. `None` is null.
pub type Row<'a> = [Option<Cow<'a, str>>; COLUMNS.len()];

/// Why a line is refused.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is longer than [`LINE_BYTES_MAX`].
    #[error("line of {bytes} bytes is longer than {LINE_BYTES_MAX}")]
    TooLong {
        /// Length of the line, its newline not included.
        bytes: usize,
    },
    /// The line does not begin with a JSON object.
    #[error("line is not a JSON object")]
    NotJson(#[source] serde_json::Error),
    /// No column has a value: the JSON table's reader shows nothing of the line.
    #[error("line has no column")]
    Empty,
}

impl LineError {
    /// The constant name of the error, for counts by reason.
    pub fn reason(&self) -> &'static str {
        match self {
            LineError::TooLong { .. } => "TooLong",
            LineError::NotJson(_) => "NotJson",
            LineError::Empty => "Empty",
        }
    }
}

/// Reads one line, its newline not included.
///
/// F2: a row holds what the JSON table's reader shows.
///
/// - Of duplicate keys it holds the last, and nothing of what follows the object: [`read_first`] says where that begins.
/// - A lone surrogate becomes `?`, bytes that are not UTF-8 become U+FFFD.
/// - A value that is not a string stays its JSON text. Here that reader differs: it formats the value again, `1e400` as
///   `1E+400`. No line of ours has such a value.
/// - Fields at the top level without a column go into `extra`. The predecessor wrote such lines.
pub fn read_line(line: &[u8]) -> Result<Row<'_>, LineError> {
    read_first(line).map(|(row, _)| row)
}

/// Reads the object that one line begins with, and returns what follows it. That is empty if it is but white space.
///
/// The JSON table's reader does not look at what follows the object. So a record that somebody put after another one without
/// a line feed between them is in no row.
pub fn read_first(line: &[u8]) -> Result<(Row<'_>, &[u8]), LineError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(LineError::TooLong { bytes: line.len() });
    }
    let line = trim(line);
    let (row, end) = match Object::parse_first(line) {
        Ok((object, end)) => (row_of(&object)?, end),
        Err(error) if std::str::from_utf8(line).is_ok() => return Err(LineError::NotJson(error)),
        Err(_) => lossy(line)?,
    };
    Ok((row, trim(&line[end..])))
}

/// Removes leading white space as Trino does, by Java's rule: every byte up to the blank is white space.
fn trim(line: &[u8]) -> &[u8] {
    let begin = line.iter().position(|byte| *byte > b' ').unwrap_or(line.len());
    &line[begin..]
}

/// Reads a line that is not UTF-8. Bad bytes inside of strings become U+FFFD, bad bytes between tokens break the line. Also
/// returns where in `line` its object ends.
fn lossy(line: &[u8]) -> Result<(Row<'_>, usize), LineError> {
    let text = String::from_utf8_lossy(line);
    let (object, end) = Object::parse_first(text.as_bytes()).map_err(LineError::NotJson)?;
    let row = row_of(&object)?;
    Ok((row.map(|value| value.map(|text| Cow::Owned(text.into_owned()))), end_before_loss(line, end)))
}

/// Where in `line` what ends at `end` of its lossy text ends. An object ends with a character that was not lost.
fn end_before_loss(line: &[u8], end: usize) -> usize {
    let (mut passed, mut passed_lossy) = (0, 0);
    for chunk in line.utf8_chunks() {
        if end <= passed_lossy + chunk.valid().len() {
            return passed + (end - passed_lossy);
        }
        passed += chunk.valid().len() + chunk.invalid().len();
        passed_lossy += chunk.valid().len() + char::REPLACEMENT_CHARACTER.len_utf8();
    }
    line.len()
}

fn row_of<'a>(object: &Object<'a>) -> Result<Row<'a>, LineError> {
    let (mut row, leftover) = split(object);
    if row.iter().all(Option::is_none) {
        return Err(LineError::Empty);
    }
    fold(&mut row[EXTRA], &leftover);
    Ok(row)
}

/// Splits the fields of a line into those with a column and the others.
fn split<'a>(object: &Object<'a>) -> (Row<'a>, Vec<Field<'a>>) {
    let mut row = Row::default();
    let mut leftover = Vec::new();
    for field in object.fields() {
        match position_of_column(&field.name()) {
            Some(position) => row[position] = value_text(field.value),
            None => leftover.push(field),
        }
    }
    (row, leftover)
}

fn position_of_column(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|column| column.name == name)
}

/// What a reader of a `string` column shows of a JSON value. `None` if that is null.
fn value_text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first() {
        Some(b'"') => Some(string_text(json)),
        Some(b'n') => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

/// Adds the fields without a column to `extra`. If there are none, `extra` stays the same to the byte.
fn fold(extra: &mut Option<Cow<'_, str>>, leftover: &[Field<'_>]) {
    let ours = extra.as_deref().is_none_or(|text| Object::parse(text.as_bytes()).is_ok());
    if ours && leftover.is_empty() {
        return;
    }
    let mut text = String::new();
    match (ours, extra.as_deref()) {
        (true, Some(object)) => {
            for field in Object::parse(object.as_bytes()).unwrap_or_default().fields() {
                append_field(&mut text, field.key, field.value);
            }
        }
        // The event itself had a field `extra`, and its line was written by the predecessor.
        (false, Some(value)) => append_field(&mut text, "\"extra\"", &serde_json::Value::from(value).to_string()),
        (_, None) => {}
    }
    for field in leftover {
        append_field(&mut text, field.key, field.value);
    }
    *extra = Some(Cow::Owned(text + "}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected` is the row as `column=value` pairs, or the reason of the refusal.
    fn check(line: &str, expected: &str) {
        assert_eq!(shown(line.as_bytes()), expected, "{line}");
    }

    fn shown(line: &[u8]) -> String {
        let row = match read_line(line) {
            Ok(row) => row,
            Err(error) => return error.reason().to_string(),
        };
        let values = COLUMNS.iter().zip(&row).filter_map(|(column, value)| Some((column, value.as_deref()?)));
        values.map(|(column, value)| format!("{}={value}", column.name)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_the_lines_that_we_write() {
        check(
            r#"{"log_id":"1","type":"s","details":"{\"a\":1.0}","extra":"{\"tenant_name\":\"acme\"}"}"#,
            r#"log_id=1 type=s details={"a":1.0} extra={"tenant_name":"acme"}"#,
        );
    }

    #[test]
    fn shows_what_the_json_table_shows() {
        check(r#"{"type":"a","type":"b"}"#, "type=b");
        check(r#"{"type":"a","type":null,"ip":""}"#, "ip=");
        check(r#"{"client_id":["a"],"user_id":1.50,"ip":true}"#, r#"client_id=["a"] ip=true user_id=1.50"#);
        check(r#"{"type":"s"} trailing"#, "type=s");
        let after: [(&[u8], &[u8]); 5] = [
            (b"{\"type\":\"s\"} \0", b""),
            (b" {\"type\":\"s\"} x ", b"x "),
            (b"{\"type\":\"s\"}{\"type\":\"f\"}", b"{\"type\":\"f\"}"),
            (b"{\"type\":\"a\xff\xc3b\"}\xff", b"\xff"),
            (b"{\"type\":\"s\"}\xff", b"\xff"),
        ];
        for (line, expected) in after {
            assert_eq!(read_first(line).unwrap().1, expected, "{line:?}");
        }
        check(r#"{"type":"\ud800"}"#, "type=?");
        check(" \t{\"type\":\"s\"}\r", "type=s");
        check("\u{1e}\0{\"type\":\"s\"}\0", "type=s");
        assert_eq!(shown(b"{\"type\":\"a\xffb\xe2\x82\"}"), "type=a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn folds_the_predecessors_fields_into_extra() {
        check(r#"{"type":"s","tenant_name":"acme","n":1.0}"#, r#"type=s extra={"tenant_name":"acme","n":1.0}"#);
        check(r#"{"type":"s","extra":"{\"a\":1}","b":2}"#, r#"type=s extra={"a":1,"b":2}"#);
        check(r#"{"type":"s","extra":"{}","b":2}"#, r#"type=s extra={"b":2}"#);
        check(r#"{"type":"s","extra":"word"}"#, r#"type=s extra={"extra":"word"}"#);
        check(r#"{"type":"s","extra":"word","b":2}"#, r#"type=s extra={"extra":"word","b":2}"#);
    }

    #[test]
    fn refuses_what_the_json_table_shows_nothing_of() {
        check("", "NotJson");
        check("{'type':'s'}", "NotJson");
        check("[1]", "NotJson");
        check(r#"{"type":"s""#, "NotJson");
        check("{}", "Empty");
        check(r#"{"tenant_name":"acme"}"#, "Empty");
        assert_eq!(shown(b"{\"type\":\"s\"\xff}"), "NotJson");
        check("\u{feff}{\"type\":\"s\"}", "NotJson");
        assert_eq!(shown(&vec![b' '; LINE_BYTES_MAX + 1]), "TooLong");
    }
}
