//! What a query answered.

use anyhow::Result;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::json::writer::{JsonArray, WriterBuilder};
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use serde_json::Value;

/// The rows of an answer, and what it took to get them.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// Bytes read from the bucket.
    pub bytes_read: u64,
    /// Distinct objects that they were read from.
    pub objects_read: u64,
}

impl Answer {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The rows as a table for people; null is empty, as Athena shows it.
    pub fn to_table(&self) -> Result<String> {
        Ok(pretty_format_batches_with_schema(SchemaRef::clone(&self.schema), &self.batches)?.to_string())
    }

    /// The rows as a JSON array of objects: strings as they are, numbers as numbers.
    pub fn to_json(&self) -> Result<Value> {
        let builder = WriterBuilder::new().with_explicit_nulls(true);
        let mut writer = builder.build::<_, JsonArray>(Vec::new());
        writer.write_batches(&self.batches.iter().collect::<Vec<_>>())?;
        writer.finish()?;
        Ok(serde_json::from_slice(&writer.into_inner())?)
    }
}
