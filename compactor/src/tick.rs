//! A tick: the sweep, every hour that is to be looked at, each in a task of its own, then the cut, then the hours that
//! runs have died over.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;

use futures::{StreamExt, stream};
use log_format::Hour;
use telemetry::error_chain;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use crate::cut::{CutError, Moved};
use crate::hour::{Compactor, HourError, Outcome, Run, Visit};
use crate::hours::Scope;
use crate::manifest::Counts;
use crate::plan::{Refusal, Rest, Turn};
use crate::survey::{Survey, SurveyError};

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

/// The hours of a tick in numbers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Hours compacted.
    pub compacted: u64,
    /// Hours that are as they should be.
    pub nothing: u64,
    /// Hours whose partition was put right, and nothing else.
    pub righted: u64,
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
                self.counts += *counts;
            }
            Outcome::Nothing(_) => self.nothing += 1,
            Outcome::Righted => self.righted += 1,
            Outcome::Left(reason) if reason.needs_somebody() => self.left_alone += 1,
            Outcome::Left(_) => self.left += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }
}

/// The sweep leaves so much of a run, in hundredths, to the hours.
const SWEEP_PERCENT_LEFT: u32 = 50;

impl Compactor {
    /// Does what is due in the hours that the run was asked for. `progress` is told of hours done and hours in all.
    pub async fn tick(self: &Arc<Self>, run: &Arc<Run>, progress: impl Fn(usize, usize)) -> Result<Tick, SurveyError> {
        let mut survey = self.survey(run).await?;
        let mut outcomes = self.sweep(&mut survey, run).await;
        outcomes.extend(survey.settled.iter().map(|hour| (*hour, Outcome::Nothing(Rest::UpToDate))));
        let mut put_off = Vec::new();
        let all = survey.hours.len();
        progress(0, all);
        let looks = survey.hours.iter().copied().map(|hour| self.look_in(&survey, hour, Turn::First, run));
        let mut looks = pin!(stream::iter(looks).buffer_unordered(self.limits.hours_at_once).enumerate());
        while let Some((done, (hour, outcome))) = looks.next().await {
            progress(done + 1, all);
            if let Outcome::Left(Refusal::Unfinished { attempts }) = outcome {
                put_off.push((attempts, hour));
            }
            // Most of the rota's hours have never held anything.
            if outcome != Outcome::Nothing(Rest::NoObjects) {
                outcomes.insert(hour, outcome);
            }
        }
        let mut cut = self.cut_of_tick(run).await;
        // Last, and after the cut: one of these may end the process. Those that did so least often come first.
        put_off.sort_unstable();
        let turn = if run.request.scope == Scope::Tick { Turn::Last } else { Turn::Asked };
        for (_, hour) in put_off {
            let (_, outcome) = self.look_in(&survey, hour, turn, run).await;
            if matches!(outcome, Outcome::Compacted { .. }) {
                cut = self.cut_of_tick(run).await.or(cut);
            }
            outcomes.insert(hour, outcome);
        }
        Ok(Tick { outcomes, cut })
    }

    /// Registers the hours that Glue does not know, and makes the partitions that have gone astray follow their manifests,
    /// whatever lost them.
    async fn sweep(self: &Arc<Self>, survey: &mut Survey, run: &Arc<Run>) -> BTreeMap<Hour, Outcome> {
        let kept_back = run.clock.left() * SWEEP_PERCENT_LEFT / 100;
        let mut outcomes = BTreeMap::new();
        for &hour in &survey.unregistered {
            if run.clock.left() < kept_back {
                return outcomes;
            }
            let outcome = self.apart(run, move |it, run| async move { it.register(hour, &run).await }).await;
            if outcome == Outcome::Righted {
                survey.registered.insert(hour);
            }
            outcomes.insert(hour, outcome);
        }
        for &hour in &survey.astray {
            if run.clock.left() < kept_back {
                return outcomes;
            }
            outcomes.insert(hour, self.apart(run, move |it, run| async move { it.right(hour, &run).await }).await);
        }
        outcomes
    }

    /// Registers an hour whose notification was lost, or that was adopted, so that the view shows its JSON at once.
    async fn register(&self, hour: Hour, run: &Run) -> Result<Outcome, HourError> {
        run.clock.may_write()?;
        self.catalog.ensure_json_partition(hour).await?;
        Ok(Outcome::Righted)
    }

    /// Makes one partition follow its manifest.
    async fn right(&self, hour: Hour, run: &Run) -> Result<Outcome, HourError> {
        let stored = self.read_manifest(hour, run).await?;
        let (_, pointer) = self.publish(stored, run).await?;
        // Nothing is live of an hour that is only claimed.
        Ok(if pointer.is_some() { Outcome::Righted } else { Outcome::Nothing(Rest::NoObjects) })
    }

    async fn look_in(self: &Arc<Self>, survey: &Survey, hour: Hour, turn: Turn, run: &Arc<Run>) -> (Hour, Outcome) {
        if run.clock.left() < HOUR_TIME_MIN {
            return (hour, Outcome::Left(Refusal::NoTime));
        }
        let visit = Visit { hour, registered: survey.registered.contains(&hour), turn };
        (hour, self.apart(run, move |it, run| async move { it.visit(visit, &run).await }).await)
    }

    /// One hour in a task of its own: an error or a panic in it is that hour's. The task is over when this returns, for
    /// Lambda would thaw what is left of it in a later invocation.
    async fn apart<F>(self: &Arc<Self>, run: &Arc<Run>, work: impl FnOnce(Arc<Self>, Arc<Run>) -> F) -> Outcome
    where
        F: Future<Output = Result<Outcome, HourError>> + Send + 'static,
    {
        let mut task = JoinSet::new();
        task.spawn(work(Arc::clone(self), Arc::clone(run)));
        let ended = timeout(run.clock.left(), task.join_next()).await;
        task.shutdown().await;
        match ended {
            Ok(Some(Ok(Ok(outcome)))) => outcome,
            Ok(Some(Ok(Err(error)))) => Outcome::Failed(error_chain(&error)),
            // The message of a panic may quote an event (T4); the log says where it was.
            Ok(Some(Err(_))) => Outcome::Failed("panicked".to_string()),
            Ok(None) | Err(_) => Outcome::Left(Refusal::NoTime),
        }
    }

    async fn cut_of_tick(&self, run: &Run) -> Option<Result<Moved, CutError>> {
        if run.clock.left() > CUT_TIME_MIN { Some(self.move_cut(run).await) } else { None }
    }
}
