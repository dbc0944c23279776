//! The fast path from a line to a row: a canonical line, one exactly as we write it, is decoded straight into a buffer.

use crate::column::{COLUMNS, EXTRA};
use crate::json::minified;
use crate::json::object::Object;
use crate::json::scan::{self, BLOCK_BYTES, Specials};
use crate::line::LINE_BYTES_MAX;

/// The length of each column's value in bytes, in the order of [`COLUMNS`]. [`NULL`] if the column has no value.
pub type Lengths = [u32; COLUMNS.len()];

/// Stands for the length of a value that is null.
pub const NULL: u32 = u32::MAX;

/// How many bytes longer than the line the buffer of [`read_canonical`] must be, because values are copied by whole
/// blocks.
pub const PADDING_BYTES: usize = BLOCK_BYTES;

/// Reads a canonical line: every value is a string, keys are in the order of the columns, there is no white space
/// between.
///
/// The decoded values are put into `text`, one after the other in the order of the columns.
///
/// `None` if the line is not canonical, or if `text` is not longer than the line by [`PADDING_BYTES`]. Then
/// [`read_line`](crate::read_line) reads the line. Whenever both give a row, it is the same.
pub fn read_canonical(line: &[u8], text: &mut [u8]) -> Option<Lengths> {
    if line.len() > LINE_BYTES_MAX || text.len() < line.len() + PADDING_BYTES {
        return None;
    }
    let mut values = Values { line, specials: Specials::of(line), at: 0, text, end: 0 };
    let mut lengths = [NULL; COLUMNS.len()];
    for (column, length) in COLUMNS.iter().zip(&mut lengths) {
        if values.pass_key(column.name) {
            *length = values.copy()?;
        }
    }
    let ended = values.at > 0 && &line[values.at..] == b"}";
    // Most lines are ASCII. Only the others need the check for UTF-8.
    let (end, is_text) = (values.end, values.specials.was_ascii() || std::str::from_utf8(line).is_ok());
    (ended && is_text && extra_is_ours(&text[..end], lengths[EXTRA])).then_some(lengths)
}

/// True if `extra` is null or an object. Any other text comes from the predecessor, and is not taken as it stands.
fn extra_is_ours(text: &[u8], length: u32) -> bool {
    if length == NULL {
        return true;
    }
    let extra = &text[text.len() - length as usize..];
    minified::is_object(extra) || Object::parse(extra).is_ok()
}

/// A line while its values are decoded into a buffer.
struct Values<'a> {
    line: &'a [u8],
    specials: Specials<'a>,
    /// The line has been read up to here.
    at: usize,
    text: &'a mut [u8],
    /// The buffer has been filled up to here. Never more than `at`.
    end: usize,
}

