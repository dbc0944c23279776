//! The calls about databases.

use serde::Deserialize;
use serde_json::json;

use super::bounds::required_name;
use super::catalog::{CATALOG_ID, Catalog, Change, Entity, fold, keep, name};
use super::error::GlueError;
use super::page::{Asked, page};
use super::{Reply, done, reply};

/// What Glue lists at once.
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

pub(super) fn create(catalog: &mut Catalog, input: Create) -> Reply {
    let mut database = input.database_input;
    let folded = required_name("databaseInput.name", &mut database)?;
    if catalog.databases().contains_key(&folded) {
        return Err(GlueError::Exists("Database"));
    }
    database.insert("CreateTime".to_owned(), catalog.now());
    database.insert("CatalogId".to_owned(), CATALOG_ID.into());
    catalog.change(Change::PutDatabase(database))?;
    done()
}

pub(super) fn get(catalog: &mut Catalog, input: Named) -> Reply {
    reply(&json!({"Database": catalog.database(&input.name)?.about}))
}

pub(super) fn list(catalog: &mut Catalog, input: List) -> Reply {
    let asked = Asked { token: input.next_token.as_deref(), max: input.max_results, limit: PAGE_MAX };
    let (databases, token) = page(catalog.databases(), &asked, |_| true)?;
    let databases: Vec<&Entity> = databases.into_iter().map(|database| &database.about).collect();
    reply(&json!({"DatabaseList": databases, "NextToken": token}))
}

pub(super) fn update(catalog: &mut Catalog, input: Update) -> Reply {
    let before = &catalog.database(&input.name)?.about;
    let mut database = input.database_input;
    if required_name("databaseInput.name", &mut database)? != fold(&input.name) {
        return Err(GlueError::Invalid(format!("database {} can't be renamed", input.name)));
    }
    keep(before, &mut database, &["CreateTime", "CatalogId"]);
    catalog.change(Change::PutDatabase(database))?;
    done()
}

pub(super) fn delete(catalog: &mut Catalog, input: Named) -> Reply {
    let database = name(&catalog.database(&input.name)?.about, "Name");
    catalog.change(Change::DropDatabase { database })?;
    done()
}
