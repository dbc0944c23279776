//! The lines of a JSON object of the bucket, read by other means than the compactor's.
//!
//! This is the log format as the docs state it, on plain `serde_json`. No reader of the product is used, so that a
//! mistake in one of them shows as a difference.

use log_format::{COLUMNS, Kind, LINE_BYTES_MAX};

use super::text::{self, BYTE_ORDER_MARK, Place, Segment};
use crate::raw_pairs::RawPairs;

/// The values of the columns, in their order.
pub(super) type Values = [Option<String>; COLUMNS.len()];

/// The endings of other codecs' names, from docs/bad-input.md.
const OTHER_CODECS: [&str; 7] = [".bz2", ".deflate", ".lz4", ".lzo", ".lzo_deflate", ".snappy", ".zst"];
const GZIP: &[u8] = b"\x1f\x8b\x08";
const XZ: &[u8] = b"\xfd7zXZ\0";

/// What a line of an object is.
pub(super) enum Line<'a> {
    Row(&'a Values),
    /// It must be among the rejected lines, with this place in the decompressed object and these bytes. `None` if they are too
    /// many to be held, or come before a break: two decoders that meet a wrong bit give up some bytes apart.
    Rejected(Option<(Place, &'a [u8])>),
}

impl<'a> Line<'a> {
    fn rejected(place: Place, bytes: &'a [u8]) -> Line<'a> {
        Line::Rejected(Some((place, bytes)))
    }
}

/// Hands each line to `take`.
pub(super) fn read(key: &str, object: &[u8], mut take: impl FnMut(Line<'_>)) {
    let unmarked = object.strip_prefix(BYTE_ORDER_MARK).unwrap_or(object);
    let is_text = unmarked.trim_ascii_start().starts_with(b"{");
    let is_gzip = key.ends_with(".gz") && !object.is_empty() && !is_text;
    let other_codec = OTHER_CODECS.iter().any(|ending| key.ends_with(ending)) && !object.is_empty();
    if !is_gzip && (other_codec || object.starts_with(XZ) || object.starts_with(GZIP) && !key.ends_with(".gz")) {
        return take(Line::rejected(Place { line: 1, offset: 0 }, b""));
    }
    text::read(object, is_gzip, |segment| match segment {
        Segment::Line(_, line) if line.trim_ascii().is_empty() => {}
        Segment::Line(place, line) => match values(line) {
            None => take(Line::rejected(place, line)),
            Some((values, more)) => {
                take(Line::Row(&values));
                if !more.is_empty() {
                    let offset = place.offset + (line.len() - more.len()) as u64;
                    take(Line::rejected(Place { offset, ..place }, more));
                }
            }
        },
        Segment::TooLong | Segment::Unread => take(Line::Rejected(None)),
    });
}

/// The row of a line, and the end of the line from the first byte on that is no white space after the row: a rejected line
/// of its own, unless it is empty. `None` if the line is no row.
fn values(line: &[u8]) -> Option<(Values, &[u8])> {
    if line.len() > LINE_BYTES_MAX {
        return None;
    }
    let text = String::from_utf8_lossy(line);
    let (fields, rest) = RawPairs::first_of(text.trim_start_matches(is_blank)).ok()?;
    let begin = text.len() - rest.trim_start_matches(is_blank).len();
    Some((values_of(fields)?, end_from(line, begin)))
}

/// The end of `line` from the byte on that is at `begin` of its text. Where bytes are no UTF-8, the text is longer.
fn end_from(line: &[u8], begin: usize) -> &[u8] {
    let (mut passed, mut shown) = (0, 0);
    for chunk in line.utf8_chunks() {
        let valid = chunk.valid().len();
        if begin <= shown + valid {
            return &line[passed + begin - shown..];
        }
        passed += valid + chunk.invalid().len();
        shown += valid + char::REPLACEMENT_CHARACTER.len_utf8();
    }
    b""
}

fn is_blank(letter: char) -> bool {
    letter <= ' '
}

fn values_of(fields: RawPairs<'_>) -> Option<Values> {
    let mut values = Values::default();
    let mut others = Vec::new();
    for (key, json) in fields.0 {
        match COLUMNS.iter().position(|column| column.name == string(key)) {
            Some(column) => values[column] = shown(json),
            None => others.push((key, json)),
        }
    }
    if values.iter().all(Option::is_none) {
        return None;
    }
    let extra = COLUMNS.iter().position(|column| column.kind == Kind::Rest)?;
    values[extra] = with_others(values[extra].take(), &others);
    Some(values)
}

/// A JSON value as a column of strings shows it.
fn shown(json: &str) -> Option<String> {
    match json {
        "null" => None,
        json if json.starts_with('"') => Some(string(json)),
        json => Some(json.to_string()),
    }
}

/// The `extra` of a line that has fields without a column: first the fields of its own `extra`, then those.
fn with_others(extra: Option<String>, others: &[(&str, &str)]) -> Option<String> {
    let own = extra.as_deref().map(|text| serde_json::from_str(text).ok().map(|RawPairs(pairs)| pairs));
    let named;
    let mut all = match own {
        None if others.is_empty() => return None,
        Some(Some(_)) if others.is_empty() => return extra,
        None => Vec::new(),
        Some(Some(fields)) => fields,
        // It is no object, so it was a field of the event.
        Some(None) => {
            named = serde_json::Value::from(extra.as_deref()).to_string();
            vec![("\"extra\"", named.as_str())]
        }
    };
    all.extend(others);
    let pairs: Vec<String> = all.iter().map(|(key, json)| format!("{key}:{json}")).collect();
    Some(format!("{{{}}}", pairs.join(",")))
}

/// The text of a JSON string that is given with its quotes. A lone surrogate becomes a `?`.
fn string(json: &str) -> String {
    serde_json::from_str(json).unwrap_or_else(|_| {
        let paired = without_lone_surrogates(json);
        serde_json::from_str(&paired).unwrap_or(paired)
    })
}

fn without_lone_surrogates(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                text.push('?');
                rest = &rest[6..];
                continue;
            }
            (Some(_), _) => 6,
            (None, _) => 2,
        };
        text.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    text + rest
}

/// The UTF-16 unit of the escape `\uXXXX` that `text` begins with.
fn unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use fixtures::{gzip, noise};
    use flate2::read::GzDecoder;
    use projection::read::decode::{Decoder, MemoryBudget};

    use super::*;

    /// Each line as `column=value` pairs. A line that is no row is `-`.
    fn lines(key: &str, object: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        read(key, object, |line| {
            let pair = |(column, value): (&log_format::Column, &Option<String>)| {
                value.as_ref().map(|value| format!("{}={value}", column.name))
            };
            let row = |values: &Values| COLUMNS.iter().zip(values).filter_map(pair).collect::<Vec<_>>().join(" ");
            found.push(match line {
                Line::Row(values) => row(values),
                Line::Rejected(_) => "-".to_string(),
            });
        });
        found
    }

    #[test]
    fn reads_what_a_line_means() {
        let cases = [
            (r#"{"type":"a","type":"b"}"#, "type=b"),
            (r#"{"type":"a","type":null,"ip":""}"#, "ip="),
            (r#"{"client_id":["a", 1],"user_id":1.50,"ip":true}"#, r#"client_id=["a", 1] ip=true user_id=1.50"#),
            (r#"{"type":"\ud800\ud83d\ude00\udc00\\ud800"}"#, "type=?😀?\\ud800"),
            (r#"{"\u0074ype":"\u0073"}"#, "type=s"),
            (r#"{"type":"s","n":1.0,"n":[ 2]}"#, r#"type=s extra={"n":1.0,"n":[ 2]}"#),
            (r#"{"type":"s","extra":"{ \"a\":1}"}"#, r#"type=s extra={ "a":1}"#),
            (r#"{"type":"s","extra":"{ \"a\":1}","b":2}"#, r#"type=s extra={"a":1,"b":2}"#),
            (r#"{"type":"s","extra":"word","b":2}"#, r#"type=s extra={"extra":"word","b":2}"#),
            (r#"{"type":"s","extra":"word"}"#, r#"type=s extra={"extra":"word"}"#),
            ("\u{1e}\0{\"type\":\"s\"}\0", "type=s"),
            ("{}", "-"),
            (r#"{"type":null}"#, "-"),
            (r#"{"tenant_name":"acme"}"#, "-"),
            ("[1]", "-"),
            ("{'type':'s'}", "-"),
            (r#"{"type":"s""#, "-"),
            ("\0", "-"),
        ];
        for (line, expected) in cases {
            assert_eq!(lines("a", line.as_bytes()), [expected], "{line}");
        }
        // What follows an object is a rejected line.
        for line in [r#"{"type":"s"} trailing"#, r#"{"type":"s"}]"#, r#"{"type":"s"}{"type":"f"}"#] {
            assert_eq!(lines("a", line.as_bytes()), ["type=s", "-"], "{line}");
        }
        assert_eq!(lines("a", b"{\"type\":\"a\xff\"}"), ["type=a\u{fffd}"]);
        assert_eq!(lines("a", &vec![b'x'; LINE_BYTES_MAX + 1]), ["-"]);
    }

    #[test]
    fn splits_an_object_into_lines() {
        let s = r#"{"type":"s"}"#;
        assert_eq!(lines("a", format!("\u{feff}{s}\r{s}\r\n\n \t\n{s}").as_bytes()), ["type=s"; 3]);
        assert_eq!(lines("a", format!("{s}\n\u{feff}{s}\n").as_bytes()), ["type=s", "-"]);
        assert_eq!(lines("a.gz", &[gzip(format!("{s}\n")), gzip(s)].concat()), ["type=s"; 2]);
        assert_eq!(lines("a.gz", b""), [""; 0]);
        let whole = gzip(format!("{s}\n{s}\n"));
        assert_eq!(lines("a.gz", &whole[..whole.len() - 4]), ["type=s", "type=s", "-"]);
        let whole = gzip(format!("{s}\n{{\"type\":\"f\"}}\n"));
        assert_eq!(lines("a.gz", &whole[..whole.len() - 9]), ["type=s", "-"]);
        assert_eq!(lines("a.gz", b"no gzip"), ["-"]);
    }

    #[test]
    fn recognizes_compression_as_the_docs_say() {
        let text = "{\"type\":\"s\"}\n";
        assert_eq!(lines("a.gz", text.as_bytes()), ["type=s"], "plain lines under .gz");
        assert_eq!(lines("a", &gzip(text)), ["-"], "gzip under a name without .gz");
        assert_eq!(lines("a.zst", text.as_bytes()), ["-"]);
        assert_eq!(lines("a.xz", XZ), ["-"]);
    }

    /// Rows and rejected lines of an object, by this reader and by the compactor's.
    fn read_twice(key: &str, object: &[u8]) -> [Read; 2] {
        let mut here = Read::default();
        read(key, object, |line| match line {
            Line::Row(_) => here.rows += 1,
            Line::Rejected(it) => here.rejected.push(it.map(|(place, bytes)| (place, bytes.to_vec()))),
        });
        let mut decoder = Decoder::new(MemoryBudget { rows_bytes: 1 << 20, text_bytes: 1 << 20 });
        let decoded = decoder.push(key, object).unwrap();
        let mut text = String::new();
        if let Some(mut file) = decoded.rejected_file {
            GzDecoder::new(&mut file).read_to_string(&mut text).unwrap();
        }
        let held = here.rejected.iter().map(Option::is_some).chain(std::iter::repeat(true));
        let rejected = text.lines().zip(held).map(|(line, held)| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let bytes = STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
            let [number, offset] = ["line", "offset"].map(|field| line[field].as_u64().unwrap());
            held.then_some((Place { line: number, offset }, bytes))
        });
        let there = Read { rows: decoded.lines - decoded.rejected, rejected: rejected.collect() };
        [here, there]
    }

    /// The number of rows, and offset and bytes of each rejected line that this reader holds.
    #[derive(Debug, Default, PartialEq, Eq)]
    struct Read {
        rows: u64,
        rejected: Vec<Option<(Place, Vec<u8>)>>,
    }

    /// What the rejected lines of every kind keep, and where they were.
    #[test]
    fn rejects_the_same_bytes_as_the_compactor() {
        let s = "{\"type\":\"s\"}";
        let texts: [Vec<u8>; 8] = [
            format!("{s} text \n  no line \n{s}\r{{}} \n").into(),
            format!("\u{feff}no line\n{s}{s}{s}\r\n").into(),
            format!("\u{feff}{s} \t\0 after").into(),
            [b"\xff\xfe", s.as_bytes(), b"\n"].concat(),
            [b"{\"type\":\"a\xff\xc3\"} \xff after\xfe\n", s.as_bytes()].concat(),
            [b"{\"type\":\"a\xf0\x9f\"}\xf0\x9f\n{\"type\":\"\xff\"}".as_slice(), "é".as_bytes()].concat(),
            b"{\"type\":\"a\"}\xff".to_vec(),
            b"\xef\xbb\xbf\xff".to_vec(),
        ];
        for text in &texts {
            for (key, object) in [("a", text.clone()), ("a.gz", gzip(text)), ("a.zst", gzip(text)), ("b", gzip(text))] {
                let [here, there] = read_twice(key, &object);
                assert_eq!(here, there, "{key}: {}", text.escape_ascii());
                let all_held = !here.rejected.is_empty() && here.rejected.iter().all(Option::is_some);
                assert!(all_held, "{key}: {}", text.escape_ascii());
            }
            let [here, there] = read_twice("a.gz", &gzip(text)[..gzip(text).len() - 9]);
            assert_eq!(here, there, "cut short: {}", text.escape_ascii());
        }
    }

    const LINE: &[u8] = b"{\"type\":\"s\"}\n";
    const MIB: usize = 1 << 20;

    /// Around every limit that the docs name, both readers count the same.
    #[test]
    fn counts_what_is_too_long_or_too_much_as_the_compactor_does() {
        let (line, piece, bomb) = (LINE_BYTES_MAX, text::PIECE_BYTES_MAX, 8 * MIB);
        let cases: [(&[u8], u8, &[usize]); 4] = [
            (b"", b'x', &[line, piece, bomb, 2 * piece]),
            (BYTE_ORDER_MARK, b'x', &[line, piece]),
            (b"", b' ', &[piece]),
            (b"", b'\n', &[bomb]),
        ];
        for (before, letter, limits) in cases {
            for length in limits.iter().flat_map(|limit| limit - 1..=limit + 1) {
                for after in [b"".as_slice(), b"\n", LINE] {
                    let text = [before, &vec![letter; length], after].concat();
                    let [here, there] = read_twice("a.gz", &gzip(&text));
                    assert!(here == there, "{before:?}, {length} × {letter}, {after:?}");
                }
            }
        }
    }

    /// A bomb is given up at the end of a line, or of a piece if it is a single line. A text within the ratio is read
    /// to its end.
    #[test]
    fn gives_a_bomb_up_at_the_same_byte_as_the_compactor() {
        let line = [b"{\"type\":\"".as_slice(), &[b'x'; 1000], b"\"}\n"].concat();
        let some_noise = [noise(40 << 10).as_slice(), b"\n"].concat();
        for length in [8 * MIB, 9 * MIB, 13 * MIB] {
            let x = vec![b'x'; length];
            let texts =
                [line.repeat(length / line.len()), x.clone(), [&*some_noise, &x].concat(), [&*x, &some_noise].concat()];
            for (number, text) in texts.iter().enumerate() {
                let whole = gzip(text);
                for object in [whole.as_slice(), &whole[..whole.len() - 9], &[whole.as_slice(), b"garbage"].concat()] {
                    let [here, there] = read_twice("a.gz", object);
                    assert!(here == there, "{number} of {length}");
                }
            }
        }
        let counts = |key: &str, object: &[u8]| read_twice(key, object).map(|it| (it.rows, it.rejected.len()));
        assert_eq!(counts("a.gz", &gzip(vec![b'x'; 30 * MIB])), [(0, 2); 2]);
        assert_eq!(counts("a", &vec![b'x'; 30 * MIB]), [(0, 1); 2], "no bomb: it is as long as it is");
    }

    /// A line that is too long and breaks off counts as too long, and the break counts as well.
    #[test]
    fn a_long_line_that_breaks_off_counts_twice() {
        for length in [MIB, 4 * MIB, text::PIECE_BYTES_MAX - 1, text::PIECE_BYTES_MAX, 9 * MIB] {
            let whole = gzip([LINE, &noise(length)].concat());
            let [here, there] = read_twice("a.gz", &whole[..whole.len() - 8]);
            let rejected = if length < text::PIECE_BYTES_MAX { 1 } else { 2 };
            assert_eq!((here.rows, here.rejected.len()), (1, rejected), "{length}");
            assert!(here == there, "{length}");
        }
    }

    /// Both readers make the same row of every line in the fixtures.
    #[test]
    fn agrees_with_the_compactors_reader() {
        let mut rows = 0;
        for shape in fixtures::shapes() {
            let text: String = shape.envelope.lines().collect();
            let Some(at) = text.find("\"data\":") else { continue };
            let line = text[at + 7..].trim_start().as_bytes();
            let expected = log_format::read_line(line).ok();
            let expected = expected.map(|row| row.map(|value| value.map(|text| text.into_owned())));
            assert_eq!(values(line).map(|(row, _)| row), expected, "{}", shape.envelope);
            rows += u32::from(expected.is_some());
        }
        assert!(rows > 80, "{rows} rows");
    }
}
