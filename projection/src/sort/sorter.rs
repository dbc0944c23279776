//! Rows → sorted runs. Rows gather in a buffer. A full buffer is sorted and spilled to a temporary file.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use hashbrown::HashMap;
use log_format::{LineError, Row, read_first};

use crate::sort::row::{self, EncodedRow, KEY_COLUMNS, key_columns};

/// Rows per write: `writev` takes at most 1,024 buffers.
const WRITE_ROWS: usize = 1024;

/// Distinct rows in sort order.
#[derive(Debug)]
pub enum SortedRun {
    /// The run is in memory.
    Memory {
        /// Encoded rows, in order of arrival.
        rows: Vec<u8>,
        /// Byte offsets into `rows`, in sort order.
        order: Vec<u32>,
    },
    /// The run is a part of a temporary file: encoded rows, one after the other.
    File {
        /// The temporary file, shared by the runs of one sorter.
        file: Arc<File>,
        /// Byte offset of the run in the file.
        begin: u64,
        /// Length of the run in bytes.
        bytes: u64,
    },
}

/// Collects rows and returns them as sorted runs.
#[derive(Debug)]
pub struct Sorter {
    rows: Vec<u8>,
    used: usize,
    begins: Vec<u32>,
    spill: Option<File>,
    spilled: Vec<(u64, u64)>,
    duplicates: u64,
}

/// The result of a [`Sorter`].
#[derive(Debug)]
pub struct Sorted {
    /// All rows.
    pub runs: Vec<SortedRun>,
    /// Rows that were left out because their run held them already, each repetition counted.
    pub duplicates: u64,
}

/// The largest buffer: offsets have 32 bits.
const ROWS_BYTES_MAX: usize = u32::MAX as usize;

impl Sorter {
    /// A sorter with a buffer of `bytes`. A longer row makes the buffer grow.
    pub fn new(bytes: usize) -> Sorter {
        // Zeroed pages take no memory until they are written.
        let rows = vec![0; bytes.min(ROWS_BYTES_MAX)];
        Sorter { rows, used: 0, begins: Vec::new(), spill: None, spilled: Vec::new(), duplicates: 0 }
    }

