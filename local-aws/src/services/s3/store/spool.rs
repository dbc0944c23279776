//! The spool: a temporary file that takes the bytes of a write and hashes them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt;
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use tempfile::NamedTempFile;

use crate::services::s3::checksum::{Algorithm, Checksum};
use crate::services::s3::declared::DeclaredChecksums;
use crate::services::s3::error::{StoreError, disk};
use crate::services::s3::object::Fingerprint;

/// Bytes of a part that are copied at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// A file that is not in place yet. Dropping it deletes the file.
#[derive(Debug)]
pub(crate) struct Spool {
    file: NamedTempFile<File>,
    pub(crate) size: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Checksum,
}

impl Spool {
    /// Writes a body to a new spool. Refuses a body that is not what its sender declares. The spool's checksum has the
    /// declared algorithm or, if none is declared, `algorithm`.
    pub(crate) async fn fill(
        folder: &Path,
        body: Option<StreamingBlob>,
        declared: &DeclaredChecksums,
        algorithm: Algorithm,
    ) -> Result<Spool, StoreError> {
        let mut file = create(folder).map_err(disk("create a temporary file"))?;
        let algorithm = declared.algorithm().unwrap_or(algorithm);
        let mut checksum = algorithm.hasher();
        let mut md5 = Md5::new();
        let mut size = 0;
        if let Some(mut body) = body {
            while let Some(bytes) = body.try_next().await.map_err(StoreError::Body)? {
                file.write_all(&bytes).map_err(disk("write a temporary file"))?;
                md5.update(&bytes);
                checksum.update(&bytes);
                size += bytes.len() as u64;
            }
        }
        let spool = Spool { file, size, md5: md5.finalize().into(), checksum: Checksum::finish(algorithm, checksum) };
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
        folder: &Path,
        parts: impl Iterator<Item = &'a Path>,
        algorithm: Algorithm,
    ) -> io::Result<Spool> {
        let mut file = create(folder)?;
        let mut checksum = algorithm.hasher();
        let mut size = 0;
        let mut block = vec![0; BLOCK_BYTES];
        for part in parts {
            let mut part = File::open(part)?;
            loop {
                let read = part.read(&mut block)?;
                if read == 0 {
                    break;
                }
                file.write_all(&block[..read])?;
                checksum.update(&block[..read]);
                size += read as u64;
            }
        }
        // The ETag of a multipart object comes from the ETags of its parts.
        Ok(Spool { file, size, md5: [0; 16], checksum: Checksum::finish(algorithm, checksum) })
    }

    /// Sets the modification time to `now`. If the file would then have the fingerprint of the one that it replaces,
    /// the time is one nanosecond later, so that the two fingerprints differ.
    pub(crate) fn set_modified(&self, now: SystemTime, replaced: Option<Fingerprint>) -> io::Result<Fingerprint> {
        let file = self.file.as_file();
        file.set_modified(now)?;
        let fingerprint = Fingerprint::of(&file.metadata()?);
        if replaced != Some(fingerprint) {
            return Ok(fingerprint);
        }
        file.set_modified(now + Duration::from_nanos(1))?;
        Ok(Fingerprint::of(&file.metadata()?))
    }

    /// Moves the file to `path`, in one step. A reader sees the old file or the whole new one.
    pub(crate) fn persist(self, path: &Path) -> io::Result<()> {
        self.file.persist(path)?;
        Ok(())
    }
}

fn create(folder: &Path) -> io::Result<NamedTempFile<File>> {
    // With default permissions, so that other users can read the buckets.
    tempfile::Builder::new().make_in(folder, |path| OpenOptions::new().write(true).create_new(true).open(path))
}
