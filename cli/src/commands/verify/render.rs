//! Makes text and JSON of what was found: a line for each hour and each day, a summary, and a sentence with the conclusion.

use std::collections::BTreeMap;

use log_format::{Day, Hour};
use serde::Serialize;
use serde_json::json;
use telemetry::plain;

use super::check::{CHANGING, Checked, CheckedDay, ParquetCounts};
use super::finding::{Difference, Finding};
use super::verified::Verified;
use crate::commands::reconcile::state::Proven;
use crate::output::report;
use crate::output::verdict::Verdict;

/// How many differences of a kind are printed below an hour or a day. `--json` has all of them.
const PRINTED_MAX: usize = 10;
/// Of how many objects that are gone the versions are asked for.
const VERSIONS_SHOWN: usize = 3;

const HEADING: [&str; 7] = ["hour", "state", "objects", "lines", "rows", "duplicates", "rejected"];
const DAY_HEADING: [&str; 4] = ["day", "state", "hours", "rows"];
/// Columns that hold words; the others hold numbers.
const COLUMNS_OF_WORDS: usize = 2;
/// The differences of an hour or a day are printed below its line, indented.
const INDENT: &str = "     ";

/// The result of an hour or a day in one word.
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

/// One day, as it is printed.
#[derive(Debug, Serialize)]
struct DayLine<'a> {
    day: Day,
    state: State,
    hours: u64,
    rows: Option<u64>,
    daily_bytes: u64,
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
        value["by_day"] = serde_json::to_value(self.day_lines())?;
        let kind = |(kind, count): (Difference, u64)| {
            let first = self.findings.iter().find(|finding| finding.difference == kind);
            json!({"difference": kind, "count": count, "advice": first.map(Finding::advice)})
        };
        value["differences"] = self.by_kind().into_iter().map(kind).collect();
        Ok(value)
    }

    /// The repairs, a line for each hour and each day with its differences, the differences in neither, the summary and
    /// the sentence.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for repair in &self.repairs {
            text.push_str(&format!("{}\n", plain::value(&repair.to_string())));
        }
        let hours = self.lines().iter().map(|line| (line.cells(), line.below())).collect::<Vec<_>>();
        let days = self.day_lines().iter().map(|line| (line.cells(), line.below())).collect::<Vec<_>>();
        let between = if hours.is_empty() || days.is_empty() { "" } else { "\n" };
        text.push_str(&[table(HEADING, &hours), between.to_string(), table(DAY_HEADING, &days)].concat());
        let is_elsewhere = |finding: &&Finding| finding.hour.is_none() && finding.day.is_none();
        let elsewhere: Vec<&Finding> = self.findings.iter().filter(is_elsewhere).collect();
        if !elsewhere.is_empty() {
            text.push_str(&format!(" in no hour\n{}", differences(&elsewhere)));
        }
        for difference in &self.changing {
            text.push_str(&format!("! {}: {CHANGING}\n", difference.name()));
        }
        if !text.is_empty() {
            text.push('\n');
        }
        format!("{text}{}\n{}{}\n{}", self.summary(), self.reconciled_spans(), self.sentence(), self.awaiting())
    }

    /// A line for each tenant with the last span that `reconcile` has proven.
    fn reconciled_spans(&self) -> String {
        let last = self.reconciled.iter().filter_map(|(tenant, spans)| Some((tenant, spans.last()?)));
        let line = |(tenant, span): (&String, &Proven)| {
            let [from, to] = [span.from, span.to].map(|moment| moment.format("%Y-%m-%dT%H:%M:%SZ"));
            let text = format!("by `reconcile`, all that {tenant} logged from {from} to {to} is here");
            report::sentence(&text) + "\n"
        };
        last.map(line).collect()
    }

    /// For each object of `bucket` that is gone, the command that lists what S3 keeps of it. Empty if none is gone.
    pub fn versions_of_gone(&self, bucket: &str) -> String {
        let gone = self.findings.iter().filter(|finding| finding.difference == Difference::InputGone);
        let keys: Vec<&str> = gone.filter_map(|finding| Some(finding.what.rsplit_once(", ")?.0)).collect();
        if keys.is_empty() {
            return String::new();
        }
        let commands: String = keys.iter().take(VERSIONS_SHOWN).map(|key| list_versions(bucket, key)).collect();
        let more = keys.len().saturating_sub(VERSIONS_SHOWN);
        let more = if more > 0 { format!("  … and so on for {more} more\n") } else { String::new() };
        format!("With versioning, S3 may still have what is gone:\n{commands}{more}")
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

    /// Every day that was checked or has a finding.
    fn day_lines(&self) -> Vec<DayLine<'_>> {
        let mut lines: BTreeMap<Day, DayLine<'_>> =
            self.by_day.iter().map(|(day, checked)| (*day, DayLine::new(*day, checked))).collect();
        for finding in &self.findings {
            if let Some(day) = finding.day {
                lines.entry(day).or_insert_with(|| DayLine::new(day, &CheckedDay::default())).add(finding);
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
            ("days", self.days, self.days_text()),
            ("objects under error/", self.error_objects, self.replays()),
            ("unread", self.unread_objects, "under logs/, of no hour".to_string()),
            ("differences", self.findings.len() as u64, self.kinds()),
        ];
        let mut table = report::table(&["", "count", ""]);
        report::align_left(&mut table, 2);
        for (name, count, note) in rows {
            table.add_row([name.to_string(), count.to_string(), note]);
        }
        table.to_string()
    }

    fn days_text(&self) -> String {
        let (rows, bytes) = (self.totals.day_rows, report::bytes(self.totals.daily_bytes));
        format!("{rows} rows, {bytes}, {} compared row by row", self.days_compared)
    }

    fn replays(&self) -> String {
        let refused = self.records_refused;
        let refused = if refused > 0 { format!(" ({refused} records refused)") } else { String::new() };
        format!("{} replayed{refused}, {} await replay", self.error_objects_replayed, self.awaiting_replay)
    }

    /// What is in neither table and not lost: a verdict of its own. Empty if there is no such object.
    fn awaiting(&self) -> String {
        let Some(first) = &self.awaiting_replay_first else { return String::new() };
        let count = self.awaiting_replay;
        format!(
            "Awaits replay: {count} objects under error/; `replay` takes them in. The first:\n  {}\n",
            plain::value(first)
        )
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
        let state = State::of(inconclusive.is_some(), pending);
        Line { hour, state, objects, json_bytes, parquet, compared, findings: Vec::new(), inconclusive }
    }

    fn add(&mut self, finding: &'a Finding) {
        self.findings.push(finding);
        self.state = self.state.with_difference();
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

    fn below(&self) -> String {
        below(self.inconclusive.as_deref(), &self.findings)
    }
}

impl<'a> DayLine<'a> {
    fn new(day: Day, checked: &CheckedDay) -> DayLine<'a> {
        let &CheckedDay { rows, hours, daily_bytes, compared, .. } = checked;
        let inconclusive = checked.inconclusive.clone();
        let state = State::of(inconclusive.is_some(), false);
        DayLine { day, state, hours, rows, daily_bytes, compared, findings: Vec::new(), inconclusive }
    }

    fn add(&mut self, finding: &'a Finding) {
        self.findings.push(finding);
        self.state = self.state.with_difference();
    }

    /// An unknown number is a dash.
    fn cells(&self) -> [String; DAY_HEADING.len()] {
        let known = |number: u64| self.rows.map_or("-".to_string(), |_| number.to_string());
        let (hours, rows) = (known(self.hours), known(self.rows.unwrap_or_default()));
        [self.day.to_string(), self.state.name().to_string(), hours, rows]
    }

    fn below(&self) -> String {
        below(self.inconclusive.as_deref(), &self.findings)
    }
}

