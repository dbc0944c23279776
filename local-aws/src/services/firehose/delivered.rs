//! What became of the records.

use bytes::Bytes;

use crate::services::lambda::FunctionError;

/// The counts of records and objects so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records that were put.
    pub records: u64,
    /// Records that the transform returned as `Ok`.
    pub ok: u64,
    /// Records that the transform returned as `Dropped`, which counts as success.
    pub dropped: u64,
    /// Records that went unchanged to the error objects.
    pub failed: u64,
    /// Objects written under the prefix.
    pub objects: u64,
    /// Objects written under the error prefix.
    pub error_objects: u64,
    /// Bytes of all objects, as written.
    pub bytes: u64,
    /// Notifications of objects that were accepted.
    pub notifications: u64,
    /// Notifications of which every attempt failed, oldest first.
    pub undelivered: Vec<Undelivered>,
    /// The error of the last failed invocation of the transform.
    pub transform_error: Option<FunctionError>,
}

/// A notification that could not be delivered, as a dead-letter queue keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The event.
    pub event: Bytes,
    /// The error of the last attempt.
    pub error: FunctionError,
}
