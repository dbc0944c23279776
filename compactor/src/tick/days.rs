//! The days of a tick: those that do not hold their hours' live folders, then those that were never rolled up. And the publication
//! of what had to wait.
//!
//! A tick commits its hours, then does days, then publishes what waited: a live day goes before its hours, and a folder takes
//! the place of another only some time after it became live.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;

use catalog::Pointer;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use log_format::{Day, Hour};
use projection::manifest::GRACE_HOURS;

use crate::bucket::{BucketError, ObjectMeta};
use crate::clock::Run;
use crate::day::{DayVisit, plan};
use crate::hour::plan::{Idle, Pass, Rewrite, SkipReason};
use crate::hour::{Compactor, Outcome, Published, Waiting, add_outcome};
use crate::listing::{digest_of_files, digest_of_folders};
use crate::request::{Request, Scope};
use crate::tick::discovery::Discoverer;
use crate::tick::{HOUR_TIME_MIN, WATERMARK_TIME_MIN, schedule};
use crate::watermark::WatermarkStatus;

/// What the listings show of days.
#[derive(Debug, Default)]
pub(crate) struct KnownDays {
    /// The days with a manifest.
    with_manifest: BTreeSet<Day>,
    /// The days of hours with a manifest.
    with_hours: BTreeSet<Day>,
    /// What the partitions of days say.
    pointers: BTreeMap<Day, Pointer>,
    /// The days to visit, however old they are.
    due: BTreeSet<Day>,
}

/// What became of the hours and days of a tick.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) hours: BTreeMap<Hour, Outcome>,
    pub(super) days: BTreeMap<Day, Outcome>,
    /// How often each day was visited.
    rounds: BTreeMap<Day, u32>,
    /// The hours that were visited because the watermark had overtaken an object of theirs.
    pub(super) overtaken: BTreeSet<Hour>,
}

impl Discoverer<'_> {
    /// The days whose partition does not follow their manifest, or whose manifest is of other folders than the partitions of
    /// their hours name, are due, and those of which something may be deleted.
    pub(super) fn known_days(
        &self,
        etags: BTreeMap<Day, String>,
        pointers: BTreeMap<Day, Pointer>,
        hours: &BTreeMap<Hour, Pointer>,
        manifests: &BTreeMap<Hour, String>,
    ) -> KnownDays {
        let long_ago = self.clock.now() - TimeDelta::hours(GRACE_HOURS);
        let follows = |day: &Day| {
            let (Some(etag), Some(pointer)) = (etags.get(day), pointers.get(day)) else { return false };
            let folders = hours.range(day.first()..day.end()).map(|(_, hour)| hour.location.clone());
            let waits = pointer.unfinished || pointer.unsettled && pointer.since.is_none_or(|since| since <= long_ago);
            pointer.manifest_etag == *etag && !waits && pointer.inputs == Some(digest_of_folders(folders))
        };
        let due = etags.keys().filter(|day| !follows(day)).copied().collect();
        let with_hours = manifests.keys().map(|hour| Day::of(*hour)).collect();
        KnownDays { with_manifest: etags.into_keys().collect(), with_hours, pointers, due }
    }
}

impl KnownDays {
    /// The day of an hour that a person named, if it `exists`: whoever erases an hour wants its day to follow.
    pub(super) fn of_named(day: Day, exists: bool) -> KnownDays {
        KnownDays { due: exists.then_some(day).into_iter().collect(), ..KnownDays::default() }
    }

