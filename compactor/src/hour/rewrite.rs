//! The rewrite of an hour: inputs → lines → rows → Parquet, in a folder that is claimed.

use std::io::{self, Read, Seek};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, future, stream};
use log_format::{Hour, layout};
use projection::WRITER_VERSION;
use projection::manifest::{Counts, File, Live, ObjectMeta};
use projection::read::decode::{DecodeError, Decoded, Decoder, MemoryBudget};
use projection::read::rejected::spool;
use projection::sort::merge::MergeSummary;
use projection::sort::sorter::{Sorted, SortedRun};
use tempfile::SpooledTempFile;

use crate::bucket::{Bucket, Got, Upload};
use crate::clock::Clock;
use crate::config::Limits;
use crate::hour::blocking;
use crate::hour::error::HourError;
use crate::hour::write::{FolderWriter, HashingWriter, Rows, read_back};

/// How an hour's memory is divided, in eighths: rows that wait to be sorted, texts, and objects that are read ahead.
const ROWS_EIGHTHS: u64 = 4;
const TEXT_EIGHTHS: u64 = 3;
const OBJECTS_EIGHTHS: u64 = 1;
/// Bytes for rows that a thread has at least, unless it is the only one. With less there would be very many runs.
const ROWS_BYTES_MIN: usize = 4 << 20;

/// Bytes read at once from the file of rejected lines.
const READ_BYTES: usize = 1 << 20;

/// Rewrites hours. It needs no catalog and no manifest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rewriter<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) limits: &'a Limits,
    pub(super) clock: &'a Clock,
}

/// Everything that the objects of an hour held.
#[derive(Debug)]
struct HourLines {
    lines: u64,
    /// How many lines of each object became rows.
    input_rows: Vec<u64>,
    rejected: u64,
    rejected_file: SpooledTempFile,
    runs: Vec<SortedRun>,
    duplicates: u64,
}

impl Rewriter<'_> {
    /// Step 3 of an hour. `None` if an input is not what was listed any more.
    pub(super) async fn rewrite(
        &self,
        hour: Hour,
        attempt: &str,
        inputs: Vec<ObjectMeta>,
    ) -> Result<Option<Live>, HourError> {
        let Some(read) = self.read_all(&inputs).await? else { return Ok(None) };
        let rejected_file = match read.rejected {
            0 => None,
            lines => {
                let key = layout::rejected_key(hour, attempt);
                let (size, sha256) = self.write_rejected(&key, read.rejected_file).await?;
                Some(File { key, size, rows: lines, sha256 })
            }
        };
        let folder = layout::parquet_folder(hour, attempt);
        let (files, summary) = self.write_rows(&folder, read.runs).await?;
        let counts = Counts {
            lines: read.lines,
            rows: summary.rows,
            duplicates: read.duplicates + summary.duplicates,
            collisions: summary.collisions,
            rejected: read.rejected,
        };
        read_back(self.bucket, &folder, &files, counts.lines - counts.duplicates - counts.rejected).await?;
        let (attempt, committed_at) = (attempt.to_string(), self.clock.now());
        let timestamps = summary.timestamps;
        let writer_version = WRITER_VERSION;
        Ok(Some(Live {
            attempt,
            committed_at,
            inputs,
            input_rows: read.input_rows,
            replaced: Vec::new(),
            files,
            rejected_file,
            counts,
            timestamps,
            writer_version,
        }))
    }

    /// Reads all inputs, several at once. `None` if one is not what was listed any more.
    async fn read_all(&self, inputs: &[ObjectMeta]) -> Result<Option<HourLines>, HourError> {
        let eighth = self.limits.hour_bytes_max() / 8;
        let rows_bytes = (ROWS_EIGHTHS * eighth) as usize;
        let threads = (rows_bytes / ROWS_BYTES_MIN).clamp(1, self.limits.threads.max(1));
        let text_bytes = (TEXT_EIGHTHS * eighth) as usize / threads;
        let budget = MemoryBudget { rows_bytes: rows_bytes / threads, text_bytes };
        let largest = inputs.iter().map(|input| input.size).max().unwrap_or_default();
        let at_once = (OBJECTS_EIGHTHS * eighth / largest.max(1)).clamp(1, self.limits.reads_at_once.max(1) as u64);
        let decoders = Arc::new(Decoders { idle: Mutex::default(), budget });
        // Owned, because the future of a task that moves between threads must not borrow.
        let (bucket, inputs) = (self.bucket.clone(), inputs.to_vec());
        let objects =
            stream::iter(inputs).map(move |input| read_object(bucket.clone(), input)).buffered(at_once as usize);
        let working = Arc::clone(&decoders);
        let decode = move |object| decode_object(Arc::clone(&working), object);
        let mut decoded = pin!(objects.map(decode).buffered(threads));
        let mut read = HourLines {
            lines: 0,
            input_rows: Vec::new(),
            rejected: 0,
            rejected_file: spool(),
            runs: Vec::new(),
            duplicates: 0,
        };
        while let Some(decoded) = decoded.next().await {
            let Some(decoded) = decoded? else { return Ok(None) };
            read.add(decoded).map_err(DecodeError::Rejected)?;
        }
        for sorted in decoders.sort().await? {
            read.runs.extend(sorted.runs);
            read.duplicates += sorted.duplicates;
        }
        Ok(Some(read))
    }

    /// Writes the file of rejected lines. Returns its size and SHA-256.
    async fn write_rejected(&self, key: &str, mut file: SpooledTempFile) -> Result<(u64, String), HourError> {
        file.rewind().map_err(DecodeError::Rejected)?;
        let mut upload = self.bucket.upload(key, self.limits.part_bytes());
        let written = self.copy_to(&mut upload, file).await;
        if written.is_err() {
            upload.abort().await;
        }
        written
    }

    async fn copy_to(&self, upload: &mut Upload<'_>, mut file: SpooledTempFile) -> Result<(u64, String), HourError> {
        let (mut bytes, mut written) = (vec![0; READ_BYTES], HashingWriter::default());
        loop {
            let read = file.read(&mut bytes).map_err(DecodeError::Rejected)?;
            self.clock.may_write()?;
            if read == 0 {
                upload.finish().await?;
                return Ok(written.finish());
            }
            upload.push(written.hash(&bytes[..read])).await?;
        }
    }

    /// Writes the distinct rows of all runs into one file. No rows make no file.
    async fn write_rows(&self, folder: &str, runs: Vec<SortedRun>) -> Result<(Vec<File>, MergeSummary), HourError> {
        if runs.is_empty() {
            return Ok((Vec::new(), MergeSummary::default()));
        }
        let writer = FolderWriter { bucket: self.bucket, limits: self.limits, clock: self.clock, folder };
        let (file, summary) = writer.merge(0, Rows::OfHour(runs)).await?;
        Ok((vec![file], summary))
    }
}

