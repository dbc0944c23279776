//! One hour, step by step: look, plan, claim, rewrite, commit, publish, collect.
//!
//! Every step may run twice, and after a crash between any two each row is readable exactly once: the folder is claimed
//! before a file is written, read back before it is committed, and published only after it is live. Its files are deleted
//! long after it was retired.

pub(crate) mod blocking;
pub(crate) mod collect;
pub(crate) mod commit;
pub mod error;
pub mod plan;
pub(crate) mod publish;
pub mod repair;
mod rewrite;

use catalog::Catalog;
use log_format::{Hour, layout};
use projection::manifest::{Counts, Live, Manifest, ObjectMeta};

use crate::bucket::{Bucket, BucketError};
use crate::clock::{Clock, Run};
use crate::config::Limits;
use crate::hour::collect::collect;
use crate::hour::commit::{claim, commit, withdraw};
use crate::hour::error::HourError;
use crate::hour::plan::{HourState, Idle, Pass, Plan, Rewrite, SkipReason, plan, shrinks};
use crate::hour::publish::Publisher;
use crate::hour::rewrite::Rewriter;
use crate::manifest_store::{ManifestStore, VersionedManifest};

/// Compacts hours of one bucket and its catalog.
#[derive(Debug, Clone)]
pub struct Compactor {
    pub(crate) bucket: Bucket,
    pub(crate) catalog: Catalog,
    pub(crate) store: ManifestStore,
    pub(crate) limits: Limits,
}

/// One visit to an hour: everything that the plan depends on besides the hour's own state.
#[derive(Debug, Clone, Copy)]
pub struct Visit {
    /// The hour to visit.
    pub hour: Hour,
    /// True if the JSON table has a partition for it.
    pub registered: bool,
    /// Whether an hour with unfinished attempts is tried.
    pub pass: Pass,
    /// What may be written again without new inputs.
    pub rewrite: Rewrite,
}

/// What became of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Parquet was written and committed.
    Compacted {
        /// What became of the lines.
        counts: Counts,
        /// Bytes of Parquet.
        bytes: u64,
        /// Inputs that were written over since they were first read, and that nobody has accepted.
        replaced: u64,
    },
    /// Nothing was due.
    Nothing(Idle),
    /// The hour's partition was repaired; nothing else was looked at.
    Repaired,
    /// Something is due that this run did not do.
    Deferred(SkipReason),
    /// An error or a panic. The message names every cause.
    Failed(String),
}

/// How often one visit begins an hour again because others changed it meanwhile.
const BEGINNINGS_MAX: u32 = 3;

/// How one attempt ended.
enum AttemptResult {
    /// It was committed.
    Committed(Box<VersionedManifest>, Outcome),
    /// It stopped for a reason that another attempt does not help.
    Stopped(Outcome),
    /// Others changed something: begin again.
    Again(SkipReason),
    /// The claim's result is not known, or every write of it failed: begin again, and report the error if that does not
    /// help.
    Unclaimed(HourError),
}

impl Compactor {
    /// A compactor of `bucket` and `catalog`.
    pub fn new(bucket: Bucket, catalog: Catalog, limits: Limits) -> Compactor {
        let store = ManifestStore::new(bucket.clone());
        Compactor { bucket, catalog, store, limits }
    }

    /// The bucket that the compactor works on.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// The manifest of an hour. `None` if it has none.
    ///
    /// # Errors
    ///
    /// S3 failed, or the manifest cannot be read.
    pub async fn manifest(&self, hour: Hour, clock: &Clock) -> Result<Option<Manifest>, HourError> {
        let stored = self.store.read(hour, clock).await?;
        Ok(stored.etag.is_some().then_some(stored.manifest))
    }

