//! What a tick knows before it visits any hour: a few long listings instead of many reads.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use catalog::{Catalog, CatalogError, Columns, Pointer, TablesState};
use log_format::{Day, Hour};

use crate::bucket::{Bucket, BucketError};
use crate::clock::{Clock, RunOver};
use crate::config::Limits;
use crate::hour::plan::Idle;
use crate::listing::ManifestEtags;
use crate::manifest_store::{ManifestStore, StoreError};
use crate::request::Scope;
use crate::tick::days::KnownDays;
use crate::tick::definitions::Definitions;
use crate::tick::schedule;
use crate::tick::scrub::Known;

/// What a run knows before it visits any hour.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    /// The hours to visit, in this order.
    pub(crate) hours: Vec<Hour>,
    /// The hours to visit after the days: those that were never done.
    pub(crate) backlog: Vec<Hour>,
    /// The hours that were looked at, and why a visit would change nothing.
    pub(crate) up_to_date: BTreeMap<Hour, Idle>,
    /// The hours whose Parquet partition does not follow their manifest. Empty for a range.
    pub(crate) stale: Vec<Hour>,
    /// The hours that have a partition of the JSON table.
    pub(crate) registered: BTreeSet<Hour>,
    /// The hours of the look-back window and beyond the watermark that have objects and no such partition, open hours
    /// included. Empty for a range.
    pub(crate) unregistered: Vec<Hour>,
    /// What the listings show of the catalog's definitions. Empty for a range.
    pub(crate) definitions: Definitions,
    /// What the listings show of days.
    pub(crate) days: KnownDays,
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
        let daily = self.catalog.parquet_partitions::<Day>(.., Columns::LeftOut).await?;
        let json = self.catalog.json_partitions(.., Columns::LeftOut).await?;
        let definitions = Definitions::of(self.bucket.name(), &tables, &parquet, &daily, &json);
        let ManifestEtags { hours: manifests, days } = manifests;
        let (pointers, registered) = (parquet.by_key, json.by_key.into_keys().collect::<BTreeSet<Hour>>());
        let known = Known { manifests: &manifests, pointers: &pointers, registered: &registered };
        let watermark = self.watermark_or_epoch().await?;
        let inputs = self.bucket.inputs_by_hour(watermark.next().min(from), end).await?;
        let unregistered = inputs.keys().filter(|hour| !registered.contains(hour)).copied().collect();
        let stale = stale(&manifests, &pointers);
        let mut scrubbed = self.look_at(from, to, &inputs, &known).await?;
        scrubbed.extend(self.scrub(from, &known, now).await?);
        let days = self.known_days(days, daily.by_key, &pointers, &manifests).scrubbed(self, from, to, now).await?;
        let uncommitted = |hour: &&Hour| **hour < to && (!manifests.contains_key(hour) || stale.contains(hour));
        let unfinished = manifests.keys().filter(|hour| pointers.get(hour).is_some_and(|pointer| pointer.unfinished));
        let lost = pointers.keys().filter(|hour| !manifests.contains_key(hour));
        let backlog = inputs.keys().filter(uncommitted).chain(unfinished).chain(lost);
        let backlog: BTreeSet<Hour> = backlog.copied().collect();
        // The window comes first, then the scrub, then what was never done.
        let (window, older): (Vec<Hour>, Vec<Hour>) = scrubbed.due.into_iter().partition(|hour| *hour >= from);
        let mut seen = HashSet::new();
        let hours = window.into_iter().chain(older).filter(|hour| seen.insert(*hour)).collect();
        let backlog = backlog.into_iter().filter(|hour| seen.insert(*hour)).collect();
        let up_to_date = scrubbed.up_to_date.into_iter().map(|hour| (hour, Idle::UpToDate)).collect();
        let stale = stale.into_iter().collect();
        Ok(Discovery { hours, backlog, up_to_date, stale, registered, unregistered, definitions, days })
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
        let daily = self.catalog.parquet_partitions::<Day>(.., Columns::Compared).await?;
        let json = self.catalog.json_partitions(.., Columns::Compared).await?;
        let definitions = Definitions::of(self.bucket.name(), &tables, &parquet, &daily, &json);
        let objects = self.bucket.inputs_by_hour(Hour::EPOCH, end).await?.into_keys().collect();
        Ok((objects, definitions, json.by_key.into_keys().collect()))
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
