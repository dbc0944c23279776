//! The settings of a stream.

use uuid::Uuid;

/// The settings of a stream.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the stream. It is part of every key.
    pub stream: String,
    /// The bucket that the stream writes to.
    pub bucket: String,
    /// The prefix of the objects, before the hour's `YYYY/MM/DD/HH/`.
    pub prefix: String,
    /// The prefix of the error objects, before `processing-failed/YYYY/MM/DD/HH/`.
    pub error_prefix: String,
    /// The account of the stream and the bucket.
    pub account: String,
    /// The region of the stream and the bucket.
    pub region: String,
    /// The transform's ARN in error objects.
    pub transform_arn: String,
    /// Bytes before compression at which an object is written.
    pub buffer_bytes_max: usize,
    /// Seconds since the arrival of the oldest record at which an object is written.
    pub buffer_seconds_max: u32,
    /// The most bytes of records in a batch for the transform.
    pub transform_buffer_bytes_max: usize,
    /// Seconds since the arrival of the oldest record at which a batch goes to the transform.
    pub transform_buffer_seconds_max: u32,
    /// How often a failed invocation of the transform is repeated.
    pub transform_retries_max: u32,
    /// The seed of all ids. Two streams that write to one bucket need different seeds, or their keys collide.
    pub seed: Uuid,
}

impl Settings {
    /// Firehose's default settings, for a stream that writes to `logs/` and `error/`.
    pub fn new(stream: impl Into<String>, bucket: impl Into<String>, seed: Uuid) -> Settings {
        Settings {
            stream: stream.into(),
            bucket: bucket.into(),
            prefix: "logs/".to_string(),
            error_prefix: "error/".to_string(),
            account: "123456789012".to_string(),
            region: "us-east-1".to_string(),
            transform_arn: "arn:aws:lambda:us-east-1:123456789012:function:transform:$LATEST".to_string(),
            buffer_bytes_max: 5 * 1024 * 1024,
            buffer_seconds_max: 300,
            transform_buffer_bytes_max: 1024 * 1024,
            transform_buffer_seconds_max: 60,
            transform_retries_max: 3,
            seed,
        }
    }
}
