//! The calls for databases.

use serde::Deserialize;
use serde_json::json;

use super::response::{CallResult, empty, respond};
use crate::names::ACCOUNT;
use crate::services::glue::bounds::required_name;
use crate::services::glue::catalog::{Catalog, Change, Entity, copy_fields, fold_name, name};
use crate::services::glue::error::GlueError;
use crate::services::glue::page::{PageRequest, page};

/// The most databases in one page.
const PAGE_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    database_input: Entity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    next_token: Option<String>,
    max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Update {
    name: String,
    database_input: Entity,
}

pub(super) fn create(catalog: &mut Catalog, input: Create) -> CallResult {
    let mut database = input.database_input;
    let folded = required_name("databaseInput.name", &mut database)?;
    if catalog.databases().contains_key(&folded) {
        return Err(GlueError::Exists("Database"));
    }
    database.insert("CreateTime".to_owned(), catalog.now());
    database.insert("CatalogId".to_owned(), ACCOUNT.into());
    catalog.change(Change::PutDatabase(database))?;
    empty()
}

pub(super) fn get(catalog: &mut Catalog, input: Named) -> CallResult {
    respond(&json!({"Database": catalog.database(&input.name)?.entity}))
}

pub(super) fn list(catalog: &mut Catalog, input: List) -> CallResult {
    let request = PageRequest { token: input.next_token.as_deref(), max: input.max_results, limit: PAGE_MAX };
    let (databases, token) = page(catalog.databases(), &request, |_| true)?;
    let databases: Vec<&Entity> = databases.into_iter().map(|database| &database.entity).collect();
    respond(&json!({"DatabaseList": databases, "NextToken": token}))
}

pub(super) fn update(catalog: &mut Catalog, input: Update) -> CallResult {
    let before = &catalog.database(&input.name)?.entity;
    let mut database = input.database_input;
    if required_name("databaseInput.name", &mut database)? != fold_name(&input.name) {
        return Err(GlueError::Invalid(format!("database {} can't be renamed", input.name)));
    }
    copy_fields(before, &mut database, &["CreateTime", "CatalogId"]);
    catalog.change(Change::PutDatabase(database))?;
    empty()
}

pub(super) fn delete(catalog: &mut Catalog, input: Named) -> CallResult {
    let database = name(&catalog.database(&input.name)?.entity, "Name");
    catalog.change(Change::DropDatabase { database })?;
    empty()
}
