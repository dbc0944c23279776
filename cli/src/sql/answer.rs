//! The answer to a query.

use std::sync::Arc;

use anyhow::Result;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::json::writer::{JsonArray, WriterBuilder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use serde_json::Value;
use telemetry::plain;

/// The rows of an answer, and what it took to get them.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The names and types of the columns.
    pub schema: SchemaRef,
    /// The rows, in batches.
    pub batches: Vec<RecordBatch>,
    /// Bytes read from the bucket.
    pub bytes_read: u64,
    /// How many distinct objects were read.
    pub objects_read: u64,
}

impl Answer {
    /// The number of rows in all batches.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The rows as a table for people. Null is empty, as in Athena. A value is in one line, whatever it is.
    ///
    /// # Errors
    ///
    /// If a value cannot be shown as text.
    pub fn to_table(&self) -> Result<String> {
        let text = |field: &Arc<Field>| Field::new(plain::value(field.name()), DataType::Utf8, true);
        let schema = Arc::new(Schema::new(self.schema.fields().iter().map(text).collect::<Vec<Field>>()));
        let shown = |batch: &RecordBatch| {
            let columns = batch.columns().iter().map(|column| Ok(Arc::new(shown(column)?) as ArrayRef));
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
            Ok(RecordBatch::try_new_with_options(SchemaRef::clone(&schema), columns, &rows)?)
        };
        let batches = self.batches.iter().map(shown).collect::<Result<Vec<RecordBatch>>>()?;
        Ok(pretty_format_batches_with_schema(schema, &batches)?.to_string())
    }

    /// The rows as a JSON array of objects.
    ///
    /// # Errors
    ///
    /// If a value has no form in JSON.
    pub fn to_json(&self) -> Result<Value> {
        let builder = WriterBuilder::new().with_explicit_nulls(true);
        let mut writer = builder.build::<_, JsonArray>(Vec::new());
        writer.write_batches(&self.batches.iter().collect::<Vec<_>>())?;
        writer.finish()?;
        Ok(serde_json::from_slice(&writer.into_inner())?)
    }
}

/// The values of a column as a terminal shows them.
fn shown(column: &ArrayRef) -> Result<StringArray> {
    let options = FormatOptions::default();
    let texts = ArrayFormatter::try_new(column, &options)?;
    let text = |row: usize| match column.is_null(row) {
        true => Ok(None),
        false => Ok(Some(plain::value(&texts.value(row).try_to_string()?).into_owned())),
    };
    (0..column.len()).map(text).collect()
}
