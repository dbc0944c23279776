//! `verify` over a small bucket that holds everything which can be there, clean and with every damage that we could think
//! of: each is seen and named, and mended where the JSON is there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

#[path = "verify/input.rs"]
mod input;
#[path = "verify/meanwhile.rs"]
mod meanwhile;
#[path = "verify/told.rs"]
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::{Place, Verify};
use auth0_s3_logs::given::Given;
use auth0_s3_logs::replay::marker::{Marker, object_key};
use auth0_s3_logs::stack::Stack;
use auth0_s3_logs::verify::finding::{Difference, Remedy};
use auth0_s3_logs::verify::{Verified, run};
use catalog::{JSON, PARQUET, Pointer, VIEW};
use compactor::clock::Clock;
use compactor::hour::Run;
use compactor::hours::{Request, Scope};
use compactor::manifest::Manifest;
use flate2::Compression;
use flate2::write::GzEncoder;
use local_aws::seam::{Failure, Fault, Faults, Service};
use log_format::{Hour, layout};
use parquet::file::reader::{FileReader, SerializedFileReader};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::time::Duration;
use uuid::Uuid;

const BUCKET: &str = "auth0-logs";
/// Every hour of the bucket is behind the cut at this moment.
const NOW: &str = "2025-03-01T20:00:00Z";

/// Duplicates, a collision and rejected lines.
const MIXED: &str = "2025-03-01T07";
/// Lines that the predecessor wrote.
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

fn place(data: &Path) -> Place {
    let database = "auth0_event_logs".to_string();
    Place { data: data.to_path_buf(), bucket: Some(BUCKET.to_string()), database, aws: false, json: true }
}

/// `start` stands for what is drawn anew at every start of the command.
fn given(start: u128) -> Given {
    Given::new(NOW.parse().unwrap(), Uuid::from_u128(start))
}

