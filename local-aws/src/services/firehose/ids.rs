//! Ids and keys, all derived from the stream's seed.

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};
use uuid::{Builder, Uuid};

use super::settings::Settings;

/// A sequence of ids. The n-th id is a hash of the seed and n.
#[derive(Debug)]
pub(super) struct Ids {
    seed: Uuid,
    drawn: u64,
}

impl Ids {
    pub(super) fn new(seed: Uuid) -> Ids {
        Ids { seed, drawn: 0 }
    }

    pub(super) fn uuid(&mut self) -> Uuid {
        self.drawn += 1;
        let digest = Md5::new().chain_update(self.seed.as_bytes()).chain_update(self.drawn.to_be_bytes()).finalize();
        // In the format of random UUIDs, as AWS uses them.
        Builder::from_random_bytes(digest.into()).into_uuid()
    }

    /// The id of a record. It consists of digits, as in Firehose.
    pub(super) fn record_id(&mut self) -> String {
        format!("{:050}000000", self.uuid().as_u128())
    }

    /// The `sequencer` of an event. It grows with every call.
    pub(super) fn sequencer(&mut self, now: DateTime<Utc>) -> String {
        self.drawn += 1;
        format!("{:012X}{:06X}", now.timestamp_millis(), self.drawn)
    }

    /// The key of an object whose oldest record arrived at `oldest`.
    pub(super) fn key(&mut self, error: bool, oldest: DateTime<Utc>, settings: &Settings) -> String {
        let Settings { stream, prefix, error_prefix, .. } = settings;
        let (hour, time) = (oldest.format("%Y/%m/%d/%H"), oldest.format("%Y-%m-%d-%H-%M-%S"));
        let id = self.uuid();
        if error {
            return format!("{error_prefix}processing-failed/{hour}/{stream}-1-{time}-{id}");
        }
        format!("{prefix}{hour}/{stream}-1-{time}-{id}.gz")
    }
}
