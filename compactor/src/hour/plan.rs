//! The plan of one hour: a value that prints. Pure: the listing, the manifest and the time are arguments.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use log_format::Hour;
use projection::WRITER_VERSION;
use projection::manifest::{Live, Manifest, ObjectMeta, Period};

use crate::config::Limits;

/// A claim younger than this belongs to a run that is at work. Skipping its hour saves work. It does not keep two runs
/// apart: conditional writes do.
pub const CLAIM_MINUTES_MIN: i64 = 15;

/// Abandoned attempts that make an hour crash-looping: it is tried once a day. Fewer may come from a bad day of S3.
pub const ABANDONED_MAX: u32 = 3;
/// Hours between two tries of a crash-looping hour.
const CRASH_LOOP_HOURS: i64 = 24;
/// A moment as reasons name it.
const MOMENT: &str = "%Y-%m-%dT%H:%M:%SZ";

/// The pass of a tick. It decides whether an hour with unfinished attempts is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// All hours: one with unfinished attempts is put off, because it may end the process and starve the others.
    First,
    /// Hours that got objects while the watermark passed them. They were visited before, most of them.
    Overtaken,
    /// The hours that were put off: a crash-looping one is tried once a day.
    Last,
    /// The hours that were put off and that somebody asked for: all are tried.
    Asked,
}

/// What is known of an hour before anything is done.
#[derive(Debug, Clone)]
pub struct HourState {
    /// The hour.
    pub hour: Hour,
    /// Every object that Athena reads as the hour's JSON.
    pub listed: Vec<ObjectMeta>,
    /// The manifest. [`Manifest::new`] if there is none.
    pub manifest: Manifest,
    /// Keys in the live folder. Empty if nothing is live.
    pub files: Vec<String>,
}

/// What to do about an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Write the hour's Parquet from these objects, all of its inputs.
    Compact {
        /// The hour.
        hour: Hour,
        /// The hour's inputs, in order of their keys.
        inputs: Vec<ObjectMeta>,
        /// Why.
        due: Due,
    },
    /// Nothing is due.
    Nothing {
        /// The hour.
        hour: Hour,
        /// Why nothing is due.
        reason: Idle,
    },
    /// Something is due, but this run must not do it.
    Skip {
        /// The hour.
        hour: Hour,
        /// Why not.
        reason: SkipReason,
    },
}

/// Which hours may be written again without new inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrite {
    /// None.
    No,
    /// Hours that an older writer wrote.
    Older,
    /// The hour, whatever it holds, because a person named it alone. Only this makes Parquet shrink (C8).
    Shrinking,
    /// An hour whose live folder is not what its manifest says. A listing does not show that, so the hour is named.
    Damaged,
}

/// Why an hour is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It has never been committed.
    First,
    /// Objects arrived, or were replaced, since it was committed.
    Late {
        /// How many.
        objects: usize,
    },
    /// A live file is missing.
    FileMissing,
    /// A rewrite was asked for, and an older writer wrote it or a person named it alone.
    Rewrite,
    /// A rewrite was asked for because a live file is damaged.
    Damaged,
}

/// Why nothing is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// The hour may still get objects.
    Open,
    /// It has no objects and no live folder.
    NoObjects,
    /// The live folder holds the rows of every listed object.
    UpToDate,
    /// So it does, but objects were written over since they were first read, and nobody has accepted that.
    NotAccepted {
        /// How many.
        objects: u64,
    },
}

/// Why a run does not do what is due in an hour or a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// Objects whose rows are live were deleted. Nothing shrinks Parquet by itself (C8).
    InputGone {
        /// How many.
        objects: usize,
    },
    /// The manifest was lost, and the JSON gives fewer rows than readers see now (C8).
    WouldShrink {
        /// Rows that the JSON gives.
        rows: u64,
        /// Rows of the folder that Glue names.
        had: u64,
    },
    /// Fewer lines of an object are rows than when they became live (C8).
    FewerRows {
        /// The object's key. `None` if the manifest does not count rows by object, as before writer version 4.
        object: Option<String>,
        /// Such lines now.
        rows: u64,
        /// Such lines then.
        had: u64,
    },
    /// Another run claimed the hour less than [`CLAIM_MINUTES_MIN`] minutes ago.
    Claimed {
        /// When its claim is old enough for another run.
        until: DateTime<Utc>,
    },
    /// An attempt has not come back. The hour is tried after all others.
    Unfinished {
        /// How many such attempts there are.
        attempts: usize,
    },
    /// [`ABANDONED_MAX`] attempts or more have not come back. The hour is tried once a day.
    CrashLooping {
        /// How many.
        abandoned: u32,
        /// When its newest claim is a day old.
        until: DateTime<Utc>,
    },
    /// The hour, or one of its objects, is larger than this machine's limits.
    TooLarge {
        /// Compressed bytes of what is too large.
        bytes: u64,
    },
    /// Nothing is live of an hour that the day holds rows of: its manifest was lost.
    HourLost {
        /// The hour.
        hour: Hour,
    },
    /// Other runs kept changing the manifest.
    Contended,
    /// Objects kept changing while they were read.
    InputChanging,
    /// The run has too little time left.
    NoTime,
}

