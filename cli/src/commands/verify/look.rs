//! The order of the checks: everything is looked at, repaired if asked to, and looked at again if it differs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use compactor::bucket::BucketError;
use futures::StreamExt;
use indicatif::ProgressBar;
use log_format::{Day, Hour};
use telemetry::error_chain;
use tokio::task::JoinError;
use tokio::time::{Duration, sleep};

use super::check::{Checked, CheckedDay, Checker, DayKnown};
use super::finding::{Difference, Finding};
use super::repair;
use super::replays::Replays;
use super::verified::Verified;
use crate::args::Verify;
use crate::deployment::Deployment;
use crate::env::Env;
use crate::inventory::{Inventory, ViewState};
use crate::output::progress;

/// How many hours, and then days, are checked at the same time. Each holds a file in memory.
const CHECKS_AT_ONCE: usize = 4;
/// How often differences are looked at, until they are the same twice.
const LOOKS_MAX: usize = 3;
/// The time between two looks on AWS. A commit is usually followed by its partition in less.
const PAUSE: Duration = Duration::from_secs(3);

/// Hours and days that are not known to be sound.
#[derive(Debug, Default)]
struct Doubtful {
    hours: BTreeSet<Hour>,
    days: BTreeSet<Day>,
}

/// Verifies, and with `--repair` repairs and verifies again.
///
/// # Errors
///
/// If the bucket or the catalog cannot be listed, so that nothing can be said.
pub async fn run(deployment: &Deployment, options: &Verify, env: &Env) -> anyhow::Result<Verified> {
    let found = look(deployment, options, env).await?;
    if !options.repair || found.findings.is_empty() {
        return Ok(found);
    }
    let repairs = repair::repair(deployment, &found, env).await;
    Ok(Verified { repairs, ..look(deployment, options, env).await? })
}

/// Looks at everything, and again at what differs, until it differs in the same way twice.
///
/// A run may commit between the listings here and the reading of its manifest. Then a sound hour looks damaged: its
/// partition stale, its files missing. Such a difference names the attempts and ETags of its moment, so the next look
/// does not find it, or not in the same words. A real difference stays the same. Comparing ETags instead would not do:
/// Glue has none, and an hour may change without end for reasons of its own.
async fn look(deployment: &Deployment, options: &Verify, env: &Env) -> anyhow::Result<Verified> {
    let mut found = look_once(deployment, options, env, None).await?;
    let mut may_change = found.findings.clone();
    for _ in 1..LOOKS_MAX {
        let doubtful = found.doubtful();
        if may_change.is_empty() && !found.has_inconclusive() {
            break;
        }
        // No other process can write to a folder meanwhile.
        if env.aws.is_some() {
            sleep(PAUSE).await;
        }
        let mut fresh = look_once(deployment, options, env, Some(&doubtful)).await?;
        may_change = fresh.findings.iter().filter(|it| found.findings.binary_search(it).is_err()).cloned().collect();
        fresh.by_hour.extend(found.by_hour.into_iter().filter(|(hour, _)| !doubtful.hours.contains(hour)));
        fresh.by_day.extend(found.by_day.into_iter().filter(|(day, _)| !doubtful.days.contains(day)));
        found = fresh;
    }
    found.withdraw(&may_change);
    found.add_up();
    Ok(found)
}

/// Looks at everything once; of the hours and days only at those in `only`, if there is such a set. The findings are sorted.
async fn look_once(
    deployment: &Deployment,
    options: &Verify,
    env: &Env,
    only: Option<&Doubtful>,
) -> anyhow::Result<Verified> {
    let Deployment { bucket, catalog, limits, .. } = deployment;
    let replays = Replays::gather(bucket).await?;
    let mut inventory = Inventory::gather(bucket, catalog).await?;
    let mut found = Verified::default();
    found.check_replays(&replays, &inventory);
    let shown = shown_days(&inventory, env.now);
    let asked = options.span.hours(env.now)?;
    if let Some(hours) = asked {
        inventory.keep(hours);
    }
    let watermark = inventory.watermark();
    (found.watermark, found.day_watermark) = (watermark, inventory.view_day());
    found.check_watermark(&inventory);
    found.check_view(&inventory, catalog.database());
    found.check_tables_and_strays(&inventory);
    let shown = shown.into_iter().filter(|day| asked.is_none_or(|hours| hours.contains_day(*day)));
    let mut days = days_known(&inventory, shown.collect());
    inventory.hours.retain(|hour, _| only.is_none_or(|only| only.hours.contains(hour)));
    days.retain(|day, _| only.is_none_or(|only| only.days.contains(day)));
    let checker = Checker {
        bucket: bucket.clone(),
        now: env.now,
        limits: limits.clone(),
        watermark,
        deep: options.deep,
        registers_later: env.aws.is_some(),
    };
    let (checker, all) = (Arc::new(checker), inventory.hours.len() + days.len());
    let bar = progress::bar(all as u64, "hours and days", env.terminal);
    found.check_hours(&checker, inventory, &bar).await;
    found.check_days(&checker, days, &bar).await;
    bar.finish_and_clear();
    found.findings.sort();
    Ok(found)
}

