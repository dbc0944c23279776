//! Sorted runs → the hour's distinct rows in their order, a row group at a time.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::collisions::Collisions;
use crate::columns::Columns;
use crate::record::{Record, key_columns, position};
use crate::sort::Run;

/// What is read of a run in a file at once, at least.
const READ_BYTES_MIN: usize = 16 << 10;
/// And at most: what more there is brings nothing.
const READ_BYTES_MAX: usize = 1 << 20;

/// How much of a row's first value is compared first.
const FIRST_BYTES: usize = 16;

/// Merges sorted runs.
#[derive(Debug)]
pub struct Merge {
    heads: BinaryHeap<Reverse<Box<Head>>>,
    found: Found,
    collisions: Collisions,
    log_id: usize,
    timestamp: usize,
}

/// What there was among the rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Found {
    /// Distinct rows.
    pub rows: u64,
    /// How many stood in several runs, each repetition counted.
    pub duplicates: u64,
    /// How many share their `log_id` with another row of other values: of n with the same one, n − 1.
    pub collisions: u64,
    /// The least and the greatest timestamp; none where there is none.
    pub timestamps: Option<[String; 2]>,
}

impl Merge {
    /// Merges `runs`, with `bytes` of memory for what is read of files, and half as much for what it counts.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub fn new(runs: Vec<Run>, bytes: usize) -> io::Result<Merge> {
        let read_bytes = (bytes / runs.len().max(1)).clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for run in runs {
            let mut head = Head::new(run, read_bytes);
            if head.advance()? {
                heads.push(Reverse(Box::new(head)));
            }
        }
        let (log_id, timestamp) = (position("log_id"), position("timestamp"));
        let collisions = Collisions::new(bytes / 2);
        Ok(Merge { heads, found: Found::default(), collisions, log_id, timestamp })
    }

    /// Takes rows into `columns` until it is full; false where no row is left.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub fn fill(&mut self, columns: &mut Columns) -> io::Result<bool> {
        while !columns.is_full() {
            let Some(Reverse(mut first)) = self.heads.pop() else { return Ok(false) };
            columns.push(first.record());
            self.count(&first)?;
            while self.heads.peek().is_some_and(|next| next.0.cmp(&first).is_eq()) {
                let Some(Reverse(mut next)) = self.heads.pop() else { break };
                self.found.duplicates += 1;
                // Not in the heap meanwhile, so that one whose file cannot be read is compared with no other.
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

    /// What has been found, once no row is left.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub fn found(self) -> io::Result<Found> {
        Ok(Found { collisions: self.collisions.count()?, ..self.found })
    }

    fn count(&mut self, first: &Head) -> io::Result<()> {
        self.found.rows += 1;
        // A row without a log_id, or with the empty one of Auth0's test button, collides with none.
        if let Some(log_id) = first.record().value(self.log_id).filter(|log_id| !log_id.is_empty()) {
            self.collisions.push(log_id)?;
        }
        let Some(timestamp) = first.record().value(self.timestamp) else { return Ok(()) };
        let text = || String::from_utf8_lossy(timestamp).into_owned();
        match &mut self.found.timestamps {
            None => self.found.timestamps = Some([text(), text()]),
            Some([least, _]) if timestamp < least.as_bytes() => *least = text(),
            Some([_, greatest]) if timestamp > greatest.as_bytes() => *greatest = text(),
            Some(_) => {}
        }
        Ok(())
    }
}

/// A run, and its first row that has not been taken.
#[derive(Debug)]
struct Head {
    rest: Rest,
    records: Vec<u8>,
    /// Where the row's record is.
    record: Range<usize>,
    /// What its first value in sort order begins with, which tells most rows of different users apart.
    first: Option<[u8; FIRST_BYTES]>,
}

/// What follows in a run.
#[derive(Debug)]
enum Rest {
    Memory(std::vec::IntoIter<u32>),
    File { file: Arc<File>, begin: u64, bytes: u64, filled: usize },
}

impl Head {
    fn new(run: Run, read_bytes: usize) -> Head {
        let (rest, records) = match run {
            Run::Memory { records, order } => (Rest::Memory(order.into_iter()), records),
            Run::File { file, begin, bytes } => {
                (Rest::File { file, begin, bytes, filled: 0 }, vec![0; read_bytes.min(bytes as usize)])
            }
        };
        Head { rest, records, record: 0..0, first: None }
    }

