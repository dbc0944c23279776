//! The partitions of the two tables: what we write, and what a partition in Glue says. Pure.
//!
//! A partition is made from our definition of its table and never from the table in Glue: engines read a partition by its own
//! descriptor, so a damaged table would damage every hour after it.

use std::collections::HashMap;

use aws_sdk_glue::types::{Partition, PartitionInput, StorageDescriptor, TableInput};
use chrono::{DateTime, SecondsFormat, Utc};
use log_format::{Hour, layout};

use crate::definition::{Columns, partition_differences};
use crate::tables;

/// Parameter of a Parquet partition: the ETag of the manifest that names its folder.
const MANIFEST_ETAG: &str = "manifest_etag";
/// Parameter of a Parquet partition: the time since when it names its folder, RFC 3339.
const SINCE: &str = "since";
/// Parameter of a Parquet partition: present if the manifest has attempts that are not finished.
const UNFINISHED: &str = "unfinished";
/// Parameter of a Parquet partition: present if the manifest has claims, folders that wait for their
/// deletion, or objects that were written over and that nobody has accepted.
const UNSETTLED: &str = "unsettled";
/// Parameter of a Parquet partition: a digest of the objects that its rows come from, as they were listed.
const INPUTS: &str = "inputs";
/// Parameter of a Parquet partition: a digest of its files, as they are listed.
const FILES: &str = "files";

/// The value of those that are present or not.
const SET: &str = "true";
/// All of these.
const OURS: [&str; 6] = [MANIFEST_ETAG, SINCE, UNFINISHED, UNSETTLED, INPUTS, FILES];

/// What a Parquet partition says: where its files are, and which manifest it was set from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer {
    /// The folder of the files, with "/" at its end: `s3://<bucket>/parquet/YYYY/MM/DD/HH/<attempt>/`.
    pub location: String,
    /// ETag of the manifest in which the folder is live. Empty if somebody else made the partition, or changed how its
    /// files are read.
    pub manifest_etag: String,
    /// The time since when the partition names this folder.
    pub since: Option<DateTime<Utc>>,
    /// True if that manifest had attempts that were not finished.
    pub unfinished: bool,
    /// True if that manifest had claims, folders that wait for their deletion, or objects that were written over and that
    /// nobody has accepted.
    pub unsettled: bool,
    /// A digest of the objects that the rows come from. Whoever has a listing of the hour need not read the manifest then.
    pub inputs: Option<u128>,
    /// A digest of the folder's files.
    pub files: Option<u128>,
}

impl Pointer {
    /// True if it names a folder of `hour` in `bucket`.
    pub fn is_of(&self, hour: Hour, bucket: &str) -> bool {
        self.location.starts_with(&format!("s3://{bucket}/{}", layout::parquet_prefix(hour)))
    }

    /// What a partition of the Parquet table says. `as_made` is whether it is as we define it.
    pub(crate) fn of(partition: &Partition, as_made: bool) -> Pointer {
        let parameter = |name| partition.parameters().and_then(|parameters| parameters.get(name)).cloned();
        let flags = [UNFINISHED, UNSETTLED].map(parameter);
        let as_made = as_made && flags.iter().flatten().all(|value| value == SET);
        let [unfinished, unsettled] = flags.map(|value| value.is_some());
        Pointer {
            location: location(partition).to_string(),
            manifest_etag: parameter(MANIFEST_ETAG).filter(|_| as_made).unwrap_or_default(),
            since: parameter(SINCE).and_then(|time| time.parse().ok()),
            unfinished,
            unsettled,
            inputs: parameter(INPUTS).as_deref().and_then(read_digest),
            files: parameter(FILES).as_deref().and_then(read_digest),
        }
    }

    /// True if it says since when it names a folder that was live at `committed_at`. Glue has the time in milliseconds.
    pub fn has_since(&self, committed_at: DateTime<Utc>) -> bool {
        self.since.is_some_and(|since| since.timestamp_millis() >= committed_at.timestamp_millis())
    }

    fn parameters(&self) -> HashMap<String, String> {
        let etag = (MANIFEST_ETAG.to_string(), self.manifest_etag.clone());
        let since = self.since.map(|time| (SINCE.to_string(), time.to_rfc3339_opts(SecondsFormat::Millis, true)));
        let flags =
            [(UNFINISHED, self.unfinished), (UNSETTLED, self.unsettled)].into_iter().filter(|(_, is_set)| *is_set);
        let flags = flags.map(|(name, _)| (name.to_string(), SET.to_string()));
        let digests = [(INPUTS, self.inputs), (FILES, self.files)].into_iter();
        let digests = digests.filter_map(|(name, digest)| Some((name.to_string(), format!("{:032x}", digest?))));
        std::iter::once(etag).chain(since).chain(flags).chain(digests).collect()
    }
}

/// A digest as it is written. `None` if the text has another form.
fn read_digest(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok().filter(|digest| format!("{digest:032x}") == text)
}

/// What differs between a partition of the Parquet table and our definition, a sentence each. Its location and what it says of
/// its manifest are not looked at: only the manifest tells whether they are right.
pub(crate) fn parquet_differences(partition: &Partition, table: &TableInput, columns: Columns) -> Vec<String> {
    partition_differences(partition, table, &OURS, columns)
}

/// What differs between the partition of `hour` of the JSON table over `bucket` and our definition, a sentence each.
pub(crate) fn json_differences(
    hour: Hour,
    partition: &Partition,
    (table, bucket): (&TableInput, &str),
    columns: Columns,
) -> Vec<String> {
    let mut differences = partition_differences(partition, table, &[], columns);
    let (found, ours) = (location(partition), json_location(hour, bucket));
    if found.trim_end_matches('/') != ours.trim_end_matches('/') {
        differences.push(format!("it names {found}, not {ours}"));
    }
    differences
}

/// The partition of the Parquet table for `hour`.
pub(crate) fn parquet_input(hour: Hour, pointer: &Pointer, bucket: &str) -> PartitionInput {
    input(hour, tables::parquet_table(bucket), pointer.location.clone(), pointer.parameters())
}

/// The partition of the JSON table for `hour`.
pub(crate) fn json_input(hour: Hour, bucket: &str) -> PartitionInput {
    input(hour, tables::json_table(bucket), json_location(hour, bucket), HashMap::new())
}

/// The hour of a partition. `None` if its values are none as we write them: `9` and `09` are different partitions to Glue.
pub(crate) fn hour_of(partition: &Partition) -> Option<Hour> {
    Hour::from_partition_values(partition.values())
}

/// The location of a partition, empty if it has none.
pub(crate) fn location(partition: &Partition) -> &str {
    partition.storage_descriptor().and_then(StorageDescriptor::location).unwrap_or_default()
}

fn json_location(hour: Hour, bucket: &str) -> String {
    format!("s3://{bucket}/{}", layout::json_prefix(hour))
}

fn input(hour: Hour, table: TableInput, location: String, parameters: HashMap<String, String>) -> PartitionInput {
    let mut storage = table.storage_descriptor;
    if let Some(storage) = &mut storage {
        storage.location = Some(location);
    }
    let input = PartitionInput::builder().set_values(Some(hour.partition_values().into()));
    input.set_storage_descriptor(storage).set_parameters(Some(parameters)).build()
}
