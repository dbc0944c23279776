//! An event is found in its envelope and becomes a line.

use crate::column::{COLUMNS, Column, EXTRA, Kind, LOG_ID};
use crate::json::minified;
use crate::json::object::{Object, append_field};
use crate::json::scan::{self, BLOCK_BYTES, Specials};

/// Finds the event at `detail.data` of an EventBridge envelope, and `detail.log_id` as JSON text if it is there.
///
/// `None` if the envelope has no object at `detail.data`. Of duplicate keys the last counts.
///
/// # Errors
///
/// If the envelope is not one JSON object.
pub fn event_of(envelope: &str) -> Result<Option<(Object<'_>, Option<&str>)>, serde_json::Error> {
    if let Some(found) = minified::event(envelope) {
        return Ok(Some(found));
    }
    let envelope = Object::parse(envelope.as_bytes())?;
    Ok(object(envelope.get("detail")).and_then(|detail| Some((object(detail.get("data"))?, detail.get("log_id")))))
}

fn object(json: Option<&str>) -> Option<Object<'_>> {
    Object::parse(json?.as_bytes()).ok()
}

/// The error of an event that gives no column a value: no table would show its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event has no field that any column would show")]
pub struct EmptyEvent;

/// Appends the line of `event`, with its newline, to `line`.
///
/// `event` is `detail.data` of the EventBridge envelope. `fallback_log_id` is `detail.log_id` as JSON text; it is used
/// if the event has no log id of its own.
///
/// F1: no field is lost. The field of a column becomes its value, every other field goes into `extra` as it stands.
/// Absent and null both leave a column out. Of duplicate keys of a column the last counts.
///
/// # Errors
///
/// If no column has a value. `line` is then as it was.
pub fn write_line(event: &Object<'_>, fallback_log_id: Option<&str>, line: &mut Vec<u8>) -> Result<(), EmptyEvent> {
    if event.is_empty() {
        return Err(EmptyEvent);
    }
    let begin = line.len();
    let (values, extra) = split(event, fallback_log_id);
    for (column, value) in COLUMNS.iter().zip(values).filter(|(column, _)| column.kind != Kind::Rest) {
        if let Some(value) = value {
            write_key(column, begin, line);
            write_value(column, value, line);
        }
    }
    if !extra.is_empty() {
        write_key(&COLUMNS[EXTRA], begin, line);
        write_string(&(extra + "}"), line);
    }
    if line.len() == begin {
        return Err(EmptyEvent);
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

/// Splits the fields of an event into those with a column and the others.
///
/// The first are given as JSON text by column, `None` if absent or null. The others are given as the text of a JSON
/// object that lacks its closing brace, empty if there are none.
fn split<'a>(event: &Object<'a>, fallback_log_id: Option<&'a str>) -> ([Option<&'a str>; COLUMNS.len()], String) {
    let (mut values, mut extra) = ([None; COLUMNS.len()], String::new());
    for field in event.fields() {
        match position_of_source(&field.name()) {
            Some(position) => values[position] = Some(field.value).filter(|value| *value != "null"),
            None => append_field(&mut extra, field.key, field.value),
        }
    }
    values[LOG_ID] = values[LOG_ID].or(fallback_log_id.filter(|value| *value != "null"));
    (values, extra)
}

/// The longest name of a field that has a column.
const SOURCE_BYTES_MAX: usize = 15;

/// Positions of the columns by the length of the name of their field. Few names have the same length.
const BY_LENGTH: [[usize; 3]; SOURCE_BYTES_MAX + 1] = {
    let mut table = [[EXTRA; 3]; SOURCE_BYTES_MAX + 1];
    let mut position = 0;
    while position < EXTRA {
        let row = &mut table[COLUMNS[position].source.len()];
        let mut slot = 0;
        while row[slot] != EXTRA {
            slot += 1;
        }
        row[slot] = position;
        position += 1;
    }
    table
};

/// Finds the column of a field. Case counts, because Auth0 has fields that differ by case alone.
fn position_of_source(name: &str) -> Option<usize> {
    let positions = BY_LENGTH.get(name.len())?.iter().copied();
    positions.take_while(|position| *position != EXTRA).find(|position| COLUMNS[*position].source == name)
}

fn write_key(column: &Column, begin: usize, line: &mut Vec<u8>) {
    line.extend_from_slice(if line.len() == begin { b"{\"" } else { b",\"" });
    line.extend_from_slice(column.name.as_bytes());
    line.extend_from_slice(b"\":");
}

fn write_value(column: &Column, value: &str, line: &mut Vec<u8>) {
    if column.kind == Kind::Text && value.starts_with('"') {
        return line.extend_from_slice(value.as_bytes());
    }
    write_string(value, line);
}

/// Appends `text` as a JSON string.
fn write_string(text: &str, line: &mut Vec<u8>) {
    let begin = line.len();
    line.push(b'"');
    if escape(text.as_bytes(), line).is_some() {
        return line.push(b'"');
    }
    line.truncate(begin);
    // Writing a string to a Vec cannot fail.
    let written = serde_json::to_writer(line, text);
    debug_assert!(written.is_ok());
}

