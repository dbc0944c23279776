//! What a committed folder of a day holds, and where a day's folders lie.

use chrono::{DateTime, Utc};
use log_format::{Day, Hour, layout};
use serde::{Deserialize, Serialize};

use super::{Attempt, File, Folder, Live, Manifest, Period};

/// A committed folder: `daily/YYYY/MM/DD/<attempt>/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveDay {
    /// The folder's name.
    pub attempt: Attempt,
    /// The time of the commit.
    pub committed_at: DateTime<Utc>,
    /// The live folder of every hour of the day that had one, in the order of the hours. An hour whose rows were all erased has
    /// one without files.
    pub inputs: Vec<HourInput>,
    /// Every file of the folder.
    pub files: Vec<File>,
    /// The number of rows: those of its hours, none of which are merged.
    pub rows: u64,
    /// [`crate::WRITER_VERSION`] of the writer.
    pub writer_version: u32,
}

/// The live folder of an hour, as a day took it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourInput {
    /// The hour.
    pub hour: Hour,
    /// The name of its live folder.
    pub attempt: Attempt,
    /// The files of that folder.
    pub files: Vec<File>,
    /// The number of its rows.
    pub rows: u64,
}

impl HourInput {
    /// What a day takes in of an hour. `None` if nothing of it is live.
    pub fn of(hour: &Manifest) -> Option<HourInput> {
        let Live { attempt, files, counts, .. } = hour.live.as_ref()?;
        Some(HourInput { hour: hour.period, attempt: attempt.clone(), files: files.clone(), rows: counts.rows })
    }

    /// The folder's prefix.
    pub fn folder(&self) -> String {
        self.hour.folder(&self.attempt)
    }
}

impl LiveDay {
    /// The folder of a day without hours.
    pub fn empty(attempt: Attempt, committed_at: DateTime<Utc>) -> LiveDay {
        let (inputs, files, writer_version) = (Vec::new(), Vec::new(), crate::WRITER_VERSION);
        LiveDay { attempt, committed_at, inputs, files, rows: 0, writer_version }
    }

    /// True if it holds the rows of this very folder of `hour`.
    pub fn holds(&self, hour: Hour, attempt: &str) -> bool {
        self.inputs.iter().any(|input| input.hour == hour && input.attempt == attempt)
    }
}

impl Folder for LiveDay {
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
}

impl Period for Day {
    type Live = LiveDay;

    const FIELD: &'static str = "day";

    fn manifest_key(self) -> String {
        layout::day_manifest_key(self)
    }

    fn folders(self) -> String {
        layout::daily_prefix(self)
    }

    fn attempt_of(self, key: &str) -> Option<Attempt> {
        layout::day_attempt_of(key).filter(|(day, _)| *day == self).map(|(_, attempt)| attempt)
    }
}
