//! A Parquet file that we wrote → its rows as a sorted run, in a temporary file. So the files of many hours are merged with one
//! row group of one of them in memory. And, without the rest of the file, the values of one column.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::ops::Range;
use std::sync::Arc;

use bytes::buf::Reader;
use bytes::{Buf, Bytes};
use log_format::{COLUMNS, Row};
use parquet::basic::ConvertedType;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::sort::row::{self, EncodedRow};
use crate::sort::sorter::SortedRun;

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1024;

/// A file could not be read as one of ours.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no Parquet, or is damaged.
    #[error("failed to read Parquet")]
    Parquet(#[from] ParquetError),
    /// A column ends before its row group does.
    #[error("its column {0} has fewer rows than its row group")]
    Short(&'static str),
    /// It lacks a column of the log format, or has one that is no text.
    #[error("it has no column {0} of texts")]
    Column(&'static str),
    /// It has a column that files of hours do not have, or one twice.
    #[error("it has a column {0} that files of hours do not have")]
    OtherColumn(String),
    /// Its rows are not in order, so nothing of ours wrote it.
    #[error("its rows are not in the order of our files")]
    Order,
    /// The temporary file could not be written.
    #[error("failed to keep rows in a temporary file where TMPDIR says")]
    Spill(#[from] io::Error),
}

/// Reads files into one temporary file, a sorted run each.
#[derive(Debug)]
pub struct FileRuns {
    spool: BufWriter<File>,
    runs: Vec<(u64, u64)>,
}

impl FileRuns {
    /// No files yet.
    ///
    /// # Errors
    ///
    /// There is no place for temporary files.
    pub fn new() -> io::Result<FileRuns> {
        Ok(FileRuns { spool: BufWriter::new(tempfile::tempfile()?), runs: Vec::new() })
    }

    /// Adds the rows of a file, whose columns may stand in any order. Returns how many it has.
    ///
    /// # Errors
    ///
    /// It is no file of ours, or the temporary file could not be written. What was added before stays as it is.
    pub fn push(&mut self, file: Bytes) -> Result<u64, ReadError> {
        let begin = self.runs.last().map_or(0, |(begin, bytes)| begin + bytes);
        let (mut bytes, mut rows, mut before) = (0, 0, Vec::new());
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
        let file = Arc::new(file);
        for group in metadata.row_groups() {
            let mut left =
                usize::try_from(group.num_rows()).map_err(|error| ParquetError::External(Box::new(error)))?;
            let mut columns = columns(&file, group, left)?;
            while left > 0 {
                let count = left.min(BATCH_ROWS);
                columns.iter_mut().try_for_each(|column| column.read(count))?;
                left -= count;
                for _ in 0..count {
                    let encoded = row::encode(&next_row(&mut columns)?);
                    let is_next =
                        before.is_empty() || EncodedRow::of(&before).compare(EncodedRow::of(&encoded), 0).is_lt();
                    if !is_next {
                        return Err(ReadError::Order);
                    }
                    self.spool.write_all(&encoded)?;
                    bytes += encoded.len() as u64;
                    rows += 1;
                    before = encoded;
                }
            }
        }
        self.runs.push((begin, bytes));
        Ok(rows)
    }

    /// The runs, in the order of their files.
    ///
    /// # Errors
    ///
    /// The temporary file could not be written.
    pub fn finish(self) -> io::Result<Vec<SortedRun>> {
        let file = Arc::new(self.spool.into_inner().map_err(IntoInnerError::into_error)?);
        let run = |(begin, bytes)| SortedRun::File { file: Arc::clone(&file), begin, bytes };
        Ok(self.runs.into_iter().map(run).collect())
    }
}

/// A column of a row group. Arrow's reader can read columns of every type, and was a seventh of the compactor's package.
struct Column {
    name: &'static str,
    reader: ColumnReaderImpl<ByteArrayType>,
    /// Of each row that was read, whether it has a value: 1 or 0.
    levels: Vec<i16>,
    values: Vec<ByteArray>,
    next_row: usize,
    next_value: usize,
}

impl Column {
    fn new<R: ChunkReader + 'static>(
        name: &'static str,
        file: &Arc<R>,
        chunk: &ColumnChunkMetaData,
        rows: usize,
    ) -> Result<Column, ReadError> {
        let pages = SerializedPageReader::new(Arc::clone(file), chunk, rows, None)?;
        let reader = ColumnReaderImpl::new(chunk.column_descr_ptr(), Box::new(pages));
        Ok(Column { name, reader, levels: Vec::new(), values: Vec::new(), next_row: 0, next_value: 0 })
    }

    /// Reads so many rows, in place of those that were read before.
    fn read(&mut self, count: usize) -> Result<(), ReadError> {
        self.levels.clear();
        self.values.clear();
        (self.next_row, self.next_value) = (0, 0);
        let (rows, ..) = self.reader.read_records(count, Some(&mut self.levels), None, &mut self.values)?;
        if rows < count { Err(ReadError::Short(self.name)) } else { Ok(()) }
    }

    /// The value of the next row.
    fn next(&mut self) -> Result<Option<Cow<'_, str>>, ReadError> {
        let level = *self.levels.get(self.next_row).ok_or(ReadError::Short(self.name))?;
        self.next_row += 1;
        if level == 0 {
            return Ok(None);
        }
        let value = self.values.get(self.next_value).ok_or(ReadError::Short(self.name))?;
        self.next_value += 1;
        Ok(Some(Cow::Borrowed(value.as_utf8()?)))
    }
}

/// The columns of the log format, in its order.
fn columns(file: &Arc<Bytes>, group: &RowGroupMetaData, rows: usize) -> Result<Vec<Column>, ReadError> {
    let named = |name: &'static str| Column::new(name, file, chunk(group, name).ok_or(ReadError::Column(name))?, rows);
    COLUMNS.iter().map(|column| named(column.name)).collect()
}

/// A part of a file, for readers that need no other.
#[derive(Debug)]
pub struct Part {
    /// Where it begins in the file.
    pub begin: u64,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Part {
    fn from(&self, start: u64) -> Result<Bytes, ParquetError> {
        let outside = || ParquetError::EOF(format!("byte {start} is outside of the part that was read"));
        let at = start.checked_sub(self.begin).and_then(|at| usize::try_from(at).ok()).ok_or_else(outside)?;
        if at > self.bytes.len() { Err(outside()) } else { Ok(self.bytes.slice(at..)) }
    }
}

impl Length for Part {
    fn len(&self) -> u64 {
        self.begin + self.bytes.len() as u64
    }
}

impl ChunkReader for Part {
    type T = Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Reader<Bytes>, ParquetError> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let rest = self.from(start)?;
        if rest.len() < length {
            return Err(ParquetError::EOF(format!("{length} bytes from byte {start} were not read")));
        }
        Ok(rest.slice(..length))
    }
}

/// Where in its file a column of a row group lies. `None` if it has no such column of texts.
pub fn place_of_column(group: &RowGroupMetaData, name: &str) -> Option<Range<u64>> {
    let (begin, bytes) = chunk(group, name)?.byte_range();
    Some(begin..begin.checked_add(bytes)?)
}

/// Hands over the values of a column of a row group, in order. Of the file only `part` is read, which holds the column.
///
/// # Errors
///
/// It has no such column of texts, or the part is damaged or does not hold it. Some values were handed over.
pub fn each_text(
    part: &Arc<Part>,
    group: &RowGroupMetaData,
    name: &'static str,
    mut take: impl FnMut(Option<&str>),
) -> Result<(), ReadError> {
    let mut left = usize::try_from(group.num_rows()).map_err(|error| ParquetError::External(Box::new(error)))?;
    let mut column = Column::new(name, part, chunk(group, name).ok_or(ReadError::Column(name))?, left)?;
    while left > 0 {
        let count = left.min(BATCH_ROWS);
        column.read(count)?;
        left -= count;
        for _ in 0..count {
            take(column.next()?.as_deref());
        }
    }
    Ok(())
}

fn chunk<'a>(group: &'a RowGroupMetaData, name: &str) -> Option<&'a ColumnChunkMetaData> {
    group.columns().iter().find(|chunk| chunk.column_path().parts() == [name] && is_text(chunk))
}

