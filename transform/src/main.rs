//! The transform Lambda.
#![expect(clippy::disallowed_methods, reason = "the one reader of clock and environment")]

use chrono::Utc;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, run, service_fn};
use transform::batch::Response;
use transform::event::{NotABatch, Payload};
use transform::handler;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::log::begin(|name| std::env::var(name).ok());
    telemetry::quiet_panics();
    run(service_fn(transform)).await
}

async fn transform(event: LambdaEvent<Payload>) -> Result<Response, Diagnostic> {
    let (response, report) = handler::handle(&event.payload.0.map_err(diagnostic)?);
    handler::emit(&report, &event.context.env_config.function_name, Utc::now());
    Ok(response)
}

/// Lambda's report of a failed invocation: what kind of failure, and its message.
fn diagnostic(error: NotABatch) -> Diagnostic {
    Diagnostic { error_type: error.kind().to_owned(), error_message: error.to_string() }
}
