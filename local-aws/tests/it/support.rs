//! An AWS in a temporary folder, and answers as text.

use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use chrono::{DateTime, Utc};
use local_aws::LocalAws;
use tempfile::TempDir;

/// The time of the clock in all tests.
pub(crate) const NOW: &str = "2026-11-20T13:14:15Z";

/// Opens the AWS in `folder`. Its clock always shows [`NOW`].
pub(crate) fn open(folder: &Path) -> LocalAws {
    let now: DateTime<Utc> = NOW.parse().unwrap();
    LocalAws::open(folder, Arc::new(move || now)).unwrap()
}

/// Opens the AWS in `folder` to read it.
pub(crate) fn open_to_read(folder: &Path) -> LocalAws {
    let now: DateTime<Utc> = NOW.parse().unwrap();
    LocalAws::open_to_read(folder, Arc::new(move || now)).unwrap()
}

/// An AWS with an empty bucket `bucket`.
pub(crate) fn start() -> (LocalAws, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let aws = open(folder.path());
    aws.create_bucket("bucket").unwrap();
    (aws, folder)
}

/// The answer as text: the result of `show`, or the status and error code.
pub(crate) fn outcome<T, E>(answer: Result<T, SdkError<E>>, show: impl FnOnce(T) -> String) -> String
where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    match answer {
        Ok(answer) => show(answer),
        Err(error) => match error.raw_response() {
            Some(raw) => {
                format!("{} {}", raw.status().as_u16(), error.code().unwrap_or_default()).trim_end().to_owned()
            }
            None => format!("{error:?}"),
        },
    }
}
