//! `compact`: the compactor's own run over a folder, or over a bucket on AWS.

pub mod invoke;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{bail, ensure};
use compactor::clock::{Clock, RUN_MINUTES_MAX, Run};
use compactor::config::Limits;
use compactor::hour::plan::{Idle, SkipReason};
use compactor::hour::{Outcome, add_outcome};
use compactor::request::{Request, Scope};
use compactor::tick::Tick;
use log_format::{Day, Hour, layout};
use tokio::time::Duration;

use self::text::{to_json, to_text};
use crate::args::{Compact, HourRange};
use crate::deployment::Deployment;
use crate::env::Env;
use crate::output::verdict::Verdict;
use crate::output::{progress, report};
use crate::target::Target;

/// The default number of invocations at once. A new account may run ten functions at once, and the transform needs
/// some.
const INVOCATIONS_AT_ONCE: usize = 8;

/// Compacts the hours asked for, rolls up days, and prints what became of each.
///
/// # Errors
///
/// If the bucket or the catalog cannot be read, or an hour or a day that was asked for is not closed.
pub async fn compact(target: &Target, options: &Compact, env: &Env) -> anyhow::Result<Verdict> {
    let env = &Env { limits: limits(options, &env.limits), ..env.clone() };
    if !target.aws {
        target.ensure_bucket_exists()?;
    }
    let deployment = Deployment::open_or_make(target, "compactor", env).await?;
    let (range, of_no_hour) = range(&deployment, options, env).await?;
    if let Some(function) = &options.invoke {
        ensure!(target.aws, "--invoke {function} has a function on AWS do the work; give --aws too");
        return invoke(&deployment, function, (options, range), target, env).await;
    }
    let tick = run_to_end(&deployment, Request::new(scope(options, range), options.rewrite), env).await?;
    check_begun(options.day, &tick)?;
    if target.json {
        report::print_json(&to_json(&tick, &of_no_hour))?;
    } else {
        report::print(&(to_text(&tick) + &report::of_no_hour(&of_no_hour)))?;
    }
    let deferred = tick.totals().deferred + tick.day_totals().deferred;
    Ok(Verdict::of(tick.failures().is_empty() && tick.needs_operator().is_empty() && deferred == 0))
}

fn scope(options: &Compact, (from, to): (Hour, Hour)) -> Scope {
    match (options.hour, options.day) {
        (Some(hour), _) => Scope::Hour(hour),
        (None, Some(day)) => Scope::Day(day),
        (None, None) => Scope::Range(from, to),
    }
}

/// Refuses a day that was named and not begun: only a day whose hours are all read from Parquet is.
fn check_begun(day: Option<Day>, tick: &Tick) -> anyhow::Result<()> {
    let Some(day) = day.filter(|day| tick.days.get(day) == Some(&Outcome::Nothing(Idle::Open))) else { return Ok(()) };
    match tick.watermark.as_ref().and_then(|moved| moved.as_ref().ok()) {
        Some(status) => bail!("{day} is not wholly in Parquet yet; the view reads Parquet up to {}", status.watermark),
        None => bail!("{day} is not known to be wholly in Parquet: {}", tick.failures().join("; ")),
    }
}

/// A single hour or day gets all the memory; many hours share it.
fn limits(options: &Compact, limits: &Limits) -> Limits {
    match options.at_once {
        Some(hours_at_once) => Limits { hours_at_once: hours_at_once.into(), ..limits.clone() },
        None if options.hour.is_some() || options.day.is_some() => limits.clone(),
        None => limits.clone().for_many_hours(),
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
    if let Some(day) = options.day {
        let (last, minutes) = (day.last(), deployment.limits.settle_minutes);
        let is_closed = deployment.limits.is_closed(last, env.now);
        ensure!(is_closed, "{day} has not closed yet; it does {minutes} minutes after its end");
        return Ok(((day.first(), day.end()), Vec::new()));
    }
    let asked = match options.hour {
        Some(hour) => Some(HourRange::of(hour)),
        None => options.bounds.hours(env.now)?,
    };
    if let Some(asked) = asked {
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
/// stopped: first with the hours, then with days of all hours asked for.
///
/// # Errors
///
/// If the bucket or the catalog cannot be read. What was done until then stays done.
pub(crate) async fn run_to_end(deployment: &Deployment, mut request: Request, env: &Env) -> anyhow::Result<Tick> {
    let (asked, mut days_done, mut waited) = (request.scope, 0, 0);
    let (mut outcomes, mut days) = (BTreeMap::new(), BTreeMap::new());
    let bar = progress::bar(0, "hours and days", env.terminal);
    for number in 0_u32.. {
        let clock = Clock::start(env.clock(), Duration::from_secs(RUN_MINUTES_MAX * 60));
        let nonce = format!("{}{number:05}", env.nonce.simple());
        let run = Arc::new(Run { clock, nonce });
        let done_before = (outcomes.len() + days.len()) as u64;
        let tick = deployment.compactor.tick(&run, request, |done, all| {
            bar.set_length(done_before + all as u64);
            bar.set_position(done_before + done as u64);
        });
        let mut tick = tick.await?;
        merge(&mut days, std::mem::take(&mut tick.days));
        let is_asked = |hour: &Hour| matches!(request.scope, Scope::Range(from, to) if (from..to).contains(hour));
        let is_left = |(hour, outcome): &(&Hour, &Outcome)| **outcome == NO_TIME && is_asked(hour);
        let stopped_at = tick.outcomes.iter().find(is_left).map(|(hour, _)| *hour);
        let mut done = std::mem::take(&mut tick.outcomes);
        if let (Some(stop), Scope::Range(_, to)) = (stopped_at, request.scope) {
            done.retain(|hour, _| *hour < stop);
            merge(&mut outcomes, done);
            request.scope = Scope::Range(stop, to);
            continue;
        }
        merge(&mut outcomes, done);
        let left = days.values().filter(|outcome| **outcome == NO_TIME).count();
        // The next run finds their partitions stale.
        let unpublished = outcomes.values().filter(|outcome| outcome.waits() && !outcome.waits_for_day()).count();
        let publishes = matches!(asked, Scope::Range(..)) && unpublished > 0 && unpublished != waited;
        let goes_on = left > 0 && days.len() - left > days_done || publishes;
        (days_done, waited) = (days.len() - left, unpublished);
        if request.scope == asked && !goes_on {
            bar.finish_and_clear();
            return Ok(Tick { outcomes, days, ..tick });
        }
        // The last run did not know of the days of the hours before it.
        request.scope = asked;
    }
    bail!("the runs did not end")
}

/// What is left to the next run.
const NO_TIME: Outcome = Outcome::Deferred(SkipReason::NoTime);

/// Adds what a later run did.
fn merge<K: Ord>(outcomes: &mut BTreeMap<K, Outcome>, later: BTreeMap<K, Outcome>) {
    for (key, outcome) in later {
        add_outcome(outcomes, key, outcome);
    }
}
