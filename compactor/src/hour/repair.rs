//! Repairs of damage that no listing shows, for whoever has found it.
//!
//! Nothing is edited in place. A damaged live folder is replaced by a visit with [`Rewrite::Damaged`]. A folder that no
//! manifest knows is retired. An object of ours that cannot be read is kept under another key before its place is taken.
//!
//! [`Rewrite::Damaged`]: crate::hour::plan::Rewrite::Damaged

use std::collections::BTreeSet;

use projection::manifest::{Attempt, Manifest, Period};

use crate::bucket::{Bucket, BucketError};
use crate::clock::Run;
use crate::hour::Compactor;
use crate::hour::error::HourError;
use crate::manifest_store::{Decision, Swap, VersionedManifest};

/// Retires the folders of an hour or a day that its manifest does not know. Collection deletes them after the grace time. Returns
/// false if others kept changing the manifest.
///
/// # Errors
///
/// The manifest could not be read or written.
pub async fn retire_unknown<P: Period>(
    compactor: &Compactor,
    period: P,
    attempts: &[Attempt],
    run: &Run,
) -> Result<bool, HourError> {
    let found = compactor.store.read(period, &run.clock).await?;
    let swap = compactor.store.compare_and_swap(found, &run.clock, |current| {
        let next = current.manifest.adopted(attempts, run.clock.now());
        next.map_or(Decision::Done, |next| Decision::Write(Box::new(next)))
    });
    match swap.await? {
        Swap::Done(_) => Ok(true),
        Swap::Stopped => Ok(false),
        Swap::Contended { error } => error.map_or(Ok(false), |error| Err(error.into())),
    }
}

/// Retires every folder of an hour or a day whose manifest was lost. Returns the manifest that is stored then.
pub(crate) async fn retire_lost<P: Period>(
    compactor: &Compactor,
    period: P,
    run: &Run,
) -> Result<VersionedManifest<P>, HourError> {
    let folders: Vec<Attempt> = attempts(&compactor.bucket, period).await?.into_iter().collect();
    retire_unknown(compactor, period, &folders, run).await?;
    Ok(compactor.store.read(period, &run.clock).await?)
}

/// Replaces an unreadable manifest by one that knows the folders as retired. The unreadable one is kept under a key of its own,
/// which is returned. The hour or day has no live folder then, and is due. `None` if the manifest can be read, or was changed
/// meanwhile.
///
/// # Errors
///
/// S3 failed.
pub async fn replace_unreadable<P: Period>(
    compactor: &Compactor,
    period: P,
    run: &Run,
) -> Result<Option<String>, HourError> {
    let store = &compactor.store;
    let Some((bytes, etag)) = store.read_unreadable(period).await? else { return Ok(None) };
    let kept = store.keep_unreadable(&period.manifest_key(), bytes, &run.nonce, &run.clock).await?;
    let folders: Vec<Attempt> = attempts(&compactor.bucket, period).await?.into_iter().collect();
    let now = run.clock.now();
    // Beyond every revision that it can have had, so that no ETag of its former versions comes back (C6).
    let first = Manifest { revision: now.timestamp().unsigned_abs(), ..Manifest::new(period) };
    let next = first.adopted(&folders, now).unwrap_or(first);
    let unreadable = VersionedManifest { manifest: Manifest::new(period), etag: Some(etag), at: now };
    let written = store.replace(&unreadable, next, &run.clock).await?;
    Ok(written.map(|_| kept))
}

/// Every attempt that left a folder or rejected lines.
async fn attempts<P: Period>(bucket: &Bucket, period: P) -> Result<BTreeSet<Attempt>, BucketError> {
    let mut attempts = BTreeSet::new();
    for prefix in std::iter::once(period.folders()).chain(period.rejected()) {
        let keys = bucket.list(&prefix).await?.into_iter();
        attempts.extend(keys.filter_map(|object| period.attempt_of(&object.key)));
    }
    Ok(attempts)
}
