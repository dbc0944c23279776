//! What the templates deploy, wired to an embedded AWS over a folder.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use catalog::Catalog;
use compactor::bucket::Bucket;
use compactor::config::Limits;
use compactor::hour::Compactor;
use futures::FutureExt;
use local_aws::firehose::{Firehose, Function, FunctionError, Settings};
use local_aws::{Clock, LocalAws, OpenError};
use log_format::layout;
use partitioner::handler::Partitioner;
use telemetry::error_chain;
use transform::batch::{Answer, RecordResult, Report, Response};
use transform::event::{Event, EventRecord};
use transform::handler::handle;
use uuid::Uuid;

use crate::target::Target;

/// The embedded AWS and what is deployed to it.
pub struct Stack {
    /// The embedded AWS over the folder.
    pub aws: LocalAws,
    /// The catalog of the folder.
    pub catalog: Catalog,
    /// The compactor, with its default limits.
    pub compactor: Arc<Compactor>,
    target: Target,
}

impl Stack {
    /// Opens the folder, and makes the folder, the bucket and the tables if they are missing.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to, or another process has it open.
    pub async fn open(target: &Target, clock: Clock) -> anyhow::Result<Stack> {
        let stack = Stack::over(LocalAws::open(&target.data, clock), target)?;
        stack.make_missing().await?;
        Ok(stack)
    }

    /// Makes the bucket and the tables if they are missing.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub async fn make_missing(&self) -> anyhow::Result<()> {
        self.aws.create_bucket(self.target.bucket())?;
        Ok(self.catalog.ensure_tables().await?)
    }

    /// Opens a folder that exists, and makes nothing in it, so that what is missing can be reported.
    ///
    /// # Errors
    ///
    /// If the folder does not exist, or another process has it open.
    pub fn open_existing(target: &Target, clock: Clock) -> anyhow::Result<Stack> {
        target.ensure_folder_exists()?;
        Stack::over(LocalAws::open(&target.data, clock), target)
    }

    /// Like [`Stack::open_existing`], for what only reads: others may have the folder open and write to it, or nobody may.
    ///
    /// # Errors
    ///
    /// If the folder does not exist or cannot be read.
    pub fn open_to_read(target: &Target, clock: Clock) -> anyhow::Result<Stack> {
        target.ensure_folder_exists()?;
        Stack::over(LocalAws::open_to_read(&target.data, clock), target)
    }

    fn over(opened: Result<LocalAws, OpenError>, target: &Target) -> anyhow::Result<Stack> {
        let aws = opened.map_err(|error| {
            let hint = if error.is_of_writing() {
                "; this needs a folder that you may write to, with room on its disk"
            } else {
                ""
            };
            anyhow::Error::new(error).context(format!("failed to open {}{hint}", target.data.display()))
        })?;
        let catalog = Catalog::new(aws.glue(), target.database(), target.bucket());
        let compactor = compactor(&aws, target, Limits::default());
        Ok(Stack { aws, catalog, compactor, target: target.clone() })
    }

    /// The folder, bucket and database.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// A compactor with limits of its own.
    pub fn compactor_within(&self, limits: Limits) -> Arc<Compactor> {
        compactor(&self.aws, &self.target, limits)
    }

    /// A Firehose that calls the real transform, and for every object the real partitioner. Two of them need two seeds.
    pub fn firehose(&self, seed: Uuid, transformed: &Transformed) -> Firehose {
        let mut settings = Settings::new("auth0-logs", self.target.bucket(), seed);
        (settings.prefix, settings.error_prefix) = (layout::LOGS.to_string(), layout::ERRORS.to_string());
        let (glue, target) = (self.aws.as_caller("partitioner").glue(), &self.target);
        let partitioner = Arc::new(Partitioner::new(Catalog::new(glue, target.database(), target.bucket())));
        let firehose = self.aws.as_caller("firehose");
        let transform = firehose.function("transform", transform_function(transformed.clone()));
        let partition = self.aws.as_caller("s3").function("partitioner", partition_function(partitioner));
        Firehose::new(settings, firehose.s3(), transform, partition)
    }
}

fn compactor(aws: &LocalAws, target: &Target, limits: Limits) -> Arc<Compactor> {
    let clients = aws.as_caller("compactor").sdk_config();
    let bucket = Bucket::new(aws_sdk_s3::Client::new(&clients), target.bucket());
    let catalog = Catalog::new(aws_sdk_glue::Client::new(&clients), target.database(), target.bucket());
    // A folder is locked while it is open.
    Arc::new(Compactor::new(bucket, catalog, Limits { alone: true, ..limits }))
}

/// The transform's reports, summed over its invocations. Clones are the same sum.
#[derive(Debug, Clone, Default)]
pub struct Transformed(Arc<Mutex<State>>);

/// What a transform has done, and what it is to refuse.
#[derive(Debug, Default)]
struct State {
    report: Report,
    refuses: HashSet<Bytes>,
    refused: u64,
}

impl Transformed {
    /// The sum so far. It does not count what was refused.
    pub fn report(&self) -> Report {
        self.lock().report.clone()
    }

    /// Lets the transform refuse this record, as a faulty release would.
    pub fn refuse(&self, record: Bytes) {
        self.lock().refuses.insert(record);
    }

    /// How many records were refused.
    pub fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// Answers a batch with the real transform, but for what is to be refused.
    fn answer(&self, mut event: Event) -> Response {
        let mut state = self.lock();
        let is_refused = |record: &EventRecord| state.refuses.contains(record.data.as_slice());
        let (refused, taken) = event.records.into_iter().partition(is_refused);
        event.records = taken;
        let (mut response, report) = handle(&event);
        state.report.add(&report);
        let refused: Vec<EventRecord> = refused;
        state.refused += refused.len() as u64;
        response.records.extend(refused.into_iter().map(|EventRecord { record_id, data }| Answer {
            record_id,
            result: RecordResult::ProcessingFailed,
            data,
        }));
        response
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The transform as Lambda runs it: bytes in, bytes out.
fn transform_function(transformed: Transformed) -> Function {
    Arc::new(move |payload: Bytes| {
        let transformed = transformed.clone();
        async move {
            let event = serde_json::from_slice(&payload).map_err(|error| failed(&error))?;
            let response = transformed.answer(event);
            Ok(Bytes::from(serde_json::to_vec(&response).map_err(|error| failed(&error))?))
        }
        .boxed()
    })
}

/// The partitioner as Lambda runs it.
fn partition_function(partitioner: Arc<Partitioner>) -> Function {
    Arc::new(move |payload: Bytes| {
        let partitioner = Arc::clone(&partitioner);
        async move {
            let event = serde_json::from_slice(&payload).map_err(|error| failed(&error))?;
            partitioner.handle(event).await.map_err(|error| failed(&error))?;
            Ok(Bytes::from_static(b"null"))
        }
        .boxed()
    })
}

fn failed(error: &dyn std::error::Error) -> FunctionError {
    FunctionError { error_type: "Error".to_string(), message: error_chain(error) }
}
