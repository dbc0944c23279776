//! The manifest of an hour: the state of its folders, and the transitions between states.
//!
//! A folder goes claimed → live → retired → deleted, never back. Every step but the last is a write of the manifest, so no
//! file of ours exists that no manifest knows (C5). Each transition returns the next version of the manifest.

use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};
use log_format::{Hour, layout};
use serde::de::Error;
use serde::{Deserialize, Serialize};

use crate::sealed;

/// The name of one run's folder of an hour: a nonce, never reused.
pub type Attempt = String;

/// A claim this old has expired: its attempt never came back.
const CLAIM_HOURS_MAX: i64 = 48;
/// Hours a retired folder is kept, for queries that were planned before.
pub const GRACE_HOURS: i64 = 24;

/// The truth about an hour, stored as `manifests/YYYY/MM/DD/HH.json`. Glue is a cache of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The hour it describes.
    pub hour: Hour,
    /// Raised by every write, so that no two versions have the same bytes. If an ETag came back, a sleeping run could
    /// overwrite newer versions (C6).
    pub revision: u64,
    /// Commits so far: one, and one more each time late objects came.
    #[serde(default)]
    pub commits: u64,
    /// The folder that readers should read.
    pub live: Option<Live>,
    /// Folders that a run has begun to write.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// Folders no longer wanted.
    #[serde(default)]
    pub retired: Vec<Retired>,
    /// Attempts since the last commit that never came back.
    #[serde(default)]
    pub abandoned: u32,
}

/// A committed folder: `parquet/YYYY/MM/DD/HH/<attempt>/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The folder's name.
    pub attempt: Attempt,
    /// The time of the commit.
    pub committed_at: DateTime<Utc>,
    /// Every object that the rows come from.
    pub inputs: Vec<ObjectMeta>,
    /// How many lines of each became rows, repeated ones included. Empty if a writer before version 4 wrote it.
    #[serde(default)]
    pub input_rows: Vec<u64>,
    /// Inputs that were written over after their rows had become live, until a person accepts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
    /// Every file of the folder.
    pub files: Vec<File>,
    /// The file of rejected lines. `None` if there are none, or if a writer before version 3 wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_file: Option<File>,
    /// What became of the lines.
    pub counts: Counts,
    /// Least and greatest `timestamp` of the rows, as texts. `None` if no row has one.
    pub timestamps: Option<[String; 2]>,
    /// [`crate::WRITER_VERSION`] of the writer.
    pub writer_version: u32,
}

/// An object of the bucket, as it was listed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectMeta {
    /// Its key.
    pub key: String,
    /// Its ETag, quotes included.
    pub etag: String,
    /// Its size in bytes.
    pub size: u64,
}

/// An input that is not what it was when its rows first became live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its key.
    pub key: String,
    /// Its ETag then.
    pub etag: String,
    /// The time of the commit that took the other bytes in.
    pub replaced_at: DateTime<Utc>,
}

/// A file that an attempt wrote, of rows or of rejected lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// The number of its rows, or of its lines.
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
    /// Lines whose row, equal in every column, was left out as a repetition.
    pub duplicates: u64,
    /// Rows that share their `log_id` with an earlier row of other values; they are kept.
    pub collisions: u64,
    /// Lines that could not be read. They are kept under `rejected/`.
    pub rejected: u64,
}

/// A folder that a run has begun to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The folder's name.
    pub attempt: Attempt,
    /// The time of the claim.
    pub claimed_at: DateTime<Utc>,
}

