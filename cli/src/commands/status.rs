//! `status`: the hours as a table and as bars, and how far the view reads Parquet.

use std::fmt;

use chrono::{DateTime, Utc};
use comfy_table::{ColumnConstraint, ContentArrangement};
use compactor::bucket::{Bucket, BucketError};
use compactor::config::Limits;
use compactor::hour::plan::{Due, HourState, Idle, Pass, Plan, Rewrite, SkipReason, plan};
use compactor::listing::digest_of_folders;
use futures::{StreamExt, TryStreamExt};
use log_format::{Day, Hour};
use projection::manifest::{Live, Manifest};
use serde::{Serialize, Serializer};

use crate::args::Status;
use crate::deployment::Deployment;
use crate::env::Env;
use crate::inventory::{DayInventory, HourInventory, Inventory, ViewState, is_recent, read_manifest};
use crate::output::report;
use crate::output::verdict::Verdict;
use crate::target::Target;

/// How many hours are shown without `--from` and `--to`.
const HOURS_SHOWN: usize = 48;
/// How many manifests are read at the same time.
const READS_AT_ONCE: usize = 16;
/// The width of the page, in columns, if standard output is no terminal. The table is never made narrower.
const WIDTH: usize = 80;
const HEADING: [&str; 8] = ["hour", "objects", "JSON", "rows", "Parquet", "dupli-\ncates", "re-\njected", "state"];
/// The last letter of a bar, by eighths.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// What `status` prints.
#[derive(Debug, Serialize)]
pub struct Overview {
    /// The hours, in order.
    pub hours: Vec<HourStatus>,
    /// The hour up to which the view may read Parquet. `None` if there is no watermark.
    pub watermark: Option<Hour>,
    /// Whether the view reads Parquet up to the watermark.
    pub view: ViewState,
    /// The days that are rolled up.
    pub days: DaysStatus,
    /// The stretches of hours without any object between the hours above: the first hour of each, and the last.
    pub gaps: Vec<(Hour, Hour)>,
    /// The keys of the objects under `logs/` that no table reads although their names do not hide them.
    pub of_no_hour: Vec<String>,
}

/// How far the table of days goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DaysStatus {
    /// The last day that the view reads from the table of days. `None` if it reads none from there.
    pub watermark: Option<Day>,
    /// How many days hold what their hours have, as far as the partitions tell.
    pub rolled_up: u64,
    /// How many days the compactor would roll up now.
    pub due: u64,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HourStatus {
    /// When the events of the line arrived.
    pub hour: Hour,
    /// The number of its JSON objects.
    pub objects: u64,
    /// Bytes of its JSON objects.
    pub json_bytes: u64,
    /// Rows of its Parquet. `None` if it has no live folder.
    pub rows: Option<u64>,
    /// Bytes of its Parquet.
    pub parquet_bytes: u64,
    /// The prefix of its live folder, the only one to read. `None` if it has none.
    pub live_folder: Option<String>,
    /// How often it was compacted again.
    pub rewrites: u64,
    /// Lines left out because their row was there already.
    pub duplicates: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// What the compactor would say of it.
    pub state: CompactionState,
}

/// What the compactor would say of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompactionState {
    /// It may still get objects.
    Open,
    /// It has no objects.
    Empty,
    /// The hour's Parquet holds the rows of all its objects.
    Live,
    /// It closed less than two hours ago and was not compacted yet.
    Pending,
    /// It closed more than two hours ago and was not compacted.
    NotCompacted,
    /// It was compacted, and is to be compacted again for this reason.
    Due(Due),
    /// A run claimed it a moment ago.
    Claimed,
    /// A run began it and did not come back.
    Unfinished,
    /// It waits for a person.
    NeedsOperator(Need),
    /// The hour's manifest cannot be read.
    ManifestUnreadable,
}

/// What makes an hour wait for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Objects whose rows are in its Parquet are gone: how many.
    ObjectsGone(usize),
    /// The hour's JSON gives fewer rows than its Parquet has, or one of its objects gives fewer than when it was read before:
    /// how many fewer.
    RowsFewer(u64),
    /// Runs were abandoned over it: how many.
    RunsAbandoned(u32),
    /// Objects were written over, and nobody has accepted that: how many.
    Edited(u64),
    /// It does not fit into the compactor's memory.
    TooLarge,
}

/// Prints the status of the hours asked for.
///
/// # Errors
///
/// If the bucket or the catalog cannot be read.
pub async fn status(target: &Target, options: &Status, env: &Env) -> anyhow::Result<Verdict> {
    let deployment = Deployment::open_to_read(target, "status", env)?;
    let overview = look(&deployment, options, env).await?;
    if target.json {
        report::print_json(&overview)?;
    } else {
        let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| width.0.into());
        report::print(&overview.to_text(width))?;
    }
    Ok(Verdict::Well)
}

