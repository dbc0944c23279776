//! Rows → the columns of a row group.

use std::io;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BinaryBuilder, StringArray, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use log_format::COLUMNS;

use crate::sort::merge::Merge;
use crate::sort::row::{EncodedRow, in_order};
use crate::write::pages::{BufferPool, Pages};

/// The first columns of a file. Columns that most queries read are neighbours, so that one read covers them. Readers find
/// columns by name.
const FIRST: [&str; 6] = ["type", "ip", "user_id", "timestamp", "log_id", "description"];

/// The columns that hold most bytes. They come last in a file.
const WIDE: [&str; 2] = ["details", "extra"];
/// How many columns of an hour stand before them. In a file of a day the hour comes next.
pub(super) const NARROW_COLUMNS: usize = COLUMNS.len() - WIDE.len();

/// Positions of all columns, in the order of a file.
pub(super) static ORDER: LazyLock<[usize; COLUMNS.len()]> = LazyLock::new(|| in_order(&FIRST));

/// The column that files of a day have besides, before the wide ones: the hour of the row, in two digits.
pub(super) const HOUR: &str = "hour";

/// The Arrow schema of a file of an hour, or of a day if `with_hour`: every column a nullable string.
pub fn schema(with_hour: bool) -> SchemaRef {
    let mut names: Vec<&str> = ORDER.iter().map(|column| COLUMNS[*column].name).collect();
    if with_hour {
        names.insert(NARROW_COLUMNS, HOUR);
    }
    let fields = names.into_iter().map(|name| Field::new(name, DataType::Utf8, true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// Collects the rows of a row group as columns. Where a group ends depends on the rows alone (C7).
#[derive(Debug)]
pub struct RowGroupBuilder {
    narrow: Vec<BinaryBuilder>,
    /// In a file of a day, the hour of each source, and of each row.
    hours: Option<(Arc<[String]>, StringBuilder)>,
    wide: [Pages; WIDE.len()],
    rows: usize,
    bytes: usize,
}

/// Capacity hints from the previous row group: avoids reallocation and page faults.
#[derive(Debug, Default)]
pub struct Capacity {
    rows: usize,
    bytes: [usize; NARROW_COLUMNS],
    /// One pool per wide column: the pages of the two differ in size.
    pages: [BufferPool; WIDE.len()],
}

impl RowGroupBuilder {
    /// An empty builder with room for an eighth more than `capacity`.
    pub fn with_capacity(capacity: Capacity) -> RowGroupBuilder {
        let more = |size: usize| size + size / 8;
        let narrow = capacity.bytes.iter().map(|bytes| BinaryBuilder::with_capacity(more(capacity.rows), more(*bytes)));
        let wide = capacity.pages.map(Pages::new);
        RowGroupBuilder { narrow: narrow.collect(), hours: None, wide, rows: 0, bytes: 0 }
    }

    /// The same for a file of a day whose sources are of these hours, each in two digits.
    #[must_use]
    pub fn of_hours(self, hours: Arc<[String]>) -> RowGroupBuilder {
        RowGroupBuilder { hours: Some((hours, StringBuilder::new())), ..self }
    }

    /// The hints for the next row group.
    pub fn capacity(&self) -> Capacity {
        let bytes = std::array::from_fn(|place| self.narrow[place].values_slice().len());
        Capacity { rows: self.rows, bytes, pages: self.wide.each_ref().map(Pages::pool) }
    }

    /// Adds the next rows of `merge` until the group is full. Returns false if no row is left.
    ///
    /// # Errors
    ///
    /// A temporary file could not be read.
    pub fn fill_from(&mut self, merge: &mut Merge) -> io::Result<bool> {
        merge.take_rows(|row, source| {
            self.push(row, source);
            !self.is_full()
        })
    }

    fn push(&mut self, row: EncodedRow<'_>, source: usize) {
        let (narrow, wide) = ORDER.split_at(NARROW_COLUMNS);
        for (column, values) in narrow.iter().zip(&mut self.narrow) {
            values.append_option(row.value(*column));
        }
        if let Some((hours, values)) = &mut self.hours {
            values.append_option(hours.get(source));
        }
        for (column, pages) in wide.iter().zip(&mut self.wide) {
            pages.push(row.value(*column));
        }
        self.rows += 1;
        self.bytes += row.bytes().len();
    }

    fn is_full(&self) -> bool {
        let enough = self.rows >= ROW_GROUP_ROWS_MIN && self.bytes >= ROW_GROUP_BYTES_MIN;
        enough || self.rows >= ROW_GROUP_ROWS_MAX || self.bytes >= ROW_GROUP_BYTES_MAX
    }

    /// The columns in the order of a file: first the narrow ones and the hour as arrays, then the wide ones as pages.
    ///
    /// # Errors
    ///
    /// A value is not UTF-8. No reader lets such a value through; this checks it once more.
    pub fn finish(self) -> Result<(Vec<ArrayRef>, [Pages; WIDE.len()]), ArrowError> {
        let column =
            |mut values: BinaryBuilder| Ok(Arc::new(StringArray::try_from_binary(values.finish())?) as ArrayRef);
        let mut narrow = self.narrow.into_iter().map(column).collect::<Result<Vec<_>, ArrowError>>()?;
        narrow.extend(self.hours.map(|(_, mut hours)| Arc::new(hours.finish()) as ArrayRef));
        Ok((narrow, self.wide))
    }
}

impl Default for RowGroupBuilder {
    fn default() -> RowGroupBuilder {
        RowGroupBuilder::with_capacity(Capacity::default())
    }
}

/// A row group ends once it has this many rows and [`ROW_GROUP_BYTES_MIN`]: about 25,000 rows as a rule, whose wide columns
/// take 2 MB in the file. Athena prunes by row group alone, so smaller groups read less. But it joins reads that are less
/// than 1 MB apart, so groups whose wide columns take less than that are read whole.
pub const ROW_GROUP_ROWS_MIN: usize = 1 << 14;
/// Encoded bytes that a row group has at least: 16,384 long, repetitive rows alone would compress to less than 1 MB.
pub const ROW_GROUP_BYTES_MIN: usize = 24 << 20;
/// Encoded bytes that end a row group in any case: several groups are in memory at once.
pub const ROW_GROUP_BYTES_MAX: usize = 48 << 20;
/// Rows that end a row group in any case.
pub const ROW_GROUP_ROWS_MAX: usize = 1 << 17;

#[cfg(test)]
mod tests {
    use arrow::array::Array;

    use super::*;
    use crate::sort::sorter::Sorter;

    #[test]
    fn the_wide_columns_come_last() {
        assert_eq!(ORDER.map(|column| COLUMNS[column].name)[NARROW_COLUMNS..], WIDE);
    }

    #[test]
    fn a_group_is_full_at_its_bytes() {
        let line = |number: usize| format!(r#"{{"log_id":"{number:06}","ip":"{}"}}"#, "x".repeat(1 << 20));
        let mut sorter = Sorter::new(1 << 20);
        for number in 0..60 {
            sorter.push_line(line(number).as_bytes()).unwrap().unwrap();
        }
        let mut merge = Merge::new(sorter.finish(false).unwrap().runs, 0).unwrap();
        let mut sizes = Vec::new();
        loop {
            let mut rows = RowGroupBuilder::default();
            let more = rows.fill_from(&mut merge).unwrap();
            sizes.push(rows.finish().unwrap().0[0].len());
            if !more {
                break;
            }
        }
        assert_eq!(sizes, [ROW_GROUP_BYTES_MAX >> 20, 60 - (ROW_GROUP_BYTES_MAX >> 20)]);
    }
}
