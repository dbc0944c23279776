//! The calls to Glue.

use std::collections::BTreeMap;
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

use aws_sdk_glue::Client;
use aws_sdk_glue::config::timeout::TimeoutConfig;
use aws_sdk_glue::error::ProvideErrorMetadata;
use aws_sdk_glue::types::{DatabaseInput, Partition, PartitionInput, Table, TableInput};
use log_format::Hour;

use crate::definition::{Columns, table_differences};
use crate::partition::{self, ParquetKey, Pointer};
use crate::tables::{self, DAILY, JSON, PARQUET};
use crate::view::{self, VIEW, Watermarks};

/// The tables, in the order of their definitions.
const TABLES: [&str; 3] = [JSON, PARQUET, DAILY];

/// A client of one Glue database whose tables are over one bucket, in our verbs.
#[derive(Debug, Clone)]
pub struct Catalog {
    glue: Client,
    database: String,
    bucket: String,
}

/// The result of making sure that something exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// This call created it.
    Created,
    /// It existed before.
    Existed,
}

/// How the tables in Glue are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TablesState {
    /// The tables that do not exist.
    pub missing: Vec<&'static str>,
    /// What differs between the others and our definitions, a sentence each that begins with the table.
    pub differences: Vec<String>,
}

/// The partitions of a table.
#[derive(Debug, Clone)]
pub struct Partitions<T, K = Hour> {
    /// What the partition of each hour or day says.
    pub by_key: BTreeMap<K, T>,
    /// What differs between a partition and our definition, a sentence each. Nearly all have no entry.
    pub differences: BTreeMap<K, Vec<String>>,
    /// The values of the partitions that are of no hour or day.
    pub of_none: Vec<Vec<String>>,
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
    /// A table does not exist, or its database does not.
    #[error("{database}.{table} does not exist; deploy the catalog again")]
    TableMissing {
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
            CatalogError::TableMissing { .. } => "TableMissing",
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
    /// A catalog of the database of that name over `bucket`, by the client `glue`.
    pub fn new(glue: Client, database: impl Into<String>, bucket: impl Into<String>) -> Catalog {
        Catalog { glue, database: database.into(), bucket: bucket.into() }
    }

    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Creates the database and the tables if they are missing. On AWS the templates do this.
    pub async fn ensure_tables(&self) -> Result<(), CatalogError> {
        let input = DatabaseInput::builder().name(&self.database).build();
        let input = input.map_err(aws_sdk_glue::Error::from).map_err(failed("name the database", &self.database))?;
        let created = self.glue.create_database().database_input(input).send().await;
        existed(created).map_err(failed("create the database", &self.database))?;
        for table in self.definitions() {
            let name = table.name.clone();
            let created = self.glue.create_table().database_name(&self.database).table_input(table).send().await;
            existed(created).map_err(failed("create the table", name))?;
        }
        Ok(())
    }

    /// Whether the tables exist, and whether they are as we define them.
    pub async fn tables(&self) -> Result<TablesState, CatalogError> {
        let mut state = TablesState::default();
        for (name, ours) in TABLES.into_iter().zip(self.definitions()) {
            match self.table(name).await? {
                None => state.missing.push(name),
                Some(found) => {
                    let differences = table_differences(&found, &ours);
                    state.differences.extend(differences.into_iter().map(|what| format!("{name}: {what}")));
                }
            }
        }
        Ok(state)
    }

    /// Makes the tables that are missing, and those that differ from our definition as we define them. A tick does not:
    /// an older compactor would take back a column that an upgrade has added.
    pub async fn repair_tables(&self) -> Result<(), CatalogError> {
        self.ensure_tables().await?;
        for input in self.definitions() {
            let name = input.name().to_string();
            let Some(found) = self.table(&name).await? else { continue };
            if table_differences(&found, &input).is_empty() {
                continue;
            }
            let call = self.glue.update_table().database_name(&self.database).table_input(input);
            let updated = call.set_version_id(found.version_id).send().await;
            updated.map_err(aws_sdk_glue::Error::from).map_err(failed("update the table", name))?;
        }
        Ok(())
    }

    /// Registers `hour` in the JSON table. Never changes a partition that exists.
    pub async fn ensure_json_partition(&self, hour: Hour) -> Result<Ensured, CatalogError> {
        self.create_partition(JSON, partition::json_input(hour, &self.bucket), None).await
    }

    /// Makes the JSON partition of `hour`, which exists, as we define it.
    pub async fn repair_json_partition(&self, hour: Hour) -> Result<(), CatalogError> {
        self.update_partition(JSON, partition::json_input(hour, &self.bucket)).await
    }

    /// Deletes a partition. Success if there is none.
    pub async fn delete_partition(&self, table: &'static str, values: &[String]) -> Result<(), CatalogError> {
        let call = self.glue.delete_partition().database_name(&self.database).table_name(table);
        let deleted = call.set_partition_values(Some(values.to_vec())).send().await;
        match deleted.map_err(aws_sdk_glue::Error::from) {
            Ok(_) | Err(aws_sdk_glue::Error::EntityNotFoundException(_)) => Ok(()),
            Err(error) => Err(failed("delete the partition", partition_name(table, values))(error)),
        }
    }

    /// What the Parquet partition of an hour or a day says. `None` if there is no partition.
    pub async fn pointer<K: ParquetKey>(&self, key: K) -> Result<Option<Pointer>, CatalogError> {
        let call = self.glue.get_partition().database_name(&self.database).table_name(K::TABLE);
        let found = call.set_partition_values(Some(key.values())).send().await;
        let table = K::table(&self.bucket);
        let pointer = |partition: &Partition| {
            let differences = partition::parquet_differences(partition, &table, Columns::Compared);
            Pointer::of(partition, differences.is_empty())
        };
        match found.map_err(aws_sdk_glue::Error::from) {
            Ok(found) => Ok(found.partition.as_ref().map(pointer)),
            Err(aws_sdk_glue::Error::EntityNotFoundException(_)) => Ok(None),
            Err(error) => Err(failed("get the partition", partition_name(K::TABLE, &key.values()))(error)),
        }
    }

    /// Makes the Parquet partition of an hour or a day, with what `pointer` says. Returns false if there is one.
    ///
    /// The call is given up `within` this time, retries included.
    pub async fn create_pointer<K: ParquetKey>(
        &self,
        key: K,
        pointer: &Pointer,
        within: Duration,
    ) -> Result<bool, CatalogError> {
        let input = partition::parquet_input(key, pointer, &self.bucket);
        Ok(self.create_partition(K::TABLE, input, Some(within)).await? == Ensured::Created)
    }

    /// Sets the Parquet partition of an hour or a day to `pointer`, whatever it said before: Glue has no conditional write. Returns
    /// false if there is none.
    ///
    /// The call is given up `within` this time, retries included.
    pub async fn update_pointer<K: ParquetKey>(
        &self,
        key: K,
        pointer: &Pointer,
        within: Duration,
    ) -> Result<bool, CatalogError> {
        let input = partition::parquet_input(key, pointer, &self.bucket);
        let name = partition_name(K::TABLE, input.values());
        let call = self.glue.update_partition().database_name(&self.database).table_name(K::TABLE);
        let call = call.set_partition_value_list(input.values.clone()).partition_input(input);
        let updated = call.customize().config_override(bounded(within)).send().await;
        match updated.map_err(aws_sdk_glue::Error::from) {
            Ok(_) => Ok(true),
            Err(aws_sdk_glue::Error::EntityNotFoundException(_)) => Ok(false),
            Err(error) => Err(failed("update the partition", name)(error)),
        }
    }

    /// What the Parquet partitions of hours or days say, for all of the dates that `keys` touches.
    pub async fn parquet_partitions<K: ParquetKey>(
        &self,
        keys: impl RangeBounds<K>,
        columns: Columns,
    ) -> Result<Partitions<Pointer, K>, CatalogError> {
        let table = K::table(&self.bucket);
        let read = |_, partition: &Partition| {
            let differences = partition::parquet_differences(partition, &table, columns);
            (Pointer::of(partition, differences.is_empty()), differences)
        };
        self.partitions_by_key(K::TABLE, keys, columns, read).await
    }

    /// The JSON partitions, for all hours of the dates that `hours` touches.
    pub async fn json_partitions(
        &self,
        hours: impl RangeBounds<Hour>,
        columns: Columns,
    ) -> Result<Partitions<()>, CatalogError> {
        let table = tables::json_table(&self.bucket);
        let read = |hour, partition: &Partition| {
            let differences = partition::json_differences(hour, partition, (&table, &self.bucket), columns);
            ((), differences)
        };
        self.partitions_by_key(JSON, hours, columns, read).await
    }

    /// What the Parquet partitions of hours or days say, for all of the dates that `keys` touches. Their columns are not looked
    /// at.
    pub async fn pointers<K: ParquetKey>(
        &self,
        keys: impl RangeBounds<K>,
    ) -> Result<BTreeMap<K, Pointer>, CatalogError> {
        Ok(self.parquet_partitions(keys, Columns::LeftOut).await?.by_key)
    }

    /// The hours with a partition of the JSON table, of all dates that `hours` touches, in order.
    pub async fn json_hours(&self, hours: impl RangeBounds<Hour>) -> Result<Vec<Hour>, CatalogError> {
        Ok(self.json_partitions(hours, Columns::LeftOut).await?.by_key.into_keys().collect())
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

    /// The partitions of a table, of all dates that `keys` touches.
    pub async fn partitions<K: ParquetKey>(
        &self,
        table: &str,
        keys: impl RangeBounds<K>,
        columns: Columns,
    ) -> Result<Vec<Partition>, CatalogError> {
        let mut partitions = Vec::new();
        self.walk(table, keys, columns, |partition| partitions.push(partition)).await?;
        Ok(partitions)
    }

    /// What `read` says of each partition. Never more than a page of them is held: there may be years of hours.
    async fn partitions_by_key<T, K: ParquetKey>(
        &self,
        table: &str,
        keys: impl RangeBounds<K>,
        columns: Columns,
        read: impl Fn(K, &Partition) -> (T, Vec<String>),
    ) -> Result<Partitions<T, K>, CatalogError> {
        let mut found = Partitions { by_key: BTreeMap::new(), differences: BTreeMap::new(), of_none: Vec::new() };
        self.walk(table, keys, columns, |partition| found.add(&partition, &read)).await?;
        Ok(found)
    }

    /// Hands over each partition, page by page. Without columns a page is a third as long.
    async fn walk<K: ParquetKey>(
        &self,
        table: &str,
        keys: impl RangeBounds<K>,
        columns: Columns,
        mut take: impl FnMut(Partition),
    ) -> Result<(), CatalogError> {
        let call = self.glue.get_partitions().database_name(&self.database).table_name(table);
        let call = call.exclude_column_schema(columns == Columns::LeftOut);
        let call = call.set_expression(of_dates(&keys)).max_results(1000);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(aws_sdk_glue::Error::from).map_err(failed("list the partitions", table))?;
            page.partitions.unwrap_or_default().into_iter().for_each(&mut take);
        }
        Ok(())
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

    /// Makes the view read up to `watermarks`. Does nothing if it does so already. Returns true if it repaired a view
    /// that was not as any run of ours leaves it.
    ///
    /// `stored` is the view as it was read before the watermark was. Glue's VersionId then refuses a slower writer with
    /// older watermarks.
    pub async fn set_view(&self, stored: Option<&Table>, watermarks: Watermarks) -> Result<bool, CatalogError> {
        let input = view::table(&self.database, watermarks);
        match stored {
            None => self.create_view(input).await.map(|()| false),
            Some(table) if table_differences(table, &input).is_empty() => Ok(false),
            Some(table) => {
                let repairs = !view::is_as_made(table, &self.database);
                self.update_view(input, table.version_id()).await.map(|()| repairs)
            }
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

    fn definitions(&self) -> [TableInput; TABLES.len()] {
        let bucket = &self.bucket;
        [tables::json_table(bucket), tables::parquet_table(bucket), tables::daily_table(bucket)]
    }

    /// The call is given up `within` this time, if one is given.
    async fn create_partition(
        &self,
        table: &'static str,
        input: PartitionInput,
        within: Option<Duration>,
    ) -> Result<Ensured, CatalogError> {
        let name = partition_name(table, input.values());
        let call = self.glue.create_partition().database_name(&self.database).table_name(table);
        let call = call.partition_input(input).customize();
        let call = match within {
            Some(within) => call.config_override(bounded(within)),
            None => call,
        };
        let created = existed(call.send().await);
        created.map_err(|error| self.partition_error("create the partition", table, name, error))
    }

    async fn update_partition(&self, table: &'static str, input: PartitionInput) -> Result<(), CatalogError> {
        let name = partition_name(table, input.values());
        let call = self.glue.update_partition().database_name(&self.database).table_name(table);
        let call = call.set_partition_value_list(input.values.clone());
        let updated = call.partition_input(input).send().await.map_err(aws_sdk_glue::Error::from);
        updated.map(|_| ()).map_err(failed("update the partition", name))
    }

    fn partition_error(
        &self,
        verb: &'static str,
        table: &'static str,
        name: String,
        error: Box<aws_sdk_glue::Error>,
    ) -> CatalogError {
        match *error {
            aws_sdk_glue::Error::EntityNotFoundException(_) => {
                CatalogError::TableMissing { database: self.database.clone(), table }
            }
            _ => failed(verb, name)(error),
        }
    }
}

/// The configuration of a call that is given up within this time.
fn bounded(within: Duration) -> aws_sdk_glue::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_timeout(within).operation_attempt_timeout(within).build();
    aws_sdk_glue::config::Config::builder().timeout_config(timeouts)
}

/// Takes "already exists" for success, because every step may run twice.
fn existed<T, E: Into<aws_sdk_glue::Error>>(created: Result<T, E>) -> Result<Ensured, Box<aws_sdk_glue::Error>> {
    match created.map_err(Into::into) {
        Ok(_) => Ok(Ensured::Created),
        Err(aws_sdk_glue::Error::AlreadyExistsException(_)) => Ok(Ensured::Existed),
        Err(error) => Err(Box::new(error)),
    }
}

impl<T, K: ParquetKey> Partitions<T, K> {
    fn add(&mut self, partition: &Partition, read: impl Fn(K, &Partition) -> (T, Vec<String>)) {
        let Some(key) = K::of_values(partition.values()) else {
            self.of_none.push(partition.values().to_vec());
            return;
        };
        let (says, differences) = read(key, partition);
        self.by_key.insert(key, says);
        if !differences.is_empty() {
            self.differences.insert(key, differences);
        }
    }
}

fn partition_name(table: &str, values: &[String]) -> String {
    format!("{table} {}", values.join(" "))
}

/// Glue's filter of partitions by the dates that `keys` touches. It does not filter by hour.
fn of_dates<K: ParquetKey>(keys: &impl RangeBounds<K>) -> Option<String> {
    let bound = |sign: &str, bound: Bound<&K>| match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(format!("date {sign} '{}'", key.date())),
        Bound::Unbounded => None,
    };
    let bounds: Vec<String> =
        [bound(">=", keys.start_bound()), bound("<=", keys.end_bound())].into_iter().flatten().collect();
    (!bounds.is_empty()).then(|| bounds.join(" AND "))
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
        assert_eq!(CatalogError::TableMissing { database: "logs".to_owned(), table: JSON }.kind(), "TableMissing");
    }
}
