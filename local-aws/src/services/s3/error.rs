//! Why an S3 call fails, and S3's code for it.

use std::io;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode, s3_error};

use crate::http::payload::Mismatch;
use crate::journal::{JournalError, cause};

/// S3's code for a body that does not have the SHA-256 in its request's signature.
const MISMATCH: &str = "XAmzContentSHA256Mismatch";

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("bucket {0:?} does not exist")]
    NoSuchBucket(String),
    #[error("bucket {0:?} still holds objects")]
    BucketNotEmpty(String),
    #[error("{0:?} is not a valid bucket name")]
    BucketName(String),
    #[error("key {0:?} does not exist")]
    NoSuchKey(String),
    #[error("the key {0:?} has a character that no listing can carry")]
    Key(String),
    #[error("upload {0:?} does not exist")]
    NoSuchUpload(String),
    #[error("part {0} is missing or has another ETag")]
    Part(i32),
    #[error("the parts are not in ascending order")]
    PartOrder,
    #[error("part {number} has {bytes} bytes: only the last may have fewer than {min}")]
    PartTooSmall { number: i32, bytes: u64, min: u64 },
    #[error("a condition of the request does not hold for {0:?}")]
    Precondition(String),
    #[error("{0:?} has not been modified")]
    NotModified(String),
    #[error("If-None-Match takes only * here")]
    Condition,
    #[error("{0} is not valid")]
    Argument(&'static str),
    #[error("the range lies outside the {size} bytes of the object")]
    Range { size: u64 },
    #[error("the body has {found} bytes, Content-Length says {expected}")]
    Length { expected: u64, found: u64 },
    #[error("the body does not have the {0} that its sender says")]
    Digest(&'static str),
    #[error("{0}")]
    Request(String),
    #[error("the trailing checksum that the request announces is not there")]
    Trailer,
    #[error("part {number} is not there: the object has {count}")]
    PartNumber { number: i32, count: usize },
    #[error("failed to read the body of the request")]
    Body(#[source] s3s::StdError),
    #[error("this entry was made to fail")]
    Injected,
    #[error("failed to {attempt}")]
    Disk {
        attempt: String,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl StoreError {
    fn code(&self) -> S3ErrorCode {
        match self {
            StoreError::NoSuchBucket(_) => S3ErrorCode::NoSuchBucket,
            StoreError::BucketNotEmpty(_) => S3ErrorCode::BucketNotEmpty,
            StoreError::BucketName(_) => S3ErrorCode::InvalidBucketName,
            StoreError::NoSuchKey(_) => S3ErrorCode::NoSuchKey,
            StoreError::NoSuchUpload(_) => S3ErrorCode::NoSuchUpload,
            StoreError::Part(_) => S3ErrorCode::InvalidPart,
            StoreError::PartOrder => S3ErrorCode::InvalidPartOrder,
            StoreError::PartTooSmall { .. } => S3ErrorCode::EntityTooSmall,
            StoreError::Precondition(_) => S3ErrorCode::PreconditionFailed,
            StoreError::NotModified(_) => S3ErrorCode::NotModified,
            StoreError::Condition => S3ErrorCode::NotImplemented,
            StoreError::Argument(_) | StoreError::Key(_) => S3ErrorCode::InvalidArgument,
            StoreError::Range { .. } => S3ErrorCode::InvalidRange,
            StoreError::Length { .. } => S3ErrorCode::IncompleteBody,
            StoreError::Digest(_) => S3ErrorCode::BadDigest,
            StoreError::Request(_) => S3ErrorCode::InvalidRequest,
            StoreError::Trailer => S3ErrorCode::Custom("MalformedTrailerError".into()),
            StoreError::PartNumber { .. } => S3ErrorCode::Custom("InvalidPartNumber".into()),
            StoreError::Body(source) if source.is::<Mismatch>() => S3ErrorCode::Custom(MISMATCH.into()),
            StoreError::Body(_) => S3ErrorCode::IncompleteBody,
            StoreError::Injected | StoreError::Disk { .. } | StoreError::Journal(_) => S3ErrorCode::InternalError,
        }
    }
}

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> S3Error {
        let message = match &error {
            // The client gets this message, and no causes.
            StoreError::Disk { source, .. } => format!("{error}: {}", cause(source)),
            StoreError::Journal(error) => error.with_cause(),
            _ => error.to_string(),
        };
        let mut answer = S3Error::with_message(error.code(), message);
        // The protocol layer knows the status of every other code.
        match error {
            StoreError::PartNumber { .. } => answer.set_status_code(StatusCode::RANGE_NOT_SATISFIABLE),
            StoreError::Trailer | StoreError::Body(_) => answer.set_status_code(StatusCode::BAD_REQUEST),
            _ => {}
        }
        answer.set_source(Box::new(error));
        answer
    }
}

/// Wraps an error of the file system. `attempt` says what failed, as in "failed to open a".
pub(super) fn disk(attempt: impl Into<String>) -> impl FnOnce(io::Error) -> StoreError {
    let attempt = attempt.into();
    move |source| StoreError::Disk { attempt, source }
}

/// The answer to a request for a feature of S3 that is missing here.
pub(super) fn not_implemented(what: &str) -> S3Error {
    s3_error!(NotImplemented, "{what} is not implemented here")
}
