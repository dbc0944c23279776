//! The third step of an hour: inputs → lines → rows → Parquet, in a folder that is claimed.

use std::collections::{HashSet, VecDeque};
use std::io::{self, Read, Seek};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt, future, stream};
use log_format::{Hour, layout};
use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

use crate::WRITER_VERSION;
use crate::bucket::{Bucket, Got, Upload};
use crate::columns::{Columns, Room};
use crate::decode::{self, DecodeError, Decoded, Decoder};
use crate::encode::{ParquetFile, RowGroup};
use crate::hour::{Compactor, HourError, Run};
use crate::manifest::{Counts, File, Input, Live};
use crate::merge::{Found, Merge};
use crate::rejected::spool;
use crate::sort::{self, Sorted};
use crate::work;

/// What the memory of an hour is divided into, in eighths: rows that wait to be sorted, texts, and objects that are read
/// ahead. When all is read, what is read of sorted runs takes an eighth.
const ROWS_EIGHTHS: u64 = 4;
const TEXT_EIGHTHS: u64 = 3;
const OBJECTS_EIGHTHS: u64 = 1;
const RUNS_EIGHTHS: u64 = 1;
/// What a thread has at least for rows, if it is not the only one: with less they become very many runs.
const ROWS_BYTES_MIN: usize = 4 << 20;

/// What is read at once of the file of rejected lines.
const READ_BYTES: usize = 1 << 20;

/// Everything that was in the objects of an hour.
#[derive(Debug)]
struct Inputs {
    lines: u64,
    rejected: u64,
    rejected_file: SpooledTempFile,
    runs: Vec<sort::Run>,
    duplicates: u64,
}

impl Compactor {
    /// Step 3. None where an input is not what was listed any more.
    pub(crate) async fn rewrite(
        &self,
        hour: Hour,
        attempt: &str,
        inputs: Vec<Input>,
        run: &Run,
    ) -> Result<Option<Live>, HourError> {
        let Some(read) = self.read_all(&inputs).await? else { return Ok(None) };
        let rejected_file = match read.rejected {
            0 => None,
            lines => {
                let key = layout::rejected_key(hour, attempt);
                let (size, sha256) = self.write_rejected(&key, read.rejected_file, run).await?;
                Some(File { key, size, rows: lines, sha256 })
            }
        };
        let folder = layout::parquet_folder(hour, attempt);
        let (files, found) = self.write_rows(&folder, read.runs, run).await?;
        let counts = Counts {
            lines: read.lines,
            rows: found.rows,
            duplicates: read.duplicates + found.duplicates,
            collisions: found.collisions,
            rejected: read.rejected,
        };
        self.read_back(&folder, &files, &counts).await?;
        let (attempt, committed_at) = (attempt.to_string(), run.clock.now());
        let timestamps = found.timestamps;
        let writer_version = WRITER_VERSION;
        Ok(Some(Live { attempt, committed_at, inputs, files, rejected_file, counts, timestamps, writer_version }))
    }

