//! `compact --invoke`: the deployed function compacts the hours, one invocation for each day, many at once.

use std::collections::BTreeMap;

use anyhow::Context;
use aws_sdk_lambda::primitives::Blob;
use compactor::clock::{Clock, RUN_MINUTES_MAX};
use compactor::hour::plan::Rewrite;
use futures::{StreamExt, stream};
use log_format::Hour;
use serde::Serialize;
use serde_json::{Value, json};
use telemetry::error_chain;
use tokio::time::Duration;

use crate::deployment::Deployment;
use crate::env::Env;
use crate::output::{progress, report};

/// What the invocations did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct FannedOut {
    /// Hours that were due at the start.
    pub hours: u64,
    /// Invocations made.
    pub invocations: u64,
    /// What failed in the last round: the days, and what the function or Lambda said.
    pub failures: Vec<String>,
    /// The hours that are still due. The same command goes on with them.
    pub deferred: Vec<Hour>,
}

/// The hours from the first up to, not including, the second.
type Span = (Hour, Hour);

/// Invokes the deployed compactor, `function`, for the closed hours of the span that a visit could change: one invocation
/// for each day, `at_once` at a time. Repeats this until no such hour is left, or a round did not reduce their number.
pub(super) async fn fan_out(
    deployment: &Deployment,
    function: &str,
    (from, to): Span,
    rewrite: bool,
    at_once: usize,
    env: &Env,
) -> anyhow::Result<FannedOut> {
    let mut deferred = due(deployment, from, to, rewrite, env).await?;
    let mut done = FannedOut { hours: deferred.len() as u64, ..FannedOut::default() };
    let bar = progress::bar(done.hours, "hours", env.terminal);
    while !deferred.is_empty() {
        done.failures.clear();
        let spans = days(&deferred);
        done.invocations += spans.len() as u64;
        let asked = spans.into_iter().map(|(span, hours)| {
            let bar = bar.clone();
            async move { ask(deployment, function, span, rewrite).await.inspect(|()| bar.inc(hours as u64)) }
        });
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(at_once).collect().await;
        done.failures.extend(answers.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")));
        let before = deferred.len();
        deferred = due(deployment, from, to, rewrite, env).await?;
        bar.set_position(done.hours.saturating_sub(deferred.len() as u64));
        if deferred.len() >= before {
            break;
        }
    }
    bar.finish_and_clear();
    done.deferred = deferred;
    Ok(done)
}

/// The closed hours of the range that a visit could change.
async fn due(deployment: &Deployment, from: Hour, to: Hour, rewrite: bool, env: &Env) -> anyhow::Result<Vec<Hour>> {
    let clock = Clock::start(env.clock(), Duration::from_secs(RUN_MINUTES_MAX * 60));
    let now = clock.now();
    let rewrite = if rewrite { Rewrite::Older } else { Rewrite::No };
    let hours = deployment.compactor.may_change(from, to, rewrite, &clock).await?;
    Ok(hours.into_iter().filter(|hour| deployment.limits.is_closed(*hour, now)).collect())
}

/// The span of each day that has some of `hours`, and how many it has.
fn days(hours: &[Hour]) -> Vec<(Span, usize)> {
    let mut days: BTreeMap<String, (Hour, Hour, usize)> = BTreeMap::new();
    for hour in hours {
        let day = days.entry(hour.date()).or_insert((*hour, *hour, 0));
        (day.1, day.2) = (*hour, day.2 + 1);
    }
    days.into_values().map(|(first, last, count)| ((first, last.next()), count)).collect()
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
    /// True if nothing failed and nothing is due any more.
    pub fn is_done(&self) -> bool {
        self.failures.is_empty() && self.deferred.is_empty()
    }

    pub(super) fn to_text(&self, function: &str) -> String {
        let done = self.hours.saturating_sub(self.deferred.len() as u64);
        let deferred = match self.deferred.first() {
            Some(first) => {
                let count = self.deferred.len();
                format!("{count} are deferred, from {first} on; the same command goes on with them")
            }
            None => "none is deferred".to_string(),
        };
        let troubles = report::troubles(&self.failures);
        format!(
            "{troubles}{done} of {} hours done by {} invocations of {function}; {deferred}\n",
            self.hours, self.invocations
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hours: &[&str], expected: &[&str]) {
        let hours: Vec<Hour> = hours.iter().map(|hour| hour.parse().unwrap()).collect();
        let found = days(&hours).into_iter().map(|((from, to), count)| format!("{from} {to} {count}"));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_day_is_an_invocation() {
        check(&[], &[]);
        check(
            &["2026-11-19T23", "2026-11-20T01", "2026-11-20T05"],
            &["2026-11-19T23 2026-11-20T00 1", "2026-11-20T01 2026-11-20T06 2"],
        );
        check(&["2026-11-20T13"], &["2026-11-20T13 2026-11-20T14 1"]);
    }
}
