//! The partitions of the three tables: what we write, and what a partition in Glue says. Pure.
//!
//! A partition is made from our definition of its table and never from the table in Glue: engines read a partition by its own
//! descriptor, so a damaged table would damage every hour after it.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_glue::types::{Partition, PartitionInput, StorageDescriptor, TableInput};
use chrono::{DateTime, SecondsFormat, Utc};
use log_format::{Day, Hour, layout};

use crate::definition::{Columns, partition_differences};
use crate::tables::{self, DAILY, PARQUET};

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

/// What a partition of Parquet is of: an hour of [`PARQUET`], or a day of [`DAILY`].
pub trait ParquetKey: Copy + Ord + Display + Send + Sync + 'static {
    /// The table.
    const TABLE: &'static str;

    /// The partition's values.
    fn values(self) -> Vec<String>;

    /// What a partition with these values is of. `None` if they are none as we write them.
    fn of_values(values: &[String]) -> Option<Self>;

    /// The first value.
    fn date(self) -> String;

    /// The prefix of all folders that a partition can name.
    fn prefix(self) -> String;

    /// The table's definition.
    fn table(bucket: &str) -> TableInput;
}

impl ParquetKey for Hour {
    const TABLE: &'static str = PARQUET;

    fn values(self) -> Vec<String> {
        self.partition_values().into()
    }

    /// `9` and `09` are different partitions to Glue.
    fn of_values(values: &[String]) -> Option<Hour> {
        Hour::from_partition_values(values)
    }

    fn date(self) -> String {
        Hour::date(self)
    }

    fn prefix(self) -> String {
        layout::parquet_prefix(self)
    }

    fn table(bucket: &str) -> TableInput {
        tables::parquet_table(bucket)
    }
}

impl ParquetKey for Day {
    const TABLE: &'static str = DAILY;

    fn values(self) -> Vec<String> {
        self.partition_values().into()
    }

    fn of_values(values: &[String]) -> Option<Day> {
        Day::from_partition_values(values)
    }

    fn date(self) -> String {
        Day::date(self)
    }

    fn prefix(self) -> String {
        layout::daily_prefix(self)
    }

    fn table(bucket: &str) -> TableInput {
        tables::daily_table(bucket)
    }
}

/// What a Parquet partition says: where its files are, and which manifest it was set from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer {
    /// The folder of the files, with "/" at its end: `s3://<bucket>/parquet/YYYY/MM/DD/HH/<attempt>/`, or of a day.
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
    /// True if it names a folder of `key` in `bucket`.
    pub fn is_of(&self, key: impl ParquetKey, bucket: &str) -> bool {
        self.location.starts_with(&format!("s3://{bucket}/{}", key.prefix()))
    }

    /// What a partition of a Parquet table says. `as_made` is whether it is as we define it.
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

/// What differs between a partition of a Parquet table and our definition, a sentence each. Its location and what it says of
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

/// The partition of the Parquet table of `key`.
pub(crate) fn parquet_input<K: ParquetKey>(key: K, pointer: &Pointer, bucket: &str) -> PartitionInput {
    input(key.values(), K::table(bucket), pointer.location.clone(), pointer.parameters())
}

/// The partition of the JSON table for `hour`.
pub(crate) fn json_input(hour: Hour, bucket: &str) -> PartitionInput {
    input(hour.values(), tables::json_table(bucket), json_location(hour, bucket), HashMap::new())
}

/// The location of a partition, empty if it has none.
pub(crate) fn location(partition: &Partition) -> &str {
    partition.storage_descriptor().and_then(StorageDescriptor::location).unwrap_or_default()
}

fn json_location(hour: Hour, bucket: &str) -> String {
    format!("s3://{bucket}/{}", layout::json_prefix(hour))
}

fn input(
    values: Vec<String>,
    table: TableInput,
    location: String,
    parameters: HashMap<String, String>,
) -> PartitionInput {
    let mut storage = table.storage_descriptor;
    if let Some(storage) = &mut storage {
        storage.location = Some(location);
    }
    let input = PartitionInput::builder().set_values(Some(values));
    input.set_storage_descriptor(storage).set_parameters(Some(parameters)).build()
}
