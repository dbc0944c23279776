//! What was found, as people read it and as JSON: a line an hour, a summary, and a sentence that says it all.

use std::collections::BTreeMap;

use log_format::Hour;
use serde::Serialize;
use serde_json::json;

use super::finding::{Difference, Finding};
use super::hour::{Checked, Projection};
use super::{CHANGING, Verified};
use crate::{Verdict, report};

/// How many differences of a kind are printed for people below an hour; `--json` has all of them.
const PRINTED_MAX: usize = 10;

const HEADING: [&str; 7] = ["hour", "state", "objects", "lines", "rows", "dup.", "rej."];
/// Columns that hold words; the others hold numbers.
const COLUMNS_OF_WORDS: usize = 2;
/// What differs in an hour stands below its line, so far to the right that the lines can still be followed.
const INDENT: &str = "     ";

/// Where an hour stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// All of it was looked at, and nothing differs.
    Sound,
    /// The same, but it is not to be whole in Parquet yet.
    Pending,
    /// Something is wrong.
    Differs,
    /// It could not be looked at.
    Unknown,
}

/// One hour, as it is told.
#[derive(Debug, Serialize)]
struct Line<'a> {
    hour: Hour,
    state: State,
    objects: u64,
    json_bytes: u64,
    #[serde(flatten)]
    parquet: Option<Projection>,
    compared: bool,
    findings: Vec<&'a Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    untold: Option<String>,
}

impl Verified {
    /// All of it.
    pub(super) fn to_json(&self) -> anyhow::Result<serde_json::Value> {
        let mut value = serde_json::to_value(self)?;
        value["proven"] = json!(self.verdict() == Verdict::Well);
        value["by_hour"] = serde_json::to_value(self.lines())?;
        let kinds = self.by_kind().into_iter();
        let kind = |(kind, count): (Difference, u64)| json!({"difference": kind, "count": count, "advice": kind.remedy().advice()});
        value["differences"] = kinds.map(kind).collect();
        Ok(value)
    }

    /// The repairs, a line an hour with what differs below it, what differs in no hour, the summary and the sentence.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for repair in &self.repairs {
            text.push_str(&format!("{repair}\n"));
        }
        text.push_str(&table(&self.lines()));
        let elsewhere: Vec<&Finding> = self.findings.iter().filter(|finding| finding.hour.is_none()).collect();
        if !elsewhere.is_empty() {
            text.push_str(&format!(" in no hour\n{}", differences(&elsewhere)));
        }
        for difference in &self.changing {
            text.push_str(&format!("! {}: {CHANGING}\n", difference.name()));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        format!("{text}{}\n{}\n", self.summary(), self.sentence())
    }

    /// Every hour that was looked at, or that something is missing from.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines: BTreeMap<Hour, Line<'_>> =
            self.by_hour.iter().map(|(hour, checked)| (*hour, Line::new(*hour, checked))).collect();
        for finding in &self.findings {
            if let Some(hour) = finding.hour {
                lines.entry(hour).or_insert_with(|| Line::new(hour, &Checked::default())).add(finding);
            }
        }
        lines.into_values().collect()
    }

    /// How many differences there are of each kind.
    fn by_kind(&self) -> BTreeMap<Difference, u64> {
        let mut kinds = BTreeMap::new();
        for finding in &self.findings {
            *kinds.entry(finding.difference).or_default() += 1;
        }
        kinds
    }

    fn summary(&self) -> String {
        let (totals, parquet) = (&self.totals, &self.totals.parquet);
        let percent = (parquet.parquet_bytes * 100).checked_div(totals.json_bytes).unwrap_or_default();
        let rows = [
            ("hours", self.hours, format!("{} pending, {} compared row by row", self.pending, self.compared)),
            ("JSON objects", totals.objects, report::bytes(totals.json_bytes)),
            ("lines", parquet.lines, "of the hours in Parquet".to_string()),
            ("rows", parquet.rows, format!("{}, {percent} % of the JSON", report::bytes(parquet.parquet_bytes))),
            ("duplicates left out", parquet.duplicates, String::new()),
            ("lines rejected", parquet.rejected, "kept under rejected/".to_string()),
            ("objects under error/", self.error_objects, self.replays()),
            ("unread", self.unread_objects, "objects under logs/ that no reader takes for an hour's".to_string()),
            ("differences", self.findings.len() as u64, self.kinds()),
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

    fn kinds(&self) -> String {
        let kinds = self.by_kind().into_iter().map(|(kind, count)| format!("{count} × {}", kind.name()));
        kinds.collect::<Vec<String>>().join(", ")
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
                format!("COULD NOT TELL: {} × unknown, with the reason above; run it again.", self.untold.len())
            }
        }
    }
}

