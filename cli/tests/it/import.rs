//! `import`: events from before the stream come into the event log once, whatever holds them and wherever a run ends.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use auth0_s3_logs::args::{Import, Verify};
use auth0_s3_logs::commands::import::{Imported, run};
use auth0_s3_logs::commands::verify;
use auth0_s3_logs::env::Env;
use auth0_s3_logs::simulation::stack::Stack;
use fixtures::gzip;
use flate2::read::MultiGzDecoder;
use local_aws::seam::{Failure, Fault};
use log_format::{Hour, layout};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{self, BUCKET, binary, deployment};

const NOW: &str = "2025-03-01T20:59:00Z";
/// Another hour, in which a run is made again.
const LATER: &str = "2025-03-01T22:30:00Z";

/// The folder of the log in `data`, with its tables. Its clock always shows `now`. Another thread may still be closing it.
async fn stack(data: &Path, now: &'static str) -> Stack {
    support::open(&data.join("folder"), now).await
}

/// An event of the first of March.
fn event(log_id: u32, hour: u32) -> String {
    let date = format!("2025-03-01T{hour:02}:10:00.000Z");
    format!(r#"{{"date":"{date}","type":"s","log_id":"{log_id}","details":{{"n":1}},"tenant_name":"acme"}}"#)
}

/// Five events in three hours, the last of which is open. Of two of them the log_id is the same.
fn events() -> Vec<String> {
    vec![event(1, 7), event(2, 8), event(3, 7), event(2, 8), event(4, 20)]
}

fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn options(files: &[PathBuf]) -> Import {
    Import { files: files.to_vec(), ..Import::default() }
}

/// The environment of a command that starts at `now`. What is drawn anew at every start is.
fn env(now: &str) -> Env {
    static STARTS: AtomicU32 = AtomicU32::new(1);
    support::env(now, STARTS.fetch_add(1, Ordering::Relaxed).into())
}

async fn import(stack: &Stack, options: &Import, now: &str) -> Imported {
    let found = run(&deployment(stack, "import"), options, &env(now)).await.unwrap();
    assert_eq!(found.records, found.lines + found.refused, "{found:?}");
    assert_eq!(found.lines, found.imported + found.held + found.repeated, "{found:?}");
    found
}

async fn put(stack: &Stack, bucket: &str, key: &str, body: Vec<u8>) {
    stack.aws.as_observer().s3().put_object().bucket(bucket).key(key).body(body.into()).send().await.unwrap();
}

async fn keys(stack: &Stack, prefix: &str) -> Vec<String> {
    let listed = stack.aws.as_observer().s3().list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_string()).collect()
}

/// Every object of the event log, with its lines.
async fn logs(stack: &Stack) -> BTreeMap<String, String> {
    let mut logs = BTreeMap::new();
    for key in keys(stack, layout::LOGS).await {
        let found = stack.aws.as_observer().s3().get_object().bucket(BUCKET).key(&key).send().await.unwrap();
        let (object, mut text) = (found.body.collect().await.unwrap().to_vec(), String::new());
        match object.starts_with(&[0x1f, 0x8b]) {
            true => MultiGzDecoder::new(object.as_slice()).read_to_string(&mut text).map(drop).unwrap(),
            false => text = String::from_utf8(object).unwrap(),
        }
        logs.insert(key, text);
    }
    logs
}

/// The hour and the log_id of every line of the event log, in order.
fn places(logs: &BTreeMap<String, String>) -> Vec<String> {
    let mut places = Vec::new();
    for (key, text) in logs {
        let hour = layout::hour_of_input(key).unwrap().hour();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            places.push(format!("{hour} {}", line["log_id"].as_str().unwrap_or("-")));
        }
    }
    places.sort();
    places
}

async fn registered(stack: &Stack) -> Vec<String> {
    let hours = stack.catalog.json_hours(Hour::EPOCH..).await.unwrap();
    hours.into_iter().map(|hour| hour.hour()).collect()
}

