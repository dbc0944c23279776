//! Row groups → Parquet. Each group is encoded by itself, whoever does it; the file is put together in their order, and
//! what is finished of it can be taken out.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use crate::WRITER_VERSION;
use crate::columns::{Columns, ROW_GROUP_ROWS_MAX, schema};
use crate::pages::Chunk;

/// Columns that people look single values up in, and how many row groups may be read in vain for one. A filter is sized
/// by the values that its group has: at 25,000 of them one takes 33 KB.
const BLOOM_COLUMNS: [&str; 3] = ["log_id", "user_id", "ip"];
const BLOOM_FALSE_POSITIVES: f64 = 0.01;
/// Columns whose values hardly ever repeat, or that are filtered on: Trino reads the dictionary of one of those twice.
const WITHOUT_DICTIONARY: [&str; 3] = ["log_id", "timestamp", "user_id"];
/// The level of zstd. Higher ones make columns that are digits mostly larger.
const ZSTD_LEVEL: i32 = 1;

/// Why rows could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Rows could not be gathered.
    #[error("failed to gather rows")]
    Gather(#[from] ArrowError),
    /// The file could not be written.
    #[error("failed to write Parquet")]
    Write(#[from] ParquetError),
}

/// Encodes row groups, on any thread.
#[derive(Debug)]
pub struct Encoder {
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    columns: SchemaDescriptor,
}

/// A row group, encoded: its columns, those that are not wide first.
#[derive(Debug)]
pub struct RowGroup {
    narrow: Vec<ArrowColumnChunk>,
    wide: Vec<Chunk>,
}

impl Encoder {
    /// Encodes rows as the row group of that number.
    ///
    /// # Errors
    ///
    /// Where they are not text, or the Parquet writer fails.
    pub fn encode(&self, number: usize, rows: Columns) -> Result<RowGroup, EncodeError> {
        let (arrays, pages) = rows.finish()?;
        let mut narrow = Vec::with_capacity(arrays.len());
        let writers = self.factory.create_column_writers(number)?;
        for ((mut writer, field), array) in writers.into_iter().zip(self.schema.fields()).zip(&arrays) {
            for leaf in compute_leaves(field, array)? {
                writer.write(&leaf)?;
            }
            narrow.push(writer.close()?);
        }
        let columns = &self.columns.columns()[arrays.len()..];
        let wide = columns.iter().zip(pages).map(|(column, pages)| pages.encode(Arc::clone(column)));
        Ok(RowGroup { narrow, wide: wide.collect::<Result<_, _>>()? })
    }
}

/// A Parquet file under way.
pub struct ParquetFile {
    writer: SerializedFileWriter<Vec<u8>>,
}

impl ParquetFile {
    /// A file without rows.
    ///
    /// # Errors
    ///
    /// Where the Parquet writer fails.
    pub fn new() -> Result<ParquetFile, EncodeError> {
        let root = ArrowSchemaConverter::new().convert(&schema())?.root_schema_ptr();
        Ok(ParquetFile { writer: SerializedFileWriter::new(Vec::new(), root, Arc::new(properties()?))? })
    }

    /// What encodes its row groups.
    pub fn encoder(&self) -> Encoder {
        let schema = schema();
        let columns = self.writer.schema_descr().clone();
        Encoder { factory: ArrowRowGroupWriterFactory::new(&self.writer, Arc::clone(&schema)), schema, columns }
    }

    /// Appends the next row group, and gives what of the file has not been given before.
    ///
    /// # Errors
    ///
    /// Where the Parquet writer fails.
    pub fn append(&mut self, group: RowGroup) -> Result<Vec<u8>, EncodeError> {
        let mut writer = self.writer.next_row_group()?;
        for chunk in group.narrow {
            chunk.append_to_row_group(&mut writer)?;
        }
        for chunk in group.wide {
            chunk.append_to(&mut writer)?;
        }
        writer.close()?;
        self.writer.flush().map_err(ParquetError::from)?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// The end of the file, and how many rows its footer tells.
    ///
    /// # Errors
    ///
    /// Where the Parquet writer fails.
    pub fn finish(mut self) -> Result<(Vec<u8>, u64), EncodeError> {
        let rows = self.writer.finish()?.file_metadata().num_rows().unsigned_abs();
        Ok((std::mem::take(self.writer.inner_mut()), rows))
    }
}

/// No page index: Trino before 436 answered wrongly with one, and Athena does not say which fixes it has. Data page v1
/// and plain or dictionary encoding, for the widest readers.
fn properties() -> Result<WriterProperties, ParquetError> {
    let version = KeyValue::new("auth0-s3-logs.writer".to_string(), WRITER_VERSION.to_string());
    let mut properties = WriterProperties::builder()
        .set_created_by("auth0-s3-logs".to_string())
        .set_key_value_metadata(Some(vec![version]))
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for name in WITHOUT_DICTIONARY {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    for name in BLOOM_COLUMNS {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_bloom_filter_fpp(column.clone(), BLOOM_FALSE_POSITIVES)
            .set_column_bloom_filter_max_ndv(column, ROW_GROUP_ROWS_MAX as u64);
    }
    Ok(properties.build())
}
