//! A write before it is done: the bytes in a file of their own, hashed on the way.

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

use super::checksum::{Algorithm, Checksum, Claims};
use super::error::{StoreError, disk};
use super::object::Fingerprint;

/// How much of a part is joined at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// Bytes on their way to a place. Dropped before they get there, they leave nothing.
#[derive(Debug)]
pub(super) struct Spool {
    file: NamedTempFile<File>,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Checksum,
}

impl Spool {
    /// Takes in a body, which must be what its sender claims, and makes its checksum: the one claimed or, if none is,
    /// one of `algorithm`.
    pub(super) async fn fill(
        folder: &Path,
        body: Option<StreamingBlob>,
        claims: &Claims,
        algorithm: Algorithm,
    ) -> Result<Spool, StoreError> {
        let mut file = create(folder).map_err(disk("create a temporary file"))?;
        let algorithm = claims.algorithm().unwrap_or(algorithm);
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
        spool.check(claims)?;
        Ok(spool)
    }

    fn check(&self, claims: &Claims) -> Result<(), StoreError> {
        if let Some(expected) = claims.length
            && expected != self.size
        {
            return Err(StoreError::Length { expected, found: self.size });
        }
        if claims.md5.as_ref().is_some_and(|md5| *md5 != STANDARD.encode(self.md5)) {
            return Err(StoreError::Digest("MD5"));
        }
        claims.checksum.as_ref().map_or(Ok(()), |claim| claim.check(&self.checksum))
    }

    /// Puts files behind one another and makes the checksum of them all.
    pub(super) fn join<'a>(
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
        // Whoever joins parts makes the ETag from those of the parts.
        Ok(Spool { file, size, md5: [0; 16], checksum: Checksum::finish(algorithm, checksum) })
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
