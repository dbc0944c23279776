//! The journal: an append-only file of JSON lines that is read when the folder is opened.
//!
//! A record and its line end are written in one call. So a process that dies leaves whole lines and perhaps a torn last
//! one. The torn line is ignored, because its call was never answered. Nothing is flushed to the device: a power cut may
//! lose the last seconds of the journal and of the objects.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file exists and cannot be read.
    #[error("failed to read the journal {path}")]
    Read {
        /// The journal.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
    /// A whole line is not a record. Another program, or another version of this one, wrote to the journal.
    #[error("{path} line {line} is not a record")]
    Line {
        /// The journal.
        path: PathBuf,
        /// The number of the line. The first line is number one.
        line: usize,
        /// The error of the parser.
        #[source]
        source: serde_json::Error,
    },
    /// The file cannot be written.
    #[error("failed to write the journal {path}")]
    Write {
        /// The journal.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
}

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Journal {
    /// Reads every whole record of the journal at `path`, the oldest first.
    pub(crate) fn read<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>, JournalError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(JournalError::Read { path: path.to_owned(), source }),
        };
        let whole = text.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
        let lines = text[..whole].split(|&byte| byte == b'\n').enumerate();
        let mut records = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
            let record = serde_json::from_slice(line).map_err(|source| JournalError::Line {
                path: path.to_owned(),
                line: index + 1,
                source,
            })?;
            records.push(record);
        }
        Ok(records)
    }

    /// Replaces the journal at `path` by one with only `records`, and opens it.
    pub(crate) fn rewrite<R: Serialize>(
        path: &Path,
        records: impl Iterator<Item = R>,
    ) -> Result<Journal, JournalError> {
        Journal::replace(path, records).map_err(|source| JournalError::Write { path: path.to_owned(), source })
    }

    fn replace<R: Serialize>(path: &Path, records: impl Iterator<Item = R>) -> io::Result<Journal> {
        let new = path.with_extension("new");
        let mut file = io::BufWriter::new(File::create(&new)?);
        for record in records {
            file.write_all(&line(&record)?)?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        fs::rename(&new, path)?;
        let bytes = file.metadata()?.len();
        Ok(Journal { path: path.to_owned(), file, bytes })
    }

    pub(crate) fn append<R: Serialize>(&mut self, record: &R) -> Result<(), JournalError> {
        self.write(record).map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    fn write<R: Serialize>(&mut self, record: &R) -> io::Result<()> {
        let line = line(record)?;
        if let Err(error) = self.file.write_all(&line) {
            // A full disk must not leave half a line before later ones.
            self.file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += line.len() as u64;
        Ok(())
    }
}

fn line<R: Serialize>(record: &R) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        fs::write(&path, text).unwrap();
        assert_eq!(Journal::read::<String>(&path).unwrap(), expected, "{text:?}");
    }

    #[test]
    fn a_torn_last_line_is_ignored() {
        check("", &[]);
        check("\"a\"\n", &["a"]);
        check("\"a\"\n\"b\"\n", &["a", "b"]);
        check("\"a\"\n\"b", &["a"]);
        check("\"a\"\n\"b\"", &["a"]);
        check("\"a", &[]);
    }

    #[test]
    fn a_spoilt_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        fs::write(&path, "\"a\"\nspoilt\n\"b\"\n").unwrap();
        let error = Journal::read::<String>(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{} line 2 is not a record", path.display()));
    }

    #[test]
    fn appended_records_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        let mut journal = Journal::rewrite(&path, ["a"].iter()).unwrap();
        journal.append(&"b").unwrap();
        assert_eq!(Journal::read::<String>(&path).unwrap(), ["a", "b"]);
        Journal::rewrite(&path, ["c"].iter()).unwrap();
        assert_eq!(Journal::read::<String>(&path).unwrap(), ["c"]);
    }
}
