//! What could not be read, kept to the byte: one JSON object a line, gzip, written as it comes.

use std::io::{self, Seek, Write};

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::SpooledTempFile;

/// Bytes that are held in memory; a file of more goes to the disk.
const HELD_BYTES_MAX: usize = 1 << 20;

/// An empty file that takes no more memory however long it gets.
pub fn spool() -> SpooledTempFile {
    SpooledTempFile::new(HELD_BYTES_MAX)
}

/// Where a line stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The object's key.
    pub key: &'a str,
    /// The line's number in the object, from 1, by line feeds.
    pub line: u64,
    /// Where its first byte lies in the object, decompressed.
    pub offset: u64,
}

/// The file of an attempt's rejected lines, `{"key":…,"line":…,"offset":…,"reason":…,"bytes":…}` each, its bytes in base64.
#[derive(Debug)]
pub struct Rejected {
    /// None before the first line: few objects have any.
    file: Option<GzEncoder<SpooledTempFile>>,
    lines: u64,
}

impl Rejected {
    /// A file without lines.
    pub fn new() -> Rejected {
        Rejected { file: None, lines: 0 }
    }

    /// Adds a line.
    pub fn push(&mut self, place: Place<'_>, reason: &str, bytes: &[u8]) -> io::Result<()> {
        self.begin(place, reason)?;
        self.append(bytes)?;
        self.end()
    }

    /// Begins a line that is too long to be held; its bytes follow.
    pub fn begin(&mut self, place: Place<'_>, reason: &str) -> io::Result<()> {
        self.lines += 1;
        let file = self.file();
        file.write_all(b"{\"key\":")?;
        serde_json::to_writer(&mut *file, place.key)?;
        write!(file, ",\"line\":{},\"offset\":{},\"reason\":\"{reason}\",\"bytes\":\"", place.line, place.offset)
    }

    /// Adds bytes to the line that was begun: a multiple of three, or its last ones.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        write!(self.file(), "{}", Base64Display::new(bytes, &STANDARD))
    }

    /// Ends the line that was begun.
    pub fn end(&mut self) -> io::Result<()> {
        self.file().write_all(b"\"}\n")
    }

    /// How many lines there are.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The file, to be read from its beginning; none where there is no line.
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

impl Default for Rejected {
    fn default() -> Rejected {
        Rejected::new()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn keeps_lines_to_the_byte() {
        let mut rejected = Rejected::new();
        let place = Place { key: "logs/\"a", line: 7, offset: 99 };
        rejected.push(place, "NotJson", b"\xff\xfe").unwrap();
        rejected.begin(place, "TooLong").unwrap();
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
        assert!(Rejected::new().finish().unwrap().is_none());
    }
}
