//! The result of `verify`.

use std::collections::{BTreeMap, BTreeSet};

use log_format::{Day, Hour};
use serde::Serialize;

use super::check::{CHANGING, Checked, CheckedDay, ParquetCounts};
use super::finding::{Difference, Finding};
use super::repair::Repair;
use crate::commands::reconcile::state::Proven;
use crate::output::verdict::Verdict;

/// What `verify` found.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Hours that have anything and could be checked.
    pub hours: u64,
    /// Hours that need not be in Parquet yet: open, or closed a moment ago.
    pub pending: u64,
    /// Hours whose rows were compared with their lines.
    pub compared: u64,
    /// Days that have anything in the table of days and could be checked.
    pub days: u64,
    /// Days whose rows were compared with those of their hours.
    pub days_compared: u64,
    /// The numbers of all hours and days, summed.
    #[serde(flatten)]
    pub totals: Totals,
    /// Objects under `error/`.
    pub error_objects: u64,
    /// Objects under `error/` whose records were replayed into the event log, or refused again.
    pub error_objects_replayed: u64,
    /// Objects under `error/` that wait for `replay`: their records are in neither table, and not lost.
    pub awaiting_replay: u64,
    /// The first of them.
    pub awaiting_replay_first: Option<String>,
    /// Replayed records that were refused again: they are under `error/` alone.
    pub records_refused: u64,
    /// The spans in which `reconcile` has found every event of Auth0's own log in the bucket, by tenant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reconciled: BTreeMap<String, Vec<Proven>>,
    /// Objects under `logs/` that no reader takes for an hour's.
    pub unread_objects: u64,
    /// The stretches of hours without any object between hours that have some: the first hour of each, and the last.
    pub gaps: Vec<(Hour, Hour)>,
    /// The hour up to which the view may read Parquet. `None` if there is no watermark.
    pub watermark: Option<Hour>,
    /// The last day that the view reads from the table of days. `None` if it reads none from there.
    pub day_watermark: Option<Day>,
    /// Everything that is wrong, sorted by day and by hour.
    pub findings: Vec<Finding>,
    /// What could not be checked, and why.
    pub inconclusive: Vec<String>,
    /// Every hour that was checked.
    #[serde(skip)]
    pub by_hour: BTreeMap<Hour, Checked>,
    /// Every day that was checked.
    #[serde(skip)]
    pub by_day: BTreeMap<Day, CheckedDay>,
    /// Differences outside of hours and days that were never the same twice.
    #[serde(skip)]
    pub(super) changing: BTreeSet<Difference>,
    /// What `--repair` did.
    pub repairs: Vec<Repair>,
}

/// Sums over all hours and days.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The number of JSON objects.
    pub objects: u64,
    /// Bytes of the JSON objects.
    pub json_bytes: u64,
    /// What became of their lines.
    #[serde(flatten)]
    pub parquet: ParquetCounts,
    /// Rows of the table of days.
    pub day_rows: u64,
    /// Bytes of the Parquet of days.
    pub daily_bytes: u64,
}

impl Verified {
    /// Well if there is an hour, everything could be checked and nothing differs.
    pub fn verdict(&self) -> Verdict {
        match (self.inconclusive.is_empty(), self.findings.is_empty()) {
            (false, _) => Verdict::Unknown,
            (true, true) if self.hours == 0 && self.days == 0 => Verdict::Nothing,
            (true, proven) => Verdict::of(proven),
        }
    }

    /// The number of hours in the gaps.
    pub(super) fn hours_without_objects(&self) -> u64 {
        let hours = self.gaps.iter().map(|(first, last)| (last.end() - first.start()).num_hours().unsigned_abs());
        hours.sum()
    }

    /// Adds a finding that is in no hour and no day.
    pub(super) fn found(&mut self, difference: Difference, what: impl Into<String>) {
        self.findings.push(Finding { hour: None, day: None, difference, what: what.into(), attempt: None });
    }

    /// Sums up the hours and days, and names those that could not be checked.
    pub(super) fn add_up(&mut self) {
        let mut totals = Totals::default();
        for (hour, checked) in &self.by_hour {
            if let Some(why) = &checked.inconclusive {
                self.inconclusive.push(format!("{hour}: {why}"));
                continue;
            }
            self.hours += 1;
            self.pending += u64::from(checked.pending);
            self.compared += u64::from(checked.compared);
            totals.add(checked);
        }
        for (day, checked) in &self.by_day {
            if let Some(why) = &checked.inconclusive {
                self.inconclusive.push(format!("{day}: {why}"));
                continue;
            }
            self.days += 1;
            self.days_compared += u64::from(checked.compared);
            totals.day_rows += checked.rows.unwrap_or_default();
            totals.daily_bytes += checked.daily_bytes;
        }
        self.totals = totals;
        self.inconclusive.extend(self.changing.iter().map(|difference| format!("{}: {CHANGING}", difference.name())));
    }
}

impl Totals {
    fn add(&mut self, hour: &Checked) {
        self.objects += hour.objects;
        self.json_bytes += hour.json_bytes;
        self.parquet += hour.parquet.unwrap_or_default();
    }
}
