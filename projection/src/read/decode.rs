//! Object → rows. What cannot be read is kept with its location and the reason.

use std::io;

use tempfile::SpooledTempFile;

use crate::read::gzip_whole::Inflater;
use crate::read::lines::{End, Lines, Piece, Text};
use crate::read::rejected::{RejectedLines, SourceLocation};
use crate::sort::sorter::{Sorted, Sorter};

/// Decodes objects of an hour, one at a time. Several decoders may share an hour's objects.
#[derive(Debug)]
pub struct Decoder {
    inflater: Inflater,
    rows: Sorter,
}

/// The memory of a decoder, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBudget {
    /// For rows that wait to be sorted.
    pub rows_bytes: usize,
    /// For the text of one object. A longer text is decompressed window by window.
    pub text_bytes: usize,
}

/// The counts of one object. Its rows stay in the decoder.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Lines, plus one for a part of the object that could not be read at all.
    pub lines: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// The file that keeps them, one gzip member. `None` if there are none.
    pub rejected_file: Option<SpooledTempFile>,
}

/// The hour cannot be decoded on this machine. A bad line or object is no error: it is counted and kept.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The temporary file of rejected lines could not be written or read.
    #[error("failed to keep rejected lines in a temporary file where TMPDIR says")]
    Rejected(#[source] io::Error),
    /// A temporary file of rows could not be written or read.
    #[error("failed to keep rows in a temporary file where TMPDIR says")]
    Spill(#[source] io::Error),
}

impl DecodeError {
    /// True if the disk is full: the hour is too large for this machine.
    pub fn is_too_large(&self) -> bool {
        let (DecodeError::Rejected(error) | DecodeError::Spill(error)) = self;
        error.kind() == io::ErrorKind::StorageFull
    }
}

/// Reason of a rejected line that is longer than [`log_format::LINE_BYTES_MAX`].
const TOO_LONG: &str = "TooLong";
/// Reason of the last bytes before a gzip member breaks. Nothing after them can be read.
const BROKEN_GZIP: &str = "BrokenGzip";
/// Reason of what follows an object in its line. Athena's reader shows nothing of it.
const TEXT_AFTER: &str = "TextAfter";
/// Reason of an object that decompresses to far more than a log of its size would.
const ZIP_BOMB: &str = "ZipBomb";

impl Decoder {
    /// A decoder with that much memory.
    pub fn new(budget: MemoryBudget) -> Decoder {
        Decoder { inflater: Inflater::new(budget.text_bytes), rows: Sorter::new(budget.rows_bytes) }
    }

    /// Decodes one object.
    ///
    /// If the object cannot be read, or not to its end, its readable part is decoded and a rejected line says why.
    ///
    /// # Errors
    ///
    /// A temporary file could not be written.
    pub fn push(&mut self, key: &str, object: &[u8]) -> Result<Decoded, DecodeError> {
        let mut lines = ObjectDecoder { key, rows: &mut self.rows, rejected: RejectedLines::new(), lines: 0 };
        match Text::open(key, object, &mut self.inflater) {
            Ok(text) => lines.push_all(Lines::new(text))?,
            Err(unread) => lines.reject(1, 0, unread.reason(), b"")?,
        }
        lines.finish()
    }

    /// True if rows were spilled to a temporary file.
    pub fn has_spilled(&self) -> bool {
        self.rows.has_spilled()
    }

    /// Returns the rows of all objects as sorted runs, in a temporary file if `into_file`.
    ///
    /// # Errors
    ///
    /// The temporary file could not be written.
    pub fn finish(self, into_file: bool) -> Result<Sorted, DecodeError> {
        self.rows.finish(into_file).map_err(DecodeError::Spill)
    }
}

/// The lines of one object.
struct ObjectDecoder<'a> {
    key: &'a str,
    rows: &'a mut Sorter,
    rejected: RejectedLines,
    lines: u64,
}

impl<'a> ObjectDecoder<'a> {
    fn push_all(&mut self, mut lines: Lines<'_>) -> Result<(), DecodeError> {
        while let Some(piece) = lines.next_piece() {
            let more_of_it = piece.end == End::Continued;
            self.push_piece(&piece)?;
            if lines.is_bomb() {
                if more_of_it {
                    self.rejected.end().map_err(DecodeError::Rejected)?;
                }
                return self.reject(lines.line(), lines.offset(), ZIP_BOMB, b"");
            }
        }
        Ok(())
    }