async fn findings(stack: &Stack, now: &str) -> Vec<String> {
    let options = Verify { deep: true, ..Verify::default() };
    let found = verify::run(&deployment(stack, "verify"), &options, &env(now)).await.unwrap();
    let findings = found.findings.iter().map(|it| format!("{}: {}", it.difference.name(), it.what));
    findings.chain(found.inconclusive.iter().cloned()).collect()
}

#[tokio::test]
async fn an_empty_folder_gets_every_event_once_in_its_hour() {
    let data = tempfile::tempdir().unwrap();
    let stack = stack(data.path(), NOW).await;
    let one = file(data.path(), "one.ndjson", events().join("\n"));
    let two = file(data.path(), "two.json", format!("[{},{}]", event(5, 8), event(1, 7)));
    let files = options(&[one, two]);
    let dry = import(&stack, &Import { dry_run: true, ..files.clone() }, NOW).await;
    assert_eq!((keys(&stack, "").await, registered(&stack).await), (Vec::new(), Vec::new()));
    let found = import(&stack, &files, NOW).await;
    assert_eq!(dry, Imported { dry_run: true, compacted: None, ..found.clone() });
    let numbers = (found.files, found.records, found.imported, found.held, found.repeated, found.objects, found.hours);
    assert_eq!(numbers, (2, 7, 5, 0, 2, 4, 3));
    assert_eq!((found.troubles.len(), found.compacted.map(|it| (it.hours, it.failed))), (0, Some((2, 0))), "{found:?}");
    let written = logs(&stack).await;
    assert_eq!(places(&written), ["07 1", "07 3", "08 2", "08 5", "20 4"]);
    assert!(written.keys().all(|key| key.starts_with(&layout::import_prefix(layout::hour_of_input(key).unwrap()))));
    assert_eq!(registered(&stack).await, ["07", "08", "20"]);
    assert_eq!(findings(&stack, NOW).await, [""; 0]);
    assert!(keys(&stack, layout::PARQUET).await.iter().all(|key| !key.contains("/20/")));
    let again = import(&stack, &files, LATER).await;
    assert_eq!((again.imported, again.held, again.repeated, again.objects, again.hours), (0, 5, 2, 0, 0));
    assert_eq!((again.troubles.len(), logs(&stack).await), (0, written));
    // The hour that was open is compacted now, and no other.
    assert_eq!(again.compacted.map(|it| (it.hours, it.failed)), Some((1, 0)));
    let third = import(&stack, &files, LATER).await;
    assert_eq!((third.compacted.map(|it| it.hours), third.held), (Some(0), 5));
}

