//! Which hours a tick looks at. Pure: clock and configuration are given.
//!
//! A schedule tick looks at every closed hour of the look-back window, at the older hours whose turn the rota says it is,
//! and at the backlog: hours with objects that were never committed, from the cut forward.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use log_format::Hour;
use serde_json::Value;

use crate::config::Limits;
use crate::plan::Rewrite;

/// What a run was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Which hours to look at.
    pub scope: Scope,
    /// Hours are due that a newer writer would write better; a single hour also if its inputs are gone.
    pub rewrite: bool,
}

/// Which hours to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those of the look-back window.
    Tick,
    /// Those from the first up to, not including, the second.
    Range(Hour, Hour),
    /// This one, to be written anew because its live folder is not what its manifest says.
    Damaged(Hour),
}

/// A payload that asks for something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A field is not an hour.
    #[error("{field} is {value}; write it like \"2026-11-20T13\"")]
    NotAnHour {
        /// The field.
        field: &'static str,
        /// Its value, as JSON.
        value: String,
    },
    /// `from` and `to` go together.
    #[error("{0} is missing: a backfill takes from and to, the first hour and the one after the last")]
    HalfRange(&'static str),
    /// `from` is not before `to`.
    #[error("from is {0} and to is {1}; the first must be before the second")]
    Backwards(Hour, Hour),
    /// `rewrite` is neither true nor false.
    #[error("rewrite is {0}; it must be true or false")]
    Rewrite(String),
}

impl Request {
    /// What may be written anew without new inputs. To shrink an hour takes naming that hour.
    pub fn rewrite(&self) -> Rewrite {
        match (self.rewrite, self.scope) {
            (_, Scope::Damaged(_)) => Rewrite::Damaged,
            (false, _) => Rewrite::No,
            (true, Scope::Range(from, to)) if from.next() == to => Rewrite::Shrinking,
            (true, _) => Rewrite::Older,
        }
    }

    /// Reads the Lambda's payload: `{"hour": …}`, `{"from": …, "to": …}`, either with `"rewrite": true`; anything else,
    /// such as what a schedule sends, is a tick.
    pub fn from_payload(payload: &Value) -> Result<Request, RequestError> {
        let rewrite = match payload.get("rewrite") {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| RequestError::Rewrite(value.to_string()))?,
        };
        Ok(Request { scope: scope(payload)?, rewrite })
    }
}

fn scope(payload: &Value) -> Result<Scope, RequestError> {
    if let Some(hour) = field(payload, "hour")? {
        return Ok(Scope::Range(hour, hour.next()));
    }
    match (field(payload, "from")?, field(payload, "to")?) {
        (Some(from), Some(to)) if from < to => Ok(Scope::Range(from, to)),
        (Some(from), Some(to)) => Err(RequestError::Backwards(from, to)),
        (None, None) => Ok(Scope::Tick),
        (Some(_), None) => Err(RequestError::HalfRange("to")),
        (None, Some(_)) => Err(RequestError::HalfRange("from")),
    }
}

fn field(payload: &Value, field: &'static str) -> Result<Option<Hour>, RequestError> {
    let Some(value) = payload.get(field) else { return Ok(None) };
    let hour = value.as_str().and_then(|text| text.parse().ok());
    hour.map(Some).ok_or_else(|| RequestError::NotAnHour { field, value: value.to_string() })
}

/// The rota goes round twice a week: at each tick it is the turn of every 84th hour.
const ROTA_HOURS: i64 = 84;

/// Is it the turn of `hour` at `now`? So an object that turns up in any hour, however old, is found within half a week,
/// even if its notification was lost.
pub fn is_turn_of(hour: Hour, now: DateTime<Utc>) -> bool {
    turns_until(hour, now) == 0
}

/// The first hour after `hour` whose turn it is at `now`.
pub fn next_turn(hour: Hour, now: DateTime<Utc>) -> Hour {
    let next = hour.next();
    Hour::of(next.start() + TimeDelta::hours(turns_until(next, now)))
}

/// How many hours after `hour` the next one lies whose turn it is.
fn turns_until(hour: Hour, now: DateTime<Utc>) -> i64 {
    (Hour::of(now).start() - hour.start()).num_hours().rem_euclid(ROTA_HOURS)
}

