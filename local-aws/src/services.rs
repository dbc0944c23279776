//! The services: S3, Glue and SQS over one folder, and the stand-ins for Firehose and Lambda.

pub mod firehose;
pub(crate) mod glue;
pub(crate) mod lambda;
pub(crate) mod s3;
pub(crate) mod sqs;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::journal::JournalError;
use crate::services::glue::Glue;
use crate::services::s3::{Paths, S3};
use crate::services::sqs::Sqs;

/// Why a folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or written to.
    #[error("failed to make {path}")]
    Folder {
        /// The folder or file that could not be made.
        path: PathBuf,
        /// The error of the file system.
        #[source]
        source: io::Error,
    },
    /// Another process, or another [`LocalAws`](crate::LocalAws) in this process, has the folder open.
    #[error("{data} is in use by another process")]
    InUse {
        /// The folder.
        data: PathBuf,
    },
    /// A journal in the folder cannot be read or written back.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The services that keep their state in the folder. The folder stays locked as long as this value lives.
pub(crate) struct Services {
    pub(crate) s3: S3,
    pub(crate) glue: Glue,
    pub(crate) sqs: Sqs,
    _lock: File,
}

impl Services {
    /// Opens the folder `data`. Makes it if it does not exist.
    pub(crate) fn open(data: &Path, clock: Clock) -> Result<Services, OpenError> {
        let paths = Paths::new(data);
        let state = paths.state();
        for folder in [paths.escaped_keys(), paths.unfinished(), paths.uploads()] {
            make(&folder, |path| fs::create_dir_all(path))?;
        }
        let lock = lock(data, &state)?;
        // A crash leaves unfinished writes in this folder.
        make(&paths.unfinished(), |path| fs::remove_dir_all(path).and_then(|()| fs::create_dir(path)))?;
        let s3 = S3::open(paths, Arc::clone(&clock))?;
        let glue = Glue::open(&data.join("catalog.ndjson"), Arc::clone(&clock))?;
        let sqs = Sqs::open(&state.join("queues.ndjson"), clock)?;
        Ok(Services { s3, glue, sqs, _lock: lock })
    }
}

fn make(path: &Path, action: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), OpenError> {
    action(path).map_err(|source| OpenError::Folder { path: path.to_owned(), source })
}

/// Locks the folder. Two processes would each check conditions against their own writers only.
fn lock(data: &Path, state: &Path) -> Result<File, OpenError> {
    let path = state.join("lock");
    let failed = |source| OpenError::Folder { path: path.clone(), source };
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { data: data.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Folder { path, source }),
    }
}