/// Appends a text with its quotes and backslashes escaped.
///
/// `None` if the text has control characters. A part of it has been appended then.
fn escape(text: &[u8], line: &mut Vec<u8>) -> Option<()> {
    let mut end = line.len();
    // Every byte may need an escape, and the last block may be copied whole.
    line.resize(end + 2 * text.len() + BLOCK_BYTES, 0);
    let (mut specials, mut at) = (Specials::of(text), 0);
    loop {
        let plain = specials.next(at) - at;
        scan::copy(text, at, plain, line, end);
        at += plain;
        end += plain;
        if at == text.len() {
            line.truncate(end);
            return Some(());
        }
        // In embedded JSON, `":"` and `","` are frequent: three bytes are written at once.
        if let Some([b'"', between @ (b':' | b','), b'"']) = text.get(at..at + 3) {
            line[end..end + 5].copy_from_slice(&[b'\\', b'"', *between, b'\\', b'"']);
            at += 3;
            end += 5;
            continue;
        }
        let byte = text[at];
        if byte < b' ' {
            return None;
        }
        line[end..end + 2].copy_from_slice(&[b'\\', byte]);
        at += 1;
        end += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, fallback: Option<&str>, expected: &str) {
        let mut line = Vec::new();
        let written = write_line(&Object::parse(event.as_bytes()).unwrap(), fallback, &mut line);
        let found = match written {
            Ok(()) => String::from_utf8(line).unwrap(),
            Err(EmptyEvent) => "empty".to_string(),
        };
        assert_eq!(found.trim_end(), expected, "{event}");
    }

    #[test]
    fn every_source_is_found_by_its_name() {
        for (position, column) in COLUMNS.iter().enumerate().filter(|(_, column)| column.kind != Kind::Rest) {
            assert_eq!(position_of_source(column.source), Some(position), "{}", column.source);
        }
        for name in ["", "timestamp", "extra", "IP", "data", "a name that is longer than any", "user_agent "] {
            assert_eq!(position_of_source(name), None, "{name}");
        }
    }

    #[test]
    fn strings_are_written_as_serde_json_writes_them() {
        let texts =
            ["", "plain", "\"", "\\", "\"\\\"", "{\"a\":\"b\",\"c\":\"\"}", "é\u{2028}😀\u{7f}", "a\nb\u{1}", "\0"];
        for text in texts {
            for length in 0..20 {
                let text = format!("{}{text}{}", "x".repeat(length), "y".repeat(20 - length));
                let mut line = b"before".to_vec();
                write_string(&text, &mut line);
                assert_eq!(
                    String::from_utf8(line).unwrap(),
                    format!("before{}", serde_json::to_string(&text).unwrap())
                );
            }
        }
    }

    #[test]
    fn writes_columns_in_order() {
        check(
            r#"{"type":"s","date":"2026-11-20T13:00:00.000Z","log_id":"1"}"#,
            None,
            r#"{"log_id":"1","timestamp":"2026-11-20T13:00:00.000Z","type":"s"}"#,
        );
    }

    #[test]
    fn keeps_other_values_as_text() {
        check(r#"{"client_id":["a","b"]}"#, None, r#"{"client_id":"[\"a\",\"b\"]"}"#);
        check(r#"{"user_id":99716766}"#, None, r#"{"user_id":"99716766"}"#);
        check(r#"{"ip":1.50,"type":true}"#, None, r#"{"ip":"1.50","type":"true"}"#);
        check(r#"{"details":"text"}"#, None, r#"{"details":"\"text\""}"#);
        check(r#"{"details":{"a":1.0}}"#, None, r#"{"details":"{\"a\":1.0}"}"#);
    }

    #[test]
    fn leaves_out_absent_and_null_but_not_empty() {
        check(r#"{"ip":null,"type":"s","user_id":""}"#, None, r#"{"user_id":"","type":"s"}"#);
        check(r#"{"type":"s","type":null,"ip":"::1"}"#, None, r#"{"ip":"::1"}"#);
    }

    #[test]
    fn gathers_every_other_field_in_extra() {
        check(
            r#"{"type":"s","scope":null,"IP":1e400}"#,
            None,
            r#"{"type":"s","extra":"{\"scope\":null,\"IP\":1e400}"}"#,
        );
        check(r#"{"timestamp":1,"extra":"x"}"#, None, r#"{"extra":"{\"timestamp\":1,\"extra\":\"x\"}"}"#);
        check(r#"{"a":1,"a":2}"#, None, r#"{"extra":"{\"a\":1,\"a\":2}"}"#);
    }

    #[test]
    fn takes_the_log_id_of_the_detail_where_the_event_has_none() {
        check(r#"{"type":"s"}"#, Some(r#""2""#), r#"{"log_id":"2","type":"s"}"#);
        check(r#"{"log_id":null}"#, Some(r#""2""#), r#"{"log_id":"2"}"#);
        check(r#"{"log_id":"1"}"#, Some(r#""2""#), r#"{"log_id":"1"}"#);
        check(r#"{"log_id":""}"#, Some(r#""2""#), r#"{"log_id":""}"#);
        check(r#"{"type":"s"}"#, Some("null"), r#"{"type":"s"}"#);
    }

    #[test]
    fn refuses_an_event_that_no_table_would_show() {
        check("{}", Some(r#""2""#), "empty");
        check(r#"{"type":null}"#, None, "empty");
    }
}
