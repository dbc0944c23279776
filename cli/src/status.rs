//! `status`: the hours as a table and as bars, and how far the view reads Parquet.

use anyhow::ensure;
use chrono::{DateTime, TimeDelta, Utc};
use comfy_table::CellAlignment;
use compactor::bucket::{Bucket, BucketError};
use compactor::config::Limits;
use compactor::hours::closed;
use compactor::manifest::{Live, Manifest};
use compactor::plan::{Due, Plan, Refusal, Rest, Rewrite, Seen, Turn, plan};
use futures::{StreamExt, TryStreamExt};
use log_format::{Hour, layout};
use serde::Serialize;

use crate::args::{Place, Status};
use crate::deployment::Deployment;
use crate::given::Given;
use crate::verify::evidence::{Evidence, HourEvidence, View};
use crate::verify::{PENDING_HOURS, cut_of};
use crate::{Verdict, report};

/// How many hours are shown where nobody says which.
const HOURS_SHOWN: usize = 48;
/// How many manifests are read at the same time.
const READS_AT_ONCE: usize = 16;
/// The width of a page where no terminal says another.
const WIDTH: usize = 100;
/// A bar's last letter, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// What is told.
#[derive(Debug, Serialize)]
pub struct Overview {
    /// The hours, in order.
    pub hours: Vec<HourStatus>,
    /// Up to which hour the view reads Parquet; none where there is no cut.
    pub cut: Option<Hour>,
    /// What stands where the view should be.
    pub view: &'static str,
}

/// One hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HourStatus {
    /// The hour.
    pub hour: Hour,
    /// JSON objects.
    pub objects: u64,
    /// Their bytes.
    pub json_bytes: u64,
    /// Rows of its Parquet; none where it has none.
    pub rows: Option<u64>,
    /// Bytes of its Parquet.
    pub parquet_bytes: u64,
    /// How often it was compacted again.
    pub late: u64,
    /// Lines left out because their row was there already.
    pub duplicates: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// Where it stands.
    pub state: String,
}

/// Tells of the hours asked for.
pub async fn status(place: &Place, options: &Status, given: &Given) -> anyhow::Result<Verdict> {
    let deployment = Deployment::open(place, "status", given)?;
    let overview = look(&deployment, options, given).await?;
    if place.json {
        report::print_json(&overview)?;
    } else {
        let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0.into());
        report::print(&overview.to_text(width))?;
    }
    Ok(Verdict::Well)
}

/// Gathers what is told.
///
/// # Errors
///
/// Where the bucket or the catalog cannot be read.
pub async fn look(deployment: &Deployment, options: &Status, given: &Given) -> anyhow::Result<Overview> {
    let Deployment { bucket, catalog, limits, .. } = deployment;
    let mut evidence = Evidence::gather(bucket, catalog).await?;
    evidence.hours.retain(|_, hour| !hour.inputs.is_empty() || hour.has_manifest);
    match options.from.zip(options.to) {
        Some((from, to)) => {
            ensure!(from < to, "--from {from} is not before --to {to}; the latter is the hour after the last");
            evidence.keep(from, to);
        }
        None => evidence.keep_last(HOURS_SHOWN),
    }
    let cut = evidence.cut.as_deref().and_then(cut_of);
    let view = view_text(&evidence.view, catalog.database(), cut);
    let now = given.now;
    let hours = evidence.hours.into_iter().map(|(hour, known)| hour_status(bucket, hour, known, now, limits));
    let hours = futures::stream::iter(hours).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(Overview { hours, cut, view })
}

fn view_text(view: &View, database: &str, cut: Option<Hour>) -> &'static str {
    match (view, cut) {
        (View::Missing, _) => "missing",
        (View::NotOurs, _) => "not ours",
        (View::Ours(_), None) => "without a cut",
        (View::Ours(view), Some(cut)) => {
            let ours = catalog::view::table(database, cut);
            let follows = view.view_original_text() == ours.view_original_text();
            if follows { "follows the cut" } else { "does not follow the cut" }
        }
    }
}

async fn hour_status(
    bucket: &Bucket,
    hour: Hour,
    known: HourEvidence,
    now: DateTime<Utc>,
    limits: &Limits,
) -> Result<HourStatus, BucketError> {
    let manifest = match known.has_manifest {
        true => bucket.read(&layout::manifest_key(hour)).await?,
        false => None,
    };
    let manifest = manifest.map_or(Ok(Manifest::new(hour)), |(bytes, _)| serde_json::from_slice(&bytes));
    let readable = manifest.is_ok();
    let manifest = manifest.unwrap_or(Manifest::new(hour));
    let live = manifest.live.as_ref();
    let counts = live.map(|live| live.counts).unwrap_or_default();
    Ok(HourStatus {
        hour,
        objects: known.inputs.len() as u64,
        json_bytes: known.inputs.iter().map(|object| object.size).sum(),
        rows: live.map(|live| live.counts.rows),
        parquet_bytes: live.map_or(0, |live: &Live| live.files.iter().map(|file| file.size).sum()),
        late: manifest.commits.saturating_sub(1),
        duplicates: counts.duplicates,
        rejected: counts.rejected,
        state: if readable { state(hour, manifest, known, now, limits) } else { "manifest unreadable".to_string() },
    })
}

