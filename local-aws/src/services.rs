//! The services: S3, Glue, SQS and Athena over one folder, and the stand-ins for Firehose and Lambda.

pub mod athena;
pub mod firehose;
pub(crate) mod functions;
pub(crate) mod glue;
pub(crate) mod lambda;
pub(crate) mod s3;
pub(crate) mod sqs;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::clock::Clock;
use crate::folder::Folder;
use crate::journal::JournalError;
use crate::services::athena::Athena;
use crate::services::functions::Functions;
use crate::services::glue::Glue;
use crate::services::s3::{S3, paths};
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
    /// Another process, or another [`LocalAws`](crate::LocalAws) in this process, has the folder open to write to it.
    #[error("{data} is in use by another process")]
    InUse {
        /// The folder.
        data: PathBuf,
    },
    /// A journal in the folder cannot be read or written back.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl OpenError {
    /// True if the folder cannot be written to, for lack of the right or of room. It may still be read.
    pub fn is_of_writing(&self) -> bool {
        let source = match self {
            OpenError::Folder { source, .. } | OpenError::Journal(JournalError::Write { source, .. }) => source,
            OpenError::InUse { .. } | OpenError::Journal(_) => return false,
        };
        matches!(
            source.kind(),
            ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::StorageFull
                | ErrorKind::QuotaExceeded
        )
    }
}

/// The services that keep their state in the folder. A folder that is open to be written stays locked as long as this
/// value lives.
pub(crate) struct Services {
    pub(crate) folder: Folder,
    pub(crate) s3: S3,
    pub(crate) glue: Glue,
    pub(crate) sqs: Sqs,
    pub(crate) athena: Arc<Athena>,
    pub(crate) functions: Functions,
    _lock: Option<File>,
}

impl Services {
    /// Opens the folder `data`. Makes it if it does not exist.
    pub(crate) fn open(data: &Path, clock: Clock) -> Result<Services, OpenError> {
        make(data, || fs::create_dir_all(data))?;
        let folder = make(data, || Folder::open(data))?;
        for path in [paths::ESCAPED, paths::UNFINISHED, paths::UPLOADS].map(Path::new) {
            make(&folder.display(path), || folder.make(path))?;
        }
        let lock = lock(&folder)?;
        // A crash leaves unfinished writes in this folder.
        let unfinished = Path::new(paths::UNFINISHED);
        make(&folder.display(unfinished), || folder.remove_tree(unfinished).and_then(|()| folder.make(unfinished)))?;
        Services::over(folder, Some(lock), clock)
    }

    /// Opens the folder `data`, which exists, to read it. It takes no lock: others may read it and one may write to it.
    pub(crate) fn open_to_read(data: &Path, clock: Clock) -> Result<Services, OpenError> {
        let folder = make(data, || Folder::open(data))?.read_only();
        Services::over(folder, None, clock)
    }

    fn over(folder: Folder, lock: Option<File>, clock: Clock) -> Result<Services, OpenError> {
        let s3 = S3::open(folder.clone(), Arc::clone(&clock))?;
        let glue = Glue::open(&folder, "catalog.ndjson", Arc::clone(&clock))?;
        let sqs = Sqs::open(&folder, ".local-aws/queues.ndjson", Arc::clone(&clock))?;
        Ok(Services { folder, s3, glue, sqs, athena: Athena::new(clock), functions: Functions::default(), _lock: lock })
    }
}

fn make<T>(path: &Path, action: impl FnOnce() -> io::Result<T>) -> Result<T, OpenError> {
    action().map_err(|source| OpenError::Folder { path: path.to_owned(), source })
}

/// Locks the folder against others that write. Two of them would each check conditions against their own writes only.
fn lock(folder: &Folder) -> Result<File, OpenError> {
    let path = Path::new(paths::STATE).join("lock");
    let file = make(&folder.display(&path), || folder.open_or_create(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { data: folder.path().to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Folder { path: folder.display(&path), source }),
    }
}
