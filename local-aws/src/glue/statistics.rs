//! The calls that query engines make beside: statistics, functions and indexes, of which there are none here.

use serde::Deserialize;
use serde_json::json;

use super::catalog::Catalog;
use super::{Reply, done, reply};

/// The table, or the partition of one, that a call is about.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Of {
    database_name: String,
    table_name: String,
    partition_values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Functions {
    database_name: Option<String>,
}

pub(super) fn get(catalog: &mut Catalog, input: Of) -> Reply {
    check(catalog, &input)?;
    reply(&json!({"ColumnStatisticsList": [], "Errors": []}))
}

/// Takes statistics and doesn't keep them: they are advice, and an engine does without.
pub(super) fn update(catalog: &mut Catalog, input: Of) -> Reply {
    check(catalog, &input)?;
    reply(&json!({"Errors": []}))
}

pub(super) fn delete(catalog: &mut Catalog, input: Of) -> Reply {
    check(catalog, &input)?;
    done()
}

pub(super) fn indexes(catalog: &mut Catalog, input: Of) -> Reply {
    check(catalog, &input)?;
    reply(&json!({"PartitionIndexDescriptorList": []}))
}

pub(super) fn functions(catalog: &mut Catalog, input: Functions) -> Reply {
    if let Some(database) = &input.database_name {
        catalog.database(database)?;
    }
    reply(&json!({"UserDefinedFunctions": []}))
}

fn check(catalog: &Catalog, of: &Of) -> Result<(), super::GlueError> {
    match &of.partition_values {
        Some(values) => catalog.partition(&of.database_name, &of.table_name, values).map(drop),
        None => catalog.table(&of.database_name, &of.table_name).map(drop),
    }
}
