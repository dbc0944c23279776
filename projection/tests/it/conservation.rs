//! C2: whatever lines an hour has, every row is in its Parquet once, with every value, and every other line is counted.

use std::collections::{BTreeMap, BTreeSet};

use log_format::{COLUMNS, Object, read_first, write_line};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use projection::read::decode::{Decoder, MemoryBudget};
use projection::sort::merge::{Merge, MergeSummary};
use projection::write::file::ParquetFile;
use projection::write::row_group::RowGroupBuilder;
use proptest::collection::vec;
use proptest::prelude::*;

type Texts = Vec<Option<String>>;

/// Lines of every shape of event, lines that are none, and lines that damage to one of these leaves.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let shapes: Vec<Vec<u8>> =
        fixtures::shapes().iter().filter(|shape| shape.is_line).map(|shape| line_of(shape.envelope)).collect();
    let shape = (0..shapes.len()).prop_map(move |shape| shapes[shape].clone());
    let damaged = (shape.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut line, at, byte)| {
        let at = at.index(line.len());
        line[at] = if byte == b'\n' { b' ' } else { byte };
        line
    });
    prop_oneof![8 => shape, 3 => damaged, 1 => Just(b"{}".to_vec()), 1 => Just(b"word".to_vec()), 1 => Just(Vec::new())]
}

/// The line of an envelope's event, without its newline.
fn line_of(envelope: &str) -> Vec<u8> {
    let envelope = Object::parse(envelope.as_bytes()).unwrap();
    let detail = Object::parse(envelope.get("detail").unwrap().as_bytes()).unwrap();
    let event = Object::parse(detail.get("data").unwrap().as_bytes()).unwrap();
    let mut line = Vec::new();
    write_line(&event, detail.get("log_id"), &mut line).unwrap();
    line.pop();
    line
}

/// What became of an hour.
struct Compacted {
    lines: u64,
    rejected: u64,
    summary: MergeSummary,
    file: Vec<u8>,
    /// The row count of the file's footer.
    rows: u64,
}

/// Compacts objects as an hour is compacted, by two decoders that share them.
fn compacted(objects: &[Vec<Vec<u8>>], rows_bytes: usize) -> Compacted {
    let budget = MemoryBudget { rows_bytes, text_bytes: 1 << 20 };
    let mut decoders = [Decoder::new(budget), Decoder::new(budget)];
    let (mut lines, mut rejected) = (0, 0);
    for (number, object) in objects.iter().enumerate() {
        let decoded = decoders[number % 2].push(&format!("logs/{number}"), &object.join(&b'\n')).unwrap();
        lines += decoded.lines;
        rejected += decoded.rejected;
    }
    let sorted: Vec<_> = decoders.into_iter().map(|decoder| decoder.finish(false).unwrap()).collect();
    let duplicates: u64 = sorted.iter().map(|sorted| sorted.duplicates).sum();
    let mut merge = Merge::new(sorted.into_iter().flat_map(|sorted| sorted.runs).collect(), 0).unwrap();
    let (mut rows, mut parquet) = (RowGroupBuilder::default(), ParquetFile::new().unwrap());
    assert!(!rows.fill_from(&mut merge).unwrap());
    let mut file = parquet.append(parquet.encoder().encode(0, rows).unwrap()).unwrap();
    let (end, rows) = parquet.finish().unwrap();
    file.extend(end);
    let mut summary = merge.finish().unwrap();
    summary.duplicates += duplicates;
    Compacted { lines, rejected, summary, file, rows }
}

fn expected(objects: &[Vec<Vec<u8>>]) -> (BTreeSet<Texts>, u64, u64) {
    // Damage may make a carriage return, which ends a line too.
    let pieces = objects.iter().flatten().flat_map(|line| line.split(|byte| *byte == b'\r'));
    let lines: Vec<&[u8]> = pieces.filter(|line| !line.trim_ascii().is_empty()).collect();
    let read: Vec<(Texts, bool)> = lines.iter().filter_map(|line| read_first(line).ok()).map(followed).collect();
    // What follows an object is a line of its own, which is rejected.
    let more = read.iter().filter(|(_, more)| *more).count();
    let (lines, rows) = ((lines.len() + more) as u64, read.len() as u64);
    (read.into_iter().map(|(row, _)| row).collect(), lines, rows)
}

fn followed((row, rest): (log_format::Row<'_>, &[u8])) -> (Texts, bool) {
    (texts(&row), !rest.is_empty())
}

fn texts(row: &log_format::Row<'_>) -> Texts {
    row.iter().map(|value| value.as_deref().map(str::to_string)).collect()
}

fn parquet_rows(file: Vec<u8>) -> Vec<Texts> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let text = |field: &Field| match field {
        Field::Str(text) => Some(text.clone()),
        _ => None,
    };
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        // A file has its columns in an order of its own.
        let values: BTreeMap<&str, Option<String>> =
            row.get_column_iter().map(|(name, field)| (name.as_str(), text(field))).collect();
        assert_eq!(values.len(), row.len());
        COLUMNS.iter().map(|column| values[column.name].clone()).collect()
    });
    rows.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_once_and_every_line_counted(objects in vec(vec(line(), 0..12), 1..4)) {
        let (rows, lines, read) = expected(&objects);
        for rows_bytes in [0, 4096, 1 << 20] {
            let hour = compacted(&objects, rows_bytes);
            prop_assert_eq!((hour.lines, hour.rejected), (lines, lines - read));
            prop_assert_eq!(hour.summary.duplicates, read - rows.len() as u64);
            prop_assert_eq!((hour.rows, hour.summary.rows), (rows.len() as u64, rows.len() as u64));
            let found = parquet_rows(hour.file);
            prop_assert_eq!(found.len(), rows.len());
            prop_assert_eq!(&found.into_iter().collect::<BTreeSet<_>>(), &rows);
        }
    }

    #[test]
    fn neither_the_order_of_objects_matters_nor_memory(objects in vec(vec(line(), 0..12), 2..4)) {
        let reversed: Vec<Vec<Vec<u8>>> = objects.iter().rev().cloned().collect();
        prop_assert_eq!(compacted(&objects, 1 << 20).file, compacted(&reversed, 4096).file);
    }
}
