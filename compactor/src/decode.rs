//! Object → lines → rows. What cannot be read is kept, with its reason.

use std::io::{BufRead, BufReader, Read, Write};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use log_format::read_line;
use serde::Serialize;

use crate::rows::Builder;

/// Takes the objects of an hour, one after the other.
#[derive(Debug)]
pub struct Decoder {
    rows: Builder,
    rejected: Vec<Rejected>,
    lines: u64,
    bytes: u64,
    bytes_max: u64,
}

/// Everything that was in the objects of an hour.
#[derive(Debug)]
pub struct Decoded {
    /// The rows that could be read.
    pub chunks: Vec<RecordBatch>,
    /// The lines that could not.
    pub rejected: Vec<Rejected>,
    /// How many lines there were.
    pub lines: u64,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// The object it stood in.
    pub key: String,
    /// Its number in the object, from 1, by its line feeds.
    pub line: u64,
    /// Why it could not be read.
    pub reason: &'static str,
    /// Its bytes, in base64.
    pub bytes: String,
}

/// Why an hour cannot be decoded at all. What is wrong with a line is no such error.
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
}

/// The reason of a rejected line that ended where its gzip member broke.
const BROKEN_GZIP: &str = "BrokenGzip";

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Decoder {
    /// A decoder that takes up to `bytes_max` bytes of JSON.
    pub fn new(bytes_max: u64) -> Decoder {
        Decoder { rows: Builder::new(), rejected: Vec::new(), lines: 0, bytes: 0, bytes_max }
    }

    /// Takes one object. Like Trino, tells by the key's ending whether it is compressed, and passes over an empty one.
    pub fn push(&mut self, key: &str, object: &[u8]) -> Result<(), DecodeError> {
        if key.ends_with(".gz") && !object.is_empty() {
            return self.push_lines(key, BufReader::with_capacity(128 << 10, MultiGzDecoder::new(object)));
        }
        self.push_lines(key, object)
    }

    /// What has been taken.
    pub fn finish(self) -> Result<Decoded, ArrowError> {
        Ok(Decoded { chunks: self.rows.finish()?, rejected: self.rejected, lines: self.lines })
    }

    /// A broken gzip member gives up its readable part: the lines before the break, and what there is of one more.
    fn push_lines(&mut self, key: &str, mut reader: impl BufRead) -> Result<(), DecodeError> {
        let mut line = Vec::with_capacity(4096);
        for number in 1.. {
            line.clear();
            // One byte more than there is room for, so that a line without end is not read to its end.
            let room = self.bytes_max - self.bytes + 1;
            let read = reader.by_ref().take(room).read_until(b'\n', &mut line);
            self.bytes += line.len() as u64;
            if self.bytes > self.bytes_max {
                return Err(DecodeError::TooLarge { bytes: self.bytes });
            }
            match read {
                Ok(0) => return Ok(()),
                Ok(_) => self.push_pieces(key, number, &line)?,
                Err(_) => {
                    self.lines += 1;
                    self.reject(key, number, BROKEN_GZIP, &line);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A carriage return ends a line too, as it does for Trino; a mark of the byte order begins an object.
    fn push_pieces(&mut self, key: &str, number: u64, line: &[u8]) -> Result<(), DecodeError> {
        let line = if number == 1 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line };
        for piece in line.split(|byte| matches!(byte, b'\n' | b'\r')) {
            self.push_line(key, number, piece)?;
        }
        Ok(())
    }

    /// A line of nothing but white space is no line.
    fn push_line(&mut self, key: &str, number: u64, line: &[u8]) -> Result<(), DecodeError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        self.lines += 1;
        match read_line(line) {
            Ok(row) => self.rows.push(&row).map_err(|source| DecodeError::Arrow { key: key.to_string(), source }),
            Err(error) => {
                self.reject(key, number, error.reason(), line);
                Ok(())
            }
        }
    }

    fn reject(&mut self, key: &str, line: u64, reason: &'static str, bytes: &[u8]) {
        self.rejected.push(Rejected { key: key.to_string(), line, reason, bytes: STANDARD.encode(bytes) });
    }
}

/// The rejected lines as they are kept: one JSON object a line, gzip.
pub fn rejected_file(rejected: &[Rejected]) -> std::io::Result<Vec<u8>> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    for line in rejected {
        serde_json::to_writer(&mut file, line)?;
        file.write_all(b"\n")?;
    }
    file.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        file.write_all(text.as_bytes()).unwrap();
        file.finish().unwrap()
    }

    /// `rows/lines` and each rejected line as `number:reason`.
    fn check(key: &str, object: &[u8], expected: &str) {
        let mut decoder = Decoder::new(1 << 20);
        decoder.push(key, object).unwrap();
        let decoded = decoder.finish().unwrap();
        let rows: usize = decoded.chunks.iter().map(RecordBatch::num_rows).sum();
        let rejected: Vec<String> =
            decoded.rejected.iter().map(|line| format!(" {}:{}", line.line, line.reason)).collect();
        assert_eq!(format!("{rows}/{}{}", decoded.lines, rejected.concat()), expected);
        assert_eq!(rows + decoded.rejected.len(), decoded.lines as usize);
    }

    const TWO: &str = "{\"type\":\"s\"}\n{\"type\":\"f\"}\n";

    #[test]
    fn reads_gzip_and_plain_objects() {
        check("a.gz", &gzip(TWO), "2/2");
        check("a", TWO.as_bytes(), "2/2");
        check("a.gz", &[gzip(TWO), gzip(TWO)].concat(), "4/4");
        check("a.gz", &gzip("{\"type\":\"s\"}"), "1/1");
        check("a.gz", &gzip(""), "0/0");
        check("a.gz", b"", "0/0");
        check("a.gz", &gzip("\n\r\n{\"type\":\"s\"}\r\n\n"), "1/1");
        check("a.gz", &gzip("{\"type\":\"s\"}\r{\"type\":\"f\"}\nword"), "2/3 2:NotJson");
        check("a.gz", &gzip("\u{feff}{\"type\":\"s\"}\n\u{feff}{\"type\":\"s\"}\n"), "1/2 2:NotJson");
    }

    #[test]
    fn keeps_what_it_cannot_read() {
        check("a.gz", &gzip("{\"type\":\"s\"}\nword\n{}\n{\"type\":\"f\"}\n"), "2/4 2:NotJson 3:Empty");
        check("a.gz", b"not gzip at all", "0/1 1:BrokenGzip");
    }

    #[test]
    fn reads_a_broken_member_up_to_the_break() {
        let whole = gzip(TWO);
        check("a.gz", &whole[..whole.len() - 4], "2/3 3:BrokenGzip");
        check("a.gz", &whole[..whole.len() - 9], "1/2 2:BrokenGzip");
        check("a.gz", &[whole.as_slice(), b"garbage"].concat(), "2/3 3:BrokenGzip");
    }

    #[test]
    fn keeps_rejected_lines_to_the_byte() {
        let mut decoder = Decoder::new(1 << 20);
        decoder.push("logs/a", b"\xff\xfe\n").unwrap();
        let rejected = decoder.finish().unwrap().rejected;
        let mut text = String::new();
        Read::read_to_string(&mut MultiGzDecoder::new(rejected_file(&rejected).unwrap().as_slice()), &mut text)
            .unwrap();
        assert_eq!(text, "{\"key\":\"logs/a\",\"line\":1,\"reason\":\"NotJson\",\"bytes\":\"//4=\"}\n");
    }

    #[test]
    fn an_hour_over_the_limit_is_too_large() {
        let error = Decoder::new(20).push("a", TWO.as_bytes()).unwrap_err();
        assert!(matches!(error, DecodeError::TooLarge { bytes: 21 }));
        assert!(Decoder::new(TWO.len() as u64).push("a", TWO.as_bytes()).is_ok());
    }
}
