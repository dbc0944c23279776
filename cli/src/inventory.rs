//! What the bucket and the catalog hold, read in a few long listings. `verify` and `status` read it alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Context;
use aws_sdk_glue::types::Table;
use catalog::{Catalog, CatalogError, Columns, DAILY, JSON, PARQUET, Partitions, Pointer, TablesState, Watermarks};
use chrono::{DateTime, TimeDelta, Utc};
use compactor::bucket::{Bucket, BucketError};
use compactor::config::Limits;
use log_format::{Day, Hour, layout};
use projection::manifest::{Manifest, ObjectMeta, Period};
use projection::sealed;
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::args::HourRange;

/// An hour may be without Parquet for so long after it has closed: two ticks.
const PENDING_HOURS: i64 = 2;

/// Everything that is known before a manifest or a file is read.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// Every hour that has an object, a manifest or a partition.
    pub(crate) hours: BTreeMap<Hour, HourInventory>,
    /// Every day that has a file, a manifest or a partition.
    pub(crate) days: BTreeMap<Day, DayInventory>,
    /// Objects under our prefixes that belong to no attempt.
    pub(crate) stray: Vec<ObjectMeta>,
    /// The number of objects under `logs/` that no reader takes for an hour's.
    pub(crate) unread: u64,
    /// Those of them whose names do not hide them: the object, and why nobody reads it.
    pub(crate) of_no_hour: Vec<(ObjectMeta, &'static str)>,
    /// What differs between the tables and our definitions of them.
    pub(crate) table_differences: Vec<String>,
    /// Partitions whose values are no hour or day: the table and the values.
    pub(crate) partitions_of_none: Vec<String>,
    /// The tables that are missing.
    pub(crate) missing_tables: Vec<&'static str>,
    pub(crate) view: View,
    /// The bytes of the watermark's file. `None` if there is no such object.
    pub(crate) watermark: Option<Vec<u8>>,
}

/// What there is of one hour.
#[derive(Debug, Default, Clone)]
pub(crate) struct HourInventory {
    /// The hour's JSON objects.
    pub(crate) inputs: Vec<ObjectMeta>,
    /// The hour's Parquet files, by attempt.
    pub(crate) folders: BTreeMap<String, Vec<ObjectMeta>>,
    /// The attempts that left rejected lines.
    pub(crate) rejected: BTreeSet<String>,
    pub(crate) has_manifest: bool,
    /// What differs between its partitions and our definitions: the table, and what.
    pub(crate) partition_differences: Vec<(&'static str, String)>,
    /// What its Parquet partition says. `None` if there is no partition.
    pub(crate) pointer: Option<Pointer>,
    /// True if it has a JSON partition.
    pub(crate) registered: bool,
}

/// What there is of one day.
#[derive(Debug, Default, Clone)]
pub(crate) struct DayInventory {
    /// The day's Parquet files, by attempt.
    pub(crate) folders: BTreeMap<String, Vec<ObjectMeta>>,
    /// The ETag of its manifest. `None` if it has none.
    pub(crate) manifest_etag: Option<String>,
    /// What differs between its partition and our definition.
    pub(crate) partition_differences: Vec<String>,
    /// What its partition says. `None` if there is no partition.
    pub(crate) pointer: Option<Pointer>,
}

/// What the catalog has under the view's name.
#[derive(Debug, Default)]
pub(crate) enum View {
    #[default]
    Missing,
    NotOurs,
    Ours(Box<Table>),
}

/// How the view relates to the watermark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewState {
    /// There is no table of that name.
    Missing,
    /// A table of that name is not our view.
    NotOurs,
    /// The view is ours, and there is no readable watermark to compare it with.
    WithoutWatermark,
    /// The view reads Parquet up to the watermark.
    FollowsWatermark,
    /// The view is ours, and its text is not the one for this watermark.
    IgnoresWatermark,
    /// The view reads Parquet up to the watermark, but its definition is not ours.
    Differs,
}

/// The file of the watermark, as far as it matters here.
#[derive(Deserialize)]
struct StoredWatermark {
    watermark: Hour,
}

/// A manifest as it is stored. An hour or day without manifest has an empty one, and neither ETag nor digest.
#[derive(Debug)]
pub(crate) struct StoredManifest<P: Period = Hour> {
    pub(crate) manifest: Manifest<P>,
    pub(crate) etag: String,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub(crate) sha256: Option<String>,
}

/// A manifest, or why it cannot be read.
pub(crate) type ManifestRead<P = Hour> = Result<StoredManifest<P>, String>;

