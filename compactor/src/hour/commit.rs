//! Claim, commit and withdrawal: whose folder the readers of an hour or a day read. The store writes; the decisions are here.

use std::collections::HashMap;

use log_format::Hour;
use projection::manifest::{Manifest, ObjectMeta, Period, Replaced};

use crate::clock::Clock;
use crate::manifest_store::{Decision, ManifestStore, StoreError, Swap, VersionedManifest};

/// Step 2: claims the folder `attempt`. `None` if others changed the manifest meanwhile.
///
/// After a refusal or a lost reply our claim may stand. It counts only if `live` is still the one that was looked at:
/// otherwise this attempt would commit fewer inputs over more.
pub(crate) async fn claim<P: Period>(
    store: &ManifestStore,
    looked_at: VersionedManifest<P>,
    attempt: &str,
    clock: &Clock,
) -> Result<Option<VersionedManifest<P>>, StoreError> {
    let before = &looked_at.manifest;
    let error = match store.replace(&looked_at, before.claimed(attempt, clock.now()), clock).await {
        Ok(Some(claimed)) => return Ok(Some(claimed)),
        refused_or_lost => refused_or_lost.err(),
    };
    let found = store.read(before.period, clock).await?;
    if found.manifest.claims(attempt) {
        if found.manifest.live_attempt() == before.live_attempt() {
            return Ok(Some(found));
        }
        withdraw(store, before.period, attempt, clock).await;
    }
    error.map_or(Ok(None), Err)
}

/// Step 4: makes `live` the folder to read. `from` is the live folder that the attempt started from. `None` if
/// the attempt has to stop, because its claim is gone or another attempt was committed. `committed` is the next version of a
/// manifest once the folder is live in it.
pub(crate) async fn commit<P: Period>(
    store: &ManifestStore,
    claimed: VersionedManifest<P>,
    attempt: &str,
    from: Option<&str>,
    committed: impl Fn(&Manifest<P>) -> Manifest<P>,
    clock: &Clock,
) -> Result<Option<VersionedManifest<P>>, StoreError> {
    let swap = store.compare_and_swap(claimed, clock, |current| {
        let manifest = &current.manifest;
        if manifest.live_attempt() == Some(attempt) {
            Decision::Done
        } else if manifest.claims(attempt) && manifest.live_attempt() == from {
            Decision::Write(Box::new(committed(manifest)))
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

/// Accepts the objects of an hour that were written over, as the manifest names them at the start. None is accepted if one of
/// them is not `listed` with the ETag that its rows come from, or if another run changes the manifest's list meanwhile.
/// Returns a sentence for each object.
pub(crate) async fn accept_replaced(
    store: &ManifestStore,
    hour: Hour,
    listed: &[ObjectMeta],
    clock: &Clock,
) -> Result<Vec<String>, StoreError> {
    let found = store.read(hour, clock).await?;
    let told = found.manifest.clone();
    let inputs = told.live.iter().flat_map(|live| &live.inputs);
    let etags: HashMap<&str, &str> = inputs.map(|input| (input.key.as_str(), input.etag.as_str())).collect();
    let there: HashMap<&str, &str> = listed.iter().map(|it| (it.key.as_str(), it.etag.as_str())).collect();
    // Whoever put an object back did not accept what took its place: the visit takes it in.
    if told.replaced().iter().any(|it| there.get(it.key.as_str()) != etags.get(it.key.as_str())) {
        return Ok(Vec::new());
    }
    let inputs_of = |manifest: &Manifest| manifest.live.as_ref().map(|live| live.inputs.clone());
    let swap = store.compare_and_swap(found, clock, |current| match current.manifest.accepted() {
        Some(accepted) if current.manifest.replaced() == told.replaced() => Decision::Write(Box::new(accepted)),
        // The reply to our write was lost, or there was nothing to accept.
        None if inputs_of(&current.manifest) == inputs_of(&told) => Decision::Done,
        _ => Decision::Stop,
    });
    let sentence = |it: &Replaced| {
        let etag = etags.get(it.key.as_str()).copied().unwrap_or_default();
        format!("{}: accepted as it is, with the ETag {etag}; it had {} when it was first read", it.key, it.etag)
    };
    match swap.await? {
        Swap::Done(_) => Ok(told.replaced().iter().map(sentence).collect()),
        // Another run has changed what was written over: nobody has accepted that.
        Swap::Stopped | Swap::Contended { error: None } => Ok(Vec::new()),
        Swap::Contended { error: Some(error) } => Err(error),
    }
}

/// Moves a claim to the retired folders. If that fails, the claim expires later and counts as abandoned.
pub(crate) async fn withdraw<P: Period>(store: &ManifestStore, period: P, attempt: &str, clock: &Clock) {
    let Ok(found) = store.read(period, clock).await else { return };
    let swap = store.compare_and_swap(found, clock, |current| match current.manifest.claims(attempt) {
        true => Decision::Write(Box::new(current.manifest.withdrawn(attempt, clock.now()))),
        false => Decision::Done,
    });
    // The withdrawal saves work for later runs; nothing depends on it.
    let _ = swap.await;
}
