//! Which hours a tick looks at. Pure: time and configuration are arguments.
//!
//! A scheduled tick looks at every closed hour of the look-back window, at the older days whose turn in the scrub it is, and
//! at the backlog: hours with objects that were never committed, from the watermark forward.

use chrono::{DateTime, Utc};
use log_format::{Day, Hour};

use crate::config::Limits;
use crate::request::Scope;

/// The period of the scrub, in ticks. Each tick looks at every 84th day, so each day is looked at twice a week.
const SCRUB_TICKS: i64 = 84;

/// True if it is the turn of `day` at `now`. So an object that turns up in any hour, however old, is found within half a week
/// even if its notification was lost.
pub fn is_turn_of(day: Day, now: DateTime<Utc>) -> bool {
    days_until_turn(day, now) == 0
}

/// The first day, from `day` on, whose turn it is at `now`.
pub fn next_turn(day: Day, now: DateTime<Utc>) -> Day {
    day.after(days_until_turn(day, now))
}

/// The distance in days from `day` to the first day from it on whose turn it is.
fn days_until_turn(day: Day, now: DateTime<Utc>) -> u32 {
    let since_epoch = |hour: Hour| hour.start() - Hour::EPOCH.start();
    let days = since_epoch(Hour::of(now)).num_hours() - since_epoch(day.first()).num_days();
    days.rem_euclid(SCRUB_TICKS) as u32
}

/// The closed hours that a scope covers: the first, and the hour after the last. For a tick this is the look-back window.
pub fn closed_range(scope: Scope, now: DateTime<Utc>, limits: &Limits) -> (Hour, Hour) {
    let open = limits.first_open(now);
    match scope {
        Scope::Tick => (open.back(limits.look_back_hours), open),
        Scope::Range(from, to) => (from, to.min(open)),
        Scope::Hour(hour) => (hour, hour.next().min(open)),
        Scope::Day(day) => (day.first(), day.end().min(open)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

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
    fn the_scrub_sees_every_old_day_twice_a_week() {
        let (first, end): (Day, Day) = ("2026-01-01".parse().unwrap(), "2026-02-01".parse().unwrap());
        let start: Hour = "2026-11-20T00".parse().unwrap();
        let mut seen = std::collections::BTreeMap::new();
        for tick in start.until(Hour::of(start.start() + TimeDelta::days(7))) {
            let now = tick.start();
            for day in first.until(end).filter(|day| is_turn_of(*day, now)) {
                *seen.entry(day).or_insert(0) += 1;
                let next = next_turn(day.next(), now);
                assert!(is_turn_of(next, now) && !day.next().until(next).any(|between| is_turn_of(between, now)));
                assert_eq!(next_turn(day, now), day);
            }
        }
        assert_eq!(seen, first.until(end).map(|day| (day, 2)).collect());
    }
}
