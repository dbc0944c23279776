//! The partitioner Lambda.
#![expect(clippy::disallowed_methods, reason = "the one reader of clock and environment")]

use aws_config::BehaviorVersion;
use catalog::Catalog;
use chrono::Utc;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use partitioner::config::Config;
use partitioner::handler::{self, Partitioner};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log::begin(|name| std::env::var(name).ok());
    telemetry::quiet_panics();
    let config = Config::from_vars(|name| std::env::var(name).ok())?;
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let catalog = Catalog::new(aws_sdk_glue::Client::new(&aws), config.database);
    let partitioner = &Partitioner::new(catalog, config.bucket);
    run(service_fn(move |event| partition(partitioner, event))).await
}

async fn partition(partitioner: &Partitioner, event: LambdaEvent<Value>) -> Result<(), Error> {
    let report = partitioner.handle(event.payload).await.map_err(|error| telemetry::error_chain(&error))?;
    handler::tell(&report, &event.context.env_config.function_name, Utc::now());
    Ok(())
}
