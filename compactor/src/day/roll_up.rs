//! The rolling up of a day: files of hours → files of a day, in a folder that is claimed.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use log_format::Day;
use projection::WRITER_VERSION;
use projection::manifest::{File, HourInput, LiveDay, Period};
use projection::read::parquet::{FileRuns, ReadError};
use projection::sort::sorter::SortedRun;
use projection::write::append::HourFile;

use crate::bucket::Bucket;
use crate::clock::Clock;
use crate::config::Limits;
use crate::day::plan;
use crate::hour::blocking;
use crate::hour::error::HourError;
use crate::hour::write::{FolderWriter, HashingWriter, Rows, read_back};

/// Rolls up days. It needs no catalog and no manifest.
#[derive(Debug, Clone, Copy)]
pub(super) struct RollUp<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) limits: &'a Limits,
    pub(super) clock: &'a Clock,
}

impl RollUp<'_> {
    /// Writes the rows of these hours, none of them merged, into the folder of an attempt. `None` if a file of an hour is gone, or
    /// is not what its hour's manifest says.
    pub(super) async fn write(
        &self,
        day: Day,
        attempt: &str,
        inputs: Vec<HourInput>,
    ) -> Result<Option<LiveDay>, HourError> {
        let folder = day.folder(attempt);
        let RollUp { bucket, limits, clock } = *self;
        let writer = FolderWriter { bucket, limits, clock, folder: &folder };
        let mut files = Vec::new();
        for (number, hours) in plan::files(&inputs).into_iter().enumerate() {
            let file = match hours.as_slice() {
                [hour] if plan::is_large(hour) => self.append(&writer, number, hour).await?,
                hours => self.merge(&writer, number, hours).await?,
            };
            let Some(file) = file else { return Ok(None) };
            files.push(file);
        }
        let rows = inputs.iter().map(|input| input.rows).sum();
        read_back(bucket, &folder, &files, rows).await?;
        let (attempt, committed_at, writer_version) = (attempt.to_string(), clock.now(), WRITER_VERSION);
        Ok(Some(LiveDay { attempt, committed_at, inputs, files, rows, writer_version }))
    }

    /// A file whose row groups are those of one large hour.
    async fn append(
        &self,
        writer: &FolderWriter<'_>,
        number: usize,
        hour: &HourInput,
    ) -> Result<Option<File>, HourError> {
        let mut sources = Vec::new();
        for file in &hour.files {
            let Some(copy) = self.copy(file).await? else { return Ok(None) };
            let opened = blocking::spawn(move || HourFile::open(copy)).await;
            sources.push(opened.map_err(|source| unreadable(file, source))?);
        }
        Ok(Some(writer.append(number, &hour.hour.hour(), sources).await?))
    }

    /// A file of the merged rows of these hours.
    async fn merge(
        &self,
        writer: &FolderWriter<'_>,
        number: usize,
        hours: &[&HourInput],
    ) -> Result<Option<File>, HourError> {
        let mut runs = FileRuns::new()?;
        let mut names = Vec::new();
        for hour in hours {
            for file in &hour.files {
                let Some(bytes) = self.read(file).await? else { return Ok(None) };
                let (filled, pushed) = blocking::spawn(move || push(runs, bytes)).await;
                pushed.map_err(|source| unreadable(file, source))?;
                runs = filled;
                names.push(hour.hour.hour());
            }
        }
        let runs: Vec<SortedRun> = runs.finish()?;
        let (file, _) = writer.merge(number, Rows::OfHours(runs, Arc::from(names))).await?;
        Ok(Some(file))
    }

    /// The bytes of an hour's file. `None` if it is gone or another.
    async fn read(&self, file: &File) -> Result<Option<Bytes>, HourError> {
        let Some((bytes, _)) = self.bucket.read(&file.key).await? else { return Ok(None) };
        let hash = move || {
            let mut hashed = HashingWriter::default();
            hashed.hash(&bytes);
            (hashed.finish(), bytes)
        };
        let (found, bytes) = blocking::spawn(hash).await;
        Ok((found == (file.size, file.sha256.clone())).then_some(bytes))
    }

    /// An hour's file in a temporary file: it may be larger than the memory. `None` if it is gone or another.
    async fn copy(&self, file: &File) -> Result<Option<std::fs::File>, HourError> {
        let (mut copy, mut hashed, mut written) = (tempfile::tempfile()?, HashingWriter::default(), Ok(()));
        let found = self.bucket.read_parts(&file.key, |part| {
            let bytes = hashed.hash(part);
            if written.is_ok() {
                written = copy.write_all(bytes);
            }
        });
        let found = found.await?;
        written?;
        Ok((found && hashed.finish() == (file.size, file.sha256.clone())).then_some(copy))
    }
}

fn push(mut runs: FileRuns, file: Bytes) -> (FileRuns, Result<u64, ReadError>) {
    let pushed = runs.push(file);
    (runs, pushed)
}

fn unreadable(file: &File, source: ReadError) -> HourError {
    match source {
        ReadError::Spill(error) => HourError::Temporary(error),
        source => HourError::HourFile { key: file.key.clone(), source },
    }
}
