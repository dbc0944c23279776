//! How far the view reads Parquet, and how far the table of days.
//!
//! The watermark is the greatest hour, at least the watermark lag in the past, such that every hour up to it is read whole
//! from Parquet. It lives in `manifests/watermark.json` and never goes back. The view in Glue is its cache. The day watermark
//! lives in the view alone.

mod day;

use std::collections::BTreeMap;

use aws_sdk_glue::types::Table;
use catalog::{Catalog, CatalogError, Pointer, Watermarks, view};
use chrono::{DateTime, TimeDelta, Utc};
use log_format::{Day, Hour, layout};
use projection::manifest::{Manifest, ObjectMeta, Period};

use crate::bucket::{Bucket, BucketError};
use crate::clock::{Clock, Run, RunOver};
use crate::config::Limits;
use crate::hour::Compactor;
use crate::manifest_store::{ManifestStore, StoreError, StoredWatermark};

/// Where the watermark is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkStatus {
    /// The last hour that the view reads from Parquet.
    pub watermark: Hour,
    /// The hour that keeps the watermark from going as far as its lag allows. `None` if nothing does.
    pub blocked_by: Option<Hour>,
    /// How many hours the watermark is behind what its lag allows.
    pub behind: u64,
    /// The last day that the view reads from the table of days. `None` if it reads none from there.
    pub day: Option<Day>,
    /// How many days that is behind what its lag allows. Zero if no day is begun.
    pub days_behind: u64,
    /// True if the view was not as any run of ours leaves it, and was made so again.
    pub repaired_view: bool,
}

/// The result of moving the watermark.
#[derive(Debug)]
pub struct Moved {
    /// Where it is, or why it could not be moved, or not further.
    pub status: Result<WatermarkStatus, WatermarkError>,
    /// The hours that it has passed and that may have got objects meanwhile. Nobody sees those before their hours are compacted.
    pub overtaken: Vec<Hour>,
}

/// How far the watermark could go.
struct Reach {
    hour: Hour,
    blocked_by: Option<Hour>,
    /// The time right before the objects were listed.
    listed_at: DateTime<Utc>,
    /// The manifests up to it.
    manifests: BTreeMap<Hour, Manifest>,
}

/// Hours with a manifest that one step covers. A week's objects are listed in seconds.
const STEP_HOURS: usize = 7 * 24;

/// The watermark and the view are written within this time after the objects were listed, or not at all: an object that came
/// after the listing is seen from JSON until they are.
const LISTING_SECONDS_MAX: i64 = 60;

/// The watermark could not be moved. Hours that were compacted stay compacted.
#[derive(Debug, thiserror::Error)]
pub enum WatermarkError {
    /// The view could not be read or written.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The bucket could not be listed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The watermark's file or a manifest could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The run has lasted too long.
    #[error(transparent)]
    RunOver(#[from] RunOver),
    /// Too much time passed since the objects were listed.
    #[error(
        "more than {LISTING_SECONDS_MAX} seconds passed since the objects were listed; the next tick moves the watermark"
    )]
    Stale,
}

impl Compactor {
    /// Moves the watermark as far as it may go, and makes the view follow. It goes step by step, and what a step gains is
    /// kept if a later one fails. The next tick goes on.
    pub async fn move_watermark(&self, clock: &Clock) -> Moved {
        let (mover, mut overtaken) = (self.mover(clock), Vec::new());
        let status = mover.steps(&mut overtaken).await;
        Moved { status, overtaken }
    }

    /// Replaces an unreadable watermark by the one that the view has. The unreadable file is kept under a key of its own, which
    /// is returned. `None` if the watermark can be read, or was changed meanwhile.
    ///
    /// # Errors
    ///
    /// S3 or Glue failed.
    pub async fn replace_unreadable_watermark(&self, run: &Run) -> Result<Option<String>, WatermarkError> {
        let Some((bytes, etag)) = self.store.read_unreadable_watermark().await? else { return Ok(None) };
        let kept = self.store.keep_unreadable(layout::WATERMARK, bytes, &run.nonce, &run.clock).await?;
        let shown = self.mover(&run.clock).shown(self.catalog.view().await?.as_ref());
        let next = StoredWatermark { watermark: shown, shown: Some(shown) };
        let written = self.store.write_watermark(next, Some(etag), &run.clock).await?;
        Ok((written == shown).then_some(kept))
    }

