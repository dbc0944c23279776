//! The result of `verify`.

use std::collections::{BTreeMap, BTreeSet};

use log_format::Hour;
use serde::Serialize;

use super::finding::{Difference, Finding};
use super::hour::{CHANGING, Checked, ParquetCounts};
use super::repair::Repair;
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
    /// The numbers of all hours, summed.
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
    /// Objects under `logs/` that no reader takes for an hour's.
    pub unread_objects: u64,
    /// The stretches of hours without any object between hours that have some: the first hour of each, and the last.
    pub gaps: Vec<(Hour, Hour)>,
    /// The hour up to which the view may read Parquet. `None` if there is no watermark.
    pub watermark: Option<Hour>,
    /// Everything that is wrong, sorted by hour.
    pub findings: Vec<Finding>,
    /// What could not be checked, and why.
    pub inconclusive: Vec<String>,
    /// Every hour that was checked.
    #[serde(skip)]
    pub by_hour: BTreeMap<Hour, Checked>,
    /// Differences outside of the hours that were never the same twice.
    #[serde(skip)]
    pub(super) changing: BTreeSet<Difference>,
    /// What `--repair` did.
    pub repairs: Vec<Repair>,
}

/// Sums over all hours.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The number of JSON objects.
    pub objects: u64,
    /// Bytes of the JSON objects.
    pub json_bytes: u64,
    /// What became of their lines.
    #[serde(flatten)]
    pub parquet: ParquetCounts,
}

impl Verified {
    /// Well if there is an hour, everything could be checked and nothing differs.
    pub fn verdict(&self) -> Verdict {
        match (self.inconclusive.is_empty(), self.findings.is_empty()) {
            (false, _) => Verdict::Unknown,
            (true, true) if self.hours == 0 => Verdict::Nothing,
            (true, proven) => Verdict::of(proven),
        }
    }

    /// The number of hours in the gaps.
    pub(super) fn hours_without_objects(&self) -> u64 {
        let hours = self.gaps.iter().map(|(first, last)| (last.end() - first.start()).num_hours().unsigned_abs());
        hours.sum()
    }

    /// Adds a finding that is in no hour.
    pub(super) fn found(&mut self, difference: Difference, what: impl Into<String>) {
        self.findings.push(Finding { hour: None, difference, what: what.into(), attempt: None });
    }

    /// Sums up the hours, and names those that could not be checked.
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
