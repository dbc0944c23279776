//! Amazon Data Firehose's stand-in: a value that gets the time as an argument and has no task of its own.
//!
//! It behaves like Firehose with a Direct PUT stream, a Lambda processor and an S3 destination. Records wait in the
//! transform's buffer. Each batch goes through the transform. The results wait in a second buffer and are written as one
//! gzip object, under the prefix of the arrival of its oldest record. If the transform fails, or does not return one
//! readable result for each record, it is invoked again. After the last attempt the whole batch goes to the error prefix.
//!
//! The stream uses no clock and no random numbers: the same settings and calls give the same keys and bytes.

mod batch;
mod buffer;
mod delivered;
mod error;
mod ids;
mod notification;
mod settings;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use self::batch::{Batch, BatchFailure, Record, RecordResult};
use self::buffer::Buffer;
use self::ids::Ids;
use self::notification::CreatedObject;

pub use self::batch::INVOCATION_SECONDS_MAX;
pub use self::delivered::{Delivered, Undelivered};
pub use self::error::{FirehoseError, RECORD_BYTES_MAX};
pub use self::settings::Settings;
pub use crate::services::lambda::{Function, FunctionError, PAYLOAD_BYTES_MAX};

/// Lambda repeats a failed asynchronous invocation twice.
const NOTIFICATION_ATTEMPTS_MAX: usize = 3;

/// The objects that a line goes to. Lines with one destination share a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Destination {
    Log,
    /// Objects that are held back until `release`, one for each hour of arrival.
    Held {
        release: DateTime<Utc>,
        hour: DateTime<Utc>,
    },
    Error,
}

/// The next thing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Transform,
    Deliver(Destination),
}

/// A delivery stream.
pub struct Firehose {
    settings: Settings,
    s3: aws_sdk_s3::Client,
    transform: Function,
    created: Function,
    ids: Ids,
    batch: Batch,
    buffers: BTreeMap<Destination, Buffer>,
    /// The object that was written last. [`Firehose::deliver_again`] writes it again.
    last: Option<Buffer>,
    delivered: Delivered,
}

impl Firehose {
    /// A stream that sends every batch through `transform` and every object's "Object Created" event to `created`.
    pub fn new(settings: Settings, s3: aws_sdk_s3::Client, transform: Function, created: Function) -> Firehose {
        let ids = Ids::new(settings.seed);
        let (batch, buffers, last, delivered) = Default::default();
        Firehose { settings, s3, transform, created, ids, batch, buffers, last, delivered }
    }

    /// Puts a record, after everything that is due by its arrival. On an error the record is not in the stream.
    pub async fn put(&mut self, record: Bytes, arrival: DateTime<Utc>) -> Result<(), FirehoseError> {
        self.put_record(record, arrival, None).await
    }

    /// Puts a record whose object is held back until `release`. So an object of a closed hour appears late.
    pub async fn put_held(
        &mut self,
        record: Bytes,
        arrival: DateTime<Utc>,
        release: DateTime<Utc>,
    ) -> Result<(), FirehoseError> {
        self.put_record(record, arrival, Some(release)).await
    }

    /// Does everything that is due by `now`, in order.
    pub async fn advance(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        while let Some((due, step)) = self.next_step().filter(|(due, _)| *due <= now) {
            match step {
                Step::Transform => self.transform_batch(due).await?,
                Step::Deliver(destination) => self.deliver(destination, due).await?,
            }
        }
        Ok(())
    }

    /// Delivers everything, due or not, held back or not.
    pub async fn flush(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        self.advance(now).await?;
        self.transform_batch(now).await?;
        while let Some(destination) = self.buffers.keys().next().copied() {
            self.deliver(destination, now).await?;
        }
        Ok(())
    }

    /// Writes the last object under the prefix again, under another key. Firehose does this if the answer to its write
    /// is lost. Nothing happens if there is no object yet.
    pub async fn deliver_again(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        match self.last.clone() {
            Some(last) => self.write_object(&last, now).await,
            None => Ok(()),
        }
    }

    /// The counts of records and objects so far.
    pub fn delivered(&self) -> &Delivered {
        &self.delivered
    }

    async fn put_record(
        &mut self,
        data: Bytes,
        arrival: DateTime<Utc>,
        release: Option<DateTime<Utc>>,
    ) -> Result<(), FirehoseError> {
        if data.len() > RECORD_BYTES_MAX {
            return Err(FirehoseError::RecordTooLarge { bytes: data.len() });
        }
        self.advance(arrival).await?;
        let record = Record { id: self.ids.record_id(), data, arrival, release };
        if !self.batch.has_room(&record, &self.settings) {
            self.transform_batch(arrival).await?;
        }
        self.batch.push(record);
        self.delivered.records += 1;
        Ok(())
    }

    fn next_step(&self) -> Option<(DateTime<Utc>, Step)> {
        let wait = TimeDelta::seconds(i64::from(self.settings.transform_buffer_seconds_max));
        let transform = self.batch.oldest().map(|oldest| (oldest + wait, Step::Transform));
        let deliveries = self
            .buffers
            .iter()
            .map(|(destination, buffer)| (self.due(*destination, buffer), Step::Deliver(*destination)));
        transform.into_iter().chain(deliveries).min()
    }

