//! A tick: the sweep over the catalog, a visit to every hour that was discovered, the days that they change, what waited to be
//! published, the watermark, the days that are due, then the hours and days with unfinished attempts.

mod days;
mod definitions;
pub(crate) mod discovery;
mod range;
pub mod schedule;
mod scrub;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use futures::{StreamExt, stream};
use log_format::{Day, Hour};
use projection::manifest::Counts;
use telemetry::error_chain;
use tokio::task::JoinSet;
use tokio::time::{Duration, timeout};

use crate::clock::{Clock, Run};
use crate::hour::commit::accept_replaced;
use crate::hour::error::HourError;
use crate::hour::plan::{Idle, Pass, Rewrite, SkipReason};
use crate::hour::{Compactor, Outcome, Visit};
use crate::request::{Request, Scope};
use crate::tick::days::Outcomes;
use crate::tick::discovery::{Discoverer, Discovery};
use crate::watermark::{Moved, WatermarkError, WatermarkStatus};

pub use crate::tick::discovery::DiscoveryError;
pub use crate::tick::sweep::DefinitionsSwept;

/// An hour is begun only while this much of the run is left, and given up when nothing is.
pub const HOUR_TIME_MIN: Duration = Duration::from_secs(120);
/// The watermark is moved only while this much of the run is left.
const WATERMARK_TIME_MIN: Duration = Duration::from_secs(30);
/// The result of a tick.
#[derive(Debug)]
pub struct Tick {
    /// The outcome of each hour that holds anything.
    pub outcomes: BTreeMap<Hour, Outcome>,
    /// The outcome of each day that was visited.
    pub days: BTreeMap<Day, Outcome>,
    /// The watermark, or why it could not be moved. `None` if no time was left for it.
    pub watermark: Option<Result<WatermarkStatus, WatermarkError>>,
    /// What the sweep found wrong with the catalog's definitions.
    pub definitions: DefinitionsSwept,
    /// The objects that were written over and that are accepted, because a person named their hour: a sentence each. Or why
    /// that could not be written.
    pub accepted: Result<Vec<String>, String>,
}

/// How many hours, or days, of a tick had each outcome.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Hours that were compacted.
    pub compacted: u64,
    /// Hours in which nothing was due.
    pub nothing: u64,
    /// Hours whose partition was repaired, and nothing else done.
    pub repaired: u64,
    /// Hours deferred to a later run.
    pub deferred: u64,
    /// Hours that wait for an operator's decision.
    pub needs_operator: u64,
    /// Hours that ended with an error or a panic, or whose partition could not be made to name their live folder.
    pub failed: u64,
    /// The counts of the compacted hours.
    pub counts: Counts,
    /// Objects of all hours that were written over since they were first read, and that nobody has accepted.
    pub replaced: u64,
}

impl Tick {
    /// Counts the outcomes of hours.
    pub fn totals(&self) -> Totals {
        Totals::of(self.outcomes.values())
    }

    /// Counts the outcomes of days.
    pub fn day_totals(&self) -> Totals {
        Totals::of(self.days.values())
    }

    /// A message for each failure, with every cause.
    pub fn failures(&self) -> Vec<String> {
        let failed = self.all().filter_map(|(what, outcome)| match outcome {
            Outcome::Failed(why) => Some(format!("{what} failed: {why}")),
            waits if waits.waits_for_day() => {
                Some(format!("{what} waits: readers get its rows once its day is rolled up again"))
            }
            Outcome::Waits(..) => {
                Some(format!("{what} waits: readers get its new rows once the next run has written its partition"))
            }
            _ => None,
        });
        let not_accepted = self.accepted.as_ref().err().map(|why| format!("the edits were not accepted: {why}"));
        let watermark = self.watermark.as_ref().and_then(|moved| moved.as_ref().err());
        let watermark = watermark.map(|error| format!("the view's watermark was not moved: {}", error_chain(error)));
        failed.chain(self.definitions.failures.iter().cloned()).chain(not_accepted).chain(watermark).collect()
    }

    /// The outcome of each hour, then of each day.
    fn all(&self) -> impl Iterator<Item = (String, &Outcome)> {
        let hours = self.outcomes.iter().map(|(hour, outcome)| (hour.to_string(), outcome));
        hours.chain(self.days.iter().map(|(day, outcome)| (day.to_string(), outcome)))
    }

    /// A message for each hour with objects that were written over and that nobody has accepted.
    pub fn replaced(&self) -> Vec<String> {
        let hours = self.outcomes.iter().filter_map(|(hour, outcome)| match outcome {
            Outcome::Compacted { replaced: objects @ 1.., .. } | Outcome::Nothing(Idle::NotAccepted { objects }) => {
                Some((hour, objects))
            }
            _ => None,
        });
        let message = |(hour, objects)| {
            format!("{hour}: {objects} objects were written over, and their new lines taken in; `verify` names them")
        };
        hours.map(message).collect()
    }