/// The days that the view reads from the table of days. Before the first hour with a manifest there is no row to read. A view
/// of days that are not over yet is a difference itself, and tells of no day.
fn shown_days(inventory: &Inventory, now: DateTime<Utc>) -> BTreeSet<Day> {
    let up_to = inventory.watermark().unwrap_or(Hour::of(now)).min(Hour::of(now));
    let last = inventory.view_day().filter(|day| day.last() <= up_to);
    last.map(|day| inventory.days_before(day.next(), now)).unwrap_or_default()
}

/// What is known of every day that has anything, or that is `shown`.
fn days_known(inventory: &Inventory, shown: BTreeSet<Day>) -> BTreeMap<Day, DayKnown> {
    let days: BTreeSet<Day> = inventory.days.keys().chain(&shown).copied().collect();
    let known = |day: Day| {
        let hours = inventory.hours.range(day.first()..day.end());
        DayKnown {
            inventory: inventory.days.get(&day).cloned().unwrap_or_default(),
            with_manifest: inventory.hours_with_manifest(day),
            with_objects: hours.filter(|(_, hour)| !hour.inputs.is_empty()).map(|(hour, _)| *hour).collect(),
            shown: shown.contains(&day),
        }
    };
    days.into_iter().map(|day| (day, known(day))).collect()
}

/// The result of a task, or why nothing can be said.
fn concluded<T>(ended: Result<Result<T, BucketError>, JoinError>) -> Result<T, String> {
    match ended {
        Ok(Ok(checked)) => Ok(checked),
        Ok(Err(error)) => Err(error_chain(&error)),
        Err(_) => Err("looking at it panicked".to_string()),
    }
}

impl Verified {
    fn check_watermark(&mut self, inventory: &Inventory) {
        let key = log_format::layout::WATERMARK;
        match (&inventory.watermark, inventory.watermark()) {
            (None, _) if inventory.has_manifests() => self.found(Difference::WatermarkMissing, key),
            (Some(_), None) => self.found(Difference::WatermarkUnreadable, key),
            (None | Some(_), _) => {}
        }
    }

    fn check_view(&mut self, inventory: &Inventory, database: &str) {
        let name = format!("{database}.{}", catalog::VIEW);
        let watermark = inventory.watermark();
        if let (Some(day), Some(hour)) = (inventory.view_day(), watermark)
            && day.last() > hour
        {
            let what =
                format!("{name} reads days up to {day}, and Parquet up to {hour}: what is after that shows twice");
            self.found(Difference::ViewOfOtherDays, what);
        }
        match inventory.view.state(database, watermark) {
            ViewState::NotOurs => self.found(Difference::ViewNotOurs, name),
            ViewState::Missing if inventory.has_manifests() => self.found(Difference::ViewMissing, name),
            ViewState::IgnoresWatermark => {
                let watermark = watermark.as_ref().map(Hour::to_string).unwrap_or_default();
                let what = format!("{name} does not read Parquet up to {watermark} as ours does");
                self.found(Difference::ViewOther, what);
            }
            ViewState::Differs => self.found(Difference::ViewDiffers, name),
            ViewState::Missing | ViewState::WithoutWatermark | ViewState::FollowsWatermark => {}
        }
    }

