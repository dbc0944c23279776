//! Glue's catalog over its JSON protocol: databases, tables and partitions, kept as the JSON the client sent.

mod bounds;
mod catalog;
mod databases;
mod datum;
mod error;
mod expression;
mod page;
mod partitions;
mod statistics;
mod tables;
mod versions;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use s3s::{Body, HttpError};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::catalog::CATALOG_ID;
use self::catalog::Catalog;
use self::error::GlueError;
pub(crate) use self::error::body as error_body;
use crate::Clock;
use crate::journal::JournalError;
use crate::seam::FailEntry;

/// Of every answer.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The Glue service.
pub(crate) struct Glue {
    /// One call at a time, never across an await.
    catalog: Mutex<Catalog>,
}

/// The body of an answer.
type Reply = Result<Vec<u8>, GlueError>;

impl Glue {
    pub(crate) fn open(journal: &Path, clock: Clock) -> Result<Glue, JournalError> {
        Ok(Glue { catalog: Mutex::new(Catalog::open(journal, clock)?) })
    }

    /// Answers a call, whose input is `body`. An entry of a batch may be told to fail.
    pub(crate) fn answer(
        &self,
        call: &str,
        body: &Bytes,
        entry: Option<FailEntry>,
    ) -> Result<Response<Body>, HttpError> {
        let mut catalog = self.catalog.lock().unwrap_or_else(PoisonError::into_inner);
        catalog.failing = entry;
        let (status, text) = match route(&mut catalog, call, body) {
            Ok(text) => (StatusCode::OK, text),
            Err(error) => (error.status(), error.body()),
        };
        let response = Response::builder().status(status).header(header::CONTENT_TYPE, CONTENT_TYPE);
        response.body(Body::from(text)).map_err(|error| HttpError::new(error.into()))
    }
}

/// The calls there are.
fn route(catalog: &mut Catalog, call: &str, body: &Bytes) -> Reply {
    match call {
        "CreateDatabase" => databases::create(catalog, read(body)?),
        "GetDatabase" => databases::get(catalog, read(body)?),
        "GetDatabases" => databases::list(catalog, read(body)?),
        "UpdateDatabase" => databases::update(catalog, read(body)?),
        "DeleteDatabase" => databases::delete(catalog, read(body)?),
        "CreateTable" => tables::create(catalog, read(body)?),
        "GetTable" => tables::get(catalog, read(body)?),
        "GetTables" => tables::list(catalog, read(body)?),
        "UpdateTable" => tables::update(catalog, read(body)?),
        "DeleteTable" => tables::delete(catalog, read(body)?),
        "BatchDeleteTable" => tables::batch_delete(catalog, read(body)?),
        "GetTableVersion" => versions::get(catalog, read(body)?),
        "GetTableVersions" => versions::list(catalog, read(body)?),
        "DeleteTableVersion" => versions::delete(catalog, read(body)?),
        "BatchDeleteTableVersion" => versions::batch_delete(catalog, read(body)?),
        "CreatePartition" => partitions::create(catalog, read(body)?),
        "BatchCreatePartition" => partitions::batch_create(catalog, read(body)?),
        "GetPartition" => partitions::get(catalog, read(body)?),
        "BatchGetPartition" => partitions::batch_get(catalog, read(body)?),
        "GetPartitions" => partitions::list(catalog, read(body)?),
        "UpdatePartition" => partitions::update(catalog, read(body)?),
        "BatchUpdatePartition" => partitions::batch_update(catalog, read(body)?),
        "DeletePartition" => partitions::delete(catalog, read(body)?),
        "BatchDeletePartition" => partitions::batch_delete(catalog, read(body)?),
        "GetPartitionIndexes" => statistics::indexes(catalog, read(body)?),
        "GetUserDefinedFunctions" => statistics::functions(catalog, read(body)?),
        "GetColumnStatisticsForTable" | "GetColumnStatisticsForPartition" => statistics::get(catalog, read(body)?),
        "UpdateColumnStatisticsForTable" | "UpdateColumnStatisticsForPartition" => {
            statistics::update(catalog, read(body)?)
        }
        "DeleteColumnStatisticsForTable" | "DeleteColumnStatisticsForPartition" => {
            statistics::delete(catalog, read(body)?)
        }
        _ => Err(GlueError::UnknownCall(call.to_owned())),
    }
}

fn read<I: DeserializeOwned>(body: &Bytes) -> Result<I, GlueError> {
    serde_json::from_slice(body).map_err(|error| GlueError::Invalid(error.to_string()))
}

fn reply(answer: &impl Serialize) -> Reply {
    serde_json::to_vec(answer).map_err(GlueError::Encode)
}

/// The answer of a call that has nothing to say.
fn done() -> Reply {
    Ok(b"{}".to_vec())
}
