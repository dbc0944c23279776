//! One invocation: answers its batch, and reports it to the operator.

use chrono::{DateTime, Utc};
use telemetry::metrics;
use tracing::info;

use crate::batch::{Record, Report, Response, answer};
use crate::event::Event;
use crate::record;

/// Answers the batch of one invocation.
pub fn handle(event: &Event) -> (Response, Report) {
    let records: Vec<Record<'_>> =
        event.records.iter().map(|record| Record { id: &record.record_id, data: &record.data }).collect();
    answer(&records, record::line)
}

/// Emits the counts of a batch as one log line and one set of metrics.
pub fn emit(report: &Report, function: &str, now: DateTime<Utc>) {
    info!(
        records = report.records,
        ok = report.ok,
        failed = report.failed_total(),
        reasons = report.failed_by_reason(),
        bytes_in = report.bytes_in,
        bytes_out = report.bytes_out,
        "batch transformed"
    );
    let values = [
        (metrics::RECORDS, report.records),
        (metrics::RECORDS_OK, report.ok),
        (metrics::RECORDS_FAILED, report.failed_total()),
        (metrics::BYTES_IN, report.bytes_in),
        (metrics::BYTES_OUT, report.bytes_out),
    ];
    metrics::emit(function, now, &values);
}
