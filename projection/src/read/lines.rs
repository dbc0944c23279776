//! Object → lines, piece by piece. At most one line is copied at a time.

use log_format::LINE_BYTES_MAX;
use memchr::memchr2;

use crate::read::gzip::{Broken, Members};
use crate::read::gzip_whole::Inflater;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The first bytes of a gzip member: two magic bytes and the compression method.
const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";

/// The longest piece in bytes. It is longer than any line that is read, byte order mark included, and a multiple of three,
/// so that pieces of a line can be written as base64 one after the other.
pub const PIECE_BYTES_MAX: usize = (LINE_BYTES_MAX + BYTE_ORDER_MARK.len() + 1).next_multiple_of(3);

/// Bytes of text per byte of the object, at most. Deflate copies at most 258 bytes at a time, for 11 bits or more if the
/// copy is 1 KB back or further. So lines that repeat each other stay under 190:1; real logs have 10 or 20.
pub const RATIO_MAX: u64 = 200;
/// Bytes of text below which the ratio says nothing: a few lines may hold only blanks.
pub const RATIO_BYTES_MIN: u64 = 2 * LINE_BYTES_MAX as u64;

/// Name endings that Athena's reader takes for codecs other than gzip.
const OTHER_CODECS: [&str; 7] = [".bz2", ".deflate", ".lz4", ".lzo", ".lzo_deflate", ".snappy", ".zst"];
/// The first bytes of xz. Athena's reader knows no ending for it and reads `.xz` as text, so real text under `.xz` is read.
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";

/// No line of an object can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The name ends like that of another codec, or the object is xz.
    #[error("object is compressed by another codec than gzip")]
    UnsupportedCodec,
    /// The object is gzip but its name does not end in `.gz`: Athena takes it for text and shows nothing of it.
    #[error("object is gzip, but its name does not end in .gz")]
    UnnamedGzip,
}

impl Unread {
    /// A constant name for the file of rejected lines.
    pub fn reason(self) -> &'static str {
        match self {
            Unread::UnsupportedCodec => "UnsupportedCodec",
            Unread::UnnamedGzip => "UnnamedGzip",
        }
    }
}

/// The text of an object.
#[derive(Debug)]
pub struct Text<'a> {
    inner: Inner<'a>,
    /// A longer text makes the object a bomb.
    bytes_max: u64,
}

#[derive(Debug)]
enum Inner<'a> {
    /// The text, or what is left of it, is in memory.
    Whole(&'a [u8]),
    /// The text is decompressed on demand.
    Gzip(Box<Members<'a>>),
}

impl<'a> Text<'a> {
    /// Opens an object as Trino does, by the ending of its key. An empty object has no lines. `inflater` holds the text if it
    /// fits.
    ///
    /// Plain lines under `.gz` fail a query on Trino; here they are read.
    pub fn open(key: &str, object: &'a [u8], inflater: &'a mut Inflater) -> Result<Text<'a>, Unread> {
        let gzip = key.ends_with(".gz");
        if object.is_empty() || (gzip && begins_an_object(object)) {
            return Ok(Text::whole(object));
        }
        if gzip {
            return Ok(Text::inflated(object, inflater));
        }
        if OTHER_CODECS.iter().any(|ending| key.ends_with(ending)) || object.starts_with(XZ_MAGIC) {
            return Err(Unread::UnsupportedCodec);
        }
        match object.starts_with(GZIP_MAGIC) {
            true => Err(Unread::UnnamedGzip),
            false => Ok(Text::whole(object)),
        }
    }

    fn whole(text: &'a [u8]) -> Text<'a> {
        Text { inner: Inner::Whole(text), bytes_max: u64::MAX }
    }

    fn inflated(object: &'a [u8], inflater: &'a mut Inflater) -> Text<'a> {
        let bytes_max = RATIO_BYTES_MIN.max(RATIO_MAX * object.len() as u64);
        let inner = match inflater.inflate(object) {
            Some(text) => Inner::Whole(text),
            None => Inner::Gzip(Box::new(Members::new(object))),
        };
        Text { inner, bytes_max }
    }

    fn fill(&mut self) -> Result<&[u8], Broken> {
        match &mut self.inner {
            Inner::Whole(rest) => Ok(rest),
            Inner::Gzip(members) => members.fill(),
        }
    }

    fn consume(&mut self, bytes: usize) {
        match &mut self.inner {
            Inner::Whole(rest) => *rest = rest.get(bytes..).unwrap_or_default(),
            Inner::Gzip(members) => members.consume(bytes),
        }
    }
}