/// What is printed below the line of an hour or a day.
fn below(inconclusive: Option<&str>, findings: &[&Finding]) -> String {
    let inconclusive = inconclusive.map(|why| format!("{INDENT}could not tell: {why}\n")).unwrap_or_default();
    inconclusive + &differences(findings)
}

impl State {
    fn of(inconclusive: bool, pending: bool) -> State {
        match (inconclusive, pending) {
            (true, _) => State::Unknown,
            (false, true) => State::Pending,
            (false, false) => State::Sound,
        }
    }

    fn with_difference(self) -> State {
        if self == State::Unknown { self } else { State::Differs }
    }

    fn name(self) -> &'static str {
        match self {
            State::Sound => "sound",
            State::Pending => "pending",
            State::Differs => "differs",
            State::Unknown => "unknown",
        }
    }
}

/// Lines in columns, each with its differences below. A difference may be as long as a key, so it is not part of the columns.
fn table<const N: usize>(heading: [&str; N], lines: &[([String; N], String)]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut widths = heading.map(str::len);
    for (cells, _) in lines {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = cell.len().max(*width);
        }
    }
    let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * widths.len());
    let mut text = format!("{}{rule}\n", row(&heading.map(str::to_string), &widths));
    for (cells, below) in lines {
        text.push_str(&row(cells, &widths));
        text.push_str(below);
    }
    text
}

fn row(cells: &[String], widths: &[usize]) -> String {
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
            text.push_str(&format!("{INDENT}{}: {}\n", kind.name(), plain::value(&finding.what)));
        }
        let more = findings.len().saturating_sub(PRINTED_MAX);
        if more > 0 {
            text.push_str(&format!("{INDENT}{}: {more} more; --json has them all\n", kind.name()));
        }
        if kinds.peek().is_none_or(|next| next[0].difference.remedy() != kind.remedy()) {
            text.push_str(&format!("{INDENT}→ {}\n", findings[0].advice()));
        }
    }
    text
}

fn list_versions(bucket: &str, key: &str) -> String {
    let quoted = |text: &str| format!("'{}'", plain::value(text).replace('\'', r"'\''"));
    format!("  aws s3api list-object-versions --bucket {} --prefix {}\n", quoted(bucket), quoted(key))
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
        let lines = [Line::new(hour, &checked), Line::new(hour.next(), &Checked::default())];
        let text = table(HEADING, &lines.map(|line| (line.cells(), line.below())));
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        assert!(longest <= 80, "{longest}: {text}");
        assert!(
            text.starts_with(" hour           state    objects     lines      rows  duplicates  rejected\n"),
            "{text}"
        );
    }
}
