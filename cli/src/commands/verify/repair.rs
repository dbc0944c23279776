//! Repairs by the compactor's own steps: only conditional writes in the bucket, no live folder edited in place, no object
//! under `logs/` touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use compactor::clock::{Clock, RUN_MINUTES_MAX, Run};
use compactor::day::DayVisit;
use compactor::day::plan::begun_before;
use compactor::hour::error::HourError;
use compactor::hour::plan::{Pass, Rewrite};
use compactor::hour::repair::{replace_unreadable, retire_unknown};
use compactor::hour::{Compactor, Outcome, Published, Visit, Waiting};
use compactor::tick::DefinitionsSwept;
use compactor::watermark::{Moved, WatermarkError};
use log_format::{Day, Hour};
use projection::manifest::Period;
use serde::Serialize;
use telemetry::error_chain;
use tokio::time::Duration;

use super::finding::{Difference, Finding, Remedy};
use super::verified::Verified;
use crate::deployment::Deployment;
use crate::env::Env;

/// What was done about one hour or day, or about what is in neither.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// The hour. `None` for days, the tables, the watermark and the view.
    pub hour: Option<Hour>,
    /// The day. `None` for all others.
    pub day: Option<Day>,
    /// What was done, or why nothing was.
    pub done: String,
}

/// The differences of one hour or day.
#[derive(Debug, Clone, Default)]
struct Damage {
    kinds: BTreeSet<Difference>,
    /// The attempts that the manifest does not know.
    unknown: Vec<String>,
}

/// Repairs what can be repaired. Whether it worked is seen by verifying again.
///
/// A live day goes before its hours: hours are written first, then days, then the partitions of the hours that waited for
/// their days.
pub(super) async fn repair(deployment: &Deployment, found: &Verified, env: &Env) -> Vec<Repair> {
    let compactor = &deployment.compactor;
    let mut repairs = Vec::new();
    let remedies: Vec<Remedy> = found.findings.iter().map(|finding| finding.difference.remedy()).collect();
    if remedies.iter().any(|remedy| matches!(remedy, Remedy::Define | Remedy::DeletePartition)) {
        let repaired = compactor.repair_catalog(&run(env, "catalog")).await;
        repairs.push(outcome(repaired.map(|swept| catalog_text(&swept))));
    }
    let Damages { hours, mut days } = Damages::of(&found.findings);
    let (mut waiting, mut waiting_days) = (Vec::new(), Vec::new());
    for (number, (hour, damage)) in hours.into_iter().enumerate() {
        let repaired = repair_isolated(compactor, hour, damage, run(env, &number.to_string()), repair_hour).await;
        if let Some(waits) = &repaired.waits {
            if waits.for_day {
                days.entry(Day::of(hour)).or_default();
            }
            waiting.push((hour, waits.clone()));
        }
        repairs.extend(repaired.told().map(|done| Repair { hour: Some(hour), day: None, done }));
    }
    let watermark = found.watermark.unwrap_or(Hour::EPOCH);
    let end = begun_before(&deployment.limits, watermark, found.day_watermark, env.now);
    for (number, (day, damage)) in days.into_iter().enumerate() {
        let run = run(env, &format!("d{number}"));
        let work = move |compactor, day, damage, run| repair_day(compactor, day, damage, run, end);
        let repaired = repair_isolated(compactor, day, damage, run, work).await;
        waiting_days.extend(repaired.waits.clone().map(|waits| (day, waits)));
        repairs.extend(repaired.told().map(|done| Repair { hour: None, day: Some(day), done }));
    }
    repairs.extend(publish_waiting(compactor, waiting_days, waiting, &run(env, "waiting")).await);
    if remedies.iter().any(|remedy| !matches!(remedy, Remedy::ByHand(_))) {
        repairs.push(outcome(repair_watermark(compactor, env).await));
    }
    repairs
}

/// Publishes what had to wait, the days before their hours. All that takes another folder's place waits together, once.
async fn publish_waiting(
    compactor: &Compactor,
    days: Vec<(Day, Waiting)>,
    hours: Vec<(Hour, Waiting)>,
    run: &Run,
) -> Vec<Repair> {
    let waits = hours.iter().map(|(_, waits)| waits).chain(days.iter().map(|(_, waits)| waits));
    if let Some(until) = waits.filter_map(Waiting::until).max() {
        run.clock.sleep_until(until).await;
    }
    let mut repairs = Vec::new();
    for (day, waited) in days {
        repairs.push(Repair { hour: None, day: Some(day), done: publish(compactor, day, &waited, run).await });
    }
    for (hour, waited) in hours {
        repairs.push(Repair { hour: Some(hour), day: None, done: publish(compactor, hour, &waited, run).await });
    }
    repairs
}