/// Decides what to do about an hour.
pub fn plan(state: &HourState, now: DateTime<Utc>, limits: &Limits, rewrite: Rewrite, pass: Pass) -> Plan {
    let hour = state.hour;
    if !limits.is_closed(hour, now) {
        return Plan::Nothing { hour, reason: Idle::Open };
    }
    let gone = state.manifest.live.as_ref().map_or(0, |live| live.gone(&state.listed));
    if gone > 0 && rewrite != Rewrite::Shrinking {
        return Plan::Skip { hour, reason: SkipReason::InputGone { objects: gone } };
    }
    match due(state, rewrite) {
        Ok(due) => match why_put_off(&state.manifest, now, limits, pass).or_else(|| too_large(state, limits)) {
            Some(reason) => Plan::Skip { hour, reason },
            None => Plan::Compact { hour, inputs: in_order(state), due },
        },
        Err(reason) => Plan::Nothing { hour, reason },
    }
}

fn due(state: &HourState, rewrite: Rewrite) -> Result<Due, Idle> {
    let Some(live) = &state.manifest.live else {
        return if state.listed.is_empty() { Err(Idle::NoObjects) } else { Ok(Due::First) };
    };
    let new = live.new_among(&state.listed);
    if new > 0 {
        return Ok(Due::Late { objects: new });
    }
    if live.files.iter().any(|file| !state.files.contains(&file.key)) {
        return Ok(Due::FileMissing);
    }
    if rewrite == Rewrite::Damaged {
        return Ok(Due::Damaged);
    }
    let older = live.writer_version < WRITER_VERSION;
    match rewrite {
        Rewrite::Shrinking => Ok(Due::Rewrite),
        Rewrite::Older if older => Ok(Due::Rewrite),
        Rewrite::No | Rewrite::Older | Rewrite::Damaged => Err(match live.replaced.len() {
            0 => Idle::UpToDate,
            objects => Idle::NotAccepted { objects: objects as u64 },
        }),
    }
}

/// Why `next` must not take the place of `former` (C8): an input is missing, or fewer of its lines are rows than before,
/// repeated ones included, because how many distinct rows an hour has depends on all of its objects. Every commit is asked
/// this, whatever led to it, unless a person named the hour and asked for a rewrite.
pub fn shrinks(former: &Live, next: &Live) -> Option<SkipReason> {
    let objects = former.gone(&next.inputs);
    if objects > 0 {
        return Some(SkipReason::InputGone { objects });
    }
    let (had, now) = (former.rows_by_input(), next.rows_by_input());
    if had.is_empty() {
        // What came since says nothing of what was there.
        let rows = former.inputs.iter().filter_map(|input| now.get(input.key.as_str())).sum();
        let had = former.counts.rows + former.counts.duplicates;
        return (rows < had).then_some(SkipReason::FewerRows { object: None, rows, had });
    }
    former.inputs.iter().find_map(|input| {
        let (rows, had) = (*now.get(input.key.as_str())?, *had.get(input.key.as_str())?);
        (rows < had).then(|| SkipReason::FewerRows { object: Some(input.key.clone()), rows, had })
    })
}

