//! `replay`: records that were kept come into the event log once, wherever a run ends.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::{Replay, Verify};
use auth0_s3_logs::commands::replay::marker::Marker;
use auth0_s3_logs::commands::replay::{Replayed, run};
use auth0_s3_logs::commands::verify;
use auth0_s3_logs::env::Env;
use auth0_s3_logs::simulation::stack::Stack;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use compactor::clock::{Clock, Run};
use compactor::request::{Request, Scope};
use fixtures::gzip;
use flate2::read::MultiGzDecoder;
use local_aws::seam::{Failure, Fault};
use log_format::{Hour, layout};
use tempfile::TempDir;
use tokio::time::Duration;

use crate::support::{self, BUCKET, binary, deployment, open};

const DAY: &str = "error/processing-failed/2025/03/01/07";
const NOW: &str = "2025-03-01T20:59:00Z";
/// By this moment the queue's messages are visible again, and it is another hour.
const LATER: &str = "2025-03-01T23:00:00Z";

fn env(now: &str) -> Env {
    support::env(now, 1)
}

fn event(id: u32) -> String {
    format!("{{\"detail\":{{\"data\":{{\"log_id\":\"{id}\",\"type\":\"s\"}}}}}}")
}

fn kept(record: &str) -> String {
    format!(
        "{{\"attemptsMade\":4,\"errorCode\":\"e\",\"rawData\":\"{}\",\"lambdaArn\":\"a\"}}\n",
        STANDARD.encode(record)
    )
}

async fn put(stack: &Stack, key: &str, body: Vec<u8>) {
    stack.aws.as_observer().s3().put_object().bucket(BUCKET).key(key).body(body.into()).send().await.unwrap();
}

async fn keys(stack: &Stack, prefix: &str) -> Vec<String> {
    let listed = stack.aws.as_observer().s3().list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_string()).collect()
}

async fn bytes(stack: &Stack, key: &str) -> Vec<u8> {
    let found = stack.aws.as_observer().s3().get_object().bucket(BUCKET).key(key).send().await.unwrap();
    found.body.collect().await.unwrap().to_vec()
}

/// Every object of the event log, with its lines.
async fn logs(stack: &Stack) -> BTreeMap<String, String> {
    let mut logs = BTreeMap::new();
    for key in keys(stack, layout::LOGS).await {
        let (object, mut text) = (bytes(stack, &key).await, String::new());
        MultiGzDecoder::new(object.as_slice()).read_to_string(&mut text).unwrap();
        logs.insert(key, text);
    }
    logs
}

fn ids(logs: &BTreeMap<String, String>) -> Vec<String> {
    let mut ids: Vec<String> = logs
        .values()
        .flat_map(|text| text.lines())
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["log_id"].as_str().unwrap().to_string()
        })
        .collect();
    ids.sort();
    ids
}

async fn marker(stack: &Stack, source: &str) -> Marker {
    serde_json::from_slice(&bytes(stack, &layout::replayed_key(source)).await).unwrap()
}

fn sqs(stack: &Stack) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&stack.aws.as_observer().sdk_config())
}

async fn queue(stack: &Stack, messages: &[&str]) -> String {
    let url = sqs(stack).create_queue().queue_name("undelivered").send().await.unwrap().queue_url.unwrap();
    for message in messages {
        sqs(stack).send_message().queue_url(&url).message_body(*message).send().await.unwrap();
    }
    url
}

async fn replay(stack: &Stack, options: &Replay, now: &str) -> Replayed {
    run(&deployment(stack, "replay"), options, &env(now)).await.unwrap()
}

async fn not_delivered(stack: &Stack) -> Vec<String> {
    let found = verify::run(&deployment(stack, "verify"), &Verify::default(), &env(NOW)).await.unwrap();
    let replays =
        ["error object changed", "replayed object gone", "replayed object differs", "marker missing", "stray object"];
    let findings = found.findings.iter().filter(|it| replays.contains(&it.difference.name()));
    let findings = findings.map(|it| format!("{}: {}", it.difference.name(), it.what));
    let waiting = (found.awaiting_replay > 0).then(|| format!("{} wait", found.awaiting_replay));
    findings.chain(waiting).collect()
}

