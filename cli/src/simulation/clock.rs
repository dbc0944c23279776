//! A clock that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use compactor::clock::WallClock;

/// A clock that stands still until it is set. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct SimulatedClock(Arc<AtomicI64>);

impl SimulatedClock {
    /// A clock that shows `moment`.
    pub fn at(moment: DateTime<Utc>) -> SimulatedClock {
        SimulatedClock(Arc::new(AtomicI64::new(moment.timestamp_millis())))
    }

    /// Sets the clock to `moment`, to the millisecond.
    pub fn set(&self, moment: DateTime<Utc>) {
        self.0.store(moment.timestamp_millis(), Ordering::Relaxed);
    }

    /// A function that reads the clock.
    pub fn reader(&self) -> WallClock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }

    /// The moment that the clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::Relaxed)).unwrap_or_default()
    }
}
