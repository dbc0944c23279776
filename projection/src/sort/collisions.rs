//! Counts rows that share a log_id, in bounded memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

/// Bytes read from a run's file at once.
const READ_BYTES: usize = 16 << 10;

/// 64-bit hashes of the log_ids of distinct rows. Among ten million, two are equal by chance once in 400,000 hours.
#[derive(Debug)]
pub struct Collisions {
    hashes: Vec<u64>,
    hashes_max: usize,
    runs: Vec<File>,
}

impl Collisions {
    /// An empty count that takes `bytes` of memory.
    pub fn new(bytes: usize) -> Collisions {
        Collisions { hashes: Vec::new(), hashes_max: (bytes / size_of::<u64>()).max(1), runs: Vec::new() }
    }

    /// Adds the log_id of a row.
    ///
    /// # Errors
    ///
    /// A temporary file could not be written.
    pub fn push(&mut self, log_id: &[u8]) -> io::Result<()> {
        if self.hashes.len() == self.hashes_max {
            self.spill()?;
        }
        let mut hasher = DefaultHasher::new();
        log_id.hash(&mut hasher);
        self.hashes.push(hasher.finish());
        Ok(())
    }

    /// Counts the collisions: of n rows with the same log_id, n − 1.
    ///
    /// # Errors
    ///
    /// A temporary file could not be read.
    pub fn count(mut self) -> io::Result<u64> {
        self.hashes.sort_unstable();
        if self.runs.is_empty() {
            return Ok(self.hashes.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64);
        }
        self.spill()?;
        let mut runs: Vec<_> = self.runs.into_iter().map(|run| BufReader::with_capacity(READ_BYTES, run)).collect();
        let mut heads = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(next(run)?.map(|hash| Reverse((hash, number))));
        }
        let (mut count, mut last) = (0, None);
        while let Some(Reverse((hash, number))) = heads.pop() {
            count += u64::from(last.replace(hash) == Some(hash));
            heads.extend(next(&mut runs[number])?.map(|hash| Reverse((hash, number))));
        }
        Ok(count)
    }

    fn spill(&mut self) -> io::Result<()> {
        self.hashes.sort_unstable();
        let mut run = BufWriter::new(tempfile::tempfile()?);
        for hash in self.hashes.drain(..) {
            run.write_all(&hash.to_le_bytes())?;
        }
        let mut run = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        run.seek(SeekFrom::Start(0))?;
        self.runs.push(run);
        Ok(())
    }
}

fn next(run: &mut impl Read) -> io::Result<Option<u64>> {
    let mut bytes = [0; size_of::<u64>()];
    match run.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u64::from_le_bytes(bytes))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_same_in_any_memory() {
        let ids = ["a", "b", "a", "c", "d", "a", "b", "e"];
        for bytes in [0, 8, 16, 24, 64, 1 << 20] {
            let mut collisions = Collisions::new(bytes);
            for id in ids {
                collisions.push(id.as_bytes()).unwrap();
            }
            assert_eq!(collisions.count().unwrap(), 3, "{bytes}");
        }
        assert_eq!(Collisions::new(8).count().unwrap(), 0);
    }
}