/// Puts an object of records, a compressed one, one with refused records only, and an empty one.
async fn fill(stack: &Stack) {
    let mixed = [kept(&event(1)), kept("{\"secret\":1}"), kept(&event(2)), kept("secret")].concat();
    put(stack, &format!("{DAY}/mixed"), mixed.into_bytes()).await;
    put(stack, &format!("{DAY}/packed.gz"), gzip([kept(&event(3)), kept(&event(3))].concat())).await;
    put(stack, &format!("{DAY}/refused"), kept("secret").into_bytes()).await;
    put(stack, &format!("{DAY}/"), Vec::new()).await;
}

#[tokio::test]
async fn what_was_kept_comes_back_once() {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path(), NOW).await;
    fill(&stack).await;
    let dry = replay(&stack, &Replay { dry_run: true, ..Replay::default() }, NOW).await;
    assert_eq!(keys(&stack, layout::LOGS).await, [""; 0]);
    assert_eq!(keys(&stack, layout::REPLAYED).await, [""; 0]);
    let first = replay(&stack, &Replay::default(), NOW).await;
    assert_eq!(dry, Replayed { dry_run: true, ..first.clone() });
    let numbers = (first.objects, first.replayed, first.records, first.lines, first.failed, first.json_objects);
    assert_eq!(numbers, (4, 4, 7, 4, 3, 2));
    assert_eq!(format!("{:?}", first.failed_by_reason), r#"{"NoEvent": 1, "NotJson": 2}"#);
    assert_eq!((first.unreadable, first.troubles.len()), (0, 0));
    let written = logs(&stack).await;
    assert_eq!(ids(&written), ["1", "2", "3", "3"]);
    let hour: Hour = "2025-03-01T20".parse().unwrap();
    assert!(written.keys().all(|key| key.starts_with(&layout::replay_prefix(hour))), "{written:?}");
    assert_eq!(stack.catalog.json_hours(Hour::EPOCH..).await.unwrap(), [hour]);
    let mixed = marker(&stack, &format!("{DAY}/mixed")).await;
    assert_eq!((mixed.hour, mixed.records, mixed.lines, mixed.unreadable), (hour, 4, 2, 0));
    assert!(mixed.object.is_some_and(|key| written.contains_key(&key)));
    assert_eq!(marker(&stack, &format!("{DAY}/refused")).await.object, None);
    let again = replay(&stack, &Replay::default(), LATER).await;
    assert_eq!(again, Replayed { objects: 4, done_before: 4, ..Replayed::default() });
    assert_eq!(logs(&stack).await, written);
}

#[tokio::test]
async fn lines_that_hold_no_record_are_named_and_never_quoted() {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path(), NOW).await;
    put(&stack, &format!("{DAY}/bad"), b"secret\n{\"rawData\":7}\n".to_vec()).await;
    put(&stack, &format!("{DAY}/half"), [kept(&event(1)), "secret\n".repeat(12)].concat().into_bytes()).await;
    for (now, lines, replayed) in [(NOW, 1, 1), (LATER, 0, 0)] {
        let found = replay(&stack, &Replay::default(), now).await;
        assert_eq!((found.lines, found.replayed), (lines, replayed));
        assert!(found.troubles.contains(&format!("{DAY}/bad line 1 is not a JSON object")), "{:?}", found.troubles);
        assert!(found.troubles.contains(&format!("{DAY}/bad line 2 has no text rawData")), "{:?}", found.troubles);
        assert_eq!(found.troubles.contains(&format!("{DAY}/half: 2 more lines hold no record")), now == NOW);
    }
    assert_eq!(keys(&stack, layout::REPLAYED).await, [layout::replayed_key(&format!("{DAY}/half"))]);
    assert_eq!(marker(&stack, &format!("{DAY}/half")).await.unreadable, 12);
    assert_eq!(not_delivered(&stack).await, ["1 wait"]);
    drop(stack);
    let output = binary().args(["replay", "--data"]).arg(data.path()).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8(printed).unwrap();
    assert!(output.status.code() == Some(1) && printed.contains("NOT ALL IS REPLAYED"), "{printed}");
    assert!(!printed.contains("secret"), "{printed}");
}

