//! Odd lines, and what becomes of each.

use fixtures::noise;
use log_format::LINE_BYTES_MAX;

use crate::odd::input::{Odd, kept, odd, row_of_good};

/// A line, and what is expected of it.
pub(super) struct Line {
    bytes: Vec<u8>,
    expected: Expected,
}

enum Expected {
    /// It gives these rows.
    Rows(Vec<String>),
    /// It gives this row, and the rest of it is rejected.
    RowAnd(String, &'static [u8]),
    /// It is rejected for this reason.
    Rejected(&'static str),
    /// It does not count.
    NoLine,
}

pub(super) type MakeLine = fn() -> Line;

/// A line that gives one row besides its `log_id`.
fn read(fields: impl AsRef<[u8]>, row: &str) -> Line {
    shaped(&[br#"{"log_id":"odd","#, fields.as_ref(), b"}"].concat(), row)
}

fn shaped(bytes: &[u8], row: &str) -> Line {
    Line { bytes: bytes.to_vec(), expected: Expected::Rows(vec![format!("log_id=odd {row}")]) }
}

/// A row of type `s`, and text after it.
fn followed(object: &[u8], rest: &'static [u8]) -> Line {
    Line { bytes: [object, rest].concat(), expected: Expected::RowAnd("log_id=odd type=s".to_owned(), rest) }
}

fn rejected(bytes: impl AsRef<[u8]>, reason: &'static str) -> Line {
    Line { bytes: bytes.as_ref().to_vec(), expected: Expected::Rejected(reason) }
}

fn no_json(bytes: impl AsRef<[u8]>) -> Line {
    rejected(bytes, "NotJson")
}

fn no_line(bytes: &[u8]) -> Line {
    Line { bytes: bytes.to_vec(), expected: Expected::NoLine }
}

/// A line one byte over the limit, of bytes that do not compress.
fn too_long() -> Line {
    let frame = br#"{"ip":""}"#.len();
    rejected([br#"{"ip":""#, noise(LINE_BYTES_MAX + 1 - frame).as_slice(), b"\"}"].concat(), "TooLong")
}

fn carriage_return_between() -> Line {
    let bytes = b"{\"log_id\":\"odd\",\"type\":\"s\"}\r{\"log_id\":\"even\",\"type\":\"f\"}".to_vec();
    Line { bytes, expected: Expected::Rows(vec!["log_id=odd type=s".to_owned(), "log_id=even type=f".to_owned()]) }
}

fn nested_deeply() -> Line {
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    read(format!(r#""details":{nested}"#), &format!("details={nested}"))
}

/// In the order of the table.
pub(super) const LINES: &[(&str, MakeLine)] = &[
    ("cut-short", || no_json(r#"{"log_id":"odd","type":"s""#)),
    ("text", || no_json("just words")),
    ("number", || no_json("12")),
    ("null", || no_json("null")),
    ("array", || no_json(r#"["odd","s"]"#)),
    ("comma-missing", || no_json(r#"{"log_id":"odd" "type":"s"}"#)),
    ("comma-at-end", || no_json(r#"{"log_id":"odd",}"#)),
    ("single-quotes", || no_json("{'log_id':'odd'}")),
    ("unquoted-key", || no_json(r#"{log_id:"odd"}"#)),
    ("comment", || no_json(r#"{/* no */"log_id":"odd"}"#)),
    ("raw-tab", || no_json("{\"log_id\":\"o\tdd\"}")),
    ("raw-nul", || no_json("{\"log_id\":\"o\0dd\"}")),
    ("escaped-quote", || no_json(r#"{"log_id":"it\'s"}"#)),
    ("not-utf-8-in-text", || read(b"\"type\":\"a\xffb\"", "type=a\u{fffd}b")),
    ("not-utf-8-outside", || no_json(b"{\"log_id\":\"odd\"\xff}")),
    ("too-long", too_long),
    ("object-empty", || rejected("{}", "Empty")),
    ("values-null", || rejected(r#"{"type":null}"#, "Empty")),
    ("columns-none", || rejected(r#"{"tenant_name":"acme"}"#, "Empty")),
    ("key-in-capitals", || read(r#""TYPE":"s""#, r#"extra={"TYPE":"s"}"#)),
    ("key-in-capitals-before", || read(r#""TYPE":"f","type":"s""#, r#"type=s extra={"TYPE":"f"}"#)),
    ("key-in-capitals-after", || read(r#""type":"s","TYPE":"f""#, r#"type=s extra={"TYPE":"f"}"#)),
    ("key-in-capitals-only-null", || read(r#""ip":"::1","TYPE":null"#, r#"ip=::1 extra={"TYPE":null}"#)),
    ("key-with-blank", || read(r#"" type":"f","type ":"f""#, r#"extra={" type":"f","type ":"f"}"#)),
    ("key-with-hyphen", || read(r#""user-id":"f","user.id":"f""#, r#"extra={"user-id":"f","user.id":"f"}"#)),
    ("key-empty", || read(r#""":"f""#, r#"extra={"":"f"}"#)),
    ("key-of-predecessor", || read(r#""tenant_name":"t","scope":["a"]"#, r#"extra={"tenant_name":"t","scope":["a"]}"#)),
    ("key-of-partition", || read(r#""date":"1999-01-01","hour":"99""#, r#"extra={"date":"1999-01-01","hour":"99"}"#)),
    ("key-twice", || read(r#""type":"s","type":"f""#, "type=f")),
    ("key-twice-then-null", || read(r#""ip":"::1","type":"s","type":null"#, "ip=::1")),
    ("text-after", || followed(br#"{"log_id":"odd","type":"s"} "#, b"and more")),
    ("object-after", || followed(br#"{"log_id":"odd","type":"s"}"#, br#"{"type":"f"}"#)),
    ("bytes-after", || followed(br#"{"log_id":"odd","type":"s"}"#, b"\xff\xfe")),
    ("blanks-around", || shaped(b" \t\0{\"log_id\":\"odd\",\"type\":\"s\"}\0 \t", "type=s")),
    ("carriage-return-at-end", || shaped(b"{\"log_id\":\"odd\",\"type\":\"s\"}\r", "type=s")),
    ("carriage-return-between", carriage_return_between),
    ("mark-at-line", || no_json("\u{feff}{\"log_id\":\"odd\"}")),
    ("lone-surrogates", || read(r#""type":"a\ud800b""#, "type=a?b")),
    ("nul-escaped", || read(r#""type":"a\u0000b""#, "type=a\0b")),
    ("object-value-with-blanks", || read(r#""type":{ "a" : 1 }"#, r#"type={ "a" : 1 }"#)),
    ("number-1e400", || read(r#""type":1e400"#, "type=1e400")),
    ("number-2-63", || read(r#""type":9223372036854775808"#, "type=9223372036854775808")),
    ("nested-deeply", nested_deeply),
    ("blank", || no_line(b"")),
    ("blanks", || no_line(b" \t  ")),
];

/// The odd line among the good ones.
pub(super) fn among(line: &Line, good: &[String], place: &'static str, at: usize) -> Odd {
    let (before, after) = good.split_at(at);
    let mut text: Vec<u8> = before.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
    let offset = text.len() as u64;
    text.extend_from_slice(&line.bytes);
    text.push(b'\n');
    text.extend(after.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()));
    let mut odd = odd("NAME.gz", fixtures::gzip(&text), good.iter().map(|line| row_of_good(line)).collect());
    (odd.place, odd.is_read) = (place, false);
    match &line.expected {
        Expected::Rows(rows) => {
            odd.rows.extend(rows.iter().cloned());
            odd.is_read = true;
        }
        Expected::RowAnd(row, rest) => {
            odd.rows.push(row.clone());
            odd.is_read = true;
            let begin = offset + (line.bytes.len() - rest.len()) as u64;
            odd.rejected.push(kept(at as u64 + 1, begin, "TextAfter", rest));
        }
        Expected::Rejected(reason) => odd.rejected.push(kept(at as u64 + 1, offset, reason, &line.bytes)),
        Expected::NoLine => {}
    }
    odd
}
