//! What `main` reads from the environment and hands on.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use aws_config::SdkConfig;
use chrono::{DateTime, TimeDelta, Utc};
use compactor::clock::WallClock;
use compactor::config::Limits;
use local_aws::{LocalAws, PassedOver};
use tokio::time::Instant;
use uuid::Uuid;

use crate::auth0::Access;
use crate::output::rows::Screen;

/// The time, a nonce, the limits and the way to AWS. Nothing below `main` reads them elsewhere.
#[derive(Debug, Clone)]
pub struct Env {
    /// The moment the command started.
    pub now: DateTime<Utc>,
    /// When that was, for clocks that go on from there.
    pub started: Instant,
    /// A random value, drawn anew at every start of the command.
    pub nonce: Uuid,
    /// True if standard error is a terminal.
    pub terminal: bool,
    /// The compactor's limits. Memory and threads are those of this machine and the environment. The delays are the
    /// compactor's defaults over a folder, and those of the environment on AWS.
    pub limits: Limits,
    /// The terminal that standard output is. `None` if it is a pipe or a file.
    pub screen: Option<Screen>,
    /// The pager that long text on a terminal goes through: a command of the shell. `None` if there is to be none.
    pub pager: Option<String>,
    /// Where the shell keeps what was typed. `None` if it keeps nothing.
    pub history: Option<PathBuf>,
    /// True if standard input is a terminal.
    pub input_is_terminal: bool,
    /// The files of settings, of which the first that exists counts.
    pub settings: Vec<PathBuf>,
    /// How clients reach AWS. `None` if the command works on a folder.
    pub aws: Option<SdkConfig>,
    /// Where Auth0's API is, and by what right it is asked.
    pub auth0: Access,
    /// How the command was called, for commands that it recommends.
    pub called: &'static str,
    /// What is passed over in the folder that the command opened. Clones are the same.
    pub passed_over: Arc<OnceLock<PassedOver>>,
}

impl Env {
    /// The environment of a command over a folder, without a terminal, with the default limits.
    pub fn new(now: DateTime<Utc>, nonce: Uuid) -> Env {
        Env {
            now,
            started: Instant::now(),
            nonce,
            terminal: false,
            limits: Limits::default(),
            screen: None,
            pager: None,
            history: None,
            input_is_terminal: false,
            settings: Vec::new(),
            aws: None,
            auth0: Access::default(),
            called: "auth0-s3-logs",
            passed_over: Arc::default(),
        }
    }

    /// The command has opened the folder of `aws`. It opens no other one.
    pub fn opened(&self, aws: &LocalAws) {
        let _ = self.passed_over.set(aws.passed_over());
    }

    /// A clock that goes on from `now`.
    pub fn clock(&self) -> WallClock {
        let (now, started) = (self.now, self.started);
        Arc::new(move || now + TimeDelta::from_std(started.elapsed()).unwrap_or_default())
    }
}

/// What `work` gives, unless Ctrl-C is typed before it ends.
///
/// # Errors
///
/// The error of `work`, or that Ctrl-C stopped it.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        () = interrupted() => anyhow::bail!("stopped by Ctrl-C"),
    }
}

/// Returns once Ctrl-C is typed. From the first call on, Ctrl-C does nothing else in this process.
pub(crate) async fn interrupted() {
    // If no signal can be waited for, the process is ended by other means.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clock_goes_on_from_the_start_of_the_command() {
        let start = DateTime::UNIX_EPOCH;
        let env = Env::new(start, Uuid::nil());
        let first = env.clock()();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(first >= start && env.clock()() >= first + TimeDelta::milliseconds(20));
    }
}