    /// Does what is due in one hour.
    ///
    /// # Errors
    ///
    /// A step failed. The next visit goes on.
    pub async fn visit(&self, visit: Visit, run: &Run) -> Result<Outcome, HourError> {
        let hour = visit.hour;
        let mut last = Ok(Outcome::Deferred(SkipReason::Contended));
        let mut unregistered = !visit.registered;
        for beginning in 0..BEGINNINGS_MAX {
            let (state, stored) = self.look(hour, &run.clock).await?;
            if unregistered && !state.listed.is_empty() {
                // Its notification was lost, or the bucket was adopted with objects in it.
                run.clock.may_write()?;
                self.catalog.ensure_json_partition(hour).await?;
                unregistered = false;
            }
            let inputs = match plan(&state, run.clock.now(), &self.limits, visit.rewrite, visit.pass) {
                Plan::Compact { inputs, .. } => inputs,
                Plan::Nothing { reason, .. } => {
                    return self.publish_and_collect(stored, &run.clock).await.map(|()| Outcome::Nothing(reason));
                }
                Plan::Skip { reason, .. } => {
                    return match self.publish_and_collect(stored, &run.clock).await {
                        // The later pass writes the live folder anew.
                        Err(HourError::Folder { .. }) if matches!(reason, SkipReason::Unfinished { .. }) => {
                            Ok(Outcome::Deferred(reason))
                        }
                        done => done.map(|()| Outcome::Deferred(reason)),
                    };
                }
            };
            let attempt = attempt_name(&run.nonce, visit.pass, beginning);
            last = match self.attempt(visit, &attempt, inputs, stored, &run.clock).await {
                Ok(AttemptResult::Committed(stored, outcome)) => {
                    return self.publish_and_collect(*stored, &run.clock).await.map(|()| outcome);
                }
                Ok(AttemptResult::Stopped(outcome)) => {
                    return self.read_publish_and_collect(hour, &run.clock).await.map(|()| outcome);
                }
                Ok(AttemptResult::Again(reason)) => Ok(Outcome::Deferred(reason)),
                Ok(AttemptResult::Unclaimed(error)) => Err(error),
                Err(error) => {
                    // Garbage is collected all the same; the error is what counts.
                    let _ = self.read_publish_and_collect(hour, &run.clock).await;
                    return Err(error);
                }
            };
        }
        last
    }

    /// Steps 5 and 6, also of an hour with nothing to write: its partition is repaired, whatever lost it, and garbage is
    /// collected.
    async fn publish_and_collect(&self, stored: VersionedManifest, clock: &Clock) -> Result<(), HourError> {
        let publisher = self.publisher(clock);
        let (stored, pointer) = publisher.publish(stored).await?;
        if let Some(changed) = collect(&self.bucket, &self.store, stored, pointer.as_ref(), clock).await? {
            publisher.publish(changed).await?;
        }
        Ok(())
    }

    /// Steps 5 and 6 if the manifest may have changed since it was read.
    async fn read_publish_and_collect(&self, hour: Hour, clock: &Clock) -> Result<(), HourError> {
        let stored = self.store.read(hour, clock).await?;
        self.publish_and_collect(stored, clock).await
    }

    pub(crate) fn publisher<'a>(&'a self, clock: &'a Clock) -> Publisher<'a> {
        Publisher { bucket: &self.bucket, catalog: &self.catalog, store: &self.store, clock }
    }

    /// Step 1. The listing comes first. If it lacks an input that the manifest has, it is made again: the object may have
    /// come, and another run have committed it, between the two, and must not be taken for one that is gone.
    async fn look(&self, hour: Hour, clock: &Clock) -> Result<(HourState, VersionedManifest), HourError> {
        let mut listed = self.list_inputs(hour).await?;
        let stored = self.store.read(hour, clock).await?;
        if stored.manifest.live.as_ref().is_some_and(|live| live.gone(&listed) > 0) {
            listed = self.list_inputs(hour).await?;
        }
        let files = match &stored.manifest.live {
            Some(live) => self.bucket.list(&live.folder(hour)).await?,
            None => Vec::new(),
        };
        let files = files.into_iter().map(|file| file.key).collect();
        Ok((HourState { hour, listed, manifest: stored.manifest.clone(), files }, stored))
    }

