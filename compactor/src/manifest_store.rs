//! The manifests in the bucket, and the watermark's file. This is the one place that writes either.
//!
//! Every write is conditional (C6). After a refusal or a lost reply the manifest is read before anything else is done, and
//! the caller decides whether its change still stands.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream};
use log_format::{Hour, layout};
use projection::manifest::{Manifest, Period};
use projection::sealed;
use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, BucketError, Condition, Put};
use crate::clock::{Clock, RunOver};

/// Manifests read at once.
const READS_AT_ONCE: usize = 64;
/// Tries of a write that others keep refusing.
const WRITES_MAX: u32 = 5;

/// Reads and writes manifests and the watermark's file.
#[derive(Debug, Clone)]
pub(crate) struct ManifestStore {
    bucket: Bucket,
}

/// A manifest as it was read or written.
#[derive(Debug, Clone)]
pub(crate) struct VersionedManifest<P: Period = Hour> {
    pub(crate) manifest: Manifest<P>,
    /// `None` if the hour or day has no manifest yet.
    pub(crate) etag: Option<String>,
    /// The time right before the call that read or wrote it.
    pub(crate) at: DateTime<Utc>,
}

/// What to do about the manifest that is stored now.
pub(crate) enum Decision<P: Period = Hour> {
    /// Write this version over it.
    Write(Box<Manifest<P>>),
    /// Nothing: the change stands already.
    Done,
    /// Nothing: the change does not apply any more.
    Stop,
}

/// The result of [`ManifestStore::compare_and_swap`].
pub(crate) enum Swap<P: Period = Hour> {
    /// The change stands, in this version.
    Done(Box<VersionedManifest<P>>),
    /// The change does not apply any more.
    Stopped,
    /// Others kept changing the manifest, or every write failed.
    Contended {
        /// Why the last write failed. `None` if it was refused.
        error: Option<StoreError>,
    },
}

/// The content of the watermark's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredWatermark {
    pub(crate) watermark: Hour,
    /// The watermark that the view had when this was written: the view's present one is between the two. It matters if the
    /// view is gone, because objects may have come since into hours that the view showed from JSON.
    #[serde(default)]
    pub(crate) shown: Option<Hour>,
}

