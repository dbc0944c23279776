//! How fast the API is asked: Auth0's rate limit is the tenant's, and others need it too. Pure.

use std::str::FromStr;

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};

use super::http::Allowance;

/// The share of the rate limit that is used.
const SHARE: u32 = 4;
/// The pace where the API says nothing of a limit.
const MILLISECONDS_BETWEEN: i64 = 1_000;
/// A window of the rate limit is never waited for longer.
const WINDOW_MINUTES_MAX: i64 = 60;

/// How many calls are made at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rate {
    /// A quarter of what the API says is allowed.
    #[default]
    Quarter,
    /// So many a minute.
    PerMinute(u32),
}

impl FromStr for Rate {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Rate> {
        let calls = text.parse().unwrap_or(0);
        ensure!((1..=60_000).contains(&calls), "{text:?} is no number of calls a minute, such as 50");
        Ok(Rate::PerMinute(calls))
    }
}

/// The pace of calls.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    /// No call is made before.
    next: DateTime<Utc>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Pace {
        Pace { rate, next: DateTime::UNIX_EPOCH }
    }

    /// The moment of the next call.
    pub(super) fn next(&self) -> DateTime<Utc> {
        self.next
    }

    /// A call was made at `now`, and answered with this allowance.
    pub(super) fn called(&mut self, now: DateTime<Utc>, allowance: Option<Allowance>) {
        let wait = match (self.rate, allowance) {
            (Rate::PerMinute(calls), _) => TimeDelta::milliseconds(60_000 / i64::from(calls.max(1))),
            (Rate::Quarter, None) => TimeDelta::milliseconds(MILLISECONDS_BETWEEN),
            (Rate::Quarter, Some(allowance)) => after(allowance),
        };
        self.wait(now, wait);
    }

    /// No call is made for so long from `now` on.
    pub(super) fn wait(&mut self, now: DateTime<Utc>, wait: TimeDelta) {
        let most = TimeDelta::minutes(WINDOW_MINUTES_MAX);
        self.next = self.next.max(now + wait.clamp(TimeDelta::zero(), most));
    }
}

/// How long to wait so that three quarters of a window are left to others: until its end once a quarter is used up.
fn after(allowance: Allowance) -> TimeDelta {
    let own = (allowance.limit / SHARE).max(1);
    let used = allowance.limit.saturating_sub(allowance.remaining);
    // A second more, because the end of the window is told in whole seconds.
    if used >= own { allowance.left + TimeDelta::seconds(1) } else { TimeDelta::zero() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(limit: u32, remaining: u32) -> Option<Allowance> {
        Some(Allowance { limit, remaining, left: TimeDelta::seconds(30) })
    }

    #[test]
    fn three_quarters_of_a_window_are_left_to_others() {
        let now = "2026-11-20T13:00:00Z".parse().unwrap();
        let wait = |rate, allowance| {
            let mut pace = Pace::new(rate);
            pace.called(now, allowance);
            (pace.next() - now).num_milliseconds()
        };
        assert_eq!(wait(Rate::Quarter, allowance(100, 76)), 0);
        assert_eq!(wait(Rate::Quarter, allowance(100, 75)), 31_000);
        assert_eq!(wait(Rate::Quarter, allowance(100, 0)), 31_000);
        assert_eq!(wait(Rate::Quarter, allowance(2, 1)), 31_000, "one call a window is always ours");
        assert_eq!(wait(Rate::Quarter, None), 1_000);
        assert_eq!(wait(Rate::PerMinute(100), allowance(10, 0)), 600);
    }

    #[test]
    fn a_wait_is_never_shortened_and_never_for_ever() {
        let now: DateTime<Utc> = "2026-11-20T13:00:00Z".parse().unwrap();
        let mut pace = Pace::new(Rate::PerMinute(60));
        pace.wait(now, TimeDelta::days(300));
        pace.called(now, None);
        assert_eq!(pace.next(), now + TimeDelta::minutes(WINDOW_MINUTES_MAX));
    }

    #[test]
    fn a_rate_is_a_number_of_calls_a_minute() {
        assert_eq!("50".parse::<Rate>().unwrap(), Rate::PerMinute(50));
        for text in ["0", "-1", "fast", "60001"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
