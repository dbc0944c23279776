//! The calls for tables.

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::response::{CallResult, empty, respond};
use crate::names::ACCOUNT;
use crate::services::glue::bounds::{check_list, required_name};
use crate::services::glue::catalog::{Catalog, Change, Entity, copy_fields, fold_name, version};
use crate::services::glue::error::{ErrorDetail, GlueError};
use crate::services::glue::page::{PageRequest, page};

/// The most tables in one page or batch.
const PAGE_MAX: usize = 100;

/// The table of a call about its partitions or versions.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TableName {
    pub(super) database_name: String,
    pub(super) table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    database_name: String,
    table_input: Entity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    database_name: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    database_name: String,
    expression: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Update {
    database_name: String,
    table_input: Entity,
    version_id: Option<String>,
    #[serde(default)]
    skip_archive: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDelete {
    database_name: String,
    tables_to_delete: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TableError {
    table_name: String,
    error_detail: ErrorDetail,
}

pub(super) fn create(catalog: &mut Catalog, input: Create) -> CallResult {
    let mut table = input.table_input;
    let folded = required_name("tableInput.name", &mut table)?;
    let database = catalog.database(&input.database_name)?;
    if database.tables.contains_key(&folded) {
        return Err(GlueError::Exists("Table"));
    }
    table.insert("DatabaseName".to_owned(), fold_name(&input.database_name).into());
    table.insert("CatalogId".to_owned(), ACCOUNT.into());
    table.insert("CreateTime".to_owned(), catalog.now());
    table.insert("UpdateTime".to_owned(), catalog.now());
    table.insert("VersionId".to_owned(), "0".into());
    catalog.change(Change::PutTable(table))?;
    empty()
}

pub(super) fn get(catalog: &mut Catalog, input: Named) -> CallResult {
    respond(&json!({"Table": catalog.table(&input.database_name, &input.name)?.entity}))
}

pub(super) fn list(catalog: &mut Catalog, input: List) -> CallResult {
    let pattern = match &input.expression {
        None => None,
        Some(text) => Some(
            Regex::new(&format!("^(?:{text})$"))
                .map_err(|error| GlueError::Invalid(format!("{text:?} is not a regular expression: {error}")))?,
        ),
    };
    let request = PageRequest { token: input.next_token.as_deref(), max: input.max_results, limit: PAGE_MAX };
    let wanted = |name: &String| pattern.as_ref().is_none_or(|pattern| pattern.is_match(name));
    let (tables, token) = page(&catalog.database(&input.database_name)?.tables, &request, wanted)?;
    let tables: Vec<&Entity> = tables.into_iter().map(|table| &table.entity).collect();
    respond(&json!({"TableList": tables, "NextToken": token}))
}

/// Replaces the description of a table, if it still has the version that the client names. The old description goes to
/// the archive, unless the client skips that. After a crash between the two changes the archive holds the current
/// description as well.
pub(super) fn update(catalog: &mut Catalog, input: Update) -> CallResult {
    let mut table = input.table_input;
    let folded = required_name("tableInput.name", &mut table)?;
    let before = catalog.table(&input.database_name, &folded)?.entity.clone();
    let found = version(&before);
    if let Some(expected) = input.version_id.filter(|expected| *expected != found.to_string()) {
        return Err(GlueError::Version { table: folded, expected, found });
    }
    copy_fields(&before, &mut table, &["DatabaseName", "CatalogId", "CreateTime"]);
    table.insert("UpdateTime".to_owned(), catalog.now());
    table.insert("VersionId".to_owned(), (found + 1).to_string().into());
    if !input.skip_archive {
        catalog.change(Change::PutVersion(before))?;
    }
    catalog.change(Change::PutTable(table))?;
    empty()
}

pub(super) fn delete(catalog: &mut Catalog, input: Named) -> CallResult {
    drop_table(catalog, &input.database_name, &input.name)?;
    empty()
}

pub(super) fn batch_delete(catalog: &mut Catalog, input: BatchDelete) -> CallResult {
    check_list("tablesToDelete", &input.tables_to_delete, PAGE_MAX)?;
    catalog.database(&input.database_name)?;
    let count = input.tables_to_delete.len();
    let mut errors = Vec::new();
    for (index, table_name) in input.tables_to_delete.into_iter().enumerate() {
        let passed = catalog.check_entry(index, count);
        if let Err(error) = passed.and_then(|()| drop_table(catalog, &input.database_name, &table_name)) {
            errors.push(TableError { table_name, error_detail: error.detail() });
        }
    }
    respond(&json!({"Errors": errors}))
}

fn drop_table(catalog: &mut Catalog, database: &str, table: &str) -> Result<(), GlueError> {
    catalog.table(database, table)?;
    catalog.change(Change::DropTable { database: fold_name(database), table: fold_name(table) })
}