/// True if the object begins with a line of JSON instead of a gzip member.
fn begins_an_object(object: &[u8]) -> bool {
    let text = object.strip_prefix(BYTE_ORDER_MARK).unwrap_or(object);
    text.trim_ascii_start().first() == Some(&b'{')
}

/// Cuts a text into lines, and lines that are too long into pieces.
///
/// A carriage return ends a line, as it does for Trino. A byte order mark is skipped at the start of the object alone.
#[derive(Debug)]
pub struct Lines<'a> {
    text: Text<'a>,
    copied: Vec<u8>,
    line: u64,
    offset: u64,
    /// Bytes that the last piece borrows from `text`. They are consumed before the next piece.
    borrowed: usize,
    within: bool,
    broken: bool,
}

/// A line, or a part of a line that is too long.
#[derive(Debug)]
pub struct Piece<'a> {
    /// At most [`PIECE_BYTES_MAX`] bytes. A piece that is continued has that many, or three fewer after a byte order mark.
    pub bytes: &'a [u8],
    /// The number of the line, counted by line feeds from 1.
    pub line: u64,
    /// Byte offset of the piece in the text.
    pub offset: u64,
    /// True if the piece is the beginning of its line.
    pub begins: bool,
    /// What follows the piece.
    pub end: End,
}

/// What follows a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The next line or the end of the object.
    Line,
    /// More of the same line.
    Continued,
    /// Nothing: the object breaks here.
    Broken,
}

impl<'a> Lines<'a> {
    /// The lines of a text.
    pub fn new(text: Text<'a>) -> Lines<'a> {
        Lines { text, copied: Vec::with_capacity(4096), line: 1, offset: 0, borrowed: 0, within: false, broken: false }
    }

    /// The next piece. `None` at the end of the text and after a break.
    pub fn next_piece(&mut self) -> Option<Piece<'_>> {
        self.consume_borrowed();
        let (line, start, begins) = (self.line, self.offset, !self.within);
        self.copied.clear();
        let end = if begins { self.borrow_line() } else { None };
        let end = end.or_else(|| self.copy_line(begins))?;
        (self.within, self.broken) = (end == End::Continued, end == End::Broken);
        let bytes = match self.borrowed {
            0 => self.copied.as_slice(),
            // The borrowed bytes include the line's end.
            borrowed => &self.text.fill().unwrap_or_default()[..borrowed - 1],
        };
        let mark = if start == 0 && bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Some(Piece { bytes: &bytes[mark..], line, offset: start + mark as u64, begins, end })
    }

    /// The line number of the next piece.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Byte offset of the next piece.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// True if the text has more bytes than its object can honestly hold, and goes on.
    pub fn is_bomb(&mut self) -> bool {
        self.consume_borrowed();
        self.offset > self.text.bytes_max && !self.broken && self.text.fill().is_ok_and(|text| !text.is_empty())
    }

    fn consume_borrowed(&mut self) {
        self.text.consume(std::mem::take(&mut self.borrowed));
    }

    /// Borrows a line from the text. `None` if its end is not in memory yet.
    fn borrow_line(&mut self) -> Option<End> {
        let text = self.text.fill().ok()?;
        let text = &text[..text.len().min(PIECE_BYTES_MAX)];
        let end = memchr2(b'\n', b'\r', text)?;
        self.line += u64::from(text[end] == b'\n');
        self.borrowed = end + 1;
        self.offset += self.borrowed as u64;
        Some(End::Line)
    }

