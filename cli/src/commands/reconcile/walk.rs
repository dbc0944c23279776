//! Reads Auth0's log page by page, and the bucket hour by hour beside it.
//!
//! Both go forward in time: an event is looked for in the hours around its moment first, and what comes later is looked for
//! among the events that are still open. So neither side is ever in memory as a whole, unless it differs from the other.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use indicatif::ProgressBar;
use log_format::{Hour, log_id};

use super::open::Ledger;
use super::window::{Start, Window};
use crate::args::HourRange;
use crate::auth0::{Auth0, Edge, Event, Page};
use crate::held::{Held, Identity, Reader};

/// An event is looked for in so many hours after its own before it counts as open.
const HOURS_AFTER: u32 = 2;
/// What an import put into the hour of its date may lie so many hours before that of its log_id.
const HOURS_BEFORE: u32 = 25;
/// An empty page although there is more is asked for so often again.
const EMPTY_PAGES_MAX: u32 = 4;

/// The beginning of the year 2200, in seconds of Unix time.
const YEAR_2200: i64 = 7_258_118_400;

/// What the bucket holds of one hour of moments: each event, and whether Auth0 has it.
type OfHour = HashMap<Identity, bool>;

/// One walk over a window.
pub(super) struct Walk<'a> {
    window: Window,
    reader: Reader<'a>,
    pub(super) ledger: Ledger,
    held: BTreeMap<Hour, OfHour>,
    /// The hours of arrival before this one were read.
    read_to: Hour,
    /// Hours of moments before this one are done.
    done_to: Hour,
    pages: u32,
    /// Events in the bucket that Auth0 does not have.
    pub(super) only_ours: u64,
    /// Events at Auth0 without a log_id that holds a moment.
    pub(super) without_moment: u64,
    /// Events before this moment were compared.
    pub(super) compared_to: DateTime<Utc>,
}

impl<'a> Walk<'a> {
    /// A walk over `window`.
    pub(super) fn new(window: Window, reader: Reader<'a>) -> Result<Walk<'a>> {
        let first = Hour::of(window.from);
        Ok(Walk {
            reader,
            ledger: Ledger::new()?,
            held: BTreeMap::new(),
            // A clock may be behind by minutes.
            read_to: first.back(1),
            done_to: first,
            pages: 0,
            only_ours: 0,
            without_moment: 0,
            compared_to: window.from,
            window,
        })
    }

    /// How many objects were read of the bucket, and of how many hours the Parquet.
    pub(super) fn was_read(&self) -> (u64, u64) {
        (self.reader.objects, self.reader.hours_of_parquet)
    }

    /// What of the bucket could not be read.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &String> {
        self.reader.unreadable.iter()
    }

    /// Reads the pages that follow `start` up to the end of the window. `between` is called after each.
    ///
    /// # Errors
    ///
    /// If Auth0 or S3 refuses a call, or the pages do not go on. What was compared until then stays so.
    pub(super) async fn walk(
        &mut self,
        auth0: &mut Auth0,
        start: Start,
        bar: &ProgressBar,
        mut between: impl AsyncFnMut(&Walk<'a>, &Auth0),
    ) -> Result<()> {
        let Start { mut cursor, first, newest } = start;
        let newest = &newest;
        for event in &first {
            self.take(event).await?;
        }
        let mut empty = 0;
        loop {
            let page = auth0.page(&cursor).await?;
            if page.events.is_empty() {
                // The first answer may be hours old by now, and an empty page may be one of a bad moment.
                let now_newest = auth0.edge(Edge::Newest).await?.greatest().map(str::to_owned);
                if newest.as_ref().max(now_newest.as_ref()) <= Some(&cursor) {
                    break;
                }
                empty += 1;
                ensure!(empty < EMPTY_PAGES_MAX, "Auth0's pages end although its search shows a later event");
                continue;
            }
            empty = 0;
            self.pages += 1;
            for event in &page.events {
                self.take(event).await?;
            }
            cursor = next(&cursor, &page)?;
            bar.inc(page.events.len() as u64);
            if let Some(moment) = log_id::moment_of(&cursor) {
                self.pass(moment);
                if moment >= self.window.to {
                    break;
                }
            }
            between(self, auth0).await;
        }
        self.read_up_to(Hour::of(self.window.to).next().next()).await?;
        // What follows the last event that Auth0 shows may not have reached its log yet.
        let last = log_id::moment_of(&cursor).unwrap_or(self.window.from);
        self.compared_to = self.compared_to.max(last.min(self.window.to));
        self.forget(BTreeMap::new());
        Ok(())
    }

    /// Looks for what is still open in all later hours.
    ///
    /// # Errors
    ///
    /// If S3 refuses a call.
    pub(super) async fn look_later(&mut self) -> Result<()> {
        if !self.ledger.open.is_empty() {
            self.read_up_to(end()).await?;
        }
        Ok(())
    }

    /// Looks once more for events that seem to be missing, in all hours that may hold one: an object may have come into an hour
    /// after it was read. The objects are the record: what is called missing is in none of them, whatever Parquet says.
    ///
    /// # Errors
    ///
    /// If S3 refuses a call.
    pub(super) async fn look_again(&mut self, missing: &[Identity]) -> Result<()> {
        let moments = missing.iter().filter_map(|identity| Some(self.ledger.open.get(identity)?.moment));
        let Some(first) = moments.min() else { return Ok(()) };
        let ledger = &mut self.ledger;
        let take = |line: Held<'_>| {
            ledger.resolve(&line.identity);
        };
        self.reader.leave_parquet();
        self.reader.read(HourRange::new(Hour::of(first).back(HOURS_BEFORE), end())?, take).await
    }

