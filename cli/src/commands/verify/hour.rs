//! The checks of one hour: its listing against its manifest, the manifest against Parquet, and Glue against the
//! manifest.

use std::collections::{HashMap, HashSet};
use std::ops::AddAssign;

use bytes::Bytes;
use catalog::Pointer;
use chrono::{DateTime, TimeDelta, Utc};
use compactor::bucket::{Bucket, BucketError};
use compactor::config::Limits;
use compactor::listing::digests_of_live;
use log_format::{Hour, layout};
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use projection::manifest::{File, Live, Manifest, ObjectMeta};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::deep;
use super::finding::{Difference, Finding};
use crate::gzip;
use crate::inventory::{HourInventory, is_recent, read_manifest};

/// Why an hour that was never the same twice is inconclusive.
pub(super) const CHANGING: &str = "it kept changing while it was looked at";

/// On AWS an hour may be without its JSON partition for so long after it has ended: Firehose's longest buffer, and the
/// partitioner's retries.
const REGISTRATION_MINUTES: i64 = 30;

/// The key of the writer's version among a Parquet file's metadata, from docs/parquet.md.
const WRITER_KEY: &str = "auth0-s3-logs.writer";

/// What the hours of one look have in common.
#[derive(Debug, Clone)]
pub(super) struct Checker {
    pub(super) bucket: Bucket,
    pub(super) now: DateTime<Utc>,
    /// The compactor's limits, which say when an hour is closed.
    pub(super) limits: Limits,
    pub(super) watermark: Option<Hour>,
    /// True if the rows are compared with the lines too.
    pub(super) deep: bool,
    /// True if hours are registered some time after their first object, as on AWS.
    pub(super) registers_later: bool,
}

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
}

impl Checker {
    /// Checks one hour.
    ///
    /// # Errors
    ///
    /// S3 failed. Then nothing can be said of the hour.
    pub(super) async fn check(&self, hour: Hour, inventory: &HourInventory) -> Result<Checked, BucketError> {
        let mut check = HourCheck { checker: self, hour, inventory, checked: Checked::listed(inventory) };
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
        Ok(check.checked)
    }

    /// No hour up to the watermark is pending, because the view reads only Parquet there.
    fn is_pending(&self, hour: Hour) -> bool {
        is_recent(hour, self.now, &self.limits) && self.watermark.is_none_or(|watermark| hour > watermark)
    }
}

impl Checked {
    /// What is known of an hour before its manifest is read.
    pub(super) fn listed(inventory: &HourInventory) -> Checked {
        Checked { objects: inventory.inputs.len() as u64, json_bytes: inventory.json_bytes(), ..Checked::default() }
    }

    pub(super) fn mark_changing(&mut self) {
        self.inconclusive = Some(CHANGING.to_string());
    }
}

