//! The calls to Glue.

use std::collections::HashMap;
use std::ops::{Bound, RangeBounds};

use aws_sdk_glue::Client;
use aws_sdk_glue::error::ProvideErrorMetadata;
use aws_sdk_glue::types::{DatabaseInput, Partition, PartitionInput, StorageDescriptor, Table, TableInput};
use chrono::{DateTime, SecondsFormat, Utc};
use log_format::Hour;

use crate::tables::{self, JSON, PARQUET};
use crate::view::{self, VIEW};

/// Parameter of a Parquet partition: the ETag of the manifest that names its folder.
const MANIFEST_ETAG: &str = "manifest_etag";
/// Parameter of a Parquet partition: the time since when it names its folder, RFC 3339.
const SINCE: &str = "since";
/// Parameter of a Parquet partition: present, with any value, if the manifest has attempts that are not finished.
const UNFINISHED: &str = "unfinished";

/// A client of one Glue database, in our verbs.
#[derive(Debug, Clone)]
pub struct Catalog {
    glue: Client,
    database: String,
}

/// The result of making sure that something exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// This call created it.
    Created,
    /// It existed before.
    Existed,
}

/// What a Parquet partition says: where its files are, and which manifest it was set from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer {
    /// The folder of the files, with "/" at its end: `s3://<bucket>/parquet/YYYY/MM/DD/HH/<attempt>/`.
    pub location: String,
    /// ETag of the manifest in which the folder is live. Empty if somebody else made the partition, or changed how its
    /// files are read.
    pub manifest_etag: String,
    /// The time since when the partition names this folder.
    pub since: Option<DateTime<Utc>>,
    /// True if that manifest had attempts that were not finished.
    pub unfinished: bool,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Glue refused the call or could not be reached.
    #[error("failed to {verb} in Glue: {what}")]
    Glue {
        /// The attempted action, such as `create the table`.
        verb: &'static str,
        /// The thing that the action was attempted on.
        what: String,
        /// Glue's answer, or why there was none.
        #[source]
        source: Box<aws_sdk_glue::Error>,
    },
    /// A table that is not ours has the name of our view. It is never changed.
    #[error("{database}.{VIEW} is a table that is not ours; drop or rename it, or choose another database")]
    NameTaken {
        /// The name of the database.
        database: String,
    },
    /// A table does not exist, or has no storage descriptor that a partition could copy.
    #[error("{database}.{table} does not exist or has no storage descriptor; deploy the catalog again")]
    NoStorage {
        /// The name of the database.
        database: String,
        /// The name of the table.
        table: &'static str,
    },
}

impl CatalogError {
    /// The constant name of the kind of failure, for Lambda's `errorType`. What an operator can do depends on it.
    pub fn kind(&self) -> &'static str {
        match self {
            CatalogError::Glue { source, .. } if is_unavailable(source) => "GlueUnavailable",
            CatalogError::Glue { .. } => "GlueRefused",
            CatalogError::NameTaken { .. } => "ViewNameTaken",
            CatalogError::NoStorage { .. } => "TableMissing",
        }
    }
}

/// Codes by which Glue asks for another attempt later.
const UNAVAILABLE_CODES: [&str; 6] = [
    "InternalFailure",
    "InternalServiceException",
    "OperationTimeoutException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "ThrottlingException",
];

/// True if Glue gave no answer, or asked for another attempt later.
fn is_unavailable(error: &aws_sdk_glue::Error) -> bool {
    error.code().is_none_or(|code| UNAVAILABLE_CODES.contains(&code))
}

fn failed<E: Into<Box<aws_sdk_glue::Error>>>(
    verb: &'static str,
    what: impl Into<String>,
) -> impl FnOnce(E) -> CatalogError {
    let what = what.into();
    move |source| CatalogError::Glue { verb, what, source: source.into() }
}