    /// Adds the days of the window and those whose turn it is, if they have other files than their manifest says.
    /// Costs one call for the window and one for each other such day.
    pub(super) async fn scrubbed(
        mut self,
        discoverer: &Discoverer<'_>,
        from: Hour,
        to: Hour,
        now: DateTime<Utc>,
    ) -> Result<KnownDays, BucketError> {
        let (window, end) = (Day::of(from), Day::of(to).next());
        let turns = self.pointers.range(..window).map(|(day, _)| *day).filter(|day| schedule::is_turn_of(*day, now));
        let ranges: Vec<(Day, Day)> = turns.map(|day| (day, day.next())).chain([(window, end)]).collect();
        for (first, end) in ranges {
            if self.pointers.range(first..end).next().is_none() {
                continue;
            }
            let files = discoverer.bucket.files_by_day(first, end).await?;
            let settled = |(day, pointer): &(&Day, &Pointer)| {
                is_settled(pointer, files.get(day).map(Vec::as_slice).unwrap_or_default())
            };
            let due = self.pointers.range(first..end).filter(|it| !settled(it)).map(|(day, _)| *day);
            self.due.extend(due.collect::<Vec<Day>>());
        }
        Ok(self)
    }
}

/// True if a day's partition tells of these files. Pure.
fn is_settled(pointer: &Pointer, files: &[ObjectMeta]) -> bool {
    let files = files.iter().map(|file| (file.key.as_str(), file.size));
    pointer.since.is_some() && pointer.files == Some(digest_of_files(&pointer.location, files))
}

impl Outcomes {
    /// Those of hours, before any day is visited.
    pub(super) fn of(hours: BTreeMap<Hour, Outcome>) -> Outcomes {
        Outcomes { hours, ..Outcomes::default() }
    }

    /// Adds what became of an hour.
    pub(super) fn add(&mut self, hour: Hour, outcome: Outcome) {
        // The manifest of an hour without objects may have a claim and nothing else.
        let tells_nothing = outcome == Outcome::Nothing(Idle::NoObjects) && !self.hours.contains_key(&hour);
        if !tells_nothing {
            add_outcome(&mut self.hours, hour, outcome);
        }
    }

    /// The days that have to hold the folders of their hours before those are published.
    fn waited_for(&self) -> BTreeSet<Day> {
        self.hours.iter().filter(|(_, outcome)| outcome.waits_for_day()).map(|(hour, _)| Day::of(*hour)).collect()
    }

    /// The moment up to `end` from which on the folders may take the place of others. `None` if none waits for that. An hour whose
    /// day could not be done is not waited for.
    fn wait_until(&self, end: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let is_stuck =
            |hour: &Hour| matches!(self.days.get(&Day::of(*hour)), Some(Outcome::Deferred(_) | Outcome::Failed(_)));
        let hours = self.hours.iter().filter(|(hour, outcome)| !(outcome.waits_for_day() && is_stuck(hour)));
        let outcomes = hours.map(|(_, outcome)| outcome).chain(self.days.values());
        let until = |outcome: &Outcome| if let Outcome::Waits(_, waiting) = outcome { waiting.until() } else { None };
        outcomes.filter_map(until).filter(|until| *until < end).max()
    }

    /// The days that are tried after all others.
    fn put_off(&self) -> Vec<Day> {
        let unfinished = |outcome: &&Outcome| matches!(outcome, Outcome::Deferred(SkipReason::Unfinished { .. }));
        self.days.iter().filter(|(_, outcome)| unfinished(&done_of(outcome))).map(|(day, _)| *day).collect()
    }

    /// The hours that are tried after all others, those with the fewest attempts first.
    pub(super) fn put_off_hours(&self) -> Vec<Hour> {
        let attempts = |outcome: &Outcome| match outcome {
            Outcome::Deferred(SkipReason::Unfinished { attempts }) => Some(*attempts),
            _ => None,
        };
        let mut put_off: Vec<(usize, Hour)> = Vec::new();
        for (hour, outcome) in &self.hours {
            put_off.extend(attempts(done_of(outcome)).map(|attempts| (attempts, *hour)));
        }
        put_off.sort_unstable();
        put_off.into_iter().map(|(_, hour)| hour).collect()
    }
}

