//! Claim, commit and withdrawal: whose folder an hour's readers read. The store writes; the decisions are here.

use log_format::Hour;
use projection::manifest::Live;

use crate::clock::Clock;
use crate::manifest_store::{Decision, ManifestStore, StoreError, Swap, VersionedManifest};

/// Step 2 of an hour: claims the folder `attempt`. `None` if others changed the hour meanwhile.
///
/// After a refusal or a lost reply our claim may stand. It counts only if `live` is still the one that was looked at:
/// otherwise this attempt would commit fewer inputs over more.
pub(super) async fn claim(
    store: &ManifestStore,
    looked_at: VersionedManifest,
    attempt: &str,
    clock: &Clock,
) -> Result<Option<VersionedManifest>, StoreError> {
    let before = &looked_at.manifest;
    let error = match store.replace(&looked_at, before.claimed(attempt, clock.now()), clock).await {
        Ok(Some(claimed)) => return Ok(Some(claimed)),
        refused_or_lost => refused_or_lost.err(),
    };
    let found = store.read(before.hour, clock).await?;
    if found.manifest.claims(attempt) {
        if found.manifest.live_attempt() == before.live_attempt() {
            return Ok(Some(found));
        }
        withdraw(store, before.hour, attempt, clock).await;
    }
    error.map_or(Ok(None), Err)
}

/// Step 4 of an hour: makes `live` the folder to read. `from` is the live folder that the attempt started from. `None` if
/// the attempt has to stop, because its claim is gone or another attempt was committed.
pub(super) async fn commit(
    store: &ManifestStore,
    claimed: VersionedManifest,
    live: Live,
    from: Option<&str>,
    clock: &Clock,
) -> Result<Option<VersionedManifest>, StoreError> {
    let swap = store.compare_and_swap(claimed, clock, |current| {
        let manifest = &current.manifest;
        if manifest.live_attempt() == Some(&live.attempt) {
            Decision::Done
        } else if manifest.claims(&live.attempt) && manifest.live_attempt() == from {
            Decision::Write(Box::new(manifest.committed(live.clone())))
        } else {
            Decision::Stop
        }
    });
    match swap.await? {
        Swap::Done(committed) => Ok(Some(*committed)),
        Swap::Stopped => Ok(None),
        Swap::Contended { error } => error.map_or(Ok(None), Err),
    }
}

/// Accepts the inputs that were written over. Returns the manifest that is stored then.
pub(super) async fn accept_replaced(
    store: &ManifestStore,
    stored: VersionedManifest,
    clock: &Clock,
) -> Result<VersionedManifest, StoreError> {
    let hour = stored.manifest.hour;
    let swap = store.compare_and_swap(stored, clock, |current| match current.manifest.accepted() {
        Some(accepted) => Decision::Write(Box::new(accepted)),
        None => Decision::Done,
    });
    match swap.await? {
        Swap::Done(stored) => Ok(*stored),
        Swap::Stopped | Swap::Contended { error: None } => store.read(hour, clock).await,
        Swap::Contended { error: Some(error) } => Err(error),
    }
}

/// Moves a claim to the retired folders. If that fails, the claim expires later and counts as abandoned.
pub(super) async fn withdraw(store: &ManifestStore, hour: Hour, attempt: &str, clock: &Clock) {
    let Ok(found) = store.read(hour, clock).await else { return };
    let swap = store.compare_and_swap(found, clock, |current| match current.manifest.claims(attempt) {
        true => Decision::Write(Box::new(current.manifest.withdrawn(attempt, clock.now()))),
        false => Decision::Done,
    });
    // The withdrawal saves work for later runs; nothing depends on it.
    let _ = swap.await;
}