/// Whatever stands in the way is reported, and nothing is overwritten.
#[tokio::test]
async fn what_others_changed_is_needs_operator() {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path(), NOW).await;
    let [gone, edited, foreign] = ["gone", "edited", "foreign"].map(|name| format!("{DAY}/{name}"));
    for (number, key) in (1..).zip([&gone, &edited]) {
        put(&stack, key, kept(&event(number)).into_bytes()).await;
    }
    replay(&stack, &Replay::default(), NOW).await;
    let written = logs(&stack).await;
    put(&stack, &edited, kept(&event(9)).into_bytes()).await;
    put(&stack, &foreign, kept(&event(3)).into_bytes()).await;
    // A marker that names an object which is not ours to write.
    let lie =
        Marker { source: foreign.clone(), object: Some(layout::WATERMARK.to_string()), ..marker(&stack, &gone).await };
    let lie = serde_json::to_vec(&lie).unwrap();
    let bytes = lie.len();
    put(&stack, &layout::replayed_key(&foreign), lie).await;
    let object = marker(&stack, &gone).await.object.unwrap();
    stack.aws.s3().delete_object().bucket(BUCKET).key(&object).send().await.unwrap();
    let mut reported = not_delivered(&stack).await;
    reported.sort();
    let expected = [
        "2 wait".to_string(),
        format!("error object changed: {edited}, {} bytes", kept(&event(9)).len()),
        format!("replayed object gone: {object}, by {}", layout::replayed_key(&gone)),
        format!("stray object: {}, {bytes} bytes", layout::replayed_key(&foreign)),
    ];
    assert_eq!(reported, expected);
    let found = replay(&stack, &Replay::default(), LATER).await;
    assert_eq!((found.replayed, found.lines), (1, 1));
    assert_eq!(found.troubles.len(), 2, "{:?}", found.troubles);
    assert!(found.troubles[0].contains("edited was changed since it was replayed"), "{:?}", found.troubles);
    assert!(found.troubles[1].contains("not a marker of ours; move it out of the bucket"), "{:?}", found.troubles);
    assert_eq!(logs(&stack).await, written);
}

/// A run wrote its marker and ended, and the transform makes other lines since. The lines of its object are in no log yet.
#[tokio::test]
async fn a_marker_of_lines_that_were_never_written_gives_way() {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path(), NOW).await;
    let source = format!("{DAY}/records");
    put(&stack, &source, kept(&event(1)).into_bytes()).await;
    replay(&stack, &Replay::default(), NOW).await;
    let first = marker(&stack, &source).await;
    let object = first.object.clone().unwrap();
    let former = Marker { lines_sha256: Some("0".repeat(64)), ..first.clone() };
    put(&stack, &layout::replayed_key(&source), serde_json::to_vec(&former).unwrap()).await;
    let written = logs(&stack).await;
    // As long as the object is there, its marker is not touched: the compactor may have read it.
    let found = replay(&stack, &Replay::default(), LATER).await;
    assert_eq!((found.troubles.len(), marker(&stack, &source).await), (1, former.clone()), "{:?}", found.troubles);
    stack.aws.s3().delete_object().bucket(BUCKET).key(&object).send().await.unwrap();
    let found = replay(&stack, &Replay::default(), LATER).await;
    assert_eq!((found.replayed, found.troubles.len()), (1, 0), "{:?}", found.troubles);
    assert_eq!(logs(&stack).await, written);
    let last = marker(&stack, &source).await;
    assert_eq!((&last.object, last.hour, &last.lines_sha256), (&first.object, first.hour, &first.lines_sha256));
    assert_eq!(not_delivered(&stack).await, [""; 0]);
    // Parquet has its rows, so it was written, and a marker of other lines would hide what it held.
    let clock = Clock::start(Arc::new(|| LATER.parse().unwrap()), Duration::from_secs(900));
    let run = Arc::new(Run { clock, nonce: "one".to_string() });
    let tick = stack.compactor.tick(&run, Request::new(Scope::Hour(first.hour), false), |_, _| {}).await.unwrap();
    assert_eq!(tick.totals().compacted, 1);
    put(&stack, &layout::replayed_key(&source), serde_json::to_vec(&former).unwrap()).await;
    stack.aws.s3().delete_object().bucket(BUCKET).key(&object).send().await.unwrap();
    let found = replay(&stack, &Replay::default(), LATER).await;
    assert_eq!((found.replayed, marker(&stack, &source).await), (0, former));
    assert!(found.troubles[0].contains("is gone; this version makes other lines"), "{:?}", found.troubles);
}

