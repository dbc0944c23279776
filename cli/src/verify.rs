//! `verify`: proves from the bucket and the catalog alone that no delivered event is lost, doubled or half shown.
//!
//! Nothing that it reports comes from the compactor: the listings, the manifests, the files' bytes and the catalog are
//! held against each other ([`hour`]), and with `--deep` every row against every line, read by a reader of its own
//! (`lines`). With `--repair` the compactor mends what it can (`repair`), and all is looked at again.

mod deep;
pub(crate) mod evidence;
pub mod finding;
pub mod hour;
mod lines;
mod repair;
mod replays;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{bail, ensure};
use catalog::{Catalog, JSON, PARQUET};
use futures::StreamExt;
use indicatif::ProgressBar;
use log_format::Hour;
use serde::{Deserialize, Serialize};
use serde_json::json;
use telemetry::error_chain;

use crate::args::{Place, Verify};
use crate::deployment::Deployment;
use crate::given::Given;
use crate::{Verdict, progress, report};
use evidence::{Evidence, View};
use finding::{Difference, Finding};
use hour::{Checked, Checker};
pub use repair::Repair;
use replays::Replays;

/// An hour may be without Parquet for so long after it has closed: two ticks.
pub(crate) const PENDING_HOURS: i64 = 2;
/// How many hours are looked at at the same time: each holds its files in memory.
const HOURS_AT_ONCE: usize = 4;
/// How many differences are printed for people; `--json` has all of them.
const PRINTED_MAX: usize = 200;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Hours that have anything.
    pub hours: u64,
    /// Hours that are not to be whole in Parquet yet: open, or closed a moment ago.
    pub pending: u64,
    /// Hours whose rows were compared with their lines.
    pub compared: u64,
    /// The hours' numbers, summed.
    #[serde(flatten)]
    pub totals: Totals,
    /// Objects under `error/`.
    pub error_objects: u64,
    /// Those whose records were replayed into the event log, or refused again.
    pub error_objects_replayed: u64,
    /// Records of those that were refused again: they are under `error/` alone.
    pub records_refused: u64,
    /// Objects under `logs/` that no reader takes for an hour's.
    pub unread_objects: u64,
    /// Everything that is wrong, in order of its hour.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub untold: Vec<String>,
    /// What was done about what was wrong before.
    pub repairs: Vec<Repair>,
}

/// Numbers of all hours.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// JSON objects.
    pub objects: u64,
    /// Their bytes.
    pub json_bytes: u64,
    /// Lines that the Parquet was made of.
    pub lines: u64,
    /// Its rows.
    pub rows: u64,
    /// Lines left out because their row was there already.
    pub duplicates: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// Bytes of Parquet.
    pub parquet_bytes: u64,
}

/// Verifies, repairs if asked to, and tells what was found.
pub async fn verify(place: &Place, options: &Verify, given: &Given) -> anyhow::Result<Verdict> {
    let deployment = Deployment::open(place, "verify", given)?;
    if options.repair && place.aws {
        check_database(&deployment.catalog).await?;
    }
    let found = run(&deployment, options, given).await?;
    if place.json {
        report::print_json(&found.to_json()?)?;
    } else {
        report::print(&found.to_text())?;
    }
    Ok(found.verdict())
}

/// A database that was mistyped is not to be made on AWS.
async fn check_database(catalog: &Catalog) -> anyhow::Result<()> {
    for table in [JSON, PARQUET] {
        if catalog.table(table).await?.is_some() {
            return Ok(());
        }
    }
    let database = catalog.database();
    bail!(
        "database {database:?} has neither the table {JSON} nor {PARQUET}; is that --database right? If they were dropped, \
         the compactor's next run makes them anew"
    )
}

/// Verifies, repairs if asked to and verifies again.
///
/// # Errors
///
/// Where the bucket or the catalog cannot be listed, so that nothing can be told.
pub async fn run(deployment: &Deployment, options: &Verify, given: &Given) -> anyhow::Result<Verified> {
    let found = look(deployment, options, given).await?;
    if !options.repair || found.findings.is_empty() {
        return Ok(found);
    }
    let repairs = repair::repair(deployment, &found.findings, given).await;
    Ok(Verified { repairs, ..look(deployment, options, given).await? })
}

