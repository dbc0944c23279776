//! `compact`: the compactor's own run over the folder as it lies there, or over a bucket on AWS.

pub mod invoke;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::ensure;
use compactor::clock::{Clock, RUN_MINUTES_MAX};
use compactor::config::Limits;
use compactor::cut::Moved;
use compactor::hour::{Outcome, Run};
use compactor::hours::{self, Request, Scope};
use compactor::plan::Refusal;
use compactor::tick::Tick;
use log_format::Hour;
use serde_json::json;
use telemetry::error_chain;
use tokio::time::Duration;

use crate::args::{Compact, Place};
use crate::deployment::Deployment;
use crate::given::Given;
use crate::{Verdict, progress, report};

/// How many invocations there are at once; a new account allows ten, and the transform needs some.
const INVOCATIONS_AT_ONCE: usize = 8;

/// Compacts the hours asked for, and tells what became of each.
pub async fn compact(place: &Place, options: &Compact, given: &Given) -> anyhow::Result<Verdict> {
    let at_once = options.at_once.map(usize::from);
    let limits = match (at_once, options.hour) {
        (Some(hours_at_once), _) => Limits { hours_at_once, ..given.limits.clone() },
        // It alone has all the memory.
        (None, Some(_)) => given.limits.clone(),
        (None, None) => given.limits.clone().for_many_hours(),
    };
    let given = &Given { limits, ..given.clone() };
    let deployment = Deployment::open_or_make(place, "compactor", given).await?;
    let scope = scope(&deployment, options, given).await?;
    if let (Some(function), Scope::Range(from, to)) = (&options.invoke, scope) {
        ensure!(place.aws, "--invoke {function} has a function on AWS do the work; give --aws too");
        let at_once = at_once.unwrap_or(INVOCATIONS_AT_ONCE);
        let done = invoke::fan_out(&deployment, function, (from, to), options.rewrite, at_once, given).await?;
        match place.json {
            true => report::print_json(&done)?,
            false => report::print(&done.to_text(function))?,
        }
        return Ok(Verdict::of(done.is_done()));
    }
    let request = Request { scope, rewrite: options.rewrite };
    let tick = run_to_end(&deployment, request, given).await?;
    if place.json {
        report::print_json(&to_json(&tick))?;
    } else {
        report::print(&to_text(&tick))?;
    }
    Ok(Verdict::of(tick.failures().is_empty() && tick.left_alone().is_empty()))
}

async fn scope(deployment: &Deployment, options: &Compact, given: &Given) -> anyhow::Result<Scope> {
    let end = Hour::of(given.now).next();
    let asked = options.hour.map(|hour| (hour, hour.next())).or(options.from.zip(options.to));
    if let Some((from, to)) = asked {
        ensure!(from < to, "--from {from} is not before --to {to}; the latter is the hour after the last");
        ensure!(
            hours::closed(from, given.now, &deployment.limits),
            "{from} has not closed yet; it does {} minutes after its end",
            deployment.limits.settle_minutes
        );
        return Ok(Scope::Range(from, to));
    }
    let objects = deployment.compactor.inputs_by_hour(Hour::EPOCH, end).await?;
    let manifests = deployment.compactor.hours_with_manifest(Hour::EPOCH, end).await?;
    let first = objects.keys().chain(&manifests).min().copied();
    Ok(Scope::Range(first.unwrap_or(end), end))
}

