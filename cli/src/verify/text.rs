//! The text of an object and its lines, in bounded memory whatever the object holds: one line at most, and a window.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use log_format::LINE_BYTES_MAX;

use super::lines::BYTE_ORDER_MARK;

/// How much is decompressed at a time.
const WINDOW_BYTES: usize = 64 << 10;
/// What an object may decompress to, as docs/bad-input.md has it: for each of its bytes, and in any case.
const RATIO_MAX: u64 = 200;
const RATIO_BYTES_MIN: u64 = 8 << 20;
/// How much is held of a line. Of one without an end within so much, nothing is looked at any more but whether the text is
/// too much by now, whenever so much has passed again. The longest line that is read fits, with its mark and its end; and
/// the rejected lines keep the others by such pieces, which are whole letters of base64.
pub(super) const PIECE_BYTES_MAX: usize = (LINE_BYTES_MAX + BYTE_ORDER_MARK.len() + 1).next_multiple_of(3);

/// What stands in an object, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A line without its end.
    Line(&'a [u8]),
    /// A line that is too long to be read.
    TooLong,
    /// The text goes on, but cannot be had: it breaks here, with what there is of a line begun; or it is given up.
    Unread,
}

/// Hands what stands in a text to `take`; decompresses it if it is `gzip`.
pub(super) fn read(object: &[u8], gzip: bool, take: impl FnMut(Found<'_>)) {
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
            None => return (text.take)(Found::Unread),
        }
    }
}

/// A text that comes in windows and is cut into lines.
struct Text<F> {
    take: F,
    /// The beginning of a line, or of a piece of one that is too long.
    held: Vec<u8>,
    /// Where that begins, in bytes.
    begin: u64,
    /// Is it no beginning of a line?
    too_long: bool,
    /// Bytes up to here.
    offset: u64,
    bytes_max: u64,
    given_up: bool,
}

impl<F: FnMut(Found<'_>)> Text<F> {
    fn new(bytes_max: u64, take: F) -> Text<F> {
        Text { take, held: Vec::new(), begin: 0, too_long: false, offset: 0, bytes_max, given_up: false }
    }

    fn push(&mut self, mut window: &[u8]) {
        while !window.is_empty() && !self.given_up {
            if self.held.is_empty() && self.offset > self.bytes_max {
                self.given_up = true;
                return (self.take)(Found::Unread);
            }
            let piece = &window[..window.len().min(PIECE_BYTES_MAX - self.held.len())];
            let end = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            self.held.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
            let passed = end.map_or(piece.len(), |end| end + 1);
            self.offset += passed as u64;
            window = &window[passed..];
            if end.is_some() {
                self.end_line();
            } else if self.held.len() == PIECE_BYTES_MAX {
                self.end_piece();
            }
        }
    }

    /// A mark of the byte order begins an object and no line.
    fn end_line(&mut self) {
        let mark = if self.begin == 0 && self.held.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        if !self.too_long {
            (self.take)(Found::Line(&self.held[mark..]));
        }
        self.go_on(false);
    }

    /// A line that is too long is told of where it begins.
    fn end_piece(&mut self) {
        if !self.too_long {
            (self.take)(Found::TooLong);
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

/// Gzip members one after the other, up to the very byte where they break.
struct Members<'a> {
    object: &'a [u8],
    decoder: MultiGzDecoder<&'a [u8]>,
    given: u64,
    /// Was there a break in the window that was asked for last?
    breaks: bool,
}

impl<'a> Members<'a> {
    fn new(object: &'a [u8]) -> Members<'a> {
        Members { object, decoder: MultiGzDecoder::new(object), given: 0, breaks: false }
    }

    /// The next bytes; zero at the end, none after a break.
    ///
    /// A decoder drops what it has decompressed into a window when the break comes in it. So that window is read again, a
    /// byte at a time.
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
