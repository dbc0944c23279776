//! Takes the records out of a file, whatever holds them: lines, arrays, pages of Auth0's API, compressed or not.
//!
//! One record is in memory at a time. Its text is handed over as it stands; whether it is an event, the caller finds
//! out.

use std::fmt;
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use anyhow::{Context, Result, bail};
use flate2::bufread::MultiGzDecoder;
use log_format::Object;
use serde::de::IgnoredAny;

use super::values::each_value;

/// The first bytes of a gzip file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What some programs begin a text in UTF-8 with.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// What texts in other encodings begin with. The longer marks come first: one of them begins with a shorter one.
const OTHER_MARKS: [(&[u8], &str); 4] = [
    (&[0xff, 0xfe, 0, 0], "UTF-32"),
    (&[0, 0, 0xfe, 0xff], "UTF-32"),
    (&[0xff, 0xfe], "UTF-16"),
    (&[0xfe, 0xff], "UTF-16"),
];
/// A record has at most so many bytes. A line of the log has 4 MiB at most.
pub(super) const RECORD_BYTES_MAX: u64 = 64 << 20;
/// Lines up to this size are looked at to find out what holds the records.
const LOOKED_AT_BYTES_MAX: u64 = 16 << 20;

/// The field of a page of Auth0's API that holds the events.
pub(super) const PAGE_FIELD: &str = "logs";
/// An object with one of these fields is a record and no page.
pub(super) const RECORD_FIELDS: [&str; 4] = ["type", "date", "detail", "data"];

/// Where a record stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the line of this number, from 1.
    Line(u64),
    /// It is the record of this number, from 1, of an array, of pages, or of objects of several lines.
    Record(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(number) => write!(f, "line {number}"),
            Place::Record(number) => write!(f, "record {number}"),
        }
    }
}

/// What holds the records of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    /// Each line is one.
    Lines,
    /// Arrays, pages and objects, one after the other.
    Values,
}

/// Hands over every record of `reader` with its place, in order. Returns how many there are.
///
/// - The text may be compressed by gzip, in several members, and may begin with a byte order mark.
/// - A text that begins with `[` is an array of records, or several. One that begins with an object on its first line
///   has a record in each line: a line that is no JSON is handed over like any other, and blank lines are left out. If
///   that object is a page of Auth0's API, `{"start":…,"logs":[…]}`, or goes on in the next line, objects and pages
///   follow one another. Any other text has a record in each line.
/// - A record that is not a line and has line feeds is handed over without the blanks between its tokens.
///
/// # Errors
///
/// The first error of `take`. Or: the text cannot be read, is in UTF-16 or UTF-32, or an array or an object breaks off
/// or is no JSON. The error names the place, and no part of the text. The whole records before it have been handed
/// over.
pub(crate) fn each_record(reader: impl BufRead, take: impl FnMut(Place, &[u8]) -> Result<()>) -> Result<u64> {
    let (mut text, mut looked_at) = (text_of(reader)?, Vec::new());
    let container = container(&mut text, &mut looked_at).context("its beginning cannot be read")?;
    let text = Cursor::new(looked_at).chain(text);
    match container {
        Container::Lines => each_line(text, take),
        Container::Values => each_value(text, take),
    }
}

/// What an error says of the records before it.
pub(super) fn before(records: u64) -> String {
    format!("whole records before that: {records}")
}

/// The text in UTF-8, decompressed, without its byte order mark.
fn text_of<'a>(reader: impl BufRead + 'a) -> Result<Box<dyn BufRead + 'a>> {
    let unreadable = "its beginning cannot be read";
    let (begin, reader) = peeked(reader, 2).context(unreadable)?;
    let text: Box<dyn BufRead + 'a> = match begin == GZIP {
        true => Box::new(BufReader::new(MultiGzDecoder::new(reader))),
        false => Box::new(reader),
    };
    let (begin, mut text) = peeked(text, 4).context(unreadable)?;
    if let Some((_, name)) = OTHER_MARKS.iter().find(|(mark, _)| begin.starts_with(mark)) {
        bail!("its text is in {name}; convert it with `iconv -f {name} -t UTF-8`");
    }
    if begin.starts_with(&BYTE_ORDER_MARK) {
        text.read_exact(&mut [0; BYTE_ORDER_MARK.len()]).context(unreadable)?;
    }
    Ok(Box::new(text))
}

/// A reader, and before it what was read of it already.
type Unread<R> = Chain<Cursor<Vec<u8>>, R>;

/// The first `bytes` bytes of a reader, or as many as it has, and a reader of all it has.
fn peeked<R: BufRead>(mut reader: R, bytes: u64) -> io::Result<(Vec<u8>, Unread<R>)> {
    let mut begin = Vec::new();
    reader.by_ref().take(bytes).read_to_end(&mut begin)?;
    Ok((begin.clone(), Cursor::new(begin).chain(reader)))
}

