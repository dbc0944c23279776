//! The calls for the versions of a table.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::response::{CallResult, empty, respond};
use super::tables::TableName;
use crate::services::glue::bounds::check_list;
use crate::services::glue::catalog::{Catalog, Change, Entity, fold_name, name, version};
use crate::services::glue::error::{ErrorDetail, GlueError};
use crate::services::glue::page::{PageRequest, page};

/// The most versions in one page or batch.
const PAGE_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    #[serde(flatten)]
    table: TableName,
    version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    #[serde(flatten)]
    table: TableName,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    #[serde(flatten)]
    table: TableName,
    version_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDelete {
    #[serde(flatten)]
    table: TableName,
    version_ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionError {
    table_name: String,
    version_id: String,
    error_detail: ErrorDetail,
}

/// The requested version, or the newest if none is requested.
pub(super) fn get(catalog: &mut Catalog, input: Get) -> CallResult {
    let table = catalog.table(&input.table.database_name, &input.table.table_name)?;
    let wanted = match &input.version_id {
        Some(text) => number(text)?,
        None => version(&table.entity),
    };
    let versions = table.versions();
    let found = versions.get(&Reverse(wanted)).ok_or_else(|| missing(wanted))?;
    respond(&json!({"TableVersion": table_version(found)}))
}

/// All versions, the newest first.
pub(super) fn list(catalog: &mut Catalog, input: List) -> CallResult {
    let versions = catalog.table(&input.table.database_name, &input.table.table_name)?.versions();
    let request = PageRequest { token: input.next_token.as_deref(), max: input.max_results, limit: PAGE_MAX };
    let (versions, token) = page(&versions, &request, |_| true)?;
    let versions: Vec<Value> = versions.into_iter().map(|version| table_version(version)).collect();
    respond(&json!({"TableVersions": versions, "NextToken": token}))
}

pub(super) fn delete(catalog: &mut Catalog, input: Delete) -> CallResult {
    delete_one(catalog, &input.table, &input.version_id)?;
    empty()
}

pub(super) fn batch_delete(catalog: &mut Catalog, input: BatchDelete) -> CallResult {
    check_list("versionIds", &input.version_ids, PAGE_MAX)?;
    catalog.table(&input.table.database_name, &input.table.table_name)?;
    let count = input.version_ids.len();
    let mut errors = Vec::new();
    for (index, version_id) in input.version_ids.into_iter().enumerate() {
        let passed = catalog.check_entry(index, count);
        if let Err(error) = passed.and_then(|()| delete_one(catalog, &input.table, &version_id)) {
            let table_name = input.table.table_name.clone();
            errors.push(VersionError { table_name, version_id, error_detail: error.detail() });
        }
    }
    respond(&json!({"Errors": errors}))
}

/// Deletes a version from the archive. The current version is not there and cannot be deleted.
fn delete_one(catalog: &mut Catalog, of: &TableName, version_id: &str) -> Result<(), GlueError> {
    let wanted = number(version_id)?;
    let table = catalog.table(&of.database_name, &of.table_name)?;
    if wanted == version(&table.entity) {
        return Err(GlueError::Invalid(format!("version {wanted} is the current one and can't be deleted")));
    }
    if !table.archive.contains_key(&Reverse(wanted)) {
        return Err(missing(wanted));
    }
    let (database, table) = (fold_name(&of.database_name), fold_name(&of.table_name));
    catalog.change(Change::DropVersion { database, table, version: wanted })
}

fn number(version_id: &str) -> Result<u64, GlueError> {
    version_id.parse().map_err(|_| GlueError::Invalid(format!("{version_id:?} is not the number of a version")))
}

fn missing(version: u64) -> GlueError {
    GlueError::NotFound(format!("Table version {version}"))
}

fn table_version(table: &Entity) -> Value {
    json!({"Table": table, "VersionId": name(table, "VersionId")})
}
