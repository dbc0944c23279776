//! Time, given from outside.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Duration, Instant};

/// The wall clock of one run: the moment it was given at its start, and what has passed since.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: DateTime<Utc>,
    started: Instant,
    end: Instant,
}

/// How long a run may write, by wall clock. Lambda stops it at the same time; a long command is many runs.
pub const RUN_MINUTES_MAX: u64 = 15;

/// A run that has lasted so long that others may take it for dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("run has lasted {RUN_MINUTES_MAX} minutes and writes no more; the next one goes on")]
pub struct RunOver;

impl Clock {
    /// The clock of a run that begins now, at `start`, and is to end after `time_limit`.
    pub fn start(start: DateTime<Utc>, time_limit: Duration) -> Clock {
        let started = Instant::now();
        let most = Duration::from_secs(RUN_MINUTES_MAX * 60);
        Clock { start, started, end: started + time_limit.min(most) }
    }

    /// The moment it is now.
    pub fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.started.elapsed()).unwrap_or(TimeDelta::MAX);
        self.start.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// What is left of the run.
    pub fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// An error once the run may write no more.
    pub fn may_write(&self) -> Result<(), RunOver> {
        if self.started.elapsed() < Duration::from_secs(RUN_MINUTES_MAX * 60) { Ok(()) } else { Err(RunOver) }
    }
}
