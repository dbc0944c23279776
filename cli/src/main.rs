//! The command `auth0-s3-logs`.
#![expect(clippy::disallowed_methods, reason = "the one reader of clock and environment, and drawer of nonces")]

use std::io::{IsTerminal, Write, stderr};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use anyhow::anyhow;
use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::Args;
use auth0_s3_logs::env::Env;
use aws_config::BehaviorVersion;
use chrono::Utc;
use clap::Parser;
use compactor::config::{Limits, timeouts};
use telemetry::plain;
use tokio::runtime::Builder;
use uuid::Uuid;

fn main() -> ExitCode {
    telemetry::quiet_panics();
    let args = Args::parse();
    let run = || Builder::new_multi_thread().enable_all().build()?.block_on(execute(args));
    // Where threads or memory are limited, the runtime panics as it starts its threads.
    let ended = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        Err(anyhow!(
            "the command came to a halt; if memory or threads are limited (`ulimit -v`, `ulimit -u`), allow more"
        ))
    });
    match ended {
        Ok(verdict) => verdict.exit_code(),
        Err(error) => {
            let _ = writeln!(stderr(), "error: {}", plain::value(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

async fn execute(args: Args) -> anyhow::Result<Verdict> {
    let terminal = stderr().is_terminal();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut env = Env { terminal, ..Env::new(Utc::now(), Uuid::new_v4()) };
    let limits = Limits::from_vars(|name| std::env::var(name).ok())?.on(cores);
    if args.target.aws {
        env.limits = limits;
        env.aws = Some(aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts()).load().await);
    } else {
        // The delays of a deployment are no matter of a folder: its hours close by the default ones.
        let Limits { memory_bytes_max, threads, reads_at_once, .. } = limits;
        env.limits = Limits { memory_bytes_max, threads, reads_at_once, ..env.limits };
    }
    auth0_s3_logs::execute(args, &env).await
}
