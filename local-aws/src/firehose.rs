//! Amazon Data Firehose's stand-in: a value with explicit time and no task of its own.
//!
//! It does what Firehose does with a Direct PUT stream, a Lambda processor and an S3 destination: records wait in the
//! transform's buffer, each batch goes through the transform, what comes back waits in a second buffer and is written
//! as one gzip object, under the prefix of its oldest record's arrival. A transform that fails, or answers anything but
//! one readable verdict for each record, is tried again, and then the whole batch goes to the error prefix.
//!
//! Nothing is drawn from a clock or at random: the same settings and calls give the same keys and bytes.

mod batch;
mod buffer;
mod names;
mod notification;
mod settings;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use futures::future::BoxFuture;

use batch::{Answer, Batch, BatchFailure, Record};
use buffer::Buffer;
use names::Names;
use notification::Object;

pub use settings::Settings;

/// What a Lambda is here: payload in, payload out, as Invoke carries them.
pub type Function = Arc<dyn Fn(Bytes) -> BoxFuture<'static, Result<Bytes, FunctionError>> + Send + Sync>;

/// The largest record that PutRecord takes.
pub const RECORD_BYTES_MAX: usize = 1000 * 1024;

/// The largest request and the largest response of an invocation.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// How long an invocation of the transform may take.
pub const INVOCATION_SECONDS_MAX: u64 = 300;

/// Lambda tries an asynchronous invocation once and twice more.
const NOTIFICATION_ATTEMPTS_MAX: usize = 3;

/// A Lambda's failure, as Invoke reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct FunctionError {
    /// The kind of error.
    pub error_type: String,
    /// What it says.
    pub message: String,
}

/// What became of the records so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Records taken in.
    pub records: u64,
    /// Records that the transform returned as `Ok`.
    pub ok: u64,
    /// Records that the transform returned as `Dropped`, which counts as success.
    pub dropped: u64,
    /// Records that went, as they came, to the error objects.
    pub failed: u64,
    /// Objects written under the prefix.
    pub objects: u64,
    /// Objects written under the error prefix.
    pub error_objects: u64,
    /// Bytes of all these objects, as written.
    pub bytes: u64,
    /// Notifications of an object that were taken.
    pub notifications: u64,
    /// Notifications that were refused to the end, oldest first.
    pub undelivered: Vec<Undelivered>,
    /// What the transform's last failed invocation said.
    pub transform_error: Option<FunctionError>,
}

/// A notification that nobody took, as a dead letter queue keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The event.
    pub event: Bytes,
    /// What the last attempt failed with.
    pub error: FunctionError,
}

/// Why the stream could not do what it was asked. Nothing that it holds is lost: the next call tries again.
#[derive(Debug, thiserror::Error)]
pub enum FirehoseError {
    /// The record is larger than PutRecord takes.
    #[error("record of {bytes} bytes is larger than the {RECORD_BYTES_MAX} that Firehose takes")]
    RecordTooLarge {
        /// Length of the record.
        bytes: usize,
    },
    /// An object could not be compressed.
    #[error("failed to compress {key}")]
    Compress {
        /// Key of the object.
        key: String,
        /// What failed.
        #[source]
        source: io::Error,
    },
    /// An object could not be written.
    #[error("failed to write s3://{bucket}/{key}")]
    Write {
        /// Bucket of the object.
        bucket: String,
        /// Key of the object.
        key: String,
        /// S3's answer.
        #[source]
        source: Box<aws_sdk_s3::Error>,
    },
}

/// Where a line goes. Lines of one target share a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Log,
    /// Objects that are written late on demand, one for each hour of arrival.
    Held {
        release: DateTime<Utc>,
        hour: DateTime<Utc>,
    },
    Error,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Transform,
    Deliver(Target),
}

/// A delivery stream.
pub struct Firehose {
    settings: Settings,
    s3: aws_sdk_s3::Client,
    transform: Function,
    created: Function,
    names: Names,
    batch: Batch,
    buffers: BTreeMap<Target, Buffer>,
    /// The object written last, to be written again on demand.
    last: Option<Buffer>,
    delivered: Delivered,
}

impl Firehose {
    /// A stream that sends every batch through `transform` and every object's "Object Created" event to `created`.
    pub fn new(settings: Settings, s3: aws_sdk_s3::Client, transform: Function, created: Function) -> Firehose {
        let names = Names::new(settings.seed);
        let (batch, buffers, last, delivered) = Default::default();
        Firehose { settings, s3, transform, created, names, batch, buffers, last, delivered }
    }

    /// Takes a record in, after everything that is due by its arrival was done. On an error the record is not taken.
    pub async fn put(&mut self, record: Bytes, arrival: DateTime<Utc>) -> Result<(), FirehoseError> {
        self.take(record, arrival, None).await
    }

    /// Takes a record in whose object is held back until `release`: how an object of an hour long closed appears.
    pub async fn put_held(
        &mut self,
        record: Bytes,
        arrival: DateTime<Utc>,
        release: DateTime<Utc>,
    ) -> Result<(), FirehoseError> {
        self.take(record, arrival, Some(release)).await
    }

    /// Does everything that is due by `now`, in order.
    pub async fn advance(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        while let Some((due, step)) = self.next_step().filter(|(due, _)| *due <= now) {
            match step {
                Step::Transform => self.transform_batch(due).await?,
                Step::Deliver(target) => self.deliver(target, due).await?,
            }
        }
        Ok(())
    }

