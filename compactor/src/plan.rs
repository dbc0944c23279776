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

/// An hour that so many attempts have not come back from, in two days, is tried once a day. Fewer may be a bad day of S3's.
pub const DEATHS_MAX: u32 = 3;
/// How long such an hour is left alone.
const DEADLY_HOURS: i64 = 24;

/// Whether an hour is tried that runs have died over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// No: it would starve the hours that come after it.
    First,
    /// Yes, after all others; once a day if it was too many.
    Last,
    /// Yes, after all others and however many it was: somebody asked for it.
    Asked,
}

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
    /// An hour whose live folder is not what its manifest says, which a listing does not show. Asked for hour by hour.
    Damaged,
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
    /// Asked for, because somebody found a live file damaged.
    Damaged,
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
    /// The manifest was lost, and the JSON that is left gives fewer rows than readers see now (C8).
    WouldShrink {
        /// Rows that the JSON gives.
        rows: u64,
        /// Rows of the folder that Glue names.
        had: u64,
    },
    /// Another run claimed the hour a moment ago.
    Claimed,
    /// A run claimed the hour and has not come back; it is tried after all others.
    Unfinished {
        /// How many such runs are known of.
        attempts: usize,
    },
    /// Too many runs have not come back from it; it is tried once a day.
    Deadly {
        /// How many.
        deaths: u32,
    },
    /// The hour, or an object of it, is larger than this machine's limits.
    TooLarge {
        /// Compressed bytes of what is too large.
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
pub fn plan(seen: &Seen, now: DateTime<Utc>, limits: &Limits, rewrite: Rewrite, turn: Turn) -> Plan {
    let hour = seen.hour;
    if !crate::hours::closed(hour, now, limits) {
        return Plan::Nothing { hour, reason: Rest::Open };
    }
    let gone = seen.manifest.live.as_ref().map_or(0, |live| live.gone(&seen.listed));
    if gone > 0 && rewrite != Rewrite::Shrinking {
        return Plan::Leave { hour, reason: Refusal::InputGone { objects: gone } };
    }
    match due(seen, rewrite, gone) {
        Ok(due) => match refusal(seen, now, limits, turn) {
            Some(reason) => Plan::Leave { hour, reason },
            None => Plan::Compact { hour, inputs: in_order(seen), due },
        },
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
    if rewrite == Rewrite::Damaged {
        return Ok(Due::Damaged);
    }
    let better = live.writer_version < WRITER_VERSION || gone > 0;
    if rewrite != Rewrite::No && better { Ok(Due::Rewrite) } else { Err(Rest::UpToDate) }
}

fn refusal(seen: &Seen, now: DateTime<Utc>, limits: &Limits, turn: Turn) -> Option<Refusal> {
    let Manifest { claims, deaths, .. } = &seen.manifest;
    // A claim from the future, by somebody's fast clock, is no younger than one from as far in the past.
    let younger = |age: TimeDelta| claims.iter().any(|claim| (now - claim.claimed_at).abs() < age);
    if younger(TimeDelta::minutes(CLAIM_MINUTES_MIN)) {
        return Some(Refusal::Claimed);
    }
    match turn {
        Turn::First if seen.manifest.is_unfinished() => {
            return Some(Refusal::Unfinished { attempts: *deaths as usize + claims.len() });
        }
        Turn::Last if *deaths >= DEATHS_MAX && younger(TimeDelta::hours(DEADLY_HOURS)) => {
            return Some(Refusal::Deadly { deaths: *deaths });
        }
        Turn::First | Turn::Last | Turn::Asked => {}
    }
    let bytes = seen.listed.iter().map(|object| object.size).max().unwrap_or_default();
    (bytes > limits.hour_bytes_max()).then_some(Refusal::TooLarge { bytes })
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
        matches!(
            self,
            Refusal::InputGone { .. } | Refusal::WouldShrink { .. } | Refusal::TooLarge { .. } | Refusal::Deadly { .. }
        )
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
            Due::Damaged => f.write_str("a file is damaged"),
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
            Refusal::WouldShrink { rows, had } => write!(
                f,
                "its manifest is lost, its JSON gives {rows} rows, and the Parquet that readers see has {had}; put the \
                 missing objects back, or do without them with `--hour … --rewrite` or {{\"hour\": …, \"rewrite\": true}}"
            ),
            Refusal::Claimed => f.write_str("another run is at work on it"),
            Refusal::Unfinished { .. } => {
                f.write_str("a run began it and has not come back; it is tried after all others")
            }
            Refusal::Deadly { deaths } => write!(
                f,
                "{deaths} runs began it and have not come back; it is tried once a day, or now on a bigger machine with \
                 `compact --hour`"
            ),
            Refusal::TooLarge { bytes } => write!(
                f,
                "its {bytes} bytes do not fit into the memory or the temporary files that there are; raise the function's \
                 memory and storage, or do it on a bigger machine with `compact --hour` and MEMORY_BYTES_MAX"
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
            rejected_file: None,
            counts: Counts::default(),
            timestamps: None,
            writer_version: WRITER_VERSION,
        });
        seen
    }

    fn check(seen: &Seen, now: &str, rewrite: bool, expected: &str) {
        let rewrite = if rewrite { Rewrite::Shrinking } else { Rewrite::No };
        assert_eq!(planned(seen, now, rewrite, Turn::Last), expected);
    }

    fn planned(seen: &Seen, now: &str, rewrite: Rewrite, turn: Turn) -> String {
        let limits = Limits { memory_bytes_max: 100, ..Limits::default() };
        let plan = plan(seen, now.parse().unwrap(), &limits, rewrite, turn).to_string();
        plan.split("; ").next().unwrap().to_owned()
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
    fn compacts_again_what_was_found_damaged_unless_an_input_is_gone() {
        let before = [("a", "1", 10)];
        let check = |seen: &Seen, expected: &str| {
            assert_eq!(planned(seen, CLOSED, Rewrite::Damaged, Turn::Asked), expected);
        };
        let due = "compact 2026-11-20T13: 1 objects, 10 bytes, ";
        check(&committed(&before, &before), &format!("{due}a file is damaged"));
        check(&seen(&before), &format!("{due}first time"));
        check(&seen(&[]), "nothing 2026-11-20T13: NoObjects");
        let gone = "leave 2026-11-20T13: 1 objects that its Parquet holds rows of are gone from the event log";
        check(&committed(&before, &[]), gone);
    }

    #[test]
    fn never_shrinks_by_itself() {
        let seen = committed(&[("a", "1", 10), ("b", "1", 10)], &[("b", "1", 10), ("c", "1", 10)]);
        let gone = "leave 2026-11-20T13: 1 objects that its Parquet holds rows of are gone from the event log";
        check(&seen, CLOSED, false, gone);
        check(&seen, CLOSED, true, "compact 2026-11-20T13: 2 objects, 20 bytes, 1 new");
        assert_eq!(planned(&seen, CLOSED, Rewrite::Older, Turn::Last), gone);
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
            &seen(&[("a", "1", 100), ("b", "1", 100)]),
            CLOSED,
            false,
            "compact 2026-11-20T13: 2 objects, 200 bytes, first time",
        );
        check(
            &seen(&[("a", "1", 60), ("b", "1", 101)]),
            CLOSED,
            false,
            "leave 2026-11-20T13: its 101 bytes do not fit into the memory or the temporary files that there are",
        );
    }

    #[test]
    fn what_the_next_run_does_needs_nobody() {
        let asks = [
            Refusal::InputGone { objects: 1 },
            Refusal::WouldShrink { rows: 1, had: 2 },
            Refusal::Deadly { deaths: 3 },
            Refusal::TooLarge { bytes: 101 },
        ];
        let waits = [
            Refusal::Claimed,
            Refusal::Unfinished { attempts: 1 },
            Refusal::Contended,
            Refusal::InputChanging,
            Refusal::NoTime,
        ];
        assert!(asks.iter().all(Refusal::needs_somebody));
        assert!(!waits.iter().any(Refusal::needs_somebody));
    }

    #[test]
    fn an_hour_that_runs_died_over_goes_last_and_then_once_a_day() {
        let mut seen = seen(&[("a", "1", 10)]);
        let compact = "compact 2026-11-20T13: 1 objects, 10 bytes, first time";
        let check = |seen: &Seen, now: &str, turn: Turn, expected: &str| {
            assert_eq!(planned(seen, now, Rewrite::No, turn), expected, "{now} {turn:?}");
        };
        check(&seen, CLOSED, Turn::First, compact);
        for (number, time) in ["15:20", "16:20", "17:20"].iter().enumerate() {
            let claimed_at = format!("2026-11-20T{time}:00Z").parse().unwrap();
            seen.manifest = seen.manifest.claimed(&number.to_string(), claimed_at);
            let later = claimed_at + TimeDelta::minutes(15);
            check(&seen, &later.to_rfc3339(), Turn::First, "leave 2026-11-20T13: a run began it and has not come back");
            check(&seen, &later.to_rfc3339(), Turn::Asked, compact);
        }
        check(&seen, "2026-11-20T17:35:00Z", Turn::Last, compact);
        seen.manifest.deaths = 3;
        let now = "2026-11-20T18:00:00Z".parse().unwrap();
        let plan = plan(&seen, now, &Limits::default(), Rewrite::No, Turn::First);
        assert_eq!(plan, Plan::Leave { hour: seen.hour, reason: Refusal::Unfinished { attempts: 6 } });
        let deadly = "leave 2026-11-20T13: 3 runs began it and have not come back";
        check(&seen, "2026-11-21T17:19:59Z", Turn::Last, deadly);
        check(&seen, "2026-11-21T17:20:00Z", Turn::Last, compact);
        seen.manifest.claims.clear();
        check(&seen, "2026-11-20T18:00:00Z", Turn::First, "leave 2026-11-20T13: a run began it and has not come back");
        check(&seen, "2026-11-20T18:00:00Z", Turn::Last, compact);
    }
}
