//! Long listings of the bucket, by hour.

use std::collections::{BTreeMap, HashSet};

use log_format::{Hour, layout};

use crate::bucket::{Bucket, BucketError, ObjectMeta};

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

    /// The first hour from `hour` on that has objects. A key that is in no hour is skipped.
    pub(crate) async fn next_hour_with_objects(&self, hour: Hour) -> Result<Option<Hour>, BucketError> {
        let mut after = layout::json_prefix(hour);
        while let Some(key) = self.first_key(layout::LOGS, &after).await? {
            if let Some(hour) = layout::hour_of_log(&key) {
                return Ok(Some(hour));
            }
            after = key;
        }
        Ok(None)
    }

    /// The hours from `from` up to, not including, `to` that have a manifest, in order.
    ///
    /// # Errors
    ///
    /// S3 failed.
    pub async fn hours_with_manifest(&self, from: Hour, to: Hour) -> Result<Vec<Hour>, BucketError> {
        Ok(self.manifest_etags(from, to).await?.into_keys().collect())
    }

    /// The ETags of the manifests of the hours from `from` up to, not including, `to`.
    pub(crate) async fn manifest_etags(&self, from: Hour, to: Hour) -> Result<BTreeMap<Hour, String>, BucketError> {
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
        Ok(self.list_manifests(from, to, wanted).await?.into_keys().collect())
    }

    async fn list_manifests(
        &self,
        from: Hour,
        to: Hour,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Result<BTreeMap<Hour, String>, BucketError> {
        let bound = |hour: Hour| format!("{}{}", layout::MANIFESTS, hour.path());
        let (begin, end) = (bound(from), bound(to));
        let listed = self.list_between(layout::MANIFESTS, &begin, |key| *key < *end && wanted(key)).await?;
        let hours = listed.into_iter().filter_map(|object| Some((layout::hour_of_manifest(&object.key)?, object.etag)));
        Ok(hours.collect())
    }

    /// The keys of all Parquet files of the hours from `from` up to, not including, `to`.
    pub(crate) async fn files_by_hour(&self, from: Hour, to: Hour) -> Result<BTreeMap<Hour, Vec<String>>, BucketError> {
        let end = layout::parquet_prefix(to);
        let found = self.list_between(layout::PARQUET, &layout::parquet_prefix(from), |key| *key < *end).await?;
        let mut files: BTreeMap<Hour, Vec<String>> = BTreeMap::new();
        for file in found {
            if let Some((hour, _)) = layout::attempt_of(&file.key) {
                files.entry(hour).or_default().push(file.key);
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