/// Why a run leaves what is due to another, or does it after all others.
pub(crate) fn why_put_off<P: Period>(
    manifest: &Manifest<P>,
    now: DateTime<Utc>,
    limits: &Limits,
    pass: Pass,
) -> Option<SkipReason> {
    let Manifest { claims, abandoned, .. } = manifest;
    // A claim from the future, by somebody's fast clock, is no younger than one from as far in the past.
    let younger = |age: TimeDelta| claims.iter().filter(move |claim| (now - claim.claimed_at).abs() < age);
    let reserved = TimeDelta::minutes(CLAIM_MINUTES_MIN);
    if let Some(until) = younger(reserved).map(|claim| claim.claimed_at + reserved).max()
        && !limits.alone
    {
        return Some(SkipReason::Claimed { until });
    }
    match pass {
        Pass::First | Pass::Overtaken if manifest.is_unfinished() => {
            return Some(SkipReason::Unfinished { attempts: *abandoned as usize + claims.len() });
        }
        Pass::Last if *abandoned >= ABANDONED_MAX => {
            let pause = TimeDelta::hours(CRASH_LOOP_HOURS);
            let until = younger(pause).map(|claim| claim.claimed_at + pause).max()?;
            return Some(SkipReason::CrashLooping { abandoned: *abandoned, until });
        }
        Pass::First | Pass::Overtaken | Pass::Last | Pass::Asked => {}
    }
    None
}

fn too_large(state: &HourState, limits: &Limits) -> Option<SkipReason> {
    let bytes = state.listed.iter().map(|object| object.size).max().unwrap_or_default();
    (bytes > limits.hour_bytes_max()).then_some(SkipReason::TooLarge { bytes })
}

/// Sorted, so that the same inputs give the same bytes in any order of listing (C7).
fn in_order(state: &HourState) -> Vec<ObjectMeta> {
    let mut inputs = state.listed.clone();
    inputs.sort();
    inputs
}

