//! Publication: the partition of an hour or a day in Glue names its live folder.

use std::collections::HashSet;

use catalog::{Catalog, ParquetKey, Pointer};
use chrono::{DateTime, TimeDelta, Utc};
use log_format::{Day, Hour, layout};
use parquet::file::metadata::ParquetMetaDataReader;
use projection::manifest::{Folder, Live, LiveDay, Manifest, Period};

use crate::bucket::Bucket;
use crate::clock::Clock;
use crate::hour::error::HourError;
use crate::listing::{digest_of_files, digest_of_folders, digest_of_inputs};
use crate::manifest_store::{ManifestStore, VersionedManifest};

/// A write to Glue ends within this time after the read of its manifest, or is given up: Glue's write has no condition.
const PUBLISH_TIME: TimeDelta = TimeDelta::seconds(60);

/// Tries of a publication during which `live` keeps moving.
const PUBLISH_TRIES_MAX: u32 = 5;

/// What has a partition that names its live folder: an hour or a day.
pub trait Published: Period + ParquetKey {
    /// The hour, whose day goes before it. `None` for a day.
    fn hour(self) -> Option<Hour>;

    /// The digest of what the rows of a live folder come from.
    fn inputs(live: &Self::Live, bucket: &Bucket) -> u128;
}

impl Published for Hour {
    fn hour(self) -> Option<Hour> {
        Some(self)
    }

    fn inputs(live: &Live, _bucket: &Bucket) -> u128 {
        digest_of_inputs(&live.inputs)
    }
}

impl Published for Day {
    fn hour(self) -> Option<Hour> {
        None
    }

    fn inputs(live: &LiveDay, bucket: &Bucket) -> u128 {
        digest_of_folders(live.inputs.iter().map(|input| bucket.uri(&input.folder())))
    }
}

/// Why a partition does not name its live folder yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// True if the hour's day has to hold the folder first, and the day's partition name the day's folder.
    pub for_day: bool,
    /// The folder, and until when it waits, if it is to take the place of another in the partition.
    pub seen: Option<Seen>,
}

/// A live folder that a run saw, and the moment from which on it may take the place of another: what a run wrote that saw the
/// other one live has arrived by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    attempt: String,
    until: DateTime<Utc>,
}

impl Waiting {
    /// The moment from which on the folder may take the other's place. `None` if it takes no other's.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        self.seen.as_ref().map(|seen| seen.until)
    }
}

/// How a publication ended.
pub(crate) enum Publication<P: Period> {
    /// The manifest that the partition follows now, and what the partition says. The latter is `None` if nothing is live.
    Done(VersionedManifest<P>, Option<Pointer>),
    /// The partition is as it was.
    Waits(Waiting),
}

/// What publication needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publisher<'a> {
    pub(crate) bucket: &'a Bucket,
    pub(crate) catalog: &'a Catalog,
    pub(crate) store: &'a ManifestStore,
    pub(crate) clock: &'a Clock,
    /// How long a folder is live before it takes the place of another. Zero if no other run can be writing.
    pub(crate) wait: TimeDelta,
}

