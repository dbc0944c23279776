//! A tree that another writer left, with extra fields at the top level of each line, is compacted with nothing lost.

use std::path::Path;

use fixtures::gzip;
use log_format::{COLUMNS, Kind, Object};
use testkit::rebuild;

use crate::support::{command, number, rows};

/// The line of an event as another writer left it: the sixteen columns, then every other field as it was.
fn line_with_extra_fields(event: &Object<'_>) -> String {
    let mut fields = Vec::new();
    for column in COLUMNS.iter().filter(|column| column.kind != Kind::Rest) {
        let value = event.get(column.source).filter(|value| *value != "null");
        let text = |value: &str| match (column.kind, value.starts_with('"')) {
            (Kind::Text, true) => value.to_string(),
            _ => serde_json::to_string(value).unwrap(),
        };
        fields.extend(value.map(|value| format!("\"{}\":{}", column.name, text(value))));
    }
    let others = event.fields().filter(|field| rebuild::position(&field.name()).is_none());
    fields.extend(others.map(|field| format!("{}:{}", field.key, field.value)));
    format!("{{{}}}\n", fields.join(","))
}

fn put(folder: &Path, name: &str, text: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), gzip(text)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost() {
    let shapes: Vec<_> = fixtures::shapes().into_iter().filter(|shape| shape.is_line).collect();
    let envelopes: Vec<Object<'_>> =
        shapes.iter().map(|shape| Object::parse(shape.envelope.as_bytes()).unwrap()).collect();
    let details: Vec<Object<'_>> =
        envelopes.iter().map(|it| Object::parse(it.get("detail").unwrap().as_bytes()).unwrap()).collect();
    let events: Vec<Object<'_>> =
        details.iter().map(|it| Object::parse(it.get("data").unwrap().as_bytes()).unwrap()).collect();
    // That writer had no line for an event of several lines, and a field `timestamp` of the event replaced its date.
    let readable = |event: &&Object<'_>| {
        event.get("timestamp").is_none() && event.fields().all(|field| !field.value.contains('\n'))
    };
    let events: Vec<&Object<'_>> = events.iter().filter(readable).collect();
    let data = tempfile::tempdir().unwrap();
    let logs = data.path().join("auth0-logs/logs/2025/03/01");
    let (first, second) = events.split_at(events.len() / 2);
    let text = |events: &[&Object<'_>]| events.iter().map(|event| line_with_extra_fields(event)).collect::<String>();
    put(&logs.join("07"), "auth0-logs-1-2025-03-01-07-01-02-5d1f.gz", &text(first));
    put(&logs.join("08"), "auth0-logs-1-2025-03-01-08-01-02-9c0e.gz", &text(second));

    let (code, found) = command(data.path(), &["compact"]);
    assert_eq!(code, 0, "{found}");
    assert_eq!((number(&found, "compacted"), number(&found["counts"], "rejected")), (2, 0));
    assert_eq!(number(&found["counts"], "rows"), events.len() as u64);
    let mut rows = rows(data.path(), "auth0_logs_parquet").await;
    for event in &events {
        let at = rows.iter().position(|row| rebuild::rebuilt(event, row).is_ok());
        rows.remove(at.unwrap_or_else(|| panic!("no row of {event:?}")));
    }
    assert!(rows.is_empty() && events.len() > 85, "{} events", events.len());
    let (code, again) = command(data.path(), &["compact"]);
    assert_eq!((code, number(&again, "compacted"), number(&again, "nothing")), (0, 0, 2));
}

#[test]
fn one_hour_and_a_range_can_be_asked_for() {
    let data = tempfile::tempdir().unwrap();
    for hour in ["07", "08", "09"] {
        put(&data.path().join("auth0-logs/logs/2025/03/01").join(hour), "a.gz", "{\"type\":\"s\"}\n");
    }
    let (_, one) = command(data.path(), &["compact", "--hour", "2025-03-01T08"]);
    assert_eq!(one["hours"].as_array().unwrap().len(), 1);
    assert_eq!(one["hours"][0]["hour"], "2025-03-01T08");
    let (_, range) = command(data.path(), &["compact", "--from", "2025-03-01T07", "--to", "2025-03-01T09"]);
    assert_eq!((number(&range, "compacted"), number(&range, "nothing")), (1, 1));
}
