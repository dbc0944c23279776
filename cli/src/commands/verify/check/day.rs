//! The checks of one day: its manifest against those of its hours and against its files, and Glue against the manifest.

use std::collections::{BTreeMap, BTreeSet};

use compactor::bucket::BucketError;
use futures::{StreamExt, stream};
use log_format::{Day, Hour};
use projection::manifest::{HourInput, LiveDay, Manifest, Period};

use super::super::deep;
use super::super::finding::{Difference, Finding};
use super::folder::FolderCheck;
use super::{CHANGING, Checker};
use crate::inventory::{DayInventory, read_manifest};

/// How many manifests of a day's hours are read at the same time.
const READS_AT_ONCE: usize = 8;

/// What is known of a day before its manifest is read.
#[derive(Debug, Default, Clone)]
pub(in super::super) struct DayKnown {
    pub(in super::super) inventory: DayInventory,
    /// The hours of the day that have a manifest.
    pub(in super::super) with_manifest: Vec<Hour>,
    /// The hours of the day that have JSON objects.
    pub(in super::super) with_objects: BTreeSet<Hour>,
    /// True if the view reads it from the table of days.
    pub(in super::super) shown: bool,
}

/// The result of the checks of one day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedDay {
    /// Rows of its live folder. `None` if there is no readable manifest with a live folder.
    pub rows: Option<u64>,
    /// Hours whose rows are in it.
    pub hours: u64,
    /// Bytes of its Parquet.
    pub daily_bytes: u64,
    /// The SHA-256 of its manifest, in hexadecimal digits. `None` if there is no readable manifest.
    pub manifest_sha256: Option<String>,
    /// True if its rows were compared with those of its hours.
    pub compared: bool,
    /// The differences of this day.
    pub findings: Vec<Finding>,
    /// Why nothing can be said of it. `None` if it could be checked.
    pub inconclusive: Option<String>,
}

impl CheckedDay {
    pub(in super::super) fn mark_changing(&mut self) {
        self.inconclusive = Some(CHANGING.to_string());
    }
}

/// One day while it is checked.
struct DayCheck<'a> {
    checker: &'a Checker,
    known: &'a DayKnown,
    checked: CheckedDay,
    folder: FolderCheck<'a, Day>,
}

impl Checker {
    /// Checks one day.
    ///
    /// # Errors
    ///
    /// S3 failed. Then nothing can be said of the day.
    pub(in super::super) async fn check_day(&self, day: Day, known: &DayKnown) -> Result<CheckedDay, BucketError> {
        let inventory = &known.inventory;
        let folder = FolderCheck {
            bucket: &self.bucket,
            period: day,
            folders: &inventory.folders,
            pointer: inventory.pointer.as_ref(),
            differs: !inventory.partition_differences.is_empty(),
            now: self.now,
            findings: Vec::new(),
        };
        let mut check = DayCheck { checker: self, known, checked: CheckedDay::default(), folder };
        match read_manifest(&self.bucket, day).await? {
            Ok(stored) => {
                check.checked.manifest_sha256 = stored.sha256;
                check.check_manifest(&stored.manifest, &stored.etag).await?;
            }
            Err(why) => check.folder.found(Difference::ManifestUnreadable, format!("{} {why}", day.manifest_key())),
        }
        for what in &inventory.partition_differences {
            check.folder.found(Difference::PartitionDiffers, format!("{}: {what}", check.folder.name()));
        }
        Ok(CheckedDay { findings: check.folder.findings, ..check.checked })
    }
}

