//! What somebody asks for who has found damage that no listing shows.
//!
//! Nothing is edited in place: a damaged folder is replaced by a new one ([`Scope::Damaged`]), a folder that no manifest
//! knows is retired, and an object of ours that cannot be read is copied aside before another takes its place.
//!
//! [`Scope::Damaged`]: crate::hours::Scope::Damaged

use std::collections::BTreeSet;

use bytes::Bytes;
use log_format::{Hour, layout};

use crate::bucket::{BucketError, Condition, Put};
use crate::commit::WRITES_MAX;
use crate::cut::CutError;
use crate::hour::{Compactor, HourError, Run};
use crate::manifest::{Attempt, Manifest};

impl Compactor {
    /// Retires the folders of an hour that its manifest does not know; collection deletes them after the grace time.
    /// False where others kept changing the manifest.
    ///
    /// # Errors
    ///
    /// Those of reading and writing the manifest.
    pub async fn retire_unknown(&self, hour: Hour, attempts: &[Attempt], run: &Run) -> Result<bool, HourError> {
        for _ in 0..WRITES_MAX {
            let found = self.read_manifest(hour, run).await?;
            let Some(next) = found.manifest.taken_in(attempts, run.clock.now()) else { return Ok(true) };
            if self.write_manifest(&next, &found.condition(), run).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts a manifest that knows the hour's folders as retired in the place of one that cannot be read, which is kept
    /// under a key of its own. The hour has no live folder then, and is due. Gives that key; none where the manifest is
    /// one, or was changed meanwhile.
    ///
    /// # Errors
    ///
    /// Those of S3.
    pub async fn begin_anew(&self, hour: Hour, run: &Run) -> Result<Option<String>, HourError> {
        let key = layout::manifest_key(hour);
        let Some((bytes, etag)) = self.bucket.read(&key).await? else { return Ok(None) };
        if Manifest::from_json(&bytes, hour).is_ok() {
            return Ok(None);
        }
        let aside = self.copy_aside(&key, bytes, run).await?;
        let folders: Vec<Attempt> = self.attempts(hour).await?.into_iter().collect();
        let now = run.clock.now();
        // Beyond every revision that the hour can have had, so that no ETag of its former story comes back (C6).
        let first = Manifest { revision: now.timestamp().unsigned_abs(), ..Manifest::new(hour) };
        let next = first.taken_in(&folders, now).unwrap_or(first);
        let written = self.write_manifest(&next, &Condition::Matches(etag), run).await?;
        Ok(written.map(|_| aside))
    }

    /// Puts the cut that the view has in the place of one that cannot be read, which is kept under a key of its own.
    /// Gives that key; none where the cut is one, or was changed meanwhile.
    ///
    /// # Errors
    ///
    /// Those of S3.
    pub async fn begin_cut_anew(&self, run: &Run) -> Result<Option<String>, CutError> {
        let Err(CutError::NotACut(_)) = self.read_cut().await else { return Ok(None) };
        let Some((bytes, etag)) = self.bucket.read(layout::WATERMARK).await.map_err(HourError::from)? else {
            return Ok(None);
        };
        let aside = self.copy_aside(layout::WATERMARK, bytes, run).await?;
        let shown = self.shown(self.catalog.view().await?.as_ref(), run);
        let written = self.write_cut(shown, shown, &Condition::Matches(etag), run).await?;
        Ok((written == shown).then_some(aside))
    }

    /// The copy is made before anything takes the object's place, so that at no moment it is nowhere.
    async fn copy_aside(&self, key: &str, bytes: Bytes, run: &Run) -> Result<String, HourError> {
        let aside = format!("{key}.broken-{}", run.nonce);
        run.clock.may_write()?;
        match self.bucket.write_if(&aside, bytes, &Condition::Absent).await? {
            // Refused by a write of this same run whose reply was lost: the key has its nonce.
            Put::Written(_) | Put::Refused => Ok(aside),
        }
    }

    /// Every attempt that left a folder or rejected lines.
    async fn attempts(&self, hour: Hour) -> Result<BTreeSet<Attempt>, BucketError> {
        let mut attempts = BTreeSet::new();
        for prefix in [layout::parquet_prefix(hour), layout::rejected_prefix(hour)] {
            let keys = self.bucket.list(&prefix).await?.into_iter();
            attempts.extend(keys.filter_map(|object| layout::attempt_of(&object.key)).map(|(_, attempt)| attempt));
        }
        Ok(attempts)
    }
}
