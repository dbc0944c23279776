//! The calls about statistics, which query engines keep of the columns of tables and partitions, and about what else they
//! ask for beside: functions and indexes, of which there are none here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bounds::check_list;
use super::catalog::{Catalog, Change, Entity, fold, name};
use super::error::{ErrorDetail, GlueError};
use super::{Reply, done, reply};

/// What Glue takes, or gives, at once.
const UPDATE_MAX: usize = 25;
const GET_MAX: usize = 100;

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
pub(super) struct Get {
    #[serde(flatten)]
    of: Of,
    column_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Update {
    #[serde(flatten)]
    of: Of,
    column_statistics_list: Vec<Entity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    #[serde(flatten)]
    of: Of,
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

/// The statistics there are of the columns asked for; of the others it is said that there are none.
pub(super) fn get(catalog: &mut Catalog, input: Get) -> Reply {
    check_list("columnNames", &input.column_names, GET_MAX)?;
    let values = input.of.checked(catalog)?;
    let kept = &catalog.table(&input.of.database_name, &input.of.table_name)?.statistics;
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for column_name in input.column_names {
        match kept.get(&(values.clone(), fold(&column_name))) {
            Some(statistics) => found.push(statistics),
            None => {
                let error = GlueError::NotFound(format!("Statistics of column {column_name}")).detail();
                errors.push(ColumnError { column_name, error });
            }
        }
    }
    reply(&json!({"ColumnStatisticsList": found, "Errors": errors}))
}

pub(super) fn update(catalog: &mut Catalog, input: Update) -> Reply {
    check_list("columnStatisticsList", &input.column_statistics_list, UPDATE_MAX)?;
    let values = input.of.checked(catalog)?;
    for statistics in input.column_statistics_list {
        let (database, table) = input.of.names();
        let column = fold(&name(&statistics, "ColumnName"));
        let statistics = Value::Object(statistics);
        catalog.change(Change::PutStatistics { database, table, values: values.clone(), column, statistics })?;
    }
    reply(&json!({"Errors": []}))
}

/// Deletes a column's statistics, if there are any.
pub(super) fn delete(catalog: &mut Catalog, input: Delete) -> Reply {
    let values = input.of.checked(catalog)?;
    let (database, table) = input.of.names();
    catalog.change(Change::DropStatistics { database, table, values, column: fold(&input.column_name) })?;
    done()
}

pub(super) fn indexes(catalog: &mut Catalog, input: Of) -> Reply {
    input.checked(catalog)?;
    reply(&json!({"PartitionIndexDescriptorList": []}))
}

pub(super) fn functions(catalog: &mut Catalog, input: Functions) -> Reply {
    if let Some(database) = &input.database_name {
        catalog.database(database)?;
    }
    reply(&json!({"UserDefinedFunctions": []}))
}

impl Of {
    /// The partition's values, none for the table itself, if what is named is there.
    fn checked(&self, catalog: &Catalog) -> Result<Vec<String>, GlueError> {
        match &self.partition_values {
            Some(values) => catalog.partition(&self.database_name, &self.table_name, values).map(drop)?,
            None => catalog.table(&self.database_name, &self.table_name).map(drop)?,
        }
        Ok(self.partition_values.clone().unwrap_or_default())
    }

    fn names(&self) -> (String, String) {
        (fold(&self.database_name), fold(&self.table_name))
    }
}
