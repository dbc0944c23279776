//! An hour's whole story, and the only ways it goes on.
//!
//! A folder goes claimed → live → retired → deleted, never back, and every step but the last is a write of the
//! manifest. So no file of ours exists that no manifest knows (C5).

use std::collections::HashSet;
use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};
use log_format::{Hour, layout};
use serde::de::Error;
use serde::{Deserialize, Serialize};

/// The name of one run's folder of an hour: a nonce, never reused.
pub type Attempt = String;

/// A claim older than this is a death: its attempt never came back.
const CLAIM_HOURS_MAX: i64 = 48;
/// How long a folder is kept after it was retired, for the queries that were planned before.
pub const GRACE_HOURS: i64 = 24;

/// The truth about an hour; Glue is a cache of it. `manifests/YYYY/MM/DD/HH.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The hour it tells of.
    pub hour: Hour,
    /// Raised by every write, so that no two versions have the same bytes: an ETag that comes back would let a sleeper
    /// in (C6).
    pub revision: u64,
    /// How often a folder was committed: once, and once more whenever late objects came.
    #[serde(default)]
    pub commits: u64,
    /// What readers should read.
    pub live: Option<Live>,
    /// Folders that a run has begun to write.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// Folders no longer wanted.
    #[serde(default)]
    pub retired: Vec<Retired>,
    /// Attempts that never came back since the last commit.
    #[serde(default)]
    pub deaths: u32,
}

/// A committed folder: `parquet/YYYY/MM/DD/HH/<attempt>/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The folder's name.
    pub attempt: Attempt,
    /// When it was committed.
    pub committed_at: DateTime<Utc>,
    /// Every object that the rows come from.
    pub inputs: Vec<Input>,
    /// Every file of the folder.
    pub files: Vec<File>,
    /// The file of rejected lines; none where there are none, and where an older writer wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_file: Option<File>,
    /// What became of the lines.
    pub counts: Counts,
    /// Least and greatest `timestamp` of the rows, as texts; none where no row has one.
    pub timestamps: Option<[String; 2]>,
    /// [`crate::WRITER_VERSION`] of the writer.
    pub writer_version: u32,
}

/// An object under `logs/` as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Input {
    /// Its key.
    pub key: String,
    /// Its ETag, quotes included.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
}

/// A file that was written, of rows or of rejected lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its rows, or its lines.
    pub rows: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
}

/// What became of an hour's lines. C2: rows = lines − duplicates − rejected.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Lines read.
    pub lines: u64,
    /// Rows written.
    pub rows: u64,
    /// Lines whose row, equal in every column, was there already.
    pub duplicates: u64,
    /// Rows that share their `log_id` with an earlier row of other values; they are kept.
    pub collisions: u64,
    /// Lines that could not be read; they are kept under `rejected/`.
    pub rejected: u64,
}

/// A folder that a run has begun to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The folder's name.
    pub attempt: Attempt,
    /// When it was claimed.
    pub claimed_at: DateTime<Utc>,
}

/// A folder no longer wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The folder's name.
    pub attempt: Attempt,
    /// When it was retired.
    pub retired_at: DateTime<Utc>,
    /// True where readers may still hold plans that name it.
    pub was_live: bool,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.lines += other.lines;
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.collisions += other.collisions;
        self.rejected += other.rejected;
    }
}

impl Live {
    /// How many of its inputs are not `listed` any more. One listed with another ETag was replaced, and is not gone.
    pub fn gone(&self, listed: &[Input]) -> usize {
        let listed: HashSet<&str> = listed.iter().map(|object| object.key.as_str()).collect();
        self.inputs.iter().filter(|input| !listed.contains(input.key.as_str())).count()
    }

    /// How many of the objects `listed` are none of its inputs, or were replaced since.
    pub fn new_among(&self, listed: &[Input]) -> usize {
        let known: HashSet<(&str, &str)> = self.inputs.iter().map(|it| (it.key.as_str(), it.etag.as_str())).collect();
        listed.iter().filter(|object| !known.contains(&(object.key.as_str(), object.etag.as_str()))).count()
    }

    /// The folder's prefix.
    pub fn folder(&self, hour: Hour) -> String {
        layout::parquet_folder(hour, &self.attempt)
    }
}

impl Manifest {
    /// The manifest of an hour that has none yet.
    pub fn new(hour: Hour) -> Manifest {
        Manifest { hour, revision: 0, commits: 0, live: None, claims: Vec::new(), retired: Vec::new(), deaths: 0 }
    }

    /// Reads the manifest of `hour` as it is stored; an error also where it is another hour's.
    pub fn from_json(bytes: &[u8], hour: Hour) -> Result<Manifest, serde_json::Error> {
        let manifest: Manifest = serde_json::from_slice(bytes)?;
        if manifest.hour == hour { Ok(manifest) } else { Err(Error::custom(format!("it tells of {}", manifest.hour))) }
    }

    /// True while `attempt` is claimed and nothing more.
    pub fn claims(&self, attempt: &str) -> bool {
        self.claims.iter().any(|claim| claim.attempt == attempt)
    }