/// A folder no longer wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The folder's name.
    pub attempt: Attempt,
    /// The time of its retirement.
    pub retired_at: DateTime<Utc>,
    /// True if the folder was live: running queries may still read it.
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
    /// How many of its inputs are no longer `listed`. An input listed with another ETag was replaced and is not gone.
    pub fn gone(&self, listed: &[ObjectMeta]) -> usize {
        let listed: HashSet<&str> = listed.iter().map(|object| object.key.as_str()).collect();
        self.inputs.iter().filter(|input| !listed.contains(input.key.as_str())).count()
    }

    /// How many `listed` objects are not among its inputs, or were replaced since.
    pub fn new_among(&self, listed: &[ObjectMeta]) -> usize {
        let known: HashSet<(&str, &str)> = self.inputs.iter().map(|it| (it.key.as_str(), it.etag.as_str())).collect();
        listed.iter().filter(|object| !known.contains(&(object.key.as_str(), object.etag.as_str()))).count()
    }

    /// How many lines of each input became rows, by its key. Empty if that is not known.
    pub fn rows_by_input(&self) -> HashMap<&str, u64> {
        self.inputs.iter().zip(&self.input_rows).map(|(input, rows)| (input.key.as_str(), *rows)).collect()
    }

    /// What is [`Live::replaced`] once `inputs` take the place of these at `now`. Whoever puts an object back with the ETag that
    /// it had ends it.
    fn replaced_by(&self, inputs: &[ObjectMeta], now: DateTime<Utc>) -> Vec<Replaced> {
        let next: HashMap<&str, &str> = inputs.iter().map(|it| (it.key.as_str(), it.etag.as_str())).collect();
        let told: HashMap<&str, &Replaced> = self.replaced.iter().map(|it| (it.key.as_str(), it)).collect();
        let replaced = self.inputs.iter().filter_map(|input| {
            let (told, etag) = (told.get(input.key.as_str()), *next.get(input.key.as_str())?);
            let first = told.map_or(&input.etag, |told| &told.etag);
            let replaced_at = told.filter(|_| etag == input.etag).map_or(now, |told| told.replaced_at);
            (etag != first).then(|| Replaced { key: input.key.clone(), etag: first.clone(), replaced_at })
        });
        replaced.collect()
    }

    /// The folder's prefix.
    pub fn folder(&self, hour: Hour) -> String {
        layout::parquet_folder(hour, &self.attempt)
    }
}

impl Manifest {
    /// The manifest of an hour that has none yet.
    pub fn new(hour: Hour) -> Manifest {
        Manifest { hour, revision: 0, commits: 0, live: None, claims: Vec::new(), retired: Vec::new(), abandoned: 0 }
    }

    /// Reads a stored manifest of `hour`.
    ///
    /// # Errors
    ///
    /// The bytes are no manifest, not as they were written, or the manifest of another hour.
    pub fn from_json(bytes: &[u8], hour: Hour) -> Result<Manifest, serde_json::Error> {
        let manifest: Manifest = sealed::from_json(bytes)?;
        if manifest.hour == hour {
            Ok(manifest)
        } else {
            Err(Error::custom(format!("it is the manifest of {}", manifest.hour)))
        }
    }

    /// True if `attempt` is claimed and not committed or withdrawn.
    pub fn claims(&self, attempt: &str) -> bool {
        self.claims.iter().any(|claim| claim.attempt == attempt)
    }

    /// The name of the live folder.
    pub fn live_attempt(&self) -> Option<&str> {
        self.live.as_ref().map(|live| live.attempt.as_str())
    }

    /// Adds a claim on the folder `attempt`.
    #[must_use]
    pub fn claimed(&self, attempt: &str, now: DateTime<Utc>) -> Manifest {
        let mut next = self.next();
        next.claims.push(Claim { attempt: attempt.to_string(), claimed_at: now });
        next
    }

    /// Makes `live` the folder to read: its claim ends and the former live folder is retired. What was written over since the
    /// former one was committed is kept in [`Live::replaced`].
    #[must_use]
    pub fn committed(&self, mut live: Live) -> Manifest {
        let mut next = self.next();
        if let Some(former) = &self.live {
            live.replaced = former.replaced_by(&live.inputs, live.committed_at);
        }
        next.claims.retain(|claim| claim.attempt != live.attempt);
        next.retired.extend(next.live.take().map(|former| Retired {
            attempt: former.attempt,
            retired_at: live.committed_at,
            was_live: true,
        }));
        next.live = Some(live);
        next.commits += 1;
        next.abandoned = 0;
        next
    }

    /// The inputs that were written over and that nobody has accepted.
    pub fn replaced(&self) -> &[Replaced] {
        self.live.as_ref().map(|live| live.replaced.as_slice()).unwrap_or_default()
    }