/// What the compactor would say of the hour, in a few words.
fn state(hour: Hour, manifest: Manifest, known: HourEvidence, now: DateTime<Utc>, limits: &Limits) -> String {
    let claimed = !manifest.claims.is_empty();
    let live = manifest.live_attempt().and_then(|attempt| known.folders.get(attempt));
    let files = live.into_iter().flatten().map(|file| file.key.clone()).collect();
    let seen = Seen { hour, listed: known.inputs, manifest, files };
    match plan(&seen, now, limits, Rewrite::No, Turn::Last) {
        Plan::Nothing { reason: Rest::Open, .. } => "open".to_string(),
        Plan::Nothing { reason: Rest::NoObjects, .. } => "empty".to_string(),
        Plan::Nothing { reason: Rest::UpToDate, .. } => "live".to_string(),
        Plan::Compact { .. } if claimed => "unfinished".to_string(),
        Plan::Compact { due: Due::First, .. } => {
            let young = !closed(hour, now - TimeDelta::hours(PENDING_HOURS), limits);
            if young { "pending".to_string() } else { "not compacted".to_string() }
        }
        Plan::Compact { due, .. } => format!("due: {due}"),
        Plan::Leave { reason, .. } => refusal_text(&reason),
    }
}

fn refusal_text(reason: &Refusal) -> String {
    match reason {
        Refusal::Claimed => "claimed".to_string(),
        Refusal::InputGone { objects } => format!("left: {objects} gone"),
        Refusal::WouldShrink { rows, had } => format!("left: {} rows fewer", had - rows),
        Refusal::Deadly { deaths } => format!("left: {deaths} died"),
        Refusal::TooLarge { .. } => "left: too large".to_string(),
        Refusal::Unfinished { .. } | Refusal::Contended | Refusal::InputChanging | Refusal::NoTime => {
            "unfinished".to_string()
        }
    }
}

impl Overview {
    /// The table, the bars and the view, for a page of `width` letters.
    pub fn to_text(&self, width: usize) -> String {
        let cut = self.cut.map_or("there is no cut".to_string(), |cut| format!("the cut is at {cut}"));
        let view = format!("{cut}; the view {} {}\n", catalog::VIEW, is(self.view));
        if self.hours.is_empty() {
            return format!("There are no hours.\n{view}");
        }
        format!("{}\n\n{}\n{view}", self.table(), self.bars(width))
    }

    fn table(&self) -> comfy_table::Table {
        let heading = ["hour", "objects", "JSON", "rows", "Parquet", "%", "again", "dup.", "rej.", "state"];
        let mut table = report::table(&heading);
        if let Some(column) = table.column_mut(heading.len() - 1) {
            column.set_cell_alignment(CellAlignment::Left);
        }
        for hour in &self.hours {
            table.add_row(hour.cells());
        }
        table
    }

    /// Events per hour; the longest bar ends where the page does.
    fn bars(&self, width: usize) -> String {
        let most = self.hours.iter().filter_map(|hour| hour.rows).max().unwrap_or_default();
        let digits = most.to_string().len();
        // The hour, a blank on each side of it, and one between number and bar.
        let room = width.saturating_sub("2026-11-20T13".len() + digits + 3).max(1);
        let line = |hour: &HourStatus| match hour.rows {
            Some(rows) => format!(" {} {rows:>digits$} {}\n", hour.hour, bar(rows, most, room)),
            None => format!(" {} {:>digits$} {}\n", hour.hour, "-", hour.state),
        };
        self.hours.iter().map(line).collect()
    }
}

fn is(view: &str) -> String {
    if view.contains("follow") { view.to_string() } else { format!("is {view}") }
}

/// A bar of `room` letters for `most`, to an eighth of a letter.
fn bar(value: u64, most: u64, room: usize) -> String {
    let eighths = value.saturating_mul(room as u64 * 8).checked_div(most).unwrap_or_default();
    let (whole, rest) = ((eighths / 8) as usize, (eighths % 8) as usize);
    format!("{}{}", "█".repeat(whole), EIGHTHS[rest])
}

impl HourStatus {
    fn cells(&self) -> [String; 10] {
        let compacted = |cell: String| if self.rows.is_some() { cell } else { "-".to_string() };
        let percent = (self.parquet_bytes * 100).checked_div(self.json_bytes).unwrap_or_default();
        [
            self.hour.to_string(),
            self.objects.to_string(),
            report::bytes(self.json_bytes),
            compacted(self.rows.unwrap_or_default().to_string()),
            compacted(report::bytes(self.parquet_bytes)),
            compacted(percent.to_string()),
            self.late.to_string(),
            compacted(self.duplicates.to_string()),
            compacted(self.rejected.to_string()),
            self.state.clone(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_end_where_the_page_does() {
        assert_eq!(bar(8, 8, 4), "████");
        assert_eq!(bar(0, 8, 4), "");
        assert_eq!(bar(3, 8, 4), "█▌");
        assert_eq!(bar(1, 32, 4), "▏");
        assert_eq!(bar(0, 0, 4), "");
    }

    #[test]
    fn a_page_of_a_hundred_letters_is_enough() {
        let hour = |rows: Option<u64>, state: &str| HourStatus {
            hour: "2026-11-20T13".parse().unwrap(),
            objects: 1234,
            json_bytes: 999 << 20,
            rows,
            parquet_bytes: 999 << 20,
            late: 12,
            duplicates: 12_345,
            rejected: 12_345,
            state: state.to_string(),
        };
        let hours = vec![hour(Some(1_234_567), "live"), hour(None, "not compacted"), hour(Some(0), "live")];
        let overview = Overview { hours, cut: Some("2026-11-20T13".parse().unwrap()), view: "follows the cut" };
        let text = overview.to_text(100);
        let longest = text.lines().map(|line| line.trim_end().chars().count()).max();
        assert_eq!(longest, Some(100), "{text}");
        assert!(text.contains(" 2026-11-20T13       - not compacted\n"), "{text}");
        assert!(text.ends_with("the cut is at 2026-11-20T13; the view auth0_logs follows the cut\n"), "{text}");
    }
}
