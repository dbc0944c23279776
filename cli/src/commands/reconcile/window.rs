//! Which span of time is compared, and where in Auth0's log it begins.

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use compactor::bucket::Bucket;
use log_format::{Hour, log_id};
use serde::Serialize;

use super::state::Reconciliation;
use crate::args::HourRange;
use crate::auth0::{Auth0, Edge, Event};
use crate::held::Reader;

/// What is compared if nothing is known and no stretch of time was given.
const HOURS: i64 = 24;
/// How many hours before the window are searched for a log_id to begin with, at first and then.
const HOURS_BEFORE: [u32; 2] = [3, 48];
/// The search orders events by their dates, the pages by their log_ids. The two differ by seconds.
const EDGE_MINUTES: i64 = 1;

/// A span of time, by the moments in the log_ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Window {
    /// Its beginning.
    pub(super) from: DateTime<Utc>,
    /// Its end, which is not in it.
    pub(super) to: DateTime<Utc>,
}

/// Where a walk begins.
pub(super) struct Start {
    /// The log_id that the first page follows.
    pub(super) cursor: String,
    /// Events that no page shows, because they come before.
    pub(super) first: Vec<Event>,
    /// The greatest log_id that a search showed before the walk. `None` if there is no event.
    pub(super) newest: Option<String>,
}

/// What Auth0 still has.
pub(super) struct Extent {
    /// Its first events.
    oldest: Vec<Event>,
    /// The greatest log_id.
    newest: Option<String>,
    /// From this moment on it has all events. `None` if it has none.
    pub(super) from: Option<DateTime<Utc>>,
}

impl Extent {
    /// Asks Auth0 for both ends of its log.
    pub(super) async fn ask(auth0: &mut Auth0) -> Result<Extent> {
        let oldest = auth0.edge(Edge::Oldest).await?;
        let newest = auth0.edge(Edge::Newest).await?.greatest().map(str::to_owned);
        ensure!(
            oldest.events.is_empty() || newest.is_some(),
            "Auth0's log has a first event and no last one; run it again"
        );
        let from = oldest.events.iter().filter_map(Event::moment).min();
        let from = from.map(|from| from + TimeDelta::minutes(EDGE_MINUTES));
        Ok(Extent { oldest: oldest.events, newest, from })
    }

    /// Where a walk over `window` begins: after the last log_id before it that the bucket holds and Auth0 still has, else at
    /// Auth0's first event.
    pub(super) async fn start(self, auth0: &mut Auth0, bucket: &Bucket, window: Window) -> Result<Start> {
        let least = self.oldest.iter().filter_map(|event| event.log_id.clone()).min().unwrap_or_default();
        let last = last_before(bucket, window.from).await?.filter(|last| *last > least);
        // It may be another tenant's. What the pages are that follow a log_id which Auth0 does not know, no document says.
        if let Some(last) = last
            && auth0.knows(&last).await?
        {
            return Ok(Start { cursor: last, first: Vec::new(), newest: self.newest });
        }
        Ok(Start { cursor: least, first: self.oldest, newest: self.newest })
    }
}

/// The greatest log_id of a moment before `moment` in the hours before it.
async fn last_before(bucket: &Bucket, moment: DateTime<Utc>) -> Result<Option<String>> {
    let least = log_id::least_at(moment);
    let mut end = Hour::of(moment).next();
    for hours in HOURS_BEFORE {
        let (from, mut last) = (Hour::of(moment).back(hours), None::<String>);
        let take = |line: crate::held::Held<'_>| {
            let before = line.log_id.filter(|log_id| **log_id < *least && log_id::moment_of(log_id).is_some());
            if before > last.as_deref() {
                last = before.map(str::to_owned);
            }
        };
        Reader::new(bucket, false).read(HourRange::new(from, end)?, take).await?;
        if last.is_some() {
            return Ok(last);
        }
        end = from;
    }
    Ok(None)
}