/// True once `hour` has ended and the objects of its last minutes had time to arrive (C3).
pub fn closed(hour: Hour, now: DateTime<Utc>, limits: &Limits) -> bool {
    now >= hour.end() + limits.settle()
}

/// The first closed hour that a request may look at, and the hour after the last.
pub fn range(request: &Request, now: DateTime<Utc>, limits: &Limits) -> (Hour, Hour) {
    let open = first_open(now, limits);
    match request.scope {
        Scope::Tick => (open.back(limits.look_back_hours), open),
        Scope::Range(from, to) => (from, to.min(open)),
        Scope::Damaged(hour) => (hour, hour.next().min(open)),
    }
}

/// The hour after the last closed one.
fn first_open(now: DateTime<Utc>, limits: &Limits) -> Hour {
    Hour::of(now - limits.settle())
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Tick => f.write_str("look-back"),
            Scope::Range(from, to) => write!(f, "{from} to {to}"),
            Scope::Damaged(hour) => write!(f, "{hour}, damaged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(payload: Value, expected: &str) {
        let found = match Request::from_payload(&payload) {
            Ok(request) => format!("{}{}", request.scope, if request.rewrite { ", rewrite" } else { "" }),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{payload}");
    }

    #[test]
    fn reads_what_it_is_asked() {
        check(json!({}), "look-back");
        check(json!(null), "look-back");
        check(json!({"source": "aws.scheduler", "time": "2026-11-20T13:05:00Z"}), "look-back");
        check(json!({"hour": "2026-11-20T13"}), "2026-11-20T13 to 2026-11-20T14");
        check(
            json!({"from": "2026-11-01T00", "to": "2026-11-02T00", "rewrite": true}),
            "2026-11-01T00 to 2026-11-02T00, rewrite",
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_request() {
        check(json!({"hour": "13"}), r#"hour is "13"; write it like "2026-11-20T13""#);
        check(json!({"from": 1, "to": 2}), r#"from is 1; write it like "2026-11-20T13""#);
        check(
            json!({"from": "2026-11-01T00"}),
            "to is missing: a backfill takes from and to, the first hour and the one after the last",
        );
        check(
            json!({"from": "2026-11-02T00", "to": "2026-11-01T00"}),
            "from is 2026-11-02T00 and to is 2026-11-01T00; the first must be before the second",
        );
        check(json!({"rewrite": "yes"}), r#"rewrite is "yes"; it must be true or false"#);
    }

    #[test]
    fn an_hour_closes_twenty_minutes_after_its_end() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        let limits = Limits::default();
        for (now, expected) in [("2026-11-20T14:19:59.999Z", false), ("2026-11-20T14:20:00Z", true)] {
            let now = now.parse().unwrap();
            assert_eq!(closed(hour, now, &limits), expected, "{now}");
            assert_eq!(first_open(now, &limits) > hour, expected, "{now}");
        }
    }

    #[test]
    fn a_tick_looks_back_two_days_and_at_no_open_hour() {
        let now = "2026-11-20T14:25:00Z".parse().unwrap();
        let range = |scope| {
            let (from, to) = range(&Request { scope, rewrite: false }, now, &Limits::default());
            format!("{from} {to}")
        };
        assert_eq!(range(Scope::Tick), "2026-11-18T14 2026-11-20T14");
        let (from, to) = ("2026-11-19T00".parse().unwrap(), "2026-11-30T00".parse().unwrap());
        assert_eq!(range(Scope::Range(from, to)), "2026-11-19T00 2026-11-20T14");
    }

    #[test]
    fn the_rota_sees_every_old_hour_twice_a_week() {
        let (first, end): (Hour, Hour) = ("2026-01-01T00".parse().unwrap(), "2026-02-01T00".parse().unwrap());
        let start: Hour = "2026-11-20T00".parse().unwrap();
        let mut seen = std::collections::BTreeMap::new();
        for tick in start.until(Hour::of(start.start() + TimeDelta::days(7))) {
            let now = tick.start();
            for hour in first.until(end).filter(|hour| is_turn_of(*hour, now)) {
                *seen.entry(hour).or_insert(0) += 1;
                let next = next_turn(hour, now);
                assert!(is_turn_of(next, now) && !hour.next().until(next).any(|between| is_turn_of(between, now)));
            }
        }
        assert_eq!(seen, first.until(end).map(|hour| (hour, 2)).collect());
    }
}