    fn due(&self, destination: Destination, buffer: &Buffer) -> DateTime<Utc> {
        match destination {
            Destination::Held { release, .. } => release.max(buffer.oldest),
            Destination::Log | Destination::Error => {
                buffer.oldest + TimeDelta::seconds(i64::from(self.settings.buffer_seconds_max))
            }
        }
    }

    async fn transform_batch(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.records.is_empty() {
            return Ok(());
        }
        let (results, attempts) = self.invoke(&batch).await;
        for (record, result) in batch.records.iter().zip(results) {
            match result {
                RecordResult::Ok(line) => {
                    self.delivered.ok += 1;
                    self.append(destination(record), record.arrival, &line);
                }
                RecordResult::Dropped => self.delivered.dropped += 1,
                RecordResult::Failed(reason) => {
                    self.delivered.failed += 1;
                    let line = reason.error_line(record, attempts, now, &self.settings.transform_arn);
                    self.append(Destination::Error, record.arrival, line.as_bytes());
                }
            }
        }
        self.deliver_full(now).await
    }

    /// The result of each record of the batch, and the number of invocations.
    async fn invoke(&mut self, batch: &Batch) -> (Vec<RecordResult>, u32) {
        let attempts_max = 1 + self.settings.transform_retries_max;
        let mut attempt = 1;
        loop {
            let request = batch.request(self.ids.uuid(), &self.settings);
            let BatchFailure { reason, error } = match self.invoke_once(batch, request).await {
                Ok(results) => return (results, attempt),
                Err(failed) => failed,
            };
            self.delivered.transform_error = Some(error);
            if attempt == attempts_max {
                let failed = batch.records.iter().map(|_| RecordResult::Failed(reason));
                return (failed.collect(), attempts_max);
            }
            attempt += 1;
        }
    }

    async fn invoke_once(&self, batch: &Batch, request: Bytes) -> Result<Vec<RecordResult>, BatchFailure> {
        let limit = Duration::from_secs(INVOCATION_SECONDS_MAX);
        let response = tokio::time::timeout(limit, (self.transform)(request)).await;
        batch.results(&response.map_err(|_| BatchFailure::timed_out())??)
    }

    fn append(&mut self, destination: Destination, arrival: DateTime<Utc>, bytes: &[u8]) {
        self.buffers.entry(destination).or_insert_with(|| Buffer::new(arrival)).append(bytes, arrival);
    }

    /// Writes full buffers. It is called after a whole batch, so an object can exceed its limit by a batch, as with
    /// Firehose.
    async fn deliver_full(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        for destination in [Destination::Log, Destination::Error] {
            let full = |buffer: &Buffer| buffer.bytes.len() >= self.settings.buffer_bytes_max;
            if self.buffers.get(&destination).is_some_and(full) {
                self.deliver(destination, now).await?;
            }
        }
        Ok(())
    }

    /// Writes a buffer as an object. If that fails, the buffer stays and the next attempt uses another key.
    async fn deliver(&mut self, destination: Destination, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        let Some(buffer) = self.buffers.get(&destination).cloned() else { return Ok(()) };
        if destination == Destination::Error {
            self.write_error_object(&buffer).await?;
        } else {
            self.write_object(&buffer, now).await?;
            self.last = Some(buffer);
        }
        self.buffers.remove(&destination);
        Ok(())
    }

    async fn write_object(&mut self, buffer: &Buffer, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        let key = self.ids.key(false, buffer.oldest, &self.settings);
        let body = buffer.gzip().map_err(|source| FirehoseError::Compress { key: key.clone(), source })?;
        let size = body.len() as u64;
        let etag = self.write(&key, body).await?;
        self.delivered.bytes += size;
        self.delivered.objects += 1;
        let event = CreatedObject { key, size, etag }.event(now, &mut self.ids, &self.settings);
        self.notify(event).await;
        Ok(())
    }

    async fn write_error_object(&mut self, buffer: &Buffer) -> Result<(), FirehoseError> {
        let key = self.ids.key(true, buffer.oldest, &self.settings);
        self.write(&key, buffer.bytes.clone()).await?;
        self.delivered.bytes += buffer.bytes.len() as u64;
        self.delivered.error_objects += 1;
        Ok(())
    }

    async fn write(&self, key: &str, body: Vec<u8>) -> Result<String, FirehoseError> {
        let bucket = &self.settings.bucket;
        let call = self.s3.put_object().bucket(bucket).key(key).body(ByteStream::from(body));
        let written = call.send().await.map_err(|error| FirehoseError::Write {
            bucket: bucket.clone(),
            key: key.to_string(),
            source: Box::new(error.into()),
        })?;
        Ok(written.e_tag().unwrap_or_default().trim_matches('"').to_string())
    }

    async fn notify(&mut self, event: Bytes) {
        let mut attempt = 1;
        loop {
            match (self.created)(event.clone()).await {
                Ok(_) => return self.delivered.notifications += 1,
                Err(error) if attempt == NOTIFICATION_ATTEMPTS_MAX => {
                    return self.delivered.undelivered.push(Undelivered { event, error });
                }
                Err(_) => attempt += 1,
            }
        }
    }
}

fn destination(record: &Record) -> Destination {
    // Truncation fails only outside the years 1677 to 2262.
    let hour = record.arrival.duration_trunc(TimeDelta::hours(1)).unwrap_or(record.arrival);
    record.release.map_or(Destination::Log, |release| Destination::Held { release, hour })
}