/// Reads the status of the hours asked for.
///
/// # Errors
///
/// If the bucket or the catalog cannot be read.
pub async fn look(deployment: &Deployment, options: &Status, env: &Env) -> anyhow::Result<Overview> {
    let Deployment { bucket, catalog, limits, .. } = deployment;
    let mut inventory = Inventory::gather(bucket, catalog).await?;
    let days = DaysStatus::of(&inventory, env.now, limits);
    inventory.hours.retain(|_, hour| !hour.inputs.is_empty() || hour.has_manifest);
    match options.span.hours(env.now)? {
        Some(hours) => inventory.keep(hours),
        None => inventory.keep_last(HOURS_SHOWN),
    }
    let (watermark, gaps) = (inventory.watermark(), inventory.gaps());
    let of_no_hour = inventory.of_no_hour.iter().map(|(object, _)| object.key.clone()).collect();
    let view = inventory.view.state(catalog.database(), watermark);
    let hours = inventory.hours.into_iter().map(|(hour, known)| hour_status(bucket, hour, known, env.now, limits));
    let hours = futures::stream::iter(hours).buffered(READS_AT_ONCE).try_collect().await?;
    Ok(Overview { hours, watermark, view, days, gaps, of_no_hour })
}

impl DaysStatus {
    /// By the rules by which a tick finds days.
    fn of(inventory: &Inventory, now: DateTime<Utc>, limits: &Limits) -> DaysStatus {
        let is_rolled_up = |day: &Day, known: &DayInventory| {
            let (Some(pointer), Some(etag)) = (&known.pointer, &known.manifest_etag) else { return false };
            let hours = inventory.hours.range(day.first()..day.end()).filter_map(|(_, hour)| hour.pointer.as_ref());
            let folders = digest_of_folders(hours.map(|pointer| pointer.location.clone()));
            pointer.manifest_etag == *etag && pointer.inputs == Some(folders)
        };
        let rolled_up = inventory.days.iter().filter(|(day, known)| is_rolled_up(day, known)).count();
        let end = inventory.watermark().map(|watermark| Day::of(watermark.next()));
        let end = end.filter(|_| limits.daily_table).map(|end| end.min(limits.first_unsettled_day(now)));
        let begun = end.map(|end| inventory.days_before(end, now)).unwrap_or_default();
        let never = begun.iter().filter(|day| !inventory.days.contains_key(day)).count();
        DaysStatus {
            watermark: inventory.view_day(),
            rolled_up: rolled_up as u64,
            due: (inventory.days.len() - rolled_up + never) as u64,
        }
    }
}

async fn hour_status(
    bucket: &Bucket,
    hour: Hour,
    known: HourInventory,
    now: DateTime<Utc>,
    limits: &Limits,
) -> Result<HourStatus, BucketError> {
    let manifest = match known.has_manifest {
        true => read_manifest(bucket, hour).await?.map(|stored| stored.manifest),
        false => Ok(Manifest::new(hour)),
    };
    let readable = manifest.is_ok();
    let manifest = manifest.unwrap_or(Manifest::new(hour));
    let live = manifest.live.as_ref();
    let counts = live.map(|live| live.counts).unwrap_or_default();
    Ok(HourStatus {
        hour,
        objects: known.inputs.len() as u64,
        json_bytes: known.json_bytes(),
        rows: live.map(|live| live.counts.rows),
        parquet_bytes: live.map_or(0, |live: &Live| live.files.iter().map(|file| file.size).sum()),
        live_folder: manifest.live_folder(),
        rewrites: manifest.commits.saturating_sub(1),
        duplicates: counts.duplicates,
        rejected: counts.rejected,
        state: match readable {
            true => CompactionState::of(hour, manifest, known, now, limits),
            false => CompactionState::ManifestUnreadable,
        },
    })
}

impl CompactionState {
    /// By the compactor's own plan for the hour.
    fn of(hour: Hour, manifest: Manifest, known: HourInventory, now: DateTime<Utc>, limits: &Limits) -> Self {
        let claimed = !manifest.claims.is_empty();
        let live = manifest.live_attempt().and_then(|attempt| known.folders.get(attempt));
        let files = live.into_iter().flatten().map(|file| file.key.clone()).collect();
        let seen = HourState { hour, listed: known.inputs, manifest, files };
        match plan(&seen, now, limits, Rewrite::No, Pass::Last) {
            Plan::Nothing { reason: Idle::Open, .. } => CompactionState::Open,
            Plan::Nothing { reason: Idle::NoObjects, .. } => CompactionState::Empty,
            Plan::Nothing { reason: Idle::UpToDate, .. } => CompactionState::Live,
            Plan::Nothing { reason: Idle::NotAccepted { objects }, .. } => {
                CompactionState::NeedsOperator(Need::Edited(objects))
            }
            Plan::Compact { .. } if claimed => CompactionState::Unfinished,
            Plan::Compact { due: Due::First, .. } => match is_recent(hour, now, limits) {
                true => CompactionState::Pending,
                false => CompactionState::NotCompacted,
            },
            Plan::Compact { due, .. } => CompactionState::Due(due),
            Plan::Skip { reason, .. } => CompactionState::skipped(&reason),
        }
    }

