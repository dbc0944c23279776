//! The journal: an append-only file of JSON lines that is read when the folder is opened.
//!
//! A record and its line end are written in one call. So a process that dies leaves whole lines and perhaps a torn last
//! one. The torn line is ignored, because its call was never answered. Nothing is flushed to the device: a power cut may
//! lose the last seconds of the journal and of the objects.
//!
//! Who opens a folder to read it takes no lock. Another process may write meanwhile, so a [`Follower`] reads on whenever
//! the journal has grown, or has been replaced.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use cap_fs_ext::MetadataExt;
use cap_std::fs::Metadata;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::folder::{Folder, absent};

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

impl JournalError {
    /// The error with what the file system says, for a client, who gets no causes.
    pub(crate) fn with_cause(&self) -> String {
        match self {
            JournalError::Read { source, .. } | JournalError::Write { source, .. } => {
                format!("{self}: {}", cause(source))
            }
            JournalError::Line { source, .. } => format!("{self}: {source}"),
        }
    }
}

/// What the file system says, and what helps.
pub(crate) fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{error}; free some space on the disk of the data folder")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            format!("{error}; the data folder has to be one that you may write to")
        }
        _ => error.to_string(),
    }
}

/// A journal that is open for appending. In a folder that is open for reading only, nothing can be appended.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
}

impl Journal {
    /// Reads every whole record of the journal `name` in `folder`, the oldest first.
    pub(crate) fn read<R: DeserializeOwned>(folder: &Folder, name: &str) -> Result<Vec<R>, JournalError> {
        Ok(Follower::default().read(folder, name)?.map(News::into_records).unwrap_or_default())
    }

    /// Replaces the journal `name` in `folder` by one with only `records`, and opens it.
    pub(crate) fn rewrite<R: Serialize>(
        folder: &Folder,
        name: &str,
        records: impl Iterator<Item = R>,
    ) -> Result<Journal, JournalError> {
        let path = folder.display(Path::new(name));
        if !folder.is_writable() {
            return Ok(Journal { path, file: None, bytes: 0 });
        }
        let replaced = Journal::replace(folder, Path::new(name), records);
        let (file, bytes) = replaced.map_err(|source| JournalError::Write { path: path.clone(), source })?;
        Ok(Journal { path, file: Some(file), bytes })
    }

    fn replace<R: Serialize>(
        folder: &Folder,
        path: &Path,
        records: impl Iterator<Item = R>,
    ) -> io::Result<(File, u64)> {
        let new = path.with_extension("new");
        // A crash leaves one.
        absent(folder.remove_file(&new))?;
        let mut file = io::BufWriter::new(folder.create(&new)?);
        for record in records {
            file.write_all(&line(&record)?)?;
        }
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        folder.rename(&new, path)?;
        let bytes = file.metadata()?.len();
        Ok((file, bytes))
    }

    /// Whether records can be appended.
    pub(crate) fn is_writable(&self) -> bool {
        self.file.is_some()
    }

    pub(crate) fn append<R: Serialize>(&mut self, record: &R) -> Result<(), JournalError> {
        self.write(record).map_err(|source| JournalError::Write { path: self.path.clone(), source })
    }

    fn write<R: Serialize>(&mut self, record: &R) -> io::Result<()> {
        let line = line(record)?;
        let mut file = self.file.take().ok_or(io::ErrorKind::ReadOnlyFilesystem)?;
        let written = file.write_all(&line);
        // A full disk must not leave half a line before later ones. If that cannot be helped, there are no later ones.
        self.bytes = match &written {
            Ok(()) => self.bytes + line.len() as u64,
            Err(_) => {
                file.set_len(self.bytes)?;
                file.seek(SeekFrom::Start(self.bytes))?
            }
        };
        self.file = Some(file);
        written
    }
}

/// What has been read of a journal that another process may write.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    /// The file that was read. It stays open, so that no other file gets its number.
    file: Option<File>,
    /// So many bytes of it were read, and so many lines.
    bytes: u64,
    lines: usize,
}

/// What a journal holds that was not read before.
#[derive(Debug)]
pub(crate) enum News<R> {
    /// Records that were appended.
    More(Vec<R>),
    /// All records: the journal has been replaced.
    Anew(Vec<R>),
}

impl<R> News<R> {
    /// The records.
    pub(crate) fn into_records(self) -> Vec<R> {
        match self {
            News::More(records) | News::Anew(records) => records,
        }
    }
}