impl Values<'_> {
    /// Skips `{"name":"`, or `,"name":"` after the first key. False if something else comes next.
    fn pass_key(&mut self, name: &str) -> bool {
        let opening = if self.at == 0 { b'{' } else { b',' };
        let Some(rest) = self.line[self.at..].strip_prefix(&[opening, b'"']) else { return false };
        let Some(rest) = rest.strip_prefix(name.as_bytes()) else { return false };
        let Some(rest) = rest.strip_prefix(b"\":\"") else { return false };
        self.at = self.line.len() - rest.len();
        true
    }

    /// Decodes a string up to its closing quote, and gives its length. `None` if it is invalid or has a lone surrogate.
    fn copy(&mut self) -> Option<u32> {
        let begin = self.end;
        loop {
            let plain = self.specials.next(self.at) - self.at;
            scan::copy(self.line, self.at, plain, self.text, self.end);
            self.at += plain;
            self.end += plain;
            match self.line.get(self.at)? {
                b'"' => break,
                b'\\' => self.decode()?,
                _ => return None,
            }
        }
        self.at += 1;
        Some((self.end - begin) as u32)
    }

    /// Decodes the escape that begins here. An escape is never shorter than what it stands for.
    fn decode(&mut self) -> Option<()> {
        // In embedded JSON, `\":\"` and `\",\"` are frequent: five bytes are decoded at once.
        if let Some([_, b'"', between @ (b':' | b','), b'\\', b'"']) = self.line.get(self.at..self.at + 5) {
            self.text[self.end..self.end + 3].copy_from_slice(&[b'"', *between, b'"']);
            self.at += 5;
            self.end += 3;
            return Some(());
        }
        let byte = match self.line.get(self.at + 1)? {
            byte @ (b'"' | b'\\' | b'/') => *byte,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 0x08,
            b'f' => 0x0c,
            b'u' => return self.decode_unicode(),
            _ => return None,
        };
        self.text[self.end] = byte;
        self.at += 2;
        self.end += 1;
        Some(())
    }

    fn decode_unicode(&mut self) -> Option<()> {
        let mut code = self.unit()?;
        if (0xd800..0xdc00).contains(&code) {
            let low = self.unit()?;
            if !(0xdc00..0xe000).contains(&low) {
                return None;
            }
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        let length = char::from_u32(code)?.encode_utf8(&mut self.text[self.end..]).len();
        self.end += length;
        Some(())
    }

    /// Reads `\uXXXX`.
    fn unit(&mut self) -> Option<u32> {
        let digits = self.line[self.at..].strip_prefix(b"\\u")?.get(..4)?;
        let code = digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?));
        self.at += 6;
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::read_line;

    /// `canonical` says whether the fast path reads the line. Its row must be the one of [`read_line`].
    fn check(line: &str, canonical: bool) {
        let mut text = vec![b'#'; line.len() + PADDING_BYTES];
        let lengths = read_canonical(line.as_bytes(), &mut text);
        assert_eq!(lengths.is_some(), canonical, "{line}");
        let Some(lengths) = lengths else { return };
        let row = read_line(line.as_bytes()).unwrap();
        let mut rest = text.as_slice();
        for (value, length) in row.iter().zip(lengths) {
            let found = (length != NULL).then(|| rest.split_off(..length as usize).unwrap());
            assert_eq!(found, value.as_deref().map(str::as_bytes), "{line}");
        }
    }

    #[test]
    fn reads_the_lines_that_we_write() {
        check(r#"{"log_id":"1"}"#, true);
        check(r#"{"type":""}"#, true);
        check(r#"{"log_id":"90020261120130000","ip":"203.0.113.123","type":"s","extra":"{}"}"#, true);
        check(r#"{"details":"{\"a\":\"b\",\"c\":\"\",\"d\":[\",\",\":\"]}","extra":"{\"a\":\"b\"}"}"#, true);
        check(r#"{"details":"{\"a\":[1.50,\"\\\"é\\n\"]}","extra":"{\"tenant_name\":\"acme\"}"}"#, true);
        check(r#"{"ip":"\"\\\/\b\f\n\r\t\u0000\u001f\u00e9\u20AC\ud83d\ude00"}"#, true);
        for length in 0..40 {
            let plain = "x".repeat(length);
            check(&format!(r#"{{"ip":"{plain}","type":"{plain}\n{plain}","extra":"{{\"{plain}\":1}}"}}"#), true);
        }
    }

    #[test]
    fn leaves_every_other_line_to_read_line() {
        for line in [
            "",
            "{",
            "{}",
            r#"{"type":"s"} "#,
            r#"{"type":"s"}}"#,
            r#" {"type":"s"}"#,
            r#"{ "type":"s"}"#,
            r#"{"type": "s"}"#,
            r#"{"type":null}"#,
            r#"{"type":1}"#,
            r#"{"type":"a","type":"b"}"#,
            r#"{"type":"s","ip":"::1"}"#,
            r#"{"type":"s","tenant_name":"acme"}"#,
            r#"{"type":"s","extra":"word"}"#,
            r#"{"type":"s","extra":"{word}"}"#,
            r#"{"type":"\ud800"}"#,
            r#"{"type":"\ud800\u0041"}"#,
            r#"{"type":"\udc00"}"#,
            r#"{"type":"\u00"}"#,
            r#"{"type":"\x"}"#,
            r#"{"type":"\"}"#,
            r#"{"type":"s"#,
            r#"{"type":"s""#,
            "{\"type\":\"a\tb\"}",
            "{\"type\":\"a\0b\"}",
        ] {
            check(line, false);
        }
        for bytes in [b"\xff".as_slice(), b"0123456789abcdef\xe2\x82", b"\\n\xc3"] {
            let line = [b"{\"type\":\"", bytes, b"\"}"].concat();
            assert_eq!(read_canonical(&line, &mut [0; 99]), None);
        }
        assert_eq!(read_canonical(br#"{"type":"s"}"#, &mut [0; 27]), None);
        assert!(read_canonical(br#"{"type":"s"}"#, &mut [0; 28]).is_some());
    }
}