    /// Delivers everything, due or not, held back or not.
    pub async fn flush(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        self.advance(now).await?;
        self.transform_batch(now).await?;
        while let Some(target) = self.buffers.keys().next().copied() {
            self.deliver(target, now).await?;
        }
        Ok(())
    }

    /// Writes the last object under the prefix once more, under a key of its own: what Firehose does when the answer to
    /// its write is lost. Without one yet, nothing happens.
    pub async fn deliver_again(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        match self.last.clone() {
            Some(last) => self.write_object(&last, now).await,
            None => Ok(()),
        }
    }

    /// What became of the records so far.
    pub fn delivered(&self) -> &Delivered {
        &self.delivered
    }

    async fn take(
        &mut self,
        data: Bytes,
        arrival: DateTime<Utc>,
        release: Option<DateTime<Utc>>,
    ) -> Result<(), FirehoseError> {
        if data.len() > RECORD_BYTES_MAX {
            return Err(FirehoseError::RecordTooLarge { bytes: data.len() });
        }
        self.advance(arrival).await?;
        let record = Record { id: self.names.record_id(), data, arrival, release };
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
        let deliveries =
            self.buffers.iter().map(|(target, buffer)| (self.due(*target, buffer), Step::Deliver(*target)));
        transform.into_iter().chain(deliveries).min()
    }

    fn due(&self, target: Target, buffer: &Buffer) -> DateTime<Utc> {
        match target {
            Target::Held { release, .. } => release.max(buffer.oldest),
            Target::Log | Target::Error => {
                buffer.oldest + TimeDelta::seconds(i64::from(self.settings.buffer_seconds_max))
            }
        }
    }

    async fn transform_batch(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.records.is_empty() {
            return Ok(());
        }
        let (answers, attempts) = self.invoke(&batch).await;
        for (record, answer) in batch.records.iter().zip(answers) {
            match answer {
                Answer::Ok(line) => {
                    self.delivered.ok += 1;
                    self.append(target(record), record.arrival, &line);
                }
                Answer::Dropped => self.delivered.dropped += 1,
                Answer::Failed(failure) => {
                    self.delivered.failed += 1;
                    let line = failure.error_line(record, attempts, now, &self.settings.transform_arn);
                    self.append(Target::Error, record.arrival, line.as_bytes());
                }
            }
        }
        self.deliver_full(now).await
    }

    /// The answer to each record of the batch, and the number of invocations it took.
    async fn invoke(&mut self, batch: &Batch) -> (Vec<Answer>, u32) {
        let attempts_max = 1 + self.settings.transform_retries_max;
        let mut attempt = 1;
        loop {
            let request = batch.request(self.names.uuid(), &self.settings);
            let BatchFailure { failure, error } = match self.invoke_once(batch, request).await {
                Ok(answers) => return (answers, attempt),
                Err(failed) => failed,
            };
            self.delivered.transform_error = Some(error);
            if attempt == attempts_max {
                let failed = batch.records.iter().map(|_| Answer::Failed(failure));
                return (failed.collect(), attempts_max);
            }
            attempt += 1;
        }
    }

    async fn invoke_once(&self, batch: &Batch, request: Bytes) -> Result<Vec<Answer>, BatchFailure> {
        let limit = Duration::from_secs(INVOCATION_SECONDS_MAX);
        let response = tokio::time::timeout(limit, (self.transform)(request)).await;
        batch.answers(&response.map_err(|_| BatchFailure::timed_out())??)
    }

    fn append(&mut self, target: Target, arrival: DateTime<Utc>, bytes: &[u8]) {
        self.buffers.entry(target).or_insert_with(|| Buffer::new(arrival)).append(bytes, arrival);
    }

    /// Sizes are looked at after a whole batch: like Firehose's, an object may exceed its limit by a batch.
    async fn deliver_full(&mut self, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        for target in [Target::Log, Target::Error] {
            let full = |buffer: &Buffer| buffer.bytes.len() >= self.settings.buffer_bytes_max;
            if self.buffers.get(&target).is_some_and(full) {
                self.deliver(target, now).await?;
            }
        }
        Ok(())
    }

    /// Writes a buffer as an object. Where that fails the buffer stays, and the next attempt has a key of its own.
    async fn deliver(&mut self, target: Target, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        let Some(buffer) = self.buffers.get(&target).cloned() else { return Ok(()) };
        if target == Target::Error {
            self.write_error_object(&buffer).await?;
        } else {
            self.write_object(&buffer, now).await?;
            self.last = Some(buffer);
        }
        self.buffers.remove(&target);
        Ok(())
    }

    async fn write_object(&mut self, buffer: &Buffer, now: DateTime<Utc>) -> Result<(), FirehoseError> {
        let key = self.names.key(false, buffer.oldest, &self.settings);
        let body = buffer.gzip().map_err(|source| FirehoseError::Compress { key: key.clone(), source })?;
        let size = body.len() as u64;
        let etag = self.write(&key, body).await?;
        self.delivered.bytes += size;
        self.delivered.objects += 1;
        let event = Object { key, size, etag }.created(now, &mut self.names, &self.settings);
        self.notify(event).await;
        Ok(())
    }

    async fn write_error_object(&mut self, buffer: &Buffer) -> Result<(), FirehoseError> {
        let key = self.names.key(true, buffer.oldest, &self.settings);
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

fn target(record: &Record) -> Target {
    // Truncation fails only outside the years 1677 to 2262, where no record is.
    let hour = record.arrival.duration_trunc(TimeDelta::hours(1)).unwrap_or(record.arrival);
    record.release.map_or(Target::Log, |release| Target::Held { release, hour })
}
