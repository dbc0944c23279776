//! `replay`: puts the records that Firehose kept under `error/`, and those of a dead-letter queue, into the event log.
//!
//! A record goes through the transform again, and its line into the current hour. Nothing under `error/` or `logs/` is
//! changed or deleted. A marker under `replayed/` ([`marker`]) is written first and says where the lines go; the lines
//! are written second. Both are conditional writes. So a run may end anywhere and the next one goes on: records with a
//! marker but no object go where the marker says.

pub(crate) mod error_records;
pub mod marker;
mod objects;
mod queue;
mod replayer;
mod summary;
pub(crate) mod write;

use crate::args::Replay;
use crate::deployment::Deployment;
use crate::env::Env;
use crate::output::verdict::Verdict;
use crate::output::{progress, report};
use crate::target::Target;

use replayer::Replayer;
pub use summary::Replayed;

/// Replays what the target keeps, and prints what became of it.
///
/// # Errors
///
/// If S3, Glue or SQS refuses a call. What was done until then stays done.
pub async fn replay(target: &Target, options: &Replay, env: &Env) -> anyhow::Result<Verdict> {
    let deployment = Deployment::open(target, "replay", env)?;
    let replayed = run(&deployment, options, env).await?;
    if target.json {
        report::print_json(&replayed)?;
    } else {
        report::print(&replayed.to_text())?;
    }
    Ok(Verdict::of(replayed.troubles.is_empty()))
}

/// Replays what the deployment keeps under `error/`, then the queues.
///
/// # Errors
///
/// If S3, Glue or SQS refuses a call. What was done until then stays done.
pub async fn run(deployment: &Deployment, options: &Replay, env: &Env) -> anyhow::Result<Replayed> {
    let mut replayer = Replayer::new(deployment, options, env);
    let bar = progress::bar(0, "objects and messages", env.terminal);
    replayer.replay_objects(&bar).await?;
    for url in &options.queues {
        replayer.replay_queue(url, &bar).await?;
    }
    bar.finish_and_clear();
    Ok(replayer.found)
}
