//! `import`: takes in events from before the stream, from whatever people have of them.
//!
//! All files are read into a temporary file first, as lines of the log (`spool`). Then the bucket is read, to know
//! which of the events it holds: those are left out. The others are written, each into the hour in which it happened,
//! and the hours get their partitions and are compacted. A run may end anywhere: the next one finds what is written in
//! the bucket, and does for the hours of all events, whoever wrote them, what is left to do.

mod reading;
mod sources;
mod spool;
mod summary;
mod write;

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use compactor::request::{Request, Scope};
use log_format::Hour;

use crate::args::{HourRange, Import};
use crate::commands::compact::run_to_end;
use crate::deployment::Deployment;
use crate::env::Env;
use crate::held::Reader;
use crate::output::verdict::Verdict;
use crate::output::{progress, report};
use crate::target::Target;

use self::reading::Reading;
use self::spool::Spooled;
pub use self::summary::{Compacted, Imported};

/// A stream that was paused delivers events that are up to 30 days old. So long after an event happened it may have
/// been delivered, and lies in the hour of its delivery.
const LATE_HOURS: u32 = 31 * 24;
/// What is true of every run that ends with an error after it has begun to write.
const STOPPED: &str = "stopped; what was done stays done, run it again";

/// Imports the files, and prints what became of their records.
///
/// # Errors
///
/// If a file cannot be opened, or S3 or Glue refuses a call. What was done until then stays done.
pub async fn import(target: &Target, options: &Import, env: &Env) -> Result<Verdict> {
    let env = &Env { limits: env.limits.clone().for_many_hours(), ..env.clone() };
    // Nothing is made where nothing is imported.
    let scratch = options.dry_run && !target.aws && !target.data.exists();
    let scratch = scratch.then(tempfile::tempdir).transpose()?;
    let data = scratch.as_ref().map_or(target.data.as_path(), |scratch| scratch.path());
    let deployment =
        Deployment::open_or_make(&Target { data: data.to_owned(), ..target.clone() }, "import", env).await?;
    let imported = run(&deployment, options, env).await?;
    if target.json {
        report::print_json(&imported)?;
    } else {
        report::print(&imported.to_text())?;
    }
    Ok(Verdict::of(imported.troubles.is_empty()))
}

/// Imports the files into the deployment.
///
/// # Errors
///
/// If a file cannot be opened, or S3 or Glue refuses a call. What was done until then stays done.
pub async fn run(deployment: &Deployment, options: &Import, env: &Env) -> Result<Imported> {
    let mut found = Imported { dry_run: options.dry_run, ..Imported::default() };
    let mut spooled = read(deployment, options, env, &mut found).await?;
    let mut hours = mark_held(deployment, &mut spooled, env, &mut found).await?;
    let objects = spooled.into_objects();
    hours.extend(write::write(&deployment.bucket, objects, env, &mut found).await.context(STOPPED)?);
    if options.dry_run {
        return Ok(found);
    }
    write::register(&deployment.catalog, &hours).await.context(STOPPED)?;
    if !options.no_compact {
        compact(deployment, &hours, env, &mut found).await.context(STOPPED)?;
    }
    Ok(found)
}

/// Reads the records of all files into the spool.
async fn read(deployment: &Deployment, options: &Import, env: &Env, found: &mut Imported) -> Result<Spooled> {
    let sources = sources::named(&deployment.bucket, &options.files).await?;
    let bar = progress::bar(0, "records", env.terminal);
    let mut reading = Reading::new(found, env.now, &bar)?;
    for (number, source) in (0..).zip(&sources) {
        let text = source.open().await?;
        reading.read(number, &source.name(), text)?;
    }
    let spooled = reading.finish()?;
    bar.finish_and_clear();
    Ok(spooled)
}

/// Marks the lines of events that the bucket holds. Returns the hours in which an earlier import may have written them.
async fn mark_held(
    deployment: &Deployment,
    spooled: &mut Spooled,
    env: &Env,
    found: &mut Imported,
) -> Result<BTreeSet<Hour>> {
    let Some((first, last)) = spooled.hours() else { return Ok(BTreeSet::new()) };
    let end = last.after(LATE_HOURS).min(Hour::of((env.clock())())).next();
    let mut reader = Reader::new(&deployment.bucket, spooled.lines_alone());
    let read = reader.read(HourRange::new(first.back(1), end)?, |held| spooled.hold(&held.identity)).await;
    read.context("failed to read which events the bucket holds; nothing was imported")?;
    let twice = |object: &String| format!("{object}; events in it may be imported twice");
    found.troubles.extend(reader.unreadable.iter().map(twice));
    (found.held, found.repeated) = spooled.left_out();
    // An event that came late lies in another hour than the one in which it happened, and that one may have no object.
    let mut hours = spooled.held_hours();
    if let (Some(first), Some(last)) = (hours.first().copied(), hours.last().copied()) {
        let with_objects = deployment.bucket.inputs_by_hour(first, last.next()).await?;
        hours.retain(|hour| with_objects.contains_key(hour));
    }
    Ok(hours)
}

/// Compacts the closed ones of `hours`, and all between them.
async fn compact(deployment: &Deployment, hours: &BTreeSet<Hour>, env: &Env, found: &mut Imported) -> Result<()> {
    let now = (env.clock())();
    let mut closed = hours.iter().copied().filter(|hour| deployment.limits.is_closed(*hour, now));
    let Some(first) = closed.next() else { return Ok(()) };
    let last = closed.next_back().unwrap_or(first);
    let request = Request::new(Scope::Range(first, last.next()), false);
    let tick =
        run_to_end(deployment, request, env).await.context("the events are imported, their hours not compacted")?;
    let totals = tick.totals();
    let failed = totals.failed + totals.needs_operator;
    found.compacted = Some(Compacted { hours: totals.compacted, deferred: totals.deferred, failed });
    found.troubles.extend(tick.failures());
    found.troubles.extend(tick.needs_operator());
    Ok(())
}
