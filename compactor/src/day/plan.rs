//! The plan of one day. Pure: the manifests, the listing and the time are arguments.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use log_format::{Day, Hour};
use projection::manifest::{HourInput, Manifest};

use crate::config::Limits;
use crate::hour::plan::{Idle, Pass, SkipReason, why_put_off};

/// Bytes of its hours' files from which on a file of a day is complete. A file of an hour that is as large by itself is not
/// merged with others.
const FILE_BYTES_MIN: u64 = 128 << 20;

/// What is known of a day before anything is done.
#[derive(Debug, Clone)]
pub struct DayState {
    /// The manifest. [`Manifest::new`] if there is none.
    pub manifest: Manifest<Day>,
    /// The live folder of each of its hours that has one, read after the manifest.
    pub hours: Vec<HourInput>,
    /// The hours whose partition names a folder of theirs, read before the hours' manifests.
    pub published: Vec<Hour>,
    /// Keys in the live folder. Empty if nothing is live.
    pub files: Vec<String>,
}

/// What to do about a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DayPlan {
    /// Roll up these, all of its hours that have a live folder.
    RollUp(Vec<HourInput>),
    /// It holds the live folders of its hours, or is not over.
    Nothing(Idle),
    /// Something is due, but this run must not do it.
    Skip(SkipReason),
}

/// Decides what to do about a day. If `again`, it is rolled up whatever it holds.
pub fn plan(state: &DayState, now: DateTime<Utc>, limits: &Limits, again: bool, pass: Pass) -> DayPlan {
    let live = state.manifest.live.as_ref();
    let inputs = live.map(|live| live.inputs.as_slice()).unwrap_or_default();
    // Nothing is live of an hour whose manifest was lost. Its rows are seen now, and must not be gone by that.
    let seen = inputs.iter().map(|input| input.hour).chain(state.published.iter().copied());
    if let Some(hour) = seen.into_iter().find(|seen| !state.hours.iter().any(|hour| hour.hour == *seen)) {
        return DayPlan::Skip(SkipReason::HourLost { hour });
    }
    let whole = live.is_some_and(|live| live.files.iter().all(|file| state.files.contains(&file.key)));
    // One that is live is kept up even by a run whose clock is slow.
    if live.is_none() && !limits.is_closed(state.manifest.period.last(), now) {
        return DayPlan::Nothing(Idle::Open);
    }
    if whole && inputs == state.hours && !again {
        return DayPlan::Nothing(Idle::UpToDate);
    }
    match why_put_off(&state.manifest, now, limits, pass) {
        Some(reason) => DayPlan::Skip(reason),
        None => DayPlan::RollUp(state.hours.clone()),
    }
}

/// A day without hours is rolled up too, so that an hour which comes later finds it, unless it ended more days ago than this:
/// a bucket may have a few objects from years ago.
const EMPTY_DAYS_MAX: u32 = 31;

/// The days before `end` that the table of days is to have: those of `with_hours`, whose hours have a manifest, and the later
/// ones without hours of the last 31 days.
pub fn wanted(with_hours: &BTreeSet<Day>, end: Day, now: DateTime<Utc>) -> BTreeSet<Day> {
    let recent = Day::of(Hour::of(now)).back(EMPTY_DAYS_MAX);
    let Some(first) = with_hours.first().copied().filter(|first| *first < end) else { return BTreeSet::new() };
    with_hours.range(first..end).copied().chain(first.max(recent).until(end)).collect()
}

/// The day before which days are begun at `now`, if the view's watermarks are `hour` and `day`: they are wholly up to the
/// watermark and have settled, or the view takes them from the table of days already.
pub fn begun_before(limits: &Limits, hour: Hour, day: Option<Day>, now: DateTime<Utc>) -> Day {
    let whole = Day::of(hour.next());
    let settled = limits.daily_table.then(|| limits.first_unsettled_day(now));
    settled.max(day.map(Day::next)).map_or(Day::of(Hour::EPOCH), |end| end.min(whole))
}

/// The hours of each file of a day, in order. Hours without rows are in none.
pub(super) fn files(inputs: &[HourInput]) -> Vec<Vec<&HourInput>> {
    let mut files: Vec<Vec<&HourInput>> = Vec::new();
    let mut bytes = FILE_BYTES_MIN;
    for input in inputs.iter().filter(|input| !input.files.is_empty()) {
        let complete = bytes >= FILE_BYTES_MIN || is_large(input);
        bytes = if complete { 0 } else { bytes } + bytes_of(input);
        match files.last_mut().filter(|_| !complete) {
            Some(file) => file.push(input),
            None => files.push(vec![input]),
        }
    }
    files
}

/// True if the hour is a file of its own.
pub(super) fn is_large(input: &HourInput) -> bool {
    bytes_of(input) >= FILE_BYTES_MIN
}

fn bytes_of(input: &HourInput) -> u64 {
    input.files.iter().map(|file| file.size).sum()
}

#[cfg(test)]
mod tests {
    use projection::manifest::{File, LiveDay};

    use super::*;

    const DAY: &str = "2026-11-20";
    const NOW: &str = "2026-11-22T04:00:00Z";

