//! Long listings of the bucket, by hour.

use std::collections::{BTreeMap, HashSet};

use log_format::{Day, Hour, layout};
use sha2::{Digest, Sha256};

use crate::bucket::{Bucket, BucketError, ObjectMeta};

/// The ETags of manifests.
#[derive(Debug, Default)]
pub(crate) struct ManifestEtags {
    /// Of hours.
    pub(crate) hours: BTreeMap<Hour, String>,
    /// Of days.
    pub(crate) days: BTreeMap<Day, String>,
}

impl Bucket {
    /// The hours from `from` up to, not including, `to` that have inputs, with these.
    ///
    /// # Errors
    ///
    /// S3 failed.
    pub async fn inputs_by_hour(&self, from: Hour, to: Hour) -> Result<BTreeMap<Hour, Vec<ObjectMeta>>, BucketError> {
        let end = layout::json_prefix(to);
        let objects = self.list_between(layout::LOGS, &layout::json_prefix(from), |key| *key < *end).await?;
        Ok(by_hour(objects))
    }

    /// The inputs of `known` hours from `from` up to, not including, `to`. The listing ends at the first hour that has
    /// inputs and is not known, which is returned too: what follows it may be years.
    pub(crate) async fn inputs_of_known(
        &self,
        known: &[Hour],
        from: Hour,
        to: Hour,
    ) -> Result<(BTreeMap<Hour, Vec<ObjectMeta>>, Option<Hour>), BucketError> {
        let (end, mut unknown) = (layout::json_prefix(to), None);
        let wanted = |key: &str| {
            unknown = layout::hour_of_input(key).filter(|hour| *hour < to && known.binary_search(hour).is_err());
            *key < *end && unknown.is_none()
        };
        let objects = self.list_between(layout::LOGS, &layout::json_prefix(from), wanted).await?;
        Ok((by_hour(objects), unknown))
    }

    /// The inputs from `from` up to, not including, `to` by their hours, and the first hour from `to` on that has objects. A
    /// key that is in no hour is skipped. One call, unless there are very many objects or such keys.
    pub(crate) async fn inputs_and_next_hour(
        &self,
        from: Hour,
        to: Hour,
    ) -> Result<(BTreeMap<Hour, Vec<ObjectMeta>>, Option<Hour>), BucketError> {
        let (end, mut next) = (layout::json_prefix(to), None);
        let wanted = |key: &str| {
            next = layout::hour_of_log(key).filter(|_| *key >= *end);
            next.is_none()
        };
        let objects = self.list_between(layout::LOGS, &layout::json_prefix(from), wanted).await?;
        Ok((by_hour(objects), next))
    }

    /// The hours from `from` up to, not including, `to` that have a manifest, in order.
    ///
    /// # Errors
    ///
    /// S3 failed.
    pub async fn hours_with_manifest(&self, from: Hour, to: Hour) -> Result<Vec<Hour>, BucketError> {
        Ok(self.manifest_etags(from, to).await?.hours.into_keys().collect())
    }

    /// The ETags of the manifests of the hours from `from` up to, not including, `to`, and of the days that end by then.
    pub(crate) async fn manifest_etags(&self, from: Hour, to: Hour) -> Result<ManifestEtags, BucketError> {
        self.list_manifests(from, to, |_| true).await
    }

    /// The first `count_max` hours from `from` up to, not including, `to` that have a manifest, in order.
    pub(crate) async fn first_hours_with_manifest(
        &self,
        from: Hour,
        to: Hour,
        count_max: usize,
    ) -> Result<Vec<Hour>, BucketError> {
        let mut found = 0;
        let wanted = |key: &str| {
            found += usize::from(layout::hour_of_manifest(key).is_some());
            found <= count_max
        };
        Ok(self.list_manifests(from, to, wanted).await?.hours.into_keys().collect())
    }

