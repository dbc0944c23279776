//! The command `auth0-s3-logs`.
#![expect(clippy::disallowed_methods, reason = "the one reader of clock and environment, and drawer of nonces")]

use std::io::{IsTerminal, Write, stderr};
use std::num::NonZero;
use std::process::ExitCode;

use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::Args;
use auth0_s3_logs::given::Given;
use aws_config::BehaviorVersion;
use chrono::Utc;
use clap::Parser;
use compactor::config::{Limits, timeouts};
use uuid::Uuid;

#[tokio::main]
async fn main() -> ExitCode {
    telemetry::quiet_panics();
    match execute(Args::parse()).await {
        Ok(verdict) => verdict.exit_code(),
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

async fn execute(args: Args) -> anyhow::Result<Verdict> {
    let terminal = stderr().is_terminal();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut given = Given { terminal, ..Given::new(Utc::now(), Uuid::new_v4()) };
    let limits = Limits::from_vars(|name| std::env::var(name).ok())?.on(cores);
    if args.place.aws {
        given.limits = limits;
        given.aws = Some(aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).load().await);
    } else {
        // A folder's hours close, and its cut moves, by a clock of its own.
        let Limits { memory_bytes_max, threads, reads_at_once, .. } = limits;
        given.limits = Limits { memory_bytes_max, threads, reads_at_once, ..given.limits };
    }
    auth0_s3_logs::execute(args, &given).await
}