/// A long command is many runs: each writes for a quarter of an hour at most, and the next goes on where it stopped.
async fn run_to_end(deployment: &Deployment, mut request: Request, given: &Given) -> anyhow::Result<Tick> {
    let mut outcomes: BTreeMap<Hour, Outcome> = BTreeMap::new();
    let bar = progress::bar(0, "hours", given.terminal);
    for number in 0_u32.. {
        let clock = Clock::start(given.clock(), Duration::from_secs(RUN_MINUTES_MAX * 60));
        let nonce = format!("{}{number:05}", given.nonce.simple());
        let run = Arc::new(Run { clock, nonce, request });
        let done_before = outcomes.len() as u64;
        let tick = deployment.compactor.tick(&run, |done, all| {
            bar.set_length(done_before + all as u64);
            bar.set_position(done_before + done as u64);
        });
        let tick = tick.await?;
        let stopped_at = tick.outcomes.iter().find(|(_, outcome)| **outcome == Outcome::Left(Refusal::NoTime));
        let stopped_at = stopped_at.map(|(hour, _)| *hour);
        outcomes.extend(tick.outcomes.into_iter().filter(|(hour, _)| stopped_at.is_none_or(|stop| *hour < stop)));
        match (stopped_at, request.scope) {
            (Some(stop), Scope::Range(_, to)) => request.scope = Scope::Range(stop, to),
            _ => {
                bar.finish_and_clear();
                return Ok(Tick { outcomes, cut: tick.cut });
            }
        }
    }
    anyhow::bail!("the runs did not end")
}

fn to_text(tick: &Tick) -> String {
    let mut table = report::table(&["hour", "lines", "rows", "duplicates", "collisions", "rejected", "Parquet"]);
    for (hour, outcome) in &tick.outcomes {
        if let Outcome::Compacted { counts, bytes } = outcome {
            let counts = [counts.lines, counts.rows, counts.duplicates, counts.collisions, counts.rejected];
            let cells = counts.iter().map(u64::to_string).chain([report::bytes(*bytes)]);
            table.add_row(std::iter::once(hour.to_string()).chain(cells));
        }
    }
    let totals = tick.totals();
    let troubles = report::troubles(&[tick.failures(), tick.left_alone()].concat());
    let table = if totals.compacted > 0 { format!("{table}\n") } else { String::new() };
    format!(
        "{table}{} hours compacted, {} as they should be, {} left, {} failed; {}\n{troubles}",
        totals.compacted,
        totals.nothing + totals.righted,
        totals.left + totals.left_alone,
        totals.failed,
        cut_text(tick),
    )
}

fn cut_text(tick: &Tick) -> String {
    match &tick.cut {
        Some(Ok(Moved { cut, waits_for: Some(hour), .. })) => {
            format!("the view reads Parquet up to {cut}, because {hour} is not whole there")
        }
        Some(Ok(Moved { cut, waits_for: None, .. })) => format!("the view reads Parquet up to {cut}"),
        Some(Err(_)) | None => "the view stays as it was".to_string(),
    }
}

fn to_json(tick: &Tick) -> serde_json::Value {
    let hours: Vec<serde_json::Value> = tick.outcomes.iter().map(|(hour, outcome)| hour_json(*hour, outcome)).collect();
    let totals = tick.totals();
    let moved = tick.cut.as_ref().and_then(|cut| cut.as_ref().ok());
    json!({
        "hours": hours,
        "compacted": totals.compacted,
        "nothing": totals.nothing,
        "left": totals.left + totals.left_alone,
        "failed": totals.failed,
        "counts": totals.counts,
        "cut": moved.map(|moved| moved.cut),
        "cut_waits_for": moved.and_then(|moved| moved.waits_for),
        "cut_error": tick.cut.as_ref().and_then(|cut| cut.as_ref().err()).map(|error| error_chain(error)),
    })
}

fn hour_json(hour: Hour, outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Compacted { counts, bytes } => {
            json!({"hour": hour, "outcome": "compacted", "counts": counts, "parquet_bytes": bytes})
        }
        Outcome::Nothing(reason) => json!({"hour": hour, "outcome": "nothing", "reason": format!("{reason:?}")}),
        Outcome::Righted => json!({"hour": hour, "outcome": "righted"}),
        Outcome::Left(reason) => json!({"hour": hour, "outcome": "left", "reason": reason.to_string()}),
        Outcome::Failed(why) => json!({"hour": hour, "outcome": "failed", "reason": why}),
    }
}
