//! Sorted runs, or the file of a large hour → a Parquet file in the bucket, in a folder that is claimed.

use std::collections::{HashSet, VecDeque};
use std::fs;
use std::io;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use projection::manifest::File;
use projection::read::decode::DecodeError;
use projection::sort::merge::{Merge, MergeSummary};
use projection::sort::sorter::SortedRun;
use projection::write::append::HourFile;
use projection::write::file::{EncodeError, EncodedRowGroup, Encoder, ParquetFile};
use projection::write::row_group::{Capacity, RowGroupBuilder};
use sha2::{Digest, Sha256};

use crate::bucket::{Bucket, Upload};
use crate::clock::Clock;
use crate::config::Limits;
use crate::hour::blocking;
use crate::hour::error::HourError;

/// Buffers for sorted runs take this many eighths of the memory.
const RUNS_EIGHTHS: u64 = 1;

/// Writes the files of one folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FolderWriter<'a> {
    pub(crate) bucket: &'a Bucket,
    pub(crate) limits: &'a Limits,
    pub(crate) clock: &'a Clock,
    pub(crate) folder: &'a str,
}

/// Sorted runs, and what they are of.
pub(crate) enum Rows {
    /// Of one hour: equal rows are one.
    OfHour(Vec<SortedRun>),
    /// Of hours, a run each, with their two digits. No rows are merged.
    OfHours(Vec<SortedRun>, Arc<[String]>),
}

/// A file that is on its way to S3.
struct Sending<'a> {
    upload: Upload<'a>,
    written: HashingWriter,
    clock: &'a Clock,
}

impl FolderWriter<'_> {
    /// Writes the rows in order into the file of that number, counted from 0.
    pub(crate) async fn merge(&self, number: usize, rows: Rows) -> Result<(File, MergeSummary), HourError> {
        let (key, mut sending) = self.begin(number);
        match self.write_merged(&mut sending, rows).await {
            Ok((rows, summary)) => Ok((sending.file(key, rows), summary)),
            Err(error) => Err(sending.abort(error).await),
        }
    }

    /// Writes the rows of large files of an hour (two digits) into the file of that number, without decoding them.
    pub(crate) async fn append(
        &self,
        number: usize,
        hour: &str,
        files: Vec<HourFile<fs::File>>,
    ) -> Result<File, HourError> {
        let (key, mut sending) = self.begin(number);
        match self.write_appended(&mut sending, hour, files).await {
            Ok(rows) => Ok(sending.file(key, rows)),
            Err(error) => Err(sending.abort(error).await),
        }
    }

    fn begin(&self, number: usize) -> (String, Sending<'_>) {
        let key = format!("{}{number:05}.parquet", self.folder);
        let upload = self.bucket.upload(&key, self.limits.part_bytes());
        (key, Sending { upload, written: HashingWriter::default(), clock: self.clock })
    }

    /// Writes row groups as they are finished. Returns the file's rows, and what the merge counted.
    async fn write_merged(&self, sending: &mut Sending<'_>, rows: Rows) -> Result<(u64, MergeSummary), HourError> {
        let bytes = (self.limits.hour_bytes_max() / 8 * RUNS_EIGHTHS) as usize;
        let mut file = match rows {
            Rows::OfHour(_) => ParquetFile::new()?,
            Rows::OfHours(..) => ParquetFile::of_day()?,
        };
        let mut groups = RowGroups::begin(rows, bytes, file.encoder(), self.limits.threads.max(1)).await?;
        while let Some(group) = groups.next().await? {
            sending.push(&file.append(group)?).await?;
        }
        let rows = sending.finish(file).await?;
        Ok((rows, groups.summary))
    }

    async fn write_appended(
        &self,
        sending: &mut Sending<'_>,
        hour: &str,
        files: Vec<HourFile<fs::File>>,
    ) -> Result<u64, HourError> {
        let mut file = ParquetFile::of_day()?;
        for source in files {
            let mut source = source;
            for group in 0..source.row_groups() {
                let hour = hour.to_string();
                let appended = blocking::spawn(move || {
                    let bytes = file.append_hour(&source, group, &hour);
                    (file, source, bytes)
                });
                let (whole, read, bytes) = appended.await;
                (file, source) = (whole, read);
                sending.push(&bytes?).await?;
            }
        }
        sending.finish(file).await
    }
}

