//! `run`: takes your own events through the pipeline.

use crate::args::Run;
use crate::env::Env;
use crate::input;
use crate::output::verdict::Verdict;
use crate::output::{progress, report};
use crate::simulation::pipeline::Pipeline;
use crate::simulation::summary::RunSummary;
use crate::target::Target;

/// Takes the events of all files through the pipeline, and prints what became of them.
///
/// # Errors
///
/// If a file cannot be read, or the pipeline fails.
pub async fn run(target: &Target, options: &Run, env: &Env) -> anyhow::Result<Verdict> {
    let mut lines = Vec::new();
    for file in &options.events {
        lines.extend(input::read_records(file)?);
    }
    let summary = carry(target, &lines, env).await?;
    if target.json {
        report::print_json(&summary)?;
    } else {
        report::print(&format!("{}{}", summary.to_table(), report::troubles(&summary.troubles)))?;
    }
    Ok(Verdict::of(summary.adds_up() && summary.troubles.is_empty()))
}

/// Takes lines of events through the pipeline.
///
/// # Errors
///
/// If the folder cannot be opened, or a tick fails as a whole.
pub async fn carry(target: &Target, lines: &[Vec<u8>], env: &Env) -> anyhow::Result<RunSummary> {
    let bar = progress::bar(lines.len() as u64, "events", env.terminal);
    let mut pipeline = Pipeline::open(target, env, bar).await?;
    for arrival in input::arrivals(lines, env.now) {
        pipeline.put(arrival.record, arrival.at, None).await?;
    }
    let (_, summary) = pipeline.finish().await?;
    Ok(summary)
}
