//! What the checks of an hour and of a day have in common: the folders that the manifest knows, the files of the live one to
//! the byte, and the partition.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use catalog::Pointer;
use chrono::{DateTime, TimeDelta, Utc};
use compactor::bucket::{Bucket, BucketError};
use compactor::clock::RUN_MINUTES_MAX;
use compactor::hour::digests_of_live;
use parquet::file::metadata::FileMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use projection::manifest::{File, Folder, Manifest, ObjectMeta, Retired};
use sha2::{Digest, Sha256};

use super::super::finding::{Difference, Finding, Place};

/// The key of the writer's version among a Parquet file's metadata, from docs/parquet.md.
const WRITER_KEY: &str = "auth0-s3-logs.writer";

/// The folders and the partition of an hour or a day, while they are checked.
pub(super) struct FolderCheck<'a, P> {
    pub(super) bucket: &'a Bucket,
    pub(super) period: P,
    /// The Parquet files of the hour or day, by attempt.
    pub(super) folders: &'a BTreeMap<String, Vec<ObjectMeta>>,
    /// What its partition says. `None` if there is no partition.
    pub(super) pointer: Option<&'a Pointer>,
    /// True if the definition of the partition differs from ours.
    pub(super) differs: bool,
    /// The present moment.
    pub(super) now: DateTime<Utc>,
    pub(super) findings: Vec<Finding>,
}

