//! Which events the bucket holds, by what tells one event from another.
//!
//! The JSON objects are the record, so they are what is read. Where an hour's Parquet holds exactly the objects that are
//! listed and is much smaller to ask, its column of log_ids is read instead, without the rest of the file.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use compactor::bucket::{Bucket, BucketError, Got};
use futures::{StreamExt, stream};
use log_format::{COLUMNS, Hour, read_first};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use projection::manifest::{File, Live, ObjectMeta};
use projection::read::gzip_whole::Inflater;
use projection::read::lines::{End, Lines, Text};
use projection::read::parquet::{Part, each_text, place_of_column};
use sha2::{Digest, Sha256};

use crate::args::HourRange;
use crate::inventory::read_manifest;

/// The column that tells events apart.
const LOG_ID: usize = 0;
/// So many objects are fetched at once.
const OBJECTS_AT_ONCE: usize = 4;
/// A text up to this size is decompressed at once.
const TEXT_BYTES_AT_ONCE: usize = 8 << 20;
/// Below this an hour's JSON is read at once: a file of Parquet takes two requests or three.
const JSON_BYTES_MIN: u64 = 1 << 20;
/// What is read of the end of a file of Parquet at first. Most footers fit.
const FOOTER_BYTES: u64 = 64 << 10;

/// What tells one event from another: its log_id, or, of one without, its line. As a SHA-256, so that a million of them
/// take 32 MB, whatever they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identity([u8; 32]);

impl Identity {
    /// That of the events with this log_id.
    pub(crate) fn of_log_id(log_id: &str) -> Identity {
        Identity(Sha256::digest(log_id).into())
    }

    /// That of an event without a log_id, by its line, without a line feed.
    pub(crate) fn of_line(line: &[u8]) -> Identity {
        // No log_id begins with a line feed.
        Identity(Sha256::new().chain_update(b"\n").chain_update(line).finalize().into())
    }
}

/// An event that the bucket holds.
pub(crate) struct Held<'a> {
    /// What tells it from others.
    pub(crate) identity: Identity,
    /// Its log_id. `None` if it has none.
    pub(crate) log_id: Option<&'a str>,
}

/// Reads what the hours of a bucket hold.
pub(crate) struct Reader<'a> {
    bucket: &'a Bucket,
    inflater: Inflater,
    lines_alone: bool,
    /// What could not be read, so that nobody knows which events it holds: a key, and why.
    pub(crate) unreadable: BTreeSet<String>,
    /// Objects that were read.
    pub(crate) objects: u64,
    /// Hours of which the column of log_ids was read instead.
    pub(crate) hours_of_parquet: u64,
}

