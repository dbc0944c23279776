//! One invocation of the Lambda: request, tick, log lines, metrics.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;
use telemetry::metrics;
use tokio::time::Duration;
use tracing::{error, info};

use crate::clock::{Clock, Run, WallClock};
use crate::hour::Compactor;
use crate::request::{Request, RequestError};
use crate::tick::{DiscoveryError, Tick};
use crate::watermark::WatermarkStatus;

/// Time kept back from Lambda's deadline, so that work can end.
const DEADLINE_RESERVE: Duration = Duration::from_secs(20);

/// What one invocation gets from outside.
#[derive(Clone)]
pub struct Invocation {
    /// The wall clock.
    pub wall: WallClock,
    /// How long the invocation may last.
    pub time_limit: Duration,
    /// A random text that was drawn for this invocation and no other. Not Lambda's request id, which a retry repeats.
    pub nonce: String,
    /// The function's name, for the metrics.
    pub function: String,
}

/// Why an invocation failed. Everything that could be done was done.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// The payload asks for something that cannot be. Trying again does not help.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The hours to look at could not be found.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// Hours failed, or the watermark could not be moved. The message names each.
    #[error("{0}")]
    Hours(String),
}

impl InvocationError {
    /// A constant name of the kind of failure, for Lambda's `errorType`.
    pub fn error_type(&self) -> &'static str {
        match self {
            InvocationError::Request(_) => "BadRequest",
            InvocationError::Discovery(_) => "DiscoveryFailed",
            InvocationError::Hours(_) => "HoursFailed",
        }
    }
}

/// Does what `payload` asks for.
///
/// # Errors
///
/// The payload is no request, or something failed. An hour that needs an operator is no error: a retry, as Lambda would make
/// it, changes nothing.
pub async fn handle(
    compactor: &Arc<Compactor>,
    payload: &Value,
    invocation: Invocation,
) -> Result<(), InvocationError> {
    let request = Request::from_payload(payload)?;
    let clock = Clock::start(invocation.wall, invocation.time_limit.saturating_sub(DEADLINE_RESERVE));
    let run = Arc::new(Run { clock, nonce: invocation.nonce });
    let tick = compactor.tick(&run, request, |_, _| {}).await?;
    log(&tick);
    tell_accepted(&tick);
    warn(&tick);
    emit(&tick, &invocation.function, run.clock.now());
    if let Ok(objects) = compactor.bucket.not_replayed().await {
        metrics::emit(&invocation.function, run.clock.now(), &[(metrics::OBJECTS_NOT_REPLAYED, objects)]);
    }
    let failures = tick.failures();
    if failures.is_empty() { Ok(()) } else { Err(InvocationError::Hours(failures.join("; "))) }
}

/// One log line a tick.
fn log(tick: &Tick) {
    let (totals, days) = (tick.totals(), tick.day_totals());
    info!(
        compacted = totals.compacted,
        nothing = totals.nothing,
        repaired = totals.repaired,
        deferred = totals.deferred,
        needs_operator = totals.needs_operator,
        failed = totals.failed,
        lines = totals.counts.lines,
        rows = totals.counts.rows,
        duplicates = totals.counts.duplicates,
        collisions = totals.counts.collisions,
        rejected = totals.counts.rejected,
        replaced = totals.replaced,
        days_rolled_up = days.compacted,
        days_deferred = days.deferred + days.needs_operator,
        days_failed = days.failed,
        catalog_repaired = tick.catalog_repaired(),
        watermark = watermark_text(tick),
        day_watermark = day_watermark_text(tick),
        "tick finished"
    );
}

/// `2026-11-20T13`, and the hour that blocks it.
fn watermark_text(tick: &Tick) -> String {
    match &tick.watermark {
        Some(Ok(WatermarkStatus { watermark, blocked_by: Some(hour), .. })) => {
            format!("{watermark}, blocked by {hour}")
        }
        Some(Ok(WatermarkStatus { watermark, blocked_by: None, .. })) => watermark.to_string(),
        Some(Err(_)) | None => String::new(),
    }
}

/// `2026-11-18`.
fn day_watermark_text(tick: &Tick) -> String {
    let day = tick.watermark.iter().flatten().find_map(|status| status.day);
    day.map(|day| day.to_string()).unwrap_or_default()
}

/// One log line for each edit that was accepted.
fn tell_accepted(tick: &Tick) {
    for edit in tick.accepted.iter().flatten() {
        info!(edit, "an edit was accepted");
    }
}

/// One log line for each failure and each hour or day that needs an operator, or whose objects were written over.
fn warn(tick: &Tick) {
    for trouble in [tick.failures(), tick.needs_operator(), tick.replaced()].concat() {
        error!(trouble, "something needs attention");
    }
}

fn emit(tick: &Tick, function: &str, now: DateTime<Utc>) {
    let (totals, days) = (tick.totals(), tick.day_totals());
    let mut values = vec![
        (metrics::HOURS_COMPACTED, totals.compacted),
        (metrics::HOURS_FAILED, totals.failed),
        (metrics::HOURS_DEFERRED, totals.deferred),
        (metrics::HOURS_NEED_OPERATOR, totals.needs_operator),
        (metrics::DAYS_ROLLED_UP, days.compacted),
        (metrics::DAYS_FAILED, days.failed),
        (metrics::DAYS_DEFERRED, days.deferred),
        (metrics::DAYS_NEED_OPERATOR, days.needs_operator),
        (metrics::ROWS, totals.counts.rows),
        (metrics::DUPLICATES, totals.counts.duplicates),
        (metrics::COLLISIONS, totals.counts.collisions),
        (metrics::REJECTED, totals.counts.rejected),
        (metrics::INPUTS_REPLACED, totals.replaced),
        (metrics::CATALOG_REPAIRED, tick.catalog_repaired()),
        (metrics::TABLES_DIFFER, tick.definitions.tables.len() as u64),
    ];
    // If the watermark could not be read nothing is emitted, which is an alarm in itself.
    if let Some(Ok(status)) = &tick.watermark {
        values.extend([(metrics::HOURS_BEHIND, status.behind), (metrics::DAYS_BEHIND, status.days_behind)]);
    }
    metrics::emit(function, now, &values);
}
