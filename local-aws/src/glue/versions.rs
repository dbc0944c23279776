//! The calls about the versions of a table.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bounds::check_list;
use super::catalog::{Catalog, Change, Entity, fold, name, version};
use super::error::{ErrorDetail, GlueError};
use super::page::{Asked, page};
use super::{Reply, done, reply};

/// What Glue lists, and deletes, at once.
const PAGE_MAX: usize = 100;

/// The table that a call is about.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Of {
    database_name: String,
    table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    #[serde(flatten)]
    of: Of,
    version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    #[serde(flatten)]
    of: Of,
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    #[serde(flatten)]
    of: Of,
    version_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDelete {
    #[serde(flatten)]
    of: Of,
    version_ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VersionError {
    table_name: String,
    version_id: String,
    error_detail: ErrorDetail,
}

/// The version asked for; the newest where none is.
pub(super) fn get(catalog: &mut Catalog, input: Get) -> Reply {
    let table = catalog.table(&input.of.database_name, &input.of.table_name)?;
    let wanted = match &input.version_id {
        Some(text) => number(text)?,
        None => version(&table.about),
    };
    let versions = table.versions();
    let found = versions.get(&Reverse(wanted)).ok_or_else(|| missing(wanted))?;
    reply(&json!({"TableVersion": shown(found)}))
}

/// The versions there are, the newest first.
pub(super) fn list(catalog: &mut Catalog, input: List) -> Reply {
    let versions = catalog.table(&input.of.database_name, &input.of.table_name)?.versions();
    let asked = Asked { token: input.next_token.as_deref(), max: input.max_results, limit: PAGE_MAX };
    let (versions, token) = page(&versions, &asked, |_| true)?;
    let versions: Vec<Value> = versions.into_iter().map(|version| shown(version)).collect();
    reply(&json!({"TableVersions": versions, "NextToken": token}))
}

pub(super) fn delete(catalog: &mut Catalog, input: Delete) -> Reply {
    delete_one(catalog, &input.of, &input.version_id)?;
    done()
}

pub(super) fn batch_delete(catalog: &mut Catalog, input: BatchDelete) -> Reply {
    check_list("versionIds", &input.version_ids, PAGE_MAX)?;
    catalog.table(&input.of.database_name, &input.of.table_name)?;
    let count = input.version_ids.len();
    let mut errors = Vec::new();
    for (index, version_id) in input.version_ids.into_iter().enumerate() {
        let passed = catalog.let_entry_pass(index, count);
        if let Err(error) = passed.and_then(|()| delete_one(catalog, &input.of, &version_id)) {
            let table_name = input.of.table_name.clone();
            errors.push(VersionError { table_name, version_id, error_detail: error.detail() });
        }
    }
    reply(&json!({"Errors": errors}))
}

/// Takes a version out of the archive. The table's own can't be.
fn delete_one(catalog: &mut Catalog, of: &Of, version_id: &str) -> Result<(), GlueError> {
    let wanted = number(version_id)?;
    let table = catalog.table(&of.database_name, &of.table_name)?;
    if wanted == version(&table.about) {
        return Err(GlueError::Invalid(format!("version {wanted} is the current one and can't be deleted")));
    }
    if !table.archive.contains_key(&Reverse(wanted)) {
        return Err(missing(wanted));
    }
    let (database, table) = (fold(&of.database_name), fold(&of.table_name));
    catalog.change(Change::DropVersion { database, table, version: wanted })
}

fn number(version_id: &str) -> Result<u64, GlueError> {
    version_id.parse().map_err(|_| GlueError::Invalid(format!("{version_id:?} is not the number of a version")))
}

fn missing(version: u64) -> GlueError {
    GlueError::NotFound(format!("Table version {version}"))
}

fn shown(table: &Entity) -> Value {
    json!({"Table": table, "VersionId": name(table, "VersionId")})
}
