//! Why an event that Auth0 has is not in the bucket. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::state::StreamSeen;
use crate::auth0::stream::{LogStream, Passage};

/// EventBridge tries for 24 hours to deliver an event, and Firehose then buffers it. What has not come after that will not.
pub(super) const LATE_HOURS: i64 = 26;

/// Why an event is not in the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It happened so long ago that it will not come any more, and nothing holds it back.
    Missing,
    /// It may still come.
    Late,
    /// The stream leaves it out, because it was made so.
    LeftOut,
    /// It is under `error/`.
    AwaitsReplay,
    /// It is in a queue.
    InQueue,
    /// The stream is not active, or was not when a run looked within the last 26 hours.
    WaitsAtAuth0,
    /// Something in the bucket that may hold it cannot be read.
    Unreadable,
    /// It is not known which stream should have brought it.
    StreamUnknown,
    /// The stream lets some categories through, and that of its type is not known.
    TypeUnknown,
    /// The stream has left its type out only before or only since the last run.
    FiltersChanged,
}

impl Cause {
    /// True if the event is in the bucket, or was never to be: it does not keep a span from being proven.
    pub(super) fn is_settled(self) -> bool {
        matches!(self, Cause::LeftOut | Cause::AwaitsReplay)
    }

    /// Why nothing can be said of such events. `None` if something can.
    pub(super) fn inconclusive(self) -> Option<&'static str> {
        match self {
            Cause::Missing | Cause::Late | Cause::LeftOut | Cause::AwaitsReplay => None,
            Cause::InQueue => Some("are in a queue: `replay --queue` brings them"),
            Cause::WaitsAtAuth0 => Some(
                "wait at Auth0: the stream is not active (resume it in the dashboard), or was not a day ago and catches up",
            ),
            Cause::Unreadable => Some("may be in what cannot be read"),
            Cause::StreamUnknown => Some("are of a stream that is not known, so they may be left out or wait at Auth0"),
            Cause::FiltersChanged => Some(
                "are of types that the stream sent at the last run and does not now, or the other way round: it may have left \
                 them out; the next run goes by the filters of now",
            ),
            Cause::TypeUnknown => Some("are of types whose category is not known, so the stream may leave them out"),
        }
    }
}

/// The stream that should have brought the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stream {
    /// This one.
    Is(Box<LogStream>),
    /// There is none: nothing is on its way.
    None,
    /// It is not known which.
    Unknown,
}

impl Stream {
    /// What it does with events of the type `kind`. Without a stream nothing is left out on purpose.
    pub(super) fn passage(&self, kind: &str) -> Passage {
        match self {
            Stream::Is(stream) => stream.passage(kind),
            Stream::None => Passage::Sent,
            Stream::Unknown => Passage::Unknown,
        }
    }
}

/// What holds for all events of a run.
#[derive(Debug)]
pub(super) struct Circumstances {
    /// The moment at which the run began, by the clock that is behind: Auth0's or this machine's.
    pub(super) now: DateTime<Utc>,
    pub(super) stream: Stream,
    /// The stream as the last run saw it. `None` if none did.
    pub(super) seen: Option<StreamSeen>,
    /// True if something that may hold events could not be read.
    pub(super) unreadable: bool,
}

impl Circumstances {
    /// True if the stream did something else with events of the type `kind` when the last run saw it.
    fn has_changed(&self, kind: &str) -> bool {
        let Stream::Is(stream) = &self.stream else { return false };
        let then = self.seen.as_ref().map(|seen| stream.filtered(&seen.filters, seen.is_priority).passage(kind));
        then.is_some_and(|then| then != stream.passage(kind))
    }

    /// True if the stream is not active, or was not within the time that it takes to catch up.
    fn is_held_back(&self) -> bool {
        let inactive = matches!(&self.stream, Stream::Is(stream) if !stream.is_active());
        let seen = self.seen.as_ref().and_then(|seen| seen.inactive_at);
        inactive || seen.is_some_and(|seen| seen > self.now - TimeDelta::hours(LATE_HOURS))
    }

    /// True if the stream leaves events of the type `kind` out now, and did so when the last run saw it.
    pub(super) fn leaves_out(&self, kind: &str) -> bool {
        self.stream.passage(kind) == Passage::LeftOut && !self.has_changed(kind)
    }

    /// The stream as this run saw it. `None` if it is not known.
    pub(super) fn seen_now(&self) -> Option<StreamSeen> {
        let Stream::Is(stream) = &self.stream else { return None };
        let before = self.seen.as_ref().and_then(|seen| seen.inactive_at);
        Some(StreamSeen {
            filters: stream.filters().into_iter().map(str::to_owned).collect(),
            is_priority: stream.is_priority == Some(true),
            inactive_at: if stream.is_active() { before } else { Some(self.now) },
        })
    }
}

