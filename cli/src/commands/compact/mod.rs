//! `compact`: the compactor's own run over a folder, or over a bucket on AWS.

pub mod invoke;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::ensure;
use compactor::clock::{Clock, RUN_MINUTES_MAX, Run};
use compactor::config::Limits;
use compactor::hour::Outcome;
use compactor::hour::plan::SkipReason;
use compactor::request::{Request, Scope};
use compactor::tick::Tick;
use compactor::watermark::WatermarkStatus;
use log_format::{Hour, layout};
use serde_json::json;
use telemetry::error_chain;
use tokio::time::Duration;

use crate::args::{Compact, HourRange};
use crate::deployment::Deployment;
use crate::env::Env;
use crate::output::verdict::Verdict;
use crate::output::{progress, report};
use crate::target::Target;

/// The default number of invocations at once. A new account may run ten functions at once, and the transform needs
/// some.
const INVOCATIONS_AT_ONCE: usize = 8;

/// Compacts the hours asked for, and prints what became of each.
///
/// # Errors
///
/// If the bucket or the catalog cannot be read, or an hour that was asked for is not closed.
pub async fn compact(target: &Target, options: &Compact, env: &Env) -> anyhow::Result<Verdict> {
    let env = &Env { limits: limits(options, &env.limits), ..env.clone() };
    let deployment = Deployment::open_or_make(target, "compactor", env).await?;
    let (range, of_no_hour) = range(&deployment, options, env).await?;
    if let Some(function) = &options.invoke {
        ensure!(target.aws, "--invoke {function} has a function on AWS do the work; give --aws too");
        return invoke(&deployment, function, (options, range), target, env).await;
    }
    let scope = options.hour.map_or(Scope::Range(range.0, range.1), Scope::Hour);
    let request = Request::new(scope, options.rewrite);
    let tick = run_to_end(&deployment, request, env).await?;
    if target.json {
        report::print_json(&to_json(&tick, &of_no_hour))?;
    } else {
        report::print(&(to_text(&tick) + &report::of_no_hour(&of_no_hour)))?;
    }
    let totals = tick.totals();
    Ok(Verdict::of(tick.failures().is_empty() && tick.needs_operator().is_empty() && totals.deferred == 0))
}

/// A single hour gets all the memory; many hours share it.
fn limits(options: &Compact, limits: &Limits) -> Limits {
    match (options.at_once, options.hour) {
        (Some(hours_at_once), _) => Limits { hours_at_once: hours_at_once.into(), ..limits.clone() },
        (None, Some(_)) => limits.clone(),
        (None, None) => limits.clone().for_many_hours(),
    }
}

async fn invoke(
    deployment: &Deployment,
    function: &str,
    (options, range): (&Compact, (Hour, Hour)),
    target: &Target,
    env: &Env,
) -> anyhow::Result<Verdict> {
    let at_once = options.at_once.map_or(INVOCATIONS_AT_ONCE, usize::from);
    let done = invoke::fan_out(deployment, function, range, options.rewrite, at_once, env).await?;
    if target.json {
        report::print_json(&done)?;
    } else {
        report::print(&done.to_text(function))?;
    }
    Ok(Verdict::of(done.is_done()))
}

/// The hours from the first up to, not including, the second, which are empty if nothing was asked for and the bucket holds
/// nothing; and if nothing was asked for, the keys of the objects under `logs/` that no table reads.
async fn range(deployment: &Deployment, options: &Compact, env: &Env) -> anyhow::Result<((Hour, Hour), Vec<String>)> {
    if let Some(asked) = options.hour.map(HourRange::of).or(options.range) {
        ensure!(
            deployment.limits.is_closed(asked.from(), env.now),
            "{} has not closed yet; it does {} minutes after its end",
            asked.from(),
            deployment.limits.settle_minutes
        );
        return Ok(((asked.from(), asked.to()), Vec::new()));
    }
    let end = Hour::of(env.now).next();
    let objects = deployment.bucket.list(layout::LOGS).await?;
    let manifests = deployment.bucket.hours_with_manifest(Hour::EPOCH, end).await?;
    let hours = objects.iter().filter_map(|object| layout::hour_of_input(&object.key));
    let first = hours.chain(manifests).filter(|hour| *hour < end).min();
    let of_no_hour = objects.into_iter().filter(|object| layout::why_unread(&object.key, object.size).is_some());
    Ok(((first.unwrap_or(end), end), of_no_hour.map(|object| object.key).collect()))
}