    fn push_piece(&mut self, piece: &Piece<'_>) -> Result<(), DecodeError> {
        let (line, offset) = (piece.line, piece.offset);
        match (piece.begins, piece.end) {
            (true, End::Line) => return self.push_line(line, offset, piece.bytes),
            (true, End::Broken) => return self.reject(line, offset, BROKEN_GZIP, piece.bytes),
            (true, End::Continued) => {
                self.lines += 1;
                self.rejected.begin(self.location(line, offset), TOO_LONG).map_err(DecodeError::Rejected)?;
            }
            (false, _) => {}
        }
        self.rejected.append(piece.bytes).map_err(DecodeError::Rejected)?;
        if piece.end != End::Continued {
            self.rejected.end().map_err(DecodeError::Rejected)?;
        }
        if piece.end == End::Broken {
            self.reject(line, offset + piece.bytes.len() as u64, BROKEN_GZIP, b"")?;
        }
        Ok(())
    }

    /// White space alone is no line.
    fn push_line(&mut self, number: u64, offset: u64, line: &[u8]) -> Result<(), DecodeError> {
        if line.trim_ascii_start().is_empty() {
            return Ok(());
        }
        match self.rows.push_line(line).map_err(DecodeError::Spill)? {
            Ok(b"") => self.lines += 1,
            Ok(rest) => {
                self.lines += 1;
                // `rest` is the end of the line.
                self.reject(number, offset + (line.len() - rest.len()) as u64, TEXT_AFTER, rest)?;
            }
            Err(error) => self.reject(number, offset, error.reason(), line)?,
        }
        Ok(())
    }

    fn reject(&mut self, line: u64, offset: u64, reason: &str, bytes: &[u8]) -> Result<(), DecodeError> {
        self.lines += 1;
        self.rejected.push(self.location(line, offset), reason, bytes).map_err(DecodeError::Rejected)
    }

