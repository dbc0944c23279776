//! Sorted runs → an hour's distinct rows, or the rows of several hours, in order.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::sort::collisions::Collisions;
use crate::sort::row::{EncodedRow, key_columns, position};
use crate::sort::sorter::SortedRun;

/// Bytes read from a run's file at once, at least.
const READ_BYTES_MIN: usize = 16 << 10;
/// Bytes read from a run's file at once, at most: longer reads are no faster.
const READ_BYTES_MAX: usize = 1 << 20;

/// Bytes of a row's first value that are compared before anything else.
const FIRST_BYTES: usize = 16;

/// Merges sorted runs.
#[derive(Debug)]
pub struct Merge {
    heads: BinaryHeap<Reverse<Box<Head>>>,
    summary: MergeSummary,
    /// `None` if rows of several sources are merged: they collide within theirs, where they were counted.
    collisions: Option<Collisions>,
    log_id: usize,
    timestamp: usize,
}

/// What the merge counted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MergeSummary {
    /// Distinct rows.
    pub rows: u64,
    /// Rows that stood in several runs, each repetition counted.
    pub duplicates: u64,
    /// Rows that share their `log_id` with another row of other values: of n such rows, n − 1.
    pub collisions: u64,
    /// The least and the greatest timestamp, as texts. `None` if no row has one.
    pub timestamps: Option<[String; 2]>,
}

impl Merge {
    /// Merges `runs`. Buffers for files take `bytes` of memory, the count of collisions half as much.
    ///
    /// # Errors
    ///
    /// A temporary file could not be read.
    pub fn new(runs: Vec<SortedRun>, bytes: usize) -> io::Result<Merge> {
        Merge::of(runs.into_iter().map(|run| (0, run)).collect(), bytes, Some(Collisions::new(bytes / 2)))
    }

    /// Merges runs of different sources, such as hours, which are counted from 0. Rows of different sources are never the same
    /// row: equal ones stand in the order of their sources.
    ///
    /// # Errors
    ///
    /// A temporary file could not be read.
    pub fn of_sources(runs: Vec<SortedRun>, bytes: usize) -> io::Result<Merge> {
        Merge::of(runs.into_iter().enumerate().collect(), bytes, None)
    }

    fn of(runs: Vec<(usize, SortedRun)>, bytes: usize, collisions: Option<Collisions>) -> io::Result<Merge> {
        let read_bytes = (bytes / runs.len().max(1)).clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (source, run) in runs {
            let mut head = Head::new(source, run, read_bytes);
            if head.advance()? {
                heads.push(Reverse(Box::new(head)));
            }
        }
        let (log_id, timestamp) = (position("log_id"), position("timestamp"));
        Ok(Merge { heads, summary: MergeSummary::default(), collisions, log_id, timestamp })
    }

