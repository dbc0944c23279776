//! Where the catalog is not as we define it. Pure.

use std::collections::BTreeSet;

use catalog::{DAILY, JSON, PARQUET, ParquetKey, Partitions, Pointer, TablesState};
use log_format::{Day, Hour};

/// Where the catalog is not as we define it, as far as the listings show.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Definitions {
    /// What differs between the tables and our definitions, a sentence each.
    pub(crate) tables: Vec<String>,
    /// The hours whose JSON partition differs.
    pub(crate) json: Vec<Hour>,
    /// The hours whose Parquet partition differs. If they have a manifest they are stale too.
    pub(crate) parquet: BTreeSet<Hour>,
    /// The days whose partition differs. If they have a manifest they are due too.
    pub(crate) daily: BTreeSet<Day>,
    /// Partitions of no hour or day: the table, and the values.
    pub(crate) of_none: Vec<(&'static str, Vec<String>)>,
    /// The hours whose Parquet partition names a folder of another hour, or a location outside of this bucket's `parquet/`.
    pub(crate) misplaced: Vec<Hour>,
    /// The days whose partition names a folder of another day, or a location outside of this bucket's `daily/`.
    pub(crate) misplaced_days: Vec<Day>,
}

impl Definitions {
    /// Compares tables and partitions with our definitions.
    pub(super) fn of(
        bucket: &str,
        tables: &TablesState,
        parquet: &Partitions<Pointer>,
        daily: &Partitions<Pointer, Day>,
        json: &Partitions<()>,
    ) -> Definitions {
        let of_none = [(JSON, &json.of_none), (PARQUET, &parquet.of_none), (DAILY, &daily.of_none)];
        let of_none =
            of_none.into_iter().flat_map(|(table, all)| all.iter().map(move |values| (table, values.clone())));
        Definitions {
            tables: tables.differences.clone(),
            json: json.differences.keys().copied().collect(),
            parquet: parquet.differences.keys().copied().collect(),
            daily: daily.differences.keys().copied().collect(),
            of_none: of_none.collect(),
            misplaced: misplaced(parquet, bucket),
            misplaced_days: misplaced(daily, bucket),
        }
    }
}

fn misplaced<K: ParquetKey>(partitions: &Partitions<Pointer, K>, bucket: &str) -> Vec<K> {
    let elsewhere = partitions.by_key.iter().filter(|(key, pointer)| !pointer.is_of(**key, bucket));
    elsewhere.map(|(key, _)| *key).collect()
}