/// A manifest or the watermark's file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// S3 failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The run has lasted too long.
    #[error(transparent)]
    RunOver(#[from] RunOver),
    /// The bytes are no manifest of this hour or day.
    #[error(
        "{key} is not the manifest that belongs there; `verify --repair` keeps it aside and builds anew what it told of"
    )]
    UnreadableManifest {
        /// The manifest's key.
        key: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The bytes are no watermark.
    #[error(
        "{} is not ours; `verify --repair` keeps it aside and begins again with the watermark that the view has",
        layout::WATERMARK
    )]
    UnreadableWatermark(#[source] serde_json::Error),
    /// A value could not be serialised.
    #[error("failed to serialise {key}")]
    Serialise {
        /// The key that it was meant for.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl<P: Period> VersionedManifest<P> {
    fn condition(&self) -> Condition {
        self.etag.clone().map_or(Condition::Absent, Condition::Matches)
    }
}

impl ManifestStore {
    pub(crate) fn new(bucket: Bucket) -> ManifestStore {
        ManifestStore { bucket }
    }

    /// The manifest of an hour or a day. One without has an empty manifest and no ETag.
    pub(crate) async fn read<P: Period>(&self, period: P, clock: &Clock) -> Result<VersionedManifest<P>, StoreError> {
        let key = period.manifest_key();
        let at = clock.now();
        let Some((bytes, etag)) = self.bucket.read(&key).await? else {
            return Ok(VersionedManifest { manifest: Manifest::new(period), etag: None, at });
        };
        let manifest = Manifest::from_json(&bytes, period);
        let manifest = manifest.map_err(|source| StoreError::UnreadableManifest { key, source })?;
        Ok(VersionedManifest { manifest, etag: Some(etag), at })
    }

    /// The manifests of hours or days, in their order.
    pub(crate) async fn read_many<P: Period>(
        &self,
        periods: &[P],
        clock: &Clock,
    ) -> Vec<Result<VersionedManifest<P>, StoreError>> {
        let reads = periods.iter().copied().map(|period| self.read(period, clock));
        stream::iter(reads).buffered(READS_AT_ONCE).collect().await
    }

    /// Writes `next` if `current` is still stored. `None` if it is not. An error leaves open whether it was written.
    pub(crate) async fn replace<P: Period>(
        &self,
        current: &VersionedManifest<P>,
        next: Manifest<P>,
        clock: &Clock,
    ) -> Result<Option<VersionedManifest<P>>, StoreError> {
        let key = next.period.manifest_key();
        let body = next.to_json().map_err(|source| StoreError::Serialise { key: key.clone(), source })?;
        clock.may_write()?;
        let at = clock.now();
        Ok(match self.bucket.write_if(&key, body.into(), &current.condition()).await? {
            Put::Written(etag) => Some(VersionedManifest { manifest: next, etag: Some(etag), at }),
            Put::Refused => None,
        })
    }

    /// Makes a change that others may race with. `decide` is asked about `current`, and again about what is stored after
    /// each write that was refused or whose reply was lost.
    ///
    /// # Errors
    ///
    /// The manifest could not be read after such a write.
    pub(crate) async fn compare_and_swap<P: Period>(
        &self,
        current: VersionedManifest<P>,
        clock: &Clock,
        mut decide: impl FnMut(&VersionedManifest<P>) -> Decision<P>,
    ) -> Result<Swap<P>, StoreError> {
        let (mut current, mut error, mut writes) = (current, None, 0);
        loop {
            let next = match decide(&current) {
                Decision::Write(next) => next,
                Decision::Done => return Ok(Swap::Done(Box::new(current))),
                Decision::Stop => return Ok(Swap::Stopped),
            };
            if writes == WRITES_MAX {
                return Ok(Swap::Contended { error });
            }
            writes += 1;
            let period = next.period;
            error = match self.replace(&current, *next, clock).await {
                Ok(Some(written)) => return Ok(Swap::Done(Box::new(written))),
                refused_or_lost => refused_or_lost.err(),
            };
            if matches!(error, Some(StoreError::RunOver(_))) {
                // No later write would be made either.
                writes = WRITES_MAX;
            }
            current = self.read(period, clock).await?;
        }
    }

    /// The bytes and the ETag of a manifest that cannot be read. `None` if it can, or if there is none.
    pub(crate) async fn read_unreadable<P: Period>(&self, period: P) -> Result<Option<(Bytes, String)>, StoreError> {
        let found = self.bucket.read_as_is(&period.manifest_key()).await?;
        Ok(found.filter(|(bytes, _)| Manifest::from_json(bytes, period).is_err()))
    }

    /// The watermark and its file's ETag. `None` if there is no file.
    pub(crate) async fn read_watermark(&self) -> Result<Option<(StoredWatermark, String)>, StoreError> {
        let Some((bytes, etag)) = self.bucket.read(layout::WATERMARK).await? else { return Ok(None) };
        let stored = sealed::from_json(&bytes).map_err(StoreError::UnreadableWatermark)?;
        Ok(Some((stored, etag)))
    }

    /// The bytes and the ETag of a watermark that cannot be read. `None` if it can, or if there is none.
    pub(crate) async fn read_unreadable_watermark(&self) -> Result<Option<(Bytes, String)>, StoreError> {
        let found = self.bucket.read_as_is(layout::WATERMARK).await?;
        Ok(found.filter(|(bytes, _)| sealed::from_json::<StoredWatermark>(bytes).is_err()))
    }

    /// Writes the watermark if its file still has `etag`, or is still absent if that is `None`. Another run may have moved
    /// it meanwhile: whatever is stored then is the watermark, and is returned.
    pub(crate) async fn write_watermark(
        &self,
        next: StoredWatermark,
        etag: Option<String>,
        clock: &Clock,
    ) -> Result<Hour, StoreError> {
        let key = layout::WATERMARK;
        let body = sealed::to_json(&next).map_err(|source| StoreError::Serialise { key: key.to_string(), source })?;
        clock.may_write()?;
        let condition = etag.map_or(Condition::Absent, Condition::Matches);
        let written = self.bucket.write_if(key, body.into(), &condition).await;
        if let Ok(Put::Written(_)) = written {
            return Ok(next.watermark);
        }
        let stored = self.read_watermark().await?.map_or(Hour::EPOCH, |(stored, _)| stored.watermark);
        match written {
            Err(error) if stored < next.watermark => Err(error.into()),
            _ => Ok(stored),
        }
    }

    /// Copies an unreadable object to a key of its own, before anything takes its place. Returns that key.
    pub(crate) async fn keep_unreadable(
        &self,
        key: &str,
        bytes: Bytes,
        nonce: &str,
        clock: &Clock,
    ) -> Result<String, StoreError> {
        let kept = layout::unreadable_key(key, nonce);
        clock.may_write()?;
        match self.bucket.write_if(&kept, bytes, &Condition::Absent).await? {
            // Refused by a write of this same run whose reply was lost: the key has its nonce.
            Put::Written(_) | Put::Refused => Ok(kept),
        }
    }
}
