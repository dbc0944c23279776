//! The lines of all files, in a temporary file, and what is known of each: 64 bytes of memory a line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use anyhow::{Context, Result};
use log_format::{Hour, read_line};

use crate::held::Identity;

/// The column that tells events apart.
const LOG_ID: usize = 0;
/// An object has at most so many bytes of lines, which are in memory while it is written.
const OBJECT_BYTES_MAX: u64 = 64 << 20;
/// What an error of the temporary file says.
const FAILED: &str = "failed to write or read the lines in a temporary file; TMPDIR says where it is";

/// A line of the spool.
#[derive(Debug, Clone, Copy)]
struct Entry {
    identity: Identity,
    /// The hour in which its event happened.
    hour: Hour,
    /// Where in the spool it begins.
    offset: u64,
    /// Its bytes, with its line feed.
    length: u32,
    /// The number of its file, from 0.
    file: u32,
    fate: Fate,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is imported.
    New,
    /// The bucket holds its event.
    Held,
    /// Its event came before.
    Repeated,
}

/// Takes lines.
pub(super) struct Spool {
    text: BufWriter<File>,
    bytes: u64,
    entries: Vec<Entry>,
    lines_alone: bool,
}

impl Spool {
    /// An empty one.
    ///
    /// # Errors
    ///
    /// If no temporary file can be made.
    pub(super) fn new() -> Result<Spool> {
        let text = BufWriter::new(tempfile::tempfile().context(FAILED)?);
        Ok(Spool { text, bytes: 0, entries: Vec::new(), lines_alone: false })
    }

    /// Adds a line, with its line feed, of the file of this number, whose event happened in `hour`.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be written.
    pub(super) fn add(&mut self, file: u32, hour: Hour, line: &[u8]) -> Result<()> {
        self.text.write_all(line).context(FAILED)?;
        let (identity, has_log_id) = identity_of(line);
        self.lines_alone |= !has_log_id;
        let length = u32::try_from(line.len()).context("a line has more than 4 GiB")?;
        self.entries.push(Entry { identity, hour, offset: self.bytes, length, file, fate: Fate::New });
        self.bytes += u64::from(length);
        Ok(())
    }

    /// Ends the lines, and finds those whose events came before.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be written.
    pub(super) fn finish(self) -> Result<Spooled> {
        let text = self.text.into_inner().map_err(io::IntoInnerError::into_error).context(FAILED)?;
        let mut entries = self.entries;
        entries.sort_unstable_by_key(|entry| (entry.identity, entry.offset));
        let mut before = None;
        for entry in &mut entries {
            if before.replace(entry.identity) == Some(entry.identity) {
                entry.fate = Fate::Repeated;
            }
        }
        Ok(Spooled { text, entries, lines_alone: self.lines_alone })
    }
}

/// What tells the event of a line from others, and whether that is its log_id.
fn identity_of(line: &[u8]) -> (Identity, bool) {
    let line = line.trim_ascii();
    let row = read_line(line).ok();
    let log_id = row.as_ref().and_then(|row| row[LOG_ID].as_deref()).filter(|log_id| !log_id.is_empty());
    (log_id.map_or_else(|| Identity::of_line(line), Identity::of_log_id), log_id.is_some())
}

/// The lines of all files.
// Invariant: the entries are in the order of their identities, those of one identity in the order in which they came.
pub(super) struct Spooled {
    text: File,
    entries: Vec<Entry>,
    lines_alone: bool,
}

impl Spooled {
    /// The first and the last hour of a line. `None` if there is no line.
    pub(super) fn hours(&self) -> Option<(Hour, Hour)> {
        let hours = || self.entries.iter().map(|entry| entry.hour);
        Some((hours().min()?, hours().max()?))
    }

    /// True if a line has no log_id.
    pub(super) fn lines_alone(&self) -> bool {
        self.lines_alone
    }

    /// The bucket holds this event, which may be one of these.
    pub(super) fn hold(&mut self, identity: &Identity) {
        let first = self.entries.partition_point(|entry| entry.identity < *identity);
        if let Some(entry) = self.entries.get_mut(first).filter(|entry| entry.identity == *identity) {
            entry.fate = Fate::Held;
        }
    }

    /// The hours in which the events happened that the bucket holds.
    pub(super) fn held_hours(&self) -> BTreeSet<Hour> {
        self.entries.iter().filter(|entry| entry.fate == Fate::Held).map(|entry| entry.hour).collect()
    }

    /// How many lines are left out because the bucket holds their events, and how many because their events came
    /// before.
    pub(super) fn left_out(&self) -> (u64, u64) {
        let count = |fate| self.entries.iter().filter(|entry| entry.fate == fate).count() as u64;
        (count(Fate::Held), count(Fate::Repeated))
    }

    /// The lines that are to be imported.
    pub(super) fn into_objects(mut self) -> Objects {
        self.entries.retain(|entry| entry.fate == Fate::New);
        self.entries.sort_unstable_by_key(|entry| (entry.hour, entry.file, entry.offset));
        Objects { text: self.text, entries: self.entries, taken: 0 }
    }
}