    pub(crate) async fn list_inputs(&self, hour: Hour) -> Result<Vec<ObjectMeta>, BucketError> {
        let objects = self.bucket.list(&layout::json_prefix(hour)).await?;
        Ok(objects.into_iter().filter(|object| layout::hour_of_input(&object.key) == Some(hour)).collect())
    }

    /// Steps 2 to 4. An attempt that stops knowingly withdraws its claim.
    async fn attempt(
        &self,
        visit: Visit,
        attempt: &str,
        inputs: Vec<ObjectMeta>,
        stored: VersionedManifest,
        clock: &Clock,
    ) -> Result<AttemptResult, HourError> {
        let from = stored.manifest.live_attempt().map(str::to_string);
        let claimed = match claim(&self.store, stored, attempt, clock).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => return Ok(AttemptResult::Again(SkipReason::Contended)),
            Err(error) => return Ok(AttemptResult::Unclaimed(error.into())),
        };
        let result = self.rewrite_and_commit(visit, claimed, attempt, inputs, from.as_deref(), clock).await;
        if !matches!(result, Ok(AttemptResult::Committed(..))) {
            withdraw(&self.store, visit.hour, attempt, clock).await;
        }
        result
    }

    /// Steps 3 and 4. `from` is the live folder that the attempt started from.
    async fn rewrite_and_commit(
        &self,
        visit: Visit,
        claimed: VersionedManifest,
        attempt: &str,
        inputs: Vec<ObjectMeta>,
        from: Option<&str>,
        clock: &Clock,
    ) -> Result<AttemptResult, HourError> {
        let bytes = inputs.iter().map(|input| input.size).sum();
        let rewriter = Rewriter { bucket: &self.bucket, limits: &self.limits, clock };
        let live = match rewriter.rewrite(visit.hour, attempt, inputs).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(AttemptResult::Again(SkipReason::InputChanging)),
            Err(HourError::Decode(error)) if error.is_too_large() => {
                return Ok(AttemptResult::Stopped(Outcome::Deferred(SkipReason::TooLarge { bytes })));
            }
            Err(error) => return Err(error),
        };
        if visit.rewrite != Rewrite::Shrinking
            && let Some(reason) = self.shrinks(visit.hour, claimed.manifest.live.as_ref(), &live, clock).await?
        {
            return Ok(AttemptResult::Stopped(Outcome::Deferred(reason)));
        }
        let bytes = live.files.iter().map(|file| file.size).sum();
        let counts = live.counts;
        let accepts = visit.rewrite == Rewrite::Shrinking;
        let Some(stored) = commit(&self.store, claimed, live, from, accepts, clock).await? else {
            return Ok(AttemptResult::Again(SkipReason::Contended));
        };
        let replaced = stored.manifest.replaced().len() as u64;
        Ok(AttemptResult::Committed(Box::new(stored), Outcome::Compacted { counts, bytes, replaced }))
    }

    /// Why `next` must not become live (C8). If nothing is live, the rows that readers see are the only witness.
    async fn shrinks(
        &self,
        hour: Hour,
        former: Option<&Live>,
        next: &Live,
        clock: &Clock,
    ) -> Result<Option<SkipReason>, HourError> {
        if let Some(former) = former {
            return Ok(shrinks(former, next));
        }
        let (rows, had) = (next.counts.rows, self.publisher(clock).published_rows(hour).await?);
        Ok((rows < had).then_some(SkipReason::WouldShrink { rows, had }))
    }
}

/// The name of an attempt's folder. A run may come to an hour in two passes, and no name is used twice.
fn attempt_name(nonce: &str, pass: Pass, beginning: u32) -> String {
    let number = if pass == Pass::First { beginning } else { BEGINNINGS_MAX + beginning };
    format!("{nonce}-{number}")
}