/// Publishes what had to wait. Returns what was done.
async fn publish<P: Published>(compactor: &Compactor, period: P, waited: &Waiting, run: &Run) -> String {
    let published = compactor.repair_partition(period, Some(waited), run).await;
    let told = |outcome: Outcome| match outcome.waiting() {
        Some(waiting) if !waiting.for_day => {
            "its partition is as before, since another run wrote meanwhile; repair it again".to_string()
        }
        _ => hour_text(&outcome),
    };
    outcome(published.map(told)).done
}

/// What became of one hour or day.
#[derive(Debug, Default)]
struct Repaired {
    done: Vec<String>,
    /// What the partition waits for.
    waits: Option<Waiting>,
}

impl Repaired {
    /// What is printed of it. `None` if there is nothing to say.
    fn told(self) -> Option<String> {
        (!self.done.is_empty()).then(|| self.done.join("; "))
    }

    /// Remembers what the partition waits for.
    fn waiting(mut self, outcome: &Outcome) -> Repaired {
        if let Outcome::Waits(_, waits) = outcome {
            self.waits = Some(waits.clone());
        }
        self
    }

    fn says(mut self, what: impl Into<String>) -> Repaired {
        self.done.push(what.into());
        self
    }
}

/// Repairs an hour or a day in a task of its own, so that a panic costs nothing else.
async fn repair_isolated<P: Period, F>(
    compactor: &Arc<Compactor>,
    period: P,
    damage: Damage,
    run: Run,
    work: impl FnOnce(Arc<Compactor>, P, Damage, Run) -> F,
) -> Repaired
where
    F: Future<Output = Result<Repaired, HourError>> + Send + 'static,
{
    match tokio::spawn(work(Arc::clone(compactor), period, damage, run)).await {
        Ok(Ok(repaired)) => repaired,
        Ok(Err(error)) => Repaired::default().says(format!("failed: {}", error_chain(&error))),
        Err(_) => Repaired::default().says("repairing it panicked"),
    }
}

fn catalog_text(swept: &DefinitionsSwept) -> String {
    let failures = swept.failures.iter().map(|why| format!("; failed: {why}"));
    let tables = if swept.tables.is_empty() { "are as we define them" } else { "differ as before" };
    let made = format!("the tables {tables}, {} partitions were made or deleted", swept.repaired);
    std::iter::once(made).chain(failures).collect()
}

/// The differences by what they are in.
#[derive(Debug, Default)]
struct Damages {
    hours: BTreeMap<Hour, Damage>,
    days: BTreeMap<Day, Damage>,
}

impl Damages {
    fn of(findings: &[Finding]) -> Damages {
        let mut damages = Damages::default();
        for finding in findings {
            let damage = match (finding.hour, finding.day) {
                (Some(hour), _) => damages.hours.entry(hour).or_default(),
                (None, Some(day)) => damages.days.entry(day).or_default(),
                (None, None) => continue,
            };
            damage.kinds.insert(finding.difference);
            damage.unknown.extend(finding.attempt.clone());
        }
        damages
    }
}

impl Damage {
    fn calls_for(&self, remedy: Remedy) -> bool {
        self.kinds.iter().any(|kind| kind.remedy() == remedy)
    }

    /// True if the compactor has to visit it.
    fn calls_for_visit(&self) -> bool {
        let remedies = [Remedy::Rewrite, Remedy::Visit, Remedy::ReplaceUnreadable, Remedy::Retire];
        remedies.iter().any(|remedy| self.calls_for(*remedy))
    }
}

/// Replaces an unreadable manifest, then retires the folders that it does not know.
async fn repair_manifest<P: Period>(
    compactor: &Compactor,
    period: P,
    damage: &Damage,
    run: &Run,
) -> Result<Repaired, HourError> {
    let mut repaired = Repaired::default();
    if damage.calls_for(Remedy::ReplaceUnreadable)
        && let Some(key) = replace_unreadable(compactor, period, run).await?
    {
        repaired = repaired.says(format!("the unreadable manifest was kept as {key}"));
    }
    if !damage.unknown.is_empty() && retire_unknown(compactor, period, &damage.unknown, run).await? {
        repaired = repaired.says(format!("retired {}", damage.unknown.join(", ")));
    }
    Ok(repaired)
}

/// First the manifest is repaired, then the compactor visits the hour.
async fn repair_hour(compactor: Arc<Compactor>, hour: Hour, damage: Damage, run: Run) -> Result<Repaired, HourError> {
    let mut repaired = repair_manifest(&compactor, hour, &damage, &run).await?;
    if damage.kinds.contains(&Difference::InputReplaced) {
        // A visit would take the edited object for a new one and drop its former lines from Parquet.
        return Ok(repaired.says("left as it is: an object of its JSON was edited"));
    }
    if damage.kinds.contains(&Difference::RowForeign) {
        // Only Parquet still has these rows.
        return Ok(repaired.says("left as it is: its JSON does not have all of its rows any more"));
    }
    if damage.calls_for_visit() {
        let rewrite = if damage.calls_for(Remedy::Rewrite) { Rewrite::Damaged } else { Rewrite::No };
        let visit = Visit { hour, registered: false, pass: Pass::Asked, rewrite };
        let outcome = compactor.visit(visit, &run).await?;
        repaired = repaired.says(hour_text(&outcome)).waiting(&outcome);
    }
    Ok(repaired.unless_by(&damage))
}

