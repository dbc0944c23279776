//! The transform Lambda.
#![expect(clippy::disallowed_methods, reason = "the one reader of clock and environment")]

use chrono::Utc;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use transform::batch::Response;
use transform::event::Event;
use transform::handler;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log::begin(|name| std::env::var(name).ok());
    telemetry::quiet_panics();
    run(service_fn(transform)).await
}

async fn transform(event: LambdaEvent<Event>) -> Result<Response, Error> {
    let (response, report) = handler::handle(&event.payload);
    handler::tell(&report, &event.context.env_config.function_name, Utc::now());
    Ok(response)
}