impl Compactor {
    /// Visits the days that the listings show to be wrong and those that hours wait for, and publishes what waits.
    pub(super) async fn keep_up_days(self: &Arc<Self>, known: &KnownDays, outcomes: &mut Outcomes, run: &Arc<Run>) {
        let waited_for = outcomes.waited_for();
        let due = known.due.iter().filter(|day| !outcomes.days.contains_key(day)).copied();
        for day in due.chain(waited_for).collect::<BTreeSet<Day>>() {
            self.visit_day_isolated(day, Pass::First, false, outcomes, run).await;
        }
        self.publish_waiting(outcomes, run).await;
    }

    /// Visits the days whose attempts have not come back, which may end the process, and publishes what waits.
    pub(super) async fn visit_put_off_days(
        self: &Arc<Self>,
        pass: Pass,
        outcomes: &mut Outcomes,
        run: &Arc<Run>,
    ) -> bool {
        let days = outcomes.put_off();
        for day in &days {
            self.visit_day_isolated(*day, pass, false, outcomes, run).await;
        }
        self.publish_waiting(outcomes, run).await;
        !days.is_empty()
    }

    /// Visits the days that were never rolled up, the oldest first, or the one that a person named. Only days wholly up to the
    /// watermark are. `progress` receives how many are done and how many there are. Returns whether any was visited.
    pub(super) async fn begin_days(
        self: &Arc<Self>,
        request: Request,
        known: &KnownDays,
        reached: &WatermarkStatus,
        outcomes: &mut Outcomes,
        run: &Arc<Run>,
        progress: impl Fn(usize, usize),
    ) -> bool {
        let (pass, again) = match request.scope {
            Scope::Day(_) => (Pass::Asked, request.rewrite == Rewrite::Shrinking),
            Scope::Tick | Scope::Range(..) | Scope::Hour(_) => (Pass::First, false),
        };
        let days = self.days_to_visit(request.scope, known, reached, outcomes, run.clock.now());
        progress(0, days.len());
        for (done, day) in days.iter().enumerate() {
            self.visit_day_isolated(*day, pass, again, outcomes, run).await;
            progress(done + 1, days.len());
        }
        self.publish_waiting(outcomes, run).await;
        !days.is_empty()
    }

    /// The days up to the view's must be there even if none is to be begun: the view shows their rows from nowhere else.
    fn days_to_visit(
        &self,
        scope: Scope,
        known: &KnownDays,
        reached: &WatermarkStatus,
        outcomes: &mut Outcomes,
        now: DateTime<Utc>,
    ) -> Vec<Day> {
        let end = plan::begun_before(&self.limits, reached.watermark, reached.day, now);
        match scope {
            Scope::Tick => days_to_begin(known, end, outcomes, now),
            // What is after a range is not known: every day there would be looked at.
            Scope::Range(_, to) => days_to_begin(known, end.min(Day::of(to.back(1)).next()), outcomes, now),
            Scope::Hour(hour) => {
                let day = Day::of(hour);
                let missing = Some(day) <= reached.day && !outcomes.days.contains_key(&day);
                missing.then_some(day).into_iter().collect()
            }
            Scope::Day(day) if day.last() <= reached.watermark => vec![day],
            Scope::Day(day) => {
                outcomes.days.insert(day, Outcome::Nothing(Idle::Open));
                Vec::new()
            }
        }
    }

    async fn visit_day_isolated(
        self: &Arc<Self>,
        day: Day,
        pass: Pass,
        again: bool,
        outcomes: &mut Outcomes,
        run: &Arc<Run>,
    ) {
        let outcome = if run.clock.left() < HOUR_TIME_MIN {
            Outcome::Deferred(SkipReason::NoTime)
        } else {
            let next = outcomes.rounds.entry(day).or_insert(0);
            let visit = DayVisit { day, pass, again, round: *next };
            *next += 1;
            self.isolated(run, move |it, run| async move { it.visit_day(visit, &run).await }).await
        };
        add_outcome(&mut outcomes.days, day, outcome);
    }