impl SkipReason {
    /// True if no later run will do it either, unless an operator acts.
    pub fn needs_operator(&self) -> bool {
        matches!(
            self,
            SkipReason::InputGone { .. }
                | SkipReason::WouldShrink { .. }
                | SkipReason::FewerRows { .. }
                | SkipReason::TooLarge { .. }
                | SkipReason::CrashLooping { .. }
                | SkipReason::HourLost { .. }
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
            Plan::Skip { hour, reason } => write!(f, "skip {hour}: {reason}"),
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

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::InputGone { objects } => write!(
                f,
                "{objects} objects that its Parquet holds rows of are gone from the event log; put them back, or \
                 carry their deletion through with `--hour … --rewrite` or {{\"hour\": …, \"rewrite\": true}}"
            ),
            SkipReason::WouldShrink { rows, had } => write!(
                f,
                "its manifest is lost, its JSON gives {rows} rows, and the Parquet that readers see has {had}; put the \
                 missing objects back, or do without them with `--hour … --rewrite` or {{\"hour\": …, \"rewrite\": true}}"
            ),
            SkipReason::FewerRows { object, rows, had } => write!(
                f,
                "{had} lines of {} were rows when they became live, and {rows} are now; put the former object back, from a \
                 version or a copy, or accept this one with `--hour … --rewrite` or {{\"hour\": …, \"rewrite\": true}}",
                object.as_deref().unwrap_or("its JSON")
            ),
            SkipReason::Claimed { until } => write!(
                f,
                "another run began it and may be at work on it until {}; try again then",
                until.format(MOMENT)
            ),
            SkipReason::Unfinished { .. } => {
                f.write_str("a run began it and has not come back; it is tried after all others")
            }
            SkipReason::CrashLooping { abandoned, until } => write!(
                f,
                "{abandoned} runs began it and have not come back; it is tried again after {}, or now on a bigger machine \
                 with `compact --hour` or `--day`",
                until.format(MOMENT)
            ),
            SkipReason::TooLarge { bytes } => write!(
                f,
                "its {bytes} bytes do not fit into the memory or the temporary files that there are; raise the function's \
                 memory and storage, or do it with `compact --hour` or `--day` where TMPDIR has more room and \
                 MEMORY_BYTES_MAX says more"
            ),
            SkipReason::HourLost { hour } => write!(
                f,
                "the manifest of {hour} is lost, and the day holds rows of it; `compact --hour {hour}` builds the hour anew from \
                 its JSON, with `--rewrite` also if some of that was deleted, and the day follows"
            ),
            SkipReason::Contended => f.write_str("other runs kept changing its manifest; the next tick tries again"),
            SkipReason::InputChanging => {
                f.write_str("what it is made of changed while it was read; the next tick tries again")
            }
            SkipReason::NoTime => f.write_str("no time was left; the next tick goes on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use projection::manifest::{Counts, File};

    const HOUR: &str = "2026-11-20T13";
    const CLOSED: &str = "2026-11-20T14:20:00Z";

    fn objects(listed: &[(&str, &str, u64)]) -> Vec<ObjectMeta> {
        let input = |(name, etag, size): &(&str, &str, u64)| ObjectMeta {
            key: format!("logs/2026/11/20/13/{name}"),
            etag: etag.to_string(),
            size: *size,
        };
        listed.iter().map(input).collect()
    }

    fn state(listed: &[(&str, &str, u64)]) -> HourState {
        let hour = HOUR.parse().unwrap();
        HourState { hour, listed: objects(listed), manifest: Manifest::new(hour), files: Vec::new() }
    }

    /// The hour after `inputs` were committed, with `listed` there now.
    fn committed(inputs: &[(&str, &str, u64)], listed: &[(&str, &str, u64)]) -> HourState {
        let mut state = state(listed);
        let file = File { key: "f.parquet".into(), size: 9, rows: 1, sha256: String::new() };
        state.files = vec![file.key.clone()];
        state.manifest.live = Some(Live {
            attempt: "a".into(),
            committed_at: CLOSED.parse().unwrap(),
            inputs: objects(inputs),
            input_rows: vec![1; inputs.len()],
            replaced: Vec::new(),
            files: vec![file],
            rejected_file: None,
            counts: Counts::default(),
            timestamps: None,
            writer_version: WRITER_VERSION,
        });
        state
    }

    fn check(state: &HourState, now: &str, rewrite: bool, expected: &str) {
        let rewrite = if rewrite { Rewrite::Shrinking } else { Rewrite::No };
        assert_eq!(planned(state, now, rewrite, Pass::Last), expected);
    }

    fn planned(state: &HourState, now: &str, rewrite: Rewrite, pass: Pass) -> String {
        let limits = Limits { memory_bytes_max: 100, ..Limits::default() };
        let plan = plan(state, now.parse().unwrap(), &limits, rewrite, pass).to_string();
        plan.split("; ").next().unwrap().to_owned()
    }

    #[test]
    fn waits_until_the_hour_has_settled() {
        check(&state(&[("a", "1", 10)]), "2026-11-20T14:19:59Z", true, "nothing 2026-11-20T13: Open");
        check(&state(&[("a", "1", 10)]), CLOSED, false, "compact 2026-11-20T13: 1 objects, 10 bytes, first time");
        check(&state(&[]), CLOSED, true, "nothing 2026-11-20T13: NoObjects");
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
        let mut state = committed(&[("a", "1", 10)], &[("a", "1", 10)]);
        state.files.clear();
        check(&state, CLOSED, false, "compact 2026-11-20T13: 1 objects, 10 bytes, a file is missing");
    }

    #[test]
    fn compacts_again_what_was_found_damaged_unless_an_input_is_gone() {
        let before = [("a", "1", 10)];
        let check = |state: &HourState, expected: &str| {
            assert_eq!(planned(state, CLOSED, Rewrite::Damaged, Pass::Asked), expected);
        };
        let due = "compact 2026-11-20T13: 1 objects, 10 bytes, ";
        check(&committed(&before, &before), &format!("{due}a file is damaged"));
        check(&state(&before), &format!("{due}first time"));
        check(&state(&[]), "nothing 2026-11-20T13: NoObjects");
        let gone = "skip 2026-11-20T13: 1 objects that its Parquet holds rows of are gone from the event log";
        check(&committed(&before, &[]), gone);
    }

    #[test]
    fn never_shrinks_by_itself() {
        let state = committed(&[("a", "1", 10), ("b", "1", 10)], &[("b", "1", 10), ("c", "1", 10)]);
        let gone = "skip 2026-11-20T13: 1 objects that its Parquet holds rows of are gone from the event log";
        check(&state, CLOSED, false, gone);
        check(&state, CLOSED, true, "compact 2026-11-20T13: 2 objects, 20 bytes, 1 new");
        assert_eq!(planned(&state, CLOSED, Rewrite::Older, Pass::Last), gone);
        let emptied = committed(&[("a", "1", 10)], &[]);
        check(&emptied, CLOSED, false, gone);
        check(&emptied, CLOSED, true, "compact 2026-11-20T13: 0 objects, 0 bytes, rewrite");
    }

    #[test]
    fn rewrites_what_an_older_writer_wrote_only_if_asked() {
        let mut state = committed(&[("a", "1", 10)], &[("a", "1", 10)]);
        let (nothing, due) = ("nothing 2026-11-20T13: UpToDate", "compact 2026-11-20T13: 1 objects, 10 bytes, rewrite");
        assert_eq!(planned(&state, CLOSED, Rewrite::Older, Pass::Last), nothing);
        // Whoever names an hour alone means it.
        check(&state, CLOSED, true, due);
        if let Some(live) = &mut state.manifest.live {
            live.writer_version = 0;
        }
        check(&state, CLOSED, false, nothing);
        assert_eq!(planned(&state, CLOSED, Rewrite::Older, Pass::Last), due);
    }

    #[test]
    fn leaves_an_hour_to_the_run_that_claimed_it() {
        let mut state = state(&[("a", "1", 10)]);
        state.manifest = state.manifest.claimed("x", "2026-11-20T14:20:00Z".parse().unwrap());
        check(
            &state,
            "2026-11-20T14:34:59Z",
            false,
            "skip 2026-11-20T13: another run began it and may be at work on it until 2026-11-20T14:35:00Z",
        );
        check(&state, "2026-11-20T14:35:00Z", false, "compact 2026-11-20T13: 1 objects, 10 bytes, first time");
        state.manifest.claims[0].claimed_at = "2026-11-21T14:20:00Z".parse().unwrap();
        check(&state, CLOSED, false, "compact 2026-11-20T13: 1 objects, 10 bytes, first time");
    }

    #[test]
    fn leaves_an_hour_beyond_its_limits() {
        check(
            &state(&[("a", "1", 100), ("b", "1", 100)]),
            CLOSED,
            false,
            "compact 2026-11-20T13: 2 objects, 200 bytes, first time",
        );
        check(
            &state(&[("a", "1", 60), ("b", "1", 101)]),
            CLOSED,
            false,
            "skip 2026-11-20T13: its 101 bytes do not fit into the memory or the temporary files that there are",
        );
    }

    #[test]
    fn what_the_next_run_does_needs_nobody() {
        let asks = [
            SkipReason::InputGone { objects: 1 },
            SkipReason::WouldShrink { rows: 1, had: 2 },
            SkipReason::FewerRows { object: None, rows: 1, had: 2 },
            SkipReason::CrashLooping { abandoned: 3, until: CLOSED.parse().unwrap() },
            SkipReason::TooLarge { bytes: 101 },
        ];
        let waits = [
            SkipReason::Claimed { until: CLOSED.parse().unwrap() },
            SkipReason::Unfinished { attempts: 1 },
            SkipReason::Contended,
            SkipReason::InputChanging,
            SkipReason::NoTime,
        ];
        assert!(asks.iter().all(SkipReason::needs_operator));
        assert!(!waits.iter().any(SkipReason::needs_operator));
    }

    #[test]
    fn an_hour_that_runs_died_over_goes_last_and_then_once_a_day() {
        let mut state = state(&[("a", "1", 10)]);
        let compact = "compact 2026-11-20T13: 1 objects, 10 bytes, first time";
        let check = |state: &HourState, now: &str, pass: Pass, expected: &str| {
            assert_eq!(planned(state, now, Rewrite::No, pass), expected, "{now} {pass:?}");
        };
        check(&state, CLOSED, Pass::First, compact);
        for (number, time) in ["15:20", "16:20", "17:20"].iter().enumerate() {
            let claimed_at = format!("2026-11-20T{time}:00Z").parse().unwrap();
            state.manifest = state.manifest.claimed(&number.to_string(), claimed_at);
            let later = claimed_at + TimeDelta::minutes(15);
            check(&state, &later.to_rfc3339(), Pass::First, "skip 2026-11-20T13: a run began it and has not come back");
            check(&state, &later.to_rfc3339(), Pass::Asked, compact);
        }
        check(&state, "2026-11-20T17:35:00Z", Pass::Last, compact);
        state.manifest.abandoned = 3;
        let now = "2026-11-20T18:00:00Z".parse().unwrap();
        let plan = plan(&state, now, &Limits::default(), Rewrite::No, Pass::First);
        assert_eq!(plan, Plan::Skip { hour: state.hour, reason: SkipReason::Unfinished { attempts: 6 } });
        let deadly = "skip 2026-11-20T13: 3 runs began it and have not come back";
        check(&state, "2026-11-21T17:19:59Z", Pass::Last, deadly);
        check(&state, "2026-11-21T17:20:00Z", Pass::Last, compact);
        state.manifest.claims.clear();
        check(&state, "2026-11-20T18:00:00Z", Pass::First, "skip 2026-11-20T13: a run began it and has not come back");
        check(&state, "2026-11-20T18:00:00Z", Pass::Last, compact);
    }
}
