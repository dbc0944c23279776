//! The command `auth0-s3-logs`.
#![expect(clippy::disallowed_methods, reason = "the one reader of the clock, and drawer of nonces")]

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use auth0_s3_logs::args::Args;
use auth0_s3_logs::given::Given;
use chrono::Utc;
use clap::Parser;
use uuid::Uuid;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let given = Given { now: Utc::now(), nonce: Uuid::new_v4(), terminal: stderr().is_terminal() };
    match auth0_s3_logs::execute(args, &given).await {
        Ok(verdict) => verdict.exit_code(),
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}
