//! `verify` over a small bucket that holds everything that may be there, clean and with every damage that we could
//! think of: each is seen and named, and repaired if the JSON is there.

mod damage;
mod days;
mod input;
mod meanwhile;
mod proof;
mod render;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::Verify;
use auth0_s3_logs::commands::verify::finding::{Difference, Remedy};
use auth0_s3_logs::commands::verify::{Verified, run};
use auth0_s3_logs::env::Env;
use auth0_s3_logs::simulation::stack::Stack;
use catalog::Pointer;
use compactor::clock::{Clock, Run};
use compactor::hour::digests_of_live;
use compactor::request::{Request, Scope};
use fixtures::gzip;
use flate2::read::GzDecoder;
use local_aws::seam::{Failure, Fault, Faults, Service};
use log_format::{Hour, layout};
use parquet::file::reader::{FileReader, SerializedFileReader};
use projection::manifest::Manifest;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::time::Duration;

use crate::support::{self, BUCKET, binary, deployment, target};
use damage::{DAMAGES, damage};

/// At this moment every hour of the bucket is up to the watermark.
const NOW: &str = "2025-03-01T20:00:00Z";

/// Duplicates, a collision and rejected lines.
const MIXED: &str = "2025-03-01T07";
/// Lines with extra fields at the top level, as another writer left them.
const ADOPTED: &str = "2025-03-01T08";
/// Compacted again for a late object, so that there is a retired folder.
const LATE: &str = "2025-03-01T09";
/// Lines of unusual form, in a plain object and a compressed one.
const ODD: &str = "2025-03-01T10";
/// Rejected lines and nothing else, so that its live folder has no file.
const REJECTED: &str = "2025-03-01T11";

fn hour(text: &str) -> Hour {
    text.parse().unwrap()
}

/// `start` stands for what is drawn anew at every start of the command.
fn env(start: u128) -> Env {
    support::env(NOW, start)
}

/// Opens the folder. Another thread may still be closing it.
fn stack(data: &Path) -> Stack {
    let open = || Stack::open_existing(&target(data), Arc::new(|| NOW.parse().unwrap()));
    for _ in 0..100 {
        if let Ok(stack) = open() {
            return stack;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    open().unwrap()
}

async fn put(stack: &Stack, key: &str, body: Vec<u8>) {
    stack.aws.s3().put_object().bucket(BUCKET).key(key).body(body.into()).send().await.unwrap();
}

async fn put_lines(stack: &Stack, at: &str, name: &str, text: &str) {
    let body = if name.ends_with(".gz") { gzip(text) } else { text.as_bytes().to_vec() };
    put(stack, &format!("{}{name}", layout::json_prefix(hour(at))), body).await;
}

async fn bytes(stack: &Stack, key: &str) -> Vec<u8> {
    let found = stack.aws.s3().get_object().bucket(BUCKET).key(key).send().await.unwrap();
    found.body.collect().await.unwrap().to_vec()
}

async fn delete(stack: &Stack, key: &str) {
    stack.aws.s3().delete_object().bucket(BUCKET).key(key).send().await.unwrap();
}

async fn keys(stack: &Stack, prefix: &str) -> Vec<String> {
    let listed = stack.aws.s3().list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_string()).collect()
}

async fn tick(stack: &Stack, now: &'static str) {
    let clock = Clock::start(Arc::new(move || now.parse().unwrap()), Duration::from_secs(900));
    let scope = Scope::Range(hour(MIXED), hour("2025-03-01T12"));
    let nonce = now.trim_end_matches(":00:00Z").replace(':', "");
    let run = Run { clock, nonce };
    let tick = stack.compactor.tick(&Arc::new(run), Request::new(scope, false), |_, _| {}).await.unwrap();
    assert_eq!(tick.failures(), [""; 0]);
}

/// Rewrites an hour, as a person asks for it by its name.
async fn rewrite(stack: &Stack, at: &str) {
    let clock = Clock::start(Arc::new(|| NOW.parse().unwrap()), Duration::from_secs(900));
    let run = Run { clock, nonce: "rewrite".to_string() };
    let scope = Scope::Hour(hour(at));
    let tick = stack.compactor.tick(&Arc::new(run), Request::new(scope, true), |_, _| {}).await.unwrap();
    assert_eq!((tick.failures(), tick.totals().compacted), (Vec::new(), 1));
}

/// The bucket, compacted and closed.
async fn filled() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::open(&target(data.path()), Arc::new(|| NOW.parse().unwrap())).await.unwrap();
    let s = |id: u32, user: &str| format!("{{\"log_id\":\"{id}\",\"user_id\":\"{user}\",\"type\":\"s\"}}\n");
    let mixed = [s(1, "a"), s(2, "b"), s(1, "a"), s(2, "c"), "no line\n".into(), "{}\n".into()].concat();
    put_lines(&stack, MIXED, "1.gz", &mixed).await;
    put_lines(&stack, MIXED, "2.gz", &[s(1, "a"), s(3, "d")].concat()).await;
    let adopted = "{\"log_id\":\"4\",\"type\":\"s\",\"tenant_name\":\"acme\",\"n\":1.50,\"n\":{\"a\": [1]}}\n\
                   {\"log_id\":\"5\",\"type\":\"f\",\"extra\":\"word\",\"scope\":null}\n\
                   {\"log_id\":\"5a\",\"type\":\"f\",\"extra\":\"{ \\\"k\\\":1 }\",\"b\":2}\n";
    put_lines(&stack, ADOPTED, "1.gz", adopted).await;
    put_lines(&stack, LATE, "1.gz", &[s(6, "a"), s(7, "b")].concat()).await;
    let odd = "\u{feff}{\"log_id\":\"10\",\"type\":\"a\",\"type\":\"b\"}\r{\"log_id\":\"11\",\"ip\":\"\\ud800\"} text\n\n\
               {\"log_id\":12,\"client_id\":[\"a\", 1]}\n \t\n{\"type\":null}\n{\"log_id\":\"13\"}";
    put_lines(&stack, ODD, "1", odd).await;
    let mut broken = gzip([s(14, "a"), s(15, "b")].concat());
    broken.truncate(broken.len() - 6);
    put(&stack, &format!("{}2.gz", layout::json_prefix(hour(ODD))), broken).await;
    put_lines(&stack, REJECTED, "1.gz", "no line\nnor this\n").await;
    tick(&stack, "2025-03-01T13:00:00Z").await;
    put_lines(&stack, LATE, "2.gz", &[s(8, "c"), s(6, "a")].concat()).await;
    tick(&stack, "2025-03-01T19:00:00Z").await;
    assert_eq!(manifest(&stack, LATE).await.retired.len(), 1);
    data
}