/// The bucket holds some of the events: in their hour, in the hour of a late delivery, and without a log_id.
#[tokio::test]
async fn what_the_bucket_holds_is_left_out() {
    let data = tempfile::tempdir().unwrap();
    let stack = stack(data.path(), NOW).await;
    let nameless = |minute: u32| format!(r#"{{"date":"2025-03-01T07:{minute:02}:00.000Z","type":"f"}}"#);
    let line = "{\"timestamp\":\"2025-03-01T07:01:00.000Z\",\"type\":\"f\"}\n";
    put(&stack, BUCKET, "logs/2025/03/01/07/a.gz", gzip(["{\"log_id\":\"1\"}\n", line].concat())).await;
    put(&stack, BUCKET, "logs/2025/03/01/19/late", b"{\"log_id\":\"2\",\"type\":\"s\"}\n".to_vec()).await;
    let lines = [events(), vec![nameless(1), nameless(2), nameless(2)]].concat();
    let file = file(data.path(), "events.ndjson", lines.join("\n"));
    let options = Import { no_compact: true, ..options(&[file]) };
    let found = import(&stack, &options, NOW).await;
    assert_eq!((found.lines, found.imported, found.held, found.repeated), (8, 3, 3, 2));
    assert_eq!(found.troubles, [""; 0]);
    assert_eq!(places(&logs(&stack).await), ["07 -", "07 -", "07 1", "07 3", "19 2", "20 4"]);
    // Nothing is in the hour of the event that came late, so that hour has no partition.
    assert_eq!(registered(&stack).await, ["07", "20"]);
    let again = import(&stack, &options, NOW).await;
    assert_eq!((again.imported, again.held, again.repeated), (0, 6, 2));
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_named() {
    let data = tempfile::tempdir().unwrap();
    let stack = stack(data.path(), NOW).await;
    let mut broken = gzip("{\"log_id\":\"1\",\"type\":\"secret\"}\n".repeat(50));
    broken.truncate(broken.len() - 12);
    put(&stack, BUCKET, "logs/2025/03/01/07/broken.gz", broken).await;
    let file = file(data.path(), "events.ndjson", events().join("\n"));
    let found = import(&stack, &Import { no_compact: true, ..options(&[file]) }, NOW).await;
    assert_eq!((found.imported + found.held, found.compacted), (4, None));
    assert_eq!(found.troubles.len(), 1, "{:?}", found.troubles);
    let trouble = &found.troubles[0];
    assert!(trouble.starts_with("logs/2025/03/01/07/broken.gz: "), "{trouble}");
    assert!(trouble.ends_with("; events in it may be imported twice") && !trouble.contains("secret"), "{trouble}");
}

fn pretty(value: &str) -> String {
    serde_json::to_string_pretty(&serde_json::from_str::<Value>(value).unwrap()).unwrap()
}

fn envelope(event: &str) -> String {
    format!(r#"{{"version":"0","detail-type":"Auth0 log","time":"2025-03-01T23:00:00Z","detail":{{"data":{event}}}}}"#)
}

#[tokio::test]
async fn every_container_gives_the_same_objects() {
    let events = events();
    let (lines, all) = (events.join("\n") + "\n", events.join(","));
    let page = format!(r#"{{"start":0,"limit":50,"length":5,"total":5,"logs":[{all}]}}"#);
    let pairs = events.iter().map(|event| format!(r#"{{"log_id":"9","data":{event}}}"#));
    let envelopes = events.iter().map(|event| envelope(event));
    let halves = [events[..2].join("\n") + "\n", events[2..].join("\n")];
    let containers: Vec<Vec<u8>> = vec![
        lines.clone().into(),
        lines.replace('\n', "\r\n\r\n").into(),
        format!("\u{feff}{lines}").into(),
        gzip(&lines),
        [gzip(&halves[0]), gzip(&halves[1])].concat(),
        pairs.collect::<Vec<String>>().join("\n").into(),
        envelopes.collect::<Vec<String>>().join("\n").into(),
        format!("[{all}]").into(),
        gzip(format!("\u{feff}[{all}]")),
        pretty(&format!("[{all}]")).into(),
        format!("[{}]\n[{}]", events[..2].join(","), events[2..].join(",")).into(),
        page.clone().into(),
        gzip(pretty(&page)),
        events.iter().map(|event| pretty(event)).collect::<Vec<String>>().join("\n").into(),
    ];
    let mut expected = None;
    for (number, container) in containers.iter().enumerate() {
        let data = tempfile::tempdir().unwrap();
        let stack = stack(data.path(), NOW).await;
        let file = file(data.path(), "file", container);
        let found = import(&stack, &Import { no_compact: true, ..options(&[file]) }, NOW).await;
        assert_eq!((found.records, found.imported, found.troubles.len()), (5, 4, 0), "{number}: {found:?}");
        let written = logs(&stack).await;
        assert_eq!(*expected.get_or_insert(written.clone()), written, "{number}");
    }
    assert_eq!(places(&expected.unwrap()), ["07 1", "07 3", "08 2", "20 4"]);
}

/// The folder that every crash begins with: it holds one of the events.
async fn prepared() -> (TempDir, Import) {
    let data = tempfile::tempdir().unwrap();
    let stack = stack(data.path(), NOW).await;
    put(&stack, BUCKET, "logs/2025/03/01/09/late.gz", gzip("{\"log_id\":\"3\",\"type\":\"s\"}\n")).await;
    let one = file(data.path(), "one.ndjson", events().join("\n"));
    let two = file(data.path(), "two.json", format!("[{},{}]", event(5, 8), event(1, 7)));
    (data, options(&[one, two]))
}

/// A run that meets `fault` at its `number`-th call.
async fn crash(stack: &Stack, options: &Import, number: u64, fault: Fault) {
    support::crash(stack, number, fault, async |deployment| run(&deployment, options, &env(NOW)).await).await;
}

/// The calls before compaction, each with every fault: the compactor's own calls have tests of their own.
#[tokio::test(start_paused = true)]
async fn a_run_may_end_at_every_call() {
    let (data, files) = prepared().await;
    let whole = stack(data.path(), NOW).await;
    let options = Import { no_compact: true, ..files };
    crash(&whole, &options, 0, Fault::Torn).await;
    let trace: Vec<String> = whole.aws.trace().iter().map(ToString::to_string).collect();
    let expected = ["07 1", "08 2", "08 5", "09 3", "20 4"];
    assert_eq!(places(&logs(&whole).await), expected);
    drop((data, whole));
    let faults = [Fault::Before(Failure::End), Fault::After(Failure::End), Fault::After(Failure::Reset)];
    let mut points = 0;
    for (number, call) in (1..).zip(&trace) {
        for fault in &faults {
            let (data, files) = prepared().await;
            let stack = stack(data.path(), NOW).await;
            let (when, options) = (format!("{call} {fault}"), Import { no_compact: true, ..files.clone() });
            crash(&stack, &options, number, fault.clone()).await;
            let seen = logs(&stack).await;
            drop(stack);
            let stack = self::stack(data.path(), LATER).await;
            let dry = import(&stack, &Import { dry_run: true, ..options.clone() }, LATER).await;
            let rest = import(&stack, &options, LATER).await;
            assert_eq!(dry, Imported { dry_run: true, ..rest.clone() }, "{when}");
            assert_eq!((rest.imported + rest.held, rest.repeated, rest.troubles.len()), (5, 2, 0), "{when}: {rest:?}");
            let logs = logs(&stack).await;
            assert_eq!(places(&logs), expected, "{when}");
            assert!(seen.iter().all(|(key, text)| logs.get(key) == Some(text)), "{when}: {seen:?} became {logs:?}");
            let registered = registered(&stack).await;
            assert!(["07", "08", "20"].iter().all(|hour| registered.iter().any(|it| it == hour)), "{when}");
            points += 1;
        }
    }
    println!("{points} points, {} calls: every event once in the log", trace.len());
}

/// The lines are written and the hours not compacted: the next run does it.
#[tokio::test]
async fn what_is_left_of_the_compaction_is_done_by_the_next_run() {
    let (data, files) = prepared().await;
    let stack = stack(data.path(), NOW).await;
    import(&stack, &Import { no_compact: true, ..files.clone() }, NOW).await;
    let found = import(&stack, &files, NOW).await;
    assert_eq!((found.imported, found.compacted.map(|it| (it.hours, it.failed))), (0, Some((2, 0))), "{found:?}");
}

#[tokio::test]
async fn refused_records_are_named_and_never_quoted() {
    let data = tempfile::tempdir().unwrap();
    let stack = stack(data.path(), NOW).await;
    let lines = ["secret", "{}", r#"{"type":"secret"}"#, r#"{"date":"2025-03-01T21:00:00Z","type":"secret"}"#, ""];
    let one = file(data.path(), "one", [lines.join("\n"), event(1, 7), "\n".into(), "[secret]\n".repeat(9)].concat());
    let two = file(data.path(), "two", format!("[{},{},{{\"secret", event(2, 7), event(1, 7)));
    let three = file(data.path(), "three", b"\xff\xfe{\0}\0");
    let found = import(&stack, &options(&[one.clone(), two.clone(), three.clone()]), NOW).await;
    assert_eq!((found.files, found.files_broken, found.records, found.imported, found.repeated), (3, 2, 16, 2, 1));
    assert_eq!(
        format!("{:?}", found.refused_by_reason),
        r#"{"Empty": 1, "NoMoment": 1, "NotBegun": 1, "NotJson": 10}"#
    );
    let (one, two, three) = (one.display(), two.display(), three.display());
    assert_eq!(found.troubles[0], format!("{one} line 1: record is not a JSON object"));
    assert!(found.troubles[2].starts_with(&format!("{one} line 3: event has neither")), "{:?}", found.troubles);
    assert!(found.troubles[3].starts_with(&format!("{one} line 4: event is from an hour")), "{:?}", found.troubles);
    assert!(found.troubles[10].starts_with(&format!("{two} was not read to its end: it breaks off at line 1, byte ")));
    assert!(found.troubles[11].starts_with(&format!("{three} was not read to its end: its text is in UTF-16")));
    assert_eq!((found.troubles[12].as_str(), found.troubles.len()), ("3 more records were refused", 13));
    assert!(!format!("{found:?}").contains("secret"), "{found:?}");
    assert_eq!(places(&logs(&stack).await), ["07 1", "07 2"]);
}

/// The lines of another bucket are lines already.
#[tokio::test]
async fn lines_of_the_log_stay_as_they_are() {
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stack = stack(data.path(), NOW).await;
    let line =
        r#"{"log_id":"7","timestamp":"2025-03-01T07:10:00.000Z","type":"s","details":"{\"a\":1}","extra":"{\"b\":2}"}"#;
    let file = file(files.path(), "lines.ndjson", format!("{line}\n"));
    let found = import(&stack, &options(std::slice::from_ref(&file)), NOW).await;
    assert_eq!((found.imported, found.refused), (1, 0));
    let logs = logs(&stack).await;
    let (key, text) = logs.first_key_value().unwrap();
    assert!(key.starts_with("logs/2025/03/01/07/import-"), "{key}");
    assert_eq!(text.trim_end(), line);
}

#[tokio::test]
async fn the_objects_under_a_prefix_are_files() {
    let data = tempfile::tempdir().unwrap();
    let stack = stack(data.path(), NOW).await;
    stack.aws.create_bucket("acme-old-logs").unwrap();
    let all = events();
    put(&stack, "acme-old-logs", "auth0/2025/a.json", format!("[{}]", all[..2].join(",")).into()).await;
    put(&stack, "acme-old-logs", "auth0/2025/b c.gz", gzip(all[2..].join("\n"))).await;
    put(&stack, "acme-old-logs", "auth0/2025/", Vec::new()).await;
    put(&stack, "acme-old-logs", "auth0/2026/c", b"secret".to_vec()).await;
    let prefix = |prefix: &str| options(&[PathBuf::from(format!("s3://acme-old-logs/{prefix}"))]);
    let found = import(&stack, &prefix("auth0/2025/"), NOW).await;
    assert_eq!((found.files, found.imported, found.repeated, found.troubles.len()), (2, 4, 1, 0), "{found:?}");
    assert_eq!(places(&logs(&stack).await), ["07 1", "07 3", "08 2", "20 4"]);
    for (options, why) in [
        (prefix("none/"), "there is no object under s3://acme-old-logs/none/"),
        (options(&["s3:///a".into()]), "names no bucket"),
        (options(&[data.path().join("none")]), "failed to open"),
    ] {
        let error = run(&deployment(&stack, "import"), &options, &env(NOW)).await.unwrap_err();
        assert!(format!("{error:#}").contains(why), "{error:#}");
    }
}

#[test]
fn the_command_reads_the_standard_input() {
    let data = tempfile::tempdir().unwrap();
    let import = |input: &[u8], arguments: &[&str]| {
        let mut command = binary();
        command.arg("import").args(arguments).arg("--data").arg(data.path().join("folder")).arg("-");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let input = gzip(events().join("\n"));
    let (code, printed) = import(&input, &["--dry-run"]);
    assert!(code == Some(0) && printed.contains("This is what would be done; nothing was."), "{printed}");
    let (code, printed) = import(&input, &["--json"]);
    let found: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(
        (code, found["imported"].as_u64(), found["repeated"].as_u64()),
        (Some(0), Some(4), Some(1)),
        "{printed}"
    );
    let (code, printed) = import(b"{\"type\":\"secret\"}\n", &[]);
    assert!(code == Some(1) && printed.contains("the standard input line 1: event has neither"), "{printed}");
    assert!(printed.contains("NOT ALL IS IMPORTED") && !printed.contains("secret"), "{printed}");
}
