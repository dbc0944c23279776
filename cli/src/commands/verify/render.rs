//! Makes text and JSON of what was found: a line for each hour, a summary, and a sentence with the conclusion.

use std::collections::BTreeMap;

use log_format::Hour;
use serde::Serialize;
use serde_json::json;

use super::finding::{Difference, Finding};
use super::hour::{CHANGING, Checked, ParquetCounts};
use super::verified::Verified;
use crate::output::report;
use crate::output::verdict::Verdict;

/// How many differences of a kind are printed below an hour. `--json` has all of them.
const PRINTED_MAX: usize = 10;

const HEADING: [&str; 7] = ["hour", "state", "objects", "lines", "rows", "duplicates", "rejected"];
/// Columns that hold words; the others hold numbers.
const COLUMNS_OF_WORDS: usize = 2;
/// The differences of an hour are printed below its line, indented.
const INDENT: &str = "     ";

/// The result of an hour in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// All of it was checked, and nothing differs.
    Sound,
    /// All of it was checked and nothing differs, but it need not be whole in Parquet yet.
    Pending,
    /// It has differences.
    Differs,
    /// It could not be checked.
    Unknown,
}

/// One hour, as it is printed.
#[derive(Debug, Serialize)]
struct Line<'a> {
    hour: Hour,
    state: State,
    objects: u64,
    json_bytes: u64,
    #[serde(flatten)]
    parquet: Option<ParquetCounts>,
    compared: bool,
    findings: Vec<&'a Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inconclusive: Option<String>,
}

impl Verified {
    /// Everything that was found.
    pub(super) fn to_json(&self) -> anyhow::Result<serde_json::Value> {
        let mut value = serde_json::to_value(self)?;
        value["proven"] = json!(self.verdict() == Verdict::Well);
        value["verdict"] = json!(self.verdict_name());
        value["by_hour"] = serde_json::to_value(self.lines())?;
        let kind = |(kind, count): (Difference, u64)| {
            let advice = kind.remedy().advice();
            json!({"difference": kind, "count": count, "advice": advice})
        };
        value["differences"] = self.by_kind().into_iter().map(kind).collect();
        Ok(value)
    }

    /// The repairs, a line for each hour with its differences, the differences in no hour, the summary and the
    /// sentence.
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
        format!("{text}{}\n{}{}\n", self.summary(), self.awaiting(), self.sentence())
    }

    /// Every hour that was checked or has a finding.
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
        let percent = report::percent(parquet.parquet_bytes, totals.json_bytes);
        let rows = [
            ("hours", self.hours, format!("{} pending, {} compared row by row", self.pending, self.compared)),
            ("hours without objects", self.hours_without_objects(), report::stretches(&self.gaps)),
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
        report::align_left(&mut table, 2);
        for (name, count, note) in rows {
            table.add_row([name.to_string(), count.to_string(), note]);
        }
        table.to_string()
    }

    fn replays(&self) -> String {
        let refused = self.records_refused;
        let refused = if refused > 0 { format!(", {refused} records refused again") } else { String::new() };
        format!("{} replayed{refused}, {} wait for replay", self.error_objects_replayed, self.awaiting_replay)
    }

    /// A line about what is in neither table and not lost. Empty if there is no such object.
    fn awaiting(&self) -> String {
        let Some(first) = &self.awaiting_replay_first else { return String::new() };
        format!("{} objects under error/ wait for `replay`, the first {first}\n", self.awaiting_replay)
    }

    pub(super) fn verdict_name(&self) -> &'static str {
        match self.verdict() {
            Verdict::Well => "proven",
            Verdict::Trouble => "differs",
            Verdict::Unknown => "cannot tell",
            Verdict::Nothing => "nothing to prove",
        }
    }

    fn kinds(&self) -> String {
        let kinds = self.by_kind().into_iter().map(|(kind, count)| format!("{count} × {}", kind.name()));
        kinds.collect::<Vec<String>>().join(", ")
    }

    pub(super) fn sentence(&self) -> String {
        match self.verdict() {
            Verdict::Nothing => {
                "NOTHING TO PROVE: no hour under logs/ of this bucket, or of this range, holds anything.".to_string()
            }
            Verdict::Well => "Proven: every delivered event is in exactly one place, and nothing else is.".to_string(),
            Verdict::Trouble => format!("NOT PROVEN: {} differences.", self.findings.len()),
            Verdict::Unknown => {
                format!("COULD NOT TELL: {} × unknown, with the reason above; run it again.", self.inconclusive.len())
            }
        }
    }
}

impl<'a> Line<'a> {
    fn new(hour: Hour, checked: &Checked) -> Line<'a> {
        let &Checked { objects, json_bytes, parquet, pending, compared, .. } = checked;
        let inconclusive = checked.inconclusive.clone();
        let state = match (inconclusive.is_some(), pending) {
            (true, _) => State::Unknown,
            (false, true) => State::Pending,
            (false, false) => State::Sound,
        };
        Line { hour, state, objects, json_bytes, parquet, compared, findings: Vec::new(), inconclusive }
    }

    fn add(&mut self, finding: &'a Finding) {
        self.findings.push(finding);
        if self.state != State::Unknown {
            self.state = State::Differs;
        }
    }

    /// An unknown number is a dash. Zero duplicates or rejected lines are blank, because nearly all hours have none.
    fn cells(&self) -> [String; HEADING.len()] {
        let known = |number: fn(&ParquetCounts) -> u64| {
            self.parquet.as_ref().map_or("-".to_string(), |it| number(it).to_string())
        };
        let rare = |number: fn(&ParquetCounts) -> u64| {
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

    /// The lines that are printed below it.
    fn below(&self) -> String {
        let inconclusive =
            self.inconclusive.as_ref().map(|why| format!("{INDENT}could not tell: {why}\n")).unwrap_or_default();
        inconclusive + &differences(&self.findings)
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

/// The lines of all hours in columns, each with its differences below. A difference may be as long as a key, so it is
/// not part of the columns.
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

/// Each difference, and what to do about it after the last of those with the same remedy.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_hours_fit_into_eighty_columns() {
        let (lines, rows) = (99_999_999, 99_999_999);
        let parquet =
            ParquetCounts { lines, rows, duplicates: 12_345_678, rejected: 1_234_567, parquet_bytes: 1 << 30 };
        let checked = Checked { objects: 12_345, parquet: Some(parquet), pending: true, ..Checked::default() };
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        let text = table(&[Line::new(hour, &checked), Line::new(hour.next(), &Checked::default())]);
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(longest <= 80, "{longest}: {text}");
        assert!(
            text.starts_with(" hour           state    objects     lines      rows  duplicates  rejected\n"),
            "{text}"
        );
    }
}
