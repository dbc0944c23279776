//! Tables as Glue defines them, in the engine's terms.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use aws_sdk_glue::Client;
use aws_sdk_glue::types::{Column, Partition, SerDeInfo, StorageDescriptor, Table};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::datasource::table_schema::TableSchema;
use object_store::path::Path;

/// How Hive writes a partition value that is null.
const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The columns and partitions of a table.
#[derive(Debug)]
pub(super) struct Definition {
    /// The columns of the files, then the partition keys.
    pub(super) schema: TableSchema,
    /// The partitions. A table without partition keys is a single part.
    pub(super) parts: Vec<Part>,
}

/// The values of a partition, and the folder of its files.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) values: Vec<ScalarValue>,
    pub(super) bucket: String,
    pub(super) folder: Path,
    pub(super) format: Format,
}

/// How the files of a partition are read. Its own SerDe decides, not the table's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    Parquet,
    Json(JsonOptions),
}

/// The properties of the OpenX SerDe that are supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JsonOptions {
    /// `ignore.malformed.json`: a line that cannot be read is a row of nulls, not an error.
    pub(super) ignore_malformed: bool,
    /// `case.insensitive`, true by default.
    pub(super) case_insensitive: bool,
}

/// All tables and views of the database.
pub(super) async fn tables(glue: &Client, database: &str) -> Result<Vec<Table>> {
    let mut pages = glue.get_tables().database_name(database).into_paginator().send();
    let mut tables = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(aws_sdk_glue::Error::from);
        let page = page.with_context(|| format!("failed to list the tables of {database:?} in Glue"))?;
        tables.extend(page.table_list.unwrap_or_default());
    }
    Ok(tables)
}

impl Definition {
    /// Reads a table and its partitions from Glue.
    pub(super) async fn read(glue: &Client, table: &Table) -> Result<Definition> {
        let storage = table.storage_descriptor().context("it has no storage descriptor")?;
        let columns = storage.columns().iter().map(field).collect::<Result<Vec<Field>>>()?;
        let keys = table.partition_keys().iter().map(field).collect::<Result<Vec<Field>>>()?;
        let parts = match keys.is_empty() {
            true => vec![Part::of(storage, Vec::new())?],
            false => parts(glue, table, &keys).await?,
        };
        let json = parts.iter().any(|part| part.format != Format::Parquet);
        if let Some(column) = columns.iter().find(|column| json && column.data_type() != &DataType::Utf8) {
            bail!("its column {:?} is no string; only strings are read from JSON", column.name());
        }
        let (columns, keys) = (Arc::new(Schema::new(columns)), Schema::new(keys));
        let schema = TableSchema::builder(columns).with_table_partition_cols(keys.fields).build();
        Ok(Definition { schema, parts })
    }

    /// The partitions as Hive names them, such as `date=2026-11-20/hour=13`, in order.
    pub(super) fn partitions(&self) -> Vec<String> {
        let keys = self.schema.table_partition_cols();
        let named = |part: &Part| {
            let values = keys.iter().zip(&part.values).map(|(key, value)| format!("{}={value}", key.name()));
            values.collect::<Vec<_>>().join("/")
        };
        let mut partitions: Vec<String> = self.parts.iter().map(named).collect();
        partitions.sort();
        partitions
    }

    /// The schema of the partition keys alone.
    pub(super) fn keys(&self) -> SchemaRef {
        Arc::new(Schema::new(self.schema.table_partition_cols().clone()))
    }
}

async fn parts(glue: &Client, table: &Table, keys: &[Field]) -> Result<Vec<Part>> {
    let call = glue.get_partitions().set_database_name(table.database_name.clone()).table_name(table.name());
    let mut pages = call.max_results(1000).into_paginator().send();
    let mut parts = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(aws_sdk_glue::Error::from).context("failed to list its partitions in Glue")?;
        for partition in page.partitions() {
            let part = part(partition, keys);
            parts.push(part.with_context(|| format!("its partition {:?} can't be read", partition.values()))?);
        }
    }
    Ok(parts)
}

fn part(partition: &Partition, keys: &[Field]) -> Result<Part> {
    if partition.values().len() != keys.len() {
        bail!("it has {} values for {} keys", partition.values().len(), keys.len());
    }
    let values = partition.values().iter().zip(keys).map(|(text, key)| value(text, key)).collect::<Result<_>>()?;
    Part::of(partition.storage_descriptor().context("it has no storage descriptor")?, values)
}

fn value(text: &str, key: &Field) -> Result<ScalarValue> {
    if text == NULL_VALUE {
        return Ok(ScalarValue::try_from(key.data_type())?);
    }
    let value = ScalarValue::try_from_string(text.to_string(), key.data_type());
    value.with_context(|| format!("{text:?} is no {}", key.data_type()))
}

impl Part {
    fn of(storage: &StorageDescriptor, values: Vec<ScalarValue>) -> Result<Part> {
        let (bucket, folder) = bucket_and_folder(storage.location().unwrap_or_default())?;
        let format = format(storage.serde_info().context("it has no SerDe")?)?;
        Ok(Part { values, bucket, folder, format })
    }
}

/// The bucket and folder of a location.
fn bucket_and_folder(location: &str) -> Result<(String, Path)> {
    let Some((bucket, folder)) = location.strip_prefix("s3://").and_then(|path| path.split_once('/')) else {
        bail!("its location {location:?} is not like s3://bucket/folder/");
    };
    let folder = Path::parse(folder).with_context(|| format!("its location {location:?} can't be a folder"))?;
    Ok((bucket.to_string(), folder))
}

fn format(serde: &SerDeInfo) -> Result<Format> {
    let none = HashMap::new();
    let parameters = serde.parameters().unwrap_or(&none);
    let is = |name: &str, default: bool| parameters.get(name).map_or(default, |value| value == "true");
    match serde.serialization_library().unwrap_or_default() {
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe" => Ok(Format::Parquet),
        "org.openx.data.jsonserde.JsonSerDe" => Ok(Format::Json(JsonOptions {
            ignore_malformed: is("ignore.malformed.json", false),
            case_insensitive: is("case.insensitive", true),
        })),
        other => bail!("its SerDe {other:?} is not read here; use Athena for this table"),
    }
}

fn field(column: &Column) -> Result<Field> {
    let hive = column.r#type().unwrap_or("string").to_ascii_lowercase();
    let kind = match hive.split('(').next().unwrap_or_default() {
        "string" | "varchar" | "char" => DataType::Utf8,
        "date" => DataType::Date32,
        "int" | "integer" => DataType::Int32,
        "bigint" => DataType::Int64,
        "double" => DataType::Float64,
        "boolean" => DataType::Boolean,
        _ => bail!("its column {:?} is of type {hive}, which is not read here; use Athena", column.name()),
    };
    Ok(Field::new(column.name().to_ascii_lowercase(), kind, true))
}
