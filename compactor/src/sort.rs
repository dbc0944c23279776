//! Rows → sorted runs. Rows gather in memory; where it is full they are sorted, and go into a file.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use hashbrown::HashMap;
use log_format::{LineError, Row, read_line};

use crate::record::{self, KEY_COLUMNS, Record, key_columns};

/// How many records are written to the file at once: a system call takes no more.
const WRITE_RECORDS: usize = 1024;

/// Distinct rows in their order.
#[derive(Debug)]
pub enum Run {
    /// In memory: records, and where each begins, sorted.
    Memory {
        /// The records as they came.
        records: Vec<u8>,
        /// Where they begin, in order.
        order: Vec<u32>,
    },
    /// In a part of a file, one record behind the other.
    File {
        /// The file.
        file: Arc<File>,
        /// Where the run begins.
        begin: u64,
        /// Bytes of the run.
        bytes: u64,
    },
}

/// Takes rows, gives sorted runs of them.
#[derive(Debug)]
pub struct Sorter {
    records: Vec<u8>,
    used: usize,
    begins: Vec<u32>,
    spill: Option<File>,
    spilled: Vec<(u64, u64)>,
    duplicates: u64,
}

/// What a sorter had been given.
#[derive(Debug)]
pub struct Sorted {
    /// All of it.
    pub runs: Vec<Run>,
    /// How many rows were in a run already, each repetition counted.
    pub duplicates: u64,
}

/// The greatest memory a sorter can use: it counts in 32 bits.
const RECORDS_BYTES_MAX: usize = u32::MAX as usize;

impl Sorter {
    /// A sorter of up to `bytes` of records at a time. One that is longer gets the room that it needs.
    pub fn new(bytes: usize) -> Sorter {
        // Zeros that nobody has written to take no memory yet.
        let records = vec![0; bytes.min(RECORDS_BYTES_MAX)];
        Sorter { records, used: 0, begins: Vec::new(), spill: None, spilled: Vec::new(), duplicates: 0 }
    }

    /// Takes the row of a line.
    ///
    /// # Errors
    ///
    /// Where the line is none, which the inner error says, or the file cannot be written.
    pub fn push_line(&mut self, line: &[u8]) -> io::Result<Result<(), LineError>> {
        self.make_room(record::room_bytes(line))?;
        if let Some(bytes) = record::write(line, &mut self.records[self.used..]) {
            self.add(bytes);
            return Ok(Ok(()));
        }
        match read_line(line) {
            Ok(row) => self.push(&row).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Takes a row.
    fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        let record = record::of_row(row);
        self.make_room(record.len())?;
        self.records[self.used..][..record.len()].copy_from_slice(&record);
        self.add(record.len());
        Ok(())
    }

    /// Has memory been too short?
    pub fn uses_a_file(&self) -> bool {
        self.spill.is_some()
    }

    /// All runs; in a file if they are not to stay in memory, or some are already.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn finish(mut self, into_file: bool) -> io::Result<Sorted> {
        let mut runs = Vec::new();
        if into_file || self.uses_a_file() {
            self.spill()?;
        }
        if let Some(spill) = self.spill.take() {
            let file = Arc::new(spill);
            let run = |(begin, bytes)| Run::File { file: Arc::clone(&file), begin, bytes };
            runs.extend(self.spilled.iter().copied().map(run));
        } else if !self.begins.is_empty() {
            let order = self.sort();
            self.records.truncate(self.used);
            runs.push(Run::Memory { records: self.records, order });
        }
        Ok(Sorted { runs, duplicates: self.duplicates })
    }

    fn add(&mut self, bytes: usize) {
        self.begins.push(self.used as u32);
        self.used += bytes;
    }

    /// A record's key takes memory too: as much of a row as there may be of these.
    fn make_room(&mut self, bytes: usize) -> io::Result<()> {
        let taken = self.used + (self.begins.len() + 1) * (size_of::<Key>() + size_of::<u32>());
        if taken + bytes <= self.records.len() {
            return Ok(());
        }
        self.spill()?;
        if bytes + size_of::<Key>() + size_of::<u32>() > self.records.len() {
            self.records.resize(bytes + size_of::<Key>() + size_of::<u32>(), 0);
        }
        Ok(())
    }

