//! The file of a large hour → a file of a day, without decoding. The hour's column chunks are appended as they are, and
//! the column of the hour beside them. If this writer wrote the hour, merging it alone would give the same bytes.

use log_format::COLUMNS;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::SchemaDescriptor;

use crate::read::parquet::ReadError;
use crate::write::file::{EncodeError, ParquetFile, parquet_schema};
use crate::write::row_group::{NARROW_COLUMNS, ORDER, schema};

/// A file of an hour, to be appended to a file of a day. Its bytes stay in `R`, as a rule a file on disk.
#[derive(Debug)]
pub struct HourFile<R> {
    source: R,
    metadata: ParquetMetaData,
    /// Where the columns stand in it, in our order.
    places: Vec<usize>,
}

impl<R: ChunkReader> HourFile<R> {
    /// Reads the footer. The columns may stand in any order. The rows are not looked at.
    ///
    /// # Errors
    ///
    /// It is no Parquet, lacks a column of the log format as nullable texts, or has another one.
    pub fn open(source: R) -> Result<HourFile<R>, ReadError> {
        // By default the reader keeps a summary of how pages are encoded, which the writer would leave out.
        let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
        let metadata = ParquetMetaDataReader::new().with_metadata_options(Some(options)).parse_and_finish(&source)?;
        let places = places(metadata.file_metadata().schema_descr())?;
        Ok(HourFile { source, metadata, places })
    }

    /// How many row groups it has.
    pub fn row_groups(&self) -> usize {
        self.metadata.num_row_groups()
    }

    fn row_group(&self, group: usize) -> Result<&RowGroupMetaData, ParquetError> {
        let groups = self.metadata.row_groups();
        groups.get(group).ok_or(ParquetError::IndexOutOfBound(group, groups.len()))
    }

    /// Appends column chunks of a row group. The writer gives them their new place in the file.
    fn append_to(
        &self,
        writer: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
        group: &RowGroupMetaData,
        places: &[usize],
    ) -> Result<(), ParquetError> {
        for place in places {
            let metadata = group.column(*place).clone();
            let close = ColumnCloseResult {
                bytes_written: metadata.compressed_size().unsigned_abs(),
                // The columns are flat: a value for each row. The writer refuses columns of different length.
                rows_written: metadata.num_values().unsigned_abs(),
                // It lies elsewhere in the file, so the writer does not find it by itself.
                bloom_filter: Sbbf::read_from_column_chunk(&metadata, &self.source)?,
                metadata,
                column_index: None,
                offset_index: None,
            };
            writer.append_column(&self.source, close)?;
        }
        Ok(())
    }
}

impl ParquetFile {
    /// Appends the row group `group`, counted from 0, of a file of the hour `hour` (two digits) to this file of a day.
    /// Returns the file's bytes since the last call. One row group is in memory, compressed.
    ///
    /// # Errors
    ///
    /// This is no file of a day, the hour's file has no such row group, could not be read or is damaged, or the Parquet
    /// writer failed. This file is of no use then.
    pub fn append_hour<R: ChunkReader>(
        &mut self,
        file: &HourFile<R>,
        group: usize,
        hour: &str,
    ) -> Result<Vec<u8>, EncodeError> {
        let group_metadata = file.row_group(group)?;
        let rows = usize::try_from(group_metadata.num_rows()).map_err(ParquetError::from)?;
        let hours = self.encoder().encode_hour(group, hour, rows)?;
        let (narrow, wide) = file.places.split_at(NARROW_COLUMNS);
        self.append_with(|writer| {
            file.append_to(writer, group_metadata, narrow)?;
            hours.append_to_row_group(writer)?;
            file.append_to(writer, group_metadata, wide)
        })
    }
}

/// Where our columns stand among these, in the order of our files.
fn places(columns: &SchemaDescriptor) -> Result<Vec<usize>, ReadError> {
    let ours = parquet_schema(&schema(false))?;
    let place = |(column, ours): (&usize, _)| {
        let place = columns.columns().iter().position(|other| other == ours);
        place.ok_or(ReadError::Column(COLUMNS[*column].name))
    };
    let places = ORDER.iter().zip(ours.columns()).map(place).collect::<Result<Vec<usize>, _>>()?;
    match (0..columns.num_columns()).find(|place| !places.contains(place)) {
        Some(other) => Err(ReadError::OtherColumn(columns.column(other).path().string())),
        None => Ok(places),
    }
}