    /// Adds the row of a line, and returns what follows the object that it was read from. The inner error says why the line
    /// has none.
    ///
    /// # Errors
    ///
    /// The temporary file could not be written.
    pub fn push_line<'a>(&mut self, line: &'a [u8]) -> io::Result<Result<&'a [u8], LineError>> {
        self.reserve(row::capacity_bytes(line))?;
        if let Some(bytes) = row::encode_line(line, &mut self.rows[self.used..]) {
            self.add(bytes);
            // A canonical line ends with its object.
            return Ok(Ok(b""));
        }
        match read_first(line) {
            Ok((row, rest)) => self.push(&row).map(|()| Ok(rest)),
            Err(error) => Ok(Err(error)),
        }
    }

    fn push(&mut self, row: &Row<'_>) -> io::Result<()> {
        let row = row::encode(row);
        self.reserve(row.len())?;
        self.rows[self.used..][..row.len()].copy_from_slice(&row);
        self.add(row.len());
        Ok(())
    }

    /// True if rows were spilled to the temporary file.
    pub fn has_spilled(&self) -> bool {
        self.spill.is_some()
    }

    /// Returns all runs. They are in the temporary file if `into_file`, or if some already are.
    ///
    /// # Errors
    ///
    /// The temporary file could not be written.
    pub fn finish(mut self, into_file: bool) -> io::Result<Sorted> {
        let mut runs = Vec::new();
        if into_file || self.has_spilled() {
            self.spill()?;
        }
        if let Some(spill) = self.spill.take() {
            let file = Arc::new(spill);
            let run = |(begin, bytes)| SortedRun::File { file: Arc::clone(&file), begin, bytes };
            runs.extend(self.spilled.iter().copied().map(run));
        } else if !self.begins.is_empty() {
            let order = self.sort();
            self.rows.truncate(self.used);
            runs.push(SortedRun::Memory { rows: self.rows, order });
        }
        Ok(Sorted { runs, duplicates: self.duplicates })
    }

    fn add(&mut self, bytes: usize) {
        self.begins.push(self.used as u32);
        self.used += bytes;
    }

    /// Makes room for `bytes` more and for the row's sort key, which is built when the buffer is sorted.
    fn reserve(&mut self, bytes: usize) -> io::Result<()> {
        let taken = self.used + (self.begins.len() + 1) * (size_of::<Key>() + size_of::<u32>());
        if taken + bytes <= self.rows.len() {
            return Ok(());
        }
        self.spill()?;
        if bytes + size_of::<Key>() + size_of::<u32>() > self.rows.len() {
            self.rows.resize(bytes + size_of::<Key>() + size_of::<u32>(), 0);
        }
        Ok(())
    }

    /// Sorts the buffer and appends it to the temporary file as a run.
    fn spill(&mut self) -> io::Result<()> {
        if self.begins.is_empty() {
            return Ok(());
        }
        let order = self.sort();
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(tempfile::tempfile()?),
        };
        let row = |begin: &u32| EncodedRow::first(&self.rows[*begin as usize..]);
        let mut bytes = 0;
        for begins in order.chunks(WRITE_ROWS) {
            let rows = begins.iter().filter_map(row).map(EncodedRow::bytes);
            let mut gathered: Vec<IoSlice<'_>> = rows.map(IoSlice::new).collect();
            bytes += gathered.iter().map(|row| row.len() as u64).sum::<u64>();
            write_all(spill, &mut gathered)?;
        }
        let begin = self.spilled.last().map_or(0, |(begin, bytes)| begin + bytes);
        self.spilled.push((begin, bytes));
        self.used = 0;
        Ok(())
    }

    /// Returns the offsets of the distinct rows, in sort order, and forgets all rows.
    fn sort(&mut self) -> Vec<u32> {
        let begins = std::mem::take(&mut self.begins);
        let rows = &self.rows[..self.used];
        let (mut keys, compared) = keys(rows, &begins);
        let row = |begin: u32| EncodedRow::first(&rows[begin as usize..]);
        let rest = |a: u32, b: u32| match (row(a), row(b)) {
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

/// Writes all buffers without copying them together.
fn write_all(file: &mut File, mut rows: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !rows.is_empty() {
        match file.write_vectored(rows) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rows, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A sort key: ranks of the first columns in sort order, and the row's offset.
#[derive(Debug, Clone, Copy)]
struct Key {
    ranks: (u64, u64),
    begin: u32,
}

/// Builds the sort keys, and returns how many columns of the sort order they cover.
///
/// There are few users and types, and their names are long. Each gets a rank, so that comparing rows compares numbers.
/// Timestamps become numbers too, if all of them have Auth0's form.
fn keys(rows: &[u8], begins: &[u32]) -> (Vec<Key>, usize) {
    let columns = key_columns();
    let mut values: [HashMap<Option<&[u8]>, u32>; 2] = Default::default();
    let mut moments = true;
    let mut keys: Vec<Key> = Vec::with_capacity(begins.len());
    for begin in begins {
        let Some(row) = EncodedRow::first(&rows[*begin as usize..]) else { continue };
        let user = number(&mut values[0], row.value(columns[0]));
        let kind = number(&mut values[1], row.value(columns[1]));
        let moment = moment(row.value(columns[2]));
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

/// Numbers the values in order of arrival.
fn number<'a>(values: &mut HashMap<Option<&'a [u8]>, u32>, value: Option<&'a [u8]>) -> u32 {
    let next = values.len() as u32;
    *values.entry(value).or_insert(next)
}

/// The rank of each value, by its number.
fn ranks(values: &HashMap<Option<&[u8]>, u32>) -> Vec<u32> {
    let mut sorted: Vec<(Option<&[u8]>, u32)> = values.iter().map(|(value, number)| (*value, *number)).collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    for (rank, (_, number)) in sorted.into_iter().enumerate() {
        ranks[number as usize] = rank as u32;
    }
    ranks
}

/// `2026-11-20T13:05:00.000Z` as a number in the same order, and 0 for no timestamp. `None` for any other form.
fn moment(timestamp: Option<&[u8]>) -> Option<u64> {
    let Some(timestamp) = timestamp else { return Some(0) };
    let form: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let timestamp: &[u8; 24] = timestamp.try_into().ok()?;
    timestamp.iter().zip(form).try_fold(1, |number: u64, (byte, form)| match form {
        b'0' if byte.is_ascii_digit() => Some(number * 10 + u64::from(byte - b'0')),
        _ => (byte == form && *form != b'0').then_some(number),
    })
}