/// Is it a column of texts, any of which may be missing?
fn is_text(chunk: &ColumnChunkMetaData) -> bool {
    let own = chunk.column_descr();
    own.converted_type() == ConvertedType::UTF8 && own.max_def_level() == 1 && own.max_rep_level() == 0
}

fn next_row(columns: &mut [Column]) -> Result<Row<'_>, ReadError> {
    let mut row: Row<'_> = std::array::from_fn(|_| None);
    for (place, column) in row.iter_mut().zip(columns) {
        *place = column.next()?;
    }
    Ok(row)
}

#[cfg(test)]
mod tests {
    use parquet::column::writer::ColumnWriter;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::file::writer::SerializedFileWriter;
    use parquet::record::Field;
    use parquet::schema::parser::parse_message_type;

    use super::*;
    use crate::sort::merge::Merge;
    use crate::sort::sorter::Sorter;
    use crate::write::file::ParquetFile;
    use crate::write::row_group::RowGroupBuilder;

    /// A file of the merged rows, of a day if `hours` are given.
    fn written(mut merge: Merge, hours: Option<&[&str]>) -> Bytes {
        let mut file = if hours.is_some() { ParquetFile::of_day() } else { ParquetFile::new() }.unwrap();
        let (mut bytes, mut number) = (Vec::new(), 0);
        loop {
            let mut rows = RowGroupBuilder::default();
            if let Some(hours) = hours {
                rows = rows.of_hours(hours.iter().map(ToString::to_string).collect());
            }
            let more = rows.fill_from(&mut merge).unwrap();
            bytes.extend(file.append(file.encoder().encode(number, rows).unwrap()).unwrap());
            number += 1;
            if !more {
                bytes.extend(file.finish().unwrap().0);
                return bytes.into();
            }
        }
    }

    fn hour(lines: &[&str]) -> Bytes {
        let mut sorter = Sorter::new(1 << 20);
        for line in lines {
            sorter.push_line(line.as_bytes()).unwrap().unwrap();
        }
        written(Merge::new(sorter.finish(false).unwrap().runs, 0).unwrap(), None)
    }

