//! Why a call to the stream fails.

use std::io;

/// The largest record that PutRecord accepts, in bytes.
pub const RECORD_BYTES_MAX: usize = 1000 * 1024;

/// Why a call to the stream failed. The stream keeps its records, and the next call tries again.
#[derive(Debug, thiserror::Error)]
pub enum FirehoseError {
    /// The record is larger than PutRecord accepts.
    #[error("record of {bytes} bytes is larger than the {RECORD_BYTES_MAX} that Firehose takes")]
    RecordTooLarge {
        /// The length of the record.
        bytes: usize,
    },
    /// An object could not be compressed.
    #[error("failed to compress {key}")]
    Compress {
        /// The key of the object.
        key: String,
        /// The error of the encoder.
        #[source]
        source: io::Error,
    },
    /// An object could not be written.
    #[error("failed to write s3://{bucket}/{key}")]
    Write {
        /// The bucket of the object.
        bucket: String,
        /// The key of the object.
        key: String,
        /// The error of S3.
        #[source]
        source: Box<aws_sdk_s3::Error>,
    },
}
