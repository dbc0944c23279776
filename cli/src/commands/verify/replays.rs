//! The objects that Firehose kept under `error/`, and whether they were replayed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use compactor::bucket::{Bucket, BucketError};
use log_format::{Hour, layout};
use projection::manifest::ObjectMeta;

use super::finding::{Difference, Finding};
use super::verified::Verified;
use crate::commands::reconcile::state::{Proven, Reconciliation};
use crate::commands::replay::marker::{Found, Marker, Markers};
use crate::inventory::Inventory;

/// Objects under `error/`, and the markers of what was replayed.
#[derive(Debug, Default)]
pub(super) struct Replays {
    errors: Vec<ObjectMeta>,
    markers: Markers,
    /// What is wrong with the lines of markers, by their sources.
    wrong: BTreeMap<String, Found>,
    /// What is proven from Auth0's own log on, by tenant.
    reconciled: BTreeMap<String, Vec<Proven>>,
}

impl Replays {
    /// Lists them, and reads what was replayed.
    pub(super) async fn gather(bucket: &Bucket) -> anyhow::Result<Replays> {
        Replays::read(bucket).await.context("could not tell: the bucket cannot be read")
    }

    async fn read(bucket: &Bucket) -> Result<Replays, BucketError> {
        let errors = bucket.list(layout::ERRORS).await?;
        let markers = Markers::read(bucket, layout::REPLAYED).await?;
        let wrong = markers.found(bucket).await?.into_iter().filter(|(_, found)| *found != Found::Whole).collect();
        let mut replays = Replays { errors, markers, wrong, reconciled: BTreeMap::new() };
        for object in bucket.list(layout::RECONCILED).await? {
            replays.add_reconciliation(bucket, object).await?;
        }
        Ok(replays)
    }

    /// Reads what `reconcile` has proven, unless the object is another's.
    async fn add_reconciliation(&mut self, bucket: &Bucket, object: ObjectMeta) -> Result<(), BucketError> {
        let read = match layout::tenant_of_reconciliation(&object.key) {
            Some(tenant) => Reconciliation::read(bucket, tenant).await?,
            None => None,
        };
        match read {
            Some((known, _)) => drop(self.reconciled.insert(known.tenant, known.proven)),
            None => self.markers.foreign.push(object),
        }
        Ok(())
    }

    /// True if an object was replayed and is not the same any more.
    fn is_changed(&self, error: &ObjectMeta) -> bool {
        self.markers.by_source.get(&error.key).is_some_and(|marker| marker.etag != error.etag)
    }

    /// The marker of this version of an object. Its lines may be gone.
    fn marker(&self, error: &ObjectMeta) -> Option<&Marker> {
        self.markers.by_source.get(&error.key).filter(|marker| marker.etag == error.etag)
    }
}

impl Verified {
    /// An object under `error/` is done if it has a marker, and the object that the marker names is as it was written.
    pub(super) fn check_replays(&mut self, replays: &Replays, inventory: &Inventory) {
        for object in &replays.markers.foreign {
            self.found(Difference::ObjectStray, format!("{}, {} bytes", object.key, object.size));
        }
        for (source, found) in &replays.wrong {
            let Some(marker) = replays.markers.by_source.get(source) else { continue };
            let (difference, why) = match found {
                Found::Differs { why, .. } => (Difference::ReplayDiffers, format!(": {why}")),
                Found::Whole | Found::Gone => (Difference::ReplayGone, String::new()),
            };
            let object = marker.object.as_deref().unwrap_or_default();
            let what = format!("{object}, by {}{why}", layout::replayed_key(source));
            self.findings.push(Finding::of(marker.hour, difference, what));
        }
        self.reconciled.clone_from(&replays.reconciled);
        let told: BTreeSet<&str> = replays.markers.by_source.values().filter_map(|it| it.object.as_deref()).collect();
        let of_replays =
            inventory.hours.iter().flat_map(|(hour, it)| it.inputs.iter().map(move |input| (*hour, input)));
        let has_marker = |(hour, input): &(Hour, &ObjectMeta)| {
            let prefixes = [layout::replay_prefix(*hour), layout::reconciled_prefix(*hour)];
            prefixes.iter().any(|prefix| input.key.starts_with(prefix))
        };
        for (hour, input) in of_replays.filter(has_marker) {
            if !told.contains(input.key.as_str()) {
                let what = format!("of {}, {} bytes", input.key, input.size);
                self.findings.push(Finding::of(hour, Difference::MarkerMissing, what));
            }
        }
        let changed = replays.errors.iter().filter(|error| replays.is_changed(error));
        for error in changed {
            self.found(Difference::ErrorChanged, format!("{}, {} bytes", error.key, error.size));
        }
        let waiting: Vec<&ObjectMeta> = replays.errors.iter().filter(|error| replays.marker(error).is_none()).collect();
        let (all, left) = (replays.errors.len(), waiting.len());
        self.awaiting_replay = left as u64;
        self.awaiting_replay_first = waiting.first().map(|error| error.key.clone());
        let replayed = replays.errors.iter().filter_map(|error| replays.marker(error));
        self.records_refused = replayed.flat_map(|marker| marker.failed.values()).sum();
        self.error_objects = all as u64;
        self.error_objects_replayed = (all - left) as u64;
    }
}
