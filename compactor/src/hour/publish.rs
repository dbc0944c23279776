//! Publication: the hour's partition in Glue names its live folder.

use std::collections::HashSet;

use catalog::{Catalog, Pointer};
use chrono::TimeDelta;
use log_format::{Hour, layout};
use parquet::file::metadata::ParquetMetaDataReader;
use projection::manifest::Live;

use crate::bucket::Bucket;
use crate::clock::Clock;
use crate::hour::error::HourError;
use crate::listing::digests_of_live;
use crate::manifest_store::{ManifestStore, VersionedManifest};

/// A write to Glue follows the read of its manifest within this time, or does not happen: Glue's write has no condition.
const PUBLISH_MINUTES_MAX: i64 = 10;
/// Tries of a publication during which `live` keeps moving.
const PUBLISH_TRIES_MAX: u32 = 5;

/// What publication needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publisher<'a> {
    pub(crate) bucket: &'a Bucket,
    pub(crate) catalog: &'a Catalog,
    pub(crate) store: &'a ManifestStore,
    pub(crate) clock: &'a Clock,
}

impl Publisher<'_> {
    /// Step 5 of an hour: makes the partition name the live folder. Glue's write has no condition, so the manifest is read
    /// again after it, whatever its reply was. If `live` moved meanwhile, the newer one is published.
    ///
    /// Returns the manifest that the partition follows now, and what the partition says. The latter is `None` if nothing is
    /// live.
    pub(crate) async fn publish(
        &self,
        stored: VersionedManifest,
    ) -> Result<(VersionedManifest, Option<Pointer>), HourError> {
        let hour = stored.manifest.hour;
        let mut stored = stored;
        for _ in 0..PUBLISH_TRIES_MAX {
            let Some(live) = &stored.manifest.live else { return Ok((stored, None)) };
            let found = self.catalog.parquet_pointer(hour).await?;
            let pointer = self.pointer_to(live, &stored, found.as_ref());
            if found.as_ref() == Some(&pointer) {
                return Ok((stored, found));
            }
            self.check_files(hour, live).await?;
            let pointed = self.point(hour, &pointer, &stored).await;
            let again = self.store.read(hour, self.clock).await?;
            self.clock.may_write()?;
            if again.manifest.live_attempt() == stored.manifest.live_attempt() && pointed? {
                return Ok((again, Some(pointer)));
            }
            stored = again;
        }
        Err(HourError::Unpublished { hour })
    }

    /// What the partition is to say of the live folder. `found` is what it says now.
    fn pointer_to(&self, live: &Live, stored: &VersionedManifest, found: Option<&Pointer>) -> Pointer {
        let location = self.bucket.uri(&live.folder(stored.manifest.hour));
        // No partition named the folder before it was live.
        let same = found.filter(|it| it.location == location && it.has_since(live.committed_at));
        // If somebody made the partition again by hand, it does not know since when it names the folder.
        let since = same.and_then(|it| it.since).or(Some(self.clock.now().max(live.committed_at)));
        let (inputs, files) = digests_of_live(live, &location);
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

    /// Writes the pointer while the manifest's read is recent. Returns false if it is not.
    async fn point(&self, hour: Hour, pointer: &Pointer, stored: &VersionedManifest) -> Result<bool, HourError> {
        let is_recent = || self.clock.now() - stored.at < TimeDelta::minutes(PUBLISH_MINUTES_MAX);
        let may_write = || is_recent() && self.clock.may_write().is_ok();
        Ok(self.catalog.point_parquet(hour, pointer, &may_write).await?)
    }

    /// A partition whose folder is gone reads as no rows and no error, so the folder is checked before it is named.
    async fn check_files(&self, hour: Hour, live: &Live) -> Result<(), HourError> {
        let folder = live.folder(hour);
        let found: HashSet<String> = self.bucket.list(&folder).await?.into_iter().map(|file| file.key).collect();
        let whole = live.files.iter().all(|file| found.contains(&file.key));
        if whole { Ok(()) } else { Err(HourError::Folder { folder }) }
    }

    /// The rows that readers of `hour` see now: those in the folder that Glue names. If the manifest was lost, this is the
    /// only witness of what the hour held (C8). A file that nobody can read counts as no rows.
    pub(crate) async fn published_rows(&self, hour: Hour) -> Result<u64, HourError> {
        let Some(pointer) = self.catalog.parquet_pointer(hour).await? else { return Ok(0) };
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
