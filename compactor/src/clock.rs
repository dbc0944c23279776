//! The time of a run. Clocks come from outside.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Duration, Instant, sleep};

/// Reads the wall clock: the machine's, or a simulated one.
pub type WallClock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Sleeps for some time: as the machine does, or by setting a simulated clock on.
pub type Sleep = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// The time of one run.
///
/// Elapsed time is the greater of what the wall clock and the monotonic clock say: the latter stops while a machine is
/// suspended, and the former can be set back.
#[derive(Clone)]
pub struct Clock {
    wall: WallClock,
    sleep: Sleep,
    start: DateTime<Utc>,
    started: Instant,
    limit: Duration,
}

/// One run: its clock, and the name that its folders begin with.
#[derive(Debug, Clone)]
pub struct Run {
    /// The time of the run.
    pub clock: Clock,
    /// A random text that was drawn for this run and for no other.
    pub nonce: String,
}

/// How long a run may write, by wall clock. Lambda stops it at the same time; a long command is many runs.
pub const RUN_MINUTES_MAX: u64 = 15;

/// The run has lasted so long that others may consider its claims abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("run has lasted {RUN_MINUTES_MAX} minutes and writes no more; the next one goes on")]
pub struct RunOver;

impl Clock {
    /// The clock of a run that begins now and ends after `limit`.
    pub fn start(wall: WallClock, limit: Duration) -> Clock {
        let most = Duration::from_secs(RUN_MINUTES_MAX * 60);
        let sleep: Sleep = Arc::new(|time| sleep(time).boxed());
        Clock { start: wall(), wall, sleep, started: Instant::now(), limit: limit.min(most) }
    }

    /// The same clock, with a sleep that goes with its wall clock.
    pub fn sleeping_by(self, sleep: Sleep) -> Clock {
        Clock { sleep, ..self }
    }

    /// Sleeps until `moment`. Returns at once if it has passed.
    pub async fn sleep_until(&self, moment: DateTime<Utc>) {
        while let Ok(time) = (moment - self.now()).to_std()
            && !time.is_zero()
        {
            (self.sleep)(time).await;
        }
    }

    /// The present moment, never before the run's start.
    pub fn now(&self) -> DateTime<Utc> {
        let passed = TimeDelta::from_std(self.passed()).unwrap_or(TimeDelta::MAX);
        self.start.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// The time that is left of the run.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.passed())
    }

    /// The moment at which the run ends.
    pub fn end(&self) -> DateTime<Utc> {
        self.now() + self.left()
    }

    /// An error once the run may write no more.
    pub fn may_write(&self) -> Result<(), RunOver> {
        if self.passed() < Duration::from_secs(RUN_MINUTES_MAX * 60) { Ok(()) } else { Err(RunOver) }
    }

    fn passed(&self) -> Duration {
        let wall = ((self.wall)() - self.start).to_std().unwrap_or_default();
        wall.max(self.started.elapsed())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("start", &self.start).field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_machine_that_was_suspended_writes_no_more() {
        let minutes = Arc::new(AtomicI64::new(0));
        let wall = Arc::clone(&minutes);
        let start: DateTime<Utc> = "2026-11-20T13:00:00Z".parse().unwrap();
        let wall = move || start + TimeDelta::minutes(wall.load(Ordering::Relaxed));
        let clock = Clock::start(Arc::new(wall), Duration::from_secs(600));
        assert_eq!((clock.may_write(), clock.left() > Duration::from_secs(599)), (Ok(()), true));
        minutes.store(14, Ordering::Relaxed);
        assert_eq!((clock.may_write(), clock.left()), (Ok(()), Duration::ZERO));
        minutes.store(15, Ordering::Relaxed);
        assert_eq!(clock.may_write(), Err(RunOver));
        minutes.store(-60, Ordering::Relaxed);
        assert_eq!((clock.may_write(), clock.now() >= start), (Ok(()), true));
    }
}