/// Where else an event was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    UnderError,
    InQueue,
}

/// Why an event of the type `kind`, logged at `moment`, is not in the bucket.
pub(super) fn cause(kind: &str, moment: DateTime<Utc>, elsewhere: Option<Elsewhere>, it: &Circumstances) -> Cause {
    match elsewhere {
        Some(Elsewhere::UnderError) => return Cause::AwaitsReplay,
        Some(Elsewhere::InQueue) => return Cause::InQueue,
        None => {}
    }
    let passage = it.stream.passage(kind);
    if it.has_changed(kind) {
        Cause::FiltersChanged
    } else if passage == Passage::LeftOut {
        Cause::LeftOut
    } else if it.is_held_back() {
        Cause::WaitsAtAuth0
    } else if moment > it.now - TimeDelta::hours(LATE_HOURS) {
        Cause::Late
    } else if it.unreadable {
        Cause::Unreadable
    } else if it.stream == Stream::Unknown {
        Cause::StreamUnknown
    } else if passage == Passage::Unknown {
        Cause::TypeUnknown
    } else {
        Cause::Missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(json: &str) -> Stream {
        Stream::Is(Box::new(serde_json::from_str(json).unwrap()))
    }

    fn check(stream: Stream, unreadable: bool, kind: &str, hours_ago: i64, expected: Cause) {
        let now: DateTime<Utc> = "2026-11-20T13:00:00Z".parse().unwrap();
        let circumstances = Circumstances { now, stream, seen: None, unreadable };
        let found = cause(kind, now - TimeDelta::hours(hours_ago), None, &circumstances);
        assert_eq!(found, expected, "{kind} {hours_ago} hours ago: {circumstances:?}");
    }

    #[test]
    fn every_difference_has_its_cause() {
        let active = || stream(r#"{"status":"active"}"#);
        let paused = || stream(r#"{"status":"paused"}"#);
        let filtered = || stream(r#"{"status":"active","filters":[{"type":"category","name":"auth.login.fail"}]}"#);
        check(active(), false, "s", 27, Cause::Missing);
        check(active(), false, "s", 25, Cause::Late);
        check(active(), true, "s", 27, Cause::Unreadable);
        check(paused(), false, "s", 27, Cause::WaitsAtAuth0);
        check(paused(), false, "s", 1, Cause::WaitsAtAuth0);
        check(filtered(), false, "s", 27, Cause::LeftOut);
        check(filtered(), true, "s", 1, Cause::LeftOut);
        check(filtered(), false, "fp", 27, Cause::Missing);
        check(filtered(), false, "of_tomorrow", 27, Cause::TypeUnknown);
        check(Stream::None, false, "s", 27, Cause::Missing);
        check(Stream::Unknown, false, "s", 27, Cause::StreamUnknown);
        check(Stream::Unknown, false, "s", 1, Cause::Late);
    }

    #[test]
    fn a_stream_that_has_changed_explains_nothing() {
        let now: DateTime<Utc> = "2026-11-20T13:00:00Z".parse().unwrap();
        let cause_of = |json: &str, seen: StreamSeen| {
            let it = Circumstances { now, stream: stream(json), seen: Some(seen), unreadable: false };
            cause("s", now - TimeDelta::hours(30), None, &it)
        };
        let filters = r#"{"status":"active","filters":[{"type":"category","name":"auth.login.fail"}]}"#;
        let all = r#"{"status":"active"}"#;
        let filtered = || StreamSeen { filters: vec!["auth.login.fail".to_owned()], ..StreamSeen::default() };
        assert_eq!(cause_of(filters, StreamSeen::default()), Cause::FiltersChanged);
        assert_eq!(cause_of(all, filtered()), Cause::FiltersChanged);
        assert_eq!(cause_of(filters, filtered()), Cause::LeftOut);
        assert_eq!(cause_of(all, StreamSeen::default()), Cause::Missing);
        let inactive = |hours| StreamSeen { inactive_at: Some(now - TimeDelta::hours(hours)), ..StreamSeen::default() };
        assert_eq!((cause_of(all, inactive(25)), cause_of(all, inactive(27))), (Cause::WaitsAtAuth0, Cause::Missing));
    }

    #[test]
    fn what_is_found_elsewhere_is_not_lost() {
        let now = "2026-11-20T13:00:00Z".parse().unwrap();
        let it = Circumstances { now, stream: Stream::None, seen: None, unreadable: false };
        let of = |elsewhere| cause("s", DateTime::UNIX_EPOCH, Some(elsewhere), &it);
        assert_eq!((of(Elsewhere::UnderError), of(Elsewhere::InQueue)), (Cause::AwaitsReplay, Cause::InQueue));
    }
}
