//! A row as bytes: the offsets of its values, then the values, both in column order. Rows have this form in the sorter's
//! buffer and in temporary files.

use std::cmp::Ordering;
use std::sync::LazyLock;

use log_format::{COLUMNS, Lengths, NULL, PADDING_BYTES, Row, read_canonical};

/// Words before the values: a bitmap of the columns that have a value, each value's offset, and the end of the last.
const HEADER_WORDS: usize = 1 + COLUMNS.len() + 1;
/// Bytes before the values.
pub const HEADER_BYTES: usize = size_of::<u32>() * HEADER_WORDS;

/// The columns that rows are sorted by first: what people filter on, the user before all. `docs/parquet.md` has the cost of
/// other orders.
const SORT_FIRST: [&str; 4] = ["user_id", "type", "timestamp", "log_id"];

/// Positions of all columns in sort order. All columns take part: equal rows become neighbours, and the order depends on
/// the rows alone (C7).
static SORT_ORDER: LazyLock<[usize; COLUMNS.len()]> = LazyLock::new(|| in_order(&SORT_FIRST));

/// Positions of all columns: those named in `first`, then the others in column order.
pub fn in_order(first: &[&str]) -> [usize; COLUMNS.len()] {
    let mut order = std::array::from_fn(|column| column);
    order.sort_by_key(|column| first.iter().position(|name| *name == COLUMNS[*column].name).unwrap_or(usize::MAX));
    order
}

/// How many columns of the sort order a sort key covers: user_id, type and timestamp.
pub const KEY_COLUMNS: usize = 3;

/// Positions of the first [`KEY_COLUMNS`] columns in sort order.
pub fn key_columns() -> [usize; KEY_COLUMNS] {
    std::array::from_fn(|place| SORT_ORDER[place])
}

/// The position of a column in [`COLUMNS`].
///
/// # Panics
///
/// No column has that name.
pub fn position(name: &str) -> usize {
    #[expect(clippy::expect_used, reason = "the names are ours, and tests pass each of them")]
    COLUMNS.iter().position(|column| column.name == name).expect("a column of the log format")
}

/// An encoded row, borrowed from a buffer.
#[derive(Debug, Clone, Copy)]
pub struct EncodedRow<'a>(&'a [u8]);

impl<'a> EncodedRow<'a> {
    /// Takes `bytes` as exactly one row.
    pub fn of(bytes: &'a [u8]) -> EncodedRow<'a> {
        debug_assert_eq!(EncodedRow::bytes_of(bytes), Some(bytes.len()));
        EncodedRow(bytes)
    }

    /// The row at the start of `bytes`. `None` if `bytes` end before the row does.
    pub fn first(bytes: &'a [u8]) -> Option<EncodedRow<'a>> {
        bytes.get(..EncodedRow::bytes_of(bytes)?).map(EncodedRow)
    }

    /// The length of the row at the start of `bytes`. `None` if its header is not complete.
    pub fn bytes_of(bytes: &[u8]) -> Option<usize> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        Some(word(header, HEADER_WORDS - 1) as usize)
    }

    /// The whole row, header included.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The value of the column at that position. `None` if the row has none there.
    pub fn value(self, column: usize) -> Option<&'a [u8]> {
        let is_valid = word(self.0, 0) >> column & 1 == 1;
        is_valid.then(|| &self.0[word(self.0, 1 + column) as usize..word(self.0, 2 + column) as usize])
    }

    /// Compares two rows by their columns in sort order, without the first `skip` of these. Null comes first.
    pub fn compare(self, other: EncodedRow<'_>, skip: usize) -> Ordering {
        let orders = SORT_ORDER[skip..].iter().map(|column| self.value(*column).cmp(&other.value(*column)));
        orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn word(row: &[u8], place: usize) -> u32 {
    let (words, _) = row.as_chunks();
    u32::from_le_bytes(words[place])
}

/// Bytes that [`encode_line`] may need for a line.
pub fn capacity_bytes(line: &[u8]) -> usize {
    HEADER_BYTES + line.len() + PADDING_BYTES
}

/// Encodes the row of a canonical line into `buffer` and returns its length. `None` for any other line, and if `buffer` is
/// shorter than [`capacity_bytes`].
pub fn encode_line(line: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let (header, text) = buffer.split_at_mut_checked(HEADER_BYTES)?;
    let lengths = read_canonical(line, text)?;
    Some(write_header(header, &lengths))
}

/// Encodes a row.
pub fn encode(values: &Row<'_>) -> Vec<u8> {
    let values = || values.iter().map(|value| value.as_deref());
    let mut row = vec![0; HEADER_BYTES];
    let mut lengths = [NULL; COLUMNS.len()];
    for (length, value) in lengths.iter_mut().zip(values()) {
        *length = value.map_or(NULL, |text| text.len() as u32);
        row.extend_from_slice(value.unwrap_or_default().as_bytes());
    }
    write_header(&mut row[..HEADER_BYTES], &lengths);
    row
}

/// Writes the header for values of these lengths and returns the length of the whole row.
fn write_header(header: &mut [u8], lengths: &Lengths) -> usize {
    let (words, _) = header.as_chunks_mut();
    let (mut validity, mut end) = (0_u32, HEADER_BYTES as u32);
    for (column, length) in lengths.iter().enumerate() {
        words[1 + column] = end.to_le_bytes();
        if *length != NULL {
            validity |= 1 << column;
            end += length;
        }
    }
    words[0] = validity.to_le_bytes();
    words[HEADER_WORDS - 1] = end.to_le_bytes();
    end as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_format::read_line;

    fn row(line: &str) -> Vec<u8> {
        encode(&read_line(line.as_bytes()).unwrap())
    }

    fn order(a: &str, b: &str) -> Ordering {
        let (a, b) = (row(a), row(b));
        EncodedRow::first(&a).unwrap().compare(EncodedRow::first(&b).unwrap(), 0)
    }

    #[test]
    fn the_fast_path_writes_the_same_row() {
        for line in [r#"{"log_id":"1"}"#, r#"{"ip":"","type":"s\n","details":"{\"a\":1}","extra":"{}"}"#] {
            let mut room = vec![b'#'; capacity_bytes(line.as_bytes())];
            let bytes = encode_line(line.as_bytes(), &mut room).unwrap();
            assert_eq!(room[..bytes], row(line));
            assert_eq!(EncodedRow::first(&room).unwrap().bytes(), row(line));
        }
        let line = br#"{"log_id":"1"}"#;
        assert_eq!(encode_line(line, &mut vec![0; capacity_bytes(line) - 1]), None);
        assert_eq!(encode_line(line, &mut []), None);
    }

    #[test]
    fn gives_values_by_column() {
        let row = row(r#"{"log_id":"1","ip":"","details":"{}"}"#);
        let value = |name| {
            let value = EncodedRow::first(&row).unwrap().value(position(name));
            value.map(|text| std::str::from_utf8(text).unwrap())
        };
        assert_eq!(["log_id", "ip", "user_id", "details"].map(value), [Some("1"), Some(""), None, Some("{}")]);
        for cut in 0..row.len() {
            assert!(EncodedRow::first(&row[..cut]).is_none());
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