/// Reads the manifest of an hour or a day.
///
/// # Errors
///
/// S3 failed.
pub(crate) async fn read_manifest<P: Period>(bucket: &Bucket, period: P) -> Result<ManifestRead<P>, BucketError> {
    let Some((bytes, etag)) = bucket.read_as_is(&period.manifest_key()).await? else {
        return Ok(Ok(StoredManifest { manifest: Manifest::new(period), etag: String::new(), sha256: None }));
    };
    let manifest = Manifest::from_json(&bytes, period).map_err(|error| format!("is not this {}'s: {error}", P::FIELD));
    let sha256 = Some(hex::encode(Sha256::digest(&bytes)));
    Ok(manifest.map(|manifest| StoredManifest { manifest, etag, sha256 }))
}

/// True if an hour is open, or closed so recently that it need not be in Parquet.
pub(crate) fn is_recent(hour: Hour, now: DateTime<Utc>, limits: &Limits) -> bool {
    !limits.is_closed(hour, now - TimeDelta::hours(PENDING_HOURS))
}

impl Inventory {
    /// Reads it. Parquet is listed before the JSON objects, so that an object that arrives meanwhile is new and never
    /// gone.
    pub(crate) async fn gather(bucket: &Bucket, catalog: &Catalog) -> anyhow::Result<Inventory> {
        let mut inventory = Inventory::default();
        inventory.ask_catalog(catalog).await.context("could not tell: the catalog cannot be read")?;
        inventory.list(bucket).await.context("could not tell: the bucket cannot be read")?;
        Ok(inventory)
    }

    /// Leaves out the hours outside of `range`, and the days that have hours outside of it: a day is checked against all of its
    /// hours.
    pub(crate) fn keep(&mut self, range: HourRange) {
        self.hours.retain(|hour, _| range.contains(*hour));
        self.days.retain(|day, _| range.contains_day(*day));
    }

    /// Leaves out all hours but the last `count`.
    pub(crate) fn keep_last(&mut self, count: usize) {
        let first = self.hours.keys().rev().nth(count.saturating_sub(1)).or(self.hours.keys().next()).copied();
        self.hours.retain(|hour, _| first.is_some_and(|first| *hour >= first));
    }

    /// The stretches of hours without any object between hours that have some: the first hour of each, and the last.
    pub(crate) fn gaps(&self) -> Vec<(Hour, Hour)> {
        let hours: Vec<Hour> =
            self.hours.iter().filter(|(_, it)| !it.inputs.is_empty()).map(|(hour, _)| *hour).collect();
        let gap = |pair: &[Hour]| (pair[0].next() < pair[1]).then(|| (pair[0].next(), pair[1].back(1)));
        hours.windows(2).filter_map(gap).collect()
    }

    /// The hour up to which the view may read Parquet. `None` if there is no watermark, or its file is not ours.
    pub(crate) fn watermark(&self) -> Option<Hour> {
        let stored = sealed::from_json::<StoredWatermark>(self.watermark.as_deref()?);
        stored.ok().map(|stored| stored.watermark)
    }

    /// The hours of `day` that have a manifest.
    pub(crate) fn hours_with_manifest(&self, day: Day) -> Vec<Hour> {
        let hours = self.hours.range(day.first()..day.end()).filter(|(_, hour)| hour.has_manifest);
        hours.map(|(hour, _)| *hour).collect()
    }

    /// The last day that the view reads from the table of days. `None` if it reads none from there, or if it is not ours.
    pub(crate) fn view_day(&self) -> Option<Day> {
        match &self.view {
            View::Ours(table) => catalog::view::watermarks_of(table)?.day,
            View::Missing | View::NotOurs => None,
        }
    }

    /// The days before `end` that the table of days is to have at `now`.
    pub(crate) fn days_before(&self, end: Day, now: DateTime<Utc>) -> BTreeSet<Day> {
        let with_hours = self.hours.iter().filter(|(_, hour)| hour.has_manifest).map(|(hour, _)| Day::of(*hour));
        compactor::day::plan::wanted(&with_hours.collect(), end, now)
    }

    /// True if any hour has a manifest.
    pub(crate) fn has_manifests(&self) -> bool {
        self.hours.values().any(|hour| hour.has_manifest)
    }

    async fn list(&mut self, bucket: &Bucket) -> anyhow::Result<()> {
        for object in bucket.list(layout::PARQUET).await? {
            match layout::attempt_of(&object.key) {
                Some((hour, attempt)) => self.hour(hour).folders.entry(attempt).or_default().push(object),
                None => self.stray.push(object),
            }
        }
        for object in bucket.list(layout::DAILY).await? {
            match layout::day_attempt_of(&object.key) {
                Some((day, attempt)) => self.day(day).folders.entry(attempt).or_default().push(object),
                None => self.stray.push(object),
            }
        }
        for object in bucket.list(layout::REJECTED).await? {
            match layout::attempt_of(&object.key) {
                Some((hour, attempt)) => drop(self.hour(hour).rejected.insert(attempt)),
                None => self.stray.push(object),
            }
        }
        for object in bucket.list(layout::MANIFESTS).await? {
            self.add_manifest(object);
        }
        for object in bucket.list(layout::LOGS).await? {
            self.add_log(object);
        }
        self.watermark = bucket.read_as_is(layout::WATERMARK).await?.map(|(bytes, _)| bytes.to_vec());
        Ok(())
    }

