//! The calls for column statistics, which query engines keep for tables and partitions. Engines also ask for functions
//! and indexes. There are none here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::response::{CallResult, empty, respond};
use crate::services::glue::bounds::check_list;
use crate::services::glue::catalog::{Catalog, Change, Entity, fold_name, name};
use crate::services::glue::error::{ErrorDetail, GlueError};

// The most columns in one call.
const UPDATE_MAX: usize = 25;
const GET_MAX: usize = 100;

/// A table, or a partition of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TableOrPartition {
    database_name: String,
    table_name: String,
    partition_values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    #[serde(flatten)]
    target: TableOrPartition,
    column_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Update {
    #[serde(flatten)]
    target: TableOrPartition,
    column_statistics_list: Vec<Entity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    #[serde(flatten)]
    target: TableOrPartition,
    column_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Functions {
    database_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ColumnError {
    column_name: String,
    error: ErrorDetail,
}

/// The statistics of the requested columns, and an error for each column that has none.
pub(super) fn get(catalog: &mut Catalog, input: Get) -> CallResult {
    check_list("columnNames", &input.column_names, GET_MAX)?;
    let values = input.target.checked(catalog)?;
    let kept = &catalog.table(&input.target.database_name, &input.target.table_name)?.statistics;
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for column_name in input.column_names {
        match kept.get(&(values.clone(), fold_name(&column_name))) {
            Some(statistics) => found.push(statistics),
            None => {
                let error = GlueError::NotFound(format!("Statistics of column {column_name}")).detail();
                errors.push(ColumnError { column_name, error });
            }
        }
    }
    respond(&json!({"ColumnStatisticsList": found, "Errors": errors}))
}

pub(super) fn update(catalog: &mut Catalog, input: Update) -> CallResult {
    check_list("columnStatisticsList", &input.column_statistics_list, UPDATE_MAX)?;
    let values = input.target.checked(catalog)?;
    for statistics in input.column_statistics_list {
        let (database, table) = input.target.names();
        let column = fold_name(&name(&statistics, "ColumnName"));
        let statistics = Value::Object(statistics);
        catalog.change(Change::PutStatistics { database, table, values: values.clone(), column, statistics })?;
    }
    respond(&json!({"Errors": []}))
}

/// Deletes a column's statistics, if there are any.
pub(super) fn delete(catalog: &mut Catalog, input: Delete) -> CallResult {
    let values = input.target.checked(catalog)?;
    let (database, table) = input.target.names();
    catalog.change(Change::DropStatistics { database, table, values, column: fold_name(&input.column_name) })?;
    empty()
}

pub(super) fn indexes(catalog: &mut Catalog, input: TableOrPartition) -> CallResult {
    input.checked(catalog)?;
    respond(&json!({"PartitionIndexDescriptorList": []}))
}

pub(super) fn functions(catalog: &mut Catalog, input: Functions) -> CallResult {
    if let Some(database) = &input.database_name {
        catalog.database(database)?;
    }
    respond(&json!({"UserDefinedFunctions": []}))
}

impl TableOrPartition {
    /// The values of the partition, or none for the table itself. An error if the table or partition does not exist.
    fn checked(&self, catalog: &Catalog) -> Result<Vec<String>, GlueError> {
        match &self.partition_values {
            Some(values) => catalog.partition(&self.database_name, &self.table_name, values).map(drop)?,
            None => catalog.table(&self.database_name, &self.table_name).map(drop)?,
        }
        Ok(self.partition_values.clone().unwrap_or_default())
    }

    fn names(&self) -> (String, String) {
        (fold_name(&self.database_name), fold_name(&self.table_name))
    }
}
