//! The calls.

use std::collections::HashMap;
use std::ops::{Bound, RangeBounds};

use aws_sdk_glue::Client;
use aws_sdk_glue::types::{DatabaseInput, Partition, PartitionInput, StorageDescriptor, Table, TableInput};
use chrono::{DateTime, SecondsFormat, Utc};
use log_format::Hour;

use crate::{JSON, PARQUET, VIEW, tables, view};

/// Parameter of a Parquet partition: the ETag of the manifest that it was read from.
const MANIFEST_ETAG: &str = "manifest_etag";
/// Parameter of a Parquet partition: the time since when it names its folder.
const SINCE: &str = "since";
/// Parameter of a Parquet partition: there, with any value, where the manifest has attempts that have not come back.
const UNFINISHED: &str = "unfinished";

/// One database of Glue, in our verbs.
#[derive(Debug, Clone)]
pub struct Catalog {
    glue: Client,
    database: String,
}

/// What became of a wish that something exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was made by this call.
    Created,
    /// It was there.
    Existed,
}

/// What a Parquet partition says: where its files are, and which manifest said so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer {
    /// The folder, `s3://<bucket>/parquet/YYYY/MM/DD/HH/<attempt>/`, "/" at its end.
    pub location: String,
    /// ETag of the manifest that names the folder live; empty where somebody else made the partition, or changed how its
    /// files are read.
    pub manifest_etag: String,
    /// Since when the partition names this folder.
    pub since: Option<DateTime<Utc>>,
    /// That manifest has attempts that had not come back.
    pub unfinished: bool,
}

/// Why the catalog could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Glue refused or could not be reached.
    #[error("failed to {verb} in Glue: {what}")]
    Glue {
        /// What was attempted.
        verb: &'static str,
        /// On what.
        what: String,
        /// Glue's answer.
        #[source]
        source: Box<aws_sdk_glue::Error>,
    },
    /// The database has a table where our view should be. It is never touched.
    #[error("{database}.{VIEW} is a table that is not ours; drop or rename it, or choose another database")]
    NameTaken {
        /// The database.
        database: String,
    },
    /// A table has no storage descriptor to copy.
    #[error("{database}.{table} does not exist or has no storage descriptor; deploy the catalog again")]
    NoStorage {
        /// The database.
        database: String,
        /// The table.
        table: &'static str,
    },
}

fn failed<E: Into<Box<aws_sdk_glue::Error>>>(
    verb: &'static str,
    what: impl Into<String>,
) -> impl FnOnce(E) -> CatalogError {
    let what = what.into();
    move |source| CatalogError::Glue { verb, what, source: source.into() }
}

impl Catalog {
    /// The catalog of `database`.
    pub fn new(glue: Client, database: impl Into<String>) -> Catalog {
        Catalog { glue, database: database.into() }
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Makes the database and the two tables where they are missing. On AWS the templates do this.
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

    /// Whether the database or one of the two tables is missing: somebody dropped them.
    pub async fn is_gone(&self) -> Result<bool, CatalogError> {
        for name in [JSON, PARQUET] {
            if self.table(name).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Registers `hour` of the JSON table. Never changes a partition that is there.
    pub async fn ensure_json_partition(&self, hour: Hour) -> Result<Ensured, CatalogError> {
        let mut storage = self.storage(JSON).await?;
        let base = storage.location.take().unwrap_or_default();
        storage.location = Some(format!("{}/{}/", base.trim_end_matches('/'), hour.path()));
        self.create_partition(JSON, hour, storage, HashMap::new()).await
    }

    /// What the Parquet partition of `hour` says; none where there is no partition.
    pub async fn parquet_pointer(&self, hour: Hour) -> Result<Option<Pointer>, CatalogError> {
        let call = self.glue.get_partition().database_name(&self.database).table_name(PARQUET);
        let found = call.set_partition_values(Some(hour.partition_values().into())).send().await;
        match found.map_err(aws_sdk_glue::Error::from) {
            Ok(found) => Ok(found.partition.as_ref().map(pointer)),
            Err(aws_sdk_glue::Error::EntityNotFoundException(_)) => Ok(None),
            Err(error) => Err(failed("get the partition", partition_name(PARQUET, hour))(error)),
        }
    }

    /// Makes the Parquet partition of `hour` say `pointer`, whatever it said before. Glue knows no condition on that, so
    /// `may_write` is asked right before each write; false if it said no.
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

    /// What the Parquet partitions of the dates of `hours` say.
    pub async fn parquet_pointers(
        &self,
        hours: impl RangeBounds<Hour>,
    ) -> Result<HashMap<Hour, Pointer>, CatalogError> {
        let partitions = self.partitions(PARQUET, hours).await?;
        Ok(partitions.iter().filter_map(|partition| Some((hour_of(partition)?, pointer(partition)))).collect())
    }

    /// The hours, of the dates of `hours`, that have a partition of the JSON table.
    pub async fn json_hours(&self, hours: impl RangeBounds<Hour>) -> Result<Vec<Hour>, CatalogError> {
        Ok(self.partitions(JSON, hours).await?.iter().filter_map(hour_of).collect())
    }

    /// The table of that name; none where there is none.
    pub async fn table(&self, name: &str) -> Result<Option<Table>, CatalogError> {
        let found = self.glue.get_table().database_name(&self.database).name(name).send().await;
        match found.map_err(aws_sdk_glue::Error::from) {
            Ok(found) => Ok(found.table),
            Err(aws_sdk_glue::Error::EntityNotFoundException(_)) => Ok(None),
            Err(error) => Err(failed("get the table", name)(error)),
        }
    }

    /// All partitions of a table of the dates of `hours`.
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

    /// Reads the view as it is stored; an error where the name belongs to somebody else's table.
    pub async fn view(&self) -> Result<Option<Table>, CatalogError> {
        match self.table(VIEW).await? {
            Some(table) if !view::is_ours(&table) => Err(CatalogError::NameTaken { database: self.database.clone() }),
            found => Ok(found),
        }
    }

    /// Makes the view cut at `cut`. `stored` is the view as it was read before the cut was, so that a slower writer
    /// with an older cut is refused by Glue's VersionId. Does nothing where the view says so already.
    pub async fn set_view(&self, stored: Option<&Table>, cut: Hour) -> Result<(), CatalogError> {
        let input = view::table(&self.database, cut);
        match stored {
            None => self.create_view(input).await,
            Some(table) if table.view_original_text() == input.view_original_text() => Ok(()),
            Some(table) => self.update_view(input, table.version_id()).await,
        }
    }

    async fn create_view(&self, input: TableInput) -> Result<(), CatalogError> {
        let created = self.glue.create_table().database_name(&self.database).table_input(input).send().await;
        // Created by another run since it was looked for: the next tick brings it up to date.
        existed(created).map(|_| ()).map_err(failed("create the view", VIEW))
    }

    async fn update_view(&self, input: TableInput, version: Option<&str>) -> Result<(), CatalogError> {
        let call = self.glue.update_table().database_name(&self.database).table_input(input).skip_archive(true);
        let updated = call.set_version_id(version.map(str::to_string)).send().await;
        match updated.map_err(aws_sdk_glue::Error::from) {
            // Another run changed the view since it was read; the next tick sees to it that it has the newest cut.
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

/// "Already exists" is success: every step may run twice.
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

/// Chooses the partitions of the dates that hours are of; the hours themselves Glue is not asked about.
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
