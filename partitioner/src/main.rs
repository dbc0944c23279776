//! The partitioner Lambda.
#![expect(clippy::disallowed_methods, reason = "the one reader of clock and environment")]

use aws_config::BehaviorVersion;
use catalog::Catalog;
use chrono::Utc;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use partitioner::config::Config;
use partitioner::handler::{self, PartitionError, Partitioner};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log::begin(|name| std::env::var(name).ok());
    telemetry::quiet_panics();
    let config = Config::from_vars(|name| std::env::var(name).ok())?;
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let catalog = Catalog::new(aws_sdk_glue::Client::new(&aws), config.database, config.bucket);
    let partitioner = &Partitioner::new(catalog);
    run(service_fn(move |event| partition(partitioner, event))).await
}

async fn partition(partitioner: &Partitioner, event: LambdaEvent<Value>) -> Result<(), Diagnostic> {
    let report = partitioner.handle(event.payload).await.map_err(diagnostic)?;
    handler::emit(&report, &event.context.env_config.function_name, Utc::now());
    Ok(())
}

/// Lambda's report of a failed invocation: what kind of failure, and its message with all causes.
fn diagnostic(error: PartitionError) -> Diagnostic {
    Diagnostic { error_type: error.kind().to_owned(), error_message: telemetry::error_chain(&error) }
}