    async fn list_manifests(
        &self,
        from: Hour,
        to: Hour,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<ManifestEtags, BucketError> {
        let bound = |hour: Hour| format!("{}{}", layout::MANIFESTS, hour.path());
        let (begin, end) = (bound(from), bound(to));
        let listed = self.list_between(layout::MANIFESTS, &begin, |key| *key < *end && wanted(key)).await?;
        let mut etags = ManifestEtags::default();
        for object in listed {
            if let Some(hour) = layout::hour_of_manifest(&object.key) {
                etags.hours.insert(hour, object.etag);
            } else if let Some(day) = layout::day_of_manifest(&object.key) {
                etags.days.insert(day, object.etag);
            }
        }
        Ok(etags)
    }

    /// All Parquet files of the hours from `from` up to, not including, `to`.
    pub(crate) async fn files_by_hour(
        &self,
        from: Hour,
        to: Hour,
    ) -> Result<BTreeMap<Hour, Vec<ObjectMeta>>, BucketError> {
        let end = layout::parquet_prefix(to);
        let found = self.list_between(layout::PARQUET, &layout::parquet_prefix(from), |key| *key < *end).await?;
        let mut files: BTreeMap<Hour, Vec<ObjectMeta>> = BTreeMap::new();
        for file in found {
            if let Some((hour, _)) = layout::attempt_of(&file.key) {
                files.entry(hour).or_default().push(file);
            }
        }
        Ok(files)
    }

    /// All Parquet files of the days from `from` up to, not including, `to`.
    pub(crate) async fn files_by_day(&self, from: Day, to: Day) -> Result<BTreeMap<Day, Vec<ObjectMeta>>, BucketError> {
        let end = layout::daily_prefix(to);
        let found = self.list_between(layout::DAILY, &layout::daily_prefix(from), |key| *key < *end).await?;
        let mut files: BTreeMap<Day, Vec<ObjectMeta>> = BTreeMap::new();
        for file in found {
            if let Some((day, _)) = layout::day_attempt_of(&file.key) {
                files.entry(day).or_default().push(file);
            }
        }
        Ok(files)
    }

    /// The number of objects that Firehose kept under `error/` and that nobody has replayed.
    ///
    /// # Errors
    ///
    /// S3 failed.
    pub async fn not_replayed(&self) -> Result<u64, BucketError> {
        let replayed = self.list(layout::REPLAYED).await?;
        let replayed: HashSet<&str> =
            replayed.iter().filter_map(|mark| layout::source_of_replayed(&mark.key)).collect();
        let kept = self.list(layout::ERRORS).await?;
        Ok(kept.iter().filter(|object| !replayed.contains(object.key.as_str())).count() as u64)
    }
}

/// A digest of an hour's inputs as they were listed: keys, ETags and sizes, in any order.
pub(crate) fn digest_of_inputs(inputs: &[ObjectMeta]) -> u128 {
    digest(inputs.iter().map(|input| (input.key.as_str(), input.etag.as_str(), input.size)).collect())
}

/// A digest of the folder with this URI and of its files as they are listed: keys and sizes, in any order.
pub(crate) fn digest_of_files<'a>(folder: &'a str, files: impl IntoIterator<Item = (&'a str, u64)>) -> u128 {
    let files = files.into_iter().map(|(key, size)| (key, "", size));
    digest(files.chain([(folder, "", 0)]).collect())
}

/// A digest of folders, by their URIs in any order.
pub fn digest_of_folders(folders: impl IntoIterator<Item = String>) -> u128 {
    let folders: Vec<String> = folders.into_iter().collect();
    digest(folders.iter().map(|folder| (folder.as_str(), "", 0)).collect())
}

/// The first half of a SHA-256. The lengths of the texts are hashed too, so that different lists are never the same bytes.
fn digest(mut objects: Vec<(&str, &str, u64)>) -> u128 {
    objects.sort_unstable();
    let mut digest = Sha256::new();
    for (key, etag, size) in objects {
        for text in [key, etag] {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        }
        digest.update(size.to_le_bytes());
    }
    let mut half = [0; 16];
    half.copy_from_slice(&digest.finalize()[..16]);
    u128::from_be_bytes(half)
}

/// Inputs by their hour. Other objects are left out.
fn by_hour(objects: Vec<ObjectMeta>) -> BTreeMap<Hour, Vec<ObjectMeta>> {
    let mut inputs: BTreeMap<Hour, Vec<ObjectMeta>> = BTreeMap::new();
    for object in objects {
        if let Some(hour) = layout::hour_of_input(&object.key) {
            inputs.entry(hour).or_default().push(object);
        }
    }
    inputs
}
