//! Envelope → line → row, against a reading of the same text as a tree.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use log_format::{
    COLUMNS, Kind, LINE_BYTES_MAX, LineError, NULL, Object, PADDING_BYTES, Row, read_canonical, read_line,
};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use transform::batch::{RESPONSE_BYTES_MAX, Record, answer};
use transform::record::line as line_of;

/// If serde_json reads an envelope as a tree, its line holds the same values as the tree.
pub fn record(bytes: &[u8]) {
    let found = line_of(bytes);
    if Object::parse(bytes).is_ok() {
        assert!(serde_json::from_slice::<IgnoredAny>(bytes).is_ok());
    }
    if let Ok(line) = &found {
        assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
        assert!(line.len() <= LINE_BYTES_MAX);
        assert!(read_line(&line[..line.len() - 1]).is_ok());
    }
    let Ok(envelope) = serde_json::from_slice::<Value>(bytes) else { return };
    let Some(event) = envelope.pointer("/detail/data").and_then(Value::as_object) else {
        assert!(found.is_err());
        return;
    };
    let Ok(line) = found else { return };
    let line: Map<String, Value> = serde_json::from_slice(&line).expect("a line is an object");
    for column in COLUMNS.iter().filter(|column| column.kind != Kind::Rest) {
        let own = event.get(column.source).filter(|value| !value.is_null());
        let fallback = envelope.pointer("/detail/log_id").filter(|value| !value.is_null());
        let value = if column.name == "log_id" { own.or(fallback) } else { own };
        assert_eq!(line.contains_key(column.name), value.is_some(), "{}", column.name);
        if let Some(value) = value {
            let text = line[column.name].as_str().expect("a column is a text");
            assert!(shows(text, value, column.kind), "{}: {text} for {value}", column.name);
        }
    }
    let known = |name: &str| COLUMNS.iter().any(|column| column.kind != Kind::Rest && column.source == name);
    let rest: Map<String, Value> =
        event.iter().filter(|(name, _)| !known(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    let extra = line
        .get("extra")
        .map(|text| serde_json::from_str::<Map<String, Value>>(text.as_str().expect("extra is a text")));
    assert_eq!(extra.transpose().expect("extra is an object").unwrap_or_default(), rest);
}

/// True if `text` is what a column of that kind holds for `value`.
fn shows(text: &str, value: &Value, kind: Kind) -> bool {
    match (value, kind) {
        (Value::String(it), Kind::Text) => it == text,
        _ => serde_json::from_str::<Value>(text).is_ok_and(|it| it == *value),
    }
}

/// If serde_json reads a line as a map, its columns are those of the map. If arrow-json reads it, they are
/// arrow-json's.
pub fn line(bytes: &[u8]) {
    if bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return;
    }
    let found = read_line(bytes);
    canonical(bytes, &found);
    crate::arrow::line(bytes, &found);
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
    let shown = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let row = match found {
        Ok(row) => row,
        Err(LineError::Empty) => return assert!(COLUMNS.iter().all(|column| shown(column.name).is_none())),
        Err(error) => panic!("{error}"),
    };
    let leftover = fields.keys().any(|name| COLUMNS.iter().all(|column| column.name != name));
    for (column, text) in COLUMNS.iter().zip(&row) {
        match (shown(column.name), text.as_deref()) {
            // Fields without a column are folded into `extra`.
            _ if column.kind == Kind::Rest && leftover => folded(&fields, text.as_deref()),
            (None, None) => {}
            // A field `extra` of the event, which the predecessor wrote at the top level, becomes a field of our
            // `extra`.
            (Some(_), Some(text)) if column.kind == Kind::Rest => assert!(!text.is_empty() || fields["extra"] == ""),
            (Some(value), Some(text)) => assert!(shows(text, value, Kind::Text), "{}: {text}", column.name),
            (value, text) => panic!("{}: {text:?} for {value:?}", column.name),
        }
    }
}

/// If the fast path reads a line, its row is the one that `read_line` gives.
fn canonical(bytes: &[u8], found: &Result<Row<'_>, LineError>) {
    let mut text = vec![0; bytes.len() + PADDING_BYTES];
    let Some(lengths) = read_canonical(bytes, &mut text) else { return };
    let row = found.as_ref().expect("a canonical line is a row");
    let mut rest = text.as_slice();
    for (value, length) in row.iter().zip(lengths) {
        let canonical = (length != NULL).then(|| rest.split_off(..length as usize).expect("values lie in the text"));
        assert_eq!(canonical, value.as_deref().map(str::as_bytes));
    }
}

fn folded(fields: &Map<String, Value>, extra: Option<&str>) {
    let extra: Map<String, Value> = serde_json::from_str(extra.expect("something is left over")).expect("an object");
    for (name, value) in fields.iter().filter(|(name, _)| COLUMNS.iter().all(|column| column.name != *name)) {
        assert_eq!(extra.get(name), Some(value), "{name}");
    }
}

/// Every record is answered once, in order, with its line or itself, and all answers fit into a response.
pub fn batch(bytes: &[u8]) {
    let parts: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let ids: Vec<String> = (0..parts.len()).map(|number| number.to_string()).collect();
    let records: Vec<Record<'_>> = ids.iter().zip(&parts).map(|(id, data)| Record { id, data }).collect();
    let (response, report) = answer(&records, line_of);
    let json = serde_json::to_string(&response).expect("a response is written");
    assert!(json.len() <= RESPONSE_BYTES_MAX);
    let json: serde_json::Value = serde_json::from_str(&json).expect("a response is JSON");
    let answers = json["records"].as_array().expect("a response has answers");
    assert_eq!((response.records.len(), answers.len()), (records.len(), records.len()));
    assert_eq!(report.ok + report.failed_total(), records.len() as u64);
    for (answer, record) in answers.iter().zip(&records) {
        let text = |field: &str| answer[field].as_str().expect("an answer has texts");
        let data = STANDARD.decode(text("data")).expect("an answer is base64");
        let line = line_of(record.data);
        assert_eq!((text("recordId"), text("result") == "Ok"), (record.id, line.is_ok()));
        assert_eq!(data, line.unwrap_or(record.data.to_vec()));
    }
}
