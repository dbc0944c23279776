//! The manifest of an hour or of a day: the state of its folders, and the transitions between states.
//!
//! A folder goes claimed → live → retired → deleted, never back. Every step but the last is a write of the manifest, so no
//! file of ours exists that no manifest knows (C5). Each transition returns the next version of the manifest.

mod day;
mod hour;

use std::fmt;
use std::hash::Hash;

use chrono::{DateTime, TimeDelta, Utc};
use log_format::Hour;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Serialize};

use crate::sealed;

pub use day::{HourInput, LiveDay};
pub use hour::{Counts, Live, ObjectMeta, Replaced};

/// The name of one run's folder of an hour or a day: a nonce, never reused.
pub type Attempt = String;

/// A claim this old has expired: its attempt never came back.
const CLAIM_HOURS_MAX: i64 = 48;
/// Hours a retired folder is kept, for queries that were planned before.
pub const GRACE_HOURS: i64 = 24;

/// What has a manifest of its own: an hour or a day.
pub trait Period:
    Copy + Ord + Hash + fmt::Debug + fmt::Display + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// What a committed folder of it holds.
    type Live: Folder;

    /// The name of the manifest's field that holds it.
    const FIELD: &'static str;

    /// The key of its manifest.
    fn manifest_key(self) -> String;

    /// The prefix of all of its folders.
    fn folders(self) -> String;

    /// The prefix of the folder of one attempt.
    fn folder(self, attempt: &str) -> String {
        format!("{}{attempt}/", self.folders())
    }

    /// The key of the lines that an attempt rejected. `None` if it reads no lines.
    fn rejected_key(self, _attempt: &str) -> Option<String> {
        None
    }

    /// The prefix of the rejected lines of all of its attempts. `None` if it reads no lines.
    fn rejected(self) -> Option<String> {
        None
    }

    /// The attempt that wrote the object with this key. `None` if none of its attempts did.
    fn attempt_of(self, key: &str) -> Option<Attempt>;
}

/// What a committed folder holds.
pub trait Folder: Clone + PartialEq + Eq + fmt::Debug + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The folder's name.
    fn attempt(&self) -> &str;

    /// The time of the commit.
    fn committed_at(&self) -> DateTime<Utc>;

    /// Every file of the folder.
    fn files(&self) -> &[File];

    /// [`crate::WRITER_VERSION`] of its writer.
    fn writer_version(&self) -> u32;

    /// Takes over from `former`, whose place it takes, what has to be told of it.
    fn follow(&mut self, _former: &Self) {}

    /// True if somebody has to accept what is told of it.
    fn is_unsettled(&self) -> bool {
        false
    }
}

/// The truth about an hour, stored as `manifests/YYYY/MM/DD/HH.json`, or about a day, stored as `manifests/YYYY/MM/DD/day.json`.
/// Glue is a cache of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Manifest<P: Period = Hour> {
    /// What it describes.
    #[serde(flatten, with = "period")]
    pub period: P,
    /// Raised by every write, so that no two versions have the same bytes. If an ETag came back, a sleeping run could
    /// overwrite newer versions (C6).
    pub revision: u64,
    /// Commits so far: one, and one more each time late objects came.
    #[serde(default)]
    pub commits: u64,
    /// The folder that readers should read.
    pub live: Option<P::Live>,
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

impl<P: Period> Manifest<P> {
    /// The manifest of what has none yet.
    pub fn new(period: P) -> Manifest<P> {
        Manifest { period, revision: 0, commits: 0, live: None, claims: Vec::new(), retired: Vec::new(), abandoned: 0 }
    }

    /// Reads a stored manifest of `period`.
    ///
    /// # Errors
    ///
    /// The bytes are no manifest, not as they were written, or the manifest of another hour or day.
    pub fn from_json(bytes: &[u8], period: P) -> Result<Manifest<P>, serde_json::Error> {
        let manifest: Manifest<P> = sealed::from_json(bytes)?;
        if manifest.period == period {
            Ok(manifest)
        } else {
            Err(Error::custom(format!("it is the manifest of {}", manifest.period)))
        }
    }

    /// True if `attempt` is claimed and not committed or withdrawn.
    pub fn claims(&self, attempt: &str) -> bool {
        self.claims.iter().any(|claim| claim.attempt == attempt)
    }

    /// The name of the live folder.
    pub fn live_attempt(&self) -> Option<&str> {
        self.live.as_ref().map(Folder::attempt)
    }

    /// Adds a claim on the folder `attempt`.
    #[must_use]
    pub fn claimed(&self, attempt: &str, now: DateTime<Utc>) -> Manifest<P> {
        let mut next = self.next();
        next.claims.push(Claim { attempt: attempt.to_string(), claimed_at: now });
        next
    }

    /// The prefix of the live folder.
    pub fn live_folder(&self) -> Option<String> {
        self.live_attempt().map(|attempt| self.period.folder(attempt))
    }

    /// Makes `live` the folder to read: its claim ends and the former live folder is retired.
    #[must_use]
    pub fn committed(&self, mut live: P::Live) -> Manifest<P> {
        let mut next = self.next();
        if let Some(former) = &self.live {
            live.follow(former);
        }
        next.claims.retain(|claim| claim.attempt != live.attempt());
        next.retired.extend(next.live.take().map(|former| Retired {
            attempt: former.attempt().to_string(),
            retired_at: live.committed_at(),
            was_live: true,
        }));
        next.live = Some(live);
        next.commits += 1;
        next.abandoned = 0;
        next
    }