    fn check_tables_and_strays(&mut self, inventory: &Inventory) {
        for table in &inventory.missing_tables {
            self.found(Difference::TableMissing, *table);
        }
        for what in &inventory.table_differences {
            self.found(Difference::TableDiffers, what.as_str());
        }
        for what in &inventory.partitions_of_none {
            self.found(Difference::PartitionForeign, what.as_str());
        }
        for object in &inventory.stray {
            self.found(Difference::ObjectStray, format!("{}, {} bytes", object.key, object.size));
        }
        for (object, why) in &inventory.of_no_hour {
            self.found(Difference::ObjectOfNoHour, format!("{}, {} bytes: {why}", object.key, object.size));
        }
        self.unread_objects = inventory.unread;
        self.gaps = inventory.gaps();
    }

    /// Checks each hour in a task of its own, so that a file which makes a reader panic costs the result of its hour
    /// alone.
    async fn check_hours(&mut self, checker: &Arc<Checker>, inventory: Inventory, bar: &ProgressBar) {
        let tasks = inventory.hours.into_iter().map(|(hour, known)| {
            let checker = Arc::clone(checker);
            let listed = Checked::listed(&known);
            async move { (hour, listed, tokio::spawn(async move { checker.check(hour, &known).await }).await) }
        });
        let mut tasks = futures::stream::iter(tasks).buffered(CHECKS_AT_ONCE);
        while let Some((hour, listed, ended)) = tasks.next().await {
            bar.inc(1);
            let inconclusive = |why| Checked { inconclusive: Some(why), ..listed };
            let mut checked = concluded(ended).unwrap_or_else(inconclusive);
            self.findings.append(&mut checked.findings);
            self.by_hour.insert(hour, checked);
        }
    }

    /// Checks each day in a task of its own, like the hours.
    async fn check_days(&mut self, checker: &Arc<Checker>, days: BTreeMap<Day, DayKnown>, bar: &ProgressBar) {
        let tasks = days.into_iter().map(|(day, known)| {
            let checker = Arc::clone(checker);
            async move { (day, tokio::spawn(async move { checker.check_day(day, &known).await }).await) }
        });
        let mut tasks = futures::stream::iter(tasks).buffered(CHECKS_AT_ONCE);
        while let Some((day, ended)) = tasks.next().await {
            bar.inc(1);
            let inconclusive = |why| CheckedDay { inconclusive: Some(why), ..CheckedDay::default() };
            let mut checked = concluded(ended).unwrap_or_else(inconclusive);
            self.findings.append(&mut checked.findings);
            self.by_day.insert(day, checked);
        }
    }

    fn has_inconclusive(&self) -> bool {
        let mut all = self.by_hour.values().map(|checked| &checked.inconclusive);
        let mut days = self.by_day.values().map(|checked| &checked.inconclusive);
        all.any(Option::is_some) || days.any(Option::is_some)
    }

    /// The hours and days that are not known to be sound. A day is looked at again with its hours, and an hour with its day:
    /// whoever commits an hour rolls its day up next.
    fn doubtful(&self) -> Doubtful {
        let mut hours: BTreeSet<Hour> = self.findings.iter().filter_map(|finding| finding.hour).collect();
        let mut days: BTreeSet<Day> = self.findings.iter().filter_map(|finding| finding.day).collect();
        hours.extend(self.by_hour.iter().filter(|(_, it)| it.inconclusive.is_some()).map(|(hour, _)| *hour));
        days.extend(self.by_day.iter().filter(|(_, it)| it.inconclusive.is_some()).map(|(day, _)| *day));
        let of_hours: Vec<Day> = hours.iter().map(|hour| Day::of(*hour)).collect();
        hours.extend(days.iter().flat_map(|day| day.first().until(day.end())));
        days.extend(of_hours);
        Doubtful { hours, days }
    }

    /// Takes back the findings that were not the same twice. They are no differences, but what they are about stays
    /// inconclusive.
    fn withdraw(&mut self, may_change: &[Finding]) {
        self.findings.retain(|finding| may_change.binary_search(finding).is_err());
        for finding in may_change {
            match (finding.hour, finding.day) {
                (Some(hour), _) => self.by_hour.entry(hour).or_default().mark_changing(),
                (None, Some(day)) => self.by_day.entry(day).or_default().mark_changing(),
                (None, None) => drop(self.changing.insert(finding.difference)),
            }
        }
    }
}
