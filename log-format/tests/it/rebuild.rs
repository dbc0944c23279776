//! F1: every field of every event can be rebuilt from its row, exact to the digit.

use std::path::Path;

use log_format::{COLUMNS, Object, read_line, write_line};
use proptest::collection::vec;
use proptest::prelude::*;
use testkit::rebuild::{position, rebuilt};

/// Writes the line of an event, reads its row, and finds every field in it.
fn check(event: &str) {
    let object = Object::parse(event.as_bytes()).unwrap();
    let mut line = Vec::new();
    if write_line(&object, None, &mut line).is_err() {
        let empty = object.fields().all(|field| field.value == "null" && position(&field.name()).is_some());
        assert!(empty, "no line, but there are fields: {event}");
        return;
    }
    let row = read_line(line.strip_suffix(b"\n").unwrap()).unwrap();
    let row: Vec<Option<String>> = row.iter().map(|value| value.as_deref().map(str::to_string)).collect();
    rebuilt(&object, &row).unwrap_or_else(|lack| panic!("{lack} in {event}"));
}

#[test]
fn every_event_of_ours() {
    let shapes: Vec<_> = fixtures::shapes().into_iter().filter(|shape| shape.is_line).collect();
    for shape in &shapes {
        let envelope = Object::parse(shape.envelope.as_bytes()).unwrap();
        let detail = Object::parse(envelope.get("detail").unwrap().as_bytes()).unwrap();
        check(detail.get("data").unwrap());
    }
    println!("{} events rebuilt", shapes.len());
}

/// Real events from public sources are no part of the project. They are checked if they lie beside it.
#[test]
fn every_real_event_there_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/real-events");
    let Ok(files) = std::fs::read_dir(&folder) else { return println!("no real events here") };
    let mut events = 0;
    for file in files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "ndjson"))
    {
        for event in std::fs::read_to_string(file).unwrap().lines() {
            check(event);
            events += 1;
        }
    }
    println!("{events} real events rebuilt");
    assert_eq!(events, 69);
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?",
        Just("1e400".to_string()),
        Just("-0".to_string()),
    ]
}

fn string() -> impl Strategy<Value = String> {
    let plain = any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let escaped = "(\\\\u00[0-9a-f]{2}|\\\\[\"\\\\/bfnrt]|\\\\ud83d\\\\ude00|[ -!#-\\[\\]-~é]){0,12}";
    let lone = prop_oneof![Just(r#""\ud800""#.to_string()), Just(r#""a\udfffb""#.to_string())];
    prop_oneof![4 => plain, 4 => escaped.prop_map(|text| format!("\"{text}\"")), 1 => lone]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![Just("null".to_string()), Just("true".to_string()), number(), string()];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(|values| format!("[{}]", values.join(", "))),
            vec((string(), inner), 0..6).prop_map(|fields| object(&fields)),
        ]
    })
}

fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn key() -> impl Strategy<Value = String> {
    let own = (0..COLUMNS.len()).prop_map(|column| format!("\"{}\"", COLUMNS[column].source));
    let near = prop_oneof![Just("\"timestamp\""), Just("\"extra\""), Just("\"IP\""), Just(r#""$event_schema""#)];
    prop_oneof![4 => own, 2 => near.prop_map(str::to_string), 2 => string()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_event_that_could_be(fields in vec((key(), json()), 0..24)) {
        check(&object(&fields));
    }
}
