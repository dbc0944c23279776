//! Lines as the OpenX JSON SerDe reads them in Trino, and so in Athena's engine.
//!
//! It shares no code with the log format's own reader, so a row that both show has been read by two different means.
//!
//! It differs from Trino in three ways. Trino's parser accepts single quotes, comments and control characters in
//! strings; here such a line is malformed. Trino maps a top-level array to the columns by position. Trino removes the
//! white space from an object or array that it shows as text.

use std::borrow::Cow;
use std::io::{self, BufRead};

use super::definition::JsonOptions;
use crate::raw_pairs::RawPairs;

/// The lines of a file, which end with `\n`, `\r` or `\r\n`. A byte order mark at the start of the file is passed over.
pub(super) struct Lines<R> {
    file: R,
    at_start: bool,
    /// The bytes that were read last, up to a `\n`.
    chunk: Vec<u8>,
    /// The lines in `chunk` that were not returned yet, last first.
    pending: Vec<std::ops::Range<usize>>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(file: R) -> Lines<R> {
        Lines { file, at_start: true, chunk: Vec::new(), pending: Vec::new() }
    }

    /// The next line, without its `\n` or `\r`. `None` at the end of the file.
    pub(super) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        while self.pending.is_empty() {
            if !self.read_chunk()? {
                return Ok(None);
            }
        }
        Ok(self.pending.pop().map(|line| &self.chunk[line]))
    }

    /// Reads up to the next `\n`. False at the end of the file.
    fn read_chunk(&mut self) -> io::Result<bool> {
        self.chunk.clear();
        if self.file.read_until(b'\n', &mut self.chunk)? == 0 {
            return Ok(false);
        }
        let begin = if std::mem::take(&mut self.at_start) && self.chunk.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let ended = self.chunk.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
        let mut from = begin;
        let end = ended.unwrap_or(self.chunk.len());
        // `contains` is many times faster than the loop, and few lines have a carriage return.
        if self.chunk[begin..end].contains(&b'\r') {
            for at in begin..end {
                if self.chunk[at] == b'\r' {
                    self.pending.push(from..at);
                    from = at + 1;
                }
            }
        }
        match ended {
            Some(end) => self.pending.push(from..end),
            // A file that ends with `\n` has no empty last line.
            None if from < self.chunk.len() => self.pending.push(from..self.chunk.len()),
            None => {}
        }
        self.pending.reverse();
        Ok(true)
    }
}

/// Reads the values of some columns from a line.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    columns: Vec<String>,
    options: JsonOptions,
}

impl Decoder {
    /// A reader of `columns`, whose names are in lower case.
    pub(super) fn new(columns: Vec<String>, options: JsonOptions) -> Decoder {
        Decoder { columns, options }
    }

    /// True if every line gives the same row, so that no line needs to be parsed.
    pub(super) fn is_blind(&self) -> bool {
        self.columns.is_empty() && self.options.ignore_malformed
    }

    /// Hands the value of each column to `show`, in order. A malformed line is an error, or all nulls if the table says
    /// so.
    pub(super) fn decode(
        &self,
        line: &[u8],
        mut show: impl FnMut(usize, Option<&str>),
    ) -> Result<(), serde_json::Error> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_matches(|letter| letter <= ' ');
        let fields = match RawPairs::first_of(text).map(|(fields, _)| fields) {
            Ok(fields) => fields.0,
            // A line that begins like neither an object nor an array is a row of nulls, whatever the table says.
            Err(error) if !self.options.ignore_malformed && text.starts_with(['{', '[']) => return Err(error),
            Err(_) => Vec::new(),
        };
        let mut values: Vec<Option<&str>> = vec![None; self.columns.len()];
        for (key, value) in fields {
            let name = string(key);
            if let Some(position) = self.columns.iter().position(|column| self.is(column, &name)) {
                values[position] = Some(value);
            }
        }
        for (position, value) in values.into_iter().enumerate() {
            match value {
                None | Some("null") => show(position, None),
                Some(json) if json.starts_with('"') => show(position, Some(&string(json))),
                Some(json) => show(position, Some(json)),
            }
        }
        Ok(())
    }

    /// True if a field called `name` is in this column. Of several such fields the last one counts.
    fn is(&self, column: &str, name: &str) -> bool {
        match (self.options.case_insensitive, name.is_ascii()) {
            (false, _) => column == name,
            (true, true) => column.eq_ignore_ascii_case(name),
            (true, false) => column == name.to_lowercase(),
        }
    }
}