    /// Accepts the inputs that were written over, because a person said so. `None` if there are none.
    pub fn accepted(&self) -> Option<Manifest> {
        let mut next = self.next();
        let replaced = next.live.as_mut().map(|live| std::mem::take(&mut live.replaced));
        replaced.is_some_and(|replaced| !replaced.is_empty()).then_some(next)
    }

    /// True if claims wait for their end, folders for their deletion, or edits for somebody who accepts them.
    pub fn is_unsettled(&self) -> bool {
        !self.claims.is_empty() || !self.retired.is_empty() || !self.replaced().is_empty()
    }

    /// Gives up the claim on `attempt`: the folder is retired.
    #[must_use]
    pub fn withdrawn(&self, attempt: &str, now: DateTime<Utc>) -> Manifest {
        let mut next = self.next();
        next.claims.retain(|claim| claim.attempt != attempt);
        next.retired.push(Retired { attempt: attempt.to_string(), retired_at: now, was_live: false });
        next
    }

    /// Adds unknown folders to `retired`, as if once live, because a running query may still read them. `None` if all are
    /// known.
    pub fn adopted(&self, attempts: &[Attempt], now: DateTime<Utc>) -> Option<Manifest> {
        let mut next = self.next();
        for attempt in attempts.iter().filter(|attempt| !self.knows(attempt)) {
            next.retired.push(Retired { attempt: attempt.clone(), retired_at: now, was_live: true });
        }
        (next.retired.len() > self.retired.len()).then_some(next)
    }

    /// True if the folder `attempt` is claimed, live or retired.
    pub fn knows(&self, attempt: &str) -> bool {
        let retired = self.retired.iter().any(|folder| folder.attempt == attempt);
        retired || self.claims(attempt) || self.live_attempt() == Some(attempt)
    }

    /// Retires the folders of claims that never came back, and counts them as abandoned. `None` if there is no such claim.
    pub fn expired(&self, now: DateTime<Utc>) -> Option<Manifest> {
        let is_old = |claim: &Claim| now - claim.claimed_at >= TimeDelta::hours(CLAIM_HOURS_MAX);
        if !self.claims.iter().any(is_old) {
            return None;
        }
        let mut next = self.next();
        for claim in next.claims.extract_if(.., |claim| is_old(claim)) {
            next.abandoned += u32::from(self.is_since_commit(&claim));
            next.retired.push(Retired { attempt: claim.attempt, retired_at: now, was_live: false });
        }
        Some(next)
    }

    /// True if a run has begun the hour since the last commit and has not come back.
    pub fn is_unfinished(&self) -> bool {
        self.abandoned > 0 || self.claims.iter().any(|claim| self.is_since_commit(claim))
    }

    fn is_since_commit(&self, claim: &Claim) -> bool {
        self.live.as_ref().is_none_or(|live| claim.claimed_at > live.committed_at)
    }

    /// The retired folders whose files may be deleted: they were retired [`GRACE_HOURS`] ago, and if they were live, Glue has
    /// named the current live folder for as long.
    pub fn collectable(&self, now: DateTime<Utc>, live_named_since: Option<DateTime<Utc>>) -> Vec<Attempt> {
        let over = |time: DateTime<Utc>| now - time >= TimeDelta::hours(GRACE_HOURS);
        let no_reader = live_named_since.is_some_and(over);
        let live = self.live_attempt();
        let due = self.retired.iter().filter(|folder| {
            over(folder.retired_at) && (no_reader || !folder.was_live) && live != Some(folder.attempt.as_str())
        });
        due.map(|folder| folder.attempt.clone()).collect()
    }

    /// Forgets retired folders whose files are deleted.
    #[must_use]
    pub fn forgotten(&self, attempts: &[Attempt]) -> Manifest {
        let mut next = self.next();
        next.retired.retain(|folder| !attempts.contains(&folder.attempt));
        next
    }

