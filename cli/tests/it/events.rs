//! Events of every known shape, and real ones, from end to end: every field can be rebuilt from its row in both tables.

use std::path::{Path, PathBuf};

use log_format::{Hour, Object};
use testkit::rebuild;

use crate::support::{NOW, binary, command, env, number, rows, target};

/// Takes `events`, one a line, through the pipeline, and finds each in a row of its own.
async fn check(lines: &[&str], events: &[&str]) {
    let data = tempfile::tempdir().unwrap();
    let input: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
    let summary = auth0_s3_logs::commands::run::carry(&target(data.path()), &input, &env(NOW, 1)).await.unwrap();
    assert_eq!((summary.events, summary.failed), (lines.len() as u64, 0), "{}", summary.failed_by_reason);
    assert_eq!((summary.lines, summary.new_rows), (events.len() as u64, events.len() as u64));
    assert_eq!(summary.troubles, [""; 0]);
    for source in ["auth0_logs_json", "auth0_logs_parquet", "auth0_logs"] {
        let mut rows = rows(data.path(), source).await;
        for event in events {
            let object = Object::parse(event.as_bytes()).unwrap();
            let found = rows.iter().position(|row| rebuild::rebuilt(&object, row).is_ok());
            rows.remove(found.unwrap_or_else(|| panic!("{source} has no row of {event}")));
        }
        assert_eq!(rows.len(), 0, "{source} has more rows than events");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shape_of_event() {
    let shapes: Vec<_> = fixtures::shapes().into_iter().filter(|shape| shape.is_line).collect();
    // An event of several lines, which no log stream sends, is no line of an input.
    let shapes: Vec<_> = shapes.into_iter().filter(|shape| !shape.envelope.trim_end().contains('\n')).collect();
    let envelopes: Vec<&str> = shapes.iter().map(|shape| shape.envelope.trim_end()).collect();
    let objects: Vec<Object<'_>> = envelopes.iter().map(|it| Object::parse(it.as_bytes()).unwrap()).collect();
    let details: Vec<Object<'_>> =
        objects.iter().map(|it| Object::parse(it.get("detail").unwrap().as_bytes()).unwrap()).collect();
    // If only the envelope has a log_id, the row has that one, and cannot be compared with the event.
    let own = |detail: &Object<'_>| {
        let event = detail.get("data").unwrap();
        let has_id = Object::parse(event.as_bytes()).unwrap().get("log_id").is_some_and(|id| id != "null");
        has_id || detail.get("log_id").is_none_or(|id| id == "null")
    };
    let kept: Vec<usize> = (0..details.len()).filter(|at| own(&details[*at])).collect();
    let lines: Vec<&str> = kept.iter().map(|at| envelopes[*at]).collect();
    let events: Vec<&str> = kept.iter().map(|at| details[*at].get("data").unwrap()).collect();
    assert!(lines.len() > 85, "{}", lines.len());
    check(&lines, &events).await;
}

fn real_events() -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/real-events");
    let files = std::fs::read_dir(folder).ok()?.map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|it| it == "ndjson")).collect();
    files.sort();
    Some(files)
}

/// Real events, collected from public sources. They are not part of the project, so the test needs a folder beside it.
#[tokio::test(flavor = "multi_thread")]
async fn every_real_event_there_is() {
    let Some(files) = real_events() else { return println!("no real events here") };
    let texts: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let events: Vec<&str> = texts.iter().flat_map(|text| text.lines()).collect();
    assert_eq!(events.len(), 69);
    check(&events, &events).await;
}

#[test]
fn what_is_no_event_is_counted_and_kept() {
    let data = tempfile::tempdir().unwrap();
    let input = data.path().join("events.ndjson");
    std::fs::write(&input, "word\n\n{\"date\":\"2026-11-20T13:00:00.000Z\",\"type\":\"s\"}\n[1]\n{}\n").unwrap();
    let (code, found) = command(&data.path().join("folder"), &["run", "--events", input.to_str().unwrap()]);
    assert_eq!(code, 1, "{found}");
    assert_eq!((number(&found, "events"), number(&found, "lines"), number(&found, "failed")), (4, 1, 3));
    assert_eq!(found["failed_by_reason"], "NotJson=2 Empty=1");
    assert_eq!(number(&found, "error_objects"), 1);
    let run = binary().args(["run", "--events"]).arg(&input).arg("--data").arg(data.path().join("other")).output();
    let text = String::from_utf8(run.unwrap().stdout).unwrap();
    assert!(text.contains("2 records of 4 failed, and lie under error/: no JSON objects"), "{text}");
    assert!(text.contains("1 record of 4 failed"), "{text}");
}

/// The simulated clock goes on for two days after the last event. The view must still show events that come into an
/// hour that is open by the real clock.
#[tokio::test(flavor = "multi_thread")]
async fn the_watermark_stays_behind_the_clock_outside() {
    let data = tempfile::tempdir().unwrap();
    let input = [br#"{"log_id":"1","type":"s","date":"2026-11-22T11:30:00.000Z"}"#.to_vec()];
    let summary = auth0_s3_logs::commands::run::carry(&target(data.path()), &input, &env(NOW, 1)).await.unwrap();
    assert_eq!((summary.new_rows, summary.troubles.len()), (1, 0));
    assert!(summary.watermark.unwrap() < Hour::of(NOW.parse().unwrap()).back(2), "{:?}", summary.watermark);
    assert_eq!(rows(data.path(), "auth0_logs").await.len(), 1);
}
