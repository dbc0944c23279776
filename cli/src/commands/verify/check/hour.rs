//! The checks of one hour: its listing against its manifest, the manifest against Parquet, and Glue against the
//! manifest.

use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;

use chrono::TimeDelta;
use compactor::bucket::BucketError;
use log_format::{Hour, layout};
use projection::manifest::{Live, Manifest, ObjectMeta};
use serde::Serialize;

use super::super::deep;
use super::super::finding::{Difference, Finding};
use super::folder::{FolderCheck, sha256};
use super::{CHANGING, Checker};
use crate::gzip;
use crate::inventory::{HourInventory, is_recent, read_manifest};

/// On AWS an hour may be without its JSON partition for so long after it has ended: Firehose's longest buffer, and the
/// partitioner's retries.
const REGISTRATION_MINUTES: i64 = 30;

/// The result of the checks of one hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The number of its JSON objects.
    pub objects: u64,
    /// Bytes of its JSON objects.
    pub json_bytes: u64,
    /// What its manifest says of its live folder. `None` if there is no readable manifest with a live folder.
    pub parquet: Option<ParquetCounts>,
    /// The SHA-256 of its manifest, in hexadecimal digits. `None` if there is no readable manifest.
    pub manifest_sha256: Option<String>,
    /// True if it need not be in Parquet yet.
    pub pending: bool,
    /// True if its rows were compared with its lines.
    pub compared: bool,
    /// The differences of this hour.
    pub findings: Vec<Finding>,
    /// Why nothing can be said of it. `None` if it could be checked.
    pub inconclusive: Option<String>,
}

/// What became of an hour's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ParquetCounts {
    /// Lines of the JSON objects that its Parquet was made of.
    pub lines: u64,
    /// Rows of its Parquet.
    pub rows: u64,
    /// Lines left out because their row was there already.
    pub duplicates: u64,
    /// Lines that could not be read.
    pub rejected: u64,
    /// Bytes of its Parquet.
    pub parquet_bytes: u64,
}

impl AddAssign for ParquetCounts {
    fn add_assign(&mut self, other: ParquetCounts) {
        self.lines += other.lines;
        self.rows += other.rows;
        self.duplicates += other.duplicates;
        self.rejected += other.rejected;
        self.parquet_bytes += other.parquet_bytes;
    }
}

/// One hour while it is checked.
struct HourCheck<'a> {
    checker: &'a Checker,
    hour: Hour,
    inventory: &'a HourInventory,
    checked: Checked,
    folder: FolderCheck<'a, Hour>,
}

impl Checker {
    /// Checks one hour.
    ///
    /// # Errors
    ///
    /// S3 failed. Then nothing can be said of the hour.
    pub(in super::super) async fn check(&self, hour: Hour, inventory: &HourInventory) -> Result<Checked, BucketError> {
        let folder = FolderCheck {
            bucket: &self.bucket,
            period: hour,
            folders: &inventory.folders,
            pointer: inventory.pointer.as_ref(),
            differs: inventory.partition_differences.iter().any(|(table, _)| *table == catalog::PARQUET),
            now: self.now,
            findings: Vec::new(),
        };
        let mut check = HourCheck { checker: self, hour, inventory, checked: Checked::listed(inventory), folder };
        match read_manifest(&self.bucket, hour).await? {
            Ok(stored) => {
                check.checked.manifest_sha256 = stored.sha256;
                check.check_manifest(&stored.manifest, &stored.etag).await?;
            }
            Err(why) => {
                check.found(Difference::ManifestUnreadable, format!("{} {why}", layout::manifest_key(hour)));
            }
        }
        if hour.start() > self.now + TimeDelta::hours(1) {
            check.not_begun();
        } else {
            check.check_registered();
        }
        check.check_definitions();
        Ok(Checked { findings: check.folder.findings, ..check.checked })
    }

    /// No hour up to the watermark is pending, because the view reads only Parquet there.
    fn is_pending(&self, hour: Hour) -> bool {
        is_recent(hour, self.now, &self.limits) && self.watermark.is_none_or(|watermark| hour > watermark)
    }
}

impl Checked {
    /// What is known of an hour before its manifest is read.
    pub(in super::super) fn listed(inventory: &HourInventory) -> Checked {
        Checked { objects: inventory.inputs.len() as u64, json_bytes: inventory.json_bytes(), ..Checked::default() }
    }

