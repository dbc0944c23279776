//! The objects that Firehose kept under `error/`, and whether they were replayed.

use anyhow::Context;
use compactor::bucket::{Bucket, BucketError};
use log_format::layout;
use projection::manifest::ObjectMeta;

use super::finding::{Difference, Finding};
use super::verified::Verified;
use crate::commands::replay::marker::{Marker, Markers};
use crate::inventory::Inventory;

/// Objects under `error/`, and the markers of what was replayed.
#[derive(Debug, Default)]
pub(super) struct Replays {
    errors: Vec<ObjectMeta>,
    markers: Markers,
}

impl Replays {
    /// Lists them. Must come before `logs/` is listed, so that what is replayed meanwhile is seen there.
    pub(super) async fn gather(bucket: &Bucket) -> anyhow::Result<Replays> {
        Replays::read(bucket).await.context("could not tell: the bucket cannot be read")
    }

    async fn read(bucket: &Bucket) -> Result<Replays, BucketError> {
        let errors = bucket.list(layout::ERRORS).await?;
        Ok(Replays { errors, markers: Markers::read(bucket, layout::REPLAYED).await? })
    }

    /// The marker of this version of an object. Its lines may be gone.
    fn marker(&self, error: &ObjectMeta) -> Option<&Marker> {
        self.markers.by_source.get(&error.key).filter(|marker| marker.etag == error.etag)
    }
}

impl Verified {
    /// An object under `error/` is done if it has a marker, and the object that the marker names exists.
    pub(super) fn check_replays(&mut self, replays: &Replays, inventory: &Inventory) {
        for object in &replays.markers.foreign {
            self.found(Difference::ObjectStray, format!("{}, {} bytes", object.key, object.size));
        }
        let gone = |marker: &&Marker| marker.object.as_ref().is_some_and(|key| !inventory.has_log(key));
        for marker in replays.markers.by_source.values().filter(gone) {
            let object = marker.object.as_deref().unwrap_or_default();
            let what = format!("{object}, by {}", layout::replayed_key(&marker.source));
            let (hour, difference) = (Some(marker.hour), Difference::ReplayGone);
            self.findings.push(Finding { hour, difference, what, attempt: None });
        }
        let waiting: Vec<&ObjectMeta> = replays.errors.iter().filter(|error| replays.marker(error).is_none()).collect();
        let (all, left) = (replays.errors.len(), waiting.len());
        if let Some(first) = waiting.first() {
            let bytes: u64 = waiting.iter().map(|object| object.size).sum();
            self.found(
                Difference::NotReplayed,
                format!("{left} of {all} objects, {bytes} bytes, the first {}", first.key),
            );
        }
        let replayed = replays.errors.iter().filter_map(|error| replays.marker(error));
        self.records_refused = replayed.flat_map(|marker| marker.failed.values()).sum();
        self.error_objects = all as u64;
        self.error_objects_replayed = (all - left) as u64;
    }
}
