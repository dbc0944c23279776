//! What a reconciliation found.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use chrono::{DateTime, Utc};
use log_format::Object;
use serde::Serialize;

use super::cause::{Cause, Circumstances, LATE_HOURS, cause};
use super::elsewhere::Searched;
use super::open::{Ledger, TypeCounts};
use super::repair::Repaired;
use super::source::{Described, Source};
use super::state::Proven;
use super::walk::Walk;
use super::window::Window;
use crate::args::HourRange;
use crate::auth0::Auth0;
use crate::held::Identity;
use crate::output::verdict::Verdict;

/// So many missing events are listed. All are counted.
pub(super) const LISTED_MAX: usize = 10_000;
/// Clocks that differ by more do not tell whether an event is late.
const CLOCK_MINUTES: i64 = 10;

/// What a reconciliation found.
#[derive(Debug, Clone, Serialize)]
pub struct Reconciled {
    /// The tenant's domain.
    pub tenant: String,
    /// The moment at which the run began, by the clock that is behind: Auth0's or this machine's.
    pub now: DateTime<Utc>,
    /// What was compared: events that Auth0 logged from then on, and before then. `None` if nothing was.
    pub from: Option<DateTime<Utc>>,
    /// The end of what was compared.
    pub to: Option<DateTime<Utc>>,
    /// What Auth0 says of the stream.
    pub stream: Described,
    /// The events by type.
    pub types: BTreeMap<String, TypeCounts>,
    /// The sum over all types.
    pub total: TypeCounts,
    /// The missing events, in order, up to ten thousand. With `--repair` those that are still missing.
    pub missing: Vec<NotInBucket>,
    /// Events in the bucket that Auth0 does not show.
    pub only_in_bucket: u64,
    /// What `--repair` did.
    pub repaired: Option<Repaired>,
    /// Why nothing can be said of some events or moments.
    pub inconclusive: Vec<String>,
    /// What is odd and decides nothing.
    pub warnings: Vec<String>,
    /// The end of the span, from the beginning of what was compared, in which nothing is open.
    pub proven_to: Option<DateTime<Utc>>,
    /// All spans that are proven, of this run and those before.
    pub proven: Vec<Proven>,
    /// Calls to Auth0.
    pub calls: u64,
    /// JSON objects that were read, more than once if they were read again.
    pub objects: u64,
    /// Hours whose Parquet was read instead, its log_ids alone.
    pub hours_of_parquet: u64,
}

/// An event that is not in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotInBucket {
    /// Its log_id.
    pub log_id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its date.
    pub date: String,
}

/// Why each open event is not in the bucket.
pub(super) struct Conclusion {
    causes: HashMap<Identity, Cause>,
    missing: Vec<Identity>,
}

impl Conclusion {
    /// Concludes from what a walk left open.
    pub(super) fn of(walk: &Walk<'_>, searched: &Searched, circumstances: &Circumstances) -> Conclusion {
        let ledger = &walk.ledger;
        let causes = ledger.open.iter().map(|(identity, open)| {
            let elsewhere = searched.found.get(identity).copied();
            (*identity, cause(ledger.name(open.kind), open.moment, elsewhere, circumstances))
        });
        let causes: HashMap<Identity, Cause> = causes.collect();
        let missing = causes.iter().filter(|(_, cause)| **cause == Cause::Missing).map(|(identity, _)| *identity);
        Conclusion { missing: missing.collect(), causes }
    }

    /// The events that are missing.
    pub(super) fn missing(&self) -> &[Identity] {
        &self.missing
    }

    /// The end of the span in which no event is open, but for those that a repair `brought`.
    pub(super) fn proven_to(&self, walk: &Walk<'_>, brought: &HashSet<Identity>) -> DateTime<Utc> {
        let unsettled =
            self.causes.iter().filter(|(identity, cause)| !cause.is_settled() && !brought.contains(identity));
        let moments = unsettled.filter_map(|(identity, _)| Some(walk.ledger.open.get(identity)?.moment));
        moments.chain([walk.compared_to]).min().unwrap_or(walk.compared_to)
    }
}

impl Reconciled {
    pub(super) fn of(tenant: &str, source: &Source, now: DateTime<Utc>, proven: Vec<Proven>) -> Reconciled {
        Reconciled {
            tenant: tenant.to_owned(),
            now,
            from: None,
            to: None,
            stream: source.described.clone(),
            types: BTreeMap::new(),
            total: TypeCounts::default(),
            missing: Vec::new(),
            only_in_bucket: 0,
            repaired: None,
            inconclusive: Vec::new(),
            warnings: source.warnings.clone(),
            proven_to: None,
            proven,
            calls: 0,
            objects: 0,
            hours_of_parquet: 0,
        }
    }

    /// A part of what was asked for is older than what Auth0 has.
    pub(super) fn expired(&mut self, expired: Option<Window>) {
        if let Some(Window { from, to }) = expired {
            let (from, to) = (shown(from), shown(to));
            self.inconclusive.push(format!("Auth0 keeps no events from {from} to {to} any more"));
        }
    }