    /// The name of the live folder.
    pub fn live_attempt(&self) -> Option<&str> {
        self.live.as_ref().map(|live| live.attempt.as_str())
    }

    /// With a claim on the folder `attempt`.
    #[must_use]
    pub fn claimed(&self, attempt: &str, now: DateTime<Utc>) -> Manifest {
        let mut next = self.next();
        next.claims.push(Claim { attempt: attempt.to_string(), claimed_at: now });
        next
    }

    /// With `live` as the folder to read: its claim is fulfilled, the folder read so far is retired.
    #[must_use]
    pub fn committed(&self, live: Live) -> Manifest {
        let mut next = self.next();
        next.claims.retain(|claim| claim.attempt != live.attempt);
        next.retired.extend(next.live.take().map(|former| Retired {
            attempt: former.attempt,
            retired_at: live.committed_at,
            was_live: true,
        }));
        next.live = Some(live);
        next.commits += 1;
        next.deaths = 0;
        next
    }

    /// With the claim on `attempt` given up.
    #[must_use]
    pub fn withdrawn(&self, attempt: &str, now: DateTime<Utc>) -> Manifest {
        let mut next = self.next();
        next.claims.retain(|claim| claim.attempt != attempt);
        next.retired.push(Retired { attempt: attempt.to_string(), retired_at: now, was_live: false });
        next
    }

    /// With folders that no version of it knew as retired ones, for somebody may have a plan that names them; none where
    /// it knows them all.
    pub fn taken_in(&self, attempts: &[Attempt], now: DateTime<Utc>) -> Option<Manifest> {
        let mut next = self.next();
        for attempt in attempts.iter().filter(|attempt| !self.knows(attempt)) {
            next.retired.push(Retired { attempt: attempt.clone(), retired_at: now, was_live: true });
        }
        (next.retired.len() > self.retired.len()).then_some(next)
    }

    /// True where the folder `attempt` is claimed, live or retired.
    pub fn knows(&self, attempt: &str) -> bool {
        let retired = self.retired.iter().any(|folder| folder.attempt == attempt);
        retired || self.claims(attempt) || self.live_attempt() == Some(attempt)
    }

    /// With the claims that never came back as retired folders, and counted as deaths; none where there are none such.
    pub fn buried(&self, now: DateTime<Utc>) -> Option<Manifest> {
        let dead = |claim: &Claim| now - claim.claimed_at >= TimeDelta::hours(CLAIM_HOURS_MAX);
        if !self.claims.iter().any(dead) {
            return None;
        }
        let mut next = self.next();
        for claim in next.claims.extract_if(.., |claim| dead(claim)) {
            next.deaths += u32::from(self.is_since_commit(&claim));
            next.retired.push(Retired { attempt: claim.attempt, retired_at: now, was_live: false });
        }
        Some(next)
    }

    /// Has a run begun the hour since the last commit, and not come back?
    pub fn is_unfinished(&self) -> bool {
        self.deaths > 0 || self.claims.iter().any(|claim| self.is_since_commit(claim))
    }

    fn is_since_commit(&self, claim: &Claim) -> bool {
        self.live.as_ref().is_none_or(|live| claim.claimed_at > live.committed_at)
    }

    /// The retired folders whose files may go: retired for the grace time, and if they were live, only where Glue has
    /// named the folder that is live now for as long.
    pub fn collectable(&self, now: DateTime<Utc>, live_named_since: Option<DateTime<Utc>>) -> Vec<Attempt> {
        let over = |time: DateTime<Utc>| now - time >= TimeDelta::hours(GRACE_HOURS);
        let no_reader = live_named_since.is_some_and(over);
        let live = self.live_attempt();
        let due = self.retired.iter().filter(|folder| {
            over(folder.retired_at) && (no_reader || !folder.was_live) && live != Some(folder.attempt.as_str())
        });
        due.map(|folder| folder.attempt.clone()).collect()
    }

    /// Without these retired folders, whose files are gone.
    #[must_use]
    pub fn struck(&self, attempts: &[Attempt]) -> Manifest {
        let mut next = self.next();
        next.retired.retain(|folder| !attempts.contains(&folder.attempt));
        next
    }

