//! The last step of an hour: what is no longer wanted is deleted, long after the last reader can have planned with it.
//!
//! Never an object under `logs/` (C4).

use catalog::Pointer;
use chrono::{DateTime, Utc};
use log_format::{Hour, layout};

use crate::commit::Stored;
use crate::hour::{Compactor, HourError, Run};
use crate::manifest::{Attempt, Manifest};

impl Compactor {
    /// Step 6. `pointer` is what Glue says in this very visit. Gives the manifest as it was changed, none where it
    /// wasn't: nothing was due, or another run changed it first and the next visit goes on.
    pub(crate) async fn collect(
        &self,
        stored: Stored,
        pointer: Option<&Pointer>,
        run: &Run,
    ) -> Result<Option<Stored>, HourError> {
        let buried = match stored.manifest.buried(run.clock.now()) {
            Some(next) => match self.write_manifest(&next, &stored.condition(), run).await? {
                Some(written) => Some(written),
                None => return Ok(None),
            },
            None => None,
        };
        let stored = buried.clone().unwrap_or(stored);
        let attempts = self.collectable(&stored.manifest, pointer, run.clock.now());
        if attempts.is_empty() {
            return Ok(buried);
        }
        for attempt in &attempts {
            self.delete_attempt(stored.manifest.hour, attempt, run).await?;
        }
        // Only now that its files are gone is a folder forgotten; a crash before makes the next visit look again.
        let struck = self.write_manifest(&stored.manifest.struck(&attempts), &stored.condition(), run).await?;
        Ok(struck.or(buried))
    }

    /// Would [`Compactor::collect`] change anything?
    pub(crate) fn may_collect(&self, manifest: &Manifest, pointer: Option<&Pointer>, now: DateTime<Utc>) -> bool {
        manifest.buried(now).is_some() || !self.collectable(manifest, pointer, now).is_empty()
    }

    /// The retired folders whose files may go.
    fn collectable(&self, manifest: &Manifest, pointer: Option<&Pointer>, now: DateTime<Utc>) -> Vec<Attempt> {
        let since = pointer.filter(|it| self.names_live(it, manifest)).and_then(|pointer| pointer.since);
        manifest.collectable(now, since)
    }

    fn names_live(&self, pointer: &Pointer, manifest: &Manifest) -> bool {
        let folder = manifest.live.as_ref().map(|live| self.bucket.uri(&live.folder(manifest.hour)));
        folder.as_ref() == Some(&pointer.location)
    }

    async fn delete_attempt(&self, hour: Hour, attempt: &str, run: &Run) -> Result<(), HourError> {
        let files = self.bucket.list(&layout::parquet_folder(hour, attempt)).await?;
        let keys = files.into_iter().map(|file| file.key).chain([layout::rejected_key(hour, attempt)]);
        for key in keys {
            run.clock.may_write()?;
            self.bucket.delete(&key).await?;
        }
        Ok(())
    }
}