    async fn take(&mut self, event: &Event) -> Result<()> {
        let (Some(log_id), Some(moment)) = (&event.log_id, event.moment()) else {
            self.without_moment += 1;
            return Ok(());
        };
        if moment < self.window.from || moment >= self.window.to {
            return Ok(());
        }
        let hour = Hour::of(moment);
        self.read_up_to((0..=HOURS_AFTER).fold(hour, |hour, _| hour.next())).await?;
        let identity = Identity::of_log_id(log_id);
        match self.held.get_mut(&hour).and_then(|held| held.get_mut(&identity)) {
            Some(seen) if *seen => Ok(()),
            Some(seen) => {
                *seen = true;
                self.ledger.found(event);
                Ok(())
            }
            None => self.ledger.note(identity, event, moment, self.pages),
        }
    }

    /// Reads what arrived before the hour `to`, as far as it was not read yet.
    async fn read_up_to(&mut self, to: Hour) -> Result<()> {
        if to <= self.read_to {
            return Ok(());
        }
        let (window, done_to) = (self.window, self.done_to);
        let (ledger, held) = (&mut self.ledger, &mut self.held);
        let take = |line: Held<'_>| {
            let Some(moment) = line.log_id.and_then(log_id::moment_of) else { return };
            let is_within = window.from <= moment && moment < window.to;
            if is_within && !ledger.resolve(&line.identity) && Hour::of(moment) >= done_to {
                held.entry(Hour::of(moment)).or_default().entry(line.identity).or_default();
            }
        };
        self.reader.read(HourRange::new(self.read_to, to)?, take).await?;
        self.read_to = to;
        Ok(())
    }

    /// All events before `moment` were taken: lets go of what the bucket holds of the hours before.
    fn pass(&mut self, moment: DateTime<Utc>) {
        let hour = Hour::of(moment);
        if hour <= self.done_to {
            return;
        }
        let later = self.held.split_off(&hour);
        self.forget(later);
        self.done_to = hour;
        self.compared_to = self.compared_to.max(hour.start().min(self.window.to));
    }

    /// Keeps `later` of what the bucket holds, and counts what of the rest Auth0 does not have.
    fn forget(&mut self, later: BTreeMap<Hour, OfHour>) {
        let passed = std::mem::replace(&mut self.held, later);
        let alone = passed.into_values().map(|held| held.into_values().filter(|seen| !seen).count() as u64);
        self.only_ours += alone.sum::<u64>();
    }

    /// The moment of the first open event whose type is not `left_out`.
    pub(super) fn first_open(&self, left_out: impl Fn(&str) -> bool) -> Option<DateTime<Utc>> {
        let open = self.ledger.open.values();
        open.filter(|open| !left_out(self.ledger.name(open.kind))).map(|open| open.moment).min()
    }
}

/// The log_id that the next page follows. Where the answer names none, or none that is further on, it is the greatest of the
/// page; it is never beyond that, so that no event is passed over.
fn next(cursor: &str, page: &Page) -> Result<String> {
    let greatest = page.greatest().unwrap_or_default();
    let named = page.next.as_deref().filter(|next| *next > cursor && *next <= greatest);
    let next = named.unwrap_or(greatest);
    ensure!(next > cursor, "Auth0's pages do not go on: a page holds only what an earlier one held");
    Ok(next.to_owned())
}

/// The hour after the last one that the bucket can have. A clock that is behind must hide nothing.
fn end() -> Hour {
    Hour::of(DateTime::from_timestamp(YEAR_2200, 0).unwrap_or_default())
}

/// An overlap with what was read before: Auth0 may insert an event below log_ids that it has shown already.
pub(super) fn overlap() -> TimeDelta {
    TimeDelta::hours(1)
}