    fn add_manifest(&mut self, object: ObjectMeta) {
        if let Some(hour) = layout::hour_of_manifest(&object.key) {
            self.hour(hour).has_manifest = true;
        } else if let Some(day) = layout::day_of_manifest(&object.key) {
            self.day(day).manifest_etag = Some(object.etag);
        } else if object.key != layout::WATERMARK && !layout::is_kept_unreadable(&object.key) {
            self.stray.push(object);
        }
    }

    fn add_log(&mut self, object: ObjectMeta) {
        if let Some(hour) = layout::hour_of_input(&object.key) {
            return self.hour(hour).inputs.push(object);
        }
        self.unread += 1;
        if let Some(why) = layout::why_unread(&object.key, object.size) {
            self.of_no_hour.push((object, why));
        }
    }

    async fn ask_catalog(&mut self, catalog: &Catalog) -> Result<(), CatalogError> {
        self.view = match catalog.view().await {
            Ok(Some(table)) => View::Ours(Box::new(table)),
            Ok(None) => View::Missing,
            Err(CatalogError::NameTaken { .. }) => View::NotOurs,
            Err(error) => return Err(error),
        };
        let TablesState { missing, differences } = catalog.tables().await?;
        self.table_differences = differences;
        if !missing.contains(&PARQUET) {
            self.add_partitions(PARQUET, catalog.parquet_partitions(.., Columns::Compared).await?, |hour, pointer| {
                hour.pointer = Some(pointer);
            });
        }
        if !missing.contains(&JSON) {
            self.add_partitions(JSON, catalog.json_partitions(.., Columns::Compared).await?, |hour, _| {
                hour.registered = true;
            });
        }
        if !missing.contains(&DAILY) {
            self.add_days(catalog.parquet_partitions(.., Columns::Compared).await?);
        }
        self.missing_tables = missing;
        Ok(())
    }

    fn add_days(&mut self, partitions: Partitions<Pointer, Day>) {
        for (day, pointer) in partitions.by_key {
            self.day(day).pointer = Some(pointer);
        }
        for (day, differences) in partitions.differences {
            self.day(day).partition_differences = differences;
        }
        self.add_of_none(DAILY, &partitions.of_none);
    }

    fn add_of_none(&mut self, table: &str, of_none: &[Vec<String>]) {
        self.partitions_of_none.extend(of_none.iter().map(|values| format!("{table} {values:?}")));
    }

    fn add_partitions<T>(
        &mut self,
        table: &'static str,
        partitions: Partitions<T>,
        add: impl Fn(&mut HourInventory, T),
    ) {
        for (hour, says) in partitions.by_key {
            add(self.hour(hour), says);
        }
        for (hour, differences) in partitions.differences {
            let differences = differences.into_iter().map(|what| (table, what));
            self.hour(hour).partition_differences.extend(differences);
        }
        self.add_of_none(table, &partitions.of_none);
    }

    fn hour(&mut self, hour: Hour) -> &mut HourInventory {
        self.hours.entry(hour).or_default()
    }

    fn day(&mut self, day: Day) -> &mut DayInventory {
        self.days.entry(day).or_default()
    }
}

impl HourInventory {
    /// Bytes of its JSON objects.
    pub(crate) fn json_bytes(&self) -> u64 {
        self.inputs.iter().map(|object| object.size).sum()
    }
}

impl View {
    /// Compares the view of `database` with the one that would be written for `watermark`.
    pub(crate) fn state(&self, database: &str, watermark: Option<Hour>) -> ViewState {
        match (self, watermark) {
            (View::Missing, _) => ViewState::Missing,
            (View::NotOurs, _) => ViewState::NotOurs,
            (View::Ours(_), None) => ViewState::WithoutWatermark,
            (View::Ours(view), Some(watermark)) => {
                let day = catalog::view::watermarks_of(view).and_then(|watermarks| watermarks.day);
                let ours = catalog::view::table(database, Watermarks { hour: watermark, day });
                match view.view_original_text() == ours.view_original_text() {
                    true if catalog::table_differences(view, &ours).is_empty() => ViewState::FollowsWatermark,
                    true => ViewState::Differs,
                    false => ViewState::IgnoresWatermark,
                }
            }
        }
    }
}

impl fmt::Display for ViewState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ViewState::Missing => "missing",
            ViewState::NotOurs => "not ours",
            ViewState::WithoutWatermark => "without a watermark",
            ViewState::FollowsWatermark => "follows the watermark",
            ViewState::IgnoresWatermark => "does not follow the watermark",
            ViewState::Differs => "not defined as ours",
        })
    }
}

impl Serialize for ViewState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
