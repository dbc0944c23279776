//! What a tick knows before it visits any hour: a few long listings instead of many reads.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use catalog::{Catalog, CatalogError, Columns, Pointer, TablesState};
use chrono::{DateTime, Utc};
use log_format::Hour;

use crate::bucket::{Bucket, BucketError};
use crate::clock::{Clock, RunOver};
use crate::config::Limits;
use crate::manifest_store::{ManifestStore, StoreError};
use crate::request::Scope;
use crate::tick::definitions::Definitions;
use crate::tick::schedule;

/// What a run knows before it visits any hour.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    /// The hours to visit, in this order.
    pub(crate) hours: Vec<Hour>,
    /// The hours of a range in which a visit would change nothing. Empty for a tick.
    pub(crate) up_to_date: BTreeSet<Hour>,
    /// The hours whose Parquet partition does not follow their manifest. Empty for a range.
    pub(crate) stale: Vec<Hour>,
    /// The hours that have a partition of the JSON table.
    pub(crate) registered: HashSet<Hour>,
    /// The hours of the look-back window and beyond the watermark that have objects and no such partition, open hours
    /// included. Empty for a range.
    pub(crate) unregistered: Vec<Hour>,
    /// What the listings show of the catalog's definitions. Empty for a range.
    pub(crate) definitions: Definitions,
}

/// The hours to look at could not be found.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The bucket could not be listed.
    #[error("failed to find the hours to look at")]
    Bucket(#[from] BucketError),
    /// The catalog could not be listed, or its tables could not be made again.
    #[error("failed to find the hours that the catalog knows")]
    Catalog(#[from] CatalogError),
    /// The run has lasted too long.
    #[error(transparent)]
    RunOver(#[from] RunOver),
    /// The watermark could not be read.
    #[error("failed to find the watermark")]
    Watermark(#[from] StoreError),
}

/// What discovery needs, of a tick here and of a range in `range`.
pub(super) struct Discoverer<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) catalog: &'a Catalog,
    pub(super) store: &'a ManifestStore,
    pub(super) limits: &'a Limits,
    pub(super) clock: &'a Clock,
}

impl Discoverer<'_> {
    /// Finds the hours of a scheduled tick.
    pub(super) async fn discover_tick(&self) -> Result<Discovery, DiscoveryError> {
        let tables = self.ensure_tables().await?;
        let now = self.clock.now();
        let (from, to) = schedule::closed_range(Scope::Tick, now, self.limits);
        let end = Hour::of(now).next();
        let manifests = self.bucket.manifest_etags(Hour::EPOCH, end).await?;
        let parquet = self.catalog.parquet_partitions(.., Columns::LeftOut).await?;
        let json = self.catalog.json_partitions(.., Columns::LeftOut).await?;
        let definitions = Definitions::of(self.bucket.name(), &tables, &parquet, &json);
        let (pointers, registered) = (parquet.by_hour, json.by_hour.into_keys().collect::<HashSet<Hour>>());
        let watermark = self.watermark_or_epoch().await?;
        let mut with_objects: BTreeSet<Hour> =
            self.bucket.inputs_by_hour(watermark.next().min(from), end).await?.into_keys().collect();
        let unregistered = with_objects.iter().filter(|hour| !registered.contains(hour)).copied().collect();
        // What follows is about closed hours.
        with_objects.retain(|hour| *hour < to);
        let stale = stale(&manifests, &pointers);
        let window = with_objects.iter().chain(manifests.keys()).filter(|hour| (from..to).contains(hour));
        let window: BTreeSet<Hour> = window.copied().collect();
        let scrub = self.scrub(from, &manifests, now).await?;
        let uncommitted = |hour: &&Hour| !manifests.contains_key(hour) || stale.contains(hour);
        let unfinished = manifests.keys().filter(|hour| pointers.get(hour).is_some_and(|pointer| pointer.unfinished));
        let backlog: BTreeSet<Hour> = with_objects.iter().filter(uncommitted).chain(unfinished).copied().collect();
        let mut known = HashSet::new();
        let hours = window.into_iter().chain(scrub).chain(backlog).filter(|hour| known.insert(*hour)).collect();
        let stale = stale.into_iter().collect();
        Ok(Discovery { hours, stale, registered, unregistered, definitions, ..Discovery::default() })
    }

    /// Makes the database and its tables again if somebody dropped them. Returns how they were found.
    async fn ensure_tables(&self) -> Result<TablesState, DiscoveryError> {
        let tables = self.catalog.tables().await?;
        if !tables.missing.is_empty() {
            self.clock.may_write()?;
            self.catalog.ensure_tables().await?;
        }
        Ok(tables)
    }

    /// The hours with objects, where the catalog is not as we define it, and the hours that have a JSON partition.
    pub(super) async fn discover_definitions(
        &self,
    ) -> Result<(BTreeSet<Hour>, Definitions, BTreeSet<Hour>), DiscoveryError> {
        let end = Hour::of(self.clock.now()).next();
        let tables = self.catalog.tables().await?;
        let parquet = self.catalog.parquet_partitions(.., Columns::Compared).await?;
        let json = self.catalog.json_partitions(.., Columns::Compared).await?;
        let definitions = Definitions::of(self.bucket.name(), &tables, &parquet, &json);
        let objects = self.bucket.inputs_by_hour(Hour::EPOCH, end).await?.into_keys().collect();
        Ok((objects, definitions, json.by_hour.into_keys().collect()))
    }

    /// The hours before `end` whose turn in the scrub it is and that have objects or a manifest. Costs one call for each hour
    /// with objects, and one for each gap between them.
    async fn scrub(
        &self,
        end: Hour,
        manifests: &BTreeMap<Hour, String>,
        now: DateTime<Utc>,
    ) -> Result<BTreeSet<Hour>, BucketError> {
        let known = manifests.keys().filter(|hour| **hour < end && schedule::is_turn_of(**hour, now));
        let mut found: BTreeSet<Hour> = known.copied().collect();
        let mut next = self.bucket.next_hour_with_objects(Hour::EPOCH).await?;
        while let Some(hour) = next.filter(|hour| *hour < end) {
            if schedule::is_turn_of(hour, now) {
                found.insert(hour);
            }
            next = self.bucket.next_hour_with_objects(schedule::next_turn(hour, now)).await?;
        }
        Ok(found)
    }

    /// The watermark. If its file is missing or unreadable every hour is beyond it; whoever moves it says what is wrong.
    async fn watermark_or_epoch(&self) -> Result<Hour, StoreError> {
        match self.store.read_watermark().await {
            Ok(stored) => Ok(stored.map_or(Hour::EPOCH, |(stored, _)| stored.watermark)),
            Err(StoreError::UnreadableWatermark(_)) => Ok(Hour::EPOCH),
            Err(error) => Err(error),
        }
    }
}

/// The hours whose partition is missing or follows another version of the manifest than the stored one.
pub(super) fn stale(manifests: &BTreeMap<Hour, String>, pointers: &BTreeMap<Hour, Pointer>) -> BTreeSet<Hour> {
    let follows = |hour: &Hour, etag: &String| pointers.get(hour).is_some_and(|it| it.manifest_etag == *etag);
    manifests.iter().filter(|(hour, etag)| !follows(hour, etag)).map(|(hour, _)| *hour).collect()
}
