//! Where the catalog is not as we define it. Pure.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Partitions that give rows to no hour or to a wrong one: the table, and the values.
    pub(crate) foreign: Vec<(&'static str, Vec<String>)>,
}

impl Definitions {
    /// Compares tables and partitions with our definitions. `manifests` has every hour with a manifest.
    pub(super) fn of<M>(
        bucket: &str,
        tables: &TablesState,
        manifests: &BTreeMap<Hour, M>,
        parquet: &Partitions<Pointer>,
        json: &Partitions<String>,
    ) -> Definitions {
        let no_hour_json = json.of_no_hour.iter().map(|values| (JSON, values.clone()));
        let no_hour_parquet = parquet.of_no_hour.iter().map(|values| (PARQUET, values.clone()));
        // Without a manifest, a folder of the hour itself may be all that is left of it, and is kept.
        let of_another = parquet
            .by_hour
            .iter()
            .filter(|(hour, pointer)| !manifests.contains_key(hour) && !pointer.is_of(**hour, bucket));
        let of_another = of_another.map(|(hour, _)| (PARQUET, hour.partition_values().to_vec()));
        Definitions {
            tables: tables.differences.clone(),
            json: json.differences.keys().copied().collect(),
            parquet: parquet.differences.keys().copied().collect(),
            foreign: no_hour_json.chain(no_hour_parquet).chain(of_another).collect(),
        }
    }
}
