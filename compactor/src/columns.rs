//! Rows → the columns of a row group.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BinaryBuilder, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use log_format::COLUMNS;

use crate::pages::{Pages, Spare};
use crate::record::{Record, in_order};

/// The columns that come first in a file: the ones that most questions are about lie side by side, and the two that hold
/// most bytes last. Readers go by name.
const FIRST: [&str; 6] = ["type", "ip", "user_id", "timestamp", "log_id", "description"];

/// The columns that hold most bytes, the last in a file.
const WIDE: [&str; 2] = ["details", "extra"];
/// How many columns are not wide.
const NARROW_COLUMNS: usize = COLUMNS.len() - WIDE.len();

/// Positions of all columns, in the order that a file has them.
static ORDER: LazyLock<[usize; COLUMNS.len()]> = LazyLock::new(|| in_order(&FIRST));

/// The Arrow schema of a file: every column a nullable string.
pub fn schema() -> SchemaRef {
    let fields = ORDER.iter().map(|column| Field::new(COLUMNS[*column].name, DataType::Utf8, true));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// Takes rows, gives their columns. Which rows make a group depends on them alone (C7).
#[derive(Debug)]
pub struct Columns {
    narrow: Vec<BinaryBuilder>,
    wide: [Pages; WIDE.len()],
    rows: usize,
    bytes: usize,
}

/// What columns need of the ones before them: to grow is to copy, and memory that is new is dear.
#[derive(Debug, Default)]
pub struct Room {
    rows: usize,
    bytes: [usize; NARROW_COLUMNS],
    /// Of each wide column its own: the pages of one are fuller than those of the other.
    pages: [Spare; WIDE.len()],
}

impl Columns {
    /// Columns without rows.
    pub fn new() -> Columns {
        Columns::with_room(Room::default())
    }

    /// Columns without rows, but with room for what others hold and a little more.
    pub fn with_room(room: Room) -> Columns {
        let more = |size: usize| size + size / 8;
        let narrow = room.bytes.iter().map(|bytes| BinaryBuilder::with_capacity(more(room.rows), more(*bytes)));
        let wide = room.pages.map(Pages::new);
        Columns { narrow: narrow.collect(), wide, rows: 0, bytes: 0 }
    }

    /// What the next ones need.
    pub fn room(&self) -> Room {
        let bytes = std::array::from_fn(|place| self.narrow[place].values_slice().len());
        Room { rows: self.rows, bytes, pages: self.wide.each_ref().map(Pages::spare) }
    }

    /// Takes a row.
    pub fn push(&mut self, record: Record<'_>) {
        let (narrow, wide) = ORDER.split_at(NARROW_COLUMNS);
        for (column, values) in narrow.iter().zip(&mut self.narrow) {
            values.append_option(record.value(*column));
        }
        for (column, pages) in wide.iter().zip(&mut self.wide) {
            pages.push(record.value(*column));
        }
        self.rows += 1;
        self.bytes += record.bytes().len();
    }

    /// Is it a whole row group?
    pub fn is_full(&self) -> bool {
        let enough = self.rows >= ROW_GROUP_ROWS_MIN && self.bytes >= ROW_GROUP_BYTES_MIN;
        enough || self.rows >= ROW_GROUP_ROWS_MAX || self.bytes >= ROW_GROUP_BYTES_MAX
    }

    /// Is there no row?
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The columns in the order of a file: first those that are not wide; nothing but text was put into them, which is
    /// checked once more. Then the wide ones.
    ///
    /// # Errors
    ///
    /// Where a value is not UTF-8.
    pub fn finish(self) -> Result<(Vec<ArrayRef>, [Pages; WIDE.len()]), ArrowError> {
        let column =
            |mut values: BinaryBuilder| Ok(Arc::new(StringArray::try_from_binary(values.finish())?) as ArrayRef);
        let narrow = self.narrow.into_iter().map(column).collect::<Result<_, ArrowError>>()?;
        Ok((narrow, self.wide))
    }
}

impl Default for Columns {
    fn default() -> Columns {
        Columns::new()
    }
}

/// A row group is closed once it has so many rows and so many bytes of records: mostly about 25,000 rows, whose wide columns
/// take 2 MB in the file. Athena prunes by row group alone, so that smaller ones read less; but ranges less than 1 MB apart
/// it reads as one, and so all of it where the wide columns of a group take no more than that.
pub const ROW_GROUP_ROWS_MIN: usize = 1 << 14;
/// Of rows that are long, and as repetitive as such rows are, so few would take less than 1 MB.
pub const ROW_GROUP_BYTES_MIN: usize = 24 << 20;
/// And at the latest with so many bytes: several groups are in memory at once.
pub const ROW_GROUP_BYTES_MAX: usize = 48 << 20;
/// Or with so many rows.
pub const ROW_GROUP_ROWS_MAX: usize = 1 << 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wide_columns_come_last() {
        assert_eq!(ORDER.map(|column| COLUMNS[column].name)[NARROW_COLUMNS..], WIDE);
    }
}
