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
pub(crate) mod write;

use std::collections::BTreeMap;

use catalog::Catalog;
use log_format::{Day, Hour, layout};
use projection::manifest::{Counts, Live, Manifest, ObjectMeta, Period};
use telemetry::error_chain;

use crate::bucket::{Bucket, BucketError};
use crate::clock::{Clock, Run};
use crate::config::Limits;
use crate::hour::collect::collect;
use crate::hour::commit::{claim, commit, withdraw};
use crate::hour::error::HourError;
use crate::hour::plan::{HourState, Idle, Pass, Plan, Rewrite, SkipReason, plan, shrinks};
use crate::hour::publish::{Publication, Publisher};
use crate::hour::repair::retire_lost;
use crate::hour::rewrite::Rewriter;
use crate::manifest_store::{ManifestStore, VersionedManifest};

pub use crate::hour::publish::{Published, Seen, Waiting, digests_of_live};

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
    /// This was done, but the partition does not name the live folder yet.
    Waits(Box<Outcome>, Waiting),
    /// Something is due that this run did not do.
    Deferred(SkipReason),
    /// An error or a panic. The message names every cause.
    Failed(String),
}

impl Outcome {
    /// True if the partition does not name the live folder yet.
    pub fn waits(&self) -> bool {
        matches!(self, Outcome::Waits(..))
    }

    /// What the partition waits for.
    pub fn waiting(&self) -> Option<Waiting> {
        if let Outcome::Waits(_, waiting) = self { Some(waiting.clone()) } else { None }
    }

    /// True if it does not because the hour's day does not hold the folder yet.
    pub fn waits_for_day(&self) -> bool {
        matches!(self, Outcome::Waits(_, Waiting { for_day: true, .. }))
    }

    /// What became of an hour or a day that was visited again. That nothing was left to do hides nothing that was done before,
    /// and a visit that failed has published nothing.
    pub fn then(self, later: Outcome) -> Outcome {
        match (self, later) {
            (Outcome::Waits(done, waiting), later @ (Outcome::Failed(_) | Outcome::Deferred(_))) => {
                Outcome::Waits(Box::new(done.then(later)), waiting)
            }
            (Outcome::Waits(done, _), later) => done.then(later),
            (done, Outcome::Waits(later, waiting)) => Outcome::Waits(Box::new(done.then(*later)), waiting),
            (done @ Outcome::Compacted { .. }, Outcome::Nothing(_) | Outcome::Repaired) => done,
            (_, later) => later,
        }
    }
}

/// Adds what became of an hour or a day to what became of it before, if it was visited before.
pub fn add_outcome<K: Ord>(outcomes: &mut BTreeMap<K, Outcome>, key: K, later: Outcome) {
    let outcome = match outcomes.remove(&key) {
        Some(before) => before.then(later),
        None => later,
    };
    outcomes.insert(key, outcome);
}

/// How often one visit begins an hour or a day again because others changed it meanwhile.
pub(crate) const BEGINNINGS_MAX: u32 = 3;

/// How one attempt ended.
pub(crate) enum AttemptResult<P: Period = Hour> {
    /// It was committed.
    Committed(Box<VersionedManifest<P>>, Outcome),
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