    /// Publishes what waits, the days before their hours. All that takes another folder's place waits together, once.
    async fn publish_waiting(self: &Arc<Self>, outcomes: &mut Outcomes, run: &Arc<Run>) {
        if let Some(until) = outcomes.wait_until(run.clock.end() - WATERMARK_TIME_MIN) {
            run.clock.sleep_until(until).await;
        }
        self.publish_all(&mut outcomes.days, run).await;
        self.publish_all(&mut outcomes.hours, run).await;
    }

    async fn publish_all<P: Published>(self: &Arc<Self>, outcomes: &mut BTreeMap<P, Outcome>, run: &Arc<Run>) {
        let waiting: Vec<(P, Waiting)> =
            outcomes.iter().filter_map(|(period, it)| Some((*period, it.waiting()?))).collect();
        let publish = |(period, waiting): (P, Waiting)| async move {
            if run.clock.left() < WATERMARK_TIME_MIN {
                return (period, Outcome::Deferred(SkipReason::NoTime));
            }
            let work = move |it: Arc<Self>, run: Arc<Run>| async move {
                it.repair_partition(period, Some(&waiting), &run).await
            };
            (period, self.isolated(run, work).await)
        };
        let mut published = pin!(stream::iter(waiting).map(publish).buffer_unordered(self.limits.hours_at_once));
        while let Some((period, published)) = published.next().await {
            let Some(Outcome::Waits(done, waiting)) = outcomes.remove(&period) else { continue };
            let outcome = match published {
                Outcome::Waits(_, waiting) => Outcome::Waits(done, waiting),
                Outcome::Deferred(_) => Outcome::Waits(done, waiting),
                // Why nothing was written tells more, and the sweep of the next run tells this.
                Outcome::Failed(_) if matches!(*done, Outcome::Deferred(_) | Outcome::Failed(_)) => *done,
                Outcome::Failed(why) => Outcome::Failed(why),
                Outcome::Compacted { .. } | Outcome::Nothing(_) | Outcome::Repaired => *done,
            };
            outcomes.insert(period, outcome);
        }
    }
}

/// What was done of an hour or a day, whether or not it is published.
fn done_of(outcome: &Outcome) -> &Outcome {
    if let Outcome::Waits(done, _) = outcome { done } else { outcome }
}

/// The days before `end` that are wanted and have no manifest.
fn days_to_begin(known: &KnownDays, end: Day, outcomes: &Outcomes, now: DateTime<Utc>) -> Vec<Day> {
    let committed = outcomes.hours.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Compacted { .. }));
    let with_hours = known.with_hours.iter().copied().chain(committed.map(|(hour, _)| Day::of(*hour))).collect();
    let wanted = plan::wanted(&with_hours, end, now).into_iter();
    wanted.filter(|day| !known.with_manifest.contains(day) && !outcomes.days.contains_key(day)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_to_begin_have_no_gap() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let with_manifest = ["2026-11-18", "2026-11-20"].map(day).into();
        let with_hours = [day("2026-11-17")].into();
        let mut known = KnownDays { with_manifest, with_hours, ..KnownDays::default() };
        let mut outcomes = Outcomes::default();
        let begun = |known: &KnownDays, outcomes: &Outcomes| -> Vec<String> {
            days_to_begin(known, day("2026-11-22"), outcomes, "2026-11-23T02:25:00Z".parse().unwrap())
                .iter()
                .map(Day::to_string)
                .collect()
        };
        assert_eq!(begun(&known, &outcomes), ["2026-11-17", "2026-11-19", "2026-11-21"]);
        outcomes.days.insert(day("2026-11-19"), Outcome::Nothing(Idle::UpToDate));
        assert_eq!(begun(&known, &outcomes), ["2026-11-17", "2026-11-21"]);
        known.with_hours.clear();
        assert_eq!(begun(&known, &outcomes), [""; 0], "nobody knows of an hour");
    }
}
