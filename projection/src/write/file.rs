//! Row groups → a Parquet file. Row groups are encoded independently, on any thread, and appended in order. Finished bytes
//! can be taken out before the file is complete.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{FieldRef, SchemaRef};
use arrow::error::ArrowError;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

use crate::WRITER_VERSION;
use crate::write::pages::ColumnChunk;
use crate::write::row_group::{HOUR, ROW_GROUP_ROWS_MAX, RowGroupBuilder, schema};

/// Columns in which people look up single values: each row group has a bloom filter for them. A filter is sized by the
/// distinct values of its group: 33 KB for 25,000.
const BLOOM_COLUMNS: [&str; 3] = ["log_id", "user_id", "ip"];
/// The share of row groups that a lookup reads in vain.
const BLOOM_FALSE_POSITIVES: f64 = 0.01;
/// Columns whose values hardly repeat, and the one that is filtered on most: Trino reads a filtered column's dictionary twice.
const WITHOUT_DICTIONARY: [&str; 3] = ["log_id", "timestamp", "user_id"];
/// The level of zstd. Higher levels make columns of mostly digits larger.
const ZSTD_LEVEL: i32 = 1;

/// Rows could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A column is not text.
    #[error("failed to build the columns of a row group")]
    Columns(#[from] ArrowError),
    /// The Parquet writer failed.
    #[error("failed to write Parquet")]
    Write(#[from] ParquetError),
}

/// Encodes row groups. Any number of threads may use one.
#[derive(Debug)]
pub struct Encoder {
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    columns: SchemaDescriptor,
}

/// An encoded row group: its narrow columns, then its wide ones.
#[derive(Debug)]
pub struct EncodedRowGroup {
    narrow: Vec<ArrowColumnChunk>,
    wide: Vec<ColumnChunk>,
}

impl Encoder {
    /// Encodes rows as the row group `number`, counted from 0.
    ///
    /// # Errors
    ///
    /// A column is not text, or the Parquet writer failed.
    pub fn encode(&self, number: usize, rows: RowGroupBuilder) -> Result<EncodedRowGroup, EncodeError> {
        let (arrays, pages) = rows.finish()?;
        let mut narrow = Vec::with_capacity(arrays.len());
        let writers = self.factory.create_column_writers(number)?;
        for ((writer, field), array) in writers.into_iter().zip(self.schema.fields()).zip(&arrays) {
            narrow.push(encode_column(writer, field, array)?);
        }
        let columns = &self.columns.columns()[arrays.len()..];
        let wide = columns.iter().zip(pages).map(|(column, pages)| pages.encode(Arc::clone(column)));
        Ok(EncodedRowGroup { narrow, wide: wide.collect::<Result<_, _>>()? })
    }

    /// Encodes the column of the hour, for `rows` rows of one hour, as [`Encoder::encode`] would.
    ///
    /// # Errors
    ///
    /// The file is none of a day, or the Parquet writer failed.
    pub(super) fn encode_hour(&self, number: usize, hour: &str, rows: usize) -> Result<ArrowColumnChunk, EncodeError> {
        let place = self.schema.index_of(HOUR)?;
        let writer = self.factory.create_column_writers(number)?.swap_remove(place);
        let hours: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(hour, rows)));
        Ok(encode_column(writer, &self.schema.fields()[place], &hours)?)
    }
}

fn encode_column(
    mut writer: ArrowColumnWriter,
    field: &FieldRef,
    values: &ArrayRef,
) -> Result<ArrowColumnChunk, ParquetError> {
    for leaf in compute_leaves(field, values)? {
        writer.write(&leaf)?;
    }
    writer.close()
}

/// A Parquet file that is being written.
pub struct ParquetFile {
    schema: SchemaRef,
    writer: SerializedFileWriter<Vec<u8>>,
}

impl ParquetFile {
    /// A file of an hour, without rows.
    ///
    /// # Errors
    ///
    /// The Parquet writer failed.
    pub fn new() -> Result<ParquetFile, EncodeError> {
        ParquetFile::with(schema(false))
    }

    /// A file of a day, without rows: its rows have an hour.
    ///
    /// # Errors
    ///
    /// The Parquet writer failed.
    pub fn of_day() -> Result<ParquetFile, EncodeError> {
        ParquetFile::with(schema(true))
    }

    fn with(schema: SchemaRef) -> Result<ParquetFile, EncodeError> {
        let root = parquet_schema(&schema)?.root_schema_ptr();
        let writer = SerializedFileWriter::new(Vec::new(), root, Arc::new(properties()?))?;
        Ok(ParquetFile { schema, writer })
    }

    /// The encoder of this file's row groups.
    pub fn encoder(&self) -> Encoder {
        let schema = Arc::clone(&self.schema);
        let columns = self.writer.schema_descr().clone();
        Encoder { factory: ArrowRowGroupWriterFactory::new(&self.writer, Arc::clone(&schema)), schema, columns }
    }

    /// Appends the next row group and returns the file's bytes since the last call.
    ///
    /// # Errors
    ///
    /// The Parquet writer failed.
    pub fn append(&mut self, group: EncodedRowGroup) -> Result<Vec<u8>, EncodeError> {
        self.append_with(|writer| {
            for chunk in group.narrow {
                chunk.append_to_row_group(writer)?;
            }
            for chunk in group.wide {
                chunk.append_to(writer)?;
            }
            Ok(())
        })
    }

    /// Appends the row group that `fill` writes and returns the file's bytes since the last call.
    ///
    /// # Errors
    ///
    /// `fill` or the Parquet writer failed. The file is of no use then.
    pub(super) fn append_with(
        &mut self,
        fill: impl FnOnce(&mut SerializedRowGroupWriter<'_, Vec<u8>>) -> Result<(), ParquetError>,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut writer = self.writer.next_row_group()?;
        fill(&mut writer)?;
        writer.close()?;
        self.writer.flush().map_err(ParquetError::from)?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Ends the file. Returns its last bytes and the row count of its footer.
    ///
    /// # Errors
    ///
    /// The Parquet writer failed.
    pub fn finish(mut self) -> Result<(Vec<u8>, u64), EncodeError> {
        let rows = self.writer.finish()?.file_metadata().num_rows().unsigned_abs();
        Ok((std::mem::take(self.writer.inner_mut()), rows))
    }
}

/// The Parquet schema of a file with this Arrow schema.
pub(super) fn parquet_schema(schema: &SchemaRef) -> Result<SchemaDescriptor, ParquetError> {
    ArrowSchemaConverter::new().convert(schema)
}

/// No page index: Trino before 436 answered wrongly with one, and Athena does not say which fixes it has. Data page v1
/// and plain or dictionary encoding: every reader knows them.
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