    /// How many partitions and views were made as we define them.
    pub fn catalog_repaired(&self) -> u64 {
        let view = self.watermark.iter().flatten().any(|status| status.repaired_view);
        self.definitions.repaired + u64::from(view)
    }

    /// A message for each hour, day and table that waits for an operator's decision.
    pub fn needs_operator(&self) -> Vec<String> {
        let waiting = self.all().filter_map(|(what, outcome)| match outcome {
            Outcome::Deferred(reason) if reason.needs_operator() => Some(format!("{what} needs an operator: {reason}")),
            _ => None,
        });
        let tables = self.definitions.tables.iter();
        let tables = tables.map(|what| format!("{what}; `verify --repair` makes the table as we define it"));
        waiting.chain(tables).collect()
    }
}

impl Totals {
    fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Totals {
        let mut totals = Totals::default();
        outcomes.into_iter().for_each(|outcome| totals.add(outcome));
        totals
    }

    fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Compacted { counts, replaced, .. } => {
                self.compacted += 1;
                self.counts += *counts;
                self.replaced += replaced;
            }
            Outcome::Nothing(reason) => {
                self.nothing += 1;
                if let Idle::NotAccepted { objects } = reason {
                    self.replaced += objects;
                }
            }
            Outcome::Repaired => self.repaired += 1,
            Outcome::Waits(done, _) => {
                self.failed += 1;
                if let Outcome::Compacted { counts, replaced, .. } = **done {
                    self.counts += counts;
                    self.replaced += replaced;
                }
            }
            Outcome::Deferred(reason) if reason.needs_operator() => self.needs_operator += 1,
            Outcome::Deferred(_) => self.deferred += 1,
            Outcome::Failed(_) => self.failed += 1,
        }
    }
}

impl Compactor {
    /// Does what is due in the requested hours, then in days. `progress` receives the hours done and the hours in all, then the
    /// days.
    ///
    /// # Errors
    ///
    /// The hours could not be found. What fails in one hour is that hour's outcome.
    pub async fn tick(
        self: &Arc<Self>,
        run: &Arc<Run>,
        request: Request,
        progress: impl Fn(usize, usize),
    ) -> Result<Tick, DiscoveryError> {
        let mut discovery = self.discover(run, request).await?;
        let accepted = self.accept(request.scope, &run.clock).await;
        let (swept, mut definitions) = self.sweep(&mut discovery, run).await;
        let waiting: BTreeSet<Hour> =
            swept.iter().filter(|(_, outcome)| outcome.waits()).map(|(hour, _)| *hour).collect();
        let up_to_date = discovery.up_to_date.iter().map(|(hour, reason)| (*hour, Outcome::Nothing(*reason)));
        // An hour that the sweep repaired, or failed to repair, keeps that outcome.
        let mut outcomes = Outcomes::of(up_to_date.chain(swept).collect());
        // Days come before the hours that were never done: of those there may be more than there is time for.
        for hours in [&discovery.hours, &discovery.backlog] {
            let visit = |hour: &Hour| visit(&discovery, request, *hour, Pass::First);
            self.visit_hours(hours.iter().map(visit).collect(), &mut outcomes, run, &progress).await;
            self.keep_up_days(&discovery.days, &mut outcomes, run).await;
        }
        let mut watermark = self.watermark_of_tick(&discovery, request, &mut outcomes, run).await;
        if let Some(Ok(reached)) = &watermark
            && self.begin_days(request, &discovery.days, reached, &mut outcomes, run, &progress).await
        {
            let moved = self.watermark_of_tick(&discovery, request, &mut outcomes, run).await;
            watermark = moved.or(watermark);
        }
        // Last, and after the watermark: one of these may end the process.
        watermark = self.visit_put_off(&discovery, request, &mut outcomes, run).await.or(watermark);
        definitions.count_made(&discovery.definitions.daily, &outcomes.days);
        definitions.count_made(&(&discovery.definitions.parquet & &waiting), &outcomes.hours);
        let Outcomes { hours: outcomes, days, .. } = outcomes;
        Ok(Tick { outcomes, days, watermark, definitions, accepted })
    }

    /// Visits hours that were discovered.
    async fn visit_hours(
        self: &Arc<Self>,
        visits: Vec<Visit>,
        outcomes: &mut Outcomes,
        run: &Arc<Run>,
        progress: impl Fn(usize, usize),
    ) {
        let all = visits.len();
        progress(0, all);
        let visits = visits.into_iter().map(|visit| self.visit_isolated(visit, run));
        let mut visits = pin!(stream::iter(visits).buffer_unordered(self.limits.hours_at_once).enumerate());
        while let Some((done, (hour, outcome))) = visits.next().await {
            progress(done + 1, all);
            outcomes.add(hour, outcome);
        }
    }

