//! The spool: a temporary file that takes the bytes of a write and hashes them.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt;
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;

use super::paths;
use crate::folder::Folder;
use crate::services::s3::checksum::{Algorithm, Checksum};
use crate::services::s3::declared::DeclaredChecksums;
use crate::services::s3::error::{StoreError, disk};
use crate::services::s3::object::Fingerprint;

/// Bytes of a part that are copied at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// A file that is not in place yet. Dropping it deletes the file.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Unfinished,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Checksum,
}

impl Spool {
    /// Writes a body to a new spool. Refuses a body that is not what its sender declares. The spool's checksum has the
    /// declared algorithm or, if none is declared, `algorithm`.
    pub(crate) async fn fill(
        folder: &Folder,
        body: Option<StreamingBlob>,
        declared: &DeclaredChecksums,
        algorithm: Algorithm,
    ) -> Result<Spool, StoreError> {
        let mut unfinished = Unfinished::create(folder).map_err(disk("create a temporary file"))?;
        let algorithm = declared.algorithm().unwrap_or(algorithm);
        let mut checksum = algorithm.hasher();
        let mut md5 = Md5::new();
        let mut size = 0;
        if let Some(mut body) = body {
            while let Some(bytes) = body.try_next().await.map_err(StoreError::Body)? {
                unfinished.file.write_all(&bytes).map_err(disk("write a temporary file"))?;
                md5.update(&bytes);
                checksum.update(&bytes);
                size += bytes.len() as u64;
            }
        }
        let spool = Spool {
            file: unfinished,
            size,
            md5: md5.finalize().into(),
            checksum: Checksum::finish(algorithm, checksum),
        };
        spool.check(declared)?;
        Ok(spool)
    }

    fn check(&self, declared: &DeclaredChecksums) -> Result<(), StoreError> {
        if let Some(expected) = declared.length
            && expected != self.size
        {
            return Err(StoreError::Length { expected, found: self.size });
        }
        if declared.md5.as_ref().is_some_and(|md5| *md5 != STANDARD.encode(self.md5)) {
            return Err(StoreError::Digest("MD5"));
        }
        declared.checksum.as_ref().map_or(Ok(()), |checksum| checksum.check(&self.checksum))
    }

    /// Concatenates files into a new spool. The checksum covers all bytes. The MD5 stays zero.
    pub(crate) fn join<'a>(
        folder: &Folder,
        parts: impl Iterator<Item = &'a Path>,
        algorithm: Algorithm,
    ) -> io::Result<Spool> {
        let mut unfinished = Unfinished::create(folder)?;
        let mut checksum = algorithm.hasher();
        let mut size = 0;
        let mut block = vec![0; BLOCK_BYTES];
        for part in parts {
            let mut part = folder.read(part)?;
            loop {
                let read = part.read(&mut block)?;
                if read == 0 {
                    break;
                }
                unfinished.file.write_all(&block[..read])?;
                checksum.update(&block[..read]);
                size += read as u64;
            }
        }
        // The ETag of a multipart object comes from the ETags of its parts.
        Ok(Spool { file: unfinished, size, md5: [0; 16], checksum: Checksum::finish(algorithm, checksum) })
    }

    /// Sets the modification time to `now`. If the file would then have the fingerprint of the one that it replaces,
    /// the time is one nanosecond later, so that the two fingerprints differ.
    pub(crate) fn set_modified(&self, now: SystemTime, replaced: Option<Fingerprint>) -> io::Result<Fingerprint> {
        let file = &self.file.file;
        file.set_modified(now)?;
        let fingerprint = fingerprint_of(file)?;
        if replaced != Some(fingerprint) {
            return Ok(fingerprint);
        }
        file.set_modified(now + Duration::from_nanos(1))?;
        fingerprint_of(file)
    }

    /// Moves the file to `path`, in one step. A reader sees the old file or the whole new one.
    pub(crate) fn persist(mut self, path: &Path) -> io::Result<()> {
        self.file.folder.rename(&self.file.path, path)?;
        self.file.moved = true;
        Ok(())
    }
}

/// A file in the folder of unfinished writes. Dropping it deletes it, unless it has been moved.
#[derive(Debug)]
struct Unfinished {
    folder: Folder,
    path: PathBuf,
    file: File,
    moved: bool,
}

impl Unfinished {
    /// Makes a file with default permissions, so that other users can read the buckets.
    fn create(folder: &Folder) -> io::Result<Unfinished> {
        let path = paths::unfinished();
        let file = folder.create(&path)?;
        Ok(Unfinished { folder: folder.clone(), path, file, moved: false })
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.moved {
            // What stays is removed when the folder is opened again.
            let _ = self.folder.remove_file(&self.path);
        }
    }
}

fn fingerprint_of(file: &File) -> io::Result<Fingerprint> {
    let file = file.metadata()?;
    Ok(Fingerprint::new(file.len(), file.modified()))
}
