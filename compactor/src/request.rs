//! What a run is asked to do: the payload of the Lambda, read into types.

use std::fmt;

use log_format::{Day, Hour};
use serde_json::Value;

use crate::hour::plan::Rewrite;

/// What a run is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The hours to look at.
    pub scope: Scope,
    /// Which hours may be written again without new inputs.
    pub rewrite: Rewrite,
}

/// The hours that a run looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The look-back window, the scrub's days and the backlog.
    Tick,
    /// The hours from the first up to, not including, the second.
    Range(Hour, Hour),
    /// One hour, because a person named it. That accepts what was written over in it.
    Hour(Hour),
    /// One day, because a person named it.
    Day(Day),
}

/// How much of a value an error quotes. Whatever calls the function may send six megabytes.
const QUOTED_CHARACTERS_MAX: usize = 60;

/// A payload that cannot be read as a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A field is not an hour.
    #[error("{field} is {value}; write it like \"2026-11-20T13\"")]
    NotAnHour {
        /// The name of the field.
        field: &'static str,
        /// The field's value, as JSON.
        value: String,
    },
    /// `day` is not a day.
    #[error("day is {0}; write it like \"2026-11-20\"")]
    NotADay(String),
    /// `from` without `to`, or the reverse. The missing one is named.
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
    /// A scheduled tick.
    pub const TICK: Request = Request { scope: Scope::Tick, rewrite: Rewrite::No };

    /// A request for `scope`, with what an older version wrote rewritten if `rewrite`. Only if it names an hour alone may that
    /// hour shrink. A day that is named is rolled up again.
    pub fn new(scope: Scope, rewrite: bool) -> Request {
        let rewrite = match (rewrite, scope) {
            (false, _) => Rewrite::No,
            (true, Scope::Hour(_) | Scope::Day(_)) => Rewrite::Shrinking,
            (true, _) => Rewrite::Older,
        };
        Request { scope, rewrite }
    }

    /// Reads the Lambda's payload: `{"hour": …}`, `{"day": …}` or `{"from": …, "to": …}`, each with `"rewrite": true`. Any other payload,
    /// such as a schedule's, is a tick.
    ///
    /// # Errors
    ///
    /// A field has a value that it cannot have, or one of `from` and `to` is missing.
    pub fn from_payload(payload: &Value) -> Result<Request, RequestError> {
        let rewrite = match payload.get("rewrite") {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| RequestError::Rewrite(shown(value)))?,
        };
        Ok(Request::new(scope(payload)?, rewrite))
    }
}

fn scope(payload: &Value) -> Result<Scope, RequestError> {
    if let Some(hour) = field(payload, "hour")? {
        return Ok(Scope::Hour(hour));
    }
    if let Some(value) = payload.get("day") {
        let day = value.as_str().and_then(|text| text.parse().ok());
        return day.map(Scope::Day).ok_or_else(|| RequestError::NotADay(shown(value)));
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
    hour.map(Some).ok_or_else(|| RequestError::NotAnHour { field, value: shown(value) })
}

/// A value as an error quotes it: its beginning, if it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(QUOTED_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Tick => f.write_str("look-back"),
            Scope::Range(from, to) => write!(f, "{from} to {to}"),
            Scope::Hour(hour) => hour.fmt(f),
            Scope::Day(day) => day.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(payload: Value, expected: &str) {
        let found = match Request::from_payload(&payload) {
            Ok(Request { scope, rewrite: Rewrite::No }) => scope.to_string(),
            Ok(Request { scope, rewrite }) => format!("{scope}, {rewrite:?}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{payload}");
    }

    #[test]
    fn a_long_value_is_quoted_in_part() {
        let long = format!("\"{}…; it must be true or false", "x".repeat(QUOTED_CHARACTERS_MAX - 1));
        check(json!({"rewrite": "x".repeat(1_000_000)}), &format!("rewrite is {long}"));
    }

    #[test]
    fn reads_what_it_is_asked() {
        check(json!({}), "look-back");
        check(json!(null), "look-back");
        check(json!({"source": "aws.scheduler", "time": "2026-11-20T13:05:00Z"}), "look-back");
        check(json!({"hour": "2026-11-20T13"}), "2026-11-20T13");
        check(
            json!({"from": "2026-11-01T00", "to": "2026-11-02T00", "rewrite": true}),
            "2026-11-01T00 to 2026-11-02T00, Older",
        );
        let alone = json!({"hour": "2026-11-20T13", "rewrite": true});
        check(alone, "2026-11-20T13, Shrinking");
        check(json!({"day": "2026-11-20"}), "2026-11-20");
    }

    #[test]
    fn says_what_is_wrong_with_a_request() {
        check(json!({"hour": "13"}), r#"hour is "13"; write it like "2026-11-20T13""#);
        check(json!({"from": 1, "to": 2}), r#"from is 1; write it like "2026-11-20T13""#);
        check(json!({"day": "2026-11-20T13"}), r#"day is "2026-11-20T13"; write it like "2026-11-20""#);
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
}