    /// Takes what was compared.
    pub(super) fn compared(
        &mut self,
        compared: Window,
        mut walk: Walk<'_>,
        conclusion: &Conclusion,
        brought: &HashSet<Identity>,
    ) -> Result<()> {
        (self.from, self.to) = (Some(compared.from), Some(compared.to));
        self.only_in_bucket = walk.only_ours;
        (self.objects, self.hours_of_parquet) = walk.was_read();
        if walk.without_moment > 0 {
            let count = walk.without_moment;
            self.inconclusive.push(format!("{count} events at Auth0 have no log_id that holds a moment"));
        }
        for (identity, cause) in &conclusion.causes {
            let Some(open) = walk.ledger.open.get(identity).copied() else { continue };
            let counts = walk.ledger.counts(open.kind);
            if brought.contains(identity) {
                counts.in_bucket += 1;
                counts.repaired += 1;
            } else {
                *counts.not_in_bucket.entry(*cause).or_default() += 1;
            }
        }
        self.missing = listed(&mut walk.ledger, conclusion, brought)?;
        self.types = walk.ledger.into_types();
        for counts in self.types.values() {
            self.total.add(counts);
        }
        Ok(())
    }

    /// Notes everything for which nothing can be said.
    pub(super) fn doubts(&mut self, unreadable: Vec<String>, stopped: Option<anyhow::Error>) {
        for (cause, count) in &self.total.not_in_bucket {
            if let Some(why) = cause.inconclusive() {
                self.inconclusive.push(format!("{count} events {why}"));
            }
        }
        if self.total.of(Cause::Unreadable) > 0 {
            self.inconclusive.extend(unreadable);
        } else {
            self.warnings.extend(unreadable);
        }
        self.inconclusive.extend(stopped.map(|error| format!("stopped before the end: {error:#}")));
        if let Some(repaired) = &self.repaired {
            self.warnings.extend(repaired.troubles.iter().cloned());
        }
    }

    /// Notes that two clocks differ. Where events are late, or nothing was compared, that decides.
    pub(super) fn clocks(&mut self, auth0: &Auth0) {
        let minutes = auth0.ahead().num_minutes();
        if minutes.abs() <= CLOCK_MINUTES {
            return;
        }
        let which = if minutes > 0 { "behind" } else { "ahead of" };
        let what = format!("this machine's clock is {} minutes {which} Auth0's: set it right", minutes.abs());
        let decides = self.total.of(Cause::Late) > 0 || self.from.is_none();
        if decides { &mut self.inconclusive } else { &mut self.warnings }.push(what);
    }

    /// A stretch that was asked for has not begun.
    pub(super) fn in_the_future(&mut self, asked: Option<HourRange>) {
        if asked.is_some_and(|asked| asked.from().start() > self.now) {
            self.inconclusive.push("the stretch of time has not begun".to_owned());
        }
    }

    pub(super) fn after(self, auth0: &Auth0) -> Reconciled {
        Reconciled { calls: auth0.calls(), ..self }
    }

    /// Trouble if events are missing, unknown if nothing can be said of something, else well.
    pub fn verdict(&self) -> Verdict {
        match (self.total.of(Cause::Missing), self.inconclusive.is_empty()) {
            (0, true) => Verdict::Well,
            (0, false) => Verdict::Unknown,
            _ => Verdict::Trouble,
        }
    }
}

impl TypeCounts {
    /// How many events are not in the bucket for this reason.
    pub fn of(&self, cause: Cause) -> u64 {
        self.not_in_bucket.get(&cause).copied().unwrap_or_default()
    }

    fn add(&mut self, other: &TypeCounts) {
        self.at_auth0 += other.at_auth0;
        self.in_bucket += other.in_bucket;
        self.repaired += other.repaired;
        for (cause, count) in &other.not_in_bucket {
            *self.not_in_bucket.entry(*cause).or_default() += count;
        }
    }
}

/// A moment as it is shown to people, to the second.
pub(super) fn shown(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// How long an event may take, as it is shown to people.
pub(super) fn late() -> String {
    format!("{LATE_HOURS} hours")
}

fn listed(ledger: &mut Ledger, conclusion: &Conclusion, brought: &HashSet<Identity>) -> Result<Vec<NotInBucket>> {
    let mut opens: Vec<_> = conclusion.missing.iter().filter(|identity| !brought.contains(identity)).collect();
    opens.sort_unstable_by_key(|identity| ledger.open.get(identity).map(|open| (open.moment, **identity)));
    let mut missing = Vec::new();
    for identity in opens.into_iter().take(LISTED_MAX) {
        let Some(open) = ledger.open.get(identity).copied() else { continue };
        let json = ledger.json(&open)?;
        let event = Object::parse(&json).unwrap_or_default();
        let text = |name| event.get(name).and_then(|value| serde_json::from_str::<String>(value).ok());
        missing.push(NotInBucket {
            log_id: text("log_id").or_else(|| text("_id")).unwrap_or_default(),
            kind: text("type").unwrap_or_default(),
            date: text("date").unwrap_or_default(),
        });
    }
    missing.sort_unstable();
    Ok(missing)
}