    /// Hands the next distinct rows and their sources to `take`, in order, until it answers false: one row at least, if any is
    /// left. Returns false if no row is left.
    ///
    /// # Errors
    ///
    /// A temporary file could not be read.
    pub fn take_rows(&mut self, mut take: impl FnMut(EncodedRow<'_>, usize) -> bool) -> io::Result<bool> {
        let mut wanted = true;
        while wanted {
            let Some(Reverse(mut first)) = self.heads.pop() else { return Ok(false) };
            wanted = take(first.row(), first.source);
            self.count(&first)?;
            while self.heads.peek().is_some_and(|next| next.0.cmp(&first).is_eq()) {
                let Some(Reverse(mut next)) = self.heads.pop() else { break };
                self.summary.duplicates += 1;
                // `next` is out of the heap while its file is read: a run that cannot be read must not be compared.
                if next.advance()? {
                    self.heads.push(Reverse(next));
                }
            }
            if first.advance()? {
                self.heads.push(Reverse(first));
            }
        }
        Ok(!self.heads.is_empty())
    }

    /// What the merge counted, once no row is left.
    ///
    /// # Errors
    ///
    /// A temporary file could not be read.
    pub fn finish(self) -> io::Result<MergeSummary> {
        let collisions = self.collisions.map_or(Ok(0), Collisions::count)?;
        Ok(MergeSummary { collisions, ..self.summary })
    }

    fn count(&mut self, first: &Head) -> io::Result<()> {
        self.summary.rows += 1;
        // A row without a log_id, or with the empty one of Auth0's test button, collides with none.
        let log_id = first.row().value(self.log_id).filter(|log_id| !log_id.is_empty());
        if let (Some(collisions), Some(log_id)) = (&mut self.collisions, log_id) {
            collisions.push(log_id)?;
        }
        let Some(timestamp) = first.row().value(self.timestamp) else { return Ok(()) };
        let text = || String::from_utf8_lossy(timestamp).into_owned();
        match &mut self.summary.timestamps {
            None => self.summary.timestamps = Some([text(), text()]),
            Some([least, _]) if timestamp < least.as_bytes() => *least = text(),
            Some([_, greatest]) if timestamp > greatest.as_bytes() => *greatest = text(),
            Some(_) => {}
        }
        Ok(())
    }
}

/// A run and its current row.
#[derive(Debug)]
struct Head {
    /// Which source it is of.
    source: usize,
    rest: Remaining,
    rows: Vec<u8>,
    /// Where in `rows` the current row lies.
    row: Range<usize>,
    /// The first bytes of the row's first value in sort order: enough to order most rows of different users.
    first: Option<[u8; FIRST_BYTES]>,
}

/// What is left of a run.
#[derive(Debug)]
enum Remaining {
    Memory(std::vec::IntoIter<u32>),
    File { file: Arc<File>, begin: u64, bytes: u64, filled: usize },
}

impl Head {
    fn new(source: usize, run: SortedRun, read_bytes: usize) -> Head {
        let (rest, rows) = match run {
            SortedRun::Memory { rows, order } => (Remaining::Memory(order.into_iter()), rows),
            SortedRun::File { file, begin, bytes } => {
                (Remaining::File { file, begin, bytes, filled: 0 }, vec![0; read_bytes.min(bytes as usize)])
            }
        };
        Head { source, rest, rows, row: 0..0, first: None }
    }

    fn row(&self) -> EncodedRow<'_> {
        EncodedRow::of(&self.rows[self.row.clone()])
    }

    /// Moves to the next row. Returns false at the end of the run.
    fn advance(&mut self) -> io::Result<bool> {
        match &mut self.rest {
            Remaining::Memory(order) => {
                let Some(begin) = order.next() else { return Ok(false) };
                self.row.start = begin as usize;
            }
            Remaining::File { .. } => {
                self.row.start = self.row.end;
                if !self.read()? {
                    return Ok(false);
                }
            }
        }
        let Some(row) = EncodedRow::first(&self.rows[self.row.start..]) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        self.row.end = self.row.start + row.bytes().len();
        self.first = row.value(key_columns()[0]).map(beginning);
        Ok(true)
    }

    /// Reads on until the whole current row is in memory. Returns false at the end of the run.
    fn read(&mut self) -> io::Result<bool> {
        let Remaining::File { file, begin, bytes, filled } = &mut self.rest else { return Ok(true) };
        loop {
            let there = &self.rows[self.row.start..*filled];
            if there.is_empty() && *bytes == 0 {
                return Ok(false);
            }
            let needed = EncodedRow::bytes_of(there).unwrap_or(there.len() + 1);
            if needed <= there.len() {
                return Ok(true);
            }
            self.rows.copy_within(self.row.start..*filled, 0);
            *filled -= self.row.start;
            self.row.start = 0;
            if needed > self.rows.len() {
                self.rows.resize(needed, 0);
            }
            let room = &mut self.rows[*filled..];
            let read = room.len().min(*bytes as usize);
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.read_exact_at(&mut room[..read], *begin)?;
            *filled += read;
            *begin += read as u64;
            *bytes -= read as u64;
        }
    }
}

/// The first bytes of a value, padded with zeros. Values whose first bytes differ are ordered as these are.
fn beginning(value: &[u8]) -> [u8; FIRST_BYTES] {
    let mut beginning = [0; FIRST_BYTES];
    let bytes = value.len().min(FIRST_BYTES);
    beginning[..bytes].copy_from_slice(&value[..bytes]);
    beginning
}