/// Finds out what holds the records. What was read to find out is appended to `looked_at`.
fn container<R: BufRead>(text: &mut R, looked_at: &mut Vec<u8>) -> io::Result<Container> {
    loop {
        let window = text.fill_buf()?;
        let blank = window.iter().take_while(|byte| is_blank(**byte)).count();
        let (next, at_end) = (window.get(blank).copied(), window.is_empty());
        looked_at.extend(window.iter().take(blank));
        text.consume(blank);
        match next {
            Some(b'[') => return Ok(Container::Values),
            Some(b'{') => return container_of_objects(text, looked_at),
            None if !at_end => {}
            Some(_) | None => return Ok(Container::Lines),
        }
    }
}

/// A first line that is not whole may be the beginning of an object of several lines, or a line that somebody cut: only
/// if it is the former does the next line go on with it.
fn container_of_objects<R: BufRead>(text: &mut R, looked_at: &mut Vec<u8>) -> io::Result<Container> {
    if look_at_line(text, looked_at)? == LOOKED_AT_BYTES_MAX {
        return Ok(Container::Values);
    }
    match serde_json::from_slice::<IgnoredAny>(looked_at) {
        Ok(_) if is_page(looked_at) => return Ok(Container::Values),
        Err(error) if error.is_eof() => {}
        Ok(_) | Err(_) => return Ok(Container::Lines),
    }
    let first = looked_at.len();
    while looked_at.iter().skip(first).all(|byte| is_blank(*byte)) {
        if look_at_line(text, looked_at)? == 0 {
            return Ok(Container::Lines);
        }
    }
    Ok(match serde_json::from_slice::<IgnoredAny>(looked_at) {
        Err(error) if !error.is_eof() => Container::Lines,
        Ok(_) | Err(_) => Container::Values,
    })
}

/// Appends the next line to `looked_at`, or as much of it as may be looked at. Returns how many bytes that is.
fn look_at_line<R: BufRead>(text: &mut R, looked_at: &mut Vec<u8>) -> io::Result<u64> {
    let bytes = text.by_ref().take(LOOKED_AT_BYTES_MAX).read_until(b'\n', looked_at)?;
    Ok(bytes as u64)
}

fn is_page(line: &[u8]) -> bool {
    let Ok(object) = Object::parse(line) else { return false };
    let is_record = object.fields().any(|field| RECORD_FIELDS.contains(&field.name().as_ref()));
    !is_record && object.get(PAGE_FIELD).is_some_and(|logs| logs.starts_with('['))
}

/// True for what JSON takes for white space.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn each_line<R: BufRead>(mut text: R, mut take: impl FnMut(Place, &[u8]) -> Result<()>) -> Result<u64> {
    let (mut line, mut number, mut records) = (Vec::new(), 0, 0);
    loop {
        number += 1;
        line.clear();
        let read = next_line(&mut text, &mut line);
        if !read.with_context(|| format!("line {number} cannot be read; {}", before(records)))? {
            return Ok(records);
        }
        if !line.trim_ascii().is_empty() {
            records += 1;
            take(Place::Line(number), &line)?;
        }
    }
}

