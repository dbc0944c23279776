//! What an import did, as numbers and as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use log_format::Hour;
use serde::Serialize;
use transform::record::RecordError;

use crate::input::read::Place;
use crate::output::report;

/// How many refused records are named.
const NAMED_MAX: u64 = 10;

/// What became of the records of all files. `records` = `lines` + `refused`, `lines` = `imported` + `held` +
/// `repeated`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// True if nothing was done; the numbers are what a run would do.
    pub dry_run: bool,
    /// Files that were read; objects of a bucket are files too.
    pub files: u64,
    /// Files that could not be read to their end.
    pub files_broken: u64,
    /// Records in the files.
    pub records: u64,
    /// Records that became a line of the log.
    pub lines: u64,
    /// Lines that this run added to the event log.
    pub imported: u64,
    /// Lines that were left out because the bucket holds their events already.
    pub held: u64,
    /// Lines that were left out because their events came before in these files.
    pub repeated: u64,
    /// Records that are not imported, because they are no events, have no moment, or are from the future.
    pub refused: u64,
    /// Those records, by reason: those of the transform, `NoMoment` and `NotBegun`.
    pub refused_by_reason: BTreeMap<String, u64>,
    /// Hours that objects were written into.
    pub hours: u64,
    /// The first of them.
    pub first_hour: Option<Hour>,
    /// The last of them.
    pub last_hour: Option<Hour>,
    /// Objects written under `logs/`.
    pub objects: u64,
    /// Objects that were there already when they were to be written. Their lines count as held.
    pub objects_there: u64,
    /// What compaction did. `None` if there was no closed hour to compact, or it was not to be done.
    pub compacted: Option<Compacted>,
    /// What could not be done, and why.
    pub troubles: Vec<String>,
}

/// What became of the hours that were to be compacted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Hours that were compacted.
    pub hours: u64,
    /// Hours that are left to a later run of the compactor.
    pub deferred: u64,
    /// Hours that failed, or wait for an operator.
    pub failed: u64,
}

/// Why a record is not imported. Its text holds no value of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The transform refuses it.
    Record(RecordError),
    /// Nobody knows when its event happened.
    NoMoment,
    /// Its event happens in an hour that has not begun.
    NotBegun,
}

impl Refusal {
    /// The constant name, for counts by reason.
    fn reason(self) -> String {
        match self {
            Refusal::Record(error) => format!("{error:?}"),
            Refusal::NoMoment | Refusal::NotBegun => format!("{self:?}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Record(error) => error.fmt(f),
            Refusal::NoMoment => f.write_str("event has neither a date nor a log_id that says when it happened"),
            Refusal::NotBegun => f.write_str("event is from an hour that has not begun yet"),
        }
    }
}

impl Imported {
    /// Counts a refused record of the file `name`, and names it if it is one of the first.
    pub(super) fn refuse(&mut self, name: &str, place: Place, refusal: Refusal) {
        self.refused += 1;
        *self.refused_by_reason.entry(refusal.reason()).or_default() += 1;
        if self.refused <= NAMED_MAX {
            self.troubles.push(format!("{name} {place}: {refusal}"));
        }
    }

    /// Says how many refused records were not named.
    pub(super) fn name_other_refused(&mut self) {
        let more = self.refused.saturating_sub(NAMED_MAX);
        if more > 0 {
            self.troubles.push(format!("{more} more records were refused"));
        }
    }

    /// Counts an object of so many lines, which is new or was there.
    pub(super) fn add_object(&mut self, lines: u64, is_new: bool) {
        if is_new {
            self.objects += 1;
            self.imported += lines;
        } else {
            self.objects_there += 1;
            self.held += lines;
        }
    }

    /// Notes the hours of the objects.
    pub(super) fn set_hours(&mut self, hours: &BTreeSet<Hour>) {
        self.hours = hours.len() as u64;
        (self.first_hour, self.last_hour) = (hours.first().copied(), hours.last().copied());
    }

    /// The numbers as a table, the troubles, and one sentence.
    pub(super) fn to_text(&self) -> String {
        let reasons = self.refused_by_reason.iter().map(|(reason, count)| format!("{reason}={count}"));
        let mut rows = vec![
            ("files", self.files, String::new()),
            ("records", self.records, String::new()),
            ("lines added to logs/", self.imported, self.written()),
            ("in the bucket already", self.held, String::new()),
            ("repeated in the files", self.repeated, String::new()),
            ("refused", self.refused, reasons.collect::<Vec<_>>().join(" ")),
        ];
        if let Some(compacted) = self.compacted {
            let Compacted { hours, deferred, failed } = compacted;
            rows.push(("hours compacted", hours, format!("{deferred} deferred, {failed} failed")));
        }
        let mut table = report::table(&["", "count", ""]);
        report::align_left(&mut table, 2);
        for (name, count, note) in rows {
            table.add_row([name.to_string(), count.to_string(), note]);
        }
        format!("{table}\n{}{}\n", report::troubles(&self.troubles), self.sentence())
    }

    /// Where the lines are.
    fn written(&self) -> String {
        match (self.first_hour, self.last_hour) {
            (Some(first), Some(last)) if first != last => {
                format!("{} objects, in {} hours from {first} to {last}", self.objects, self.hours)
            }
            (Some(hour), _) => format!("{} objects, in {hour}", self.objects),
            (None, _) => String::new(),
        }
    }

    fn sentence(&self) -> &'static str {
        match (self.dry_run, self.refused + self.files_broken > 0, self.troubles.is_empty()) {
            (true, ..) => "This is what would be done; nothing was.",
            (false, true, _) => "NOT ALL IS IMPORTED: see above.",
            (false, false, false) => "All is imported, BUT NOT ALL IS WELL: see above.",
            (false, false, true) if self.imported == 0 => "There was nothing left to import.",
            (false, false, true) => "All is imported.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_refused_records_are_named_and_the_others_counted() {
        let mut found = Imported::default();
        for line in 1..=12 {
            let refusal = if line == 1 { Refusal::Record(RecordError::NotJson) } else { Refusal::NoMoment };
            found.refuse("a.ndjson", Place::Line(line), refusal);
        }
        found.name_other_refused();
        assert_eq!(found.troubles.len(), 11);
        assert_eq!(found.troubles[0], "a.ndjson line 1: record is not a JSON object");
        assert_eq!(found.troubles[10], "2 more records were refused");
        assert_eq!(format!("{:?}", found.refused_by_reason), r#"{"NoMoment": 11, "NotJson": 1}"#);
    }

    #[test]
    fn the_sentence_says_what_is_left() {
        let check = |found: Imported, expected: &str| {
            let text = found.to_text();
            assert_eq!(text.trim_end().lines().last(), Some(expected), "{text}");
        };
        let trouble = || vec!["t".to_string()];
        check(Imported::default(), "There was nothing left to import.");
        check(Imported { imported: 1, ..Imported::default() }, "All is imported.");
        check(
            Imported { dry_run: true, imported: 1, ..Imported::default() },
            "This is what would be done; nothing was.",
        );
        let refused = Imported { refused: 1, troubles: trouble(), ..Imported::default() };
        check(refused, "NOT ALL IS IMPORTED: see above.");
        let unread = Imported { imported: 1, troubles: trouble(), ..Imported::default() };
        check(unread, "All is imported, BUT NOT ALL IS WELL: see above.");
    }
}
