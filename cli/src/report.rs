//! What a person, or with `--json` a machine, is told.

use std::io::{ErrorKind, Write, stdout};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table, TableComponent};
use compactor::manifest::Counts;
use log_format::Hour;
use serde::Serialize;

/// What became of the events of one run.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Events that were sent, whatever they were.
    pub events: u64,
    /// Lines made of them.
    pub lines: u64,
    /// Events that Firehose kept under `error/`, or did not take at all.
    pub failed: u64,
    /// Reasons of the transform, with their counts.
    pub failed_by_reason: String,
    /// Events larger than Firehose takes; part of `failed`.
    pub too_large: u64,
    /// Objects written under `logs/`.
    pub json_objects: u64,
    /// Objects written under `error/`.
    pub error_objects: u64,
    /// Hours that got lines and were committed.
    pub hours: u64,
    /// How often those hours were committed; more than once where objects came late.
    pub commits: u64,
    /// Rows that the Parquet of the hours holds now.
    pub parquet_rows: u64,
    /// Rows that were not there before this run.
    pub new_rows: u64,
    /// Lines of this run whose row was there already.
    pub duplicates: u64,
    /// Rows of this run that share their log_id with an earlier row of other values.
    pub collisions: u64,
    /// Lines of this run that could not be read.
    pub rejected: u64,
    /// Bytes of the hours' JSON objects.
    pub json_bytes: u64,
    /// Bytes of the hours' Parquet.
    pub parquet_bytes: u64,
    /// Up to which hour the view reads Parquet.
    pub cut: Option<Hour>,
    /// What somebody should know about.
    pub troubles: Vec<String>,
}

impl Carried {
    /// Adds an hour, by what its manifest said before and after. False where it holds less than before.
    pub fn add_hour(&mut self, before: &Counts, after: &Counts) -> bool {
        self.parquet_rows += after.rows;
        self.new_rows += after.rows.saturating_sub(before.rows);
        self.duplicates += after.duplicates.saturating_sub(before.duplicates);
        self.collisions += after.collisions.saturating_sub(before.collisions);
        self.rejected += after.rejected.saturating_sub(before.rejected);
        after.lines >= before.lines && after.rows >= before.rows
    }

    /// True where nothing is missing and nothing is there twice.
    pub fn adds_up(&self) -> bool {
        self.events == self.lines + self.failed && self.lines == self.new_rows + self.duplicates + self.rejected
    }

    /// The numbers as text for people.
    pub fn to_table(&self) -> String {
        let rows = [
            ("events sent", self.events.to_string(), String::new()),
            ("lines", self.lines.to_string(), String::new()),
            ("failed, kept under error/", (self.failed - self.too_large).to_string(), self.failed_by_reason.clone()),
            ("too large for Firehose", self.too_large.to_string(), String::new()),
            ("JSON objects", self.json_objects.to_string(), bytes(self.json_bytes)),
            ("hours", self.hours.to_string(), format!("committed {} times", self.commits)),
            ("Parquet rows", self.parquet_rows.to_string(), self.parquet_size()),
            ("duplicates left out", self.duplicates.to_string(), String::new()),
            ("collisions kept", self.collisions.to_string(), String::new()),
            ("lines rejected", self.rejected.to_string(), String::new()),
        ];
        let mut table = table(&["", "count", ""]);
        for (name, count, note) in rows {
            table.add_row([name.to_string(), count, note]);
        }
        format!("{table}\n{}", self.sums())
    }

    fn parquet_size(&self) -> String {
        let percent = (self.parquet_bytes * 100).checked_div(self.json_bytes).unwrap_or_default();
        format!("{}, {percent} % of the JSON", bytes(self.parquet_bytes))
    }

    fn sums(&self) -> String {
        let sign = |good| if good { "=" } else { "≠" };
        let lines = self.new_rows + self.duplicates + self.rejected;
        format!(
            "{} events {} {} lines + {} failed\n{} lines {} {} new rows + {} duplicates + {} rejected\n",
            self.events,
            sign(self.events == self.lines + self.failed),
            self.lines,
            self.failed,
            self.lines,
            sign(self.lines == lines),
            self.new_rows,
            self.duplicates,
            self.rejected,
        )
    }
}

/// An empty table with a heading; all columns but the first are numbers.
pub fn table(heading: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_style(TableComponent::HeaderLines, '─').set_header(heading);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// A number of bytes, as people read it.
pub fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// Prints a text as it is.
pub fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(stdout().lock(), "{}", text.trim_end()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints a value as JSON.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// The troubles as text for people, each on a line of its own; empty where there are none.
pub fn troubles(troubles: &[String]) -> String {
    troubles.iter().map(|trouble| format!("! {trouble}\n")).collect()
}
