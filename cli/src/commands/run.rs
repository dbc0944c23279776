//! `run`: takes your own events through the pipeline.

use transform::record::RecordError;

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
        report::print(&[summary.to_table(), failures(&summary), report::troubles(&summary.troubles)].concat())?;
    }
    Ok(Verdict::of(summary.adds_up() && summary.failed == 0 && summary.troubles.is_empty()))
}

/// A sentence for each reason for which records failed: what they look like. Empty if none failed.
fn failures(summary: &RunSummary) -> String {
    let sentence = |(reason, count): &(RecordError, u64)| {
        let records = if *count == 1 { "1 record".to_owned() } else { format!("{count} records") };
        let text = format!("{records} of {} failed, and lie under error/: {}.", summary.events, looks_like(*reason));
        format!("\n{}", report::sentence(&text))
    };
    summary.reasons.iter().map(sentence).collect()
}

/// What records look like that fail for this reason.
fn looks_like(reason: RecordError) -> &'static str {
    match reason {
        RecordError::NotUtf8 => "not UTF-8, as if another program than gzip had compressed the file",
        RecordError::NotJson => "no JSON objects, as those of a CSV file or of plain text; export the log as JSON",
        RecordError::NoEvent => "envelopes of EventBridge without an event of Auth0 in detail.data",
        RecordError::Empty => "objects without any field of an event, such as log_id, date and type",
        RecordError::TooLong => "events that are longer than a line may be",
        RecordError::OverBudget => "more than fits into one answer of the transform",
        RecordError::Panicked => "the transform panicked, which is a bug; please report it",
    }
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
