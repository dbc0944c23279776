//! The last step of an hour: its partition names the live folder.

use std::collections::HashSet;

use catalog::Pointer;
use chrono::TimeDelta;
use log_format::{Hour, layout};
use parquet::file::metadata::ParquetMetaDataReader;

use crate::commit::{Stored, WRITES_MAX};
use crate::hour::{Compactor, HourError, Run};
use crate::manifest::Live;

/// A Glue write follows the manifest's reading within this time, or not at all: it has no condition of its own.
const PUBLISH_MINUTES_MAX: i64 = 10;

impl Compactor {
    /// Step 5. Makes the partition name the live folder. Glue's write has no condition, so the manifest is read again
    /// after it, whatever became of it, and if `live` moved the newer one is applied. Gives the manifest that Glue
    /// follows now, and what Glue says; nothing where nothing is live.
    pub(crate) async fn publish(&self, stored: Stored, run: &Run) -> Result<(Stored, Option<Pointer>), HourError> {
        let hour = stored.manifest.hour;
        let mut stored = stored;
        for _ in 0..WRITES_MAX {
            let Some(live) = &stored.manifest.live else { return Ok((stored, None)) };
            let found = self.catalog.parquet_pointer(hour).await?;
            let location = self.bucket.uri(&live.folder(hour));
            let manifest_etag = stored.etag.clone().unwrap_or_default();
            let same = found.filter(|pointer| pointer.location == location);
            if same.as_ref().is_some_and(|pointer| pointer.manifest_etag == manifest_etag && pointer.since.is_some()) {
                return Ok((stored, same));
            }
            self.see_files(hour, live).await?;
            // Somebody may have made the partition anew, and not known since when it names the folder.
            let since = same.and_then(|pointer| pointer.since).or(Some(run.clock.now()));
            let unfinished = stored.manifest.is_unfinished();
            let pointer = Pointer { location, manifest_etag, since, unfinished };
            let fresh = || run.clock.now() - stored.at < TimeDelta::minutes(PUBLISH_MINUTES_MAX);
            let may_write = || fresh() && run.clock.may_write().is_ok();
            let pointed = self.catalog.point_parquet(hour, &pointer, &may_write).await;
            let again = self.read_manifest(hour, run).await?;
            run.clock.may_write()?;
            if again.manifest.live_attempt() == stored.manifest.live_attempt() && pointed? {
                return Ok((again, Some(pointer)));
            }
            stored = again;
        }
        Err(HourError::Unpublished { hour })
    }

    /// The rows that readers of `hour` see now: those in the folder that Glue names. An hour whose manifest was lost has
    /// no other witness of what it held (C8). A file that nobody can read counts nothing.
    pub(crate) async fn rows_named(&self, hour: Hour) -> Result<u64, HourError> {
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

    /// A partition whose folder is gone reads as no rows and no error, so none is ever made to name such a one.
    async fn see_files(&self, hour: Hour, live: &Live) -> Result<(), HourError> {
        let folder = live.folder(hour);
        let there: HashSet<String> = self.bucket.list(&folder).await?.into_iter().map(|file| file.key).collect();
        let whole = live.files.iter().all(|file| there.contains(&file.key));
        if whole { Ok(()) } else { Err(HourError::Folder { folder }) }
    }
}
