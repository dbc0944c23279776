//! One day, step by step, as an hour: look, plan, claim, roll up, commit, publish, collect.
//!
//! A day's folder holds the rows of the live folders of its hours. The day's manifest is read before those of its hours: a run
//! that slept between the two would otherwise roll up older folders over newer ones.

pub mod plan;
mod roll_up;

use catalog::{Catalog, CatalogError};
use log_format::{Day, Hour};
use projection::manifest::{Counts, HourInput, LiveDay, Manifest};

use crate::clock::{Clock, Run};
use crate::day::plan::{DayPlan, DayState};
use crate::day::roll_up::RollUp;
use crate::hour::commit::commit;
use crate::hour::error::HourError;
use crate::hour::plan::{Pass, SkipReason};
use crate::hour::{AttemptResult, BEGINNINGS_MAX, Compactor, Outcome, attempt_name};
use crate::manifest_store::{StoreError, VersionedManifest};

/// One visit to a day.
#[derive(Debug, Clone, Copy)]
pub struct DayVisit {
    /// The day to visit.
    pub day: Day,
    /// Whether a day with unfinished attempts is tried.
    pub pass: Pass,
    /// True if it is rolled up again, whatever it holds.
    pub again: bool,
    /// How often this run has visited the day before, so that no folder's name is used twice.
    pub round: u32,
}

impl Compactor {
    /// Does what is due in one day. A day that was rolled up is [`Outcome::Compacted`], with as many lines as rows.
    ///
    /// # Errors
    ///
    /// A step failed. The next visit goes on.
    pub async fn visit_day(&self, visit: DayVisit, run: &Run) -> Result<Outcome, HourError> {
        let mut last = Ok(Outcome::Deferred(SkipReason::Contended));
        let mut tried = None;
        for beginning in 0..BEGINNINGS_MAX {
            let (state, stored) = self.look_at_day(visit.day, &run.clock).await?;
            if tried.as_ref() == Some(&state.hours) && matches!(last, Ok(Outcome::Deferred(SkipReason::InputChanging)))
            {
                // Nobody has changed these hours: one of their files is not what its manifest says.
                return Err(HourError::HourFiles { day: visit.day });
            }
            tried = Some(state.hours.clone());
            let inputs = match plan::plan(&state, run.clock.now(), &self.limits, visit.again, visit.pass) {
                DayPlan::RollUp(inputs) => inputs,
                DayPlan::Nothing(reason) => return self.finish(stored, Outcome::Nothing(reason), &run.clock).await,
                DayPlan::Skip(reason) => return self.finish(stored, Outcome::Deferred(reason), &run.clock).await,
            };
            let attempt = attempt_name(&run.nonce, visit.round * BEGINNINGS_MAX + beginning);
            if inputs.is_empty() && stored.etag.is_none() {
                // It has no files that a claim would announce.
                let empty = LiveDay::empty(attempt, run.clock.now());
                let committed = stored.manifest.committed(empty);
                if let Some(stored) = self.store.replace(&stored, committed, &run.clock).await? {
                    return self.finish(stored, rolled_up(0, 0), &run.clock).await;
                }
                continue;
            }
            let from = stored.manifest.live_attempt().map(str::to_string);
            let work = |claimed| self.roll_up(visit.day, claimed, &attempt, inputs, from.as_deref(), &run.clock);
            let result = self.attempt(stored, &attempt, &run.clock, work).await;
            match self.settle(visit.day, result, &run.clock).await {
                Ok(settled) => return settled,
                Err(again) => last = again,
            }
        }
        last
    }

    /// Step 1. The day's manifest comes first. What a partition of an hour names was live in its manifest before.
    async fn look_at_day(&self, day: Day, clock: &Clock) -> Result<(DayState, VersionedManifest<Day>), HourError> {
        let stored = self.store.read(day, clock).await?;
        let published = published_hours(&self.catalog, day, day).await?;
        let with_manifest = self.bucket.hours_with_manifest(day.first(), day.end()).await?;
        let read = self.store.read_many(&with_manifest, clock).await;
        let manifests = read.into_iter().map(|stored| Ok(stored?.manifest)).collect::<Result<Vec<_>, StoreError>>()?;
        let files = match stored.manifest.live_folder() {
            Some(folder) => self.bucket.list(&folder).await?,
            None => Vec::new(),
        };
        let files = files.into_iter().map(|file| file.key).collect();
        Ok((DayState { manifest: stored.manifest.clone(), hours: inputs_of(&manifests), published, files }, stored))
    }

    /// Steps 3 and 4. `from` is the live folder that the attempt started from.
    async fn roll_up(
        &self,
        day: Day,
        claimed: VersionedManifest<Day>,
        attempt: &str,
        inputs: Vec<HourInput>,
        from: Option<&str>,
        clock: &Clock,
    ) -> Result<AttemptResult<Day>, HourError> {
        let roll_up = RollUp { bucket: &self.bucket, limits: &self.limits, clock };
        let bytes = inputs.iter().flat_map(|input| &input.files).map(|file| file.size).sum();
        let live = match roll_up.write(day, attempt, inputs).await {
            Ok(Some(live)) => live,
            Ok(None) => return Ok(AttemptResult::Again(SkipReason::InputChanging)),
            Err(error) if error.is_too_large() => {
                return Ok(AttemptResult::Stopped(Outcome::Deferred(SkipReason::TooLarge { bytes })));
            }
            Err(error) => return Err(error),
        };
        let outcome = rolled_up(live.rows, live.files.iter().map(|file| file.size).sum());
        let committed = |current: &Manifest<Day>| current.committed(live.clone());
        let Some(stored) = commit(&self.store, claimed, attempt, from, committed, clock).await? else {
            return Ok(AttemptResult::Again(SkipReason::Contended));
        };
        Ok(AttemptResult::Committed(Box::new(stored), outcome))
    }
}

/// The hours of the days from `first` to `last` whose partition names a folder of theirs.
pub(crate) async fn published_hours(catalog: &Catalog, first: Day, last: Day) -> Result<Vec<Hour>, CatalogError> {
    let pointers = catalog.pointers(first.first()..=last.last()).await?.into_iter();
    let published = pointers.filter(|(hour, pointer)| pointer.is_of(*hour, catalog.bucket()));
    Ok(published.map(|(hour, _)| hour).collect())
}

fn rolled_up(rows: u64, bytes: u64) -> Outcome {
    let counts = Counts { lines: rows, rows, ..Counts::default() };
    Outcome::Compacted { counts, bytes, replaced: 0 }
}

/// What a day takes in of its hours, in their order.
pub fn inputs_of<'a>(hours: impl IntoIterator<Item = &'a Manifest>) -> Vec<HourInput> {
    hours.into_iter().filter_map(HourInput::of).collect()
}