    fn location(&self, line: u64, offset: u64) -> SourceLocation<'a> {
        SourceLocation { key: self.key, line, offset }
    }

    fn finish(self) -> Result<Decoded, DecodeError> {
        let (lines, rejected) = (self.lines, self.rejected.lines());
        Ok(Decoded { lines, rejected, rejected_file: self.rejected.finish().map_err(DecodeError::Rejected)? })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use fixtures::{gzip, noise};
    use flate2::read::GzDecoder;
    use log_format::LINE_BYTES_MAX;

    use super::*;
    use crate::read::lines::{PIECE_BYTES_MAX, RATIO_BYTES_MIN, RATIO_MAX};
    use crate::sort::sorter::SortedRun;

    /// `line@offset:reason:bytes` of each rejected line. Of long bytes their number is shown.
    fn shown(file: Option<SpooledTempFile>) -> Vec<String> {
        let mut text = String::new();
        if let Some(file) = file {
            GzDecoder::new(file).read_to_string(&mut text).unwrap();
        }
        let lines = text.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let bytes = STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
            let bytes = if bytes.len() > 20 { bytes.len().to_string() } else { bytes.escape_ascii().to_string() };
            format!("{}@{}:{}:{bytes}", line["line"], line["offset"], line["reason"].as_str().unwrap())
        });
        lines.collect()
    }

    const BUDGET: MemoryBudget = MemoryBudget { rows_bytes: 1 << 20, text_bytes: 1 << 20 };

    /// How many rows a decoder holds.
    fn rows(decoder: Decoder) -> u64 {
        let sorted = decoder.finish(false).unwrap();
        let distinct = |run: &SortedRun| match run {
            SortedRun::Memory { order, .. } => order.len() as u64,
            SortedRun::File { .. } => panic!("memory was short"),
        };
        sorted.runs.iter().map(distinct).sum::<u64>() + sorted.duplicates
    }

    /// Shows `rows/lines` and each rejected line. Both ways to decompress must give the same.
    fn check(key: &str, object: &[u8], expected: &str) {
        for text_bytes in [0, 1 << 20] {
            let mut decoder = Decoder::new(MemoryBudget { text_bytes, rows_bytes: 32 << 20 });
            let decoded = decoder.push(key, object).unwrap();
            let (rows, rejected) = (rows(decoder), shown(decoded.rejected_file));
            assert_eq!(rejected.len() as u64, decoded.rejected);
            assert_eq!([vec![format!("{rows}/{}", decoded.lines)], rejected].concat().join(" "), expected);
            assert_eq!(rows + decoded.rejected, decoded.lines);
        }
    }

    const TWO: &str = "{\"type\":\"s\"}\n{\"type\":\"f\"}\n";

    #[test]
    fn reads_gzip_and_plain_objects() {
        check("a.gz", &gzip(TWO), "2/2");
        check("a", TWO.as_bytes(), "2/2");
        check("a.gz", TWO.as_bytes(), "2/2");
        check("a.gz", &[gzip(TWO), gzip(TWO)].concat(), "4/4");
        check("a.gz", &gzip("{\"type\":\"s\"}"), "1/1");
        check("a.gz", &gzip(""), "0/0");
        check("a.gz", b"", "0/0");
        check("a.gz", &gzip("\n\r\n{\"type\":\"s\"}\r\n\n"), "1/1");
        check("a.gz", &gzip("{\"type\":\"s\"}\r{\"type\":\"f\"}\nword"), "2/3 2@26:NotJson:word");
        let mark = "\u{feff}";
        check("a.gz", &gzip(format!("{mark}{{\"type\":\"s\"}}\n{mark}{{}}\n")), r"1/2 2@16:NotJson:\xef\xbb\xbf{}");
    }

    #[test]
    fn keeps_what_it_cannot_read() {
        check("a.gz", &gzip("{\"type\":\"s\"}\nword\n{}\n{\"type\":\"f\"}\n"), "2/4 2@13:NotJson:word 3@18:Empty:{}");
        check("a.gz", b"not gzip at all", "0/1 1@0:BrokenGzip:");
        check("a.zst", TWO.as_bytes(), "0/1 1@0:UnsupportedCodec:");
        check("a", &gzip(TWO), "0/1 1@0:UnnamedGzip:");
    }

    #[test]
    fn reads_a_broken_member_up_to_the_break() {
        let whole = gzip(TWO);
        check("a.gz", &whole[..whole.len() - 4], "2/3 3@26:BrokenGzip:");
        check("a.gz", &whole[..whole.len() - 9], r#"1/2 2@13:BrokenGzip:{\"type\":\"f\"}"#);
        check("a.gz", &[whole.as_slice(), b"garbage"].concat(), "2/3 3@26:BrokenGzip:");
    }

    #[test]
    fn a_line_that_is_too_long_goes_on_into_the_file() {
        let longest = LINE_BYTES_MAX - r#"{"ip":""}"#.len();
        let line = |length| [br#"{"ip":""#, noise(length).as_slice(), b"\"}"].concat();
        let text = |length| [line(length), b"\n{\"type\":\"s\"}".to_vec()].concat();
        check("a.gz", &gzip(text(longest)), "2/2");
        check("a.gz", &gzip([b"\xef\xbb\xbf", text(longest).as_slice()].concat()), "2/2");
        check("a.gz", &gzip(text(longest + 1)), "1/2 1@0:TooLong:4194305");
        check("a", &text(3 * PIECE_BYTES_MAX - 8), &format!("1/2 1@0:TooLong:{}", 3 * PIECE_BYTES_MAX + 1));
        let whole = gzip([b"{}\n".to_vec(), noise(9 << 20)].concat());
        check(
            "a.gz",
            &whole[..whole.len() - 8],
            &format!("0/3 1@0:Empty:{{}} 2@3:TooLong:{} 2@{}:BrokenGzip:", 9 << 20, (9 << 20) + 3),
        );
    }

    #[test]
    fn a_bomb_is_given_up_and_the_next_object_is_read() {
        let bomb = gzip(vec![b'x'; 10 * RATIO_BYTES_MIN as usize]);
        let stopped = (RATIO_MAX as usize * bomb.len()).next_multiple_of(PIECE_BYTES_MAX);
        check("a.gz", &bomb, &format!("0/2 1@0:TooLong:{stopped} 1@{stopped}:ZipBomb:"));
        let mut decoder = Decoder::new(BUDGET);
        decoder.push("a.gz", &bomb).unwrap();
        assert_eq!(decoder.push("b.gz", &gzip(TWO)).unwrap().lines, 2);
        assert_eq!(rows(decoder), 2);
        check("a.gz", &gzip(vec![b'\n'; 2 * RATIO_BYTES_MIN as usize]), "0/1 8388610@8388609:ZipBomb:");
        // The text ends exactly at the limit.
        check("a.gz", &gzip(vec![b'\n'; RATIO_BYTES_MIN as usize + 1]), "0/0");
        check("a", &vec![b'\n'; 2 * RATIO_BYTES_MIN as usize], "0/0");
    }

    #[test]
    fn an_hour_that_the_disk_has_no_room_for_is_too_large() {
        assert!(DecodeError::Spill(io::ErrorKind::StorageFull.into()).is_too_large());
        assert!(!DecodeError::Spill(io::ErrorKind::PermissionDenied.into()).is_too_large());
    }
}