impl HourCheck<'_> {
    fn found(&mut self, difference: Difference, what: impl Into<String>) {
        self.checked.findings.push(Finding { hour: Some(self.hour), difference, what: what.into(), attempt: None });
    }

    async fn check_manifest(&mut self, manifest: &Manifest, etag: &str) -> Result<(), BucketError> {
        self.check_folders(manifest);
        match &manifest.live {
            None => self.check_nothing_live(),
            Some(live) => {
                self.check_inputs(live);
                self.check_partition(manifest, live, etag);
                self.check_counts(live);
                let whole = self.check_files(live).await? && self.check_rejected(live).await?;
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
            let what = format!("{} names {}, which is not live", self.parquet_name(), pointer.location);
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

    fn check_partition(&mut self, manifest: &Manifest, live: &Live, etag: &str) {
        let location = self.checker.bucket.uri(&live.folder(self.hour));
        let name = self.parquet_name();
        let wrong = match &self.inventory.pointer {
            None => Some((Difference::PartitionMissing, format!("{name}, which is to name {location}"))),
            Some(Pointer { location: found, .. }) if *found == location.trim_end_matches('/') => {
                Some((Difference::PartitionWithoutSlash, format!("{name} names {found}")))
            }
            Some(Pointer { location: found, .. }) if *found != location => {
                Some((Difference::PartitionElsewhere, format!("{name} names {found}, not {location}")))
            }
            // A changed definition empties the ETag too. It is reported as a difference of the definition, and not twice.
            Some(Pointer { manifest_etag, .. }) if manifest_etag != etag && !self.differs(catalog::PARQUET) => {
                Some((Difference::PartitionStale, format!("{name} follows manifest {manifest_etag}, not {etag}")))
            }
            Some(pointer) if !pointer.has_since(live.committed_at) => {
                let what = format!("{name} does not say since when it names its folder");
                Some((Difference::PartitionStale, what))
            }
            Some(Pointer { unfinished, .. }) if *unfinished != manifest.is_unfinished() => {
                let what = format!("{name} does not say rightly whether runs have not come back");
                Some((Difference::PartitionStale, what))
            }
            Some(Pointer { unsettled, .. }) if *unsettled != manifest.is_unsettled() => {
                let what = format!("{name} does not say rightly whether claims, folders or edits wait in it");
                Some((Difference::PartitionStale, what))
            }
            Some(pointer) if !has_digests(pointer, live, &location) => {
                let what = format!("{name} does not say rightly what its folder was made of and holds");
                Some((Difference::PartitionStale, what))
            }
            Some(_) => None,
        };
        if let Some((difference, what)) = wrong {
            self.found(difference, what);
        }
    }

    fn differs(&self, table: &str) -> bool {
        self.inventory.partition_differences.iter().any(|(name, _)| *name == table)
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
        let unknown = |attempt: &&String| !manifest.knows(attempt);
        for attempt in self.inventory.folders.keys().filter(unknown) {
            self.found_unknown(attempt, layout::parquet_folder(self.hour, attempt));
        }
        for attempt in self.inventory.rejected.iter().filter(unknown) {
            self.found_unknown(attempt, layout::rejected_key(self.hour, attempt));
        }
    }

    fn found_unknown(&mut self, attempt: &str, what: String) {
        let (hour, difference) = (Some(self.hour), Difference::FolderUnknown);
        self.checked.findings.push(Finding { hour, difference, what, attempt: Some(attempt.to_string()) });
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

    /// Checks the live folder against the manifest, to the byte. False if it differs.
    async fn check_files(&mut self, live: &Live) -> Result<bool, BucketError> {
        let before = self.checked.findings.len();
        let folder = live.folder(self.hour);
        for file in live.files.iter().filter(|file| !file.key.starts_with(&folder)) {
            self.found(Difference::ManifestWrong, format!("{} is not in the live folder {folder}", file.key));
        }
        let listed = self.inventory.folders.get(&live.attempt).map(Vec::as_slice).unwrap_or_default();
        let sizes: HashMap<&str, u64> = listed.iter().map(|object| (object.key.as_str(), object.size)).collect();
        for file in &live.files {
            match sizes.get(file.key.as_str()) {
                None => self.found(Difference::FileMissing, file.key.as_str()),
                Some(size) if *size != file.size => {
                    let what = format!("{}: {size} bytes, {} by its manifest", file.key, file.size);
                    self.found(Difference::FileCutShort, what);
                }
                Some(_) => self.check_bytes(file, live).await?,
            }
        }
        let known: HashSet<&str> = live.files.iter().map(|file| file.key.as_str()).collect();
        for object in listed.iter().filter(|object| !known.contains(object.key.as_str())) {
            self.found(Difference::FileForeign, format!("{}, {} bytes", object.key, object.size));
        }
        Ok(self.checked.findings.len() == before)
    }

    async fn check_bytes(&mut self, file: &File, live: &Live) -> Result<(), BucketError> {
        let Some((bytes, _)) = self.checker.bucket.read_as_is(&file.key).await? else {
            self.found(Difference::FileMissing, file.key.as_str());
            return Ok(());
        };
        if sha256(&bytes) != file.sha256 {
            let what = format!("{}: its bytes are not those written, by their SHA-256", file.key);
            self.found(Difference::FileChanged, what);
            return Ok(());
        }
        match footer_of(bytes) {
            Some(footer) => self.check_footer(file, live, &footer),
            None => self.found(Difference::FileRows, format!("{}: no footer of Parquet", file.key)),
        }
        Ok(())
    }

    fn check_footer(&mut self, file: &File, live: &Live, footer: &FileMetaData) {
        let rows = footer.num_rows().unsigned_abs();
        if rows != file.rows {
            let what = format!("{}: {rows} rows, {} by its manifest", file.key, file.rows);
            self.found(Difference::FileRows, what);
        }
        // Files of the first writers do not say which it was.
        let writer = footer.key_value_metadata().into_iter().flatten().find(|pair| pair.key == WRITER_KEY);
        let writer = writer.and_then(|pair| pair.value.as_deref());
        if writer.is_some_and(|writer| writer != live.writer_version.to_string()) {
            let what =
                format!("{}: writer {}, {} by its manifest", file.key, writer.unwrap_or_default(), live.writer_version);
            self.found(Difference::ManifestWrong, what);
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
            if !self.checked.findings.iter().any(|finding| says_so.contains(&finding.difference)) {
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

    fn parquet_name(&self) -> String {
        format!("{} of {}", self.hour, catalog::PARQUET)
    }
}

/// True if the digests of a partition, by which a tick decides what to visit, are those of the live folder, or if it has none:
/// then it is as an earlier build left it, and a tick visits it.
fn has_digests(pointer: &Pointer, live: &Live, location: &str) -> bool {
    let (inputs, files) = digests_of_live(live, location);
    let ours = (Some(inputs), Some(files));
    [ours, (None, None)].contains(&(pointer.inputs, pointer.files))
}

fn footer_of(bytes: Bytes) -> Option<FileMetaData> {
    Some(SerializedFileReader::new(bytes).ok()?.metadata().file_metadata().clone())
}

/// In hexadecimal digits, as in a manifest.
fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The number of lines in a gzip file. `None` if it is not gzip.
fn line_count(gzip: &[u8]) -> Option<u64> {
    let mut lines = 0;
    gzip::windows(gzip, |window| lines += gzip::line_feeds(window)).ok()?;
    Some(lines)
}
