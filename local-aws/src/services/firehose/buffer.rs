//! The buffer of an object's lines.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;

#[derive(Debug, Clone)]
pub(super) struct Buffer {
    /// The arrival of the oldest record. It decides the object's prefix and age.
    pub(super) oldest: DateTime<Utc>,
    pub(super) bytes: Vec<u8>,
}

impl Buffer {
    pub(super) fn new(oldest: DateTime<Utc>) -> Buffer {
        Buffer { oldest, bytes: Vec::new() }
    }

    /// Appends the bytes of a record without a delimiter. The transform ends its own lines.
    pub(super) fn append(&mut self, bytes: &[u8], arrival: DateTime<Utc>) {
        self.oldest = self.oldest.min(arrival);
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes as one gzip member. The member has no time, so the same lines give the same bytes.
    pub(super) fn gzip(&self) -> io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.bytes)?;
        encoder.finish()
    }
}
