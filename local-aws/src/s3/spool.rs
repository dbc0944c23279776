//! A write before it is done: the bytes in a file of their own, hashed on the way.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt;
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use tempfile::NamedTempFile;

use super::error::{StoreError, disk};
use super::object::Fingerprint;

/// Bytes on their way to a place. Dropped before they get there, they leave nothing.
#[derive(Debug)]
pub(super) struct Spool {
    file: NamedTempFile<File>,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
}

impl Spool {
    /// Takes in a body, which must have the length and MD5 that its sender says.
    pub(super) async fn fill(
        folder: &Path,
        body: Option<StreamingBlob>,
        length: Option<i64>,
        content_md5: Option<&str>,
    ) -> Result<Spool, StoreError> {
        let mut file = create(folder).map_err(disk("create a temporary file"))?;
        let mut md5 = Md5::new();
        let mut size = 0;
        if let Some(mut body) = body {
            while let Some(bytes) = body.try_next().await.map_err(StoreError::Body)? {
                file.write_all(&bytes).map_err(disk("write a temporary file"))?;
                md5.update(&bytes);
                size += bytes.len() as u64;
            }
        }
        let spool = Spool { file, size, md5: md5.finalize().into() };
        spool.check(length, content_md5)?;
        Ok(spool)
    }

    fn check(&self, length: Option<i64>, content_md5: Option<&str>) -> Result<(), StoreError> {
        if let Some(expected) = length.and_then(|length| u64::try_from(length).ok())
            && expected != self.size
        {
            return Err(StoreError::Length { expected, found: self.size });
        }
        match content_md5 {
            Some(expected) if expected != STANDARD.encode(self.md5) => Err(StoreError::Digest),
            _ => Ok(()),
        }
    }

    /// Puts files behind one another.
    pub(super) fn join<'a>(folder: &Path, parts: impl Iterator<Item = &'a Path>) -> io::Result<Spool> {
        let mut file = create(folder)?;
        let mut size = 0;
        for part in parts {
            size += io::copy(&mut File::open(part)?, file.as_file_mut())?;
        }
        // Whoever joins parts makes the ETag from those of the parts.
        Ok(Spool { file, size, md5: [0; 16] })
    }

    /// Dates the file: `now`, or the next moment after that if the file it is going to replace has this very
    /// fingerprint, so that the two can always be told apart.
    pub(super) fn date(&self, now: SystemTime, replaced: Option<Fingerprint>) -> io::Result<Fingerprint> {
        let file = self.file.as_file();
        file.set_modified(now)?;
        let fingerprint = Fingerprint::of(&file.metadata()?);
        if replaced != Some(fingerprint) {
            return Ok(fingerprint);
        }
        file.set_modified(now + Duration::from_nanos(1))?;
        Ok(Fingerprint::of(&file.metadata()?))
    }

    /// Moves the file to `path`, in one step: readers see what was there or all of this.
    pub(super) fn persist(self, path: &Path) -> io::Result<()> {
        self.file.persist(path)?;
        Ok(())
    }
}

fn create(folder: &Path) -> io::Result<NamedTempFile<File>> {
    // Opened like any file, not for its owner alone: other programs may read the buckets.
    tempfile::Builder::new().make_in(folder, |path| OpenOptions::new().write(true).create_new(true).open(path))
}
