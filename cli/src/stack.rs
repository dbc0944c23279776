//! What the templates deploy, wired here to an embedded AWS over a folder.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use bytes::Bytes;
use catalog::Catalog;
use compactor::config::Limits;
use compactor::hour::Compactor;
use futures::FutureExt;
use local_aws::firehose::{Firehose, Function, FunctionError, Settings};
use local_aws::{Clock, LocalAws};
use log_format::layout;
use partitioner::handler::Partitioner;
use telemetry::error_chain;
use transform::batch::Report;
use uuid::Uuid;

use crate::args::Place;
use crate::deployment::Deployment;

/// The embedded AWS and what is deployed to it.
pub struct Stack {
    /// The AWS.
    pub aws: LocalAws,
    /// The catalog, its database and tables made.
    pub catalog: Catalog,
    /// The compactor.
    pub compactor: Arc<Compactor>,
    place: Place,
}

impl Stack {
    /// Opens the folder and makes what is missing in it.
    pub async fn open(place: &Place, clock: Clock) -> anyhow::Result<Stack> {
        let stack = Stack::over(place, clock)?;
        stack.aws.create_bucket(place.bucket())?;
        stack.catalog.ensure_tables(place.bucket()).await?;
        Ok(stack)
    }

    /// Opens a folder that is there, and makes nothing in it: what is missing is to be seen.
    pub fn open_as_it_is(place: &Place, clock: Clock) -> anyhow::Result<Stack> {
        let folder = place.data.display();
        ensure!(place.data.exists(), "there is no folder {folder}; fill one with `demo`, `run` or `compact`");
        Stack::over(place, clock)
    }

    fn over(place: &Place, clock: Clock) -> anyhow::Result<Stack> {
        let aws =
            LocalAws::open(&place.data, clock).with_context(|| format!("failed to open {}", place.data.display()))?;
        let catalog = Catalog::new(aws.glue(), place.database.as_str());
        let compactor = deployment(&aws, "compactor", place, &Limits::default()).compactor;
        Ok(Stack { aws, catalog, compactor, place: place.clone() })
    }

    /// What is deployed, as the process `caller` calls it.
    pub fn deployment(&self, caller: &str) -> Deployment {
        self.deployment_within(caller, &Limits::default())
    }

    /// The same with other limits than the compactor's own.
    pub fn deployment_within(&self, caller: &str, limits: &Limits) -> Deployment {
        deployment(&self.aws, caller, &self.place, limits)
    }

    /// A Firehose that calls the real transform, and for every object the real partitioner. Two of them need two seeds.
    pub fn firehose(&self, seed: Uuid, transformed: &Transformed) -> Firehose {
        let mut settings = Settings::new("auth0-logs", self.place.bucket(), seed);
        (settings.prefix, settings.error_prefix) = (layout::LOGS.to_string(), layout::ERRORS.to_string());
        let catalog = Catalog::new(self.aws.as_caller("partitioner").glue(), self.place.database.as_str());
        let partitioner = Arc::new(Partitioner::new(catalog, self.place.bucket()));
        let firehose = self.aws.as_caller("firehose");
        let transform = firehose.function("transform", transform_function(transformed.clone()));
        let partition = self.aws.as_caller("s3").function("partitioner", partition_function(partitioner));
        Firehose::new(settings, firehose.s3(), transform, partition)
    }
}

fn deployment(aws: &LocalAws, caller: &str, place: &Place, limits: &Limits) -> Deployment {
    Deployment::new(place, &aws.as_caller(caller).sdk_config(), limits.clone())
}

/// What the transform reported, summed over its invocations. Clones are the same sum.
#[derive(Debug, Clone, Default)]
pub struct Transformed(Arc<Mutex<Report>>);

impl Transformed {
    /// The sum so far.
    pub fn report(&self) -> Report {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, report: &Report) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).add(report);
    }
}

/// The transform as Lambda runs it: bytes in, bytes out.
fn transform_function(transformed: Transformed) -> Function {
    Arc::new(move |payload: Bytes| {
        let transformed = transformed.clone();
        async move {
            let event: transform::event::Event = serde_json::from_slice(&payload).map_err(|error| failed(&error))?;
            let (response, report) = transform::handler::handle(&event);
            transformed.add(&report);
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