/// First the manifest is repaired, then the compactor visits the day. A day that has nothing live and is not before `end` is not
/// begun by that: its hours are not done.
async fn repair_day(
    compactor: Arc<Compactor>,
    day: Day,
    damage: Damage,
    run: Run,
    end: Day,
) -> Result<Repaired, HourError> {
    let repaired = repair_manifest(&compactor, day, &damage, &run).await?;
    let is_live = compactor.manifest(day, &run.clock).await?.is_some_and(|manifest| manifest.live.is_some());
    let is_due = damage.kinds.is_empty() || damage.calls_for_visit();
    if is_due && (is_live || day < end || damage.kinds.contains(&Difference::NotRolledUp)) {
        let again = damage.calls_for(Remedy::Rewrite);
        let visit = DayVisit { day, pass: Pass::Asked, again, round: 0 };
        let outcome = compactor.visit_day(visit, &run).await?;
        return Ok(repaired.says(day_text(&outcome)).waiting(&outcome));
    }
    Ok(repaired.unless_by(&damage))
}

impl Repaired {
    /// Says so if nothing could be done, unless the catalog was repaired.
    fn unless_by(self, damage: &Damage) -> Repaired {
        let by_catalog = damage.calls_for(Remedy::Define) || damage.calls_for(Remedy::DeletePartition);
        if self.done.is_empty() && !by_catalog { self.says("nothing here can repair it") } else { self }
    }
}

fn hour_text(outcome: &Outcome) -> String {
    outcome_text(outcome, "written anew from its JSON")
}

fn day_text(outcome: &Outcome) -> String {
    outcome_text(outcome, "rolled up from its hours")
}

/// What was done, in words. `written` says it of Parquet that was written.
fn outcome_text(outcome: &Outcome, written: &str) -> String {
    match outcome {
        Outcome::Compacted { counts, .. } => format!("{written}, {} rows", counts.rows),
        Outcome::Nothing(_) | Outcome::Repaired => "the catalog was made to follow its manifest".to_string(),
        Outcome::Waits(done, waiting) => {
            let waits = if waiting.for_day { "waits for its day" } else { "follows in a minute" };
            format!("{}; its partition {waits}", outcome_text(done, written))
        }
        Outcome::Deferred(reason) => format!("deferred: {reason}"),
        Outcome::Failed(why) => format!("failed: {why}"),
    }
}

/// Replaces an unreadable watermark, then moves the watermark and updates the view.
async fn repair_watermark(compactor: &Compactor, env: &Env) -> Result<String, WatermarkError> {
    let run = run(env, "watermark");
    let kept = compactor.replace_unreadable_watermark(&run).await?;
    let kept = kept.map(|key| format!("the unreadable watermark was kept as {key}; ")).unwrap_or_default();
    let Moved { status, overtaken } = compactor.move_watermark(&run.clock).await;
    for hour in overtaken {
        let visit = Visit { hour, registered: false, pass: Pass::Overtaken, rewrite: Rewrite::No };
        // What is left to do is the next tick's, and the second look tells of it.
        if let Ok(Outcome::Waits(_, waiting)) = compactor.visit(visit, &run).await
            && let Some(until) = waiting.until()
        {
            run.clock.sleep_until(until).await;
            publish(compactor, hour, &waiting, &run).await;
        }
    }
    let status = status?;
    let days = status.day.map(|day| format!(", of it days up to {day}")).unwrap_or_default();
    Ok(format!("{kept}the view reads Parquet up to {}{days}", status.watermark))
}

/// A run of a quarter of an hour. `name` makes the names of its folders differ from those of other runs.
fn run(env: &Env, name: &str) -> Run {
    let clock = Clock::start(env.clock(), Duration::from_secs(RUN_MINUTES_MAX * 60));
    let nonce = format!("{}r{name}", env.nonce.simple());
    Run { clock, nonce }
}

/// A repair in no hour or day.
fn outcome(done: Result<String, impl std::error::Error>) -> Repair {
    let done = done.unwrap_or_else(|error| format!("failed: {}", error_chain(&error)));
    Repair { done, ..Repair::default() }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.hour, self.day) {
            (Some(hour), _) => write!(f, "repair {hour}: {}", self.done),
            (None, Some(day)) => write!(f, "repair {day}: {}", self.done),
            (None, None) => write!(f, "repair: {}", self.done),
        }
    }
}