    fn day(hours: &[(&str, Bytes)]) -> Bytes {
        let mut runs = FileRuns::new().unwrap();
        for (_, file) in hours {
            runs.push(file.clone()).unwrap();
        }
        let names: Vec<&str> = hours.iter().map(|(hour, _)| *hour).collect();
        written(Merge::of_sources(runs.finish().unwrap(), 0).unwrap(), Some(&names))
    }

    /// `hour log_id details` of each row, and the names of the columns.
    fn shown(file: &Bytes) -> (Vec<String>, Vec<String>) {
        let reader = SerializedFileReader::new(file.clone()).unwrap();
        let columns = reader.metadata().file_metadata().schema_descr().columns();
        let names: Vec<String> = columns.iter().map(|column| column.name().to_string()).collect();
        let rows = reader.get_row_iter(None).unwrap().map(|row| {
            let row = row.unwrap();
            let value = |name: &str| match row.get_column_iter().find(|(column, _)| *column == name) {
                Some((_, Field::Str(text))) => text.clone(),
                _ => "-".to_string(),
            };
            ["hour", "log_id", "details"].map(value).join(" ")
        });
        (rows.collect(), names)
    }

    const A: &str = r#"{"log_id":"1","user_id":"a","details":"{}"}"#;
    const B: &str = r#"{"log_id":"2","user_id":"b"}"#;
    const C: &str = r#"{"log_id":"3","user_id":"a","details":""}"#;

    #[test]
    fn hours_become_a_day_in_order_and_none_of_their_rows_is_merged() {
        let hours = [("05", hour(&[B, A])), ("06", hour(&[C])), ("17", hour(&[A, B, C]))];
        let made = day(&hours);
        let (rows, columns) = shown(&made);
        assert_eq!(rows, ["05 1 {}", "17 1 {}", "06 3 ", "17 3 ", "05 2 -", "17 2 -"]);
        assert_eq!(columns[columns.len() - 3..], ["hour", "details", "extra"]);
        assert_eq!(made, day(&hours), "the same hours give the same bytes");
    }

    /// A file whose columns are all of this type, with one row.
    fn of_columns(kind: &str) -> Bytes {
        let fields: String = COLUMNS.iter().map(|column| format!("{}; ", kind.replace("NAME", column.name))).collect();
        let schema = Arc::new(parse_message_type(&format!("message it {{ {fields}}}")).unwrap());
        let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
        let mut group = file.next_row_group().unwrap();
        while let Some(mut column) = group.next_column().unwrap() {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(own) => own.write_batch(&["1".into()], Some(&[1]), None).unwrap(),
                ColumnWriter::Int64ColumnWriter(own) => own.write_batch(&[1], Some(&[1]), None).unwrap(),
                _ => panic!("columns of {kind}"),
            };
            column.close().unwrap();
        }
        group.close().unwrap();
        file.into_inner().unwrap().into()
    }

    #[test]
    fn one_column_is_read_without_the_rest_of_the_file() {
        let file = hour(&[B, A, C]);
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
        let group = metadata.row_group(0);
        let texts = |part: Part, name| {
            let mut texts = Vec::new();
            each_text(&Arc::new(part), group, name, |text| texts.push(text.unwrap_or("-").to_owned())).map(|()| texts)
        };
        let place = place_of_column(group, "log_id").unwrap();
        let part = || Part { begin: place.start, bytes: file.slice(place.start as usize..place.end as usize) };
        assert_eq!(texts(part(), "log_id").unwrap(), ["1", "3", "2"]);
        assert!(texts(part(), "details").is_err(), "another column is outside");
        let cut = Part { bytes: part().bytes.slice(..part().bytes.len() / 2), ..part() };
        assert!(texts(cut, "log_id").is_err());
        assert!(matches!(texts(part(), "none"), Err(ReadError::Column("none"))));
        assert_eq!(place_of_column(group, "none"), None);
    }

    #[test]
    fn columns_are_optional_texts() {
        let push = |kind: &str| FileRuns::new().unwrap().push(of_columns(kind));
        assert_eq!(push("optional binary NAME (UTF8)").unwrap(), 1);
        for kind in ["optional int64 NAME", "optional binary NAME", "required binary NAME (UTF8)"] {
            assert!(matches!(push(kind), Err(ReadError::Column(name)) if name == COLUMNS[0].name), "{kind}");
        }
    }

    #[test]
    fn only_files_of_ours_are_read() {
        let mut runs = FileRuns::new().unwrap();
        assert!(matches!(runs.push(Bytes::from_static(b"no Parquet")), Err(ReadError::Parquet(_))));
        assert_eq!(runs.push(hour(&[A, B])).unwrap(), 2);
        // The rows of a day are ordered as those of an hour, but for equal ones.
        let doubled = day(&[("05", hour(&[A])), ("06", hour(&[A]))]);
        assert!(matches!(runs.push(doubled), Err(ReadError::Order)));
        assert_eq!(runs.finish().unwrap().len(), 1);
    }
}