    /// Sorts what there is into the file.
    fn spill(&mut self) -> io::Result<()> {
        if self.begins.is_empty() {
            return Ok(());
        }
        let order = self.sort();
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(tempfile::tempfile()?),
        };
        let record = |begin: &u32| Record::first(&self.records[*begin as usize..]);
        let mut bytes = 0;
        for begins in order.chunks(WRITE_RECORDS) {
            let records = begins.iter().filter_map(record).map(Record::bytes);
            let mut gathered: Vec<IoSlice<'_>> = records.map(IoSlice::new).collect();
            bytes += gathered.iter().map(|record| record.len() as u64).sum::<u64>();
            write_all(spill, &mut gathered)?;
        }
        let begin = self.spilled.last().map_or(0, |(begin, bytes)| begin + bytes);
        self.spilled.push((begin, bytes));
        self.used = 0;
        Ok(())
    }

    /// Where the distinct records begin, in order. Nothing is gathered afterwards.
    fn sort(&mut self) -> Vec<u32> {
        let begins = std::mem::take(&mut self.begins);
        let records = &self.records[..self.used];
        let (mut keys, compared) = keys(records, &begins);
        let record = |begin: u32| Record::first(&records[begin as usize..]);
        let rest = |a: u32, b: u32| match (record(a), record(b)) {
            (Some(a), Some(b)) => a.compare(b, compared),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        keys.sort_unstable_by(|a, b| a.ranks.cmp(&b.ranks).then_with(|| rest(a.begin, b.begin)));
        let gathered = keys.len();
        keys.dedup_by(|a, b| a.ranks == b.ranks && rest(a.begin, b.begin).is_eq());
        self.duplicates += (gathered - keys.len()) as u64;
        keys.into_iter().map(|key| key.begin).collect()
    }
}

/// Writes records from where they lie.
fn write_all(file: &mut File, mut records: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !records.is_empty() {
        match file.write_vectored(records) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut records, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A row's place in the order by the columns that rows are sorted by first, and where the row is.
#[derive(Debug, Clone, Copy)]
struct Key {
    ranks: (u64, u64),
    begin: u32,
}

/// The keys of records, and how many columns of the order they stand for.
///
/// Users and types are few and their names long: each gets its rank among those there are, so that comparing two rows is
/// comparing numbers. So do timestamps, where all are of the one form that Auth0 gives them.
fn keys(records: &[u8], begins: &[u32]) -> (Vec<Key>, usize) {
    let columns = key_columns();
    let mut values: [HashMap<Option<&[u8]>, u32>; 2] = Default::default();
    let mut moments = true;
    let mut keys: Vec<Key> = Vec::with_capacity(begins.len());
    for begin in begins {
        let Some(record) = Record::first(&records[*begin as usize..]) else { continue };
        let user = number(&mut values[0], record.value(columns[0]));
        let kind = number(&mut values[1], record.value(columns[1]));
        let moment = moment(record.value(columns[2]));
        moments &= moment.is_some();
        let ranks = (u64::from(user) << 32 | u64::from(kind), moment.unwrap_or_default());
        keys.push(Key { ranks, begin: *begin });
    }
    let [users, kinds] = values.map(|values| ranks(&values));
    for key in &mut keys {
        let (user, kind) = (users[(key.ranks.0 >> 32) as usize], kinds[key.ranks.0 as u32 as usize]);
        key.ranks = (u64::from(user) << 32 | u64::from(kind), if moments { key.ranks.1 } else { 0 });
    }
    (keys, if moments { KEY_COLUMNS } else { KEY_COLUMNS - 1 })
}

/// The number of a value: how many others were there before it.
fn number<'a>(values: &mut HashMap<Option<&'a [u8]>, u32>, value: Option<&'a [u8]>) -> u32 {
    let next = values.len() as u32;
    *values.entry(value).or_insert(next)
}

/// For each value, by its number, its rank.
fn ranks(values: &HashMap<Option<&[u8]>, u32>) -> Vec<u32> {
    let mut sorted: Vec<(Option<&[u8]>, u32)> = values.iter().map(|(value, number)| (*value, *number)).collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    for (rank, (_, number)) in sorted.into_iter().enumerate() {
        ranks[number as usize] = rank as u32;
    }
    ranks
}

/// `2026-11-20T13:05:00.000Z` as a number that grows with it; 0 for no timestamp, none for one of any other form.
fn moment(timestamp: Option<&[u8]>) -> Option<u64> {
    let Some(timestamp) = timestamp else { return Some(0) };
    let form: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let timestamp: &[u8; 24] = timestamp.try_into().ok()?;
    timestamp.iter().zip(form).try_fold(1, |number: u64, (byte, form)| match form {
        b'0' if byte.is_ascii_digit() => Some(number * 10 + u64::from(byte - b'0')),
        _ => (byte == form && *form != b'0').then_some(number),
    })
}