impl PartialEq for Head {
    fn eq(&self, other: &Head) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Head) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Head) -> Ordering {
        let rows = || self.row().compare(other.row(), 0);
        self.first.cmp(&other.first).then_with(rows).then(self.source.cmp(&other.source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sort::sorter::Sorter;

    /// The values of a column and the summary, of lines dealt to `sorters` sorters of `bytes` bytes each.
    fn merged(
        lines: &[&str],
        sorters: usize,
        bytes: usize,
        into_files: bool,
        column: &str,
    ) -> (Vec<Option<String>>, MergeSummary) {
        let mut dealt: Vec<Sorter> = (0..sorters).map(|_| Sorter::new(bytes)).collect();
        for (number, line) in lines.iter().enumerate() {
            dealt[number % sorters].push_line(line.as_bytes()).unwrap().unwrap();
        }
        let (mut runs, mut duplicates) = (Vec::new(), 0);
        for sorter in dealt {
            let sorted = sorter.finish(into_files).unwrap();
            runs.extend(sorted.runs);
            duplicates += sorted.duplicates;
        }
        let mut merge = Merge::new(runs, 0).unwrap();
        let (mut values, column) = (Vec::new(), position(column));
        let more = merge.take_rows(|row, _| {
            values.push(row.value(column).map(|value| String::from_utf8(value.to_vec()).unwrap()));
            true
        });
        assert!(!more.unwrap());
        let summary = merge.finish().unwrap();
        (values, MergeSummary { duplicates: summary.duplicates + duplicates, ..summary })
    }

    /// Every way to hold the rows gives them in the same order, and finds the same.
    fn check(lines: &[&str], column: &str, expected: &[Option<&str>], found: &MergeSummary) {
        for sorters in 1..4 {
            for bytes in [0, 200, 400, 1000, 1 << 20] {
                for into_files in [false, true] {
                    let (values, what) = merged(lines, sorters, bytes, into_files, column);
                    let values: Vec<Option<&str>> = values.iter().map(Option::as_deref).collect();
                    assert_eq!((values.as_slice(), &what), (expected, found), "{sorters} of {bytes} bytes");
                }
            }
        }
    }

    #[test]
    fn sorts_by_what_people_filter_on() {
        let lines = [
            r#"{"log_id":"3","user_id":"b","type":"s"}"#,
            r#"{"log_id":"2","user_id":"a","type":"s"}"#,
            r#"{"log_id":"1","user_id":"a","type":"f"}"#,
            r#"{"log_id":"4"}"#,
            r#"{"log_id":"5","user_id":""}"#,
        ];
        let expected = [Some("4"), Some("5"), Some("1"), Some("2"), Some("3")];
        check(&lines, "log_id", &expected, &MergeSummary { rows: 5, ..MergeSummary::default() });
    }

    #[test]
    fn timestamps_sort_as_text_whatever_their_form() {
        let times = ["2026-11-20T13:00:00.000Z", "2026-11-20T12:59:59.999Z", "2026-11-20T13:00:00.001Z"];
        let lines =
            |times: &[&str]| times.iter().map(|time| format!(r#"{{"timestamp":"{time}"}}"#)).collect::<Vec<_>>();
        let check_sorted = |times: &[&str]| {
            let lines = lines(times);
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let mut sorted: Vec<Option<&str>> = times.iter().copied().map(Some).collect();
            sorted.sort();
            let bounds = [sorted[0].unwrap().to_owned(), sorted[sorted.len() - 1].unwrap().to_owned()];
            let found = MergeSummary { rows: times.len() as u64, timestamps: Some(bounds), ..MergeSummary::default() };
            check(&lines, "timestamp", &sorted, &found);
        };
        check_sorted(&times);
        check_sorted(
            &[&times[..], &["2026-11-20T13:00:00.0005Z", "", "yesterday", "2026-11-20 13:00:00.000Z"]].concat(),
        );
    }

    #[test]
    fn equal_rows_are_one_and_a_log_id_with_other_values_collides() {
        let lines = [
            r#"{"log_id":"1","type":"s","ip":""}"#,
            r#"{"log_id":"1","ip":"","type":"s"}"#,
            r#"{"log_id":"1","type":"s"}"#,
            r#"{"log_id":"","type":"s"}"#,
            r#"{"log_id":"","type":"f"}"#,
            r#"{"type":"s"}"#,
            r#"{"type":"f"}"#,
        ];
        let ids = [None, Some(""), None, Some(""), Some("1"), Some("1")];
        check(&lines, "log_id", &ids, &MergeSummary { rows: 6, duplicates: 1, collisions: 1, timestamps: None });
    }
}