    /// The bytes to store.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        sealed::to_json(self)
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
            inputs: vec![ObjectMeta { key: "logs/2026/11/20/13/a.gz".into(), etag: "\"e\"".into(), size: 5 }],
            input_rows: vec![0],
            replaced: Vec::new(),
            files: Vec::new(),
            rejected_file: None,
            counts: Counts::default(),
            timestamps: None,
            writer_version: 1,
        }
    }

    /// The state of every folder: `revision | live | claims | retired`.
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
    fn what_was_written_over_is_told_until_it_is_accepted_or_put_back() {
        let replaced = |manifest: &Manifest| -> Vec<String> {
            manifest.replaced().iter().map(|it| format!("{} {}", it.etag, it.replaced_at.format("%H:%M"))).collect()
        };
        let with_etag = |attempt: &str, time: &str, etag: &str| {
            let mut live = live(attempt, time);
            live.inputs[0].etag = etag.into();
            live
        };
        let first = Manifest::new("2026-11-20T13".parse().unwrap()).committed(live("a", "2026-11-20T14:22:00Z"));
        assert_eq!((replaced(&first), first.accepted(), first.is_unsettled()), (vec![], None, false));
        let second = first.committed(with_etag("b", "2026-11-20T15:22:00Z", "x"));
        assert_eq!(replaced(&second), ["\"e\" 15:22"]);
        let same = second.committed(with_etag("c", "2026-11-20T16:22:00Z", "x"));
        assert_eq!(replaced(&same), ["\"e\" 15:22"]);
        let third = same.committed(with_etag("d", "2026-11-20T17:22:00Z", "y"));
        assert_eq!(replaced(&third), ["\"e\" 17:22"]);
        let accepted = third.accepted().unwrap();
        assert_eq!((replaced(&accepted), accepted.revision), (vec![], third.revision + 1));
        assert_eq!(replaced(&third.committed(live("e", "2026-11-20T18:22:00Z"))), [""; 0]);
        assert_eq!(replaced(&accepted.committed(live("e", "2026-11-20T18:22:00Z"))), ["y 18:22"]);
    }

    #[test]
    fn an_unknown_folder_is_retired_as_one_that_was_live() {
        let manifest = Manifest::new("2026-11-20T13".parse().unwrap());
        let known = manifest.claimed("a", moment("2026-11-20T14:21:00Z")).committed(live("a", "2026-11-20T14:22:00Z"));
        let known = known.claimed("b", moment("2026-11-20T15:21:00Z"));
        let now = moment("2026-11-20T16:21:00Z");
        assert_eq!(known.adopted(&["a".into(), "b".into()], now), None);
        let adopted = known.adopted(&["a".into(), "x".into()], now).unwrap();
        assert_eq!(story(&adopted), "4 | a | b | x*");
        assert_eq!(adopted.adopted(&["x".into()], now), None);
    }

    #[test]
    fn a_commit_clears_the_abandoned_attempts() {
        let mut manifest = Manifest::new("2026-11-20T13".parse().unwrap());
        manifest.abandoned = 2;
        assert_eq!(manifest.claimed("a", moment("2026-11-20T14:21:00Z")).abandoned, 2);
        assert_eq!(manifest.committed(live("a", "2026-11-20T14:22:00Z")).abandoned, 0);
    }

    #[test]
    fn a_claim_that_never_came_back_expires_after_two_days() {
        let manifest = Manifest::new("2026-11-20T13".parse().unwrap());
        let claimed =
            manifest.claimed("a", moment("2026-11-20T14:00:00Z")).claimed("b", moment("2026-11-21T14:00:00Z"));
        assert_eq!(claimed.expired(moment("2026-11-22T13:59:59Z")), None);
        let expired = claimed.expired(moment("2026-11-22T14:00:00Z")).unwrap();
        assert_eq!((story(&expired).as_str(), expired.abandoned), ("3 | - | b | a", 1));
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
        assert_eq!(story(&manifest.forgotten(&["b".to_owned()])), "7 | c |  | a*");
    }

    #[test]
    fn is_read_back_as_it_was_written() {
        let manifest = Manifest::new("2026-11-20T13".parse().unwrap())
            .claimed("b", moment("2026-11-20T14:21:00Z"))
            .committed(live("a", "2026-11-20T14:22:00.250Z"));
        let json = manifest.to_json().unwrap();
        assert_eq!(Manifest::from_json(&json, manifest.hour).unwrap(), manifest);
        let other = Manifest::from_json(&json, manifest.hour.next()).unwrap_err();
        assert_eq!(other.to_string(), "it is the manifest of 2026-11-20T13");
    }
}
