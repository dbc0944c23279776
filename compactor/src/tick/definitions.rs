//! Where the catalog is not as we define it. Pure.

use std::collections::BTreeSet;

use catalog::{JSON, PARQUET, Partitions, Pointer, TablesState};
use log_format::Hour;

/// Where the catalog is not as we define it, as far as the listings show.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Definitions {
    /// What differs between the tables and our definitions, a sentence each.
    pub(crate) tables: Vec<String>,
    /// The hours whose JSON partition differs.
    pub(crate) json: Vec<Hour>,
    /// The hours whose Parquet partition differs. If they have a manifest they are stale too.
    pub(crate) parquet: BTreeSet<Hour>,
    /// Partitions of no hour: the table, and the values.
    pub(crate) of_no_hour: Vec<(&'static str, Vec<String>)>,
    /// The hours whose Parquet partition names a folder of another hour, or a location outside of this bucket's `parquet/`.
    pub(crate) misplaced: Vec<Hour>,
}

impl Definitions {
    /// Compares tables and partitions with our definitions.
    pub(super) fn of(
        bucket: &str,
        tables: &TablesState,
        parquet: &Partitions<Pointer>,
        json: &Partitions<()>,
    ) -> Definitions {
        let no_hour_json = json.of_no_hour.iter().map(|values| (JSON, values.clone()));
        let no_hour_parquet = parquet.of_no_hour.iter().map(|values| (PARQUET, values.clone()));
        let misplaced = parquet.by_hour.iter().filter(|(hour, pointer)| !pointer.is_of(**hour, bucket));
        Definitions {
            tables: tables.differences.clone(),
            json: json.differences.keys().copied().collect(),
            parquet: parquet.differences.keys().copied().collect(),
            of_no_hour: no_hour_json.chain(no_hour_parquet).collect(),
            misplaced: misplaced.map(|(hour, _)| *hour).collect(),
        }
    }
}
