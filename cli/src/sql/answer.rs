//! The answer to a query.

use anyhow::Result;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::json::writer::{JsonArray, WriterBuilder};
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use serde_json::Value;

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

    /// The rows as a table for people. Null is empty, as in Athena.
    ///
    /// # Errors
    ///
    /// If a value cannot be shown as text.
    pub fn to_table(&self) -> Result<String> {
        Ok(pretty_format_batches_with_schema(SchemaRef::clone(&self.schema), &self.batches)?.to_string())
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