/// The text of a valid JSON string. A lone surrogate becomes `?`, as in Java, whose strings are UTF-16.
pub(super) fn string(json: &str) -> Cow<'_, str> {
    let inner = &json[1..json.len() - 1];
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut units = Vec::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => units.push(escape(&mut letters)),
            other => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
        }
    }
    Cow::Owned(char::decode_utf16(units).map(|letter| letter.unwrap_or('?')).collect())
}

/// The UTF-16 unit of an escape whose backslash was already taken.
fn escape(letters: &mut std::str::Chars<'_>) -> u16 {
    match letters.next().unwrap_or('\\') {
        'b' => 0x08,
        'f' => 0x0C,
        'n' => 0x0A,
        'r' => 0x0D,
        't' => 0x09,
        'u' => letters.take(4).filter_map(|digit| digit.to_digit(16)).fold(0, |unit, digit| unit << 4 | digit as u16),
        other => other as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENIENT: JsonOptions = JsonOptions { ignore_malformed: true, case_insensitive: true };

    fn shown(line: &[u8], options: JsonOptions) -> String {
        let decoder = Decoder::new(vec!["type".into(), "ip".into()], options);
        let mut values = Vec::new();
        match decoder.decode(line, |_, value| values.push(value.unwrap_or("NULL").to_string())) {
            Ok(()) => values.join(" "),
            Err(_) => "error".into(),
        }
    }

    #[test]
    fn shows_what_trino_shows() {
        let cases: [(&[u8], &str); 20] = [
            (br#"{"type":"s","ip":"::1"}"#, "s ::1"),
            (br#" {"ip" : "" , "other":{}} "#, "NULL "),
            (br#"{"type":"a","type":"b"}"#, "b NULL"),
            (br#"{"type":"a","TYPE":"b"}"#, "b NULL"),
            (br#"{"TYPE":"b","type":null}"#, "NULL NULL"),
            (br#"{"type":["a", 1.50],"ip":{"b":true}}"#, r#"["a", 1.50] {"b":true}"#),
            (br#"{"type":1e400,"ip":false}"#, "1e400 false"),
            (br#"{"type":"s"} {"ip":"x"}"#, "s NULL"),
            (br#"{"type":"s"}]]garbage"#, "s NULL"),
            (br#"{"\u0074ype":"\u0073\t\"\/\\"}"#, "s\t\"/\\ NULL"),
            (br#"{"type":"\ud83d\ude00","ip":"a\ud800b\udc00"}"#, "😀 a?b?"),
            (br#"{"\ud800":1,"type":"s"}"#, "s NULL"),
            (b"{\"type\":\"\xff\"}", "\u{fffd} NULL"),
            (b"\x00\x0c{\"type\":\"s\"}\x00", "s NULL"),
            (br#"{"type":"s""#, "NULL NULL"),
            (br#"{'type':'s'}"#, "NULL NULL"),
            (b"", "NULL NULL"),
            (b"text", "NULL NULL"),
            (b"null", "NULL NULL"),
            (br#"{"type":"\"quoted\""}"#, "\"quoted\" NULL"),
        ];
        for (line, expected) in cases {
            assert_eq!(shown(line, LENIENT), expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn heeds_the_serdes_properties() {
        let strict = JsonOptions { ignore_malformed: false, ..LENIENT };
        assert_eq!(shown(br#"{"type":"s""#, strict), "error");
        assert_eq!(shown(b"text", strict), "NULL NULL");
        let exact = JsonOptions { case_insensitive: false, ..LENIENT };
        assert_eq!(shown(br#"{"type":"a","TYPE":"b"}"#, exact), "a NULL");
    }

    #[test]
    fn splits_lines_as_trino_does() {
        let cases = [
            ("", vec![]),
            ("a", vec!["a"]),
            ("a\n", vec!["a"]),
            ("a\nb", vec!["a", "b"]),
            ("a\r\nb\rc\r", vec!["a", "b", "c"]),
            ("\n\na", vec!["", "", "a"]),
            ("a\r\r\nb\n", vec!["a", "", "b"]),
            ("\u{feff}a\n\u{feff}b\n", vec!["a", "\u{feff}b"]),
        ];
        for (text, expected) in cases {
            let mut lines = Lines::new(text.as_bytes());
            let mut found = Vec::new();
            while let Some(line) = lines.next_line().unwrap() {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