/// Copies a folder that is not open.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, name) = (entry.as_ref().unwrap().path(), entry.as_ref().unwrap().file_name());
        if entry.is_dir() {
            copy(&entry, &to.join(name));
        } else {
            std::fs::copy(&entry, to.join(name)).unwrap();
        }
    }
}

fn copied(data: &TempDir) -> TempDir {
    let copied = tempfile::tempdir().unwrap();
    copy(data.path(), copied.path());
    copied
}

async fn manifest(stack: &Stack, at: &str) -> Manifest {
    serde_json::from_slice(&bytes(stack, &layout::manifest_key(hour(at))).await).unwrap()
}

async fn live_file(stack: &Stack, at: &str) -> String {
    manifest(stack, at).await.live.unwrap().files[0].key.clone()
}

/// What a reader of the Parquet table sees: partition → location → listed objects → rows, sorted.
async fn rows(stack: &Stack) -> BTreeMap<Hour, Vec<String>> {
    let mut hours = BTreeMap::new();
    for (hour, pointer) in stack.catalog.pointers(Hour::EPOCH..).await.unwrap() {
        let mut rows = Vec::new();
        for key in keys(stack, pointer.location.strip_prefix(&format!("s3://{BUCKET}/")).unwrap()).await {
            let file = bytes::Bytes::from(bytes(stack, &key).await);
            let file = SerializedFileReader::new(file).unwrap();
            rows.extend(file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()));
        }
        rows.sort();
        hours.insert(hour, rows);
    }
    hours
}

fn options(deep: bool, repair: bool) -> Verify {
    Verify { deep, repair, ..Verify::default() }
}

fn names(found: &Verified) -> BTreeSet<&'static str> {
    found.findings.iter().map(|finding| finding.difference.name()).collect()
}