/// Opens the folder. Whoever had it open before may still be letting it go, on another thread.
fn stack(data: &Path) -> Stack {
    let open = || Stack::open_as_it_is(&place(data), Arc::new(|| NOW.parse().unwrap()));
    for _ in 0..100 {
        if let Ok(stack) = open() {
            return stack;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    open().unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all(text.as_bytes()).unwrap();
    file.finish().unwrap()
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
    let nonce = Hour::of(now.parse().unwrap()).to_string();
    let run = Run { clock, nonce, request: Request { scope, rewrite: false } };
    let tick = stack.compactor.tick(&Arc::new(run), |_, _| {}).await.unwrap();
    assert_eq!(tick.failures(), [""; 0]);
}

/// The bucket, compacted, and nobody has it open.
async fn filled() -> TempDir {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::open(&place(data.path()), Arc::new(|| NOW.parse().unwrap())).await.unwrap();
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
    let mut broken = gzip(&[s(14, "a"), s(15, "b")].concat());
    broken.truncate(broken.len() - 6);
    put(&stack, &format!("{}2.gz", layout::json_prefix(hour(ODD))), broken).await;
    put_lines(&stack, REJECTED, "1.gz", "no line\nnor this\n").await;
    tick(&stack, "2025-03-01T13:00:00Z").await;
    put_lines(&stack, LATE, "2.gz", &[s(8, "c"), s(6, "a")].concat()).await;
    tick(&stack, "2025-03-01T19:00:00Z").await;
    assert_eq!(manifest(&stack, LATE).await.retired.len(), 1);
    data
}

/// A copy of a folder that nobody has open.
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
    for (hour, pointer) in stack.catalog.parquet_pointers(Hour::EPOCH..).await.unwrap() {
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth0-s3-logs"));
    let output = command.arg("verify").args(arguments).arg("--json").arg("--data").arg(data).output().unwrap();
    let printed = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), printed, String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_bucket_is_proven_and_not_written_to() {
    let data = filled().await;
    let stack = stack(data.path());
    stack.aws.inject(Faults::none());
    for deep in [false, true] {
        let found = run(&stack.deployment("verify"), &options(deep, false), &given(1)).await.unwrap();
        assert_eq!((names(&found), found.verdict()), (BTreeSet::new(), Verdict::Well));
        assert_eq!((found.hours, found.pending, found.compared), (5, 0, if deep { 5 } else { 0 }));
        let (totals, parquet) = (&found.totals, &found.totals.parquet);
        let counted = (totals.objects, parquet.lines, parquet.rows, parquet.duplicates, parquet.rejected);
        // The broken member's two lines are read; what broke is a third.
        assert_eq!(counted, (8, 25, 16, 3, 6), "{totals:?}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_young_hour_is_pending() {
    let data = filled().await;
    let stack = stack(data.path());
    for young in ["2025-03-01T20", "2025-03-01T19", "2025-03-01T16"] {
        put_lines(&stack, young, "1.gz", "{\"type\":\"s\"}\n").await;
    }
    let found = run(&stack.deployment("verify"), &options(true, false), &given(1)).await.unwrap();
    assert_eq!((found.pending, names(&found)), (2, BTreeSet::from(["JSON partition missing", "hour not compacted"])));
    assert!(found.findings.iter().all(|finding| finding.hour == Some(hour("2025-03-01T16"))), "{:?}", found.findings);
}

/// What is done to the bucket, which differences that makes, and whether `--repair` mends them.
const DAMAGES: [(&str, &[&str], bool); 33] = [
    ("file cut short", &["file of another size"], true),
    ("bit flipped", &["file changed"], true),
    ("file missing", &["file missing"], true),
    ("two hours' files swapped", &["file changed", "file of another size"], true),
    ("foreign file in the live folder", &["foreign file in live folder"], true),
    ("unknown folder", &["unknown folder"], true),
    ("unknown rejected lines", &["unknown folder"], true),
    ("manifest gone", &["hour not compacted", "partition of nothing", "unknown folder"], true),
    ("manifest unreadable", &["manifest unreadable"], true),
    ("manifest of another hour", &["manifest unreadable"], true),
    ("counts changed", &["counts do not add up", "partition stale"], true),
    ("partition dropped", &["partition missing"], true),
    ("partition to another folder", &["partition elsewhere"], true),
    ("partition read by another SerDe", &["partition stale"], true),
    ("partition without slash", &["partition without slash"], true),
    ("JSON partition dropped", &["JSON partition missing"], true),
    ("JSON partition elsewhere", &["JSON partition elsewhere"], false),
    ("Parquet table dropped", &["partition missing", "table missing"], true),
    ("JSON table dropped", &["JSON partition missing", "table missing"], true),
    ("view dropped", &["view missing"], true),
    ("view of an older cut", &["view of another cut"], true),
    ("cut.json gone", &["cut missing"], true),
    ("cut.json unreadable", &["cut unreadable"], true),
    ("JSON input gone", &["JSON input gone"], false),
    ("JSON input edited", &["JSON input edited"], false),
    ("JSON object added", &["JSON object not in Parquet"], true),
    ("rejected file missing", &["rejected lines missing"], true),
    ("rejected file emptied", &["rejected lines wrong"], true),
    ("rejected file edited", &["rejected lines wrong"], true),
    ("object in no folder", &["stray object"], false),
    ("error objects present", &["records not delivered"], false),
    ("replayed lines gone", &["replayed object gone"], false),
    ("marker unreadable", &["stray object"], false),
];

async fn damage(stack: &Stack, name: &str) {
    let damaged = damage_files(stack, name).await
        || damage_own_objects(stack, name).await
        || damage_partitions(stack, name).await
        || damage_tables(stack, name).await
        || damage_record(stack, name).await;
    assert!(damaged, "{name}");
}

/// False where the damage is none of a Parquet file; likewise the others.
async fn damage_files(stack: &Stack, name: &str) -> bool {
    let key = live_file(stack, MIXED).await;
    let mut file = bytes(stack, &key).await;
    match name {
        "file cut short" => put(stack, &key, file[..file.len() / 2].to_vec()).await,
        "bit flipped" => {
            file[20] ^= 1;
            put(stack, &key, file).await;
        }
        "file missing" => delete(stack, &key).await,
        "two hours' files swapped" => {
            // One of them keeps its size, to be told by its bytes alone.
            let late = live_file(stack, LATE).await;
            let other = bytes(stack, &late).await;
            put(stack, &late, file.clone()).await;
            let swapped = file.len().min(other.len());
            file[..swapped].copy_from_slice(&other[..swapped]);
            put(stack, &key, file).await;
        }
        "foreign file in the live folder" => put(stack, &key.replace("00000", "00001"), file).await,
        "unknown folder" => {
            let stranger = format!("{}stranger/00000.parquet", layout::parquet_prefix(hour(MIXED)));
            put(stack, &stranger, file).await;
        }
        _ => return false,
    }
    true
}

/// Of manifests, cut and rejected lines.
async fn damage_own_objects(stack: &Stack, name: &str) -> bool {
    let key = layout::manifest_key(hour(MIXED));
    let mut manifest = manifest(stack, MIXED).await;
    let live = manifest.live.as_mut().unwrap();
    let rejected = layout::rejected_key(hour(MIXED), &live.attempt);
    match name {
        "unknown rejected lines" => put(stack, &layout::rejected_key(hour(ODD), "stranger"), gzip("{}\n")).await,
        "manifest gone" => delete(stack, &key).await,
        "manifest unreadable" => put(stack, &key, b"{\"hour\":".to_vec()).await,
        "manifest of another hour" => {
            let other = bytes(stack, &layout::manifest_key(hour(LATE))).await;
            put(stack, &key, other).await;
        }
        "counts changed" => {
            live.counts.duplicates -= 1;
            put(stack, &key, manifest.to_json().unwrap()).await;
        }
        "cut.json gone" => delete(stack, layout::WATERMARK).await,
        "cut.json unreadable" => put(stack, layout::WATERMARK, b"13".to_vec()).await,
        "rejected file missing" => delete(stack, &rejected).await,
        "rejected file emptied" => put(stack, &rejected, gzip("")).await,
        "rejected file edited" => put(stack, &rejected, gzip(&"{}\n".repeat(live.counts.rejected as usize))).await,
        _ => return false,
    }
    true
}

async fn damage_partitions(stack: &Stack, name: &str) -> bool {
    match name {
        "partition dropped" => drop_partition(stack, PARQUET).await,
        "JSON partition dropped" => drop_partition(stack, JSON).await,
        "partition to another folder" => point(stack, &live_folder(stack, LATE).await).await,
        "partition without slash" => point(stack, live_folder(stack, MIXED).await.trim_end_matches('/')).await,
        "partition read by another SerDe" => {
            let call = stack.aws.glue().get_partition().database_name(stack.catalog.database()).table_name(PARQUET);
            let call = call.set_partition_values(Some(hour(MIXED).partition_values().into()));
            let found = call.send().await.unwrap().partition.unwrap();
            let mut storage = found.storage_descriptor.unwrap();
            storage.serde_info =
                stack.catalog.table(JSON).await.unwrap().unwrap().storage_descriptor.unwrap().serde_info;
            let input = aws_sdk_glue::types::PartitionInput::builder().storage_descriptor(storage);
            let input = input.set_values(found.values).set_parameters(found.parameters).build();
            let call = stack.aws.glue().update_partition().database_name(stack.catalog.database()).table_name(PARQUET);
            let call = call.set_partition_value_list(Some(hour(MIXED).partition_values().into()));
            call.partition_input(input).send().await.unwrap();
        }
        "JSON partition elsewhere" => {
            drop_partition(stack, JSON).await;
            let storage = stack.catalog.table(JSON).await.unwrap().unwrap().storage_descriptor;
            let input = aws_sdk_glue::types::PartitionInput::builder().set_storage_descriptor(storage);
            let input = input.set_values(Some(hour(MIXED).partition_values().into())).build();
            let call = stack.aws.glue().create_partition().database_name(stack.catalog.database()).table_name(JSON);
            call.partition_input(input).send().await.unwrap();
        }
        _ => return false,
    }
    true
}

async fn damage_tables(stack: &Stack, name: &str) -> bool {
    let table = match name {
        "Parquet table dropped" => PARQUET,
        "JSON table dropped" => JSON,
        "view dropped" => VIEW,
        "view of an older cut" => {
            let stored = stack.catalog.view().await.unwrap();
            stack.catalog.set_view(stored.as_ref(), hour(MIXED)).await.unwrap();
            return true;
        }
        _ => return false,
    };
    stack.aws.glue().delete_table().database_name(stack.catalog.database()).name(table).send().await.unwrap();
    true
}

/// Of the event log and of what was never in it.
async fn damage_record(stack: &Stack, name: &str) -> bool {
    let key = format!("{}1.gz", layout::json_prefix(hour(MIXED)));
    let line = "{\"log_id\":\"1\",\"user_id\":\"a\",\"type\":\"s\"}\n";
    match name {
        "JSON input gone" => delete(stack, &key).await,
        "JSON input edited" => put(stack, &key, gzip(line)).await,
        "JSON object added" => put_lines(stack, MIXED, "9.gz", line).await,
        "error objects present" => put(stack, "error/processing-failed/2025/03/01/07/1", b"{}".to_vec()).await,
        "replayed lines gone" => {
            let (now, failed) = (NOW.parse().unwrap(), BTreeMap::new());
            let (hour, records, lines, unreadable) = (hour(MIXED), 1, 1, 0);
            let (source, etag) = ("queue/1".to_string(), "0".to_string());
            let object = Some(object_key(&source, &etag, hour));
            let marker = Marker { source, etag, hour, object, records, lines, failed, unreadable, replayed_at: now };
            put(stack, "replayed/queue/1.json", serde_json::to_vec(&marker).unwrap()).await;
        }
        "marker unreadable" => put(stack, "replayed/queue/1.json", b"{}".to_vec()).await,
        "object in no folder" => put(stack, "parquet/2025/03/01/07/stray.parquet", b"PAR1".to_vec()).await,
        _ => return false,
    }
    true
}

async fn drop_partition(stack: &Stack, table: &str) {
    let call = stack.aws.glue().delete_partition().database_name(stack.catalog.database()).table_name(table);
    call.set_partition_values(Some(hour(MIXED).partition_values().into())).send().await.unwrap();
}

async fn live_folder(stack: &Stack, at: &str) -> String {
    let live = manifest(stack, at).await.live.unwrap();
    format!("s3://{BUCKET}/{}", live.folder(hour(at)))
}

/// Makes the partition name `location`, as if it followed the manifest there is.
async fn point(stack: &Stack, location: &str) {
    let pointer = stack.catalog.parquet_pointer(hour(MIXED)).await.unwrap().unwrap();
    let pointer = Pointer { location: location.to_string(), ..pointer };
    assert!(stack.catalog.point_parquet(hour(MIXED), &pointer, &|| true).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_is_seen_and_mended_where_the_json_is_there() {
    let data = filled().await;
    let whole = rows(&stack(data.path())).await;
    assert_eq!(whole[&hour(MIXED)].len(), 4);
    let (mut seen, mut mended) = (0, 0);
    for (name, expected, mendable) in DAMAGES {
        let folder = copied(&data);
        let stack = stack(folder.path());
        damage(&stack, name).await;
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        for deep in [false, true] {
            let found = run(&stack.deployment("verify"), &options(deep, false), &given(1)).await.unwrap();
            assert_eq!((names(&found), found.verdict()), (expected.clone(), Verdict::Trouble), "{name}, deep: {deep}");
        }
        seen += 1;
        let logs = log_bytes(&stack).await;
        let found = run(&stack.deployment("verify"), &options(true, true), &given(2)).await.unwrap();
        assert!(!found.repairs.is_empty() || !mendable, "{name}");
        assert_eq!(log_bytes(&stack).await, logs, "{name}");
        if mendable {
            assert_eq!(
                (names(&found), found.verdict()),
                (BTreeSet::new(), Verdict::Well),
                "{name}: {:?}",
                found.repairs
            );
            mended += 1;
        } else {
            assert_eq!((names(&found), found.verdict()), (expected, Verdict::Trouble), "{name}: {:?}", found.repairs);
            assert!(found.findings.iter().all(|it| matches!(it.difference.remedy(), Remedy::ByHand(_))), "{name}");
        }
        assert_eq!(rows(&stack).await, whole, "{name}: {:?}", found.repairs);
        drop(stack);
        let (code, printed, errors) = command(folder.path(), &[]);
        assert_eq!(code, i32::from(!mendable), "{name}: {printed} {errors}");
    }
    println!("{seen} damages seen, {mended} mended, {} told to be beyond mending", seen - mended);
}

/// Every object of the event log, to the byte.
async fn log_bytes(stack: &Stack) -> BTreeMap<String, Vec<u8>> {
    let mut objects = BTreeMap::new();
    for key in keys(stack, layout::LOGS).await {
        objects.insert(key.clone(), bytes(stack, &key).await);
    }
    objects
}

/// What was unreadable is kept, and what nobody knew goes the way of every retired folder.
#[tokio::test(flavor = "multi_thread")]
async fn repair_deletes_nothing_by_itself() {
    let data = filled().await;
    let stack = stack(data.path());
    let before = keys(&stack, layout::PARQUET).await;
    damage(&stack, "cut.json unreadable").await;
    damage(&stack, "manifest unreadable").await;
    run(&stack.deployment("verify"), &options(false, true), &given(2)).await.unwrap();
    let kept = keys(&stack, layout::MANIFESTS).await;
    let kept: Vec<&String> = kept.iter().filter(|key| key.contains(".json.broken-")).collect();
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(bytes(&stack, kept[0]).await, b"{\"hour\":");
    let after = keys(&stack, layout::PARQUET).await;
    assert!(before.iter().all(|key| after.contains(key)), "{after:?}");
    let retired = manifest(&stack, MIXED).await.retired;
    assert_eq!((retired.len(), retired[0].was_live), (1, true));
}

/// Manifest, file and catalog agree with each other, and the rows are another hour's: only the lines tell.
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
    file.sha256 = Sha256::digest(&other).iter().map(|byte| format!("{byte:02x}")).collect();
    let counts = &mut lie.live.as_mut().unwrap().counts;
    (counts.rows, counts.duplicates) = (3, counts.duplicates + 1);
    let key = layout::manifest_key(hour(MIXED));
    let put = stack.aws.s3().put_object().bucket(BUCKET).key(&key).body(lie.to_json().unwrap().into());
    let manifest_etag = put.send().await.unwrap().e_tag.unwrap();
    let pointer = stack.catalog.parquet_pointer(hour(MIXED)).await.unwrap().unwrap();
    let pointer = Pointer { manifest_etag, ..pointer };
    assert!(stack.catalog.point_parquet(hour(MIXED), &pointer, &|| true).await.unwrap());
    assert_eq!(
        names(&run(&stack.deployment("verify"), &options(false, false), &given(1)).await.unwrap()),
        BTreeSet::new()
    );
    let found = run(&stack.deployment("verify"), &options(true, false), &given(1)).await.unwrap();
    let expected = BTreeSet::from(["counts do not add up", "row missing", "row of no line"]);
    assert_eq!((names(&found), found.verdict()), (expected, Verdict::Trouble));
    let missing = found.findings.iter().find(|finding| finding.difference == Difference::RowMissing).unwrap();
    assert_eq!(missing.what, "4 rows: 1, 2, 2, …");
    let mended = run(&stack.deployment("verify"), &options(true, true), &given(2)).await.unwrap();
    assert_eq!((names(&mended), mended.verdict()), (BTreeSet::new(), Verdict::Well), "{:?}", mended.repairs);
    assert_eq!(rows(&stack).await, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_cannot_be_told() {
    let data = filled().await;
    let opened = stack(data.path());
    let one = layout::manifest_key(hour(ADOPTED));
    opened.aws.inject(Faults::by(move |_, call| {
        let hit = &*call.name == "GetObject" && call.resources.iter().any(|it| it.ends_with(&one));
        hit.then_some(Fault::Before(Failure::Internal))
    }));
    let found = run(&opened.deployment("verify"), &options(false, false), &given(1)).await.unwrap();
    assert_eq!((found.verdict(), found.hours, found.untold.len()), (Verdict::Unknown, 4, 1));
    assert!(found.untold[0].starts_with("2025-03-01T08: failed to read s3://"), "{:?}", found.untold);
    for service in [Service::S3, Service::Glue] {
        opened
            .aws
            .inject(Faults::by(move |_, call| (call.service == service).then_some(Fault::Before(Failure::Internal))));
        let error = run(&opened.deployment("verify"), &options(false, false), &given(1)).await.unwrap_err();
        assert!(format!("{error:#}").starts_with("could not tell: "), "{error:#}");
    }
    drop(opened);
    assert_eq!(format!("{:?}", Verdict::Unknown.exit_code()), format!("{:?}", std::process::ExitCode::from(2)));
    let (code, _, errors) = command(data.path(), &["--bucket", "another"]);
    assert!(code == 2 && errors.contains("could not tell"), "{code} {errors}");
}
