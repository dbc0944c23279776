//! What a committed folder of an hour holds, and where an hour's folders lie.

use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;

use chrono::{DateTime, Utc};
use log_format::{Hour, layout};
use serde::{Deserialize, Serialize};

use super::{Attempt, File, Folder, Manifest, Period};

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
}

impl Folder for Live {
    fn attempt(&self) -> &str {
        &self.attempt
    }

    fn committed_at(&self) -> DateTime<Utc> {
        self.committed_at
    }

    fn files(&self) -> &[File] {
        &self.files
    }

    fn writer_version(&self) -> u32 {
        self.writer_version
    }

    /// What was written over since the former one was committed is kept in [`Live::replaced`].
    fn follow(&mut self, former: &Live) {
        self.replaced = former.replaced_by(&self.inputs, self.committed_at);
    }

    fn is_unsettled(&self) -> bool {
        !self.replaced.is_empty()
    }
}

impl Period for Hour {
    type Live = Live;

    const FIELD: &'static str = "hour";

    fn manifest_key(self) -> String {
        layout::manifest_key(self)
    }

    fn folders(self) -> String {
        layout::parquet_prefix(self)
    }

    fn rejected_key(self, attempt: &str) -> Option<String> {
        Some(layout::rejected_key(self, attempt))
    }

    fn rejected(self) -> Option<String> {
        Some(layout::rejected_prefix(self))
    }

    fn attempt_of(self, key: &str) -> Option<Attempt> {
        layout::attempt_of(key).filter(|(hour, _)| *hour == self).map(|(_, attempt)| attempt)
    }
}

impl Manifest<Hour> {
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
}
