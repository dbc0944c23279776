//! How a stream is set up.

use uuid::Uuid;

/// How a stream is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the stream; every key begins with it.
    pub stream: String,
    /// The bucket that the stream writes to.
    pub bucket: String,
    /// Prefix of the objects, before the hour's `YYYY/MM/DD/HH/`.
    pub prefix: String,
    /// Prefix of the error objects, before `processing-failed/YYYY/MM/DD/HH/`.
    pub error_prefix: String,
    /// The account that stream and bucket belong to.
    pub account: String,
    /// The region that stream and bucket are in.
    pub region: String,
    /// The transform's ARN, as error objects name it.
    pub transform_arn: String,
    /// Bytes, before compression, at which an object is written.
    pub buffer_bytes_max: usize,
    /// Age of its oldest record at which an object is written.
    pub buffer_seconds_max: u32,
    /// Bytes of records that a batch for the transform holds at most.
    pub transform_buffer_bytes_max: usize,
    /// Age of its oldest record at which a batch goes to the transform.
    pub transform_buffer_seconds_max: u32,
    /// How often a failed invocation of the transform is repeated.
    pub transform_retries_max: u32,
    /// What all ids are drawn from. Two streams that write to one bucket need different seeds, or their keys collide.
    pub seed: Uuid,
}

impl Settings {
    /// Firehose's defaults, for a stream into `logs/` and `error/`.
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