impl Rows {
    fn merge(self, bytes: usize) -> io::Result<(Merge, Option<Arc<[String]>>)> {
        match self {
            Rows::OfHour(runs) => Ok((Merge::new(runs, bytes)?, None)),
            Rows::OfHours(runs, hours) => Ok((Merge::of_sources(runs, bytes)?, Some(hours))),
        }
    }
}

impl Sending<'_> {
    async fn push(&mut self, bytes: &[u8]) -> Result<(), HourError> {
        self.clock.may_write()?;
        Ok(self.upload.push(self.written.hash(bytes)).await?)
    }

    /// Sends the last bytes. Returns the rows of the file's footer.
    async fn finish(&mut self, file: ParquetFile) -> Result<u64, HourError> {
        let (bytes, rows) = file.finish()?;
        self.push(&bytes).await?;
        self.clock.may_write()?;
        self.upload.finish().await?;
        Ok(rows)
    }

    fn file(self, key: String, rows: u64) -> File {
        let (size, sha256) = self.written.finish();
        File { key, size, rows, sha256 }
    }

    async fn abort(self, error: HourError) -> HourError {
        self.upload.abort().await;
        error
    }
}

/// Readers read the folder, so the folder must hold exactly the outputs, and these every row (C2).
pub(crate) async fn read_back(bucket: &Bucket, folder: &str, files: &[File], expected: u64) -> Result<(), HourError> {
    let found: u64 = files.iter().map(|file| file.rows).sum();
    if found != expected {
        return Err(HourError::RowCount { found, expected });
    }
    let listed = bucket.list(folder).await?;
    let listed: HashSet<(&str, u64)> = listed.iter().map(|object| (object.key.as_str(), object.size)).collect();
    let written: HashSet<(&str, u64)> = files.iter().map(|file| (file.key.as_str(), file.size)).collect();
    if listed == written { Ok(()) } else { Err(HourError::Folder { folder: folder.to_string() }) }
}

/// The encoded row groups of sorted runs, in order. One thread merges while others encode.
struct RowGroups {
    /// In a file of a day, the hours of the runs.
    hours: Option<Arc<[String]>>,
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
    /// Begins to merge `rows` with `bytes` of memory. At most `at_once` row groups are encoded at once.
    async fn begin(rows: Rows, bytes: usize, encoder: Encoder, at_once: usize) -> Result<RowGroups, DecodeError> {
        let merge = blocking::spawn(move || rows.merge(bytes)).await;
        let (merge, hours) = merge.map_err(DecodeError::Spill)?;
        Ok(RowGroups {
            hours,
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
        let empty = RowGroupBuilder::with_capacity(capacity);
        let empty = if let Some(hours) = &self.hours { empty.of_hours(Arc::clone(hours)) } else { empty };
        let (merge, rows, more) = blocking::spawn(move || merge_group(merge, empty)).await?;
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
fn merge_group(mut merge: Merge, mut rows: RowGroupBuilder) -> io::Result<(Merge, RowGroupBuilder, bool)> {
    let more = rows.fill_from(&mut merge)?;
    Ok((merge, rows, more))
}

/// Size and SHA-256 of a file that is being written.
#[derive(Debug, Default)]
pub(crate) struct HashingWriter {
    size: u64,
    sha256: Sha256,
}

impl HashingWriter {
    /// Counts bytes on their way to S3.
    pub(crate) fn hash<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.size += bytes.len() as u64;
        self.sha256.update(bytes);
        bytes
    }

    /// The size in bytes, and the SHA-256 in hexadecimal digits.
    pub(crate) fn finish(self) -> (u64, String) {
        (self.size, hex::encode(self.sha256.finalize()))
    }
}