impl DayCheck<'_> {
    async fn check_manifest(&mut self, manifest: &Manifest<Day>, etag: &str) -> Result<(), BucketError> {
        self.folder.check_folders(manifest);
        let Some(live) = &manifest.live else {
            self.check_nothing_live();
            return Ok(());
        };
        let about_to_follow = self.folder.check_partition(manifest, live, etag);
        self.checked.inconclusive = about_to_follow.or(self.checked.inconclusive.take());
        self.check_counts(live);
        self.check_inputs(live).await?;
        let whole = self.folder.check_files(live).await?;
        if self.checker.deep && whole {
            self.check_rows(live).await?;
        }
        Ok(())
    }

    /// A day is begun long after its end, so that there is nothing of it is no difference unless somebody reads it.
    fn check_nothing_live(&mut self) {
        let name = self.folder.name();
        if let Some(pointer) = self.folder.pointer {
            let own = pointer.is_of(self.folder.period, self.checker.bucket.name());
            let difference = if own { Difference::NotRolledUp } else { Difference::PartitionForeign };
            self.folder.found(difference, format!("{name} names {}, which is not live", pointer.location));
        }
        if self.known.shown {
            let what = format!("nothing of it is live, and the view reads it from {}", catalog::DAILY);
            self.folder.found(Difference::NotRolledUp, what);
        }
    }

    fn check_counts(&mut self, live: &LiveDay) {
        self.checked.rows = Some(live.rows);
        self.checked.hours = live.inputs.len() as u64;
        self.checked.daily_bytes = live.files.iter().map(|file| file.size).sum();
        let in_files: u64 = live.files.iter().map(|file| file.rows).sum();
        let of_hours: u64 = live.inputs.iter().map(|input| input.rows).sum();
        if in_files != live.rows || of_hours != live.rows {
            let what = format!("{} rows, {in_files} in files, {of_hours} of its hours", live.rows);
            self.folder.found(Difference::CountsWrong, what);
        }
    }

    /// Checks that it holds the live folders of its hours, and nothing else. An hour whose manifest cannot be read is named
    /// itself, and left out here.
    async fn check_inputs(&mut self, live: &LiveDay) -> Result<(), BucketError> {
        let (mut now, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        let bucket = &self.checker.bucket;
        let reads = self.known.with_manifest.iter().map(|hour| async { (*hour, read_manifest(bucket, *hour).await) });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(READS_AT_ONCE);
        while let Some((hour, read)) = reads.next().await {
            match read? {
                Ok(stored) => now.extend(HourInput::of(&stored.manifest).map(|input| (hour, input))),
                Err(_) => drop(unreadable.insert(hour)),
            }
        }
        drop(reads);
        let held: Vec<&HourInput> = live.inputs.iter().filter(|input| !unreadable.contains(&input.hour)).collect();
        if held.iter().copied().eq(now.values()) {
            return Ok(());
        }
        let before = self.folder.findings.len();
        let held: BTreeMap<Hour, &HourInput> = held.into_iter().map(|input| (input.hour, input)).collect();
        for hour in held.keys().chain(now.keys()).copied().collect::<BTreeSet<Hour>>() {
            self.compare_input(hour, held.get(&hour).copied(), now.get(&hour));
        }
        if self.folder.findings.len() == before {
            self.folder.found(Difference::DayOfOtherHours, "its hours are not in order");
        }
        Ok(())
    }

    /// Compares what it holds of an hour with what is live of it.
    fn compare_input(&mut self, hour: Hour, held: Option<&HourInput>, now: Option<&HourInput>) {
        let (difference, what) = match (held, now) {
            (Some(held), Some(now)) if held == now => return,
            (Some(held), Some(now)) if held.attempt == now.attempt => {
                (Difference::DayOfOtherHours, format!("{hour}: other files or rows than by the hour's manifest"))
            }
            (Some(held), Some(now)) => {
                let what = format!("{hour}: it holds {}, and {} is live", held.folder(), now.folder());
                (Difference::DayOfOtherHours, what)
            }
            (None, Some(now)) => {
                (Difference::DayOfOtherHours, format!("{hour}: it holds nothing of it, and {} is live", now.folder()))
            }
            (Some(held), None) => {
                // With objects the hour can be made again.
                let lost = !self.known.with_objects.contains(&hour);
                let difference = if lost { Difference::HourOfDayLost } else { Difference::DayOfOtherHours };
                (difference, format!("{hour}: it holds {}, and nothing of the hour is live", held.folder()))
            }
            (None, None) => return,
        };
        self.folder.found(difference, what);
    }

    /// Compares its rows with those of the files that it was made of.
    async fn check_rows(&mut self, live: &LiveDay) -> Result<(), BucketError> {
        let Some(differences) = deep::day::compare(&self.checker.bucket, live).await? else {
            self.checked.inconclusive = Some("its files changed while they were read".to_string());
            return Ok(());
        };
        self.checked.compared = true;
        for (difference, what) in differences {
            self.folder.found(difference, what);
        }
        Ok(())
    }
}
