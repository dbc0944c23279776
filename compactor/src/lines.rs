//! Object → lines, a piece at a time: what is held of an object is never more than one line.

use log_format::LINE_BYTES_MAX;
use memchr::memchr2;

use crate::members::{Broken, Members};
use crate::whole::Inflater;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What a gzip member begins with: two bytes of its own and the one method there is.
const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";

/// The longest piece, in bytes: longer than any line that is read, its byte order mark included, and a multiple of three,
/// so that the pieces of a line can be written in base64 one after the other.
pub const PIECE_BYTES_MAX: usize = (LINE_BYTES_MAX + BYTE_ORDER_MARK.len() + 1).next_multiple_of(3);

/// Bytes of text for each byte of the object, at most. Deflate copies at most 258 bytes at a time, and from 1 KB back or
/// further at a cost of 11 bits or more: lines that repeat each other stay under 190:1, whatever they hold, and real ones
/// come to 10 or 20.
pub const RATIO_MAX: u64 = 200;
/// Bytes of text below which the ratio tells nothing: one line or another may hold nothing but blanks.
pub const RATIO_BYTES_MIN: u64 = 2 * LINE_BYTES_MAX as u64;

/// The endings of names by which Athena's reader tells codecs other than gzip.
const OTHER_CODECS: [&str; 7] = [".bz2", ".deflate", ".lz4", ".lzo", ".lzo_deflate", ".snappy", ".zst"];
/// What xz begins with. Athena's reader has no ending for it and takes it for text, so what is text under `.xz` is read.
const XZ_MAGIC: &[u8] = b"\xfd7zXZ\0";

/// Why nothing of an object is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Its name ends like that of another codec than gzip, or it is xz.
    #[error("object is compressed by another codec than gzip")]
    UnsupportedCodec,
    /// It is gzip but its name does not say so: Athena takes it for text, and shows nothing of it.
    #[error("object is gzip, but its name does not end in .gz")]
    UnnamedGzip,
}

impl Unread {
    /// A short constant name, for the rejected file.
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
    /// More than this the object cannot honestly hold.
    bytes_max: u64,
}

#[derive(Debug)]
enum Inner<'a> {
    /// All of it is there.
    Whole(&'a [u8]),
    /// It is decompressed as it is asked for.
    Gzip(Box<Members<'a>>),
}

impl<'a> Text<'a> {
    /// Opens an object as Trino does, by the ending of its key, and passes over an empty one. `inflater` holds its text if
    /// it can.
    ///
    /// Lines that lie under `.gz` as they are fail a query there; here they are read.
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

/// Does a line of JSON begin here, and no member of gzip?
fn begins_an_object(object: &[u8]) -> bool {
    let text = object.strip_prefix(BYTE_ORDER_MARK).unwrap_or(object);
    text.trim_ascii_start().first() == Some(&b'{')
}

/// Cuts a text into lines, and lines that are too long into pieces.
///
/// A carriage return ends a line too, as it does for Trino; a mark of the byte order begins an object and no line.
#[derive(Debug)]
pub struct Lines<'a> {
    text: Text<'a>,
    held: Vec<u8>,
    line: u64,
    offset: u64,
    /// Bytes of the text that the piece before is made of where it lies: they are passed over with the next.
    lent: usize,
    within: bool,
    broken: bool,
}

/// A line, or a part of one that is too long.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Its bytes, at most [`PIECE_BYTES_MAX`]; as many, or three less, where more of the line follows.
    pub bytes: &'a [u8],
    /// The line's number, from 1, by line feeds.
    pub line: u64,
    /// Where the piece begins in the text, in bytes.
    pub offset: u64,
    /// Whether the line begins here.
    pub begins: bool,
    /// What follows.
    pub end: End,
}

/// What follows a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The next line, or the end of the object.
    Line,
    /// More of the same line.
    Room,
    /// Nothing that can be decompressed.
    Broken,
}

impl<'a> Lines<'a> {
    /// The lines of a text.
    pub fn new(text: Text<'a>) -> Lines<'a> {
        Lines { text, held: Vec::with_capacity(4096), line: 1, offset: 0, lent: 0, within: false, broken: false }
    }

    /// The next piece; none at the end, and after a break.
    pub fn next_piece(&mut self) -> Option<Piece<'_>> {
        self.pass_lent();
        let (line, start, begins) = (self.line, self.offset, !self.within);
        self.held.clear();
        let end = if begins { self.lend() } else { None };
        let end = end.or_else(|| self.gather(begins))?;
        (self.within, self.broken) = (end == End::Room, end == End::Broken);
        let bytes = match self.lent {
            0 => self.held.as_slice(),
            // The line's end is passed over with it.
            lent => &self.text.fill().unwrap_or_default()[..lent - 1],
        };
        let mark = if start == 0 && bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Some(Piece { bytes: &bytes[mark..], line, offset: start + mark as u64, begins, end })
    }

    /// The number of the line that the next piece is of.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Where the next piece begins: the bytes of text up to here.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Is there more, out of so few compressed bytes that it is no log?
    pub fn is_bomb(&mut self) -> bool {
        self.pass_lent();
        self.offset > self.text.bytes_max && !self.broken && self.text.fill().is_ok_and(|text| !text.is_empty())
    }

    fn pass_lent(&mut self) {
        self.text.consume(std::mem::take(&mut self.lent));
    }

    /// Takes a line where it lies, if its end lies there too.
    fn lend(&mut self) -> Option<End> {
        let text = self.text.fill().ok()?;
        let text = &text[..text.len().min(PIECE_BYTES_MAX)];
        let end = memchr2(b'\n', b'\r', text)?;
        self.line += u64::from(text[end] == b'\n');
        self.lent = end + 1;
        self.offset += self.lent as u64;
        Some(End::Line)
    }

    /// Fills `held` up to the end of the line, or of the room. None where there is nothing at all.
    fn gather(&mut self, begins: bool) -> Option<End> {
        if self.broken {
            return None;
        }
        while self.held.len() < PIECE_BYTES_MAX {
            let Ok(text) = self.text.fill() else { return Some(End::Broken) };
            if text.is_empty() {
                return (!begins || !self.held.is_empty()).then_some(End::Line);
            }
            let text = &text[..text.len().min(PIECE_BYTES_MAX - self.held.len())];
            let end = memchr2(b'\n', b'\r', text);
            self.held.extend_from_slice(&text[..end.unwrap_or(text.len())]);
            self.line += u64::from(end.is_some_and(|end| text[end] == b'\n'));
            let read = end.map_or(text.len(), |end| end + 1);
            self.text.consume(read);
            self.offset += read as u64;
            if end.is_some() {
                return Some(End::Line);
            }
        }
        Some(End::Room)
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
                format!("1@0 {max} true Room"),
                format!("1@{max} {max} false Room"),
                format!("1@{}  false Line", 2 * max),
                format!("2@{} ab true Line", 2 * max + 1),
            ]
        );
        assert_eq!(shown(&long[..max]), [format!("1@0 {max} true Room"), format!("1@{max}  false Line")]);
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
