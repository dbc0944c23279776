//! The answer to a query.

use std::sync::Arc;

use anyhow::Result;
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::json::writer::{JsonArray, WriterBuilder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::execution::SendableRecordBatchStream;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::{Meter, readable};
use crate::output::rows::{self, Column, Kind, Pages, Row};

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

    /// The rows as a table for people. A value is in one line, whatever it is.
    ///
    /// # Errors
    ///
    /// If a value cannot be shown as text.
    pub fn to_table(&self) -> Result<String> {
        let columns: Vec<Column> = columns(&self.schema).into_iter().map(|(column, _)| column).collect();
        let pages = self.batches.iter().map(texts).collect::<Result<Vec<_>>>()?;
        Ok(rows::table(&columns, &pages.concat()))
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

/// An answer whose rows come as they are found.
pub(crate) struct Streamed {
    /// The names and types of the columns.
    pub(crate) schema: SchemaRef,
    /// The rows.
    pub(crate) batches: SendableRecordBatchStream,
    /// What is read from the bucket.
    pub(crate) meter: Arc<Meter>,
}

impl Streamed {
    /// The columns, with the types that Athena names them by.
    pub(crate) fn columns(&self) -> Vec<(Column, &'static str)> {
        columns(&self.schema)
    }

    /// The rows as text.
    pub(crate) fn pages(self) -> Pages {
        self.batches.map_err(readable).map(|batch| texts(&batch?)).boxed()
    }
}

fn columns(schema: &SchemaRef) -> Vec<(Column, &'static str)> {
    let column = |name: &str, of: &DataType| (Column { name: name.to_owned(), kind: kind(of) }, athena_type(of));
    schema.fields().iter().map(|field| column(field.name(), field.data_type())).collect()
}

/// The values of a batch as Athena writes them.
fn texts(batch: &RecordBatch) -> Result<Vec<Row>> {
    let options = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.3f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.3f %Z"));
    // A column of nothing but NULL has no bits that say so.
    let texts = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let nulls = batch.columns().iter().map(|column| column.logical_nulls());
    let columns: Vec<_> = nulls.zip(texts.collect::<Result<Vec<_>, _>>()?).collect();
    let row = |row: usize| {
        let value = |(nulls, texts): &(Option<NullBuffer>, ArrayFormatter<'_>)| {
            let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            (!is_null).then(|| texts.value(row).try_to_string()).transpose()
        };
        Ok(columns.iter().map(value).collect::<Result<Row, _>>()?)
    };
    (0..batch.num_rows()).map(row).collect()
}

fn kind(of: &DataType) -> Kind {
    match of {
        DataType::Boolean => Kind::Boolean,
        _ if of.is_numeric() => Kind::Number,
        _ => Kind::Text,
    }
}

fn athena_type(of: &DataType) -> &'static str {
    match of {
        DataType::Boolean => "boolean",
        DataType::Int8 => "tinyint",
        DataType::Int16 | DataType::UInt8 => "smallint",
        DataType::Int32 | DataType::UInt16 => "integer",
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint",
        DataType::Float16 | DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            "decimal"
        }
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "varbinary",
        DataType::Map(..) => "map",
        DataType::Struct(_) => "row",
        _ if of.is_list() => "array",
        _ => "varchar",
    }
}
