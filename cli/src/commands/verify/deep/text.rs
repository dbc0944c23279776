//! The text of an object and its lines, in bounded memory whatever the object holds: a window, and one line at most.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use log_format::LINE_BYTES_MAX;

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How much is decompressed at a time.
const WINDOW_BYTES: usize = 64 << 10;
/// An object may decompress to so many bytes for each of its bytes, and to `RATIO_BYTES_MIN` in any case, as
/// docs/bad-input.md says.
const RATIO_MAX: u64 = 200;
const RATIO_BYTES_MIN: u64 = 8 << 20;
/// How many bytes are held of a line. The longest line that is read fits, with its byte order mark and its end. A
/// longer one is passed over in pieces of this size, and after each piece the size of the whole text is checked. The
/// rejected lines hold such pieces as base64, so the size is a multiple of three.
pub(super) const PIECE_BYTES_MAX: usize = (LINE_BYTES_MAX + BYTE_ORDER_MARK.len() + 1).next_multiple_of(3);

/// Where a line is in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Counted by line feeds, from 1.
    pub(super) line: u64,
    /// The offset of its first byte.
    pub(super) offset: u64,
}

/// A part of an object's text, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment<'a> {
    /// A line, without the line feed or carriage return.
    Line(Place, &'a [u8]),
    /// A line that is too long to be read.
    TooLong,
    /// The rest cannot be read: the compression is broken here, or the text is too large and given up.
    Unread,
}

/// Hands the parts of a text to `take`, decompressing it if it is `gzip`.
pub(super) fn read(object: &[u8], gzip: bool, take: impl FnMut(Segment<'_>)) {
    if !gzip {
        let mut text = Text::new(u64::MAX, take);
        text.push(object);
        return text.end();
    }
    let bytes_max = RATIO_BYTES_MIN.max(RATIO_MAX * object.len() as u64);
    let mut text = Text::new(bytes_max, take);
    let mut members = Members::new(object);
    let mut window = vec![0; WINDOW_BYTES];
    while !text.given_up {
        match members.read(&mut window) {
            Some(0) => return text.end(),
            Some(bytes) => text.push(&window[..bytes]),
            None => return (text.take)(Segment::Unread),
        }
    }
}

/// A text that comes in windows and is split into lines.
struct Text<F> {
    take: F,
    /// The beginning of a line, or of a piece of one that is too long.
    held: Vec<u8>,
    /// The number of the line that `held` is in, counted by line feeds from 1.
    line: u64,
    /// The offset of `held` in the text.
    begin: u64,
    /// True if `held` is within a line that is too long.
    too_long: bool,
    /// Bytes of the text so far.
    offset: u64,
    bytes_max: u64,
    given_up: bool,
}

impl<F: FnMut(Segment<'_>)> Text<F> {
    fn new(bytes_max: u64, take: F) -> Text<F> {
        Text { take, held: Vec::new(), line: 1, begin: 0, too_long: false, offset: 0, bytes_max, given_up: false }
    }

    fn push(&mut self, mut window: &[u8]) {
        while !window.is_empty() && !self.given_up {
            if self.held.is_empty() && self.offset > self.bytes_max {
                self.given_up = true;
                return (self.take)(Segment::Unread);
            }
            let piece = &window[..window.len().min(PIECE_BYTES_MAX - self.held.len())];
            let end = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            self.held.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            let is_feed = end.is_some_and(|end| piece[end] == b'\n');
            let passed = end.map_or(piece.len(), |end| end + 1);
            self.offset += passed as u64;
            window = &window[passed..];
            if end.is_some() {
                self.end_line();
                self.line += u64::from(is_feed);
            } else if self.held.len() == PIECE_BYTES_MAX {
                self.end_piece();
            }
        }
    }

    /// A byte order mark is passed over at the begin of the object, and nowhere else.
    fn end_line(&mut self) {
        let mark = if self.begin == 0 && self.held.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        if !self.too_long {
            let place = Place { line: self.line, offset: self.begin + mark as u64 };
            (self.take)(Segment::Line(place, &self.held[mark..]));
        }
        self.go_on(false);
    }

    /// Reports a line that is too long once, at its first piece.
    fn end_piece(&mut self) {
        if !self.too_long {
            (self.take)(Segment::TooLong);
        }
        self.go_on(true);
    }

    fn go_on(&mut self, too_long: bool) {
        self.held.clear();
        (self.begin, self.too_long) = (self.offset, too_long);
    }

    fn end(&mut self) {
        if !self.given_up && !self.held.is_empty() {
            self.end_line();
        }
    }
}

/// Consecutive gzip members, decompressed up to the very byte where they break.
struct Members<'a> {
    object: &'a [u8],
    decoder: MultiGzDecoder<&'a [u8]>,
    given: u64,
    /// True if the window that was asked for last has the break.
    breaks: bool,
}

impl<'a> Members<'a> {
    fn new(object: &'a [u8]) -> Members<'a> {
        Members { object, decoder: MultiGzDecoder::new(object), given: 0, breaks: false }
    }

    /// The number of bytes read into `window`: zero at the end. `None` after a break.
    ///
    /// If the break comes within a window, the decoder drops what it has decompressed into it. So that window is read
    /// again, one byte at a time.
    fn read(&mut self, window: &mut [u8]) -> Option<usize> {
        let room = if self.breaks { 1 } else { window.len() };
        match self.decoder.read(&mut window[..room]) {
            Ok(bytes) => {
                self.given += bytes as u64;
                Some(bytes)
            }
            Err(_) if self.breaks => None,
            Err(_) => {
                self.breaks = true;
                self.decoder = MultiGzDecoder::new(self.object);
                let mut passed = 0;
                while passed < self.given {
                    let room = window.len().min((self.given - passed) as usize);
                    passed += self.decoder.read(&mut window[..room]).ok().filter(|bytes| *bytes > 0)? as u64;
                }
                self.read(window)
            }
        }
    }
}