impl<P: Place> FolderCheck<'_, P> {
    pub(super) fn found(&mut self, difference: Difference, what: impl Into<String>) {
        self.findings.push(Finding::of(self.period, difference, what.into()));
    }

    /// The partition's name.
    pub(super) fn name(&self) -> String {
        format!("{} of {}", self.period, P::TABLE)
    }

    /// Checks that the manifest knows every folder.
    pub(super) fn check_folders(&mut self, manifest: &Manifest<P>) {
        let folders = self.folders;
        for attempt in folders.keys().filter(|attempt| !manifest.knows(attempt)) {
            self.found_unknown(attempt, self.period.folder(attempt));
        }
    }

    pub(super) fn found_unknown(&mut self, attempt: &str, what: String) {
        let finding = Finding::of(self.period, Difference::FolderUnknown, what);
        self.findings.push(Finding { attempt: Some(attempt.to_string()), ..finding });
    }

    /// Checks that the partition names the live folder, and what it says of it. Returns why that cannot be told: a run that has
    /// committed a folder waits before it lets it take the place of another.
    pub(super) fn check_partition(&mut self, manifest: &Manifest<P>, live: &P::Live, etag: &str) -> Option<String> {
        let named = self.pointer.map(|pointer| pointer.location.clone());
        let names = |it: &Retired| named == Some(self.bucket.uri(&self.period.folder(&it.attempt)));
        let is_recent = self.now - live.committed_at() < TimeDelta::minutes(RUN_MINUTES_MAX as i64);
        if is_recent && manifest.retired.iter().any(|it| it.was_live && names(it)) {
            return Some(format!("{} is about to follow its manifest", self.name()));
        }
        let location = self.bucket.uri(&self.period.folder(live.attempt()));
        let wrong = match self.pointer {
            None => Some((Difference::PartitionMissing, format!("{}, which is to name {location}", self.name()))),
            Some(pointer) => self.wrong_location(pointer, &location).or_else(|| {
                let why = self.why_stale(pointer, manifest, live, &location, etag)?;
                Some((Difference::PartitionStale, format!("{} {why}", self.name())))
            }),
        };
        if let Some((difference, what)) = wrong {
            self.found(difference, what);
        }
        None
    }

    fn wrong_location(&self, pointer: &Pointer, location: &str) -> Option<(Difference, String)> {
        let (name, found) = (self.name(), &pointer.location);
        if found == location {
            None
        } else if found == location.trim_end_matches('/') {
            Some((Difference::PartitionWithoutSlash, format!("{name} names {found}")))
        } else {
            Some((Difference::PartitionElsewhere, format!("{name} names {found}, not {location}")))
        }
    }

    /// What a partition that names the live folder does not say rightly.
    fn why_stale(
        &self,
        pointer: &Pointer,
        manifest: &Manifest<P>,
        live: &P::Live,
        location: &str,
        etag: &str,
    ) -> Option<String> {
        // A changed definition empties the ETag too. It is reported as a difference of the definition, and not twice.
        if pointer.manifest_etag != etag && !self.differs {
            return Some(format!("follows manifest {}, not {etag}", pointer.manifest_etag));
        }
        let checks = [
            (pointer.has_since(live.committed_at()), "does not say since when it names its folder"),
            (pointer.unfinished == manifest.is_unfinished(), "does not say rightly whether runs have not come back"),
            (
                pointer.unsettled == manifest.is_unsettled(),
                "does not say rightly whether claims, folders or edits wait in it",
            ),
            (self.has_digests(pointer, live, location), "does not say rightly what its folder was made of and holds"),
        ];
        checks.into_iter().find(|(right, _)| !right).map(|(_, why)| why.to_string())
    }

    /// True if the digests of a partition, by which a tick decides what to visit, are those of the live folder. An hour may have
    /// none: then it is as an earlier build left it, and a tick visits it.
    fn has_digests(&self, pointer: &Pointer, live: &P::Live, location: &str) -> bool {
        let (inputs, files) = digests_of_live::<P>(live, location, self.bucket);
        let found = (pointer.inputs, pointer.files);
        found == (Some(inputs), Some(files)) || (P::MAY_LACK_DIGESTS && found == (None, None))
    }

    /// Checks the live folder against the manifest, to the byte. False if it differs.
    pub(super) async fn check_files(&mut self, live: &P::Live) -> Result<bool, BucketError> {
        let before = self.findings.len();
        let folder = self.period.folder(live.attempt());
        for file in live.files().iter().filter(|file| !file.key.starts_with(&folder)) {
            self.found(Difference::ManifestWrong, format!("{} is not in the live folder {folder}", file.key));
        }
        let listed = self.folders.get(live.attempt()).map(Vec::as_slice).unwrap_or_default();
        let sizes: HashMap<&str, u64> = listed.iter().map(|object| (object.key.as_str(), object.size)).collect();
        for file in live.files() {
            match sizes.get(file.key.as_str()) {
                None => self.found(Difference::FileMissing, file.key.as_str()),
                Some(size) if *size != file.size => {
                    let what = format!("{}: {size} bytes, {} by its manifest", file.key, file.size);
                    self.found(Difference::FileCutShort, what);
                }
                Some(_) => self.check_bytes(file, live).await?,
            }
        }
        let known: HashSet<&str> = live.files().iter().map(|file| file.key.as_str()).collect();
        for object in listed.iter().filter(|object| !known.contains(object.key.as_str())) {
            self.found(Difference::FileForeign, format!("{}, {} bytes", object.key, object.size));
        }
        Ok(self.findings.len() == before)
    }

    async fn check_bytes(&mut self, file: &File, live: &P::Live) -> Result<(), BucketError> {
        let Some((bytes, _)) = self.bucket.read_as_is(&file.key).await? else {
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

    fn check_footer(&mut self, file: &File, live: &P::Live, footer: &FileMetaData) {
        let rows = footer.num_rows().unsigned_abs();
        if rows != file.rows {
            let what = format!("{}: {rows} rows, {} by its manifest", file.key, file.rows);
            self.found(Difference::FileRows, what);
        }
        // Files of the first writers do not say which it was.
        let writer = footer.key_value_metadata().into_iter().flatten().find(|pair| pair.key == WRITER_KEY);
        let writer = writer.and_then(|pair| pair.value.as_deref());
        if writer.is_some_and(|writer| writer != live.writer_version().to_string()) {
            let (writer, version) = (writer.unwrap_or_default(), live.writer_version());
            let what = format!("{}: writer {writer}, {version} by its manifest", file.key);
            self.found(Difference::ManifestWrong, what);
        }
    }
}

fn footer_of(bytes: Bytes) -> Option<FileMetaData> {
    Some(SerializedFileReader::new(bytes).ok()?.metadata().file_metadata().clone())
}

/// In hexadecimal digits, as in a manifest.
pub(in super::super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
