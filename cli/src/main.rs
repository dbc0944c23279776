//! The command `auth0-s3-logs`.
#![expect(clippy::disallowed_methods, reason = "the one reader of clock and environment, and drawer of nonces")]

use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::anyhow;
use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::{Args, Command};
use auth0_s3_logs::auth0::Access;
use auth0_s3_logs::env::Env;
use auth0_s3_logs::output::out::Out;
use auth0_s3_logs::output::rows::Screen;
use auth0_s3_logs::settings::{self, Settings};
use auth0_s3_logs::target::Target;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use chrono::Utc;
use clap::FromArgMatches;
use compactor::config::{Limits, timeouts};
use telemetry::plain;
use tokio::runtime::Builder;
use uuid::Uuid;

/// How wide help is where the terminal does not say, and at most: longer lines are hard to read.
const HELP_WIDTH: usize = 80;
const HELP_WIDTH_MAX: usize = 100;

fn main() -> ExitCode {
    telemetry::quiet_panics();
    let args = arguments();
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

/// The arguments. If they ask for help, or make no sense, that is printed and the process ends.
fn arguments() -> Args {
    let width = terminal_size::terminal_size().map_or(HELP_WIDTH, |(width, _)| width.0.into()).min(HELP_WIDTH_MAX);
    let matches = auth0_s3_logs::args::command(width).get_matches();
    Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

async fn execute(mut args: Args) -> anyhow::Result<Verdict> {
    let terminal = stderr().is_terminal();
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut env = Env {
        terminal,
        screen: screen(),
        pager: Some(Out::pager(|name| std::env::var(name).ok())),
        history: history(),
        input_is_terminal: stdin().is_terminal(),
        settings: settings::files(var),
        auth0: Access::from_vars(var),
        // cargo tells what it runs where it lies.
        called: if var("CARGO").is_some() { "cargo run --" } else { "auth0-s3-logs" },
        ..Env::new(Utc::now(), Uuid::new_v4())
    };
    // What is the same for a folder and AWS needs neither, nor their limits.
    if matches!(args.command, Some(Command::Completions(_) | Command::Manual(_))) {
        return auth0_s3_logs::execute(args, &env).await;
    }
    let limits = Limits::from_vars(|name| std::env::var(name).ok())?.on(cores);
    if args.target.aws || args.target.deployment.is_some() {
        env.limits = limits;
        env.aws = Some(reach(&mut args.target, &env.settings).await?);
    } else {
        // The delays of a deployment are no matter of a folder: its hours close by the default ones.
        let Limits { memory_bytes_max, threads, reads_at_once, .. } = limits;
        env.limits = Limits { memory_bytes_max, threads, reads_at_once, ..env.limits };
    }
    auth0_s3_logs::execute(args, &env).await
}

/// The terminal that standard output is, if it is one.
fn screen() -> Option<Screen> {
    if !stdout().is_terminal() {
        return None;
    }
    // Some terminals do not know how wide they are.
    let width = terminal_size::terminal_size_of(stdout()).map_or(80, |(width, _)| width.0.into());
    // https://no-color.org: any text but none, whatever it says.
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    Some(Screen { width, colour: !no_colour && !is_dumb })
}

/// Where the shell keeps what was typed, by the XDG base directories.
fn history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|state| state.is_absolute());
    let state = state.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state")))?;
    Some(state.join("auth0-s3-logs/history"))
}

/// An environment variable that is not empty.
fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Finds the deployment on AWS that `target` means, and returns how clients reach it.
async fn reach(target: &mut Target, files: &[PathBuf]) -> anyhow::Result<SdkConfig> {
    target.aws = true;
    settings::take_from_environment(target, var);
    let prefix = Settings::first(files)?.complete(target)?;
    let clients = clients(target).await;
    if let Some(prefix) = prefix {
        settings::ask_compactor(target, &prefix, &clients).await?;
    }
    Ok(clients)
}

/// How clients reach AWS: as the AWS command line does, unless the profile or the region is named.
async fn clients(target: &Target) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts());
    if let Some(profile) = &target.profile {
        // Keys in the environment would go before it.
        let named = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(named);
    }
    if let Some(region) = &target.region {
        loader = loader.region(Region::new(region.clone()));
    }
    loader.load().await
}
