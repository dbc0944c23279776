//! A file of an hour becomes a file of a day without decoding: its rows, statistics and bloom filters stay as they are.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::record::Field as Value;
use projection::read::parquet::{FileRuns, ReadError};
use projection::sort::merge::Merge;
use projection::sort::sorter::Sorter;
use projection::write::append::HourFile;
use projection::write::file::{EncodeError, ParquetFile};
use projection::write::row_group::{RowGroupBuilder, schema};

const BLOOM_COLUMNS: [&str; 3] = ["log_id", "user_id", "ip"];

/// Lines that take two row groups: a group ends at 48 MB.
fn lines() -> Vec<String> {
    let line = |number: usize| {
        let details = (!number.is_multiple_of(3)).then(|| format!(r#","details":"{number}{}""#, "x".repeat(1 << 20)));
        let extra = number.is_multiple_of(3).then(|| format!(r#","extra":"{number}{}""#, "y".repeat(1 << 20)));
        // Longer than statistics, which are cut.
        let client = number.is_multiple_of(2).then(|| format!(r#","client_name":"{number}{}""#, "long ".repeat(30)));
        let more = [details, extra, client].into_iter().flatten().collect::<String>();
        format!(
            r#"{{"log_id":"id-{number:04}","type":"{}","user_id":"user-{}","ip":"10.0.0.{}"{more}}}"#,
            ["s", "f", "fp"][number % 3],
            number % 7,
            number % 11
        )
    };
    (0..60).map(line).collect()
}

/// A file of the merged rows, of a day if an `hour` is given.
fn written(mut merge: Merge, hour: Option<&str>) -> Bytes {
    let mut file = if hour.is_some() { ParquetFile::of_day() } else { ParquetFile::new() }.unwrap();
    let (mut bytes, mut number, mut more) = (Vec::new(), 0, true);
    while more {
        let mut rows = RowGroupBuilder::default();
        if let Some(hour) = hour {
            rows = rows.of_hours(Arc::new([hour.to_string()]));
        }
        more = rows.fill_from(&mut merge).unwrap();
        bytes.extend(file.append(file.encoder().encode(number, rows).unwrap()).unwrap());
        number += 1;
    }
    bytes.extend(file.finish().unwrap().0);
    bytes.into()
}

fn hour_of(lines: &[String]) -> Bytes {
    let mut sorter = Sorter::new(1 << 30);
    for line in lines {
        sorter.push_line(line.as_bytes()).unwrap().unwrap();
    }
    written(Merge::new(sorter.finish(false).unwrap().runs, 0).unwrap(), None)
}

/// The file of a day of this hour, and the row count of its footer.
fn appended<R: ChunkReader>(source: R, hour: &str) -> (Bytes, u64) {
    let source = HourFile::open(source).unwrap();
    let (mut file, mut bytes) = (ParquetFile::of_day().unwrap(), Vec::new());
    for group in 0..source.row_groups() {
        bytes.extend(file.append_hour(&source, group, hour).unwrap());
    }
    let (end, rows) = file.finish().unwrap();
    bytes.extend(end);
    (bytes.into(), rows)
}

/// Name and value of every column of every row.
fn rows(file: &Bytes) -> Vec<Vec<(String, Value)>> {
    let reader = SerializedFileReader::new(file.clone()).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| row.unwrap().into_columns()).collect()
}

fn metadata(file: &Bytes) -> ParquetMetaData {
    let options = ParquetMetaDataOptions::new().with_encoding_stats_as_mask(false);
    ParquetMetaDataReader::new().with_metadata_options(Some(options)).parse_and_finish(file).unwrap()
}

fn chunk<'a>(group: &'a RowGroupMetaData, name: &str) -> &'a ColumnChunkMetaData {
    group.columns().iter().find(|column| column.column_descr().name() == name).unwrap()
}

/// The column chunk as if it began the file and had no filter, and the filter.
fn unplaced(column: &ColumnChunkMetaData, file: &Bytes) -> (ColumnChunkMetaData, Option<Vec<u8>>) {
    let (begin, _) = column.byte_range();
    let to_begin = |offset: i64| offset - begin as i64;
    let builder = column.clone().into_builder();
    let builder = builder.set_data_page_offset(to_begin(column.data_page_offset()));
    let builder = builder.set_dictionary_page_offset(column.dictionary_page_offset().map(to_begin));
    let unplaced = builder.set_bloom_filter_offset(None).set_bloom_filter_length(None).build().unwrap();
    let filter = Sbbf::read_from_column_chunk(column, file).unwrap();
    let filter = filter.map(|filter| {
        let mut bytes = Vec::new();
        filter.write(&mut bytes).unwrap();
        bytes
    });
    (unplaced, filter)
}

#[test]
fn an_appended_hour_is_the_day_that_merging_it_gives() {
    let hour = hour_of(&lines());
    let mut runs = FileRuns::new().unwrap();
    runs.push(hour.clone()).unwrap();
    let merged = written(Merge::of_sources(runs.finish().unwrap(), 0).unwrap(), Some("07"));
    let (day, count) = appended(hour.clone(), "07");
    assert_eq!(count, 60);
    assert!(day == merged);
    assert!(day == appended(hour.clone(), "07").0, "the same hour gives the same bytes");
    let mut on_disk = tempfile::tempfile().unwrap();
    on_disk.write_all(&hour).unwrap();
    assert!(day == appended(on_disk, "07").0);
}

#[test]
fn its_rows_have_the_hour_and_are_otherwise_as_before() {
    let hour = hour_of(&lines());
    let mut found = rows(&appended(hour.clone(), "07").0);
    for row in &mut found {
        let (name, value) = row.remove(row.len() - 3);
        assert_eq!((name.as_str(), value), ("hour", Value::Str("07".to_string())));
    }
    assert!(found == rows(&hour));
}

#[test]
fn column_chunks_and_bloom_filters_are_as_before() {
    let hour = hour_of(&lines());
    let day = appended(hour.clone(), "07").0;
    let (before, after) = (metadata(&hour), metadata(&day));
    assert_eq!((before.num_row_groups(), after.num_row_groups()), (2, 2));
    for (before, after) in before.row_groups().iter().zip(after.row_groups()) {
        assert_eq!(before.num_rows(), after.num_rows());
        assert_eq!(after.num_columns(), before.num_columns() + 1);
        for column in before.columns() {
            let name = column.column_descr().name();
            let (column, filter) = unplaced(column, &hour);
            assert!(column.page_encoding_stats().is_some(), "{name}");
            assert_eq!(filter.is_some(), BLOOM_COLUMNS.contains(&name), "{name}");
            assert_eq!(unplaced(chunk(after, name), &day), (column, filter), "{name}");
        }
        let statistics = chunk(after, "hour").statistics().unwrap();
        assert_eq!(statistics.min_bytes_opt(), Some("07".as_bytes()));
        assert_eq!(statistics.max_bytes_opt(), Some("07".as_bytes()));
    }
    assert_eq!(after.file_metadata().key_value_metadata(), before.file_metadata().key_value_metadata());
}

#[test]
fn a_lookup_hits_and_misses_by_the_bloom_filter() {
    let day = appended(hour_of(&lines()), "07").0;
    let metadata = metadata(&day);
    let filter = |group: usize, name| {
        Sbbf::read_from_column_chunk(chunk(metadata.row_group(group), name), &day).unwrap().unwrap()
    };
    assert!(filter(0, "ip").check("10.0.0.3"));
    assert!(!filter(0, "ip").check("10.0.0.250"));
    // Rows are in order of users: each is in one group, or in two neighbours.
    assert!(filter(0, "user_id").check("user-0") && !filter(1, "user_id").check("user-0"));
    assert!(!filter(0, "user_id").check("user-6") && filter(1, "user_id").check("user-6"));
}

/// A file of one row of our columns, changed by `change`, by another writer.
fn foreign(change: impl FnOnce(&mut Vec<(Field, ArrayRef)>)) -> Bytes {
    let text = |field: &Arc<Field>| {
        let values: ArrayRef = Arc::new(StringArray::from(vec![Some(field.name().as_str())]));
        (field.as_ref().clone(), values)
    };
    let mut columns = schema(false).fields().iter().map(text).collect();
    change(&mut columns);
    let (fields, values): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), values).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap().into()
}

#[test]
fn columns_are_found_by_name() {
    let source = foreign(|columns| columns.reverse());
    let (day, count) = appended(source, "23");
    let names: Vec<String> = schema(true).fields().iter().map(|field| field.name().clone()).collect();
    let value = |name: &String| Value::Str(if name == "hour" { "23".to_string() } else { name.clone() });
    let row: Vec<(String, Value)> = names.iter().map(|name| (name.clone(), value(name))).collect();
    assert_eq!((rows(&day), count), (vec![row], 1));
}

fn check_refused(source: Bytes, expected: &str) {
    assert_eq!(HourFile::open(source).unwrap_err().to_string(), expected);
}

#[test]
fn what_is_no_hour_of_ours_is_refused() {
    check_refused(Bytes::from_static(b"no Parquet"), "failed to read Parquet");
    check_refused(Bytes::new(), "failed to read Parquet");
    let whole = foreign(|_| {});
    check_refused(whole.slice(..whole.len() - 1), "failed to read Parquet");
    let position = |columns: &[(Field, ArrayRef)]| columns.iter().position(|(field, _)| field.name() == "ip").unwrap();
    let without = foreign(|columns| drop(columns.remove(position(columns))));
    check_refused(without, "it has no column ip of texts");
    let binary = foreign(|columns| {
        let values: ArrayRef = Arc::new(BinaryArray::from_vec(vec![b"1"]));
        let place = position(columns);
        columns[place] = (Field::new("ip", DataType::Binary, true), values);
    });
    check_refused(binary, "it has no column ip of texts");
    let never_null = foreign(|columns| {
        let place = position(columns);
        columns[place].0.set_nullable(false);
    });
    check_refused(never_null, "it has no column ip of texts");
    let doubled = foreign(|columns| columns.push(columns[position(columns)].clone()));
    check_refused(doubled, "it has a column ip that files of hours do not have");
    let day = appended(whole, "07").0;
    assert!(matches!(HourFile::open(day), Err(ReadError::OtherColumn(name)) if name == "hour"));
}

#[test]
fn a_row_group_is_appended_to_a_day_alone_and_must_exist() {
    let source = HourFile::open(foreign(|_| {})).unwrap();
    let mut hour = ParquetFile::new().unwrap();
    assert!(matches!(hour.append_hour(&source, 0, "07"), Err(EncodeError::Columns(_))));
    let mut day = ParquetFile::of_day().unwrap();
    assert!(matches!(day.append_hour(&source, 1, "07"), Err(EncodeError::Write(_))));
}
