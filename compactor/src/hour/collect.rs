//! Garbage collection of an hour or a day: files of retired folders are deleted once no query can still read them. Objects under
//! `logs/` are never deleted (C4).

use catalog::Pointer;
use chrono::{DateTime, Utc};
use projection::manifest::{Attempt, Manifest, Period};

use crate::bucket::Bucket;
use crate::clock::Clock;
use crate::hour::error::HourError;
use crate::manifest_store::{ManifestStore, VersionedManifest};

/// Step 6. `pointer` is what Glue says in this very visit. Returns the manifest as it was changed. `None` if it
/// was not: nothing was due, or another run changed it first and the next visit goes on.
pub(crate) async fn collect<P: Period>(
    bucket: &Bucket,
    store: &ManifestStore,
    stored: VersionedManifest<P>,
    pointer: Option<&Pointer>,
    clock: &Clock,
) -> Result<Option<VersionedManifest<P>>, HourError> {
    let expired = match stored.manifest.expired(clock.now()) {
        Some(next) => match store.replace(&stored, next, clock).await? {
            Some(written) => Some(written),
            None => return Ok(None),
        },
        None => None,
    };
    let stored = expired.clone().unwrap_or(stored);
    let attempts = collectable(bucket, &stored.manifest, pointer, clock.now());
    if attempts.is_empty() {
        return Ok(expired);
    }
    for attempt in &attempts {
        delete_attempt(bucket, stored.manifest.period, attempt, clock).await?;
    }
    // A folder is forgotten only after its files are gone. After a crash in between the next visit deletes again.
    let forgotten = store.replace(&stored, stored.manifest.forgotten(&attempts), clock).await?;
    Ok(forgotten.or(expired))
}

/// True if [`collect`] would change anything.
pub(crate) fn may_collect<P: Period>(
    bucket: &Bucket,
    manifest: &Manifest<P>,
    pointer: Option<&Pointer>,
    now: DateTime<Utc>,
) -> bool {
    manifest.expired(now).is_some() || !collectable(bucket, manifest, pointer, now).is_empty()
}

/// The retired folders whose files may be deleted.
fn collectable<P: Period>(
    bucket: &Bucket,
    manifest: &Manifest<P>,
    pointer: Option<&Pointer>,
    now: DateTime<Utc>,
) -> Vec<Attempt> {
    let since = pointer.filter(|pointer| names_live(bucket, pointer, manifest)).and_then(|pointer| pointer.since);
    manifest.collectable(now, since)
}

fn names_live<P: Period>(bucket: &Bucket, pointer: &Pointer, manifest: &Manifest<P>) -> bool {
    manifest.live_folder().map(|folder| bucket.uri(&folder)).as_ref() == Some(&pointer.location)
}

async fn delete_attempt<P: Period>(bucket: &Bucket, period: P, attempt: &str, clock: &Clock) -> Result<(), HourError> {
    let files = bucket.list(&period.folder(attempt)).await?;
    let keys = files.into_iter().map(|file| file.key).chain(period.rejected_key(attempt));
    for key in keys {
        clock.may_write()?;
        bucket.delete(&key).await?;
    }
    Ok(())
}