/// An object with its key. `None` if it is not what was listed any more.
async fn read_object(bucket: Bucket, input: ObjectMeta) -> Result<Option<(String, Bytes)>, HourError> {
    match bucket.read_if(&input).await? {
        Got::Bytes(object) => Ok(Some((input.key, object))),
        Got::Changed => Ok(None),
    }
}

async fn decode_object(
    decoders: Arc<Decoders>,
    object: Result<Option<(String, Bytes)>, HourError>,
) -> Result<Option<Decoded>, HourError> {
    let Some((key, object)) = object? else { return Ok(None) };
    Ok(Some(blocking::spawn(move || decoders.decode(&key, &object)).await?))
}

impl HourLines {
    /// Adds an object. Objects come in order, so that the same inputs give the same file of rejected lines (C7).
    fn add(&mut self, object: Decoded) -> io::Result<()> {
        self.lines += object.lines;
        self.input_rows.push(object.lines - object.rejected);
        self.rejected += object.rejected;
        if let Some(mut file) = object.rejected_file {
            io::copy(&mut file, &mut self.rejected_file)?;
        }
        Ok(())
    }
}

/// The decoders of an hour. There are as many as were ever needed at once.
#[derive(Debug)]
struct Decoders {
    idle: Mutex<Vec<Decoder>>,
    budget: MemoryBudget,
}

impl Decoders {
    fn decode(&self, key: &str, object: &[u8]) -> Result<Decoded, DecodeError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut decoder = idle.unwrap_or_else(|| Decoder::new(self.budget));
        let decoded = decoder.push(key, object);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        decoded
    }

    /// Sorts the rows of each decoder. If one has spilled, all do, so that memory is free for what follows.
    async fn sort(&self) -> Result<Vec<Sorted>, DecodeError> {
        let decoders = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        let into_files = decoders.iter().any(Decoder::has_spilled);
        let sort = |decoder: Decoder| blocking::spawn(move || decoder.finish(into_files));
        future::try_join_all(decoders.into_iter().map(sort)).await
    }
}
