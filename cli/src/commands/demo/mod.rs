//! `demo`: takes generated traffic through the whole pipeline and checks every number.

#[cfg(feature = "sql")]
mod audit;

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;

use anyhow::ensure;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Timelike, Utc};
use fixtures::{Injected, Kind, Settings, Traffic};
use log_format::Hour;
use serde::Serialize;
use tokio::time::Instant;

use crate::args::Demo;
use crate::env::Env;
use crate::output::verdict::Verdict;
use crate::output::{progress, report};
use crate::simulation::pipeline::Pipeline;
use crate::simulation::summary::RunSummary;
use crate::target::Target;

/// The start of the demo's traffic: 2026-11-20T00:00:00Z.
const START: DateTime<Utc> = match DateTime::from_timestamp(1_795_132_800, 0) {
    Some(start) => start,
    None => DateTime::UNIX_EPOCH,
};

/// In these minutes of the hour in the middle a faulty release of the transform refuses every event. In them no event is sent
/// that has another fate.
const OUTAGE_MINUTES: Range<u32> = 51..59;

/// An object that is held back arrives this long after the end of its hour, which is committed by then.
const HELD_BACK_HOURS: i64 = 5;

/// What the demo prints.
#[derive(Debug, Serialize)]
struct DemoReport {
    #[serde(flatten)]
    summary: RunSummary,
    injected: Vec<Check>,
    #[cfg(feature = "sql")]
    queries: Vec<audit::Compared>,
    seconds: f64,
}

/// A number that is known beforehand, and the number that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    what: &'static str,
    injected: u64,
    found: u64,
}

/// Runs the demo and prints its report.
///
/// # Errors
///
/// If the folder cannot be opened, or the pipeline or a query fails.
pub async fn demo(target: &Target, options: &Demo, env: &Env) -> anyhow::Result<Verdict> {
    ensure_is_empty(target)?;
    let started = Instant::now();
    let settings = Settings::new(options.seed(), options.events(), START, options.hours());
    let traffic = Traffic::new(settings);
    let injected = traffic.injected();
    let bar = progress::bar(options.events(), "events", env.terminal);
    let mut pipeline = Pipeline::open(target, env, bar).await?;
    let (mut late_hours, mut refused) = (BTreeSet::new(), 0);
    let outage = Hour::of(START + TimeDelta::hours((options.hours() / 2).into()));
    for sent in traffic {
        if Hour::of(sent.arrival) == outage && OUTAGE_MINUTES.contains(&sent.arrival.minute()) {
            refused += 1;
            pipeline.put_refused(Bytes::from(sent.envelope), sent.arrival).await?;
            continue;
        }
        let release = (sent.kind == Kind::HeldBack).then(|| release(sent.arrival));
        late_hours.extend(release.map(|_| Hour::of(sent.arrival)));
        pipeline.put(Bytes::from(sent.envelope), sent.arrival, release).await?;
    }
    let (stack, summary) = pipeline.finish().await?;
    let injected = checks(&injected, refused, late_hours.len() as u64, &summary);
    #[cfg(feature = "sql")]
    let queries = {
        let asking = progress::phase("asking the JSON, the Parquet and the view", env.terminal);
        let queries = audit::compare(&stack, options, START).await?;
        asking.finish_and_clear();
        queries
    };
    #[cfg(not(feature = "sql"))]
    drop(stack);
    let report = DemoReport {
        summary,
        injected,
        #[cfg(feature = "sql")]
        queries,
        seconds: started.elapsed().as_secs_f64(),
    };
    print(target, &report, env)?;
    Ok(Verdict::of(report.is_well()))
}

fn release(arrival: DateTime<Utc>) -> DateTime<Utc> {
    Hour::of(arrival).end() + TimeDelta::hours(HELD_BACK_HOURS)
}

/// Refuses a folder whose bucket holds anything: its events would be mixed with those of the demo.
fn ensure_is_empty(target: &Target) -> anyhow::Result<()> {
    let holds_any = fs::read_dir(target.data.join(target.bucket())).is_ok_and(|mut entries| entries.next().is_some());
    let folder = target.data.display();
    ensure!(
        !holds_any,
        "{folder} holds events already, and the demo's would be mixed with them; ask them (`query`, `verify`), name \
         another folder with --data, or remove this one"
    );
    Ok(())
}

/// What was injected, and how much of it was found.
fn checks(injected: &Injected, refused: u64, late_objects: u64, summary: &RunSummary) -> Vec<Check> {
    let broken = summary.failed - summary.refused;
    let repeated = injected.duplicates_within_hour;
    vec![
        Check { what: "broken events, kept under error/", injected: injected.broken, found: broken },
        Check { what: "events of an outage, to be replayed", injected: refused, found: summary.refused },
        Check { what: "duplicates within their hour, left out", injected: repeated, found: summary.duplicates },
        Check { what: "collisions, kept", injected: injected.collisions, found: summary.collisions },
        Check {
            what: "objects after their hour's commit",
            injected: late_objects,
            found: summary.commits - summary.hours,
        },
    ]
}

impl DemoReport {
    fn is_well(&self) -> bool {
        #[cfg(feature = "sql")]
        let equal = self.queries.iter().all(|query| query.equal);
        #[cfg(not(feature = "sql"))]
        let equal = true;
        let exact = self.injected.iter().all(|check| check.injected == check.found);
        exact && equal && self.summary.adds_up() && self.summary.troubles.is_empty()
    }
}

fn print(target: &Target, found: &DemoReport, env: &Env) -> anyhow::Result<()> {
    if target.json {
        return report::print_json(found);
    }
    let mut injected = report::table(&["injected on purpose", "sent", "found"]);
    for check in &found.injected {
        injected.add_row([check.what.to_string(), check.injected.to_string(), check.found.to_string()]);
    }
    let mut text = format!("{}\n{injected}\n", found.summary.to_table());
    #[cfg(feature = "sql")]
    for query in &found.queries {
        text.push_str(&format!("\n{query}"));
    }
    text.push_str(&report::troubles(&found.summary.troubles));
    let folder = target.data.display();
    let to = if target.has_default_folder() { String::new() } else { format!(" --data {folder}") };
    let command = &env.called;
    text.push_str(&format!(
        "\n{} in {:.1} s. The data is in {folder}. Go on:\n  \
         {command} verify{to}       # proven; some events await replay\n  \
         {command} replay{to}       # takes them in\n  \
         {command} ask failed-logins --day {}{to}\n  \
         {command} query{to}        # SQL, as in Athena",
        verdict(found),
        found.seconds,
        START.format("%Y-%m-%d"),
    ));
    report::print(&text)
}

fn verdict(found: &DemoReport) -> &'static str {
    if found.is_well() { "Everything adds up" } else { "SOMETHING DOES NOT ADD UP" }
}
