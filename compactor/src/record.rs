//! A row as bytes: where each value lies, then the values, both in the order of the columns. So rows lie in memory while
//! they wait to be sorted, and in a file where memory is short.

use std::cmp::Ordering;
use std::sync::LazyLock;

use log_format::{COLUMNS, Lengths, NULL, PADDING_BYTES, Row, read_canonical};

/// Before the values: a word whose bits tell which columns have one, where each value begins, and where the last ends.
const HEADER_WORDS: usize = 1 + COLUMNS.len() + 1;
/// Bytes before the values.
pub const HEADER_BYTES: usize = size_of::<u32>() * HEADER_WORDS;

/// The columns that rows are sorted by first: what people filter on, a user before all. `docs/parquet.md` has what other
/// orders cost.
const SORT_FIRST: [&str; 4] = ["user_id", "type", "timestamp", "log_id"];

/// Positions of all columns, in the order that rows are compared by: so equal rows stand together, and the order depends
/// on nothing but the rows (C7).
static SORT_ORDER: LazyLock<[usize; COLUMNS.len()]> = LazyLock::new(|| in_order(&SORT_FIRST));

/// Positions of all columns: those of `first` first, then the others as they are.
pub fn in_order(first: &[&str]) -> [usize; COLUMNS.len()] {
    let mut order = std::array::from_fn(|column| column);
    order.sort_by_key(|column| first.iter().position(|name| *name == COLUMNS[*column].name).unwrap_or(usize::MAX));
    order
}

/// How many columns the order begins with that a key of [`crate::sort`] stands for: user_id, type and timestamp.
pub const KEY_COLUMNS: usize = 3;

/// Positions of the first [`KEY_COLUMNS`] columns in sort order.
pub fn key_columns() -> [usize; KEY_COLUMNS] {
    std::array::from_fn(|place| SORT_ORDER[place])
}

/// The position of a column.
///
/// # Panics
///
/// Where there is none of that name.
pub fn position(name: &str) -> usize {
    #[expect(clippy::expect_used, reason = "the names are ours, and tests pass each of them")]
    COLUMNS.iter().position(|column| column.name == name).expect("a column of the log format")
}