    pub(in super::super) fn mark_changing(&mut self) {
        self.inconclusive = Some(CHANGING.to_string());
    }
}

impl HourCheck<'_> {
    fn found(&mut self, difference: Difference, what: impl Into<String>) {
        self.folder.found(difference, what);
    }

    async fn check_manifest(&mut self, manifest: &Manifest, etag: &str) -> Result<(), BucketError> {
        self.check_folders(manifest);
        match &manifest.live {
            None => self.check_nothing_live(),
            Some(live) => {
                self.check_inputs(live);
                let about_to_follow = self.folder.check_partition(manifest, live, etag);
                self.checked.inconclusive = about_to_follow.or(self.checked.inconclusive.take());
                self.check_counts(live);
                let whole = self.folder.check_files(live).await? && self.check_rejected(live).await?;
                if self.checker.deep && whole {
                    self.check_rows(live).await?;
                }
            }
        }
        Ok(())
    }

    fn check_nothing_live(&mut self) {
        if let Some(pointer) = &self.inventory.pointer {
            let own = pointer.is_of(self.hour, self.checker.bucket.name());
            let difference = if own { Difference::PartitionUnknown } else { Difference::PartitionForeign };
            let what = format!("{} names {}, which is not live", self.folder.name(), pointer.location);
            self.found(difference, what);
        }
        if self.inventory.inputs.is_empty() {
            return;
        }
        self.checked.pending = self.checker.is_pending(self.hour);
        if !self.checked.pending {
            let behind = self.checker.watermark.is_some_and(|watermark| self.hour <= watermark);
            let hidden = behind && self.inventory.pointer.is_none();
            let seen = if hidden { ", and the view shows none of it" } else { "" };
            let what = format!("{} objects are in no live folder{seen}", self.inventory.inputs.len());
            self.found(Difference::NotCompacted, what);
        }
    }

    /// Checks the listed objects against those that the rows come from.
    fn check_inputs(&mut self, live: &Live) {
        let listed: HashMap<&str, &ObjectMeta> =
            self.inventory.inputs.iter().map(|input| (input.key.as_str(), input)).collect();
        for input in &live.inputs {
            match listed.get(input.key.as_str()) {
                None => self.found(Difference::InputGone, format!("{}, {} bytes", input.key, input.size)),
                Some(now) if now.etag != input.etag => {
                    let what = format!("{}: ETag {} was {} when it was read", input.key, now.etag, input.etag);
                    self.found(Difference::InputReplaced, what);
                }
                Some(now) if now.size != input.size => {
                    let what = format!("{}: {} bytes, {} by its manifest", input.key, now.size, input.size);
                    self.found(Difference::ManifestWrong, what);
                }
                Some(_) => {}
            }
        }
        for replaced in &live.replaced {
            let at = replaced.replaced_at.format("%Y-%m-%dT%H:%M:%SZ");
            let what = format!("{}: ETag was {} until {at}", replaced.key, replaced.etag);
            self.found(Difference::ReplacedTaken, what);
        }
        let known: HashSet<&str> = live.inputs.iter().map(|input| input.key.as_str()).collect();
        let new = self.inventory.inputs.iter().filter(|input| !known.contains(input.key.as_str()));
        let new: Vec<String> = new.map(|input| format!("{}, {} bytes", input.key, input.size)).collect();
        if !new.is_empty() && self.checker.is_pending(self.hour) {
            self.checked.pending = true;
            return;
        }
        for what in new {
            self.found(Difference::InputNew, what);
        }
    }

    fn check_registered(&mut self) {
        let Checker { now, registers_later, .. } = *self.checker;
        let soon = registers_later && now < self.hour.end() + TimeDelta::minutes(REGISTRATION_MINUTES);
        if !self.inventory.registered && !self.inventory.inputs.is_empty() && !soon {
            let location = self.checker.bucket.uri(&layout::json_prefix(self.hour));
            let what = format!("{} of {}, which is to name {location}", self.hour, catalog::JSON);
            self.found(Difference::JsonPartitionMissing, what);
        }
    }

    /// Checks both partitions against our definitions.
    fn check_definitions(&mut self) {
        for (table, what) in &self.inventory.partition_differences {
            let json = *table == catalog::JSON;
            let difference = if json { Difference::JsonPartitionDiffers } else { Difference::PartitionDiffers };
            self.found(difference, format!("{} of {table}: {what}", self.hour));
        }
    }

    fn not_begun(&mut self) {
        for input in &self.inventory.inputs {
            self.found(Difference::ObjectOfNoHour, format!("{}: its hour has not begun", input.key));
        }
    }

    fn check_folders(&mut self, manifest: &Manifest) {
        self.folder.check_folders(manifest);
        for attempt in self.inventory.rejected.iter().filter(|attempt| !manifest.knows(attempt)) {
            self.folder.found_unknown(attempt, layout::rejected_key(self.hour, attempt));
        }
    }

    fn check_counts(&mut self, live: &Live) {
        let counts = live.counts;
        self.checked.parquet = Some(ParquetCounts {
            lines: counts.lines,
            rows: counts.rows,
            duplicates: counts.duplicates,
            rejected: counts.rejected,
            parquet_bytes: live.files.iter().map(|file| file.size).sum(),
        });
        let in_files: u64 = live.files.iter().map(|file| file.rows).sum();
        let (of_inputs, read) = (live.input_rows.iter().sum::<u64>(), counts.rows + counts.duplicates);
        if !live.input_rows.is_empty() && of_inputs != read {
            self.found(Difference::CountsWrong, format!("{read} lines are rows, {of_inputs} by its objects"));
        }
        if in_files != counts.rows || counts.lines != counts.rows + counts.duplicates + counts.rejected {
            let what = format!(
                "{} lines, {} rows, {in_files} in files, {} duplicates, {} rejected",
                counts.lines, counts.rows, counts.duplicates, counts.rejected
            );
            self.found(Difference::CountsWrong, what);
        }
    }

    /// Checks that as many rejected lines are kept as were counted. False if they differ.
    async fn check_rejected(&mut self, live: &Live) -> Result<bool, BucketError> {
        let key = layout::rejected_key(self.hour, &live.attempt);
        let expected = live.counts.rejected;
        let kept = match self.inventory.rejected.contains(&live.attempt) {
            true => self.checker.bucket.read_as_is(&key).await?.map(|(bytes, _)| bytes),
            false => None,
        };
        let found = match (&kept, expected) {
            (None, 0) => return Ok(true),
            (None, _) => {
                self.found(Difference::RejectedMissing, format!("{key}, {expected} lines"));
                return Ok(false);
            }
            (Some(bytes), _) => line_count(bytes),
        };
        if found != Some(expected) {
            let found = found.map_or("no gzip".to_string(), |lines| format!("{lines} lines"));
            self.found(Difference::RejectedWrong, format!("{key}: {found}, {expected} lines by its manifest"));
            return Ok(false);
        }
        let Some((file, bytes)) = live.rejected_file.as_ref().zip(kept.as_deref()) else { return Ok(true) };
        if sha256(bytes) != file.sha256 {
            let what = format!("{key}: its bytes are not those written, by their SHA-256");
            self.found(Difference::RejectedWrong, what);
            return Ok(false);
        }
        let by_manifest = (file.key.as_str(), file.size, file.rows);
        if by_manifest != (key.as_str(), bytes.len() as u64, expected) {
            let what = format!("its manifest says {}, {} bytes, {} lines of {key}", file.key, file.size, file.rows);
            self.found(Difference::ManifestWrong, what);
        }
        Ok(true)
    }

    /// Compares the rows with the lines of the inputs, if these are unchanged.
    async fn check_rows(&mut self, live: &Live) -> Result<(), BucketError> {
        let rejected = layout::rejected_key(self.hour, &live.attempt);
        let Some(compared) = deep::compare(&self.checker.bucket, live, &rejected).await? else {
            // Without a finding that says so, the input was changed or deleted meanwhile.
            let says_so = [Difference::InputGone, Difference::InputReplaced, Difference::FileMissing];
            if !self.folder.findings.iter().any(|finding| says_so.contains(&finding.difference)) {
                self.checked.inconclusive = Some("its objects changed while they were read".to_string());
            }
            return Ok(());
        };
        self.checked.compared = true;
        for (difference, what) in compared {
            self.found(difference, what);
        }
        Ok(())
    }
}

/// The number of lines in a gzip file. `None` if it is not gzip.
fn line_count(gzip: &[u8]) -> Option<u64> {
    let mut lines = 0;
    gzip::windows(gzip, |window| lines += gzip::line_feeds(window)).ok()?;
    Some(lines)
}