/// Reads the next line without its line feed. What it has beyond [`RECORD_BYTES_MAX`] is dropped: it is no event. False
/// if there is no line left.
fn next_line<R: BufRead>(text: &mut R, line: &mut Vec<u8>) -> io::Result<bool> {
    let bytes = text.by_ref().take(RECORD_BYTES_MAX).read_until(b'\n', line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if bytes as u64 == RECORD_BYTES_MAX {
        text.skip_until(b'\n')?;
    }
    Ok(bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fixtures::gzip;

    /// `expected` has a line for each record, its place and its text, and one for the error.
    fn check(text: &[u8], expected: &[&str]) {
        let mut found = Vec::new();
        // A reader that gives few bytes at a time, as a pipe may.
        let read = each_record(BufReader::with_capacity(3, text), |place, record| {
            found.push(format!("{place}: {}", String::from_utf8_lossy(record)));
            Ok(())
        });
        match read {
            Ok(records) => assert_eq!(records, found.len() as u64),
            Err(error) => found.push(format!("{error:#}")),
        }
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
    }

    const LINES: &str = "{\"type\":\"a\"}\n{\"type\":\"b\"}\n";
    const TWO_LINES: [&str; 2] = [r#"line 1: {"type":"a"}"#, r#"line 2: {"type":"b"}"#];
    const TWO_RECORDS: [&str; 2] = [r#"record 1: {"type":"a"}"#, r#"record 2: {"type":"b"}"#];

    #[test]
    fn lines_are_handed_over_as_they_are() {
        check(LINES.as_bytes(), &TWO_LINES);
        check(LINES.trim_end().as_bytes(), &TWO_LINES);
        check(b"", &[]);
        check(b" \n\t\r\n", &[]);
        check(
            b"\n {\"type\":\"a\"} \r\nword\n\n[1]\n\xff",
            &["line 2:  {\"type\":\"a\"} \r", "line 3: word", "line 5: [1]", "line 6: \u{fffd}"],
        );
        check(b"word\n{}\n", &["line 1: word", "line 2: {}"]);
        check(b"{\"type\":\"a\"}{\"type\":\"b\"}\n{}\n", &[r#"line 1: {"type":"a"}{"type":"b"}"#, "line 2: {}"]);
    }

    /// The first line was cut, as the first of a rotated file is. It costs no other.
    #[test]
    fn a_first_line_that_was_cut_is_a_line() {
        for cut in [r#"{"type":"a"#, r#"{"type":"a","#, r#"{"type":"a""#, "{", r#"{"a":[1"#] {
            let text = [cut, "\n\n", r#"{"type":"b"}"#, "\n", r#"{"type":"c"}"#].concat();
            check(text.as_bytes(), &[&format!("line 1: {cut}"), r#"line 3: {"type":"b"}"#, r#"line 4: {"type":"c"}"#]);
        }
        check(b"{\"type\":", &["line 1: {\"type\":"]);
    }

    #[test]
    fn compressed_and_marked_texts_are_the_same() {
        check(&gzip(LINES), &TWO_LINES);
        let (first, second) = LINES.split_at(7);
        check(&[gzip(first), gzip(second)].concat(), &TWO_LINES);
        check(&["\u{feff}", LINES].concat().into_bytes(), &TWO_LINES);
        check(&gzip(["\u{feff}", r#"[{"type":"a"},{"type":"b"}]"#].concat()), &TWO_RECORDS);
        check("\u{feff}".as_bytes(), &[]);
    }

    #[test]
    fn other_encodings_are_named() {
        for (mark, name) in OTHER_MARKS {
            let why = format!("its text is in {name}; convert it with `iconv -f {name} -t UTF-8`");
            check(&[mark, b"{\0".as_slice()].concat(), &[&why]);
            check(&gzip([mark, b"{\0".as_slice()].concat()), &[&why]);
        }
    }

    #[test]
    fn a_gzip_that_breaks_off_gives_the_lines_before() {
        let lines: String = (0..20_000).map(|number| format!("{{\"type\":\"{number}\"}}\n")).collect();
        let whole = gzip(&lines);
        let mut taken = 0;
        let error = each_record(&whole[..whole.len() / 2], |place, _| {
            taken += 1;
            assert_eq!(place, Place::Line(taken));
            Ok(())
        });
        let error = format!("{:#}", error.unwrap_err());
        let expected = format!("line {} cannot be read; whole records before that: {taken}: ", taken + 1);
        assert!(taken > 1000 && error.starts_with(&expected), "{taken} {error}");
    }

    #[test]
    fn arrays_pages_and_objects_hold_records() {
        let elements = r#"{"type":"a"},{"type":"b"}"#;
        let pretty = "{\n  \"type\" : \"a\"\n}\r\n{\n  \"type\": \"b\"}\n";
        let page = r#"{"start":0,"limit":50,"length":2,"total":2,"logs":[{"type":"a"},{"type":"b"}]}"#;
        let pretty_page = "{\n\"start\": 0,\n\"logs\": [\n{\n\"type\":\n\"a\"}, {\"type\":\"b\"}\n],\"total\" :2\n}\n";
        for text in [format!(" [{elements}] \n").as_str(), pretty, page, pretty_page] {
            check(text.as_bytes(), &TWO_RECORDS);
            check(&gzip(text), &TWO_RECORDS);
        }
        let halves = r#"[{"type":"a"}]
            [ ] {"logs":[],"next":"x"}
            {"type":"b"}"#;
        check(halves.as_bytes(), &TWO_RECORDS);
    }

    #[test]
    fn an_object_with_a_field_of_an_event_is_no_page() {
        for text in [r#"{"type":"a","logs":[1]}"#, r#"{"logs":[1],"date":"x"}"#, r#"{"logs":1}"#] {
            check(text.as_bytes(), &[&format!("line 1: {text}")]);
        }
        check(b"{\n\"data\":{},\n\"logs\":[1]}", &[r#"record 1: {"data":{},"logs":[1]}"#]);
        check(b"{\n\"logs\":{\"a\":1}}", &[r#"record 1: {"logs":{"a":1}}"#]);
    }
}
