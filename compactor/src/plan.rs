//! What to do about one hour: a value that prints. Pure: the listing, the manifest and the clock are given.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use log_format::Hour;

use crate::WRITER_VERSION;
use crate::config::Limits;
use crate::manifest::{Input, Manifest};

/// A claim younger than this belongs to a run that is at work. Leaving its hour alone saves work; it is not what keeps
/// two runs apart, conditional writes are.
pub const CLAIM_MINUTES_MIN: i64 = 15;

/// What is known of an hour before anything is done about it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The hour.
    pub hour: Hour,
    /// Every object that Athena would read as the hour's JSON.
    pub listed: Vec<Input>,
    /// The manifest; [`Manifest::new`] where there is none.
    pub manifest: Manifest,
    /// Keys that are in the live folder; empty where nothing is live.
    pub files: Vec<String>,
}

/// What to do about an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Write the hour's Parquet from these objects, all of its inputs.
    Compact {
        /// The hour.
        hour: Hour,
        /// Its inputs, in order of their keys.
        inputs: Vec<Input>,
        /// Why.
        due: Due,
    },
    /// The hour is as it should be.
    Nothing {
        /// The hour.
        hour: Hour,
        /// Why nothing is due.
        reason: Rest,
    },
    /// Something is due, but not to be done by this run.
    Leave {
        /// The hour.
        hour: Hour,
        /// Why not.
        reason: Refusal,
    },
}

/// What may be written anew without new inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// Nothing.
    No,
    /// What an older writer wrote.
    Older,
    /// That, and an hour whose inputs are gone: the one way Parquet shrinks (C8). Asked for hour by hour.
    Shrinking,
}

/// Why an hour is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It was never committed.
    First,
    /// Objects arrived, or were replaced, since it was committed.
    Late {
        /// How many.
        objects: usize,
    },
    /// A live file is missing.
    FileMissing,
    /// Asked for, and a newer writer writes better or inputs are gone on purpose.
    Rewrite,
}

/// Why nothing is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The hour may still get objects.
    Open,
    /// There has never been anything.
    NoObjects,
    /// The live folder holds the rows of every listed object.
    UpToDate,
}

/// Why an hour is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody deleted objects whose rows are live. Nothing shrinks Parquet by itself (C8).
    InputGone {
        /// How many.
        objects: usize,
    },
    /// Another run claimed the hour a moment ago.
    Claimed,
    /// The hour is larger than this machine's limits.
    TooLarge {
        /// Bytes of its objects.
        bytes: u64,
    },
    /// Other runs kept changing the manifest.
    Contended,
    /// Objects kept changing while they were read.
    InputChanging,
    /// The run has too little time left.
    NoTime,
}

/// Decides what to do about an hour.
pub fn plan(seen: &Seen, now: DateTime<Utc>, limits: &Limits, rewrite: Rewrite) -> Plan {
    let hour = seen.hour;
    if !crate::hours::closed(hour, now, limits) {
        return Plan::Nothing { hour, reason: Rest::Open };
    }
    let gone = seen.manifest.live.as_ref().map_or(0, |live| live.gone(&seen.listed));
    if gone > 0 && rewrite != Rewrite::Shrinking {
        return Plan::Leave { hour, reason: Refusal::InputGone { objects: gone } };
    }
    match due(seen, rewrite, gone) {
        Ok(due) => refuse(seen, now, limits).unwrap_or_else(|| Plan::Compact { hour, inputs: in_order(seen), due }),
        Err(reason) => Plan::Nothing { hour, reason },
    }
}

fn due(seen: &Seen, rewrite: Rewrite, gone: usize) -> Result<Due, Rest> {
    let Some(live) = &seen.manifest.live else {
        return if seen.listed.is_empty() { Err(Rest::NoObjects) } else { Ok(Due::First) };
    };
    let new = live.new_among(&seen.listed);
    if new > 0 {
        return Ok(Due::Late { objects: new });
    }
    if live.files.iter().any(|file| !seen.files.contains(&file.key)) {
        return Ok(Due::FileMissing);
    }
    let better = live.writer_version < WRITER_VERSION || gone > 0;
    if rewrite != Rewrite::No && better { Ok(Due::Rewrite) } else { Err(Rest::UpToDate) }
}