    /// The manifest of an hour or a day. `None` if it has none.
    ///
    /// # Errors
    ///
    /// S3 failed, or the manifest cannot be read.
    pub async fn manifest<P: Period>(&self, period: P, clock: &Clock) -> Result<Option<Manifest<P>>, HourError> {
        let stored = self.store.read(period, clock).await?;
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
            let (state, mut stored) = self.look(hour, &run.clock).await?;
            if unregistered && !state.listed.is_empty() {
                // Its notification was lost, or the bucket was adopted with objects in it.
                run.clock.may_write()?;
                self.catalog.ensure_json_partition(hour).await?;
                unregistered = false;
            }
            let inputs = match plan(&state, run.clock.now(), &self.limits, visit.rewrite, visit.pass) {
                Plan::Compact { inputs, .. } => inputs,
                // Readers have rows of an hour of which nothing else is left, and a person wants them gone.
                Plan::Nothing { reason: Idle::NoObjects, .. }
                    if visit.rewrite == Rewrite::Shrinking && self.is_read(hour, &run.clock).await? =>
                {
                    Vec::new()
                }
                Plan::Nothing { reason, .. } => {
                    return self.finish(stored, Outcome::Nothing(reason), &run.clock).await;
                }
                Plan::Skip { reason, .. } => return self.finish(stored, Outcome::Deferred(reason), &run.clock).await,
            };
            if visit.rewrite == Rewrite::Shrinking && stored.etag.is_none() {
                // Folders that no manifest knows would stay for ever, with what is to be erased.
                stored = retire_lost(self, hour, run).await?;
                if stored.manifest.live.is_some() {
                    continue;
                }
            }
            let attempt = attempt_name(&run.nonce, round(visit.pass) * BEGINNINGS_MAX + beginning);
            let from = stored.manifest.live_attempt().map(str::to_string);
            let work = |claimed| self.rewrite_and_commit(visit, claimed, &attempt, inputs, from.as_deref(), &run.clock);
            let result = self.attempt(stored, &attempt, &run.clock, work).await;
            match self.settle(hour, result, &run.clock).await {
                Ok(settled) => return settled,
                Err(again) => last = again,
            }
        }
        last
    }

    /// True if the hour's partition names a folder, or its day holds one of it.
    async fn is_read(&self, hour: Hour, clock: &Clock) -> Result<bool, HourError> {
        let day = self.store.read(Day::of(hour), clock).await?.manifest;
        let in_day = day.live.is_some_and(|live| live.inputs.iter().any(|input| input.hour == hour));
        Ok(in_day || self.catalog.pointer(hour).await?.is_some())
    }

    /// What follows an attempt: the visit's result, or in an error the result if it is not begun again.
    pub(crate) async fn settle<P: Published>(
        &self,
        period: P,
        result: Result<AttemptResult<P>, HourError>,
        clock: &Clock,
    ) -> Result<Result<Outcome, HourError>, Result<Outcome, HourError>> {
        match result {
            Ok(AttemptResult::Committed(stored, outcome)) => Ok(self.finish(*stored, outcome, clock).await),
            Ok(AttemptResult::Stopped(outcome)) => Ok(self.read_and_finish(period, outcome, clock).await),
            Ok(AttemptResult::Again(reason)) => Err(Ok(Outcome::Deferred(reason))),
            Ok(AttemptResult::Unclaimed(error)) => Err(Err(error)),
            Err(error) => {
                // What was committed before is published all the same, and garbage collected; the error is what counts.
                Ok(match self.read_and_finish(period, Outcome::Failed(error_chain(&error)), clock).await {
                    Ok(waits @ Outcome::Waits(..)) => Ok(waits),
                    _ => Err(error),
                })
            }
        }
    }

    /// Steps 5 and 6 after a visit with this outcome, also if there was nothing to write: the partition is repaired, whatever lost
    /// it, and garbage is collected. If the partition has to wait, neither is done.
    pub(crate) async fn finish<P: Published>(
        &self,
        stored: VersionedManifest<P>,
        outcome: Outcome,
        clock: &Clock,
    ) -> Result<Outcome, HourError> {
        match (self.publish_and_collect(stored, clock).await, &outcome) {
            (Ok(None), _) => Ok(outcome),
            (Ok(Some(waiting)), _) => Ok(Outcome::Waits(Box::new(outcome), waiting)),
            // The later pass writes the live folder anew.
            (Err(HourError::Folder { .. }), Outcome::Deferred(SkipReason::Unfinished { .. })) => Ok(outcome),
            (Err(error), _) => Err(error),
        }
    }

    /// Steps 5 and 6, or what the partition waits for.
    async fn publish_and_collect<P: Published>(
        &self,
        stored: VersionedManifest<P>,
        clock: &Clock,
    ) -> Result<Option<Waiting>, HourError> {
        let publisher = self.publisher(clock);
        let (stored, pointer) = match publisher.publish(stored, None).await? {
            Publication::Done(stored, pointer) => (stored, pointer),
            Publication::Waits(waiting) => return Ok(Some(waiting)),
        };
        let Some(changed) = collect(&self.bucket, &self.store, stored, pointer.as_ref(), clock).await? else {
            return Ok(None);
        };
        match publisher.publish(changed, None).await? {
            Publication::Done(..) => Ok(None),
            Publication::Waits(waiting) => Ok(Some(waiting)),
        }
    }

    /// Steps 5 and 6 if the manifest may have changed since it was read.
    async fn read_and_finish<P: Published>(
        &self,
        period: P,
        outcome: Outcome,
        clock: &Clock,
    ) -> Result<Outcome, HourError> {
        let stored = self.store.read(period, clock).await?;
        self.finish(stored, outcome, clock).await
    }

    pub(crate) fn publisher<'a>(&'a self, clock: &'a Clock) -> Publisher<'a> {
        let Compactor { bucket, catalog, store, limits } = self;
        Publisher { bucket, catalog, store, clock, wait: limits.publish_wait() }
    }

    /// Step 1. The listing comes first. If it lacks an input that the manifest has, it is made again: the object may have
    /// come, and another run have committed it, between the two, and must not be taken for one that is gone.
    async fn look(&self, hour: Hour, clock: &Clock) -> Result<(HourState, VersionedManifest), HourError> {
        let mut listed = self.list_inputs(hour).await?;
        let stored = self.store.read(hour, clock).await?;
        if stored.manifest.live.as_ref().is_some_and(|live| live.gone(&listed) > 0) {
            listed = self.list_inputs(hour).await?;
        }
        let files = match stored.manifest.live_folder() {
            Some(folder) => self.bucket.list(&folder).await?,
            None => Vec::new(),
        };
        let files = files.into_iter().map(|file| file.key).collect();
        Ok((HourState { hour, listed, manifest: stored.manifest.clone(), files }, stored))
    }

    pub(crate) async fn list_inputs(&self, hour: Hour) -> Result<Vec<ObjectMeta>, BucketError> {
        let objects = self.bucket.list(&layout::json_prefix(hour)).await?;
        Ok(objects.into_iter().filter(|object| layout::hour_of_input(&object.key) == Some(hour)).collect())
    }

    /// Steps 2 to 4, of which `work` does the last two. An attempt that stops knowingly withdraws its claim.
    pub(crate) async fn attempt<P: Period, F>(
        &self,
        stored: VersionedManifest<P>,
        attempt: &str,
        clock: &Clock,
        work: impl FnOnce(VersionedManifest<P>) -> F,
    ) -> Result<AttemptResult<P>, HourError>
    where
        F: Future<Output = Result<AttemptResult<P>, HourError>>,
    {
        let period = stored.manifest.period;
        let claimed = match claim(&self.store, stored, attempt, clock).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => return Ok(AttemptResult::Again(SkipReason::Contended)),
            Err(error) => return Ok(AttemptResult::Unclaimed(error.into())),
        };
        let result = work(claimed).await;
        if !matches!(result, Ok(AttemptResult::Committed(..))) {
            withdraw(&self.store, period, attempt, clock).await;
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
            Err(error) if error.is_too_large() => {
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
        let committed = |current: &Manifest| {
            let committed = current.committed(live.clone());
            let accepted = if accepts { committed.accepted() } else { None };
            accepted.unwrap_or(committed)
        };
        let Some(stored) = commit(&self.store, claimed, attempt, from, committed, clock).await? else {
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

/// A run visits an hour at most once in each round.
fn round(pass: Pass) -> u32 {
    match pass {
        Pass::First => 0,
        Pass::Last | Pass::Asked => 1,
        Pass::Overtaken => 2,
    }
}

/// The name of an attempt's folder. A run may come to an hour or a day more than once, and no name is used twice.
pub(crate) fn attempt_name(nonce: &str, number: u32) -> String {
    format!("{nonce}-{number}")
}
