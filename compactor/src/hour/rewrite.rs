//! The rewrite of an hour: inputs → lines → rows → Parquet, in a folder that is claimed.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read, Seek};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, future, stream};
use log_format::{Hour, layout};
use projection::WRITER_VERSION;
use projection::manifest::{Counts, File, Live, ObjectMeta};
use projection::read::decode::{DecodeError, Decoded, Decoder, MemoryBudget};
use projection::read::rejected::spool;
use projection::sort::merge::{Merge, MergeSummary};
use projection::sort::sorter::{Sorted, SortedRun};
use projection::write::file::{EncodeError, EncodedRowGroup, Encoder, ParquetFile};
use projection::write::row_group::{Capacity, RowGroupBuilder};
use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

use crate::bucket::{Bucket, Got, Upload};
use crate::clock::Clock;
use crate::config::Limits;
use crate::hour::blocking;
use crate::hour::error::HourError;

/// How an hour's memory is divided, in eighths: rows that wait to be sorted, texts, and objects that are read ahead. Once
/// everything is read, buffers for sorted runs take an eighth.
const ROWS_EIGHTHS: u64 = 4;
const TEXT_EIGHTHS: u64 = 3;
const OBJECTS_EIGHTHS: u64 = 1;
const RUNS_EIGHTHS: u64 = 1;
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
        self.read_back(&folder, &files, &counts).await?;
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
        let key = format!("{folder}00000.parquet");
        let mut upload = self.bucket.upload(&key, self.limits.part_bytes());
        match self.write_file(&mut upload, runs).await {
            Ok((size, rows, sha256, summary)) => Ok((vec![File { key, size, rows, sha256 }], summary)),
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// Writes row groups as they are finished. Returns the file's size, rows and SHA-256, and what the merge counted.
    async fn write_file(
        &self,
        upload: &mut Upload<'_>,
        runs: Vec<SortedRun>,
    ) -> Result<(u64, u64, String, MergeSummary), HourError> {
        let bytes = (self.limits.hour_bytes_max() / 8 * RUNS_EIGHTHS) as usize;
        let mut file = ParquetFile::new()?;
        let mut groups = RowGroups::begin(runs, bytes, file.encoder(), self.limits.threads.max(1)).await?;
        let mut written = HashingWriter::default();
        while let Some(group) = groups.next().await? {
            let bytes = file.append(group)?;
            self.clock.may_write()?;
            upload.push(written.hash(&bytes)).await?;
        }
        let (bytes, rows) = file.finish()?;
        upload.push(written.hash(&bytes)).await?;
        self.clock.may_write()?;
        upload.finish().await?;
        let (size, sha256) = written.finish();
        Ok((size, rows, sha256, groups.summary))
    }

    /// Readers read the folder, so the folder must hold exactly the outputs, and these every row (C2).
    async fn read_back(&self, folder: &str, files: &[File], counts: &Counts) -> Result<(), HourError> {
        let found: u64 = files.iter().map(|file| file.rows).sum();
        let expected = counts.lines - counts.duplicates - counts.rejected;
        if found != expected {
            return Err(HourError::RowCount { found, expected });
        }
        let listed = self.bucket.list(folder).await?;
        let listed: HashSet<(&str, u64)> = listed.iter().map(|object| (object.key.as_str(), object.size)).collect();
        let written: HashSet<(&str, u64)> = files.iter().map(|file| (file.key.as_str(), file.size)).collect();
        if listed == written { Ok(()) } else { Err(HourError::Folder { folder: folder.to_string() }) }
    }
}

/// The encoded row groups of sorted runs, in order. One thread merges while others encode.
struct RowGroups {
    /// `None` once all rows are merged.
    merge: Option<Merge>,
    summary: MergeSummary,
    encoder: Arc<Encoder>,
    encoding: VecDeque<BoxFuture<'static, Result<EncodedRowGroup, EncodeError>>>,
    at_once: usize,
    number: usize,
    capacity: Capacity,
}

impl RowGroups {
    /// Begins to merge `runs` with `bytes` of memory. At most `at_once` row groups are encoded at once.
    async fn begin(
        runs: Vec<SortedRun>,
        bytes: usize,
        encoder: Encoder,
        at_once: usize,
    ) -> Result<RowGroups, DecodeError> {
        let merge = blocking::spawn(move || Merge::new(runs, bytes)).await.map_err(DecodeError::Spill)?;
        Ok(RowGroups {
            merge: Some(merge),
            summary: MergeSummary::default(),
            encoder: Arc::new(encoder),
            encoding: VecDeque::new(),
            at_once,
            number: 0,
            capacity: Capacity::default(),
        })
    }

    /// The next row group. `None` after the last, and then the summary is complete.
    async fn next(&mut self) -> Result<Option<EncodedRowGroup>, HourError> {
        while let Some(merge) = self.merge.take_if(|_| self.encoding.len() < self.at_once) {
            self.begin_group(merge).await.map_err(DecodeError::Spill)?;
        }
        match self.encoding.pop_front() {
            Some(group) => Ok(Some(group.await?)),
            None => Ok(None),
        }
    }

    /// Merges the rows of the next group and begins to encode it.
    async fn begin_group(&mut self, merge: Merge) -> io::Result<()> {
        let capacity = std::mem::take(&mut self.capacity);
        let (merge, rows, more) = blocking::spawn(move || merge_group(merge, capacity)).await?;
        self.capacity = rows.capacity();
        let (encoder, number) = (Arc::clone(&self.encoder), self.number);
        self.encoding.push_back(blocking::spawn(move || encoder.encode(number, rows)).boxed());
        self.number += 1;
        if more {
            self.merge = Some(merge);
        } else {
            self.summary = blocking::spawn(move || merge.finish()).await?;
        }
        Ok(())
    }
}

/// The rows of the next group, and whether any are left.
fn merge_group(mut merge: Merge, capacity: Capacity) -> io::Result<(Merge, RowGroupBuilder, bool)> {
    let mut rows = RowGroupBuilder::with_capacity(capacity);
    let more = rows.fill_from(&mut merge)?;
    Ok((merge, rows, more))
}

/// Size and SHA-256 of a file that is being written.
#[derive(Debug, Default)]
struct HashingWriter {
    size: u64,
    sha256: Sha256,
}

impl HashingWriter {
    /// Counts bytes on their way to S3.
    fn hash<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        bytes
    }

    /// The size in bytes, and the SHA-256 in hexadecimal digits.
    fn finish(self) -> (u64, String) {
        (self.size, hex::encode(self.sha256.finalize()))
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
