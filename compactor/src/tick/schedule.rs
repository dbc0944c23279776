//! Which hours a tick looks at. Pure: time and configuration are arguments.
//!
//! A scheduled tick looks at every closed hour of the look-back window, at the older days whose turn in the scrub it is, and
//! at the backlog: hours with objects that were never committed, from the watermark forward.

use chrono::{DateTime, TimeDelta, Utc};
use log_format::Hour;

use crate::config::Limits;
use crate::request::Scope;

/// The period of the scrub, in ticks. Each tick looks at every 84th day, so each day is looked at twice a week.
const SCRUB_TICKS: i64 = 84;

/// True if it is the turn of the day of `hour` at `now`. So an object that turns up in any hour, however old, is found within
/// half a week even if its notification was lost.
pub fn is_turn_of(hour: Hour, now: DateTime<Utc>) -> bool {
    days_until_turn(hour, now) == 0
}

/// The first hour of the first day, from the day of `hour` on, whose turn it is at `now`.
pub fn next_turn(hour: Hour, now: DateTime<Utc>) -> Hour {
    Hour::of(hour.midnight().start() + TimeDelta::days(days_until_turn(hour, now)))
}

/// The distance in days from the day of `hour` to the first day from it on whose turn it is.
fn days_until_turn(hour: Hour, now: DateTime<Utc>) -> i64 {
    let since_epoch = |hour: Hour| hour.start() - Hour::EPOCH.start();
    (since_epoch(Hour::of(now)).num_hours() - since_epoch(hour).num_days()).rem_euclid(SCRUB_TICKS)
}

/// The closed hours that a scope covers: the first, and the hour after the last. For a tick this is the look-back window.
pub fn closed_range(scope: Scope, now: DateTime<Utc>, limits: &Limits) -> (Hour, Hour) {
    let open = limits.first_open(now);
    match scope {
        Scope::Tick => (open.back(limits.look_back_hours), open),
        Scope::Range(from, to) => (from, to.min(open)),
        Scope::Hour(hour) => (hour, hour.next().min(open)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_looks_back_two_days_and_at_no_open_hour() {
        let now = "2026-11-20T14:25:00Z".parse().unwrap();
        let range = |scope| {
            let (from, to) = closed_range(scope, now, &Limits::default());
            format!("{from} {to}")
        };
        assert_eq!(range(Scope::Tick), "2026-11-18T14 2026-11-20T14");
        let (from, to) = ("2026-11-19T00".parse().unwrap(), "2026-11-30T00".parse().unwrap());
        assert_eq!(range(Scope::Range(from, to)), "2026-11-19T00 2026-11-20T14");
    }

    #[test]
    fn the_scrub_sees_every_old_hour_twice_a_week() {
        let (first, end): (Hour, Hour) = ("2026-01-01T00".parse().unwrap(), "2026-02-01T00".parse().unwrap());
        let start: Hour = "2026-11-20T00".parse().unwrap();
        let mut seen = std::collections::BTreeMap::new();
        for tick in start.until(Hour::of(start.start() + TimeDelta::days(7))) {
            let now = tick.start();
            for hour in first.until(end).filter(|hour| is_turn_of(*hour, now)) {
                *seen.entry(hour).or_insert(0) += 1;
                let next = next_turn(hour.next_day(), now);
                assert!(is_turn_of(next, now) && !hour.next_day().until(next).any(|between| is_turn_of(between, now)));
                assert_eq!(next_turn(hour, now), hour.midnight());
            }
        }
        assert_eq!(seen, first.until(end).map(|hour| (hour, 2)).collect());
    }
}