impl Catalog {
    /// A catalog of the database of that name, by the client `glue`.
    pub fn new(glue: Client, database: impl Into<String>) -> Catalog {
        Catalog { glue, database: database.into() }
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Creates the database and the two tables if they are missing. On AWS the templates do this.
    pub async fn ensure_tables(&self, bucket: &str) -> Result<(), CatalogError> {
        let input = DatabaseInput::builder().name(&self.database).build();
        let input = input.map_err(aws_sdk_glue::Error::from).map_err(failed("name the database", &self.database))?;
        let created = self.glue.create_database().database_input(input).send().await;
        existed(created).map_err(failed("create the database", &self.database))?;
        for table in [tables::json_table(bucket), tables::parquet_table(bucket)] {
            let name = table.name.clone();
            let created = self.glue.create_table().database_name(&self.database).table_input(table).send().await;
            existed(created).map_err(failed("create the table", name))?;
        }
        Ok(())
    }

    /// True if the database or one of the two tables is missing.
    pub async fn is_gone(&self) -> Result<bool, CatalogError> {
        for name in [JSON, PARQUET] {
            if self.table(name).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Registers `hour` in the JSON table. Never changes a partition that exists.
    pub async fn ensure_json_partition(&self, hour: Hour) -> Result<Ensured, CatalogError> {
        let mut storage = self.storage(JSON).await?;
        let base = storage.location.take().unwrap_or_default();
        storage.location = Some(format!("{}/{}/", base.trim_end_matches('/'), hour.path()));
        self.create_partition(JSON, hour, storage, HashMap::new()).await
    }

    /// What the Parquet partition of `hour` says. `None` if there is no partition.
    pub async fn parquet_pointer(&self, hour: Hour) -> Result<Option<Pointer>, CatalogError> {
        let call = self.glue.get_partition().database_name(&self.database).table_name(PARQUET);
        let found = call.set_partition_values(Some(hour.partition_values().into())).send().await;
        match found.map_err(aws_sdk_glue::Error::from) {
            Ok(found) => Ok(found.partition.as_ref().map(pointer)),
            Err(aws_sdk_glue::Error::EntityNotFoundException(_)) => Ok(None),
            Err(error) => Err(failed("get the partition", partition_name(PARQUET, hour))(error)),
        }
    }

    /// Sets the Parquet partition of `hour` to `pointer`, whatever it said before.
    ///
    /// Glue has no conditional write, so `may_write` is asked right before each write. Returns false if it said no.
    pub async fn point_parquet(
        &self,
        hour: Hour,
        pointer: &Pointer,
        may_write: &(dyn Fn() -> bool + Sync),
    ) -> Result<bool, CatalogError> {
        let mut storage = self.storage(PARQUET).await?;
        storage.location = Some(pointer.location.clone());
        let parameters = parameters(pointer);
        if !may_write() {
            return Ok(false);
        }
        let created = self.create_partition(PARQUET, hour, storage.clone(), parameters.clone()).await?;
        if created == Ensured::Created {
            return Ok(true);
        }
        if !may_write() {
            return Ok(false);
        }
        let values = hour.partition_values();
        let call = self.glue.update_partition().database_name(&self.database).table_name(PARQUET);
        let call = call.set_partition_value_list(Some(values.into()));
        let updated = call.partition_input(partition_input(hour, storage, parameters)).send().await;
        updated
            .map(|_| true)
            .map_err(aws_sdk_glue::Error::from)
            .map_err(failed("update the partition", partition_name(PARQUET, hour)))
    }

    /// What the Parquet partitions say, for all hours of the dates that `hours` touches.
    pub async fn parquet_pointers(
        &self,
        hours: impl RangeBounds<Hour>,
    ) -> Result<HashMap<Hour, Pointer>, CatalogError> {
        let partitions = self.partitions(PARQUET, hours).await?;
        Ok(partitions.iter().filter_map(|partition| Some((hour_of(partition)?, pointer(partition)))).collect())
    }

    /// The hours with a partition of the JSON table, of all dates that `hours` touches.
    pub async fn json_hours(&self, hours: impl RangeBounds<Hour>) -> Result<Vec<Hour>, CatalogError> {
        Ok(self.partitions(JSON, hours).await?.iter().filter_map(hour_of).collect())
    }

    /// The table or view of that name. `None` if it does not exist.
    pub async fn table(&self, name: &str) -> Result<Option<Table>, CatalogError> {
        let found = self.glue.get_table().database_name(&self.database).name(name).send().await;
        match found.map_err(aws_sdk_glue::Error::from) {
            Ok(found) => Ok(found.table),
            Err(aws_sdk_glue::Error::EntityNotFoundException(_)) => Ok(None),
            Err(error) => Err(failed("get the table", name)(error)),
        }
    }

    /// The partitions of a table, of all dates that `hours` touches.
    pub async fn partitions(&self, table: &str, hours: impl RangeBounds<Hour>) -> Result<Vec<Partition>, CatalogError> {
        let call = self.glue.get_partitions().database_name(&self.database).table_name(table);
        let call = call.set_expression(of_dates(&hours)).max_results(1000);
        let mut pages = call.into_paginator().send();
        let mut partitions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(aws_sdk_glue::Error::from).map_err(failed("list the partitions", table))?;
            partitions.extend(page.partitions.unwrap_or_default());
        }
        Ok(partitions)
    }

    /// Reads the view as it is stored. `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// If Glue fails, or if a table that is not ours has the name of the view.
    pub async fn view(&self) -> Result<Option<Table>, CatalogError> {
        match self.table(VIEW).await? {
            Some(table) if !view::is_ours(&table) => Err(CatalogError::NameTaken { database: self.database.clone() }),
            found => Ok(found),
        }
    }

    /// Makes the view read Parquet up to `watermark`. Does nothing if it does so already.
    ///
    /// `stored` is the view as it was read before the watermark was. Glue's VersionId then refuses a slower writer with
    /// an older watermark.
    pub async fn set_view(&self, stored: Option<&Table>, watermark: Hour) -> Result<(), CatalogError> {
        let input = view::table(&self.database, watermark);
        match stored {
            None => self.create_view(input).await,
            Some(table) if table.view_original_text() == input.view_original_text() => Ok(()),
            Some(table) => self.update_view(input, table.version_id()).await,
        }
    }

    async fn create_view(&self, input: TableInput) -> Result<(), CatalogError> {
        let created = self.glue.create_table().database_name(&self.database).table_input(input).send().await;
        // If another run has created it in the meantime, the next tick brings it up to date.
        existed(created).map(|_| ()).map_err(failed("create the view", VIEW))
    }

    async fn update_view(&self, input: TableInput, version: Option<&str>) -> Result<(), CatalogError> {
        let call = self.glue.update_table().database_name(&self.database).table_input(input).skip_archive(true);
        let updated = call.set_version_id(version.map(str::to_string)).send().await;
        match updated.map_err(aws_sdk_glue::Error::from) {
            // Another run has changed the view in the meantime. The next tick gives it the newest watermark.
            Ok(_) | Err(aws_sdk_glue::Error::ConcurrentModificationException(_)) => Ok(()),
            Err(error) => Err(failed("update the view", VIEW)(error)),
        }
    }

    async fn storage(&self, table: &'static str) -> Result<StorageDescriptor, CatalogError> {
        let found = self.table(table).await?;
        let storage = found.and_then(|table| table.storage_descriptor);
        storage.ok_or_else(|| CatalogError::NoStorage { database: self.database.clone(), table })
    }

    async fn create_partition(
        &self,
        table: &'static str,
        hour: Hour,
        storage: StorageDescriptor,
        parameters: HashMap<String, String>,
    ) -> Result<Ensured, CatalogError> {
        let input = partition_input(hour, storage, parameters);
        let call = self.glue.create_partition().database_name(&self.database).table_name(table);
        let created = call.partition_input(input).send().await;
        existed(created).map_err(failed("create the partition", partition_name(table, hour)))
    }
}

/// Takes "already exists" for success, because every step may run twice.
fn existed<T, E: Into<aws_sdk_glue::Error>>(created: Result<T, E>) -> Result<Ensured, Box<aws_sdk_glue::Error>> {
    match created.map_err(Into::into) {
        Ok(_) => Ok(Ensured::Created),
        Err(aws_sdk_glue::Error::AlreadyExistsException(_)) => Ok(Ensured::Existed),
        Err(error) => Err(Box::new(error)),
    }
}

fn partition_input(hour: Hour, storage: StorageDescriptor, parameters: HashMap<String, String>) -> PartitionInput {
    let input = PartitionInput::builder().set_values(Some(hour.partition_values().into()));
    input.storage_descriptor(storage).set_parameters(Some(parameters)).build()
}

fn partition_name(table: &str, hour: Hour) -> String {
    format!("{table} {hour}")
}

fn hour_of(partition: &Partition) -> Option<Hour> {
    Hour::from_partition_values(partition.values())
}

/// Glue's filter of partitions by the dates that `hours` touches. It does not filter by hour.
fn of_dates(hours: &impl RangeBounds<Hour>) -> Option<String> {
    let bound = |sign: &str, bound: Bound<&Hour>| match bound {
        Bound::Included(hour) | Bound::Excluded(hour) => Some(format!("date {sign} '{}'", hour.date())),
        Bound::Unbounded => None,
    };
    let bounds: Vec<String> =
        [bound(">=", hours.start_bound()), bound("<=", hours.end_bound())].into_iter().flatten().collect();
    (!bounds.is_empty()).then(|| bounds.join(" AND "))
}

fn pointer(partition: &Partition) -> Pointer {
    let parameter = |name| partition.parameters().and_then(|parameters| parameters.get(name)).cloned();
    let storage = partition.storage_descriptor();
    let as_made = storage.is_some_and(tables::reads_parquet);
    Pointer {
        location: storage.and_then(StorageDescriptor::location).unwrap_or_default().to_string(),
        manifest_etag: parameter(MANIFEST_ETAG).filter(|_| as_made).unwrap_or_default(),
        since: parameter(SINCE).and_then(|time| time.parse().ok()),
        unfinished: parameter(UNFINISHED).is_some(),
    }
}

fn parameters(pointer: &Pointer) -> HashMap<String, String> {
    let etag = (MANIFEST_ETAG.to_string(), pointer.manifest_etag.clone());
    let since = pointer.since.map(|time| (SINCE.to_string(), time.to_rfc3339_opts(SecondsFormat::Millis, true)));
    let unfinished = pointer.unfinished.then(|| (UNFINISHED.to_string(), "true".to_string()));
    std::iter::once(etag).chain(since).chain(unfinished).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_glue::error::ErrorMetadata;
    use aws_sdk_glue::operation::get_table::GetTableError;

    use super::*;

    fn glue(code: Option<&str>) -> CatalogError {
        let mut meta = ErrorMetadata::builder();
        if let Some(code) = code {
            meta = meta.code(code);
        }
        failed("get the table", JSON)(aws_sdk_glue::Error::from(GetTableError::generic(meta.build())))
    }

    #[test]
    fn tells_what_failed_from_what_may_work_later() {
        assert_eq!(glue(None).kind(), "GlueUnavailable", "no answer has no code");
        assert_eq!(glue(Some("ThrottlingException")).kind(), "GlueUnavailable");
        assert_eq!(glue(Some("InternalServiceException")).kind(), "GlueUnavailable");
        assert_eq!(glue(Some("AccessDeniedException")).kind(), "GlueRefused");
        assert_eq!(glue(Some("InvalidInputException")).kind(), "GlueRefused");
        assert_eq!(CatalogError::NameTaken { database: "logs".to_owned() }.kind(), "ViewNameTaken");
        assert_eq!(CatalogError::NoStorage { database: "logs".to_owned(), table: JSON }.kind(), "TableMissing");
    }
}
