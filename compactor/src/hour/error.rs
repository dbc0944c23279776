//! Why an hour or a day failed.

use catalog::CatalogError;
use log_format::Day;
use projection::read::decode::DecodeError;
use projection::read::parquet::ReadError;
use projection::write::file::EncodeError;

use crate::bucket::BucketError;
use crate::clock::RunOver;
use crate::manifest_store::StoreError;

/// Why an hour or a day failed. The next tick tries again.
#[derive(Debug, thiserror::Error)]
pub enum HourError {
    /// S3 failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// Glue failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The manifest could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run has lasted too long.
    #[error(transparent)]
    RunOver(#[from] RunOver),
    /// The inputs could not be decoded.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The rows could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// C2 does not hold: a bug.
    #[error("parquet holds {found} rows, expected {expected}")]
    RowCount {
        /// Rows by the footers.
        found: u64,
        /// Lines less duplicates and rejected.
        expected: u64,
    },
    /// Others kept changing `live` while the partition was to follow it.
    #[error("the partition of {partition} could not be made to name its live folder; the next tick does")]
    Unpublished {
        /// The hour or the day.
        partition: String,
    },
    /// A file of an hour cannot be rolled up.
    #[error("{key} is not a Parquet file as we write it; `compact --rewrite` of its hour writes it anew from its JSON")]
    HourFile {
        /// The file's key.
        key: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// A file of an hour is gone, or is not what its manifest says, and nobody is changing the hour.
    #[error(
        "a Parquet file of an hour of {day} is missing or damaged; `verify --repair` names it and writes the hour anew"
    )]
    HourFiles {
        /// The day.
        day: Day,
    },
    /// A file of an hour could not be kept while it is rolled up.
    #[error("failed to write a temporary file where TMPDIR says")]
    Temporary(#[from] std::io::Error),
    /// The folder holds something else than was written to it.
    #[error("folder {folder} does not hold exactly what was written to it")]
    Folder {
        /// The folder's prefix.
        folder: String,
    },
}

impl HourError {
    /// True if a bigger disk would have helped.
    pub fn is_too_large(&self) -> bool {
        match self {
            HourError::Decode(error) => error.is_too_large(),
            HourError::Temporary(error) => error.kind() == std::io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}