impl Publisher<'_> {
    /// Step 5: makes the partition name the live folder. Glue's write has no condition, so the manifest is read again after it,
    /// whatever its reply was. If `live` moved meanwhile, the newer one is published.
    ///
    /// The partition waits, and stays as it is, in two cases. A live day goes before its hours: until it holds an hour's live
    /// folder and is published, a reader would miss the rows. And a folder takes the place of another only once the time
    /// has passed that began when the caller had `seen` it live: a run that read an older manifest may be about to write.
    pub(crate) async fn publish<P: Published>(
        &self,
        stored: VersionedManifest<P>,
        seen: Option<&Seen>,
    ) -> Result<Publication<P>, HourError> {
        let period = stored.manifest.period;
        let (mut stored, mut written) = (stored, None);
        for _ in 0..PUBLISH_TRIES_MAX {
            let Some(live) = &stored.manifest.live else { return Ok(Publication::Done(stored, None)) };
            let found = self.catalog.pointer(period).await?;
            let pointer = self.pointer_to(live, &stored, found.as_ref());
            if found.as_ref() == Some(&pointer) {
                return Ok(Publication::Done(stored, found));
            }
            self.check_files(&stored.manifest, live).await?;
            // What this run has just written itself it puts right at once: it may have been late.
            let named = found.map(|found| found.location);
            let replaces = named.is_some() && named.as_ref() != Some(&pointer.location) && named != written;
            if let Some(waiting) = self.waiting(&stored, live, replaces, seen).await? {
                return Ok(Publication::Waits(waiting));
            }
            let pointed = self.point(period, &pointer, named.is_some(), &stored).await;
            if !matches!(pointed, Ok(false)) {
                written = Some(pointer.location.clone());
            }
            let again = self.store.read(period, self.clock).await?;
            self.clock.may_write()?;
            if again.manifest.live_attempt() == stored.manifest.live_attempt() && pointed? {
                return Ok(Publication::Done(again, Some(pointer)));
            }
            stored = again;
        }
        Err(HourError::Unpublished { partition: period.to_string() })
    }

    /// What the partition waits for. `replaces` tells whether it names another folder now.
    async fn waiting<P: Published>(
        &self,
        stored: &VersionedManifest<P>,
        live: &P::Live,
        replaces: bool,
        seen: Option<&Seen>,
    ) -> Result<Option<Waiting>, HourError> {
        let for_day = match stored.manifest.period.hour() {
            Some(hour) => self.is_behind_day(hour, live.attempt()).await?,
            None => false,
        };
        let seen_now = || Seen { attempt: live.attempt().to_string(), until: self.clock.now() + self.wait };
        let seen = seen.filter(|seen| seen.attempt == live.attempt()).cloned().unwrap_or_else(seen_now);
        let waits = replaces && !self.wait.is_zero();
        let too_soon = waits && stored.at < seen.until;
        let seen = waits.then_some(seen);
        Ok((for_day || too_soon).then_some(Waiting { for_day, seen }))
    }

    /// What the partition is to say of the live folder. `found` is what it says now.
    fn pointer_to<P: Published>(
        &self,
        live: &P::Live,
        stored: &VersionedManifest<P>,
        found: Option<&Pointer>,
    ) -> Pointer {
        let location = self.bucket.uri(&stored.manifest.period.folder(live.attempt()));
        // No partition named the folder before it was live.
        let same = found.filter(|it| it.location == location && it.has_since(live.committed_at()));
        // If somebody made the partition again by hand, it does not know since when it names the folder.
        let since = same.and_then(|it| it.since).or(Some(self.clock.now().max(live.committed_at())));
        let (inputs, files) = digests_of_live::<P>(live, &location, self.bucket);
        Pointer {
            location,
            manifest_etag: stored.etag.clone().unwrap_or_default(),
            since,
            unfinished: stored.manifest.is_unfinished(),
            unsettled: stored.manifest.is_unsettled(),
            inputs: Some(inputs),
            files: Some(files),
        }
    }

    /// Writes the pointer while the manifest's read is recent. Returns false if it is not, or if meanwhile somebody made the
    /// partition or dropped it.
    async fn point<P: Published>(
        &self,
        period: P,
        pointer: &Pointer,
        exists: bool,
        stored: &VersionedManifest<P>,
    ) -> Result<bool, HourError> {
        self.clock.may_write()?;
        let left = stored.at + PUBLISH_TIME - self.clock.now();
        let Some(left) = left.to_std().ok().filter(|left| !left.is_zero()) else { return Ok(false) };
        Ok(match exists {
            true => self.catalog.update_pointer(period, pointer, left).await?,
            false => self.catalog.create_pointer(period, pointer, left).await?,
        })
    }

    /// A partition whose folder is gone reads as no rows and no error, so the folder is checked before it is named.
    async fn check_files<P: Period>(&self, manifest: &Manifest<P>, live: &P::Live) -> Result<(), HourError> {
        if live.files().is_empty() {
            return Ok(());
        }
        let folder = manifest.period.folder(live.attempt());
        let found: HashSet<String> = self.bucket.list(&folder).await?.into_iter().map(|file| file.key).collect();
        let whole = live.files().iter().all(|file| found.contains(&file.key));
        if whole { Ok(()) } else { Err(HourError::Folder { folder }) }
    }

    /// Readers of a live day get an hour's rows from there. So the day must hold the hour's live folder, and its partition name
    /// the day's, before the hour's partition names it: otherwise rows that were seen would be gone once the view takes the day
    /// from the table of days.
    async fn is_behind_day(&self, hour: Hour, attempt: &str) -> Result<bool, HourError> {
        let day = Day::of(hour);
        let stored = self.store.read(day, self.clock).await?;
        let Some(live) = &stored.manifest.live else { return Ok(false) };
        Ok(!(live.holds(hour, attempt) && self.names(day, &stored.manifest).await?))
    }

    /// True if the partition of a day names its live folder.
    async fn names(&self, day: Day, manifest: &Manifest<Day>) -> Result<bool, HourError> {
        let named = self.catalog.pointer(day).await?.map(|pointer| pointer.location);
        Ok(named == manifest.live_folder().map(|folder| self.bucket.uri(&folder)))
    }

    /// The rows that readers of `hour` see now: those in the folder that Glue names. If the manifest was lost, this is the
    /// only witness of what the hour held (C8). A file that nobody can read counts as no rows.
    pub(crate) async fn published_rows(&self, hour: Hour) -> Result<u64, HourError> {
        let Some(pointer) = self.catalog.pointer(hour).await? else { return Ok(0) };
        let of_hour = self.bucket.uri(&layout::parquet_prefix(hour));
        let Some(folder) = pointer.location.strip_prefix(&of_hour) else { return Ok(0) };
        let mut rows = 0;
        for file in self.bucket.list(&format!("{}{folder}", layout::parquet_prefix(hour))).await? {
            let Some((bytes, _)) = self.bucket.read(&file.key).await? else { continue };
            let footer = ParquetMetaDataReader::new().parse_and_finish(&bytes);
            rows += footer.map_or(0, |footer| footer.file_metadata().num_rows().unsigned_abs());
        }
        Ok(rows)
    }
}

/// Both digests of a live folder with this URI: of what its rows come from, and of its files.
pub fn digests_of_live<P: Published>(live: &P::Live, folder: &str, bucket: &Bucket) -> (u128, u128) {
    let files = live.files().iter().map(|file| (file.key.as_str(), file.size));
    (P::inputs(live, bucket), digest_of_files(folder, files))
}