    /// An hour whose live folder is `attempt`, with a file of so many MB.
    fn hour(hour: u32, attempt: &str, megabytes: u64) -> HourInput {
        let file = File { key: format!("{hour}/{attempt}"), size: megabytes << 20, rows: 1, sha256: "00".into() };
        let files = if megabytes == 0 { Vec::new() } else { vec![file] };
        let rows = files.len() as u64;
        HourInput { hour: format!("{DAY}T{hour:02}").parse().unwrap(), attempt: attempt.into(), files, rows }
    }

    /// The day after `inputs` were committed, with `hours` live now.
    fn state(inputs: Option<&[HourInput]>, hours: &[HourInput]) -> DayState {
        let mut manifest = Manifest::new(DAY.parse().unwrap());
        manifest.live = inputs.map(|inputs| LiveDay {
            attempt: "d".into(),
            committed_at: "2026-11-22T02:00:00Z".parse().unwrap(),
            inputs: inputs.to_vec(),
            files: vec![File { key: "f".into(), size: 1, rows: 1, sha256: String::new() }],
            rows: 1,
            writer_version: 1,
        });
        DayState { manifest, hours: hours.to_vec(), published: Vec::new(), files: vec!["f".into()] }
    }

    fn planned(state: &DayState, again: bool) -> String {
        match plan(state, NOW.parse().unwrap(), &Limits::default(), again, Pass::First) {
            DayPlan::RollUp(hours) => format!("roll up {} hours", hours.len()),
            DayPlan::Nothing(reason) => format!("{reason:?}"),
            DayPlan::Skip(reason) => format!("skip: {reason}"),
        }
    }

    #[test]
    fn is_due_if_its_hours_are_not_those_that_it_holds() {
        let (a, b, newer) = (hour(3, "a", 1), hour(4, "b", 1), hour(4, "c", 1));
        let both = [a.clone(), b.clone()];
        assert_eq!(planned(&state(None, &both), false), "roll up 2 hours");
        assert_eq!(planned(&state(None, &[]), false), "roll up 0 hours", "a day without rows announces itself too");
        assert_eq!(planned(&state(Some(&both), &both), false), "UpToDate");
        assert_eq!(planned(&state(Some(&both), &both), true), "roll up 2 hours");
        assert_eq!(planned(&state(Some(&both), &[a.clone(), newer]), false), "roll up 2 hours");
        assert_eq!(planned(&state(Some(std::slice::from_ref(&a)), &both), false), "roll up 2 hours");
        let mut missing = state(Some(&both), &both);
        missing.files.clear();
        assert_eq!(planned(&missing, false), "roll up 2 hours");
        let mut published = state(None, std::slice::from_ref(&a));
        published.published = vec![b.hour];
        assert!(planned(&published, false).starts_with("skip: the manifest of 2026-11-20T04 is lost"));
        let lost = planned(&state(Some(&both), &[a]), true);
        assert!(lost.starts_with("skip: the manifest of 2026-11-20T04 is lost"), "{lost}");
    }

    #[test]
    fn is_not_begun_before_its_last_hour_has_closed() {
        let at = |now: &str| plan(&state(None, &[]), now.parse().unwrap(), &Limits::default(), true, Pass::Asked);
        assert_eq!(at("2026-11-21T00:19:59Z"), DayPlan::Nothing(Idle::Open));
        assert_eq!(at("2026-11-21T00:20:00Z"), DayPlan::RollUp(Vec::new()));
    }

    #[test]
    fn days_without_hours_are_wanted_if_they_are_recent() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let now = "2026-11-22T04:00:00Z".parse().unwrap();
        let wanted_of = |with_hours: &[&str]| {
            let all = wanted(&with_hours.iter().map(|text| day(text)).collect(), day("2026-11-20"), now);
            (all.len(), all.first().map(Day::to_string).unwrap_or_default())
        };
        assert_eq!(wanted_of(&[]), (0, String::new()));
        assert_eq!(wanted_of(&["2026-11-20"]), (0, String::new()), "it is not before the end");
        assert_eq!(wanted_of(&["2026-11-17", "2026-11-19"]), (3, "2026-11-17".to_string()));
        assert_eq!(wanted_of(&["2017-01-13", "2020-01-13", "2026-11-19"]), (2 + 29, "2017-01-13".to_string()));
    }

    #[test]
    fn is_left_to_the_run_that_claimed_it() {
        let mut claimed = state(None, &[hour(3, "a", 1)]);
        claimed.manifest = claimed.manifest.claimed("x", NOW.parse().unwrap());
        assert!(planned(&claimed, false).starts_with("skip: another run began it"));
    }

    #[test]
    fn a_file_holds_whole_hours_until_it_is_large_enough() {
        let sizes = [0, 60, 60, 60, 130, 5, 0, 200, 10];
        let hours: Vec<HourInput> = sizes.iter().zip(0..).map(|(size, number)| hour(number, "a", *size)).collect();
        let files = files(&hours);
        let found: Vec<Vec<String>> =
            files.iter().map(|hours| hours.iter().map(|hour| hour.hour.hour()).collect()).collect();
        assert_eq!(found, [vec!["01", "02", "03"], vec!["04"], vec!["05"], vec!["07"], vec!["08"]]);
    }
}