fn command(data: &Path, arguments: &[&str]) -> (i32, serde_json::Value, String) {
    let output = binary().arg("verify").args(arguments).arg("--json").arg("--data").arg(data).output().unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), printed, String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_bucket_is_proven_and_not_written_to() {
    let data = filled().await;
    let stack = stack(data.path());
    stack.aws.inject(Faults::none());
    for deep in [false, true] {
        let found = run(&deployment(&stack, "verify"), &options(deep, false), &env(1)).await.unwrap();
        assert_eq!((names(&found), found.verdict()), (BTreeSet::new(), Verdict::Well));
        assert_eq!((found.hours, found.pending, found.compared), (5, 0, if deep { 5 } else { 0 }));
        let (totals, parquet) = (&found.totals, &found.totals.parquet);
        let counted = (totals.objects, parquet.lines, parquet.rows, parquet.duplicates, parquet.rejected);
        // The two lines of the broken gzip member are read; the break counts as a third. So does the text after an object.
        assert_eq!(counted, (8, 26, 16, 3, 7), "{totals:?}");
    }
    let writes = |name: &str| !name.starts_with("Get") && !name.starts_with("List");
    let written: Vec<String> =
        stack.aws.trace().iter().filter(|it| writes(&it.call.name)).map(|it| it.call.to_string()).collect();
    assert_eq!(written, [""; 0]);
    drop(stack);
    let (code, printed, _) = command(data.path(), &["--deep"]);
    assert_eq!((code, printed["proven"].as_bool(), printed["compared"].as_u64()), (0, Some(true), Some(5)));
    let (code, printed, _) = command(data.path(), &["--from", ADOPTED, "--to", ODD]);
    assert_eq!((code, printed["hours"].as_u64()), (0, Some(2)));
}