    /// Visits the hours and days with unfinished attempts. Returns the watermark if it was moved.
    async fn visit_put_off(
        self: &Arc<Self>,
        discovery: &Discovery,
        request: Request,
        outcomes: &mut Outcomes,
        run: &Arc<Run>,
    ) -> Option<Result<WatermarkStatus, WatermarkError>> {
        let mut moves = false;
        let pass = if request.scope == Scope::Tick { Pass::Last } else { Pass::Asked };
        for hour in outcomes.put_off_hours() {
            let (_, outcome) = self.visit_isolated(visit(discovery, request, hour, pass), run).await;
            moves |= outcome.waits() || matches!(outcome, Outcome::Compacted { .. });
            outcomes.add(hour, outcome);
        }
        if moves {
            self.keep_up_days(&discovery.days, outcomes, run).await;
        }
        if self.visit_put_off_days(pass, outcomes, run).await || moves {
            return self.watermark_of_tick(discovery, request, outcomes, run).await;
        }
        None
    }

    /// The closed hours from `from` up to, not including, `to` that a visit could change, in order.
    ///
    /// # Errors
    ///
    /// The bucket or the catalog could not be listed.
    pub async fn may_change(
        &self,
        from: Hour,
        to: Hour,
        rewrite: Rewrite,
        clock: &Clock,
    ) -> Result<Vec<Hour>, DiscoveryError> {
        Ok(self.discoverer(clock).discover_range(from, to, rewrite).await?.hours)
    }

    /// Accepts what was written over in an hour that a person named. Returns a sentence for each object, or why it failed.
    async fn accept(&self, scope: Scope, clock: &Clock) -> Result<Vec<String>, String> {
        let Scope::Hour(hour) = scope else { return Ok(Vec::new()) };
        let listed = self.list_inputs(hour).await.map_err(|error| error_chain(&error))?;
        accept_replaced(&self.store, hour, &listed, clock).await.map_err(|error| error_chain(&error))
    }

    async fn discover(&self, run: &Run, request: Request) -> Result<Discovery, DiscoveryError> {
        let discoverer = self.discoverer(&run.clock);
        match request.scope {
            Scope::Tick => discoverer.discover_tick().await,
            Scope::Range(..) => {
                let (from, to) = schedule::closed_range(request.scope, run.clock.now(), &self.limits);
                discoverer.discover_range(from, to, request.rewrite).await
            }
            Scope::Hour(hour) => discoverer.discover_hour(hour).await,
            Scope::Day(_) => Ok(Discovery::default()),
        }
    }

    fn discoverer<'a>(&'a self, clock: &'a Clock) -> Discoverer<'a> {
        let Compactor { bucket, catalog, store, limits } = self;
        Discoverer { bucket, catalog, store, limits, clock }
    }

    async fn visit_isolated(self: &Arc<Self>, visit: Visit, run: &Arc<Run>) -> (Hour, Outcome) {
        if run.clock.left() < HOUR_TIME_MIN {
            return (visit.hour, Outcome::Deferred(SkipReason::NoTime));
        }
        (visit.hour, self.isolated(run, move |it, run| async move { it.visit(visit, &run).await }).await)
    }

    /// Runs the work of one hour in a task of its own: an error or a panic in it is that hour's. The task has ended when this
    /// returns, because Lambda would thaw the rest of it in a later invocation.
    async fn isolated<F>(self: &Arc<Self>, run: &Arc<Run>, work: impl FnOnce(Arc<Self>, Arc<Run>) -> F) -> Outcome
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
            // A panic's message may quote an event (T4). The log says where it was.
            Ok(Some(Err(_))) => Outcome::Failed("panicked".to_string()),
            Ok(None) | Err(_) => Outcome::Deferred(SkipReason::NoTime),
        }
    }

    /// Moves the watermark. `None` if no time is left for it. What came into the hours that it passed is compacted at once.
    async fn watermark_of_tick(
        self: &Arc<Self>,
        discovery: &Discovery,
        request: Request,
        outcomes: &mut Outcomes,
        run: &Arc<Run>,
    ) -> Option<Result<WatermarkStatus, WatermarkError>> {
        if run.clock.left() <= WATERMARK_TIME_MIN {
            return None;
        }
        let Moved { status, overtaken } = self.move_watermark(&run.clock).await;
        // Nobody named these hours, and nobody asked for their rewrite.
        let request = Request { rewrite: Rewrite::No, ..request };
        let overtaken = overtaken.into_iter().filter(|hour| outcomes.overtaken.insert(*hour));
        let visits: Vec<Visit> = overtaken.map(|hour| visit(discovery, request, hour, Pass::Overtaken)).collect();
        if !visits.is_empty() {
            self.visit_hours(visits, outcomes, run, |_, _| {}).await;
            self.keep_up_days(&discovery.days, outcomes, run).await;
        }
        Some(status)
    }
}

fn visit(discovery: &Discovery, request: Request, hour: Hour, pass: Pass) -> Visit {
    Visit { hour, registered: discovery.registered.contains(&hour), pass, rewrite: request.rewrite }
}