/// The lines of an object.
pub(super) struct Object {
    /// The hour in which their events happened.
    pub(super) hour: Hour,
    /// How many there are.
    pub(super) count: u64,
    /// The lines, each with its line feed.
    pub(super) lines: Vec<u8>,
}

/// Gives the lines that are imported, hour by hour: those of one file in their order, as one object, or as several if
/// there are more than [`OBJECT_BYTES_MAX`].
// Invariant: the entries are in the order of their hours, files and places.
pub(super) struct Objects {
    text: File,
    entries: Vec<Entry>,
    /// How many entries were given.
    taken: usize,
}

impl Objects {
    /// The number of hours.
    pub(super) fn hours(&self) -> u64 {
        self.entries.chunk_by(|one, next| one.hour == next.hour).count() as u64
    }
}

impl Iterator for Objects {
    type Item = Result<Object>;

    fn next(&mut self) -> Option<Result<Object>> {
        let left = self.entries.get(self.taken..)?;
        let first = left.first()?;
        let (hour, mut bytes) = (first.hour, 0);
        let fitting = left.iter().take_while(|entry| {
            bytes += u64::from(entry.length);
            (entry.hour, entry.file) == (first.hour, first.file) && bytes <= OBJECT_BYTES_MAX
        });
        let count = fitting.count().max(1);
        self.taken += count;
        let lines = lines_of(&mut self.text, &left[..count]).context(FAILED);
        Some(lines.map(|lines| Object { hour, count: count as u64, lines }))
    }
}

/// Reads the lines of `entries`. Those that follow one another are read at once.
fn lines_of(text: &mut File, entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for run in entries.chunk_by(|one, next| one.offset + u64::from(one.length) == next.offset) {
        let (begin, bytes) = (lines.len(), run.iter().map(|entry| entry.length as usize).sum::<usize>());
        lines.resize(begin + bytes, 0);
        text.seek(SeekFrom::Start(run.first().map_or(0, |entry| entry.offset)))?;
        text.read_exact(&mut lines[begin..])?;
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(text: &str) -> Hour {
        text.parse().unwrap()
    }

    /// The lines of each object, after its hour.
    fn objects(spooled: Spooled) -> Vec<String> {
        let objects = spooled.into_objects().map(|object| object.unwrap());
        let text = |lines: &[u8]| String::from_utf8(lines.to_vec()).unwrap().replace('\n', " ");
        objects.map(|object| format!("{} {}: {}", object.hour, object.count, text(&object.lines))).collect()
    }

    fn line(log_id: &str) -> String {
        format!("{{\"log_id\":\"{log_id}\"}}\n")
    }

    fn filled() -> Spooled {
        let mut spool = Spool::new().unwrap();
        let (early, late) = (hour("2025-03-01T07"), hour("2025-03-01T08"));
        for (file, hour, log_id) in [(0, late, "1"), (0, early, "2"), (0, late, "3"), (0, late, "2"), (1, late, "4")] {
            spool.add(file, hour, line(log_id).as_bytes()).unwrap();
        }
        spool.finish().unwrap()
    }

    #[test]
    fn lines_come_by_hour_and_file_in_their_order() {
        let spooled = filled();
        assert_eq!(spooled.hours(), Some((hour("2025-03-01T07"), hour("2025-03-01T08"))));
        assert_eq!((spooled.left_out(), spooled.lines_alone()), ((0, 1), false));
        let expected = [
            r#"2025-03-01T07 1: {"log_id":"2"} "#,
            r#"2025-03-01T08 2: {"log_id":"1"} {"log_id":"3"} "#,
            r#"2025-03-01T08 1: {"log_id":"4"} "#,
        ];
        assert_eq!(objects(spooled), expected);
        let none = Spool::new().unwrap().finish().unwrap();
        assert_eq!((none.hours(), none.left_out()), (None, (0, 0)));
        assert_eq!(objects(none), [""; 0]);
    }

    #[test]
    fn what_the_bucket_holds_is_left_out_with_all_its_repeats() {
        let mut spooled = filled();
        for log_id in ["2", "2", "9"] {
            spooled.hold(&Identity::of_log_id(log_id));
        }
        assert_eq!(spooled.left_out(), (1, 1));
        assert_eq!(spooled.held_hours(), BTreeSet::from([hour("2025-03-01T07")]));
        assert_eq!(spooled.into_objects().hours(), 1);
    }

    #[test]
    fn an_event_without_a_log_id_is_told_by_its_line() {
        let mut spool = Spool::new().unwrap();
        for line in ["{\"type\":\"s\"}\n", "{\"log_id\":\"\",\"type\":\"s\"}\n", "{\"type\":\"s\"}\n"] {
            spool.add(0, hour("2025-03-01T07"), line.as_bytes()).unwrap();
        }
        let mut spooled = spool.finish().unwrap();
        spooled.hold(&Identity::of_line(b"{\"type\":\"s\"}"));
        assert_eq!((spooled.left_out(), spooled.lines_alone()), ((1, 1), true));
        assert_eq!(objects(spooled), [r#"2025-03-01T07 1: {"log_id":"","type":"s"} "#]);
    }

    #[test]
    fn an_entry_takes_as_much_memory_as_is_said() {
        assert_eq!(size_of::<Entry>(), 64);
    }
}