    fn skipped(reason: &SkipReason) -> CompactionState {
        match *reason {
            SkipReason::Claimed { .. } => CompactionState::Claimed,
            SkipReason::InputGone { objects } => CompactionState::NeedsOperator(Need::ObjectsGone(objects)),
            SkipReason::FewerRows { rows, had, .. } => CompactionState::NeedsOperator(Need::RowsFewer(had - rows)),
            SkipReason::WouldShrink { rows, had } => CompactionState::NeedsOperator(Need::RowsFewer(had - rows)),
            SkipReason::CrashLooping { abandoned, .. } => {
                CompactionState::NeedsOperator(Need::RunsAbandoned(abandoned))
            }
            SkipReason::TooLarge { .. } => CompactionState::NeedsOperator(Need::TooLarge),
            SkipReason::Unfinished { .. }
            | SkipReason::HourLost { .. }
            | SkipReason::Contended
            | SkipReason::InputChanging
            | SkipReason::NoTime => CompactionState::Unfinished,
        }
    }
}

impl fmt::Display for CompactionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompactionState::Open => f.write_str("open"),
            CompactionState::Empty => f.write_str("empty"),
            CompactionState::Live => f.write_str("live"),
            CompactionState::Pending => f.write_str("pending"),
            CompactionState::NotCompacted => f.write_str("not compacted"),
            CompactionState::Due(due) => write!(f, "due: {due}"),
            CompactionState::Claimed => f.write_str("claimed"),
            CompactionState::Unfinished => f.write_str("unfinished"),
            CompactionState::NeedsOperator(need) => write!(f, "needs operator: {need}"),
            CompactionState::ManifestUnreadable => f.write_str("manifest unreadable"),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::ObjectsGone(objects) => write!(f, "{objects} gone"),
            Need::RowsFewer(rows) => write!(f, "{rows} rows fewer"),
            Need::RunsAbandoned(runs) => write!(f, "{runs} abandoned"),
            Need::Edited(objects) => write!(f, "{objects} edited"),
            Need::TooLarge => f.write_str("too large"),
        }
    }
}

impl Serialize for CompactionState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Overview {
    /// The table, the bars and the view, for a page of `width` columns.
    pub fn to_text(&self, width: usize) -> String {
        let watermark = match self.watermark {
            Some(watermark) => format!("the watermark is at {watermark}"),
            None => "there is no watermark".to_string(),
        };
        let view = report::sentence(&format!("{watermark}; the view {} {}", catalog::VIEW, self.view_text())) + "\n";
        let gaps = match self.gaps.as_slice() {
            [] => String::new(),
            gaps => format!("hours without objects: {}\n", report::stretches(gaps)),
        };
        let view = [view, self.days.to_text(), gaps, report::of_no_hour(&self.of_no_hour)].concat();
        if self.hours.is_empty() {
            return format!("There are no hours.\n{view}");
        }
        format!("{}\n\n{}\n{view}", self.table(width), self.bars(width))
    }

    fn view_text(&self) -> String {
        match self.view {
            ViewState::FollowsWatermark | ViewState::IgnoresWatermark => self.view.to_string(),
            ViewState::Missing | ViewState::NotOurs | ViewState::WithoutWatermark | ViewState::Differs => {
                format!("is {}", self.view)
            }
        }
    }

