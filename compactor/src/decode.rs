//! Object → rows. What cannot be read is kept, with its place and its reason.

use std::io;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use log_format::read_line;

use crate::lines::{End, Lines, Piece, Text};
use crate::rejected::{Place, Rejected};
use crate::rows::{Builder, ROW_BYTES};

/// Takes the objects of an hour, one after the other.
#[derive(Debug)]
pub struct Decoder {
    rows: Builder,
    rejected: Rejected,
    lines: u64,
    bytes: u64,
    bytes_max: u64,
}

/// Everything that was in the objects of an hour.
#[derive(Debug)]
pub struct Decoded {
    /// The rows that could be read.
    pub chunks: Vec<RecordBatch>,
    /// How many lines could not.
    pub rejected: u64,
    /// The file that keeps these; none where there are none.
    pub rejected_file: Option<Vec<u8>>,
    /// How many lines there were, with one for each object of which something could not be had at all.
    pub lines: u64,
}

/// Why an hour cannot be decoded at all. What is wrong with a line or an object is no such error.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The hour would take more memory than it may.
    #[error("hour holds {bytes} bytes of JSON or more, which is over the limit")]
    TooLarge {
        /// Bytes decoded when it was given up.
        bytes: u64,
    },
    /// Arrow would not take a row.
    #[error("failed to gather the rows of {key}")]
    Arrow {
        /// The object.
        key: String,
        /// Why.
        #[source]
        source: ArrowError,
    },
    /// The rows could not be gathered at the end.
    #[error("failed to gather the last rows")]
    Finish(#[from] ArrowError),
    /// The rejected lines could not be compressed.
    #[error("failed to write the rejected lines")]
    Rejected(#[from] io::Error),
}

/// The reason of a rejected line that is too long to be held.
const TOO_LONG: &str = "TooLong";
/// The reason of what there was of a line where its gzip member broke; nothing after it can be read.
const BROKEN_GZIP: &str = "BrokenGzip";
/// The reason where an object was given up because it goes on for far longer than a log of its size.
const ZIP_BOMB: &str = "ZipBomb";

/// The part of the hour's limit that the file of rejected lines may take, compressed.
const REJECTED_SHARE: u64 = 4;

impl Decoder {
    /// A decoder that takes up to `bytes_max` bytes of JSON, what rows take besides their values included.
    pub fn new(bytes_max: u64) -> Decoder {
        Decoder { rows: Builder::new(), rejected: Rejected::new(), lines: 0, bytes: 0, bytes_max }
    }

    /// Takes one object, decompressed as it is read.
    ///
    /// Of an object that cannot be read, or not to its end, what there is is taken, and a rejected line says so.
    pub fn push(&mut self, key: &str, object: &[u8]) -> Result<(), DecodeError> {
        match Text::open(key, object) {
            Ok(text) => self.push_lines(key, Lines::new(text)),
            Err(unread) => self.reject(Place { key, line: 1, offset: 0 }, unread.reason(), b""),
        }
    }

    /// What has been taken.
    pub fn finish(self) -> Result<Decoded, DecodeError> {
        let (chunks, rejected) = (self.rows.finish()?, self.rejected.lines());
        Ok(Decoded { chunks, rejected, rejected_file: self.rejected.finish()?, lines: self.lines })
    }

    fn push_lines(&mut self, key: &str, mut lines: Lines<'_>) -> Result<(), DecodeError> {
        let mut before = 0;
        while let Some(piece) = lines.next_piece() {
            let more_of_it = piece.end == End::Room;
            self.push_piece(key, &piece)?;
            self.charge(lines.offset() - before)?;
            before = lines.offset();
            if lines.is_bomb() {
                if more_of_it {
                    self.rejected.end()?;
                }
                return self.reject(Place { key, line: lines.line(), offset: before }, ZIP_BOMB, b"");
            }
        }
        Ok(())
    }

    fn push_piece(&mut self, key: &str, piece: &Piece<'_>) -> Result<(), DecodeError> {
        let place = Place { key, line: piece.line, offset: piece.offset };
        match (piece.begins, piece.end) {
            (true, End::Line) => return self.push_line(place, piece.bytes),
            (true, End::Broken) => return self.reject(place, BROKEN_GZIP, piece.bytes),
            (true, End::Room) => {
                self.lines += 1;
                self.rejected.begin(place, TOO_LONG)?;
            }
            (false, _) => {}
        }
        self.rejected.append(piece.bytes)?;
        if piece.end != End::Room {
            self.rejected.end()?;
        }
        if piece.end == End::Broken {
            let offset = piece.offset + piece.bytes.len() as u64;
            self.reject(Place { offset, ..place }, BROKEN_GZIP, b"")?;
        }
        Ok(())
    }

    /// A line of nothing but white space is no line.
    fn push_line(&mut self, place: Place<'_>, line: &[u8]) -> Result<(), DecodeError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        match read_line(line) {
            Ok(row) => {
                self.lines += 1;
                self.rows.push(&row).map_err(|source| DecodeError::Arrow { key: place.key.to_string(), source })?;
                self.charge(ROW_BYTES)
            }
            Err(error) => self.reject(place, error.reason(), line),
        }
    }

    fn reject(&mut self, place: Place<'_>, reason: &str, bytes: &[u8]) -> Result<(), DecodeError> {
        self.lines += 1;
        Ok(self.rejected.push(place, reason, bytes)?)
    }

    fn charge(&mut self, bytes: u64) -> Result<(), DecodeError> {
        self.bytes += bytes;
        let over = self.bytes > self.bytes_max || self.rejected.file_bytes() > self.bytes_max / REJECTED_SHARE;
        if over { Err(DecodeError::TooLarge { bytes: self.bytes }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use flate2::Compression;
    use flate2::read::GzDecoder;
    use flate2::write::GzEncoder;
    use log_format::LINE_BYTES_MAX;

    use super::*;
    use crate::lines::{PIECE_BYTES_MAX, RATIO_BYTES_MIN};

    fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        file.write_all(text.as_ref()).unwrap();
        file.finish().unwrap()
    }

    /// `line@offset:reason:bytes` of each rejected line, long bytes as their number.
    fn shown(file: Option<Vec<u8>>) -> Vec<String> {
        let mut text = String::new();
        GzDecoder::new(file.unwrap_or(gzip("")).as_slice()).read_to_string(&mut text).unwrap();
        let lines = text.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let bytes = STANDARD.decode(line["bytes"].as_str().unwrap()).unwrap();
            let bytes = if bytes.len() > 20 { bytes.len().to_string() } else { bytes.escape_ascii().to_string() };
            format!("{}@{}:{}:{bytes}", line["line"], line["offset"], line["reason"].as_str().unwrap())
        });
        lines.collect()
    }

    /// `rows/lines` and each rejected line.
    fn check(key: &str, object: &[u8], expected: &str) {
        let mut decoder = Decoder::new(1 << 30);
        decoder.push(key, object).unwrap();
        let decoded = decoder.finish().unwrap();
        let rows: usize = decoded.chunks.iter().map(RecordBatch::num_rows).sum();
        let rejected = shown(decoded.rejected_file);
        assert_eq!(rejected.len() as u64, decoded.rejected);
        assert_eq!([vec![format!("{rows}/{}", decoded.lines)], rejected].concat().join(" "), expected);
        assert_eq!(rows as u64 + decoded.rejected, decoded.lines);
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

    /// Bytes that do not compress, so that they make no bomb.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let bytes = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + (state >> 59) as u8 % 26
        });
        bytes.take(length).collect()
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
        let stopped = 2 * PIECE_BYTES_MAX;
        check("a.gz", &bomb, &format!("0/2 1@0:TooLong:{stopped} 1@{stopped}:ZipBomb:"));
        let mut decoder = Decoder::new(1 << 30);
        decoder.push("a.gz", &bomb).unwrap();
        decoder.push("b.gz", &gzip(TWO)).unwrap();
        assert_eq!(decoder.finish().unwrap().lines, 4);
        check("a.gz", &gzip(vec![b'\n'; 2 * RATIO_BYTES_MIN as usize]), "0/1 8388610@8388609:ZipBomb:");
        // It ends where it would be given up.
        check("a.gz", &gzip(vec![b'\n'; RATIO_BYTES_MIN as usize + 1]), "0/0");
        check("a", &vec![b'\n'; 2 * RATIO_BYTES_MIN as usize], "0/0");
    }

    #[test]
    fn an_hour_over_the_limit_is_too_large() {
        let taken = TWO.len() as u64 + 2 * ROW_BYTES;
        assert!(Decoder::new(taken).push("a", TWO.as_bytes()).is_ok());
        let error = Decoder::new(taken - 1).push("a", TWO.as_bytes()).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { bytes } if bytes == taken), "{error}");
    }

    /// Short lines make a file of rejected ones that is far longer than they are.
    #[test]
    fn an_hour_of_too_much_that_is_rejected_is_too_large() {
        let error = Decoder::new(1 << 20).push("a", "x\n".repeat(200_000).as_bytes()).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { .. }), "{error}");
    }
}
