//! What a simulated run did, in numbers.

use log_format::Hour;
use projection::manifest::Counts;
use serde::Serialize;
use transform::record::RecordError;

use crate::output::report;

/// What became of the events of one run of the simulation, in which the compactor runs many times.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Events that were sent, broken ones included.
    pub events: u64,
    /// Lines that the transform made of them.
    pub lines: u64,
    /// Events that Firehose kept under `error/`, or did not take at all.
    pub failed: u64,
    /// Events that a faulty release of the transform refused; part of `failed`. The demo has one for some minutes.
    pub refused: u64,
    /// The transform's reasons for the others, each with its count.
    pub failed_by_reason: String,
    /// The same, for who looks for a reason.
    #[serde(skip)]
    pub reasons: Vec<(RecordError, u64)>,
    /// Events larger than Firehose takes; part of `failed`.
    pub too_large: u64,
    /// Objects written under `logs/`.
    pub json_objects: u64,
    /// Objects written under `error/`.
    pub error_objects: u64,
    /// Hours that got lines and were committed.
    pub hours: u64,
    /// How often those hours were committed. An hour is committed again for late objects.
    pub commits: u64,
    /// Rows in the Parquet of the hours after the run.
    pub parquet_rows: u64,
    /// Rows that the run added.
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
    /// The last hour that the view reads from Parquet. `None` if the watermark was never moved.
    pub watermark: Option<Hour>,
    /// What went wrong, as sentences.
    pub troubles: Vec<String>,
}

impl RunSummary {
    /// Adds what the simulation did to one hour: the difference of its manifest's counts before and after. False if the hour
    /// holds less than before.
    pub fn add_hour(&mut self, before: &Counts, after: &Counts) -> bool {
        self.parquet_rows += after.rows;
        self.new_rows += after.rows.saturating_sub(before.rows);
        self.duplicates += after.duplicates.saturating_sub(before.duplicates);
        self.collisions += after.collisions.saturating_sub(before.collisions);
        self.rejected += after.rejected.saturating_sub(before.rejected);
        after.lines >= before.lines && after.rows >= before.rows
    }

    /// True if every event became a line or failed, and every line became a row, a duplicate or a rejected line.
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
            ("JSON objects", self.json_objects.to_string(), report::bytes(self.json_bytes)),
            ("hours", self.hours.to_string(), format!("committed {} times", self.commits)),
            ("Parquet rows", self.parquet_rows.to_string(), self.parquet_size()),
            ("duplicates left out", self.duplicates.to_string(), String::new()),
            ("collisions kept", self.collisions.to_string(), String::new()),
            ("lines rejected", self.rejected.to_string(), String::new()),
        ];
        let mut table = report::table(&["", "count", ""]);
        for (name, count, note) in rows {
            table.add_row([name.to_string(), count, note]);
        }
        format!("{table}\n{}", self.sums())
    }

    fn parquet_size(&self) -> String {
        let percent = report::percent(self.parquet_bytes, self.json_bytes);
        format!("{}, {percent} % of the JSON", report::bytes(self.parquet_bytes))
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