fn refuse(seen: &Seen, now: DateTime<Utc>, limits: &Limits) -> Option<Plan> {
    let hour = seen.hour;
    // A claim from the future, by somebody's fast clock, is no younger than one from as far in the past.
    let young = |claimed_at: DateTime<Utc>| (now - claimed_at).abs() < TimeDelta::minutes(CLAIM_MINUTES_MIN);
    if seen.manifest.claims.iter().any(|claim| young(claim.claimed_at)) {
        return Some(Plan::Leave { hour, reason: Refusal::Claimed });
    }
    let bytes: u64 = seen.listed.iter().map(|object| object.size).sum();
    (bytes > limits.input_bytes_max).then_some(Plan::Leave { hour, reason: Refusal::TooLarge { bytes } })
}

/// The same inputs give the same bytes (C7), whatever order they were listed in.
fn in_order(seen: &Seen) -> Vec<Input> {
    let mut inputs = seen.listed.clone();
    inputs.sort();
    inputs
}

impl Refusal {
    /// True where no later run will do it either, unless somebody acts.
    pub fn needs_somebody(&self) -> bool {
        matches!(self, Refusal::InputGone { .. } | Refusal::TooLarge { .. })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Plan::Compact { hour, inputs, due } => {
                let bytes: u64 = inputs.iter().map(|input| input.size).sum();
                write!(f, "compact {hour}: {} objects, {bytes} bytes, {due}", inputs.len())
            }
            Plan::Nothing { hour, reason } => write!(f, "nothing {hour}: {reason:?}"),
            Plan::Leave { hour, reason } => write!(f, "leave {hour}: {reason}"),
        }
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Due::First => f.write_str("first time"),
            Due::Late { objects } => write!(f, "{objects} new"),
            Due::FileMissing => f.write_str("a file is missing"),
            Due::Rewrite => f.write_str("rewrite"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::InputGone { objects } => write!(
                f,
                "{objects} objects that its Parquet holds rows of are gone from the event log; put them back, or \
                 carry their deletion through with `--hour … --rewrite` or {{\"hour\": …, \"rewrite\": true}}"
            ),
            Refusal::Claimed => f.write_str("another run is at work on it"),
            Refusal::TooLarge { bytes } => write!(
                f,
                "its {bytes} bytes are more than the limits allow; raise INPUT_BYTES_MAX or DECODED_BYTES_MAX, and the \
                 memory with it"
            ),
            Refusal::Contended => f.write_str("other runs kept changing its manifest; the next tick tries again"),
            Refusal::InputChanging => {
                f.write_str("its objects changed while they were read; the next tick tries again")
            }
            Refusal::NoTime => f.write_str("no time was left; the next tick goes on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Counts, File, Live};

    const HOUR: &str = "2026-11-20T13";
    const CLOSED: &str = "2026-11-20T14:20:00Z";

    fn objects(listed: &[(&str, &str, u64)]) -> Vec<Input> {
        let input = |(name, etag, size): &(&str, &str, u64)| Input {
            key: format!("logs/2026/11/20/13/{name}"),
            etag: etag.to_string(),
            size: *size,
        };
        listed.iter().map(input).collect()
    }

    fn seen(listed: &[(&str, &str, u64)]) -> Seen {
        let hour = HOUR.parse().unwrap();
        Seen { hour, listed: objects(listed), manifest: Manifest::new(hour), files: Vec::new() }
    }

    /// The hour after `inputs` were committed, with `listed` there now.
    fn committed(inputs: &[(&str, &str, u64)], listed: &[(&str, &str, u64)]) -> Seen {
        let mut seen = seen(listed);
        let file = File { key: "f.parquet".into(), size: 9, rows: 1, sha256: String::new() };
        seen.files = vec![file.key.clone()];
        seen.manifest.live = Some(Live {
            attempt: "a".into(),
            committed_at: CLOSED.parse().unwrap(),
            inputs: objects(inputs),
            files: vec![file],
            counts: Counts::default(),
            timestamps: None,
            writer_version: WRITER_VERSION,
        });
        seen
    }

    fn check(seen: &Seen, now: &str, rewrite: bool, expected: &str) {
        let rewrite = if rewrite { Rewrite::Shrinking } else { Rewrite::No };
        let plan = plan(seen, now.parse().unwrap(), &Limits { input_bytes_max: 100, ..Limits::default() }, rewrite);
        assert_eq!(plan.to_string().split("; ").next().unwrap(), expected);
    }

    #[test]
    fn waits_until_the_hour_has_settled() {
        check(&seen(&[("a", "1", 10)]), "2026-11-20T14:19:59Z", true, "nothing 2026-11-20T13: Open");
        check(&seen(&[("a", "1", 10)]), CLOSED, false, "compact 2026-11-20T13: 1 objects, 10 bytes, first time");
        check(&seen(&[]), CLOSED, true, "nothing 2026-11-20T13: NoObjects");
    }

    #[test]
    fn compacts_again_for_late_and_for_replaced_objects() {
        let before = [("a", "1", 10)];
        check(&committed(&before, &before), CLOSED, false, "nothing 2026-11-20T13: UpToDate");
        check(
            &committed(&before, &[("b", "1", 5), ("a", "1", 10)]),
            CLOSED,
            false,
            "compact 2026-11-20T13: 2 objects, 15 bytes, 1 new",
        );
        check(
            &committed(&before, &[("a", "2", 12)]),
            CLOSED,
            false,
            "compact 2026-11-20T13: 1 objects, 12 bytes, 1 new",
        );
    }

    #[test]
    fn compacts_again_when_a_live_file_is_missing() {
        let mut seen = committed(&[("a", "1", 10)], &[("a", "1", 10)]);
        seen.files.clear();
        check(&seen, CLOSED, false, "compact 2026-11-20T13: 1 objects, 10 bytes, a file is missing");
    }

    #[test]
    fn never_shrinks_by_itself() {
        let seen = committed(&[("a", "1", 10), ("b", "1", 10)], &[("b", "1", 10), ("c", "1", 10)]);
        let gone = "leave 2026-11-20T13: 1 objects that its Parquet holds rows of are gone from the event log";
        check(&seen, CLOSED, false, gone);
        check(&seen, CLOSED, true, "compact 2026-11-20T13: 2 objects, 20 bytes, 1 new");
        assert_eq!(
            plan(&seen, CLOSED.parse().unwrap(), &Limits::default(), Rewrite::Older).to_string().split("; ").next(),
            Some(gone)
        );
        let emptied = committed(&[("a", "1", 10)], &[]);
        check(&emptied, CLOSED, false, gone);
        check(&emptied, CLOSED, true, "compact 2026-11-20T13: 0 objects, 0 bytes, rewrite");
    }

    #[test]
    fn rewrites_what_an_older_writer_wrote_only_if_asked() {
        let mut seen = committed(&[("a", "1", 10)], &[("a", "1", 10)]);
        check(&seen, CLOSED, true, "nothing 2026-11-20T13: UpToDate");
        if let Some(live) = &mut seen.manifest.live {
            live.writer_version = 0;
        }
        check(&seen, CLOSED, false, "nothing 2026-11-20T13: UpToDate");
        check(&seen, CLOSED, true, "compact 2026-11-20T13: 1 objects, 10 bytes, rewrite");
    }

    #[test]
    fn leaves_an_hour_to_the_run_that_claimed_it() {
        let mut seen = seen(&[("a", "1", 10)]);
        seen.manifest = seen.manifest.claimed("x", "2026-11-20T14:20:00Z".parse().unwrap());
        check(&seen, "2026-11-20T14:34:59Z", false, "leave 2026-11-20T13: another run is at work on it");
        check(&seen, "2026-11-20T14:35:00Z", false, "compact 2026-11-20T13: 1 objects, 10 bytes, first time");
        seen.manifest.claims[0].claimed_at = "2026-11-21T14:20:00Z".parse().unwrap();
        check(&seen, CLOSED, false, "compact 2026-11-20T13: 1 objects, 10 bytes, first time");
    }

    #[test]
    fn leaves_an_hour_beyond_its_limits() {
        check(
            &seen(&[("a", "1", 60), ("b", "1", 41)]),
            CLOSED,
            false,
            "leave 2026-11-20T13: its 101 bytes are more than the limits allow",
        );
    }
}
