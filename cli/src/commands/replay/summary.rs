//! What a run did, as numbers and as text.

use std::collections::{BTreeMap, BTreeSet};

use log_format::Hour;
use serde::Serialize;
use transform::batch::Report;

use crate::output::report;

/// What became of everything that was kept.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// True if nothing was done; the numbers are what a run would do.
    pub dry_run: bool,
    /// Objects under `error/`.
    pub objects: u64,
    /// Objects that an earlier run replayed.
    pub done_before: u64,
    /// Objects that this run replayed.
    pub replayed: u64,
    /// Queues that were read.
    pub queues: u64,
    /// Messages received.
    pub messages: u64,
    /// Messages that were replayed, and deleted from their queue.
    pub messages_replayed: u64,
    /// Records that this run found in objects and messages.
    pub records: u64,
    /// Lines that this run added to the event log.
    pub lines: u64,
    /// Records that the transform refused again.
    pub failed: u64,
    /// Records that the transform refused again, by reason.
    pub failed_by_reason: BTreeMap<String, u64>,
    /// Lines of objects that hold no record.
    pub unreadable: u64,
    /// Objects written under `logs/`.
    pub json_objects: u64,
    /// The hours of those objects.
    pub hours: BTreeSet<Hour>,
    /// What could not be replayed, and why.
    pub troubles: Vec<String>,
}

impl Replayed {
    /// Adds the transform's report. Lines are counted when they are written.
    pub(super) fn add(&mut self, report: &Report) {
        self.records += report.records;
        self.failed += report.failed_total();
        for (reason, count) in report.reasons() {
            *self.failed_by_reason.entry(format!("{reason:?}")).or_default() += count;
        }
    }

    pub(super) fn to_text(&self) -> String {
        let reasons = self.failed_by_reason.iter().map(|(reason, count)| format!("{reason}={count}"));
        let hours = self.hours.iter().map(Hour::to_string).collect::<Vec<_>>().join(", ");
        let written =
            if self.json_objects > 0 { format!("{} objects, in {hours}", self.json_objects) } else { String::new() };
        let objects = format!("{} replayed, {} were before", self.replayed, self.done_before);
        let mut rows = vec![
            ("objects under error/", self.objects, objects),
            ("records", self.records, String::new()),
            ("lines added to logs/", self.lines, written),
            ("refused again", self.failed, reasons.collect::<Vec<_>>().join(" ")),
            ("lines unreadable", self.unreadable, String::new()),
        ];
        if self.queues > 0 {
            rows.insert(1, ("messages", self.messages, format!("{} replayed", self.messages_replayed)));
        }
        let mut table = report::table(&["", "count", ""]);
        report::align_left(&mut table, 2);
        for (name, count, note) in rows {
            table.add_row([name.to_string(), count.to_string(), note]);
        }
        format!("{table}\n{}{}\n", report::troubles(&self.troubles), report::sentence(&self.sentence()))
    }

    fn sentence(&self) -> String {
        let refused = self.failed;
        match (self.dry_run, self.replayed + self.messages_replayed, self.troubles.is_empty()) {
            (true, ..) if self.messages > 0 => {
                "This is what would be done; nothing was. The messages are hidden for half a minute.".to_string()
            }
            (true, ..) => "This is what would be done; nothing was.".to_string(),
            (false, _, false) => "NOT ALL IS REPLAYED: see above.".to_string(),
            (false, 0, true) => "There was nothing left to replay.".to_string(),
            (false, _, true) if refused > 0 => {
                format!("All that is an event is replayed; {refused} records are none and stay where they are kept.")
            }
            (false, _, true) => "All is replayed.".to_string(),
        }
    }
}