    fn record(&self) -> Record<'_> {
        Record::of(&self.records[self.record.clone()])
    }

    /// Goes on to the next row; false where there is none.
    fn advance(&mut self) -> io::Result<bool> {
        match &mut self.rest {
            Rest::Memory(order) => {
                let Some(begin) = order.next() else { return Ok(false) };
                self.record.start = begin as usize;
            }
            Rest::File { .. } => {
                self.record.start = self.record.end;
                if !self.read()? {
                    return Ok(false);
                }
            }
        }
        let Some(record) = Record::first(&self.records[self.record.start..]) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        self.record.end = self.record.start + record.bytes().len();
        self.first = record.value(key_columns()[0]).map(beginning);
        Ok(true)
    }

    /// Sees that the whole record has been read that begins where `record` does.
    fn read(&mut self) -> io::Result<bool> {
        let Rest::File { file, begin, bytes, filled } = &mut self.rest else { return Ok(true) };
        loop {
            let there = &self.records[self.record.start..*filled];
            if there.is_empty() && *bytes == 0 {
                return Ok(false);
            }
            let needed = Record::bytes_of(there).unwrap_or(there.len() + 1);
            if needed <= there.len() {
                return Ok(true);
            }
            self.records.copy_within(self.record.start..*filled, 0);
            *filled -= self.record.start;
            self.record.start = 0;
            if needed > self.records.len() {
                self.records.resize(needed, 0);
            }
            let room = &mut self.records[*filled..];
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

/// What a value begins with, zeros behind its end: of two that begin differently the lesser begins with the lesser.
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
        self.first.cmp(&other.first).then_with(|| self.record().compare(other.record(), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{ROW_GROUP_BYTES_MAX, schema};
    use crate::sort::Sorter;
    use arrow::array::{Array, ArrayRef, StringArray};

    /// The values of a column, and what was found, of lines dealt to so many sorters of so many bytes each.
    fn merged(
        lines: &[&str],
        sorters: usize,
        bytes: usize,
        into_files: bool,
        column: &str,
    ) -> (Vec<Option<String>>, Found) {
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
        let mut columns = Columns::new();
        assert!(!merge.fill(&mut columns).unwrap());
        let found = merge.found().unwrap();
        let found = Found { duplicates: found.duplicates + duplicates, ..found };
        (values(&columns.finish().unwrap().0, column), found)
    }

    fn values(columns: &[ArrayRef], column: &str) -> Vec<Option<String>> {
        let values: &StringArray = columns[schema().index_of(column).unwrap()].as_any().downcast_ref().unwrap();
        values.iter().map(|value| value.map(str::to_owned)).collect()
    }

    /// Every way to hold the rows gives them in the same order, and finds the same.
    fn check(lines: &[&str], column: &str, expected: &[Option<&str>], found: &Found) {
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
        check(&lines, "log_id", &expected, &Found { rows: 5, ..Found::default() });
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
            let found = Found { rows: times.len() as u64, timestamps: Some(bounds), ..Found::default() };
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
        check(&lines, "log_id", &ids, &Found { rows: 6, duplicates: 1, collisions: 1, timestamps: None });
    }

    #[test]
    fn a_group_is_full_at_its_bytes() {
        let line = |number: usize| format!(r#"{{"log_id":"{number:06}","ip":"{}"}}"#, "x".repeat(1 << 20));
        let mut sorter = Sorter::new(1 << 20);
        for number in 0..60 {
            sorter.push_line(line(number).as_bytes()).unwrap().unwrap();
        }
        let mut merge = Merge::new(sorter.finish(false).unwrap().runs, 0).unwrap();
        let mut sizes = Vec::new();
        loop {
            let mut columns = Columns::new();
            let more = merge.fill(&mut columns).unwrap();
            sizes.push(columns.finish().unwrap().0[0].len());
            if !more {
                break;
            }
        }
        assert_eq!(sizes, [ROW_GROUP_BYTES_MAX >> 20, 60 - (ROW_GROUP_BYTES_MAX >> 20)]);
    }
}