async fn look(deployment: &Deployment, options: &Verify, given: &Given) -> anyhow::Result<Verified> {
    let Deployment { bucket, catalog, limits, .. } = deployment;
    let replays = Replays::gather(bucket).await?;
    let mut evidence = Evidence::gather(bucket, catalog).await?;
    let mut found = Verified::default();
    found.at_replays(&replays, &evidence);
    if let Some((from, to)) = options.from.zip(options.to) {
        ensure!(from < to, "--from {from} is not before --to {to}; the latter is the hour after the last");
        evidence.keep(from, to);
    }
    let cut = found.at_cut(&evidence);
    found.at_view(&evidence, catalog.database(), cut);
    found.at_rest(&evidence);
    let checker = Checker { bucket: bucket.clone(), now: given.now, limits: limits.clone(), cut, deep: options.deep };
    let bar = progress::bar(evidence.hours.len() as u64, "hours", given.terminal);
    found.at_hours(checker, evidence, &bar).await;
    bar.finish_and_clear();
    found.findings.sort();
    Ok(found)
}

/// The content of `manifests/cut.json`, as far as it matters here.
#[derive(Deserialize)]
struct Cut {
    cut: Hour,
}

/// The hour up to which the view reads Parquet, by the cut's bytes.
pub(crate) fn cut_of(bytes: &[u8]) -> Option<Hour> {
    serde_json::from_slice::<Cut>(bytes).ok().map(|cut| cut.cut)
}

impl Verified {
    /// Could all be told, and is all proven?
    pub fn verdict(&self) -> Verdict {
        match (self.untold.is_empty(), self.findings.is_empty()) {
            (false, _) => Verdict::Unknown,
            (true, proven) => Verdict::of(proven),
        }
    }

    fn found(&mut self, difference: Difference, what: impl Into<String>) {
        self.findings.push(Finding { hour: None, difference, what: what.into() });
    }

    fn at_cut(&mut self, evidence: &Evidence) -> Option<Hour> {
        let key = log_format::layout::CUT;
        let committed = evidence.hours.values().any(|hour| hour.has_manifest);
        match evidence.cut.as_deref().map(cut_of) {
            None if committed => self.found(Difference::CutMissing, key),
            None => {}
            Some(None) => self.found(Difference::CutUnreadable, key),
            Some(cut) => return cut,
        }
        None
    }

    /// The view is a cache of the cut.
    fn at_view(&mut self, evidence: &Evidence, database: &str, cut: Option<Hour>) {
        let name = format!("{database}.{}", catalog::VIEW);
        match (&evidence.view, cut) {
            (View::NotOurs, _) => self.found(Difference::ViewNotOurs, name),
            (View::Missing, _) if evidence.hours.values().any(|hour| hour.has_manifest) => {
                self.found(Difference::ViewMissing, name);
            }
            (View::Ours(view), Some(cut)) => {
                let ours = catalog::view::table(database, cut);
                if view.view_original_text() != ours.view_original_text() {
                    self.found(Difference::ViewOther, format!("{name} does not read Parquet up to {cut} as ours does"));
                }
            }
            (View::Missing | View::Ours(_), _) => {}
        }
    }

    fn at_rest(&mut self, evidence: &Evidence) {
        for table in &evidence.missing_tables {
            self.found(Difference::TableMissing, *table);
        }
        for object in &evidence.stray {
            self.found(Difference::ObjectStray, format!("{}, {} bytes", object.key, object.size));
        }
        self.unread_objects = evidence.unread.len() as u64;
    }

    /// Each hour in a task of its own, so that a file which brings a reader down costs that hour's answer alone.
    async fn at_hours(&mut self, checker: Checker, evidence: Evidence, bar: &ProgressBar) {
        let checker = Arc::new(checker);
        let tasks = evidence.hours.into_iter().map(|(hour, known)| {
            let checker = Arc::clone(&checker);
            async move { (hour, tokio::spawn(async move { checker.check(hour, &known).await }).await) }
        });
        let mut tasks = futures::stream::iter(tasks).buffered(HOURS_AT_ONCE);
        while let Some((hour, ended)) = tasks.next().await {
            bar.inc(1);
            match ended {
                Ok(Ok(checked)) => self.add(checked),
                Ok(Err(error)) => self.untold.push(format!("{hour}: {}", error_chain(&error))),
                Err(_) => self.untold.push(format!("{hour}: looking at it panicked")),
            }
        }
    }

