//! The compactor Lambda.
#![expect(clippy::disallowed_methods, reason = "the one reader of clock and environment, and drawer of nonces")]
// The handler's future is the whole compactor; alone, without the workspace's features, its layout is nested deeper.
#![recursion_limit = "256"]

use std::num::NonZero;
use std::sync::Arc;

use aws_config::BehaviorVersion;
use catalog::Catalog;
use chrono::Utc;
use compactor::bucket::Bucket;
use compactor::clock::RUN_MINUTES_MAX;
use compactor::config::{Config, timeouts};
use compactor::handler::{Invocation, handle};
use compactor::hour::Compactor;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use tokio::time::Duration;
use uuid::Uuid;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log::begin(|name| std::env::var(name).ok());
    telemetry::quiet_panics();
    let config = Config::from_vars(|name| std::env::var(name).ok())?;
    let aws = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).load().await;
    let bucket = Bucket::new(aws_sdk_s3::Client::new(&aws), config.bucket);
    let catalog = Catalog::new(aws_sdk_glue::Client::new(&aws), config.database, bucket.name());
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let compactor = &Arc::new(Compactor::new(bucket, catalog, config.limits.on(processors)));
    run(service_fn(move |event| compact(compactor, event))).await
}

async fn compact(compactor: &Arc<Compactor>, event: LambdaEvent<Value>) -> Result<(), Diagnostic> {
    // A deadline in the past is not of this clock: emulators send such ones. Whoever set it ends the run at any time, and every
    // step survives that.
    let left = event.context.deadline().duration_since(std::time::SystemTime::now());
    let time_limit = left.unwrap_or(Duration::from_secs(RUN_MINUTES_MAX * 60));
    let function = event.context.env_config.function_name.clone();
    let nonce = Uuid::new_v4().simple().to_string();
    let invocation = Invocation { wall: Arc::new(Utc::now), time_limit, nonce, function };
    handle(compactor, &event.payload, invocation).await.map_err(|error| Diagnostic {
        error_type: error.error_type().to_string(),
        error_message: telemetry::error_chain(&error),
    })
}
