//! The calls of Glue.

mod databases;
mod partitions;
mod response;
mod statistics;
mod tables;
mod versions;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use self::response::CallResult;
use super::catalog::Catalog;
use super::error::GlueError;

/// Carries out the call `call` with the input `body`.
pub(super) fn route(catalog: &mut Catalog, call: &str, body: &Bytes) -> CallResult {
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