    /// Copies up to the end of the line or of a piece. `None` if nothing is left.
    fn copy_line(&mut self, begins: bool) -> Option<End> {
        if self.broken {
            return None;
        }
        while self.copied.len() < PIECE_BYTES_MAX {
            let Ok(text) = self.text.fill() else { return Some(End::Broken) };
            if text.is_empty() {
                return (!begins || !self.copied.is_empty()).then_some(End::Line);
            }
            let text = &text[..text.len().min(PIECE_BYTES_MAX - self.copied.len())];
            let end = memchr2(b'\n', b'\r', text);
            self.copied.extend_from_slice(&text[..end.unwrap_or(text.len())]);
            self.line += u64::from(end.is_some_and(|end| text[end] == b'\n'));
            let read = end.map_or(text.len(), |end| end + 1);
            self.text.consume(read);
            self.offset += read as u64;
            if end.is_some() {
                return Some(End::Line);
            }
        }
        Some(End::Continued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> Vec<String> {
        let mut inflater = Inflater::new(0);
        let mut lines = Lines::new(Text::open("a", text, &mut inflater).unwrap());
        let mut shown = Vec::new();
        while let Some(piece) = lines.next_piece() {
            let bytes = String::from_utf8_lossy(piece.bytes);
            let bytes = if bytes.len() > 20 { bytes.len().to_string() } else { bytes.into_owned() };
            shown.push(format!("{}@{} {bytes} {} {:?}", piece.line, piece.offset, piece.begins, piece.end));
        }
        shown
    }

    #[test]
    fn numbers_lines_by_line_feeds_and_places_them_by_bytes() {
        assert_eq!(shown(b""), [""; 0]);
        assert_eq!(shown(b"ab\nc"), ["1@0 ab true Line", "2@3 c true Line"]);
        assert_eq!(
            shown(b"ab\r\nc\rd\n"),
            ["1@0 ab true Line", "1@3  true Line", "2@4 c true Line", "2@6 d true Line"]
        );
        assert_eq!(shown(b"\xef\xbb\xbfab\n\xef\xbb\xbfc"), ["1@3 ab true Line", "2@6 \u{feff}c true Line"]);
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let long = [vec![b'x'; 2 * PIECE_BYTES_MAX], b"\nab".to_vec()].concat();
        let max = PIECE_BYTES_MAX;
        assert_eq!(
            shown(&long),
            [
                format!("1@0 {max} true Continued"),
                format!("1@{max} {max} false Continued"),
                format!("1@{}  false Line", 2 * max),
                format!("2@{} ab true Line", 2 * max + 1),
            ]
        );
        assert_eq!(shown(&long[..max]), [format!("1@0 {max} true Continued"), format!("1@{max}  false Line")]);
    }

    #[test]
    fn opens_by_the_ending_of_the_name() {
        let opened = |key: &str, object: &[u8]| match Text::open(key, object, &mut Inflater::new(100)) {
            Ok(Text { inner: Inner::Whole(_), .. }) => "plain".to_owned(),
            Ok(Text { inner: Inner::Gzip(_), .. }) => "gzip".to_owned(),
            Err(unread) => format!("{unread:?}"),
        };
        assert_eq!(opened("a.gz", GZIP_MAGIC), "gzip");
        assert_eq!(opened("a.gz", b"word"), "gzip");
        assert_eq!(opened("a.gz", b"\xef\xbb\xbf\n {}"), "plain");
        assert_eq!(opened("a.gz", b""), "plain");
        assert_eq!(opened("a", GZIP_MAGIC), "UnnamedGzip");
        assert_eq!(opened("a.gzip", GZIP_MAGIC), "UnnamedGzip");
        assert_eq!(opened("a.json", b"{}"), "plain");
        assert_eq!(opened("a.xz", XZ_MAGIC), "UnsupportedCodec");
        assert_eq!(opened("a.xz", b"{}"), "plain");
        for ending in OTHER_CODECS {
            assert_eq!(opened(&format!("a{ending}"), b"{}"), "UnsupportedCodec");
            assert_eq!(opened(&format!("a{ending}"), b""), "plain");
        }
    }
}
