//! What `main` reads from outside and hands on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_config::SdkConfig;
use chrono::{DateTime, TimeDelta, Utc};
use compactor::clock::WallClock;
use compactor::config::Limits;
use tokio::time::Instant;
use uuid::Uuid;

/// The clock's reading at the start, randomness, who is watching, and the way to AWS.
#[derive(Debug, Clone)]
pub struct Given {
    /// The moment the command started.
    pub now: DateTime<Utc>,
    /// Drawn for this start of the command and no other.
    pub nonce: Uuid,
    /// True where a person watches the standard error.
    pub terminal: bool,
    /// The compactor's limits: memory and threads are this machine's and the environment's; the delays its own defaults over
    /// a folder, on AWS those that the environment has.
    pub limits: Limits,
    /// How clients reach AWS; none where the command works over a folder.
    pub aws: Option<SdkConfig>,
}

impl Given {
    /// A start of the command over a folder, with nobody watching.
    pub fn new(now: DateTime<Utc>, nonce: Uuid) -> Given {
        Given { now, nonce, terminal: false, limits: Limits::default(), aws: None }
    }

    /// A clock that goes on from the reading at the start.
    pub fn clock(&self) -> WallClock {
        let (now, started) = (self.now, Instant::now());
        Arc::new(move || now + TimeDelta::from_std(started.elapsed()).unwrap_or_default())
    }
}

/// A clock that stands where it is put. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct SimulatedClock(Arc<AtomicI64>);

impl SimulatedClock {
    /// A clock that stands at `moment`.
    pub fn at(moment: DateTime<Utc>) -> SimulatedClock {
        SimulatedClock(Arc::new(AtomicI64::new(moment.timestamp_millis())))
    }

    /// Puts the clock to `moment`.
    pub fn set(&self, moment: DateTime<Utc>) {
        self.0.store(moment.timestamp_millis(), Ordering::Relaxed);
    }

    /// Reads the clock.
    pub fn reader(&self) -> WallClock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }

    /// Where the clock stands.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::Relaxed)).unwrap_or_default()
    }
}