impl<'a> Reader<'a> {
    /// A reader of `bucket`. Of Parquet it knows no events without a log_id: with `lines_alone` it reads none.
    pub(crate) fn new(bucket: &'a Bucket, lines_alone: bool) -> Reader<'a> {
        let inflater = Inflater::new(TEXT_BYTES_AT_ONCE);
        let unreadable = BTreeSet::new();
        Reader { bucket, inflater, lines_alone, unreadable, objects: 0, hours_of_parquet: 0 }
    }

    /// Reads the objects alone from now on.
    pub(crate) fn leave_parquet(&mut self) {
        self.lines_alone = true;
    }

    /// Hands over every event that lies in one of `hours`, hour by hour.
    ///
    /// # Errors
    ///
    /// If S3 refuses a call.
    pub(crate) async fn read(&mut self, hours: HourRange, mut take: impl FnMut(Held<'_>)) -> Result<()> {
        let listed = self.bucket.inputs_by_hour(hours.from(), hours.to()).await?;
        for (hour, objects) in listed {
            if !self.read_parquet(hour, &objects, &mut take).await? {
                self.read_objects(&objects, &mut take).await?;
            }
        }
        Ok(())
    }

    /// Hands over the events of these objects.
    ///
    /// # Errors
    ///
    /// If S3 refuses a call.
    pub(crate) async fn read_objects(&mut self, objects: &[ObjectMeta], take: &mut impl FnMut(Held<'_>)) -> Result<()> {
        let bucket = self.bucket;
        let reads = objects.iter().map(|object| async move { (object, bucket.read_if(object).await) });
        let mut reads = stream::iter(reads).buffered(OBJECTS_AT_ONCE);
        while let Some((object, read)) = reads.next().await {
            self.objects += 1;
            match read? {
                Got::Bytes(bytes) => self.read_lines(&object.key, &bytes, take),
                Got::Changed => self.pass_over(&object.key, "it changed while it was read"),
            }
        }
        Ok(())
    }

    fn pass_over(&mut self, key: &str, why: &str) {
        self.unreadable.insert(format!("{key}: {why}"));
    }

    fn read_lines(&mut self, key: &str, object: &[u8], take: &mut impl FnMut(Held<'_>)) {
        let text = match Text::open(key, object, &mut self.inflater) {
            Ok(text) => text,
            Err(why) => return self.pass_over(key, &why.to_string()),
        };
        let (mut lines, mut unread, mut broken) = (Lines::new(text), 0_u64, false);
        while let Some(piece) = lines.next_piece() {
            broken |= piece.end == End::Broken;
            if piece.begins && piece.end == End::Line {
                unread += u64::from(!take_line(piece.bytes, take));
            } else if piece.begins {
                unread += 1;
            }
            if lines.is_bomb() {
                broken = true;
                break;
            }
        }
        if broken {
            self.pass_over(key, "it breaks off");
        } else if unread > 0 {
            self.pass_over(key, &format!("{unread} of its lines hold what is no row"));
        }
    }

    /// Hands over the events of an hour by the log_ids in its Parquet. False if they are better read from its objects.
    async fn read_parquet(
        &mut self,
        hour: Hour,
        objects: &[ObjectMeta],
        take: &mut impl FnMut(Held<'_>),
    ) -> Result<bool> {
        let bytes: u64 = objects.iter().map(|object| object.size).sum();
        if self.lines_alone || bytes < JSON_BYTES_MIN {
            return Ok(false);
        }
        let Ok(stored) = read_manifest(self.bucket, hour).await? else { return Ok(false) };
        let Some(live) = stored.manifest.live.filter(|live| holds(live, objects)) else { return Ok(false) };
        let mut log_ids = Vec::new();
        for file in &live.files {
            if !log_ids_of(self.bucket, file, &mut log_ids).await? {
                return Ok(false);
            }
        }
        if log_ids.len() as u64 != live.counts.rows {
            return Ok(false);
        }
        for log_id in &log_ids {
            take(Held { identity: Identity::of_log_id(log_id), log_id: Some(log_id) });
        }
        self.hours_of_parquet += 1;
        Ok(true)
    }
}

/// True if the rows come from exactly these objects, and no line was rejected.
fn holds(live: &Live, objects: &[ObjectMeta]) -> bool {
    live.counts.rejected == 0 && live.new_among(objects) == 0 && live.gone(objects) == 0
}

/// Hands over the event of a line. False if the line is no event, or holds more than one: the tables show the first alone.
fn take_line(line: &[u8], take: &mut impl FnMut(Held<'_>)) -> bool {
    if line.trim_ascii().is_empty() {
        return true;
    }
    let Ok((row, after)) = read_first(line) else { return false };
    let log_id = row[LOG_ID].as_deref().filter(|log_id| !log_id.is_empty());
    let own = &line[..line.len() - after.len()];
    let identity = log_id.map_or_else(|| Identity::of_line(own.trim_ascii()), Identity::of_log_id);
    take(Held { identity, log_id });
    after.is_empty()
}

/// Adds the log_ids of a file, and reads nothing else of it. False if it is not as its manifest says, or a row has none.
async fn log_ids_of(bucket: &Bucket, file: &File, log_ids: &mut Vec<String>) -> Result<bool> {
    let Some(metadata) = footer(bucket, file).await? else { return Ok(false) };
    let name = COLUMNS[LOG_ID].name;
    for group in metadata.row_groups() {
        let Some(place) = place_of_column(group, name) else { return Ok(false) };
        let Some(bytes) = range(bucket, file, place.clone()).await? else { return Ok(false) };
        let part = Arc::new(Part { begin: place.start, bytes });
        let mut all = true;
        let read = each_text(&part, group, name, |value| match value {
            Some(log_id) if !log_id.is_empty() => log_ids.push(log_id.to_owned()),
            _ => all = false,
        });
        if read.is_err() || !all {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn range(bucket: &Bucket, file: &File, range: Range<u64>) -> Result<Option<Bytes>, BucketError> {
    let length = range.end - range.start;
    let read = bucket.read_range(&file.key, range).await?;
    Ok(read.filter(|bytes| bytes.len() as u64 == length))
}

/// The footer of a file. `None` if it has none that can be read.
async fn footer(bucket: &Bucket, file: &File) -> Result<Option<ParquetMetaData>> {
    let mut begin = file.size.saturating_sub(FOOTER_BYTES);
    loop {
        let Some(bytes) = range(bucket, file, begin..file.size).await? else { return Ok(None) };
        let mut reader = ParquetMetaDataReader::new();
        match reader.try_parse_sized(&bytes, file.size) {
            Ok(()) => return Ok(reader.finish().ok()),
            Err(parquet::errors::ParquetError::NeedMoreData(needed)) if begin > 0 => {
                begin = file.size.saturating_sub(needed as u64);
            }
            Err(_) => return Ok(None),
        }
    }
}