impl<'a> Line<'a> {
    fn new(hour: Hour, checked: &Checked) -> Line<'a> {
        let &Checked { objects, json_bytes, parquet, pending, compared, .. } = checked;
        let untold = checked.untold.clone();
        let state = match (untold.is_some(), pending) {
            (true, _) => State::Unknown,
            (false, true) => State::Pending,
            (false, false) => State::Sound,
        };
        Line { hour, state, objects, json_bytes, parquet, compared, findings: Vec::new(), untold }
    }

    fn add(&mut self, finding: &'a Finding) {
        self.findings.push(finding);
        if self.state != State::Unknown {
            self.state = State::Differs;
        }
    }

    /// What nobody knows is a dash, and what is as it nearly always is, nothing.
    fn cells(&self) -> [String; HEADING.len()] {
        let known =
            |number: fn(&Projection) -> u64| self.parquet.as_ref().map_or("-".to_string(), |it| number(it).to_string());
        let rare = |number: fn(&Projection) -> u64| {
            let number = self.parquet.as_ref().map(number).filter(|number| *number > 0);
            number.map(|number| number.to_string()).unwrap_or_default()
        };
        [
            self.hour.to_string(),
            self.state.name().to_string(),
            self.objects.to_string(),
            known(|it| it.lines),
            known(|it| it.rows),
            rare(|it| it.duplicates),
            rare(|it| it.rejected),
        ]
    }

    /// What stands below it.
    fn below(&self) -> String {
        let untold = self.untold.as_ref().map(|why| format!("{INDENT}could not tell: {why}\n")).unwrap_or_default();
        untold + &differences(&self.findings)
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Sound => "sound",
            State::Pending => "pending",
            State::Differs => "differs",
            State::Unknown => "unknown",
        }
    }
}

/// A line an hour, in columns, and below an hour what is wrong with it. The last is as long as a key, so there is no frame
/// to keep it in.
fn table(lines: &[Line<'_>]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let heading = HEADING.map(str::to_string);
    let cells: Vec<[String; HEADING.len()]> = lines.iter().map(Line::cells).collect();
    let mut widths = HEADING.map(str::len);
    for cells in &cells {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
    }
    let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * widths.len());
    let mut text = format!("{}{rule}\n", row(&heading, &widths));
    for (line, cells) in lines.iter().zip(&cells) {
        text.push_str(&row(cells, &widths));
        text.push_str(&line.below());
    }
    text
}

fn row(cells: &[String; HEADING.len()], widths: &[usize; HEADING.len()]) -> String {
    let mut text = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        text.push_str(&match column < COLUMNS_OF_WORDS {
            true => format!(" {cell:<width$} "),
            false => format!(" {cell:>width$} "),
        });
    }
    format!("{}\n", text.trim_end())
}

/// Each difference, and after those that are mended in the same way, how.
fn differences(findings: &[&Finding]) -> String {
    let mut text = String::new();
    let mut kinds = findings.chunk_by(|one, other| one.difference == other.difference).peekable();
    while let Some(findings) = kinds.next() {
        let kind = findings[0].difference;
        for finding in findings.iter().take(PRINTED_MAX) {
            text.push_str(&format!("{INDENT}{}: {}\n", kind.name(), finding.what));
        }
        let more = findings.len().saturating_sub(PRINTED_MAX);
        if more > 0 {
            text.push_str(&format!("{INDENT}{}: {more} more; --json has them all\n", kind.name()));
        }
        if kinds.peek().is_none_or(|next| next[0].difference.remedy() != kind.remedy()) {
            text.push_str(&format!("{INDENT}→ {}\n", kind.remedy().advice()));
        }
    }
    text
}
