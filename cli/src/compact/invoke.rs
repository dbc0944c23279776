//! `compact --invoke`: the deployed function does the hours, a day an invocation, many at once.

use std::collections::BTreeMap;

use anyhow::Context;
use aws_sdk_lambda::primitives::Blob;
use compactor::clock::{Clock, RUN_MINUTES_MAX};
use compactor::hour::Run;
use compactor::hours::{self, Request, Scope};
use futures::{StreamExt, stream};
use log_format::Hour;
use serde::Serialize;
use serde_json::{Value, json};
use telemetry::error_chain;
use tokio::time::Duration;

use crate::deployment::Deployment;
use crate::given::Given;
use crate::progress;

/// What became of it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct FannedOut {
    /// The hours that something was to be done about.
    pub hours: u64,
    /// Invocations made.
    pub invocations: u64,
    /// What failed: the days, and what the function or Lambda said.
    pub failures: Vec<String>,
    /// The hours that are not done; the same command goes on with them.
    pub left: Vec<Hour>,
}

/// One invocation: the hours from the first up to, not including, the second.
type Span = (Hour, Hour);

/// Has `function` do what is due from `from` up to, not including, `to`, `at_once` invocations at a time, in rounds as long
/// as each leaves less than the one before.
pub(super) async fn fan_out(
    deployment: &Deployment,
    function: &str,
    (from, to): Span,
    rewrite: bool,
    at_once: usize,
    given: &Given,
) -> anyhow::Result<FannedOut> {
    let mut left = due(deployment, from, to, rewrite, given).await?;
    let mut done = FannedOut { hours: left.len() as u64, ..FannedOut::default() };
    let bar = progress::bar(done.hours, "hours", given.terminal);
    while !left.is_empty() {
        done.failures.clear();
        let spans = days(&left, rewrite);
        done.invocations += spans.len() as u64;
        let asked = spans.into_iter().map(|(span, hours)| {
            let bar = bar.clone();
            async move { ask(deployment, function, span, rewrite).await.inspect(|()| bar.inc(hours as u64)) }
        });
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(at_once).collect().await;
        done.failures.extend(answers.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")));
        let before = left.len();
        left = due(deployment, from, to, rewrite, given).await?;
        bar.set_position(done.hours.saturating_sub(left.len() as u64));
        if left.len() >= before {
            break;
        }
    }
    bar.finish_and_clear();
    done.left = left;
    Ok(done)
}

/// The closed hours of the range that a visit could change.
async fn due(deployment: &Deployment, from: Hour, to: Hour, rewrite: bool, given: &Given) -> anyhow::Result<Vec<Hour>> {
    let clock = Clock::start(given.clock(), Duration::from_secs(RUN_MINUTES_MAX * 60));
    let now = clock.now();
    let request = Request { scope: Scope::Range(from, to), rewrite };
    // Only looked at: no folder is ever named after it.
    let run = Run { clock, nonce: given.nonce.simple().to_string(), request };
    let hours = deployment.compactor.unsettled(from, to, &run).await?;
    Ok(hours.into_iter().filter(|hour| hours::closed(*hour, now, &deployment.limits)).collect())
}

/// Each day's hours, from the first to the last, with their number.
fn days(hours: &[Hour], rewrite: bool) -> Vec<(Span, usize)> {
    let mut days: BTreeMap<String, (Hour, Hour, usize)> = BTreeMap::new();
    for hour in hours {
        let day = days.entry(hour.date()).or_insert((*hour, *hour, 0));
        (day.1, day.2) = (*hour, day.2 + 1);
    }
    // A single hour that is to be rewritten may shrink; that is not asked for here.
    let end = |first: Hour, last: Hour| if rewrite && first == last { last.next().next() } else { last.next() };
    days.into_values().map(|(first, last, count)| ((first, end(first, last)), count)).collect()
}

async fn ask(deployment: &Deployment, function: &str, (from, to): Span, rewrite: bool) -> anyhow::Result<()> {
    let payload = json!({"from": from, "to": to, "rewrite": rewrite}).to_string();
    let call = deployment.functions.invoke().function_name(function).payload(Blob::new(payload));
    let answer = call.send().await.map_err(aws_sdk_lambda::Error::from);
    let answer = answer.with_context(|| format!("failed to invoke {function} for {from} to {to}"))?;
    if answer.function_error().is_none() {
        return Ok(());
    }
    let said = answer.payload().map(|payload| serde_json::from_slice::<Value>(payload.as_ref()));
    let message = match said {
        Some(Ok(said)) => said.get("errorMessage").and_then(Value::as_str).unwrap_or("no message").to_string(),
        Some(Err(error)) => error_chain(&error),
        None => "no message".to_string(),
    };
    anyhow::bail!("{function} for {from} to {to}: {message}")
}

impl FannedOut {
    /// True where everything is done.
    pub fn is_done(&self) -> bool {
        self.failures.is_empty() && self.left.is_empty()
    }

    pub(super) fn to_text(&self, function: &str) -> String {
        let done = self.hours.saturating_sub(self.left.len() as u64);
        let left = match self.left.first() {
            Some(first) => format!("{} are left, from {first} on; the same command goes on with them", self.left.len()),
            None => "none is left".to_string(),
        };
        let troubles = crate::report::troubles(&self.failures);
        format!(
            "{troubles}{done} of {} hours done by {} invocations of {function}; {left}\n",
            self.hours, self.invocations
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hours: &[&str], rewrite: bool, expected: &[&str]) {
        let hours: Vec<Hour> = hours.iter().map(|hour| hour.parse().unwrap()).collect();
        let found = days(&hours, rewrite).into_iter().map(|((from, to), count)| format!("{from} {to} {count}"));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_day_is_an_invocation() {
        check(&[], false, &[]);
        check(
            &["2026-11-19T23", "2026-11-20T01", "2026-11-20T05"],
            false,
            &["2026-11-19T23 2026-11-20T00 1", "2026-11-20T01 2026-11-20T06 2"],
        );
        check(&["2026-11-20T13"], true, &["2026-11-20T13 2026-11-20T15 1"]);
    }
}
