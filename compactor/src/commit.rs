//! The writes of an hour's manifest: the claim, the commit, the withdrawal. Each is conditional, and after a refusal or a
//! lost reply the manifest is read before anything else is done.

use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use log_format::{Hour, layout};

use crate::bucket::{Condition, Put};
use crate::hour::{Compactor, HourError, Run};
use crate::manifest::{Live, Manifest};

/// How many manifests are read at once.
const READS_AT_ONCE: usize = 64;
/// How often a write of the manifest is tried that others keep refusing.
pub(crate) const WRITES_MAX: u32 = 5;

/// A manifest as it was read or written.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) manifest: Manifest,
    /// None where there is no manifest yet.
    pub(crate) etag: Option<String>,
    pub(crate) at: DateTime<Utc>,
}

impl Stored {
    pub(crate) fn condition(&self) -> Condition {
        self.etag.clone().map_or(Condition::Absent, Condition::Matches)
    }

    fn claims(&self, attempt: &str) -> bool {
        self.manifest.claims(attempt)
    }
}

impl Compactor {
    /// Step 2. None where others changed the hour meanwhile. After a refusal or a lost reply the manifest is read: only
    /// if `live` is still the one looked at does our claim, should it stand, count; else a late reader of its own claim
    /// would commit fewer inputs over more.
    pub(crate) async fn claim(&self, stored: Stored, attempt: &str, run: &Run) -> Result<Option<Stored>, HourError> {
        let next = stored.manifest.claimed(attempt, run.clock.now());
        let written = self.write_manifest(&next, &stored.condition(), run).await;
        if let Ok(Some(claimed)) = written {
            return Ok(Some(claimed));
        }
        let found = self.read_manifest(next.hour, run).await?;
        if found.claims(attempt) && found.manifest.live_attempt() == next.live_attempt() {
            return Ok(Some(found));
        }
        if found.claims(attempt) {
            self.withdraw(next.hour, attempt, run).await;
        }
        written.map(|_| None)
    }

    /// Step 4. `from` is the live folder that the attempt started from. None where the attempt has to stop.
    pub(crate) async fn commit(
        &self,
        claimed: Stored,
        live: Live,
        from: Option<&str>,
        run: &Run,
    ) -> Result<Option<Stored>, HourError> {
        let mut current = claimed;
        let mut written = Ok(None);
        for _ in 0..WRITES_MAX {
            let next = current.manifest.committed(live.clone());
            written = self.write_manifest(&next, &current.condition(), run).await;
            if let Ok(Some(committed)) = written {
                return Ok(Some(committed));
            }
            let found = self.read_manifest(next.hour, run).await?;
            if found.manifest.live_attempt() == Some(&live.attempt) {
                return Ok(Some(found));
            }
            if !found.claims(&live.attempt) || found.manifest.live_attempt() != from {
                return Ok(None);
            }
            current = found;
        }
        written
    }

    /// Moves a claim to the retired folders. Where that fails, the claim is taken for a death later on.
    pub(crate) async fn withdraw(&self, hour: Hour, attempt: &str, run: &Run) {
        for _ in 0..WRITES_MAX {
            let Ok(found) = self.read_manifest(hour, run).await else { return };
            if !found.claims(attempt) {
                return;
            }
            let next = found.manifest.withdrawn(attempt, run.clock.now());
            match self.write_manifest(&next, &found.condition(), run).await {
                Ok(None) => {}
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }

    /// The manifest of an hour, an empty one where there is none.
    pub(crate) async fn read_manifest(&self, hour: Hour, run: &Run) -> Result<Stored, HourError> {
        let key = layout::manifest_key(hour);
        let at = run.clock.now();
        let Some((bytes, etag)) = self.bucket.read(&key).await? else {
            return Ok(Stored { manifest: Manifest::new(hour), etag: None, at });
        };
        let manifest = Manifest::from_json(&bytes, hour).map_err(|source| HourError::Manifest { key, source })?;
        Ok(Stored { manifest, etag: Some(etag), at })
    }

    /// The manifests of hours, or why they cannot be read, in the order of the hours.
    pub(crate) async fn read_manifests(&self, hours: &[Hour], run: &Run) -> Vec<Result<Stored, HourError>> {
        let reads = hours.iter().copied().map(|hour| self.read_manifest(hour, run));
        stream::iter(reads).buffered(READS_AT_ONCE).collect().await
    }

    /// Writes the next version of a manifest; none where the one before is not `condition`'s any more.
    pub(crate) async fn write_manifest(
        &self,
        next: &Manifest,
        condition: &Condition,
        run: &Run,
    ) -> Result<Option<Stored>, HourError> {
        let key = layout::manifest_key(next.hour);
        let body = next.to_json().map_err(|source| HourError::Manifest { key: key.clone(), source })?;
        run.clock.may_write()?;
        let at = run.clock.now();
        Ok(match self.bucket.write_if(&key, body.into(), condition).await? {
            Put::Written(etag) => Some(Stored { manifest: next.clone(), etag: Some(etag), at }),
            Put::Refused => None,
        })
    }
}
