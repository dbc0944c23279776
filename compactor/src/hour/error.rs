//! Why an hour failed.

use catalog::CatalogError;
use log_format::Hour;
use projection::read::decode::DecodeError;
use projection::write::file::EncodeError;

use crate::bucket::BucketError;
use crate::clock::RunOver;
use crate::manifest_store::StoreError;

/// Why an hour failed. The next tick tries again.
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
    #[error("the partition of {hour} could not be made to name its live folder; the next tick does")]
    Unpublished {
        /// The hour.
        hour: Hour,
    },
    /// The folder holds something else than was written to it.
    #[error("folder {folder} does not hold exactly what was written to it")]
    Folder {
        /// The folder's prefix.
        folder: String,
    },
}
