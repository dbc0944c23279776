//! A tick: every hour that is to be looked at, each in a task of its own, then the cut.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use catalog::CatalogError;
use log_format::Hour;
use telemetry::error_chain;
use tokio::task::JoinSet;
use tokio::time::Duration;

use crate::cut::CutError;
use crate::hour::{Compactor, HourError, Outcome, Run};
use crate::hours::{self, Request};
use crate::manifest::Counts;
use crate::plan::Refusal;

/// An hour is begun only while so much of the run is left. An hour of 128 MB takes less.
const HOUR_TIME_MIN: Duration = Duration::from_secs(120);

/// What became of a tick.
#[derive(Debug)]
pub struct Tick {
    /// Each hour that holds anything, and what became of it.
    pub outcomes: BTreeMap<Hour, Outcome>,
    /// The cut, or why it could not be moved.
    pub cut: Result<Hour, CutError>,
}

/// Why a tick could not look at any hour.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// The bucket could not be listed.
    #[error("failed to find the hours to look at")]
    Survey(#[source] HourError),
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
        let cut = self.cut.as_ref().err().map(|error| format!("the view's cut was not moved: {}", error_chain(error)));
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
        let (inputs, manifests) = self.survey(from, to).await.map_err(TickError::Survey)?;
        let with_objects: BTreeSet<Hour> = inputs.into_keys().collect();
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
        Ok(Tick { outcomes, cut: self.move_cut(run).await })
    }

    /// One hour in a task of its own: an error or a panic in it is that hour's. The task is over when this returns, for
    /// Lambda would thaw what is left of it in a later invocation.
    async fn hour_of_tick(self: &Arc<Self>, hour: Hour, lost: bool, run: &Arc<Run>) -> Outcome {
        if run.clock.left() < HOUR_TIME_MIN {
            return Outcome::Left(Refusal::NoTime);
        }
        let mut task = JoinSet::new();
        let (compactor, run) = (Arc::clone(self), Arc::clone(run));
        task.spawn(async move {
            if lost {
                // Its notification was lost, or the bucket was adopted with objects in it.
                compactor.catalog.ensure_json_partition(hour).await?;
            }
            compactor.visit(hour, &run).await
        });
        match task.join_next().await {
            Some(Ok(Ok(outcome))) => outcome,
            Some(Ok(Err(error))) => Outcome::Failed(error_chain(&error)),
            Some(Err(panic)) => Outcome::Failed(error_chain(&panic)),
            None => Outcome::Left(Refusal::NoTime),
        }
    }
}