/// What is compared, and why not all that was asked for can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// `None` if nothing is left to compare.
    pub(super) window: Option<Window>,
    /// The span that was asked for and that Auth0 has no more.
    pub(super) expired: Option<Window>,
}

/// Chooses the window. `asked` is what was asked for, `known` what earlier runs have proven, `has_from` the moment from which on
/// Auth0 has all events. Pure.
pub(super) fn plan(
    asked: Option<HourRange>,
    again: bool,
    known: &Reconciliation,
    has_from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Plan {
    let to = asked.map_or(now, |asked| asked.to().start().min(now));
    let wanted = match (asked, known.goes_on_at(has_from)) {
        (Some(asked), _) if again => asked.from().start(),
        (Some(asked), _) => known.proven_from(asked.from().start()),
        (None, Some(end)) if !again => end.min(now),
        // Nobody has asked for more than there is.
        (None, _) => (now - TimeDelta::hours(HOURS)).max(has_from),
    };
    let from = wanted.max(has_from);
    let expired = (wanted < from.min(to)).then(|| Window { from: wanted, to: from.min(to) });
    Plan { window: (from < to).then_some(Window { from, to }), expired }
}

#[cfg(test)]
mod tests {
    use super::super::state::Proven;
    use super::*;

    const NOW: &str = "2026-11-20T13:30:00Z";

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn shown(asked: Option<(&str, &str)>, again: bool, proven: &[(&str, &str)], has_from: &str) -> String {
        let asked = asked.map(|(from, to)| HourRange::new(from.parse().unwrap(), to.parse().unwrap()).unwrap());
        let proven = proven.iter().map(|(from, to)| Proven { from: at(from), to: at(to), proven_at: at(NOW) });
        let known = Reconciliation { proven: proven.collect(), ..Reconciliation::default() };
        let plan = plan(asked, again, &known, at(has_from), at(NOW));
        let span = |window: Option<Window>| {
            window.map_or("-".to_owned(), |it| format!("{} {}", it.from.format("%dT%H:%M"), it.to.format("%dT%H:%M")))
        };
        format!("{} | {}", span(plan.window), span(plan.expired))
    }

    #[test]
    fn the_window_is_what_is_asked_for_and_not_proven_yet() {
        let month = "2026-10-21T00:00:00Z";
        let proven = [("2026-11-18T00:00:00Z", "2026-11-20T10:00:00Z")];
        assert_eq!(shown(None, false, &[], month), "19T13:30 20T13:30 | -");
        assert_eq!(shown(None, false, &proven, month), "20T10:00 20T13:30 | -");
        assert_eq!(shown(None, true, &proven, month), "19T13:30 20T13:30 | -");
        let day = Some(("2026-11-19T00", "2026-11-20T00"));
        assert_eq!(shown(day, false, &[], month), "19T00:00 20T00:00 | -");
        assert_eq!(shown(day, false, &proven, month), "- | -");
        assert_eq!(shown(day, true, &proven, month), "19T00:00 20T00:00 | -");
        let more = Some(("2026-11-19T00", "2026-11-21T00"));
        assert_eq!(shown(more, false, &proven, month), "20T10:00 20T13:30 | -");
    }

    #[test]
    fn what_auth0_has_no_more_is_told_if_it_was_asked_for() {
        let late = "2026-11-20T00:00:00Z";
        assert_eq!(shown(None, false, &[], late), "20T00:00 20T13:30 | -");
        let more = Some(("2026-11-19T12", "2026-11-20T12"));
        assert_eq!(shown(more, false, &[], late), "20T00:00 20T12:00 | 19T12:00 20T00:00");
        let before = Some(("2026-11-18T00", "2026-11-19T00"));
        assert_eq!(shown(before, false, &[], late), "- | 18T00:00 19T00:00");
        let proven = [("2026-11-10T00:00:00Z", "2026-11-18T00:00:00Z")];
        assert_eq!(shown(None, false, &proven, late), "20T00:00 20T13:30 | 18T00:00 20T00:00");
    }
}
