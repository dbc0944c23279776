//! What Lambda calls.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use telemetry::{error_chain, metrics};
use tokio::time::Duration;
use tracing::{error, info};

use crate::clock::{Clock, WallClock};
use crate::cut::Moved;
use crate::hour::{Compactor, Run};
use crate::hours::Request;
use crate::tick::Tick;

/// Time kept back from Lambda's deadline, for what is under way to end.
const DEADLINE_RESERVE: Duration = Duration::from_secs(20);

/// One invocation: what it was given from outside.
#[derive(Clone)]
pub struct Invocation {
    /// The clock on the wall.
    pub wall: WallClock,
    /// How long it may last.
    pub time_limit: Duration,
    /// A random text, drawn for this invocation and no other. Not Lambda's request id, which a retry repeats.
    pub nonce: String,
    /// The function's name, for the metrics.
    pub function: String,
}

/// Does what `payload` asks for. An error names the hours that failed, and the cut if it did; everything else was done.
/// An hour left alone for somebody to decide is no error: trying again, as Lambda would, changes nothing.
pub async fn handle(compactor: &Arc<Compactor>, payload: &Value, invocation: Invocation) -> Result<(), String> {
    let request = Request::from_payload(payload).map_err(|error| error_chain(&error))?;
    let clock = Clock::start(invocation.wall, invocation.time_limit.saturating_sub(DEADLINE_RESERVE));
    let run = Arc::new(Run { clock, nonce: invocation.nonce, request });
    let tick = compactor.tick(&run, |_, _| {}).await.map_err(|error| error_chain(&error))?;
    log(&tick);
    warn(&tick);
    measure(&tick, &invocation.function, run.clock.now());
    if let Ok(objects) = compactor.not_replayed().await {
        metrics::emit(&invocation.function, run.clock.now(), &[(metrics::OBJECTS_NOT_REPLAYED, objects)]);
    }
    let failures = tick.failures();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// One log line a tick.
fn log(tick: &Tick) {
    let totals = tick.totals();
    info!(
        compacted = totals.compacted,
        nothing = totals.nothing,
        righted = totals.righted,
        left = totals.left,
        left_alone = totals.left_alone,
        failed = totals.failed,
        lines = totals.counts.lines,
        rows = totals.counts.rows,
        duplicates = totals.counts.duplicates,
        collisions = totals.counts.collisions,
        rejected = totals.counts.rejected,
        cut = cut_text(tick),
        "tick finished"
    );
}

/// `2026-11-20T13`, and the hour it waits for, if any.
fn cut_text(tick: &Tick) -> String {
    match &tick.cut {
        Some(Ok(Moved { cut, waits_for: Some(hour), .. })) => format!("{cut}, waits for {hour}"),
        Some(Ok(Moved { cut, waits_for: None, .. })) => cut.to_string(),
        Some(Err(_)) | None => String::new(),
    }
}

/// One log line for each thing that somebody should know about.
fn warn(tick: &Tick) {
    for trouble in tick.failures().into_iter().chain(tick.left_alone()) {
        error!(trouble, "something needs attention");
    }
}

fn measure(tick: &Tick, function: &str, now: DateTime<Utc>) {
    let totals = tick.totals();
    let mut values = vec![
        (metrics::HOURS_COMPACTED, totals.compacted),
        (metrics::HOURS_FAILED, totals.failed),
        (metrics::HOURS_DEFERRED, totals.left),
        (metrics::HOURS_NEED_OPERATOR, totals.left_alone),
        (metrics::ROWS, totals.counts.rows),
        (metrics::DUPLICATES, totals.counts.duplicates),
        (metrics::COLLISIONS, totals.counts.collisions),
        (metrics::REJECTED, totals.counts.rejected),
    ];
    // Where the cut could not be looked at nothing is told, which is alarming in itself.
    values.extend(tick.cut.iter().flatten().map(|moved| (metrics::HOURS_BEHIND, moved.behind)));
    metrics::emit(function, now, &values);
}