impl Follower {
    /// Reads the whole records of the journal `name` in `folder` that were not read before, the oldest first. `None` if there
    /// is nothing new.
    pub(crate) fn read<R: DeserializeOwned>(
        &mut self,
        folder: &Folder,
        name: &str,
    ) -> Result<Option<News<R>>, JournalError> {
        let path = folder.display(Path::new(name));
        let failed = |source| JournalError::Read { path: path.clone(), source };
        let Some(seen) = absent(folder.look(Path::new(name))).map_err(failed)? else {
            let was_there = std::mem::take(self).file.is_some();
            return Ok(was_there.then(|| News::Anew(Vec::new())));
        };
        let is_same = self.is_at(&seen).map_err(failed)?;
        if is_same && self.bytes == seen.len() {
            return Ok(None);
        }
        if !is_same {
            *self = Follower { file: Some(folder.read(Path::new(name)).map_err(failed)?), ..Follower::default() };
        }
        let Some(file) = &mut self.file else { return Ok(None) };
        let (before, mut text) = (self.bytes, Vec::new());
        let read = file.seek(SeekFrom::Start(self.bytes)).and_then(|_| file.read_to_end(&mut text));
        read.map_err(failed)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let records = records(&text[..whole], self.lines).map_err(|(line, source)| {
            let path = path.clone();
            JournalError::Line { path, line, source }
        })?;
        self.bytes += whole as u64;
        self.lines += text[..whole].iter().filter(|&&byte| byte == b'\n').count();
        let is_more = is_same && before > 0;
        Ok(match is_more {
            true if records.is_empty() => None,
            true => Some(News::More(records)),
            false => Some(News::Anew(records)),
        })
    }

    /// True if what was read is the beginning of the file that was `seen`.
    fn is_at(&self, seen: &Metadata) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let read = file.metadata()?;
        Ok((read.dev(), read.ino()) == (seen.dev(), seen.ino()) && self.bytes <= seen.len())
    }
}

/// The records of whole lines, before which `before` were read. An error names its line.
fn records<R: DeserializeOwned>(text: &[u8], before: usize) -> Result<Vec<R>, (usize, serde_json::Error)> {
    let lines = text.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    lines.map(|(index, line)| serde_json::from_slice(line).map_err(|error| (before + index + 1, error))).collect()
}

fn line<R: Serialize>(record: &R) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record)?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NAME: &str = "journal.ndjson";

    fn folder_with(text: &str) -> (tempfile::TempDir, Folder) {
        let kept = tempfile::tempdir().unwrap();
        fs::write(kept.path().join(NAME), text).unwrap();
        let folder = Folder::open(kept.path()).unwrap();
        (kept, folder)
    }

    fn check(text: &str, expected: &[&str]) {
        let (_kept, folder) = folder_with(text);
        assert_eq!(Journal::read::<String>(&folder, NAME).unwrap(), expected, "{text:?}");
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
        let (kept, folder) = folder_with("\"a\"\nspoilt\n\"b\"\n");
        let error = Journal::read::<String>(&folder, NAME).unwrap_err();
        assert_eq!(error.to_string(), format!("{} line 2 is not a record", kept.path().join(NAME).display()));
    }

    #[test]
    fn appended_records_are_read_back() {
        let (_kept, folder) = folder_with("");
        let mut journal = Journal::rewrite(&folder, NAME, ["a"].iter()).unwrap();
        journal.append(&"b").unwrap();
        assert_eq!(Journal::read::<String>(&folder, NAME).unwrap(), ["a", "b"]);
        Journal::rewrite(&folder, NAME, ["c"].iter()).unwrap();
        assert_eq!(Journal::read::<String>(&folder, NAME).unwrap(), ["c"]);
    }

    /// What is new, with a sign in front of it.
    fn news(follower: &mut Follower, folder: &Folder) -> Option<String> {
        follower.read::<String>(folder, NAME).unwrap().map(|news| match news {
            News::More(records) => format!("+{}", records.concat()),
            News::Anew(records) => format!("={}", records.concat()),
        })
    }

    #[test]
    fn a_follower_reads_what_is_new() {
        let (kept, folder) = folder_with("\"a\"\n\"b");
        let mut follower = Follower::default();
        assert_eq!(news(&mut follower, &folder).as_deref(), Some("=a"));
        // The torn line is looked at again, and holds nothing yet.
        assert_eq!(news(&mut follower, &folder), None);
        fs::write(kept.path().join(NAME), "\"a\"\n\"b\"\n\"c\"\n").unwrap();
        assert_eq!(news(&mut follower, &folder).as_deref(), Some("+bc"));
        assert_eq!(news(&mut follower, &folder), None);
        let mut journal = Journal::rewrite(&folder, NAME, ["a", "c"].iter()).unwrap();
        assert_eq!(news(&mut follower, &folder).as_deref(), Some("=ac"));
        journal.append(&"d").unwrap();
        assert_eq!(news(&mut follower, &folder).as_deref(), Some("+d"));
        fs::write(kept.path().join(NAME), "\"a\"\n").unwrap();
        assert_eq!(news(&mut follower, &folder).as_deref(), Some("=a"));
        fs::write(kept.path().join(NAME), "\"a\"\nspoilt\n").unwrap();
        let error = follower.read::<String>(&folder, NAME).unwrap_err();
        assert!(error.to_string().ends_with("line 2 is not a record"), "{error}");
        fs::remove_file(kept.path().join(NAME)).unwrap();
        assert_eq!(news(&mut follower, &folder).as_deref(), Some("="));
        assert_eq!(news(&mut follower, &folder), None);
    }

    #[test]
    fn a_folder_for_reading_only_takes_no_record() {
        let (_kept, folder) = folder_with("\"a\"\n");
        let mut journal = Journal::rewrite(&folder.read_only(), NAME, ["b"].iter()).unwrap();
        assert!(journal.append(&"c").is_err());
        assert_eq!(Journal::read::<String>(&folder, NAME).unwrap(), ["a"]);
    }
}