    fn add(&mut self, checked: Checked) {
        self.hours += 1;
        self.pending += u64::from(checked.pending);
        self.compared += u64::from(checked.compared);
        let totals = &mut self.totals;
        totals.objects += checked.objects;
        totals.json_bytes += checked.json_bytes;
        totals.lines += checked.lines;
        totals.rows += checked.rows;
        totals.duplicates += checked.duplicates;
        totals.rejected += checked.rejected;
        totals.parquet_bytes += checked.parquet_bytes;
        self.findings.extend(checked.findings);
    }

    /// How many differences there are of each kind.
    fn by_kind(&self) -> BTreeMap<Difference, u64> {
        let mut kinds = BTreeMap::new();
        for finding in &self.findings {
            *kinds.entry(finding.difference).or_default() += 1;
        }
        kinds
    }

    fn to_json(&self) -> anyhow::Result<serde_json::Value> {
        let mut value = serde_json::to_value(self)?;
        value["proven"] = json!(self.verdict() == Verdict::Well);
        let kinds = self.by_kind().into_iter();
        let kind = |(kind, count): (Difference, u64)| json!({"difference": kind, "count": count, "advice": kind.remedy().advice()});
        value["differences"] = kinds.map(kind).collect();
        Ok(value)
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        for repair in &self.repairs {
            text.push_str(&format!("{repair}\n"));
        }
        if !self.findings.is_empty() {
            text.push_str(&format!("{}\n{}\n", self.findings_table(), self.advice()));
        }
        text.push_str(&report::troubles(&self.untold));
        format!("{text}{}\n{}\n", self.summary(), self.sentence())
    }

    /// One line a difference. The last column is as long as a key, so there is no frame to keep it in.
    fn findings_table(&self) -> String {
        let names = self.findings.iter().map(|finding| finding.difference.name().len());
        let width = names.max().unwrap_or_default();
        let mut text = String::new();
        for finding in self.findings.iter().take(PRINTED_MAX) {
            let hour = finding.hour.map_or(String::new(), |hour| hour.to_string());
            text.push_str(&format!(" {hour:<13}  {:<width$}  {}\n", finding.difference.name(), finding.what));
        }
        let more = self.findings.len().saturating_sub(PRINTED_MAX);
        if more > 0 { format!("{text} and {more} more; --json has them all\n") } else { text }
    }

    /// What to do about each kind of difference.
    fn advice(&self) -> String {
        let kinds = self.by_kind().into_iter();
        let line =
            |(kind, count): (Difference, u64)| format!(" {count} × {}: {}\n", kind.name(), kind.remedy().advice());
        kinds.map(line).collect()
    }

    fn summary(&self) -> String {
        let totals = &self.totals;
        let percent = (totals.parquet_bytes * 100).checked_div(totals.json_bytes).unwrap_or_default();
        let rows = [
            ("hours", self.hours, format!("{} pending, {} compared row by row", self.pending, self.compared)),
            ("JSON objects", totals.objects, report::bytes(totals.json_bytes)),
            ("lines", totals.lines, "of the hours in Parquet".to_string()),
            ("rows", totals.rows, format!("{}, {percent} % of the JSON", report::bytes(totals.parquet_bytes))),
            ("duplicates left out", totals.duplicates, String::new()),
            ("lines rejected", totals.rejected, "kept under rejected/".to_string()),
            ("objects under error/", self.error_objects, self.replays()),
            ("unread", self.unread_objects, "objects under logs/ that no reader takes for an hour's".to_string()),
            ("differences", self.findings.len() as u64, String::new()),
        ];
        let mut table = report::table(&["", "count", ""]);
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(comfy_table::CellAlignment::Left);
        }
        for (name, count, note) in rows {
            table.add_row([name.to_string(), count.to_string(), note]);
        }
        table.to_string()
    }

    fn replays(&self) -> String {
        let refused = self.records_refused;
        let refused = if refused > 0 { format!(", {refused} records refused again") } else { String::new() };
        format!("{} replayed{refused}", self.error_objects_replayed)
    }

    fn sentence(&self) -> String {
        match self.verdict() {
            Verdict::Well if self.hours == 0 => {
                "There is nothing to prove: no hour under logs/ of this bucket, or of this range, holds anything."
                    .to_string()
            }
            Verdict::Well => "Proven: every delivered event is in exactly one place, and nothing else is.".to_string(),
            Verdict::Trouble => format!("NOT PROVEN: {} differences.", self.findings.len()),
            Verdict::Unknown => {
                format!("COULD NOT TELL: {} hours could not be read; run it again.", self.untold.len())
            }
        }
    }
}