    /// Reads all inputs, several at once. None where one is not what was listed any more.
    async fn read_all(&self, inputs: &[Input]) -> Result<Option<Inputs>, HourError> {
        let eighth = self.limits.hour_bytes_max() / 8;
        let rows_bytes = (ROWS_EIGHTHS * eighth) as usize;
        let threads = (rows_bytes / ROWS_BYTES_MIN).clamp(1, self.limits.threads.max(1));
        let room =
            decode::Room { rows_bytes: rows_bytes / threads, text_bytes: (TEXT_EIGHTHS * eighth) as usize / threads };
        let largest = inputs.iter().map(|input| input.size).max().unwrap_or_default();
        let at_once = (OBJECTS_EIGHTHS * eighth / largest.max(1)).clamp(1, self.limits.reads_at_once.max(1) as u64);
        let decoders = Arc::new(Decoders { idle: Mutex::default(), room });
        // Owned, as a task's future has to be that is to be sent between threads.
        let (bucket, inputs) = (self.bucket.clone(), inputs.to_vec());
        let objects =
            stream::iter(inputs).map(move |input| read_object(bucket.clone(), input)).buffered(at_once as usize);
        let working = Arc::clone(&decoders);
        let decode = move |object| decode_object(Arc::clone(&working), object);
        let mut decoded = pin!(objects.map(decode).buffered(threads));
        let mut read = Inputs { lines: 0, rejected: 0, rejected_file: spool(), runs: Vec::new(), duplicates: 0 };
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

    /// Writes the file of rejected lines. Gives its size and checksum.
    async fn write_rejected(
        &self,
        key: &str,
        mut file: SpooledTempFile,
        run: &Run,
    ) -> Result<(u64, String), HourError> {
        file.rewind().map_err(DecodeError::Rejected)?;
        let mut upload = self.bucket.upload(key, self.limits.part_bytes());
        let written = copy_to(&mut upload, file, run).await;
        if written.is_err() {
            upload.abort().await;
        }
        written
    }

    /// Writes the distinct rows of all runs into one file, a row group behind the other; none where there are no rows.
    async fn write_rows(&self, folder: &str, runs: Vec<sort::Run>, run: &Run) -> Result<(Vec<File>, Found), HourError> {
        if runs.is_empty() {
            return Ok((Vec::new(), Found::default()));
        }
        let key = format!("{folder}00000.parquet");
        let mut upload = self.bucket.upload(&key, self.limits.part_bytes());
        match self.write_groups(&mut upload, runs, run).await {
            Ok((size, rows, sha256, found)) => Ok((vec![File { key, size, rows, sha256 }], found)),
            Err(error) => {
                upload.abort().await;
                Err(error)
            }
        }
    }

    /// One thread merges while others encode, and what is finished is written meanwhile. Gives the file's size, rows and
    /// checksum, and what was found.
    async fn write_groups(
        &self,
        upload: &mut Upload<'_>,
        runs: Vec<sort::Run>,
        run: &Run,
    ) -> Result<(u64, u64, String, Found), HourError> {
        let bytes = (self.limits.hour_bytes_max() / 8 * RUNS_EIGHTHS) as usize;
        let mut merge = Some(work::begin(move || Merge::new(runs, bytes)).await.map_err(DecodeError::Spill)?);
        let mut found = Found::default();
        let mut file = ParquetFile::new()?;
        let encoder = Arc::new(file.encoder());
        let mut groups = VecDeque::new();
        let (mut number, mut written, mut room) = (0, Written::default(), Room::default());
        loop {
            while let Some(merging) = merge.take_if(|_| groups.len() < self.limits.threads.max(1)) {
                let (merging, rows, more) =
                    work::begin(move || next_group(merging, room)).await.map_err(DecodeError::Spill)?;
                room = rows.room();
                let encoder = Arc::clone(&encoder);
                groups.push_back(work::begin(move || encoder.encode(number, rows)));
                number += 1;
                if more {
                    merge = Some(merging);
                } else {
                    found = work::begin(move || merging.found()).await.map_err(DecodeError::Spill)?;
                }
            }
            let Some(group) = groups.pop_front() else { break };
            let group: RowGroup = group.await?;
            let bytes = file.append(group)?;
            run.clock.may_write()?;
            upload.push(written.with(&bytes)).await?;
        }
        let (bytes, rows) = file.finish()?;
        upload.push(written.with(&bytes)).await?;
        run.clock.may_write()?;
        upload.finish().await?;
        let (size, sha256) = written.finish();
        Ok((size, rows, sha256, found))
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

async fn copy_to(upload: &mut Upload<'_>, mut file: SpooledTempFile, run: &Run) -> Result<(u64, String), HourError> {
    let (mut bytes, mut written) = (vec![0; READ_BYTES], Written::default());
    loop {
        let read = file.read(&mut bytes).map_err(DecodeError::Rejected)?;
        run.clock.may_write()?;
        if read == 0 {
            upload.finish().await?;
            return Ok(written.finish());
        }
        upload.push(written.with(&bytes[..read])).await?;
    }
}

/// What has been written of a file.
#[derive(Debug, Default)]
struct Written {
    size: u64,
    sha256: Sha256,
}

impl Written {
    /// Takes bytes on their way.
    fn with<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        bytes
    }

    /// Size and checksum.
    fn finish(self) -> (u64, String) {
        (self.size, self.sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// An object with its key; none where it is not what was listed any more.
async fn read_object(bucket: Bucket, input: Input) -> Result<Option<(String, Bytes)>, HourError> {
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
    Ok(Some(work::begin(move || decoders.decode(&key, &object)).await?))
}

/// The rows of the next group, and whether any are left.
fn next_group(mut merge: Merge, room: Room) -> io::Result<(Merge, Columns, bool)> {
    let mut rows = Columns::with_room(room);
    let more = merge.fill(&mut rows)?;
    Ok((merge, rows, more))
}

impl Inputs {
    /// Objects are added in their order, so that the same inputs give the same file of rejected lines (C7).
    fn add(&mut self, object: Decoded) -> io::Result<()> {
        self.lines += object.lines;
        self.rejected += object.rejected;
        if let Some(mut file) = object.rejected_file {
            io::copy(&mut file, &mut self.rejected_file)?;
        }
        Ok(())
    }
}

/// The decoders of an hour, as many as are at work at once.
#[derive(Debug)]
struct Decoders {
    idle: Mutex<Vec<Decoder>>,
    room: decode::Room,
}

impl Decoders {
    fn decode(&self, key: &str, object: &[u8]) -> Result<Decoded, DecodeError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut decoder = idle.unwrap_or_else(|| Decoder::new(self.room));
        let decoded = decoder.push(key, object);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        decoded
    }

    /// Sorts what each of them has taken. Where one has put rows into a file, all do, so that memory is free for what follows.
    async fn sort(&self) -> Result<Vec<Sorted>, DecodeError> {
        let decoders = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        let into_files = decoders.iter().any(Decoder::uses_a_file);
        let sort = |decoder: Decoder| work::begin(move || decoder.finish(into_files));
        future::try_join_all(decoders.into_iter().map(sort)).await
    }
}
