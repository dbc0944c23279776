//! A tick: every hour that is to be looked at, each in a task of its own, then the cut.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use catalog::CatalogError;
use log_format::Hour;
use telemetry::error_chain;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use crate::bucket::BucketError;
use crate::cut::{CutError, Moved};
use crate::hour::{Compactor, Outcome, Run};
use crate::hours::{self, Request};
use crate::manifest::Counts;
use crate::plan::Refusal;

/// An hour is begun only while so much of the run is left, and given up when none is.
pub const HOUR_TIME_MIN: Duration = Duration::from_secs(120);
/// The cut is looked at only while so much of the run is left.
const CUT_TIME_MIN: Duration = Duration::from_secs(30);

/// What became of a tick.
#[derive(Debug)]
pub struct Tick {
    /// Each hour that holds anything, and what became of it.
    pub outcomes: BTreeMap<Hour, Outcome>,
    /// The cut, or why it could not be moved; none where no time was left for it.
    pub cut: Option<Result<Moved, CutError>>,
}

/// Why a tick could not look at any hour.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// The bucket could not be listed.
    #[error("failed to find the hours to look at")]
    Survey(#[from] BucketError),
    /// The catalog could not be listed.
    #[error("failed to find the hours that the catalog knows")]
    Catalog(#[source] CatalogError),
}

/// The hours of a tick in numbers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Hours compacted.
    pub compacted: u64,
    /// Hours that are as they should be.
    pub nothing: u64,
    /// Hours left to a later run.
    pub left: u64,
    /// Hours that wait for somebody's decision.
    pub left_alone: u64,
    /// Hours that ended with an error or a panic.
    pub failed: u64,
    /// Counts of the hours compacted.
    pub counts: Counts,
}

impl Tick {
    /// Sums up the hours.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for outcome in self.outcomes.values() {
            totals.add(outcome);
        }
        totals
    }

    /// What failed, with every cause.
    pub fn failures(&self) -> Vec<String> {
        let failed = self.outcomes.iter().filter_map(|(hour, outcome)| match outcome {
            Outcome::Failed(why) => Some(format!("{hour} failed: {why}")),
            _ => None,
        });
        let cut = self
            .cut
            .as_ref()
            .and_then(|cut| cut.as_ref().err())
            .map(|error| format!("the view's cut was not moved: {}", error_chain(error)));
        failed.chain(cut).collect()
    }

    /// The hours that wait for somebody's decision.
    pub fn left_alone(&self) -> Vec<String> {
        let left = self.outcomes.iter().filter_map(|(hour, outcome)| match outcome {
            Outcome::Left(reason) if reason.needs_somebody() => Some(format!("{hour} is left alone: {reason}")),
            _ => None,
        });
        left.collect()
    }
}

impl Totals {
    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Compacted { counts, .. } => {
                self.compacted += 1;
                self.counts.lines += counts.lines;
                self.counts.rows += counts.rows;
                self.counts.duplicates += counts.duplicates;
                self.counts.collisions += counts.collisions;
                self.counts.rejected += counts.rejected;
            }
            Outcome::Nothing(_) => self.nothing += 1,
            Outcome::Left(reason) if reason.needs_somebody() => self.left_alone += 1,
            Outcome::Left(_) => self.left += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }
}

impl Compactor {
    /// Does what is due in the hours that `request` asks for. `progress` is told of hours done and hours in all.
    pub async fn tick(
        self: &Arc<Self>,
        request: &Request,
        run: &Arc<Run>,
        progress: impl Fn(usize, usize),
    ) -> Result<Tick, TickError> {
        let (from, to) = hours::range(request, run.clock.now(), &self.limits);
        let with_objects: BTreeSet<Hour> = self.inputs_by_hour(from, to).await?.into_keys().collect();
        let manifests = self.hours_with_manifest(from, to).await?;
        let registered = self.catalog.json_hours(from).await.map_err(TickError::Catalog)?;
        let registered: HashSet<Hour> = registered.into_iter().collect();
        let hours: BTreeSet<Hour> = with_objects.iter().chain(&manifests).copied().collect();
        let mut outcomes = BTreeMap::new();
        for (done, hour) in hours.iter().enumerate() {
            progress(done, hours.len());
            let lost = with_objects.contains(hour) && !registered.contains(hour);
            outcomes.insert(*hour, self.hour_of_tick(*hour, lost, run).await);
        }
        progress(hours.len(), hours.len());
        let cut = if run.clock.left() > CUT_TIME_MIN { Some(self.move_cut(run).await) } else { None };
        Ok(Tick { outcomes, cut })
    }

    /// One hour in a task of its own: an error or a panic in it is that hour's. The task is over when this returns, for
    /// Lambda would thaw what is left of it in a later invocation.
    async fn hour_of_tick(self: &Arc<Self>, hour: Hour, lost: bool, run: &Arc<Run>) -> Outcome {
        if run.clock.left() < HOUR_TIME_MIN {
            return Outcome::Left(Refusal::NoTime);
        }
        let mut task = JoinSet::new();
        let left = run.clock.left();
        let (compactor, run) = (Arc::clone(self), Arc::clone(run));
        task.spawn(async move {
            if lost {
                // Its notification was lost, or the bucket was adopted with objects in it.
                run.clock.may_write()?;
                compactor.catalog.ensure_json_partition(hour).await?;
            }
            compactor.visit(hour, &run).await
        });
        let ended = timeout(left, task.join_next()).await;
        task.shutdown().await;
        match ended {
            Ok(Some(Ok(Ok(outcome)))) => outcome,
            Ok(Some(Ok(Err(error)))) => Outcome::Failed(error_chain(&error)),
            // The message of a panic may quote an event (T4); the log says where it was.
            Ok(Some(Err(_))) => Outcome::Failed("panicked".to_string()),
            Ok(None) | Err(_) => Outcome::Left(Refusal::NoTime),
        }
    }
}