/// A record where it lies.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    /// The record that `bytes` are.
    pub fn of(bytes: &'a [u8]) -> Record<'a> {
        debug_assert_eq!(Record::bytes_of(bytes), Some(bytes.len()));
        Record(bytes)
    }

    /// The record that `bytes` begin with; none where they end before it does.
    pub fn first(bytes: &'a [u8]) -> Option<Record<'a>> {
        bytes.get(..Record::bytes_of(bytes)?).map(Record)
    }

    /// How many bytes the record takes that `bytes` begin with; none where they do not tell.
    pub fn bytes_of(bytes: &[u8]) -> Option<usize> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        Some(word(header, HEADER_WORDS - 1) as usize)
    }

    /// All of it.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The value of a column.
    pub fn value(self, column: usize) -> Option<&'a [u8]> {
        let there = word(self.0, 0) >> column & 1 == 1;
        there.then(|| &self.0[word(self.0, 1 + column) as usize..word(self.0, 2 + column) as usize])
    }

    /// Compares with another record by their columns in sort order, but for the first `skip` of these. No value comes before
    /// any.
    pub fn compare(self, other: Record<'_>, skip: usize) -> Ordering {
        let orders = SORT_ORDER[skip..].iter().map(|column| self.value(*column).cmp(&other.value(*column)));
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn word(record: &[u8], place: usize) -> u32 {
    let (words, _) = record.as_chunks();
    u32::from_le_bytes(words[place])
}

/// How much room a line's record may need, if it is one that we wrote.
pub fn room_bytes(line: &[u8]) -> usize {
    HEADER_BYTES + line.len() + PADDING_BYTES
}

/// Writes the record of a line that looks as we write it; how many bytes it takes. None of any other, and where there
/// are not [`room_bytes`].
pub fn write(line: &[u8], room: &mut [u8]) -> Option<usize> {
    let (header, text) = room.split_at_mut_checked(HEADER_BYTES)?;
    let lengths = read_canonical(line, text)?;
    Some(write_header(header, &lengths))
}

/// The record of a row.
pub fn of_row(row: &Row<'_>) -> Vec<u8> {
    let values = || row.iter().map(|value| value.as_deref());
    let mut record = vec![0; HEADER_BYTES];
    let mut lengths = [NULL; COLUMNS.len()];
    for (length, value) in lengths.iter_mut().zip(values()) {
        *length = value.map_or(NULL, |text| text.len() as u32);
        record.extend_from_slice(value.unwrap_or_default().as_bytes());
    }
    write_header(&mut record[..HEADER_BYTES], &lengths);
    record
}

/// Writes what stands before values of such lengths; how many bytes the record takes.
fn write_header(header: &mut [u8], lengths: &Lengths) -> usize {
    let (words, _) = header.as_chunks_mut();
    let (mut there, mut end) = (0_u32, HEADER_BYTES as u32);
    for (column, length) in lengths.iter().enumerate() {
        words[1 + column] = end.to_le_bytes();
        if *length != NULL {
            there |= 1 << column;
            end += length;
        }
    }
    words[0] = there.to_le_bytes();
    words[HEADER_WORDS - 1] = end.to_le_bytes();
    end as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_format::read_line;

    fn record(line: &str) -> Vec<u8> {
        of_row(&read_line(line.as_bytes()).unwrap())
    }

    fn order(a: &str, b: &str) -> Ordering {
        let (a, b) = (record(a), record(b));
        Record::first(&a).unwrap().compare(Record::first(&b).unwrap(), 0)
    }

    #[test]
    fn the_quick_way_writes_the_same_record() {
        for line in [r#"{"log_id":"1"}"#, r#"{"ip":"","type":"s\n","details":"{\"a\":1}","extra":"{}"}"#] {
            let mut room = vec![b'#'; room_bytes(line.as_bytes())];
            let bytes = write(line.as_bytes(), &mut room).unwrap();
            assert_eq!(room[..bytes], record(line));
            assert_eq!(Record::first(&room).unwrap().bytes(), record(line));
        }
        let line = br#"{"log_id":"1"}"#;
        assert_eq!(write(line, &mut vec![0; room_bytes(line) - 1]), None);
        assert_eq!(write(line, &mut []), None);
    }

    #[test]
    fn gives_values_by_column() {
        let record = record(r#"{"log_id":"1","ip":"","details":"{}"}"#);
        let value = |name| {
            let value = Record::first(&record).unwrap().value(position(name));
            value.map(|text| std::str::from_utf8(text).unwrap())
        };
        assert_eq!(["log_id", "ip", "user_id", "details"].map(value), [Some("1"), Some(""), None, Some("{}")]);
        for cut in 0..record.len() {
            assert!(Record::first(&record[..cut]).is_none());
        }
    }

    #[test]
    fn sorts_by_what_people_filter_on() {
        assert_eq!(
            SORT_ORDER.map(|column| COLUMNS[column].name)[..6],
            ["user_id", "type", "timestamp", "log_id", "connection", "connection_id"]
        );
        assert_eq!(order(r#"{"log_id":"2","user_id":"a"}"#, r#"{"log_id":"1","user_id":"b"}"#), Ordering::Less);
        assert_eq!(order(r#"{"user_id":"a","type":"s"}"#, r#"{"user_id":"a","type":"f"}"#), Ordering::Greater);
        assert_eq!(order(r#"{"ip":"9"}"#, r#"{"user_id":"","ip":"1"}"#), Ordering::Less);
        assert_eq!(order(r#"{"log_id":"1","ip":"1"}"#, r#"{"log_id":"1","ip":"1","details":""}"#), Ordering::Less);
        assert_eq!(order(r#"{"ip":"1"}"#, r#"{"ip":"1"}"#), Ordering::Equal);
    }
}
