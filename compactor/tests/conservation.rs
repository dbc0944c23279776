//! C2: whatever lines an hour has, every row is in its Parquet once, with every value, and every other line is counted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;

use compactor::decode::{Decoded, Decoder};
use compactor::encode::encode;
use compactor::rows::distinct;
use log_format::{COLUMNS, Object, read_line, write_line};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
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

fn decoded(objects: &[Vec<Vec<u8>>]) -> Decoded {
    let mut decoder = Decoder::new(1 << 30);
    for (number, lines) in objects.iter().enumerate() {
        decoder.push(&format!("logs/{number}"), &lines.join(&b'\n')).unwrap();
    }
    decoder.finish().unwrap()
}

fn expected(objects: &[Vec<Vec<u8>>]) -> (BTreeSet<Texts>, u64, u64) {
    // Damage may make a carriage return, which ends a line too.
    let pieces = objects.iter().flatten().flat_map(|line| line.split(|byte| *byte == b'\r'));
    let lines: Vec<&[u8]> = pieces.filter(|line| !line.trim_ascii().is_empty()).collect();
    let rows: Vec<Texts> = lines.iter().filter_map(|line| Some(texts(&read_line(line).ok()?))).collect();
    let read = rows.len() as u64;
    (rows.into_iter().collect(), lines.len() as u64, read)
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
    let rows = reader.get_row_iter(None).unwrap();
    rows.map(|row| row.unwrap().get_column_iter().map(|(_, field)| text(field)).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_row_once_and_every_line_counted(objects in vec(vec(line(), 0..12), 1..4)) {
        let (rows, lines, read) = expected(&objects);
        let decoded = decoded(&objects);
        prop_assert_eq!((decoded.lines, decoded.rejected), (lines, lines - read));
        let distinct = distinct(decoded.chunks).unwrap();
        prop_assert_eq!(distinct.duplicates, read - rows.len() as u64);
        let encoded = encode(&distinct).unwrap();
        prop_assert_eq!(encoded.rows, rows.len() as u64);
        let found = parquet_rows(encoded.bytes);
        prop_assert!(found.iter().all(|row| row.len() == COLUMNS.len()));
        prop_assert_eq!(found.len(), rows.len());
        prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), rows);
    }

    #[test]
    fn the_order_of_objects_does_not_matter(objects in vec(vec(line(), 0..12), 2..4)) {
        let file = |objects: &[Vec<Vec<u8>>]| encode(&distinct(decoded(objects).chunks).unwrap()).unwrap().bytes;
        let reversed: Vec<Vec<Vec<u8>>> = objects.iter().rev().cloned().collect();
        prop_assert_eq!(file(&objects), file(&reversed));
    }
}