#[tokio::test]
async fn a_queue_gives_up_what_is_in_the_log() {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path(), NOW).await;
    let events: Vec<String> = (1..=23).map(event).collect();
    let url = queue(&stack, &events.iter().map(String::as_str).chain(["{\"secret\":1}"]).collect::<Vec<_>>()).await;
    let options = Replay { queues: vec![url.clone()], dry_run: true };
    let dry = replay(&stack, &options, NOW).await;
    assert_eq!((dry.messages, dry.messages_replayed, dry.lines), (24, 23, 23));
    assert_eq!(keys(&stack, "").await, [""; 0]);
    drop(stack);
    let stack = open(data.path(), LATER).await;
    let options = Replay { dry_run: false, ..options };
    let found = replay(&stack, &options, LATER).await;
    assert_eq!((found.messages, found.messages_replayed, found.lines, found.json_objects), (24, 23, 23, 23));
    assert_eq!(format!("{:?}", found.failed_by_reason), r#"{"NoEvent": 1}"#);
    assert_eq!(found.troubles.len(), 1);
    assert!(found.troubles[0].ends_with("undelivered: envelope has no object at detail.data"), "{:?}", found.troubles);
    assert_eq!(ids(&logs(&stack).await).len(), 23);
    assert_eq!(stack.catalog.json_hours(Hour::EPOCH..).await.unwrap(), ["2025-03-01T23".parse().unwrap()]);
    assert_eq!(keys(&stack, layout::REPLAYED).await.len(), 23);
    assert_eq!(not_delivered(&stack).await, [""; 0]);
    drop(stack);
    // Only the refused message is still there.
    let stack = open(data.path(), "2025-03-02T01:00:00Z").await;
    let left = sqs(&stack).receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap();
    assert_eq!(left.messages().iter().map(|it| it.body().unwrap()).collect::<Vec<_>>(), ["{\"secret\":1}"]);
    let elsewhere = Replay { queues: vec!["https://sqs.us-east-1.amazonaws.com/0/other".into()], dry_run: false };
    let error = run(&deployment(&stack, "replay"), &elsewhere, &env(LATER)).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("failed to receive messages of https://") && error.contains("run it again"), "{error}");
}

/// The folder and the queue that every crash begins with.
async fn prepared() -> (TempDir, String) {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path(), NOW).await;
    fill(&stack).await;
    let url = queue(&stack, &[&event(4), &event(5)]).await;
    (data, url)
}

