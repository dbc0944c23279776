//! The rows of a Parquet file, read by other means than the compactor's.

use bytes::Bytes;
use log_format::COLUMNS;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// The column that only files of days have: the hour of the row, two digits.
const HOUR: &str = "hour";

/// The values of the columns of the log format, in their order.
pub(super) type Values<'a> = [Option<&'a str>; COLUMNS.len()];

/// Hands over each row of a file of an hour, whose columns must be those of the log format in any order.
pub(super) fn of_hour(bytes: Bytes, mut take: impl FnMut(&Values<'_>)) -> Result<(), ParquetError> {
    read(bytes, &names(), |values| take(&first(values)))
}

/// Hands over each row of a file of a day with its hour.
pub(super) fn of_day(bytes: Bytes, mut take: impl FnMut(&Values<'_>, Option<&str>)) -> Result<(), ParquetError> {
    let mut names = names();
    names.push(HOUR);
    read(bytes, &names, |values| take(&first(values), values[COLUMNS.len()]))
}

fn names() -> Vec<&'static str> {
    COLUMNS.iter().map(|column| column.name).collect()
}

fn first<'a>(values: &[Option<&'a str>]) -> Values<'a> {
    let mut first = [None; COLUMNS.len()];
    first.copy_from_slice(&values[..COLUMNS.len()]);
    first
}

/// Hands over the values of these columns for each row. The file must have these columns and no others.
fn read(bytes: Bytes, names: &[&str], mut take: impl FnMut(&[Option<&str>])) -> Result<(), ParquetError> {
    let wrong = |what: &str| ParquetError::General(what.to_string());
    let reader = SerializedFileReader::new(bytes)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let named = |name: &str| names.iter().position(|ours| *ours == name);
    let columns: Vec<usize> = schema.columns().iter().filter_map(|column| named(&column.path().string())).collect();
    if schema.num_columns() != names.len() || (0..names.len()).any(|column| !columns.contains(&column)) {
        return Err(wrong("other columns than the log format's"));
    }
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let mut values = vec![None; names.len()];
        for (column, (_, field)) in columns.iter().zip(row.get_column_iter()) {
            values[*column] = match field {
                Field::Str(text) => Some(text.as_str()),
                Field::Null => None,
                _ => return Err(wrong("a column that is no text")),
            };
        }
        take(&values);
    }
    Ok(())
}
