//! The statement of a proof, for whoever was not there: what was checked, when and with what, and what it does not cover.

use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, Utc};
use log_format::{Day, Hour};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::finding::Finding;
use super::verified::{Totals, Verified};
use crate::args::Verify;
use crate::target::Target;

/// What a proof of every delivered event does not cover.
const NOT_COVERED: [&str; 5] = [
    "What Auth0 did not hand to its log stream, and what EventBridge did not take: `reconcile` compares that.",
    "Events that wait in Firehose or in a queue, and are in no object yet.",
    "Objects of hours that are pending: no manifest has recorded them yet, but for those that a replay wrote.",
    "An hour that was removed whole, with its objects, Parquet, manifest and partitions. An earlier statement lists it.",
    "A change by somebody who writes objects, Parquet and manifests alike. Keep statements where that person cannot write.",
];

/// Everything that `verify` concluded and what it was concluded from. The same bucket gives the same bytes, but for the time.
#[derive(Debug, Serialize)]
struct Statement<'a> {
    /// When the bucket was looked at.
    made_at: DateTime<Utc>,
    program: &'static str,
    version: &'static str,
    /// The commit that the program was built from.
    commit: &'static str,
    bucket: &'a str,
    database: &'a str,
    /// The first hour that was asked for, and the hour after the last. `None` if all hours were.
    from: Option<Hour>,
    to: Option<Hour>,
    /// True if every row was compared with every line.
    deep: bool,
    verdict: &'static str,
    conclusion: String,
    hours: u64,
    pending: u64,
    compared: u64,
    days: u64,
    days_compared: u64,
    #[serde(flatten)]
    totals: &'a Totals,
    awaiting_replay: u64,
    /// The hour up to which the view reads Parquet.
    watermark: Option<Hour>,
    /// The last day that the view reads from the table of days.
    day_watermark: Option<Day>,
    /// The stretches of hours without any object between hours that have some.
    gaps: &'a [(Hour, Hour)],
    findings: &'a [Finding],
    inconclusive: &'a [String],
    /// The SHA-256 of each hour's manifest.
    manifests: Vec<HourManifest<'a>>,
    /// The SHA-256 of these: of the lines `<hour> <sha256>`, in order.
    manifests_sha256: String,
    /// The SHA-256 of the manifest of each day of the table of days.
    day_manifests: Vec<DayManifest<'a>>,
    /// The SHA-256 of these: of the lines `<day> <sha256>`, in order.
    day_manifests_sha256: String,
    not_covered: [&'static str; NOT_COVERED.len()],
}

#[derive(Debug, Serialize)]
struct HourManifest<'a> {
    hour: Hour,
    sha256: &'a str,
}

#[derive(Debug, Serialize)]
struct DayManifest<'a> {
    day: Day,
    sha256: &'a str,
}

/// Writes the statement to `file`.
///
/// # Errors
///
/// If the file cannot be written.
pub(super) fn write(
    file: &Path,
    found: &Verified,
    target: &Target,
    options: &Verify,
    made_at: DateTime<Utc>,
) -> anyhow::Result<()> {
    let asked = options.span.hours(made_at)?;
    let manifests: Vec<HourManifest<'_>> = found
        .by_hour
        .iter()
        .filter_map(|(hour, checked)| Some(HourManifest { hour: *hour, sha256: checked.manifest_sha256.as_deref()? }))
        .collect();
    let lines = manifests.iter().map(|it| format!("{} {}\n", it.hour, it.sha256)).collect::<String>();
    let day_manifests: Vec<DayManifest<'_>> = found
        .by_day
        .iter()
        .filter_map(|(day, checked)| Some(DayManifest { day: *day, sha256: checked.manifest_sha256.as_deref()? }))
        .collect();
    let day_lines = day_manifests.iter().map(|it| format!("{} {}\n", it.day, it.sha256)).collect::<String>();
    let statement = Statement {
        made_at,
        program: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        commit: env!("COMMIT"),
        bucket: target.bucket(),
        database: target.database(),
        from: asked.map(|hours| hours.from()),
        to: asked.map(|hours| hours.to()),
        deep: options.deep,
        verdict: found.verdict_name(),
        conclusion: found.sentence(),
        hours: found.hours,
        pending: found.pending,
        compared: found.compared,
        days: found.days,
        days_compared: found.days_compared,
        totals: &found.totals,
        awaiting_replay: found.awaiting_replay,
        watermark: found.watermark,
        day_watermark: found.day_watermark,
        gaps: &found.gaps,
        findings: &found.findings,
        inconclusive: &found.inconclusive,
        manifests,
        manifests_sha256: hex::encode(Sha256::digest(lines)),
        day_manifests,
        day_manifests_sha256: hex::encode(Sha256::digest(day_lines)),
        not_covered: NOT_COVERED,
    };
    let text = serde_json::to_string_pretty(&statement)? + "\n";
    std::fs::write(file, text).with_context(|| format!("could not write the statement to {}", file.display()))
}