    /// True if claims wait for their end, folders for their deletion, or edits for somebody who accepts them.
    pub fn is_unsettled(&self) -> bool {
        !self.claims.is_empty() || !self.retired.is_empty() || self.live.as_ref().is_some_and(Folder::is_unsettled)
    }

    /// Gives up the claim on `attempt`: the folder is retired.
    #[must_use]
    pub fn withdrawn(&self, attempt: &str, now: DateTime<Utc>) -> Manifest<P> {
        let mut next = self.next();
        next.claims.retain(|claim| claim.attempt != attempt);
        next.retired.push(Retired { attempt: attempt.to_string(), retired_at: now, was_live: false });
        next
    }

    /// Adds unknown folders to `retired`, as if once live, because a running query may still read them. `None` if all are
    /// known.
    pub fn adopted(&self, attempts: &[Attempt], now: DateTime<Utc>) -> Option<Manifest<P>> {
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
    pub fn expired(&self, now: DateTime<Utc>) -> Option<Manifest<P>> {
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
        self.live.as_ref().is_none_or(|live| claim.claimed_at > live.committed_at())
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
    pub fn forgotten(&self, attempts: &[Attempt]) -> Manifest<P> {
        let mut next = self.next();
        next.retired.retain(|folder| !attempts.contains(&folder.attempt));
        next
    }

    /// The bytes to store.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        sealed::to_json(self)
    }

    fn next(&self) -> Manifest<P> {
        Manifest { revision: self.revision + 1, ..self.clone() }
    }
}

/// A period as the first field of its manifest, under the name of its kind.
mod period {
    use std::collections::HashMap;

    use serde::de::Error;
    use serde::ser::SerializeMap;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Period;

    pub(super) fn serialize<P: Period, S: Serializer>(period: &P, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(1))?;
        fields.serialize_entry(P::FIELD, period)?;
        fields.end()
    }

    pub(super) fn deserialize<'de, P: Period, D: Deserializer<'de>>(deserializer: D) -> Result<P, D::Error> {
        let mut others: HashMap<String, serde_json::Value> = HashMap::deserialize(deserializer)?;
        let value = others.remove(P::FIELD).ok_or_else(|| D::Error::missing_field(P::FIELD))?;
        serde_json::from_value(value).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_format::Day;

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
        let manifest = Manifest::new("2026-11-20T13".parse::<Hour>().unwrap());
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
        let first =
            Manifest::new("2026-11-20T13".parse::<Hour>().unwrap()).committed(live("a", "2026-11-20T14:22:00Z"));
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
        let manifest = Manifest::new("2026-11-20T13".parse::<Hour>().unwrap());
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
        let mut manifest = Manifest::new("2026-11-20T13".parse::<Hour>().unwrap());
        manifest.abandoned = 2;
        assert_eq!(manifest.claimed("a", moment("2026-11-20T14:21:00Z")).abandoned, 2);
        assert_eq!(manifest.committed(live("a", "2026-11-20T14:22:00Z")).abandoned, 0);
    }

    #[test]
    fn a_claim_that_never_came_back_expires_after_two_days() {
        let manifest = Manifest::new("2026-11-20T13".parse::<Hour>().unwrap());
        let claimed =
            manifest.claimed("a", moment("2026-11-20T14:00:00Z")).claimed("b", moment("2026-11-21T14:00:00Z"));
        assert_eq!(claimed.expired(moment("2026-11-22T13:59:59Z")), None);
        let expired = claimed.expired(moment("2026-11-22T14:00:00Z")).unwrap();
        assert_eq!((story(&expired).as_str(), expired.abandoned), ("3 | - | b | a", 1));
    }

    #[test]
    fn files_go_a_day_after_their_folder_was_retired_and_no_reader_can_hold_it() {
        let manifest = Manifest::new("2026-11-20T13".parse::<Hour>().unwrap())
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
        let manifest = Manifest::new("2026-11-20T13".parse::<Hour>().unwrap())
            .claimed("b", moment("2026-11-20T14:21:00Z"))
            .committed(live("a", "2026-11-20T14:22:00.250Z"));
        let json = manifest.to_json().unwrap();
        assert_eq!(Manifest::from_json(&json, manifest.period).unwrap(), manifest);
        let other = Manifest::from_json(&json, manifest.period.next()).unwrap_err();
        assert_eq!(other.to_string(), "it is the manifest of 2026-11-20T13");
    }

    #[test]
    fn a_day_has_its_date_where_an_hour_has_its_own() {
        let day: Day = "2026-11-20".parse().unwrap();
        let live = LiveDay {
            attempt: "a".into(),
            committed_at: moment("2026-11-22T02:00:00Z"),
            inputs: vec![HourInput { hour: day.first(), attempt: "x".into(), files: Vec::new(), rows: 0 }],
            files: Vec::new(),
            rows: 0,
            writer_version: 1,
        };
        let manifest = Manifest::new(day).claimed("a", moment("2026-11-22T01:59:00Z")).committed(live);
        let json = manifest.to_json().unwrap();
        assert!(
            json.starts_with(b"{\n  \"day\": \"2026-11-20\",\n  \"revision\": 2,"),
            "{}",
            String::from_utf8_lossy(&json)
        );
        assert_eq!(Manifest::from_json(&json, day).unwrap(), manifest);
        assert_eq!(manifest.live_folder().unwrap(), "daily/2026/11/20/a/");
        assert!(Manifest::from_json(&json, day.first()).is_err(), "no hour");
        assert!(Manifest::from_json(&json, day.next()).is_err(), "another day");
    }
}