    fn mover<'a>(&'a self, clock: &'a Clock) -> Mover<'a> {
        let Compactor { bucket, catalog, store, limits } = self;
        Mover { bucket, catalog, store, limits, clock }
    }
}

/// Moves the watermark.
struct Mover<'a> {
    bucket: &'a Bucket,
    catalog: &'a Catalog,
    store: &'a ManifestStore,
    limits: &'a Limits,
    clock: &'a Clock,
}

impl Mover<'_> {
    async fn steps(&self, overtaken: &mut Vec<Hour>) -> Result<WatermarkStatus, WatermarkError> {
        let mut repaired_view = false;
        loop {
            let (status, more) = self.step(overtaken).await?;
            repaired_view |= status.repaired_view;
            if !more || self.clock.may_write().is_err() {
                return Ok(WatermarkStatus { repaired_view, ..status });
            }
        }
    }

    /// Moves the watermark by one step, and adds the hours that it has `overtaken`. Also returns whether there may be another.
    ///
    /// The view is read before the watermark is, so that Glue refuses the write of a run that slept with an older watermark.
    async fn step(&self, overtaken: &mut Vec<Hour>) -> Result<(WatermarkStatus, bool), WatermarkError> {
        let view = self.catalog.view().await?;
        let found = self.store.read_watermark().await?;
        let limit = self.limit();
        let shown = self.shown_of(view.as_ref(), found.as_ref().map(|(stored, _)| *stored));
        let (stored, etag) = found.map_or((Hour::EPOCH, None), |(stored, etag)| (stored.watermark, Some(etag)));
        let reach = match limit > shown {
            true => self.reachable(shown, limit).await?,
            false => {
                let (listed_at, manifests) = (self.clock.now(), BTreeMap::new());
                Reach { hour: shown, blocked_by: None, listed_at, manifests }
            }
        };
        let is_recent = || self.clock.now() - reach.listed_at < TimeDelta::seconds(LISTING_SECONDS_MAX);
        let stored = match reach.hour > stored {
            true if !is_recent() => return Err(WatermarkError::Stale),
            true => {
                let next = StoredWatermark { watermark: reach.hour, shown: Some(shown) };
                self.store.write_watermark(next, etag, self.clock).await?
            }
            false => stored,
        };
        let watermark = stored.min(reach.hour).max(shown);
        let days = self.reachable_day(shown_day(view.as_ref(), watermark), watermark).await?;
        self.clock.may_write()?;
        if !is_recent() {
            return Err(WatermarkError::Stale);
        }
        let watermarks = Watermarks { hour: watermark, day: days.day };
        let repaired_view = self.catalog.set_view(view.as_ref(), watermarks).await?;
        overtaken.extend(self.overtaken(shown, watermark, &reach).await);
        let behind = u64::try_from((limit.start() - watermark.start()).num_hours()).unwrap_or(0);
        let more = reach.blocked_by.is_none() && reach.hour < limit && watermark > shown;
        let (day, days_behind, blocked_by) = (days.day, days.behind, reach.blocked_by);
        let status = WatermarkStatus { watermark, blocked_by, behind, day, days_behind, repaired_view };
        Ok((status, more || days.more))
    }

    /// The latest hour that the watermark's lag allows.
    fn limit(&self) -> Hour {
        Hour::of(self.clock.now() - self.limits.watermark_lag()).back(1)
    }

    /// The watermark that readers have now. A run may have moved the stored one and not the view. Objects that came since into
    /// hours between the two are shown from JSON, so the view follows only as far as Parquet has them.
    fn shown_of(&self, view: Option<&Table>, stored: Option<StoredWatermark>) -> Hour {
        let Some(StoredWatermark { watermark, shown }) = stored else { return self.shown(view) };
        shown_by(view).or(shown).unwrap_or(watermark).min(watermark)
    }

    /// The watermark if none is stored: the view's. To begin before all hours would take hours from Parquet that the JSON may
    /// not have any more.
    fn shown(&self, view: Option<&Table>) -> Hour {
        shown_by(view).map_or(Hour::EPOCH, |watermark| watermark.min(self.limit()))
    }

    /// The greatest hour up to `limit`, as far as a step goes, such that every hour after `watermark` up to it is read whole
    /// from Parquet.
    ///
    /// The objects are listed last. One that came after the manifests were read blocks the watermark; one that comes after the
    /// listing is found once the view is written.
    async fn reachable(&self, watermark: Hour, limit: Hour) -> Result<Reach, WatermarkError> {
        let from = watermark.next();
        let mut with_manifest = self.bucket.first_hours_with_manifest(from, limit.next(), STEP_HOURS + 1).await?;
        // All before the first hour of the next step, and nothing of that hour.
        let next_step = if with_manifest.len() > STEP_HOURS { with_manifest.pop() } else { None };
        let to = next_step.unwrap_or(limit.next());
        let pointers = self.catalog.pointers(from..to).await?;
        let manifests = self.readable_manifests(&with_manifest).await?;
        let listed_at = self.clock.now();
        let (inputs, unknown) = self.bucket.inputs_of_known(&with_manifest, from, to).await?;
        let whole = |hour: &&Hour| {
            let listed = inputs.get(hour).map(Vec::as_slice).unwrap_or_default();
            manifests.get(hour).is_some_and(|manifest| self.is_whole(manifest, listed, &pointers))
        };
        let broken = with_manifest.iter().find(|hour| !whole(hour)).copied();
        let blocked_by = broken.into_iter().chain(unknown).min();
        Ok(Reach { hour: blocked_by.unwrap_or(to).back(1), blocked_by, listed_at, manifests })
    }

    /// The hours after `shown` up to `watermark` that have objects which were not there when `reach` was found. The view is
    /// written by then: what comes after this listing comes into an hour that is read from Parquet, as any late object does. If
    /// S3 cannot list them, every hour with a manifest may have got some.
    async fn overtaken(&self, shown: Hour, watermark: Hour, reach: &Reach) -> Vec<Hour> {
        if watermark <= shown {
            return Vec::new();
        }
        let Ok(inputs) = self.bucket.inputs_by_hour(shown.next(), watermark.next()).await else {
            return reach.manifests.keys().filter(|hour| **hour <= watermark).copied().collect();
        };
        let is_new = |hour: &Hour, listed: &[ObjectMeta]| {
            let live = reach.manifests.get(hour).and_then(|manifest| manifest.live.as_ref());
            live.is_none_or(|live| live.new_among(listed) > 0)
        };
        inputs.into_iter().filter(|(hour, listed)| is_new(hour, listed)).map(|(hour, _)| hour).collect()
    }

    /// The manifests of these hours that can be read. An hour with an unreadable manifest is not known to be whole; its visit
    /// reports it.
    async fn readable_manifests(&self, hours: &[Hour]) -> Result<BTreeMap<Hour, Manifest>, StoreError> {
        let mut manifests = BTreeMap::new();
        for stored in self.store.read_many(hours, self.clock).await {
            match stored {
                Ok(stored) => drop(manifests.insert(stored.manifest.period, stored.manifest)),
                Err(StoreError::UnreadableManifest { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(manifests)
    }

    /// True if Parquet, as Glue names it, holds the rows of every listed object.
    fn is_whole(&self, manifest: &Manifest, listed: &[ObjectMeta], pointers: &BTreeMap<Hour, Pointer>) -> bool {
        let Some(live) = &manifest.live else { return listed.is_empty() };
        let named = pointers.get(&manifest.period).map(|pointer| pointer.location.as_str());
        named == Some(&self.bucket.uri(&manifest.period.folder(&live.attempt))) && live.new_among(listed) == 0
    }
}

/// The watermark of a view.
fn shown_by(view: Option<&Table>) -> Option<Hour> {
    view.and_then(view::watermarks_of).map(|watermarks| watermarks.hour)
}

/// The day watermark of a view. A day that is not wholly up to `watermark` is none that we wrote: its JSON would be shown too.
fn shown_day(view: Option<&Table>, watermark: Hour) -> Option<Day> {
    let day = view.and_then(view::watermarks_of).and_then(|watermarks| watermarks.day);
    day.filter(|day| day.last() <= watermark)
}