/// What waits for a replay is in neither table, and not lost.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_wait_for_a_replay_do_not_stand_against_a_proof() {
    let data = filled().await;
    let stack = stack(data.path());
    for name in ["1", "2"] {
        put(&stack, &format!("error/processing-failed/2025/03/01/07/{name}"), b"{}".to_vec()).await;
    }
    let found = run(&deployment(&stack, "verify"), &options(false, false), &env(1)).await.unwrap();
    assert_eq!((names(&found), found.verdict(), found.awaiting_replay), (BTreeSet::new(), Verdict::Well, 2));
    let told = "Awaits replay: 2 objects under error/; `replay` takes them in. The first:\n  \
                error/processing-failed/2025/03/01/07/1\n";
    assert!(found.to_text().ends_with(told) && found.to_text().contains("\nProven: "), "{}", found.to_text());
    drop(stack);
    let (code, printed, _) = command(data.path(), &[]);
    assert_eq!((code, printed["awaiting_replay"].as_u64(), printed["verdict"].as_str()), (0, Some(2), Some("proven")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_is_the_same_but_for_its_time() {
    let data = filled().await;
    let statement = |name: &str| {
        let file = data.path().join(name);
        let (code, _, errors) = command(data.path(), &["--deep", "--report", file.to_str().unwrap()]);
        assert_eq!(code, 0, "{errors}");
        std::fs::read_to_string(file).unwrap()
    };
    let [one, two] = ["1.json", "2.json"].map(statement);
    let value: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(
        (value["verdict"].as_str(), value["deep"].as_bool(), value["rows"].as_u64()),
        (Some("proven"), Some(true), Some(16))
    );
    let stack = stack(data.path());
    let mut lines = String::new();
    for (manifest, at) in value["manifests"].as_array().unwrap().iter().zip([MIXED, ADOPTED, LATE, ODD, REJECTED]) {
        let bytes = bytes(&stack, &layout::manifest_key(hour(at))).await;
        let expected = hex::encode(Sha256::digest(&bytes));
        assert_eq!((manifest["hour"].as_str(), manifest["sha256"].as_str()), (Some(at), Some(expected.as_str())));
        lines += &format!("{at} {expected}\n");
    }
    assert_eq!(value["manifests_sha256"].as_str(), Some(hex::encode(Sha256::digest(lines)).as_str()));
    let without_time =
        |text: &str| text.lines().filter(|line| !line.contains("\"made_at\"")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_time(&one), without_time(&two));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_range_has_nothing_to_prove_and_gaps_are_shown() {
    let data = filled().await;
    let (code, printed, _) = command(data.path(), &["--from", "2062-01-01T00", "--to", "2062-01-02T00"]);
    let expected = (2, Some(false), Some("nothing to prove"));
    assert_eq!((code, printed["proven"].as_bool(), printed["verdict"].as_str()), expected);
    let stack = stack(data.path());
    for late in ["2025-03-01T16", "2025-03-01T18"] {
        put_lines(&stack, late, "1.gz", "{\"type\":\"s\"}\n").await;
    }
    let found = run(&deployment(&stack, "verify"), &options(false, false), &env(1)).await.unwrap();
    let gaps = [("2025-03-01T12", "2025-03-01T15"), ("2025-03-01T17", "2025-03-01T17")];
    assert_eq!(found.gaps, gaps.map(|(first, last)| (hour(first), hour(last))));
    let told = "2025-03-01T12 to 2025-03-01T15, 2025-03-01T17";
    assert!(found.to_text().contains(told), "{}", found.to_text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_young_hour_is_pending() {
    let data = filled().await;
    let stack = stack(data.path());
    for young in ["2025-03-01T20", "2025-03-01T19", "2025-03-01T16"] {
        put_lines(&stack, young, "1.gz", "{\"type\":\"s\"}\n").await;
    }
    for registered in ["2025-03-01T20", "2025-03-01T19"] {
        stack.catalog.ensure_json_partition(hour(registered)).await.unwrap();
    }
    let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
    assert_eq!((found.pending, names(&found)), (2, BTreeSet::from(["JSON partition missing", "hour not compacted"])));
    assert!(found.findings.iter().all(|finding| finding.hour == Some(hour("2025-03-01T16"))), "{:?}", found.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_is_seen_and_repaired_if_the_json_is_there() {
    let data = filled().await;
    let whole = rows(&stack(data.path())).await;
    assert_eq!(whole[&hour(MIXED)].len(), 4);
    let (mut seen, mut repaired) = (0, 0);
    for (name, expected, repairable) in DAMAGES {
        let folder = copied(&data);
        let stack = stack(folder.path());
        damage(&stack, name).await;
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        for deep in [false, true] {
            let found = run(&deployment(&stack, "verify"), &options(deep, false), &env(1)).await.unwrap();
            assert_eq!((names(&found), found.verdict()), (expected.clone(), Verdict::Trouble), "{name}, deep: {deep}");
        }
        seen += 1;
        let logs = log_bytes(&stack).await;
        let found = run(&deployment(&stack, "verify"), &options(true, true), &env(2)).await.unwrap();
        assert!(!found.repairs.is_empty() || !repairable, "{name}");
        assert_eq!(log_bytes(&stack).await, logs, "{name}");
        if repairable {
            assert_eq!(
                (names(&found), found.verdict()),
                (BTreeSet::new(), Verdict::Well),
                "{name}: {:?}",
                found.repairs
            );
            repaired += 1;
        } else {
            assert_eq!((names(&found), found.verdict()), (expected, Verdict::Trouble), "{name}: {:?}", found.repairs);
            assert!(found.findings.iter().all(|it| matches!(it.difference.remedy(), Remedy::ByHand(_))), "{name}");
        }
        assert_eq!(rows(&stack).await, whole, "{name}: {:?}", found.repairs);
        drop(stack);
        let (code, printed, errors) = command(folder.path(), &[]);
        assert_eq!(code, i32::from(!repairable), "{name}: {printed} {errors}");
    }
    println!("{seen} damages seen, {repaired} repaired, {} need a person", seen - repaired);
}

/// Every object of the event log, to the byte.
async fn log_bytes(stack: &Stack) -> BTreeMap<String, Vec<u8>> {
    let mut objects = BTreeMap::new();
    for key in keys(stack, layout::LOGS).await {
        objects.insert(key.clone(), bytes(stack, &key).await);
    }
    objects
}

/// What was unreadable is kept, and unknown folders are retired.
#[tokio::test(flavor = "multi_thread")]
async fn repair_deletes_nothing_by_itself() {
    let data = filled().await;
    let stack = stack(data.path());
    let before = keys(&stack, layout::PARQUET).await;
    damage(&stack, "watermark unreadable").await;
    damage(&stack, "manifest unreadable").await;
    run(&deployment(&stack, "verify"), &options(false, true), &env(2)).await.unwrap();
    let kept = keys(&stack, layout::MANIFESTS).await;
    let kept: Vec<&String> = kept.iter().filter(|key| key.contains(".json.broken-")).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(bytes(&stack, kept[0]).await, b"{\"hour\":");
    let after = keys(&stack, layout::PARQUET).await;
    assert!(before.iter().all(|key| after.contains(key)), "{after:?}");
    let retired = manifest(&stack, MIXED).await.retired;
    assert_eq!((retired.len(), retired[0].was_live), (1, true));
}

/// Writes a manifest, and makes the partition of its hour follow it.
async fn publish(stack: &Stack, lie: &Manifest) {
    let key = layout::manifest_key(lie.period);
    let put = stack.aws.s3().put_object().bucket(BUCKET).key(&key).body(lie.to_json().unwrap().into());
    let manifest_etag = put.send().await.unwrap().e_tag.unwrap();
    let pointer = stack.catalog.pointer(lie.period).await.unwrap().unwrap();
    let (_, files) = digests_of_live::<Hour>(lie.live.as_ref().unwrap(), &pointer.location, stack.compactor.bucket());
    let pointer = Pointer { manifest_etag, files: Some(files), ..pointer };
    assert!(stack.catalog.update_pointer(lie.period, &pointer, Duration::from_secs(60)).await.unwrap());
}

/// Parquet follows an object that was written over. `verify` names the object until a person names its hour, or puts the former
/// object back.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_was_followed_is_told_until_it_is_accepted() {
    let data = filled().await;
    let stack = stack(data.path());
    let key = format!("{}1.gz", layout::json_prefix(hour(LATE)));
    let former = bytes(&stack, &key).await;
    let follow = async |lines: Vec<u8>, now: &'static str| {
        put(&stack, &key, lines).await;
        tick(&stack, now).await;
        let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
        found.findings.into_iter().map(|it| (it.difference.name(), it.what)).collect::<Vec<_>>()
    };
    let edited = gzip("{\"log_id\":\"6\",\"type\":\"s\"}\n{\"log_id\":\"9\",\"type\":\"s\"}\n");
    let etag = manifest(&stack, LATE).await.live.unwrap().inputs[0].etag.clone();
    let told = |at: &str| vec![("edit not accepted", format!("{key}: ETag was {etag} until {at}"))];
    assert_eq!(follow(edited.clone(), "2025-03-01T19:10:00Z").await, told("2025-03-01T19:10:00Z"));
    let kept = run(&deployment(&stack, "verify"), &options(true, true), &env(2)).await.unwrap();
    assert_eq!((names(&kept), kept.verdict()), (BTreeSet::from(["edit not accepted"]), Verdict::Trouble));
    assert_eq!(follow(former.clone(), "2025-03-01T19:20:00Z").await, []);
    assert_eq!(follow(edited, "2025-03-01T19:30:00Z").await, told("2025-03-01T19:30:00Z"));
    drop(stack);
    let output = binary().args(["compact", "--hour", LATE, "--data"]).arg(data.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(command(data.path(), &["--deep"]).0, 0);
}

/// Auth0's button for a test event sends events without a `log_id`: no event has the id of another.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_an_empty_log_id_are_no_collision() {
    let data = filled().await;
    let stack = stack(data.path());
    let previews = "{\"log_id\":\"\",\"type\":\"s\",\"ip\":\"1\"}\n{\"log_id\":\"\",\"type\":\"s\",\"ip\":\"2\"}\n{\"type\":\"s\"}\n";
    put_lines(&stack, LATE, "3.gz", previews).await;
    tick(&stack, "2025-03-01T19:10:00Z").await;
    let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
    assert_eq!((names(&found), found.totals.parquet.rows), (BTreeSet::new(), 19));
}

/// The manifest, the catalog and the file of rejected lines agree, but the lines are not those of the JSON.
#[tokio::test(flavor = "multi_thread")]
async fn deep_sees_rejected_lines_of_other_bytes() {
    let data = filled().await;
    let stack = stack(data.path());
    for (start, (from, to)) in
        (2..).zip([("\"offset\":0", "\"offset\":1"), ("\"line\":2", "\"line\":3"), ("bm8g", "bm8h"), ("1.gz", "2.gz")])
    {
        let mut lie = manifest(&stack, REJECTED).await;
        let file = lie.live.as_mut().unwrap().rejected_file.as_mut().unwrap();
        let mut text = String::new();
        GzDecoder::new(&*bytes(&stack, &file.key).await).read_to_string(&mut text).unwrap();
        let other = text.replacen(from, to, 1);
        assert_ne!(text, other);
        let other = gzip(other);
        put(&stack, &file.key, other.clone()).await;
        (file.size, file.sha256) = (other.len() as u64, hex::encode(Sha256::digest(&other)));
        publish(&stack, &lie).await;
        let found = run(&deployment(&stack, "verify"), &options(false, false), &env(1)).await.unwrap();
        assert_eq!(names(&found), BTreeSet::new());
        let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
        assert_eq!(names(&found), BTreeSet::from(["rejected lines wrong"]));
        assert!(found.findings[0].what.ends_with("1 lines of its JSON are not among them as they are"));
        let found = run(&deployment(&stack, "verify"), &options(true, true), &env(start)).await.unwrap();
        assert_eq!((names(&found), found.verdict()), (BTreeSet::new(), Verdict::Well), "{:?}", found.repairs);
    }
}

/// Manifest, file and catalog agree, but the rows are those of another hour: only a comparison with the lines shows it.
#[tokio::test(flavor = "multi_thread")]
async fn deep_sees_what_manifest_and_files_agree_on() {
    let data = filled().await;
    let stack = stack(data.path());
    let whole = rows(&stack).await;
    let other = bytes(&stack, &live_file(&stack, LATE).await).await;
    let mut lie = manifest(&stack, MIXED).await;
    let file = &mut lie.live.as_mut().unwrap().files[0];
    put(&stack, &file.key, other.clone()).await;
    (file.size, file.rows) = (other.len() as u64, 3);
    file.sha256 = hex::encode(Sha256::digest(&other));
    let counts = &mut lie.live.as_mut().unwrap().counts;
    (counts.rows, counts.duplicates) = (3, counts.duplicates + 1);
    publish(&stack, &lie).await;
    assert_eq!(
        names(&run(&deployment(&stack, "verify"), &options(false, false), &env(1)).await.unwrap()),
        BTreeSet::new()
    );
    let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
    let expected = BTreeSet::from(["counts do not add up", "manifest wrong", "row missing", "row of no line"]);
    assert_eq!((names(&found), found.verdict()), (expected, Verdict::Trouble));
    let missing = found.findings.iter().find(|finding| finding.difference == Difference::RowMissing).unwrap();
    assert_eq!(missing.what, "4 rows: 1, 2, 2, …");
    // Only Parquet has some of these rows, so nothing but a person lets them go.
    let lie = rows(&stack).await;
    let kept = run(&deployment(&stack, "verify"), &options(true, true), &env(2)).await.unwrap();
    assert_eq!((kept.verdict(), rows(&stack).await), (Verdict::Trouble, lie), "{:?}", kept.repairs);
    rewrite(&stack, MIXED).await;
    let proven = run(&deployment(&stack, "verify"), &options(true, false), &env(3)).await.unwrap();
    assert_eq!((names(&proven), proven.verdict()), (BTreeSet::new(), Verdict::Well));
    assert_eq!(rows(&stack).await, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_inconclusive() {
    let data = filled().await;
    let opened = stack(data.path());
    let one = layout::manifest_key(hour(ADOPTED));
    opened.aws.inject(Faults::by(move |_, call| {
        let hit = &*call.name == "GetObject" && call.resources.iter().any(|it| it.ends_with(&one));
        hit.then_some(Fault::Before(Failure::Internal))
    }));
    let found = run(&deployment(&opened, "verify"), &options(false, false), &env(1)).await.unwrap();
    assert_eq!((found.verdict(), found.hours, found.inconclusive.len()), (Verdict::Unknown, 4, 1));
    assert!(found.inconclusive[0].starts_with("2025-03-01T08: failed to read s3://"), "{:?}", found.inconclusive);
    for service in [Service::S3, Service::Glue] {
        opened
            .aws
            .inject(Faults::by(move |_, call| (call.service == service).then_some(Fault::Before(Failure::Internal))));
        let error = run(&deployment(&opened, "verify"), &options(false, false), &env(1)).await.unwrap_err();
        assert!(format!("{error:#}").starts_with("could not tell: "), "{error:#}");
    }
    drop(opened);
    assert_eq!(format!("{:?}", Verdict::Unknown.exit_code()), format!("{:?}", std::process::ExitCode::from(2)));
    let (code, _, errors) = command(data.path(), &["--bucket", "another"]);
    assert!(code == 2 && errors.contains("could not tell"), "{code} {errors}");
}