/// A run writes for a quarter of an hour at most. So this makes run after run, each of which goes on where the last one
/// stopped.
async fn run_to_end(deployment: &Deployment, mut request: Request, env: &Env) -> anyhow::Result<Tick> {
    let mut outcomes: BTreeMap<Hour, Outcome> = BTreeMap::new();
    let bar = progress::bar(0, "hours", env.terminal);
    for number in 0_u32.. {
        let clock = Clock::start(env.clock(), Duration::from_secs(RUN_MINUTES_MAX * 60));
        let nonce = format!("{}{number:05}", env.nonce.simple());
        let run = Arc::new(Run { clock, nonce });
        let done_before = outcomes.len() as u64;
        let tick = deployment.compactor.tick(&run, request, |done, all| {
            bar.set_length(done_before + all as u64);
            bar.set_position(done_before + done as u64);
        });
        let mut tick = tick.await?;
        let stopped_at = tick.outcomes.iter().find(|(_, outcome)| **outcome == Outcome::Deferred(SkipReason::NoTime));
        let (stopped_at, mut done) = (stopped_at.map(|(hour, _)| *hour), std::mem::take(&mut tick.outcomes));
        let (Some(stop), Scope::Range(_, to)) = (stopped_at, request.scope) else {
            outcomes.extend(done);
            bar.finish_and_clear();
            return Ok(Tick { outcomes, ..tick });
        };
        done.retain(|hour, _| *hour < stop);
        outcomes.extend(done);
        request.scope = Scope::Range(stop, to);
    }
    anyhow::bail!("the runs did not end")
}

fn to_text(tick: &Tick) -> String {
    let mut table = report::table(&["hour", "lines", "rows", "duplicates", "collisions", "rejected", "Parquet"]);
    for (hour, outcome) in &tick.outcomes {
        if let Outcome::Compacted { counts, bytes, .. } = outcome {
            let counts = [counts.lines, counts.rows, counts.duplicates, counts.collisions, counts.rejected];
            let cells = counts.iter().map(u64::to_string).chain([report::bytes(*bytes)]);
            table.add_row(std::iter::once(hour.to_string()).chain(cells));
        }
    }
    let totals = tick.totals();
    let troubles =
        report::troubles(&[tick.failures(), tick.needs_operator(), tick.replaced(), deferred(tick)].concat());
    let table = if totals.compacted > 0 { format!("{table}\n") } else { String::new() };
    let accepted: String = tick.accepted.iter().flatten().map(|edit| format!("{edit}\n")).collect();
    format!(
        "{table}{accepted}{} hours compacted, {} as they should be, {} deferred, {} failed; {}\n{troubles}",
        totals.compacted,
        totals.nothing + totals.repaired,
        totals.deferred + totals.needs_operator,
        totals.failed,
        watermark_text(tick),
    )
}

/// Why hours are left to a later run: each reason with the number of hours and the first of them.
fn deferred(tick: &Tick) -> Vec<String> {
    let mut reasons: BTreeMap<String, Vec<Hour>> = BTreeMap::new();
    for (hour, outcome) in &tick.outcomes {
        if let Outcome::Deferred(reason) = outcome
            && !reason.needs_operator()
        {
            reasons.entry(reason.to_string()).or_default().push(*hour);
        }
    }
    let line = |(reason, hours): (String, Vec<Hour>)| {
        format!("{} hours deferred, the first {}: {reason}", hours.len(), hours[0])
    };
    reasons.into_iter().map(line).collect()
}

fn watermark_text(tick: &Tick) -> String {
    match &tick.watermark {
        Some(Ok(WatermarkStatus { watermark, blocked_by: Some(hour), .. })) => {
            format!("the view reads Parquet up to {watermark}, because {hour} is not whole there")
        }
        Some(Ok(WatermarkStatus { watermark, blocked_by: None, .. })) => {
            format!("the view reads Parquet up to {watermark}")
        }
        Some(Err(_)) | None => "the view stays as it was".to_string(),
    }
}

fn to_json(tick: &Tick, of_no_hour: &[String]) -> serde_json::Value {
    let hours: Vec<serde_json::Value> = tick.outcomes.iter().map(|(hour, outcome)| hour_json(*hour, outcome)).collect();
    let totals = tick.totals();
    let watermark = tick.watermark.as_ref().map(Result::as_ref);
    let (status, error) = (watermark.and_then(Result::ok), watermark.and_then(Result::err));
    json!({
        "hours": hours,
        "of_no_hour": of_no_hour,
        "compacted": totals.compacted,
        "nothing": totals.nothing,
        "deferred": totals.deferred + totals.needs_operator,
        "failed": totals.failed,
        "counts": totals.counts,
        "replaced": totals.replaced,
        "accepted": tick.accepted.as_ref().ok(),
        "watermark": status.map(|status| status.watermark),
        "watermark_blocked_by": status.and_then(|status| status.blocked_by),
        "watermark_error": error.map(|error| error_chain(error)),
    })
}

fn hour_json(hour: Hour, outcome: &Outcome) -> serde_json::Value {
    match outcome {
        Outcome::Compacted { counts, bytes, replaced } => {
            json!({"hour": hour, "outcome": "compacted", "counts": counts, "parquet_bytes": bytes, "replaced": replaced})
        }
        Outcome::Nothing(reason) => json!({"hour": hour, "outcome": "nothing", "reason": format!("{reason:?}")}),
        Outcome::Repaired => json!({"hour": hour, "outcome": "repaired"}),
        Outcome::Deferred(reason) => json!({"hour": hour, "outcome": "deferred", "reason": reason.to_string()}),
        Outcome::Failed(why) => json!({"hour": hour, "outcome": "failed", "reason": why}),
    }
}