    /// The bytes as they are stored.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec_pretty(self)
    }

    fn next(&self) -> Manifest {
        Manifest { revision: self.revision + 1, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn live(attempt: &str, time: &str) -> Live {
        Live {
            attempt: attempt.into(),
            committed_at: moment(time),
            inputs: vec![Input { key: "logs/2026/11/20/13/a.gz".into(), etag: "\"e\"".into(), size: 5 }],
            files: Vec::new(),
            rejected_file: None,
            counts: Counts::default(),
            timestamps: None,
            writer_version: 1,
        }
    }

    /// Where every folder stands: `revision | live | claims | retired`.
    fn story(manifest: &Manifest) -> String {
        let claims: Vec<&str> = manifest.claims.iter().map(|claim| claim.attempt.as_str()).collect();
        let retired: Vec<String> =
            manifest.retired.iter().map(|it| format!("{}{}", it.attempt, if it.was_live { "*" } else { "" })).collect();
        let live = manifest.live_attempt().unwrap_or("-");
        format!("{} | {live} | {} | {}", manifest.revision, claims.join(","), retired.join(","))
    }

    #[test]
    fn a_folder_is_claimed_then_live_then_retired() {
        let manifest = Manifest::new("2026-11-20T13".parse().unwrap());
        let claimed = manifest.claimed("a", moment("2026-11-20T14:21:00Z"));
        assert_eq!(story(&claimed), "1 | - | a | ");
        let committed = claimed.committed(live("a", "2026-11-20T14:22:00Z"));
        assert_eq!(story(&committed), "2 | a |  | ");
        let again = committed.claimed("b", moment("2026-11-20T15:21:00Z")).claimed("c", moment("2026-11-20T15:21:01Z"));
        assert_eq!(story(&again), "4 | a | b,c | ");
        let second = again.committed(live("b", "2026-11-20T15:22:00Z"));
        assert_eq!(story(&second), "5 | b | c | a*");
        assert_eq!(story(&second.withdrawn("c", moment("2026-11-20T15:23:00Z"))), "6 | b |  | a*,c");
    }

    #[test]
    fn a_folder_that_nobody_knew_is_retired_as_one_that_was_live() {
        let manifest = Manifest::new("2026-11-20T13".parse().unwrap());
        let known = manifest.claimed("a", moment("2026-11-20T14:21:00Z")).committed(live("a", "2026-11-20T14:22:00Z"));
        let known = known.claimed("b", moment("2026-11-20T15:21:00Z"));
        let now = moment("2026-11-20T16:21:00Z");
        assert_eq!(known.taken_in(&["a".into(), "b".into()], now), None);
        let taken_in = known.taken_in(&["a".into(), "x".into()], now).unwrap();
        assert_eq!(story(&taken_in), "4 | a | b | x*");
        assert_eq!(taken_in.taken_in(&["x".into()], now), None);
    }

    #[test]
    fn a_commit_clears_the_deaths() {
        let mut manifest = Manifest::new("2026-11-20T13".parse().unwrap());
        manifest.deaths = 2;
        assert_eq!(manifest.claimed("a", moment("2026-11-20T14:21:00Z")).deaths, 2);
        assert_eq!(manifest.committed(live("a", "2026-11-20T14:22:00Z")).deaths, 0);
    }

    #[test]
    fn a_claim_that_never_came_back_is_buried_after_two_days() {
        let manifest = Manifest::new("2026-11-20T13".parse().unwrap());
        let claimed =
            manifest.claimed("a", moment("2026-11-20T14:00:00Z")).claimed("b", moment("2026-11-21T14:00:00Z"));
        assert_eq!(claimed.buried(moment("2026-11-22T13:59:59Z")), None);
        let buried = claimed.buried(moment("2026-11-22T14:00:00Z")).unwrap();
        assert_eq!((story(&buried).as_str(), buried.deaths), ("3 | - | b | a", 1));
    }

    #[test]
    fn files_go_a_day_after_their_folder_was_retired_and_no_reader_can_hold_it() {
        let manifest = Manifest::new("2026-11-20T13".parse().unwrap())
            .claimed("a", moment("2026-11-20T14:00:00Z"))
            .committed(live("a", "2026-11-20T14:00:00Z"))
            .claimed("b", moment("2026-11-20T15:00:00Z"))
            .withdrawn("b", moment("2026-11-20T15:00:00Z"))
            .claimed("c", moment("2026-11-20T16:00:00Z"))
            .committed(live("c", "2026-11-20T16:00:00Z"));
        assert_eq!(story(&manifest), "6 | c |  | b,a*");
        let check = |now: &str, since: Option<&str>, expected: &[&str]| {
            assert_eq!(manifest.collectable(moment(now), since.map(moment)), expected, "{now} {since:?}");
        };
        let named = Some("2026-11-20T16:00:00Z");
        check("2026-11-21T14:59:59Z", named, &[]);
        check("2026-11-21T15:00:00Z", named, &["b"]);
        check("2026-11-21T16:00:00Z", named, &["b", "a"]);
        check("2026-11-21T16:00:00Z", Some("2026-11-20T16:00:01Z"), &["b"]);
        check("2026-11-30T00:00:00Z", None, &["b"]);
        assert_eq!(story(&manifest.struck(&["b".to_owned()])), "7 | c |  | a*");
    }

    #[test]
    fn is_read_back_as_it_was_written() {
        let manifest = Manifest::new("2026-11-20T13".parse().unwrap())
            .claimed("b", moment("2026-11-20T14:21:00Z"))
            .committed(live("a", "2026-11-20T14:22:00.250Z"));
        let json = manifest.to_json().unwrap();
        assert_eq!(Manifest::from_json(&json, manifest.hour).unwrap(), manifest);
        let other = Manifest::from_json(&json, manifest.hour.next()).unwrap_err();
        assert_eq!(other.to_string(), "it tells of 2026-11-20T13");
    }
}
