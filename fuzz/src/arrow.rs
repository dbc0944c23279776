//! Line → row, against arrow-json, which reads JSON by a tape of its own.

use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Schema};
use log_format::{COLUMNS, Kind, LineError, Row};
use serde_json::{Map, Value};

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    Arc::new(Schema::new(
        COLUMNS.iter().map(|column| Field::new(column.name, DataType::Utf8, true)).collect::<Vec<_>>(),
    ))
});

/// The row that arrow-json reads, one value for each of [`COLUMNS`].
type Theirs = Vec<Option<String>>;

/// If we and arrow-json both read a line, its row is the same: texts, numbers and booleans as they stand, null, and of
/// duplicate keys the last value. Not compared is
///
/// - what arrow-json refuses: arrays and objects as values, lone surrogates, bytes that are not UTF-8, any text around
///   the object except JSON's white space;
/// - what arrow-json misreads, see [`misread`];
/// - what arrow-json accepts and we refuse: surplus or missing commas, control characters in a text, malformed numbers;
/// - `extra` if fields without a column are folded into it, because arrow-json drops them.
pub(crate) fn line(bytes: &[u8], found: &Result<Row<'_>, LineError>) {
    let none = Row::default();
    let ours = match found {
        Ok(row) => row,
        Err(LineError::Empty) => &none,
        Err(LineError::NotJson(_) | LineError::TooLong { .. }) => return,
    };
    let strict = read(bytes, true);
    let leftover = strict.is_none();
    let Some(theirs) = strict.or_else(|| read(bytes, false)) else { return };
    for (column, (ours, theirs)) in COLUMNS.iter().zip(ours.iter().zip(&theirs)) {
        match (ours.as_deref(), theirs.as_deref()) {
            _ if column.kind == Kind::Rest && leftover => {}
            (Some(ours), Some(_)) if ours.contains(misread) => {}
            (Some(ours), Some(theirs)) if column.kind == Kind::Rest => extra(ours, theirs),
            (ours, theirs) => assert_eq!(ours, theirs, "{}", column.name),
        }
    }
}

/// A pair of escaped surrogates stands for 0x10000 more than its twenty bits. arrow-json sets that bit where it should
/// add it, so that of U+20000 it makes U+10000, and so on in every other plane.
fn misread(character: char) -> bool {
    character >= '\u{20000}' && u32::from(character) & 0x1_0000 == 0
}

/// The row that arrow-json reads. `None` if it does not read exactly one row, or if `strict` and a field has no column.
fn read(bytes: &[u8], strict: bool) -> Option<Theirs> {
    let builder = ReaderBuilder::new(Arc::clone(&SCHEMA)).with_coerce_primitive(true).with_strict_mode(strict);
    // A batch may have a second row, so that its absence can be checked.
    let mut decoder = builder.with_batch_size(2).build_decoder().expect("a schema of texts");
    decoder.decode(bytes).ok()?;
    let batch = decoder.flush().ok()??;
    let text = |column: usize| batch.column(column).as_string::<i32>().iter().next().expect("one row");
    (batch.num_rows() == 1).then(|| (0..COLUMNS.len()).map(|column| text(column).map(str::to_owned)).collect())
}

/// Checks that an `extra` that is an object stays the same, and that any other becomes a field of one.
fn extra(ours: &str, theirs: &str) {
    let object = |text| serde_json::from_str::<Map<String, Value>>(text).ok();
    let wrapped = || Map::from_iter([("extra".to_owned(), Value::from(theirs))]);
    // serde_json refuses some objects for their numbers or depth.
    assert!(
        ours == theirs || object(theirs).is_none() && object(ours) == Some(wrapped()),
        "extra: {ours} for {theirs}"
    );
}