/// A run that meets `fault` at its `number`-th call.
async fn crash(stack: &Stack, options: &Replay, number: u64, fault: Fault) {
    support::crash(stack, number, fault, async |deployment| run(&deployment, options, &env(NOW)).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_may_end_at_every_call() {
    let (data, url) = prepared().await;
    let options = Replay { queues: vec![url.clone()], dry_run: false };
    let whole = open(data.path(), NOW).await;
    crash(&whole, &options, 0, Fault::Torn).await;
    let trace: Vec<String> = whole.aws.trace().iter().map(ToString::to_string).collect();
    assert_eq!(ids(&logs(&whole).await), ["1", "2", "3", "3", "4", "5"]);
    drop((data, whole));
    let faults = [Fault::Before(Failure::End), Fault::After(Failure::End), Fault::After(Failure::Reset)];
    let mut points = 0;
    for (number, call) in (1..).zip(&trace) {
        for fault in &faults {
            let (data, url) = prepared().await;
            let stack = open(data.path(), NOW).await;
            let when = format!("{call} {fault}");
            crash(&stack, &options, number, fault.clone()).await;
            let seen = logs(&stack).await;
            drop(stack);
            let stack = open(data.path(), LATER).await;
            let objects = Replay::default();
            let dry = replay(&stack, &Replay { dry_run: true, ..objects.clone() }, LATER).await;
            let rest = replay(&stack, &objects, LATER).await;
            assert_eq!(dry, Replayed { dry_run: true, ..rest.clone() }, "{when}");
            for _ in 0..2 {
                let found = replay(&stack, &options, LATER).await;
                assert_eq!(found.troubles, [""; 0], "{when}");
            }
            let logs = logs(&stack).await;
            assert_eq!(ids(&logs), ["1", "2", "3", "3", "4", "5"], "{when}");
            assert!(seen.iter().all(|(key, text)| logs.get(key) == Some(text)), "{when}: {seen:?} became {logs:?}");
            let hours: Vec<Hour> = logs.keys().filter_map(|key| layout::hour_of_input(key)).collect();
            let registered = stack.catalog.json_hours(Hour::EPOCH..).await.unwrap();
            assert!(hours.iter().all(|hour| registered.contains(hour)), "{when}: {registered:?}");
            assert_eq!(not_delivered(&stack).await, [""; 0], "{when}");
            let left = sqs(&stack).receive_message().queue_url(&url).send().await.unwrap();
            assert_eq!(left.messages(), [], "{when}");
            points += 1;
        }
    }
    println!("{points} points, {} calls: every record once in the log", trace.len());
}

/// Two runs at once, in two hours: the marker that is written first says where the lines go.
#[tokio::test]
async fn two_runs_at_once_agree() {
    for held in ["replayed/", "logs/"] {
        let (data, url) = prepared().await;
        let stack = open(data.path(), NOW).await;
        let options = Replay { queues: vec![url], dry_run: false };
        // The first run is held at its writes of that kind until the second has come to its end.
        let begin = format!("arn:aws:s3:::{BUCKET}/{held}");
        let gates = stack.aws.hold_if(move |call| {
            &*call.caller == "first" && &*call.name == "PutObject" && call.resources[0].starts_with(&begin)
        });
        let (first, second) = (deployment(&stack, "first"), deployment(&stack, "second"));
        let [early, late] = [NOW, LATER].map(env);
        let second = async {
            let found = run(&second, &options, &late).await.unwrap();
            drop(gates);
            found
        };
        let (first, second) = tokio::join!(run(&first, &options, &early), second);
        let first = first.unwrap();
        assert_eq!(first.lines + second.lines, 6, "{held}: {first:?} {second:?}");
        assert_eq!(ids(&logs(&stack).await), ["1", "2", "3", "3", "4", "5"], "{held}");
        assert_eq!(not_delivered(&stack).await, [""; 0], "{held}");
    }
}

#[test]
fn the_demo_is_proven_after_it() {
    let data = tempfile::tempdir().unwrap();
    let command = |arguments: &[&str]| {
        let output = binary().args(arguments).arg("--json").arg("--data").arg(data.path()).output().unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), printed)
    };
    assert_eq!(command(&["demo", "--events", "2000", "--hours", "4"]).0, Some(0));
    let (code, printed) = command(&["verify"]);
    assert!(code == Some(0) && printed["awaiting_replay"].as_u64() > Some(0), "{printed}");
    let (code, printed) = command(&["replay"]);
    assert!(code == Some(0) && printed["objects"].as_u64() > Some(0), "{printed}");
    assert_eq!(printed["objects"], printed["replayed"]);
    let (code, printed) = command(&["verify", "--deep"]);
    assert_eq!(code, Some(0), "{printed}");
    assert_eq!(printed["error_objects"], printed["error_objects_replayed"]);
    assert!(printed["records_refused"].as_u64() > Some(0), "{printed}");
    let (code, printed) = command(&["replay"]);
    assert_eq!((code, printed["objects"] == printed["done_before"]), (Some(0), true), "{printed}");
    assert_eq!(format!("{:?}", Verdict::Well.exit_code()), format!("{:?}", std::process::ExitCode::from(0)));
}
