//! The calls for partitions.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::response::{CallResult, empty, respond};
use super::tables::TableName;
use crate::names::ACCOUNT;
use crate::services::glue::bounds::{check_list, check_number, check_text, check_values};
use crate::services::glue::catalog::{Catalog, Change, Entity, copy_fields, fold_name, values};
use crate::services::glue::error::{ErrorDetail, GlueError};
use crate::services::glue::filter::Filter;
use crate::services::glue::page::{PageRequest, page};

// The most partitions in one batch or page.
const CREATE_MAX: usize = 100;
const UPDATE_MAX: usize = 100;
const DELETE_MAX: usize = 25;
const GET_MAX: usize = 1000;
const SEGMENTS_MAX: i64 = 10;
/// The most characters. This also bounds how deep an expression can nest.
const EXPRESSION_LENGTH_MAX: usize = 2048;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    #[serde(flatten)]
    table: TableName,
    partition_input: Entity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchCreate {
    #[serde(flatten)]
    table: TableName,
    partition_input_list: Vec<Entity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    #[serde(flatten)]
    table: TableName,
    partition_values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGet {
    #[serde(flatten)]
    table: TableName,
    partitions_to_get: Vec<Values>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDelete {
    #[serde(flatten)]
    table: TableName,
    partitions_to_delete: Vec<Values>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Values {
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    #[serde(flatten)]
    table: TableName,
    expression: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
    segment: Option<Segment>,
    #[serde(default)]
    exclude_column_schema: bool,
}

/// One of several parts of a listing that a client requests in parallel.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Segment {
    segment_number: i64,
    total_segments: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Update {
    #[serde(flatten)]
    table: TableName,
    #[serde(flatten)]
    entry: UpdateEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchUpdate {
    #[serde(flatten)]
    table: TableName,
    entries: Vec<UpdateEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateEntry {
    partition_value_list: Vec<String>,
    partition_input: Entity,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PartitionError {
    partition_values: Vec<String>,
    error_detail: ErrorDetail,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateError {
    partition_value_list: Vec<String>,
    error_detail: ErrorDetail,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed<'a> {
    partitions: Vec<Cow<'a, Entity>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) fn create(catalog: &mut Catalog, input: Create) -> CallResult {
    create_one(catalog, &input.table, input.partition_input)?;
    empty()
}

pub(super) fn batch_create(catalog: &mut Catalog, input: BatchCreate) -> CallResult {
    let count = input.partition_input_list.len();
    check_batch(catalog, &input.table, "partitionInputList", &input.partition_input_list, CREATE_MAX)?;
    let mut errors = Vec::new();
    for (index, partition) in input.partition_input_list.into_iter().enumerate() {
        let partition_values = values(&partition);
        let passed = catalog.check_entry(index, count);
        if let Err(error) = passed.and_then(|()| create_one(catalog, &input.table, partition)) {
            errors.push(PartitionError { partition_values, error_detail: error.detail() });
        }
    }
    respond(&json!({"Errors": errors}))
}

pub(super) fn get(catalog: &mut Catalog, input: Named) -> CallResult {
    let of = &input.table;
    let partition = catalog.partition(&of.database_name, &of.table_name, &input.partition_values)?;
    respond(&json!({"Partition": partition}))
}

/// The requested partitions. Glue omits those that do not exist.
pub(super) fn batch_get(catalog: &mut Catalog, input: BatchGet) -> CallResult {
    let count = input.partitions_to_get.len();
    check_batch(catalog, &input.table, "partitionsToGet", &input.partitions_to_get, GET_MAX)?;
    let table = catalog.table(&input.table.database_name, &input.table.table_name)?;
    let (mut partitions, mut unprocessed) = (Vec::new(), Vec::new());
    for (index, requested) in input.partitions_to_get.iter().enumerate() {
        match catalog.check_entry(index, count) {
            Ok(()) => partitions.extend(table.checked(&requested.values)?.partitions.get(&requested.values)),
            Err(_) => unprocessed.push(json!({"Values": requested.values})),
        }
    }
    respond(&json!({"Partitions": partitions, "UnprocessedKeys": unprocessed}))
}

pub(super) fn list(catalog: &mut Catalog, input: List) -> CallResult {
    let expression = input.expression.as_deref().unwrap_or_default();
    check_text("expression", expression, 0, EXPRESSION_LENGTH_MAX)?;
    input.segment.as_ref().map(Segment::check).transpose()?;
    let table = catalog.table(&input.table.database_name, &input.table.table_name)?;
    let filter = match expression.trim() {
        "" => None,
        text => Some(Filter::parse(text, &table.keys()).map_err(|error| GlueError::Invalid(error.to_string()))?),
    };
    let wanted = |values: &Vec<String>| {
        let in_segment = input.segment.as_ref().is_none_or(|segment| segment.holds(values));
        in_segment && filter.as_ref().is_none_or(|filter| filter.matches(values))
    };
    let request = PageRequest { token: input.next_token.as_deref(), max: input.max_results, limit: GET_MAX };
    let (partitions, next_token) = page(&table.partitions, &request, wanted)?;
    let partitions = partitions.into_iter().map(|partition| {
        if input.exclude_column_schema { Cow::Owned(without_columns(partition)) } else { Cow::Borrowed(partition) }
    });
    respond(&Listed { partitions: partitions.collect(), next_token })
}

pub(super) fn update(catalog: &mut Catalog, input: Update) -> CallResult {
    update_one(catalog, &input.table, &input.entry.partition_value_list, input.entry.partition_input)?;
    empty()
}

pub(super) fn batch_update(catalog: &mut Catalog, input: BatchUpdate) -> CallResult {
    let count = input.entries.len();
    check_batch(catalog, &input.table, "entries", &input.entries, UPDATE_MAX)?;
    let mut errors = Vec::new();
    for (index, UpdateEntry { partition_value_list, partition_input }) in input.entries.into_iter().enumerate() {
        let passed = catalog.check_entry(index, count);
        let updated = passed.and_then(|()| update_one(catalog, &input.table, &partition_value_list, partition_input));
        if let Err(error) = updated {
            errors.push(UpdateError { partition_value_list, error_detail: error.detail() });
        }
    }
    respond(&json!({"Errors": errors}))
}

pub(super) fn delete(catalog: &mut Catalog, input: Named) -> CallResult {
    delete_one(catalog, &input.table, input.partition_values)?;
    empty()
}

pub(super) fn batch_delete(catalog: &mut Catalog, input: BatchDelete) -> CallResult {
    let count = input.partitions_to_delete.len();
    check_batch(catalog, &input.table, "partitionsToDelete", &input.partitions_to_delete, DELETE_MAX)?;
    let mut errors = Vec::new();
    for (index, Values { values: partition_values }) in input.partitions_to_delete.into_iter().enumerate() {
        let passed = catalog.check_entry(index, count);
        if let Err(error) = passed.and_then(|()| delete_one(catalog, &input.table, partition_values.clone())) {
            errors.push(PartitionError { partition_values, error_detail: error.detail() });
        }
    }
    respond(&json!({"Errors": errors}))
}

fn create_one(catalog: &mut Catalog, of: &TableName, mut partition: Entity) -> Result<(), GlueError> {
    let values = values(&partition);
    let table = catalog.table(&of.database_name, &of.table_name)?;
    check_values(&values)?;
    if table.checked(&values)?.partitions.contains_key(&values) {
        return Err(GlueError::Exists("Partition"));
    }
    partition.insert("CreationTime".to_owned(), catalog.now());
    put(catalog, of, partition)
}

/// Replaces a partition. The call has no condition, so the last writer wins.
fn update_one(
    catalog: &mut Catalog,
    of: &TableName,
    partition_values: &[String],
    mut partition: Entity,
) -> Result<(), GlueError> {
    let before = catalog.partition(&of.database_name, &of.table_name, partition_values)?;
    if !partition.contains_key("Values") {
        partition.insert("Values".to_owned(), partition_values.into());
    }
    if values(&partition) != partition_values {
        return Err(GlueError::Invalid(format!("the values of partition {partition_values:?} can't be changed")));
    }
    copy_fields(before, &mut partition, &["CreationTime"]);
    put(catalog, of, partition)
}

fn put(catalog: &mut Catalog, of: &TableName, mut partition: Entity) -> Result<(), GlueError> {
    partition.insert("DatabaseName".to_owned(), fold_name(&of.database_name).into());
    partition.insert("TableName".to_owned(), fold_name(&of.table_name).into());
    partition.insert("CatalogId".to_owned(), ACCOUNT.into());
    catalog.change(Change::PutPartition(partition))
}

fn delete_one(catalog: &mut Catalog, of: &TableName, values: Vec<String>) -> Result<(), GlueError> {
    catalog.partition(&of.database_name, &of.table_name, &values)?;
    let (database, table) = (fold_name(&of.database_name), fold_name(&of.table_name));
    catalog.change(Change::DropPartition { database, table, values })
}

/// Refuses a batch that is too long or whose table does not exist.
fn check_batch<T>(
    catalog: &Catalog,
    of: &TableName,
    member: &'static str,
    items: &[T],
    max: usize,
) -> Result<(), GlueError> {
    check_list(member, items, max)?;
    catalog.table(&of.database_name, &of.table_name).map(drop)
}

impl Segment {
    fn check(&self) -> Result<(), GlueError> {
        check_number("segment.segmentNumber", self.segment_number, 0, SEGMENTS_MAX - 1)?;
        check_number("segment.totalSegments", self.total_segments, 1, SEGMENTS_MAX)?;
        if self.segment_number < self.total_segments {
            return Ok(());
        }
        let (number, total) = (self.segment_number, self.total_segments);
        Err(GlueError::Invalid(format!("there is no segment {number} of {total}")))
    }

    fn holds(&self, values: &[String]) -> bool {
        let mut hasher = DefaultHasher::new();
        values.hash(&mut hasher);
        hasher.finish() % self.total_segments.unsigned_abs() == self.segment_number.unsigned_abs()
    }
}

fn without_columns(partition: &Entity) -> Entity {
    let mut partition = partition.clone();
    if let Some(Value::Object(descriptor)) = partition.get_mut("StorageDescriptor") {
        descriptor.remove("Columns");
    }
    partition
}
