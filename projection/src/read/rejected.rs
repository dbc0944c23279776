//! The file of rejected lines: gzip, one JSON object a line, with every byte that could not be read.

use std::io::{self, Seek, Write};

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::SpooledTempFile;

/// Bytes held in memory. A longer file moves to disk.
const HELD_BYTES_MAX: usize = 1 << 20;

/// An empty temporary file in bounded memory.
pub fn spool() -> SpooledTempFile {
    SpooledTempFile::new(HELD_BYTES_MAX)
}

/// Where a line is in its object.
#[derive(Debug, Clone, Copy)]
pub struct SourceLocation<'a> {
    /// The object's key.
    pub key: &'a str,
    /// The number of the line, counted by line feeds from 1.
    pub line: u64,
    /// Byte offset of the line in the decompressed object.
    pub offset: u64,
}

/// Writes rejected lines as `{"key":…,"line":…,"offset":…,"reason":…,"bytes":…}`; `bytes` is base64.
#[derive(Debug)]
pub struct RejectedLines {
    /// `None` before the first line: few objects have any.
    file: Option<GzEncoder<SpooledTempFile>>,
    lines: u64,
}

impl RejectedLines {
    /// A file without lines; nothing is written yet.
    pub fn new() -> RejectedLines {
        RejectedLines { file: None, lines: 0 }
    }

    /// Adds a line that is in memory.
    pub fn push(&mut self, location: SourceLocation<'_>, reason: &str, bytes: &[u8]) -> io::Result<()> {
        self.begin(location, reason)?;
        self.append(bytes)?;
        self.end()
    }

    /// Begins a line that comes in pieces.
    pub fn begin(&mut self, location: SourceLocation<'_>, reason: &str) -> io::Result<()> {
        self.lines += 1;
        let file = self.file();
        file.write_all(b"{\"key\":")?;
        serde_json::to_writer(&mut *file, location.key)?;
        write!(file, ",\"line\":{},\"offset\":{},\"reason\":\"{reason}\",\"bytes\":\"", location.line, location.offset)
    }

    /// Adds a piece of the line: a multiple of three bytes, unless it is the last.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        write!(self.file(), "{}", Base64Display::new(bytes, &STANDARD))
    }

    /// Ends the line that was begun.
    pub fn end(&mut self) -> io::Result<()> {
        self.file().write_all(b"\"}\n")
    }

    /// The number of lines.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The file, positioned at its beginning. `None` if it has no line.
    pub fn finish(self) -> io::Result<Option<SpooledTempFile>> {
        let Some(file) = self.file else { return Ok(None) };
        let mut file = file.finish()?;
        file.rewind()?;
        Ok(Some(file))
    }

    fn file(&mut self) -> &mut GzEncoder<SpooledTempFile> {
        self.file.get_or_insert_with(|| GzEncoder::new(spool(), Compression::default()))
    }
}

impl Default for RejectedLines {
    fn default() -> RejectedLines {
        RejectedLines::new()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn keeps_lines_to_the_byte() {
        let mut rejected = RejectedLines::new();
        let location = SourceLocation { key: "logs/\"a", line: 7, offset: 99 };
        rejected.push(location, "NotJson", b"\xff\xfe").unwrap();
        rejected.begin(location, "TooLong").unwrap();
        for part in [b"abc".as_slice(), b"def", b"g"] {
            rejected.append(part).unwrap();
        }
        rejected.end().unwrap();
        assert_eq!(rejected.lines(), 2);
        let mut text = String::new();
        GzDecoder::new(rejected.finish().unwrap().unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(
            text,
            concat!(
                "{\"key\":\"logs/\\\"a\",\"line\":7,\"offset\":99,\"reason\":\"NotJson\",\"bytes\":\"//4=\"}\n",
                "{\"key\":\"logs/\\\"a\",\"line\":7,\"offset\":99,\"reason\":\"TooLong\",\"bytes\":\"YWJjZGVmZw==\"}\n"
            )
        );
    }

    #[test]
    fn is_no_file_without_lines() {
        assert!(RejectedLines::new().finish().unwrap().is_none());
    }
}
