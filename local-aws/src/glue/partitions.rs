//! The calls about partitions.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::bounds::{check_list, check_number, check_text, check_values};
use super::catalog::{CATALOG_ID, Catalog, Change, Entity, fold, keep, values};
use super::error::{ErrorDetail, GlueError};
use super::expression::Filter;
use super::page::{Asked, page};
use super::{Reply, done, reply};

/// What Glue takes or gives at once.
const CREATE_MAX: usize = 100;
const UPDATE_MAX: usize = 100;
const DELETE_MAX: usize = 25;
const GET_MAX: usize = 1000;
const SEGMENTS_MAX: i64 = 10;
/// Characters. It also bounds how deep an expression can nest.
const EXPRESSION_LENGTH_MAX: usize = 2048;

/// The table that a call is about.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Of {
    database_name: String,
    table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    #[serde(flatten)]
    of: Of,
    partition_input: Entity,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchCreate {
    #[serde(flatten)]
    of: Of,
    partition_input_list: Vec<Entity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    #[serde(flatten)]
    of: Of,
    partition_values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchGet {
    #[serde(flatten)]
    of: Of,
    partitions_to_get: Vec<Values>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchDelete {
    #[serde(flatten)]
    of: Of,
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
    of: Of,
    expression: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
    segment: Option<Segment>,
    #[serde(default)]
    exclude_column_schema: bool,
}

/// One of several parts of a listing, which clients get side by side.
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
    of: Of,
    #[serde(flatten)]
    entry: UpdateEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BatchUpdate {
    #[serde(flatten)]
    of: Of,
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

pub(super) fn create(catalog: &mut Catalog, input: Create) -> Reply {
    create_one(catalog, &input.of, input.partition_input)?;
    done()
}

pub(super) fn batch_create(catalog: &mut Catalog, input: BatchCreate) -> Reply {
    let count = input.partition_input_list.len();
    check_batch(catalog, &input.of, "partitionInputList", &input.partition_input_list, CREATE_MAX)?;
    let mut errors = Vec::new();
    for (index, partition) in input.partition_input_list.into_iter().enumerate() {
        let partition_values = values(&partition);
        let passed = catalog.let_entry_pass(index, count);
        if let Err(error) = passed.and_then(|()| create_one(catalog, &input.of, partition)) {
            errors.push(PartitionError { partition_values, error_detail: error.detail() });
        }
    }
    reply(&json!({"Errors": errors}))
}

pub(super) fn get(catalog: &mut Catalog, input: Named) -> Reply {
    let of = &input.of;
    let partition = catalog.partition(&of.database_name, &of.table_name, &input.partition_values)?;
    reply(&json!({"Partition": partition}))
}

/// The partitions there are of those asked for: of one that is missing, Glue says nothing.
pub(super) fn batch_get(catalog: &mut Catalog, input: BatchGet) -> Reply {
    let count = input.partitions_to_get.len();
    check_batch(catalog, &input.of, "partitionsToGet", &input.partitions_to_get, GET_MAX)?;
    let table = catalog.table(&input.of.database_name, &input.of.table_name)?;
    let (mut partitions, mut unprocessed) = (Vec::new(), Vec::new());
    for (index, asked) in input.partitions_to_get.iter().enumerate() {
        match catalog.let_entry_pass(index, count) {
            Ok(()) => partitions.extend(table.checked(&asked.values)?.partitions.get(&asked.values)),
            Err(_) => unprocessed.push(json!({"Values": asked.values})),
        }
    }
    reply(&json!({"Partitions": partitions, "UnprocessedKeys": unprocessed}))
}

pub(super) fn list(catalog: &mut Catalog, input: List) -> Reply {
    let expression = input.expression.as_deref().unwrap_or_default();
    check_text("expression", expression, 0, EXPRESSION_LENGTH_MAX)?;
    input.segment.as_ref().map(Segment::check).transpose()?;
    let table = catalog.table(&input.of.database_name, &input.of.table_name)?;
    let filter = match expression.trim() {
        "" => None,
        text => Some(Filter::parse(text, &table.keys()).map_err(|error| GlueError::Invalid(error.to_string()))?),
    };
    let wanted = |values: &Vec<String>| {
        let in_segment = input.segment.as_ref().is_none_or(|segment| segment.holds(values));
        in_segment && filter.as_ref().is_none_or(|filter| filter.matches(values))
    };
    let asked = Asked { token: input.next_token.as_deref(), max: input.max_results, limit: GET_MAX };
    let (partitions, next_token) = page(&table.partitions, &asked, wanted)?;
    let partitions = partitions.into_iter().map(|partition| {
        if input.exclude_column_schema { Cow::Owned(without_columns(partition)) } else { Cow::Borrowed(partition) }
    });
    reply(&Listed { partitions: partitions.collect(), next_token })
}

pub(super) fn update(catalog: &mut Catalog, input: Update) -> Reply {
    update_one(catalog, &input.of, &input.entry.partition_value_list, input.entry.partition_input)?;
    done()
}

pub(super) fn batch_update(catalog: &mut Catalog, input: BatchUpdate) -> Reply {
    let count = input.entries.len();
    check_batch(catalog, &input.of, "entries", &input.entries, UPDATE_MAX)?;
    let mut errors = Vec::new();
    for (index, UpdateEntry { partition_value_list, partition_input }) in input.entries.into_iter().enumerate() {
        let passed = catalog.let_entry_pass(index, count);
        let updated = passed.and_then(|()| update_one(catalog, &input.of, &partition_value_list, partition_input));
        if let Err(error) = updated {
            errors.push(UpdateError { partition_value_list, error_detail: error.detail() });
        }
    }
    reply(&json!({"Errors": errors}))
}

pub(super) fn delete(catalog: &mut Catalog, input: Named) -> Reply {
    delete_one(catalog, &input.of, input.partition_values)?;
    done()
}

pub(super) fn batch_delete(catalog: &mut Catalog, input: BatchDelete) -> Reply {
    let count = input.partitions_to_delete.len();
    check_batch(catalog, &input.of, "partitionsToDelete", &input.partitions_to_delete, DELETE_MAX)?;
    let mut errors = Vec::new();
    for (index, Values { values: partition_values }) in input.partitions_to_delete.into_iter().enumerate() {
        let passed = catalog.let_entry_pass(index, count);
        if let Err(error) = passed.and_then(|()| delete_one(catalog, &input.of, partition_values.clone())) {
            errors.push(PartitionError { partition_values, error_detail: error.detail() });
        }
    }
    reply(&json!({"Errors": errors}))
}

fn create_one(catalog: &mut Catalog, of: &Of, mut partition: Entity) -> Result<(), GlueError> {
    let values = values(&partition);
    let table = catalog.table(&of.database_name, &of.table_name)?;
    check_values(&values)?;
    if table.checked(&values)?.partitions.contains_key(&values) {
        return Err(GlueError::Exists("Partition"));
    }
    partition.insert("CreationTime".to_owned(), catalog.now());
    put(catalog, of, partition)
}

/// The last writer wins: the call has no condition.
fn update_one(
    catalog: &mut Catalog,
    of: &Of,
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
    keep(before, &mut partition, &["CreationTime"]);
    put(catalog, of, partition)
}

fn put(catalog: &mut Catalog, of: &Of, mut partition: Entity) -> Result<(), GlueError> {
    partition.insert("DatabaseName".to_owned(), fold(&of.database_name).into());
    partition.insert("TableName".to_owned(), fold(&of.table_name).into());
    partition.insert("CatalogId".to_owned(), CATALOG_ID.into());
    catalog.change(Change::PutPartition(partition))
}

fn delete_one(catalog: &mut Catalog, of: &Of, values: Vec<String>) -> Result<(), GlueError> {
    catalog.partition(&of.database_name, &of.table_name, &values)?;
    let (database, table) = (fold(&of.database_name), fold(&of.table_name));
    catalog.change(Change::DropPartition { database, table, values })
}

/// A batch is refused whole if it is too long or its table is missing.
fn check_batch<T>(catalog: &Catalog, of: &Of, member: &'static str, items: &[T], max: usize) -> Result<(), GlueError> {
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