    /// A state that does not fit into the page is broken over lines; the numbers never are.
    fn table(&self, width: usize) -> comfy_table::Table {
        let mut table = report::table(&HEADING);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(width.max(WIDTH)).unwrap_or(u16::MAX));
        for column in table.column_iter_mut() {
            column.set_padding((1, 0));
            if column.index + 1 < HEADING.len() {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        report::align_left(&mut table, HEADING.len() - 1);
        for hour in &self.hours {
            table.add_row(hour.cells());
        }
        table
    }

    /// A bar for the rows of each hour. The longest one ends at the edge of the page.
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

impl DaysStatus {
    /// A line. Empty if there is no day.
    fn to_text(self) -> String {
        if self == DaysStatus::default() {
            return String::new();
        }
        let up_to = self.watermark.map_or("no day".to_string(), |day| format!("days up to {day}"));
        let DaysStatus { rolled_up, due, .. } = self;
        let text =
            format!("the view reads {up_to} from {}; {rolled_up} days are rolled up, {due} are due", catalog::DAILY);
        report::sentence(&text) + "\n"
    }
}

/// A bar of `room` letters for `most`, to an eighth of a letter.
fn bar(value: u64, most: u64, room: usize) -> String {
    let eighths = value.saturating_mul(room as u64 * 8).checked_div(most).unwrap_or_default();
    let (whole, rest) = ((eighths / 8) as usize, (eighths % 8) as usize);
    format!("{}{}", "█".repeat(whole), EIGHTHS[rest])
}

impl HourStatus {
    fn cells(&self) -> [String; HEADING.len()] {
        let compacted = |cell: String| if self.rows.is_some() { cell } else { "-".to_string() };
        [
            self.hour.to_string(),
            self.objects.to_string(),
            report::bytes(self.json_bytes),
            compacted(self.rows.unwrap_or_default().to_string()),
            compacted(report::bytes(self.parquet_bytes)),
            compacted(self.duplicates.to_string()),
            compacted(self.rejected.to_string()),
            self.state.to_string(),
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

    fn hour(rows: Option<u64>, state: CompactionState) -> HourStatus {
        HourStatus {
            hour: "2026-11-20T13".parse().unwrap(),
            objects: 1234,
            json_bytes: 999 << 20,
            rows,
            parquet_bytes: 999 << 20,
            live_folder: None,
            rewrites: 12,
            duplicates: 12_345,
            rejected: 12_345,
            state,
        }
    }

    fn overview(hours: Vec<HourStatus>) -> Overview {
        Overview {
            hours,
            watermark: Some("2026-11-20T13".parse().unwrap()),
            view: ViewState::FollowsWatermark,
            days: DaysStatus::default(),
            gaps: Vec::new(),
            of_no_hour: Vec::new(),
        }
    }

    #[test]
    fn a_page_of_eighty_columns_is_enough() {
        let rows = Some(1_234_567);
        let hours = vec![
            hour(rows, CompactionState::Live),
            hour(None, CompactionState::NotCompacted),
            hour(Some(0), CompactionState::Live),
            hour(rows, CompactionState::ManifestUnreadable),
            hour(rows, CompactionState::NeedsOperator(Need::RowsFewer(1_234_567))),
        ];
        let overview = overview(hours);
        let text = overview.to_text(80);
        let longest = text.lines().map(|line| line.trim_end().chars().count()).max();
        assert_eq!(longest, Some(80), "{text}");
        let table = overview.table(80).to_string();
        let longest = table.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(80), "{table}");
        for whole in ["2026-11-20T13", "999.00 MiB", "1234567", "not compacted"] {
            assert!(table.contains(whole), "{table}");
        }
        assert!(text.contains(" 2026-11-20T13       - not compacted\n"), "{text}");
        let last = "the watermark is at 2026-11-20T13; the view auth0_logs follows the watermark\n";
        assert!(text.ends_with(last), "{text}");
    }

    #[test]
    fn a_state_is_broken_only_if_the_page_is_too_narrow() {
        let small = HourStatus { json_bytes: 98 << 20, parquet_bytes: 9 << 20, ..hour(Some(7), CompactionState::Live) };
        let gone = CompactionState::NeedsOperator(Need::ObjectsGone(1));
        let overview = overview(vec![HourStatus { state: gone, ..small }]);
        let narrow = overview.table(40).to_string();
        assert!(narrow.contains(" needs operator"), "{narrow}");
        assert_eq!(narrow, overview.table(80).to_string(), "no page is narrower");
        let wide = overview.table(103).to_string();
        assert!(wide.contains(" needs operator: 1 gone"), "{wide}");
    }

    #[test]
    fn the_days_are_a_line() {
        let text = |days: DaysStatus| Overview { days, ..overview(Vec::new()) }.to_text(100);
        let day = "2026-11-18".parse().ok();
        let told = "the view reads days up to 2026-11-18 from auth0_logs_daily; 12 days are rolled\nup, 1 are due\n";
        assert!(text(DaysStatus { watermark: day, rolled_up: 12, due: 1 }).ends_with(told));
        let told = "the view reads no day from auth0_logs_daily; 0 days are rolled up, 3 are due\n";
        assert!(text(DaysStatus { watermark: None, rolled_up: 0, due: 3 }).ends_with(told));
        assert!(!text(DaysStatus::default()).contains("auth0_logs_daily"));
    }

    #[test]
    fn the_view_is_described_in_words() {
        let text = |view: ViewState| {
            let text = Overview { view, ..overview(Vec::new()) }.to_text(100);
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert!(text(ViewState::Missing).ends_with("the view auth0_logs is missing"));
        assert!(text(ViewState::NotOurs).ends_with("the view auth0_logs is not ours"));
        assert!(text(ViewState::WithoutWatermark).ends_with("the view auth0_logs is without a watermark"));
        assert!(text(ViewState::IgnoresWatermark).ends_with("the view auth0_logs does not follow the watermark"));
    }
}
