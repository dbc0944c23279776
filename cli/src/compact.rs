//! `compact`: the compactor's own run over the folder as it lies there.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Utc;
use compactor::clock::{Clock, RUN_MINUTES_MAX};
use compactor::hour::{Outcome, Run};
use compactor::hours::{Request, Scope};
use compactor::plan::Refusal;
use compactor::tick::Tick;
use log_format::Hour;
use serde_json::json;
use telemetry::error_chain;
use tokio::time::{Duration, Instant};

use crate::args::{Compact, Place};
use crate::given::Given;
use crate::stack::Stack;
use crate::{Verdict, progress, report};

/// Compacts the hours asked for, and tells what became of each.
pub async fn compact(place: &Place, options: &Compact, given: &Given) -> anyhow::Result<Verdict> {
    let (now, started) = (given.now, Instant::now());
    let clock = move || now + chrono::TimeDelta::from_std(started.elapsed()).unwrap_or_default();
    let stack = Stack::open(place, Arc::new(clock)).await?;
    let scope = scope(&stack, options, clock()).await?;
    let tick = run_to_end(&stack, scope, options.rewrite, given, clock).await?;
    if place.json {
        report::print_json(&to_json(&tick))?;
    } else {
        report::print(&to_text(&tick))?;
    }
    Ok(Verdict::of(tick.failures().is_empty() && tick.left_alone().is_empty()))
}

async fn scope(stack: &Stack, options: &Compact, now: chrono::DateTime<Utc>) -> anyhow::Result<Scope> {
    if let Some(hour) = options.hour {
        return Ok(Scope::Range(hour, hour.next()));
    }
    if let (Some(from), Some(to)) = (options.from, options.to) {
        return Ok(Scope::Range(from, to));
    }
    let end = Hour::of(now).next();
    let (inputs, manifests) = stack.compactor.survey(Hour::EPOCH, end).await?;
    let first = inputs.keys().chain(&manifests).min().copied();
    Ok(Scope::Range(first.unwrap_or(end), end))
}

/// A long command is many runs: each writes for a quarter of an hour at most, and the next goes on where it stopped.
async fn run_to_end(
    stack: &Stack,
    scope: Scope,
    rewrite: bool,
    given: &Given,
    now: impl Fn() -> chrono::DateTime<Utc>,
) -> anyhow::Result<Tick> {
    let mut request = Request { scope, rewrite };
    let mut outcomes: BTreeMap<Hour, Outcome> = BTreeMap::new();
    let bar = progress::bar(0, "hours", given.terminal);
    for number in 0_u32.. {
        let clock = Clock::start(now(), Duration::from_secs(RUN_MINUTES_MAX * 60));
        let run = Arc::new(Run { clock, nonce: format!("{}{number:05}", given.nonce.simple()), rewrite });
        let done_before = outcomes.len() as u64;
        let tick = stack.compactor.tick(&request, &run, |done, all| {
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
        totals.nothing,
        totals.left + totals.left_alone,
        totals.failed,
        cut_text(tick),
    )
}

fn cut_text(tick: &Tick) -> String {
    match &tick.cut {
        Ok(cut) if *cut == Hour::EPOCH => "the view reads JSON alone".to_string(),
        Ok(cut) => format!("the view reads Parquet up to {cut}"),
        Err(_) => "the view stays as it was".to_string(),
    }
}

fn to_json(tick: &Tick) -> serde_json::Value {
    let hours: Vec<serde_json::Value> = tick.outcomes.iter().map(|(hour, outcome)| hour_json(*hour, outcome)).collect();
    let totals = tick.totals();
    json!({
        "hours": hours,
        "compacted": totals.compacted,
        "nothing": totals.nothing,
        "left": totals.left + totals.left_alone,
        "failed": totals.failed,
        "counts": totals.counts,
        "cut": tick.cut.as_ref().ok(),
        "cut_error": tick.cut.as_ref().err().map(|error| error_chain(error)),
    })
}

fn hour_json(hour: Hour, outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Compacted { counts, bytes } => {
            json!({"hour": hour, "outcome": "compacted", "counts": counts, "parquet_bytes": bytes})
        }
        Outcome::Nothing(reason) => json!({"hour": hour, "outcome": "nothing", "reason": format!("{reason:?}")}),
        Outcome::Left(reason) => json!({"hour": hour, "outcome": "left", "reason": reason.to_string()}),
        Outcome::Failed(why) => json!({"hour": hour, "outcome": "failed", "reason": why}),
    }
}
