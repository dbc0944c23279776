//! `verify` over a bucket with a day that is rolled up: sound, and with every damage to the day that we could think of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use auth0_s3_logs::Verdict;
use auth0_s3_logs::commands::verify::run;
use auth0_s3_logs::deployment::Deployment;
use auth0_s3_logs::simulation::stack::Stack;
use aws_sdk_glue::types::PartitionInput;
use catalog::{DAILY, JSON, Pointer, Watermarks};
use compactor::clock::{Clock, Run};
use compactor::config::Limits;
use compactor::hour::digests_of_live;
use compactor::request::{Request, Scope};
use fixtures::gzip;
use log_format::{Day, layout};
use projection::manifest::{Manifest, Period};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use testkit::alter;
use tokio::time::Duration;

use super::{
    NOW, bytes, command, copied, delete, env, filled, hour, keys, live_file, names, options, put, put_lines, stack,
};
use crate::support::{BUCKET, binary, deployment};

/// The day that is rolled up at `NOW`. The view reads it from the table of days.
pub(super) const DAY: &str = "2025-02-27";
/// The hours of the day that have rows.
const HOURS: [&str; 2] = ["2025-02-27T05", "2025-02-27T06"];

/// What is done to the bucket, which differences that makes, and whether `--repair` repairs them.
const DAMAGES: [(&str, &[&str], bool); 27] = [
    ("file missing", &["file missing"], true),
    ("file cut short", &["file of another size"], true),
    ("bit flipped", &["file changed"], true),
    ("foreign file in the live folder", &["foreign file in live folder"], true),
    ("unknown folder", &["unknown folder"], true),
    ("unknown folder of a day to come", &["unknown folder"], true),
    ("object in no folder", &["stray object"], false),
    ("manifest gone", &["day not rolled up", "unknown folder"], true),
    ("manifest and partition gone", &["day not rolled up", "unknown folder"], true),
    ("manifest unreadable", &["manifest unreadable"], true),
    ("manifest of a day to come unreadable", &["manifest unreadable"], true),
    ("rows changed", &["manifest unreadable"], true),
    ("rows changed and sealed", &["counts do not add up", "partition stale"], true),
    ("writer changed and sealed", &["manifest wrong", "partition stale"], true),
    ("an hour's folder changed and sealed", &["day of other hours", "partition stale"], true),
    ("hours turned round and sealed", &["day of other hours", "partition stale"], true),
    (
        "an hour's manifest gone",
        &["day of other hours", "hour not compacted", "partition of nothing", "unknown folder"],
        true,
    ),
    ("an hour's file damaged", &["file changed"], true),
    ("partition dropped", &["partition missing"], true),
    ("partition to the folder of an hour", &["partition elsewhere"], true),
    ("partition without slash", &["partition without slash"], true),
    ("partition read by another SerDe", &["partition differs"], true),
    ("partition of no day", &["foreign partition"], true),
    ("partition of a day to come", &["foreign partition"], true),
    ("table dropped", &["partition missing", "table missing"], true),
    ("view of days to come", &["view of other days"], true),
    ("an hour gone whole", &["hour of a day lost"], false),
];

fn day() -> Day {
    DAY.parse().unwrap()
}

/// Compacts the day's hours and rolls it up, at `NOW`.
async fn roll_up(stack: &Stack) {
    let clock = Clock::start(Arc::new(|| NOW.parse().unwrap()), Duration::from_secs(900));
    let run = Run { clock, nonce: "day".to_string() };
    let request = Request::new(Scope::Range(day().first(), day().end()), false);
    let tick = stack.compactor.tick(&Arc::new(run), request, |_, _| {}).await.unwrap();
    assert_eq!((tick.failures(), tick.needs_operator()), (Vec::new(), Vec::new()));
    assert_eq!((tick.totals().compacted, tick.day_totals().compacted), (2, 1));
}

/// Adds a day to the bucket of the other tests, and rolls it up.
pub(super) async fn with_day(user: &str) -> TempDir {
    let data = filled().await;
    let stack = stack(data.path());
    for (number, at) in (30..).step_by(10).zip(HOURS) {
        let line = |id: u32| format!("{{\"log_id\":\"{id}\",\"user_id\":\"{user}\",\"type\":\"s\"}}\n");
        put_lines(&stack, at, "1.gz", &[line(number), line(number + 1)].concat()).await;
    }
    roll_up(&stack).await;
    data
}

async fn day_manifest(stack: &Stack) -> Manifest<Day> {
    serde_json::from_slice(&bytes(stack, &day().manifest_key()).await).unwrap()
}

async fn day_file(stack: &Stack) -> String {
    day_manifest(stack).await.live.unwrap().files[0].key.clone()
}

/// What a reader of the table of days sees: the rows of each day, sorted.
async fn rows(stack: &Stack) -> BTreeMap<Day, Vec<String>> {
    let mut days = BTreeMap::new();
    for (day, pointer) in stack.catalog.pointers::<Day>(..).await.unwrap() {
        let mut rows = Vec::new();
        for key in keys(stack, pointer.location.strip_prefix(&format!("s3://{BUCKET}/")).unwrap()).await {
            rows.extend(testkit::world::rows_of(bytes(stack, &key).await));
        }
        rows.sort();
        days.insert(day, rows);
    }
    days
}

async fn damage(stack: &Stack, name: &str) {
    let damaged = damage_files(stack, name).await
        || damage_manifest(stack, name).await
        || damage_sealed(stack, name).await
        || damage_hours(stack, name).await
        || damage_catalog(stack, name).await;
    assert!(damaged, "{name}");
}

async fn damage_files(stack: &Stack, name: &str) -> bool {
    let key = day_file(stack).await;
    let mut file = bytes(stack, &key).await;
    match name {
        "file missing" => delete(stack, &key).await,
        "file cut short" => put(stack, &key, file[..file.len() / 2].to_vec()).await,
        "bit flipped" => {
            file[20] ^= 1;
            put(stack, &key, file).await;
        }
        "foreign file in the live folder" => put(stack, &key.replace("00000", "00001"), file).await,
        "unknown folder" => put(stack, &format!("{}stranger/0.parquet", day().folders()), file).await,
        "unknown folder of a day to come" => put(stack, "daily/2025/03/02/stranger/0.parquet", file).await,
        "object in no folder" => put(stack, &format!("{}0.parquet", day().folders()), file).await,
        _ => return false,
    }
    true
}

async fn damage_manifest(stack: &Stack, name: &str) -> bool {
    let key = day().manifest_key();
    match name {
        "manifest gone" => delete(stack, &key).await,
        "manifest and partition gone" => {
            delete(stack, &key).await;
            drop_partition(stack).await;
        }
        "manifest unreadable" => put(stack, &key, b"{\"day\":".to_vec()).await,
        "manifest of a day to come unreadable" => put(stack, "manifests/2025/03/02/day.json", b"{".to_vec()).await,
        "rows changed" => {
            let changed = String::from_utf8(bytes(stack, &key).await).unwrap();
            put(stack, &key, changed.replace("\"rows\": 4", "\"rows\": 5").into_bytes()).await;
        }
        _ => return false,
    }
    true
}

/// Writes a manifest that is as it was written, and lies.
async fn damage_sealed(stack: &Stack, name: &str) -> bool {
    let mut lie = day_manifest(stack).await;
    let live = lie.live.as_mut().unwrap();
    match name {
        "rows changed and sealed" => live.rows += 1,
        "writer changed and sealed" => live.writer_version += 1,
        "an hour's folder changed and sealed" => live.inputs[0].attempt = "other".to_string(),
        "hours turned round and sealed" => live.inputs.reverse(),
        _ => return false,
    }
    put(stack, &day().manifest_key(), lie.to_json().unwrap()).await;
    true
}

/// Damages an hour of the day.
async fn damage_hours(stack: &Stack, name: &str) -> bool {
    let at = hour(HOURS[1]);
    match name {
        "an hour's manifest gone" => delete(stack, &at.manifest_key()).await,
        "an hour's file damaged" => {
            let key = live_file(stack, HOURS[1]).await;
            let mut file = bytes(stack, &key).await;
            file[20] ^= 1;
            put(stack, &key, file).await;
        }
        "an hour gone whole" => {
            for prefix in [layout::json_prefix(at), at.folders(), at.manifest_key()] {
                for key in keys(stack, &prefix).await {
                    delete(stack, &key).await;
                }
            }
            for table in [JSON, catalog::PARQUET] {
                let call = stack.aws.glue().delete_partition().database_name(stack.catalog.database());
                let call = call.table_name(table).set_partition_values(Some(at.partition_values().into()));
                call.send().await.unwrap();
            }
        }
        _ => return false,
    }
    true
}

async fn damage_catalog(stack: &Stack, name: &str) -> bool {
    let (glue, database) = (stack.aws.glue(), stack.catalog.database());
    let folder = format!("s3://{BUCKET}/{}", day_manifest(stack).await.live_folder().unwrap());
    match name {
        "partition dropped" => drop_partition(stack).await,
        "partition to the folder of an hour" => {
            let hour = stack.catalog.pointer(hour(HOURS[0])).await.unwrap().unwrap();
            point(stack, &hour.location).await;
        }
        "partition without slash" => point(stack, folder.trim_end_matches('/')).await,
        "partition read by another SerDe" => {
            let json = stack.catalog.table(JSON).await.unwrap().unwrap().storage_descriptor.unwrap();
            let damage = |storage: &mut aws_sdk_glue::types::StorageDescriptor| storage.serde_info = json.serde_info;
            alter::alter_partition(&glue, database, DAILY, day(), damage).await;
        }
        "partition of no day" => add_partition(stack, "2025-2-27").await,
        "partition of a day to come" => add_partition(stack, "2025-03-02").await,
        "table dropped" => drop(glue.delete_table().database_name(database).name(DAILY).send().await.unwrap()),
        "view of days to come" => {
            let stored = stack.catalog.view().await.unwrap();
            let shown = catalog::view::watermarks_of(stored.as_ref().unwrap()).unwrap();
            let wrong = Watermarks { day: "2025-03-01".parse().ok(), ..shown };
            stack.catalog.set_view(stored.as_ref(), wrong).await.unwrap();
        }
        _ => return false,
    }
    true
}

/// Makes the partition name `location`, and leaves it else as it is.
async fn point(stack: &Stack, location: &str) {
    let pointer = stack.catalog.pointer(day()).await.unwrap().unwrap();
    let pointer = Pointer { location: location.to_string(), ..pointer };
    assert!(stack.catalog.update_pointer(day(), &pointer, Duration::from_secs(60)).await.unwrap());
}

/// Adds a partition over the day's folder.
async fn add_partition(stack: &Stack, date: &str) {
    let (glue, database) = (stack.aws.glue(), stack.catalog.database());
    let storage = alter::partition(&glue, database, DAILY, day()).await.storage_descriptor;
    let input = PartitionInput::builder().set_storage_descriptor(storage).values(date).build();
    let call = glue.create_partition().database_name(database).table_name(DAILY);
    call.partition_input(input).send().await.unwrap();
}

async fn drop_partition(stack: &Stack) {
    let call = stack.aws.glue().delete_partition().database_name(stack.catalog.database()).table_name(DAILY);
    call.partition_values(DAY).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_rolled_up_is_proven() {
    let data = with_day("a").await;
    let stack = stack(data.path());
    for deep in [false, true] {
        let found = run(&deployment(&stack, "verify"), &options(deep, false), &env(1)).await.unwrap();
        assert_eq!((names(&found), found.verdict()), (BTreeSet::new(), Verdict::Well), "{:?}", found.findings);
        let days = (found.days, found.days_compared, found.totals.day_rows, found.day_watermark);
        assert_eq!(days, (1, u64::from(deep), 4, Some(day())));
        let line =
            " day         state  hours  rows\n────────────────────────────────\n 2025-02-27  sound      2     4\n";
        assert!(found.to_text().contains(line), "{}", found.to_text());
    }
    drop(stack);
    let (code, printed, _) = command(data.path(), &["--deep"]);
    let line = &printed["by_day"][0];
    assert_eq!((code, line["day"].as_str(), line["state"].as_str()), (0, Some(DAY), Some("sound")));
    assert_eq!((line["rows"].as_u64(), line["compared"].as_bool()), (Some(4), Some(true)));
    // A day is checked if all of its hours are asked for.
    for (to, days) in [("2025-02-28T00", 1), ("2025-02-27T23", 0)] {
        let (code, printed, _) = command(data.path(), &["--from", "2025-02-27T00", "--to", to]);
        assert_eq!((code, printed["hours"].as_u64(), printed["days"].as_u64()), (0, Some(2), Some(days)), "{to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_to_a_day_is_seen_and_repaired_if_its_hours_are_there() {
    let data = with_day("a").await;
    let whole = rows(&stack(data.path())).await;
    assert_eq!(whole[&day()].len(), 4);
    for (name, expected, repairable) in DAMAGES {
        let folder = copied(&data);
        let stack = stack(folder.path());
        damage(&stack, name).await;
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        for deep in [false, true] {
            let found = run(&deployment(&stack, "verify"), &options(deep, false), &env(1)).await.unwrap();
            let told = format!("{name}, deep: {deep}: {:?}", found.findings);
            assert_eq!((names(&found), found.verdict()), (expected.clone(), Verdict::Trouble), "{told}");
        }
        let found = run(&deployment(&stack, "verify"), &options(true, true), &env(2)).await.unwrap();
        let verdict = if repairable { Verdict::Well } else { Verdict::Trouble };
        let left = if repairable { BTreeSet::new() } else { expected };
        let told = format!("{name}: {:?} {:?}", found.repairs, found.findings);
        assert_eq!((names(&found), found.verdict()), (left, verdict), "{told}");
        assert_eq!((rows(&stack).await, found.day_watermark), (whole.clone(), Some(day())), "{told}");
    }
}

/// Day, file and catalog agree, but the rows are not those of the hours: only a comparison of rows shows it.
#[tokio::test(flavor = "multi_thread")]
async fn deep_sees_rows_that_are_not_those_of_the_hours() {
    let (data, other) = (with_day("a").await, with_day("b").await);
    let other = stack(other.path());
    let foreign = bytes(&other, &day_file(&other).await).await;
    let stack = stack(data.path());
    let whole = rows(&stack).await;
    let mut lie = day_manifest(&stack).await;
    let file = &mut lie.live.as_mut().unwrap().files[0];
    put(&stack, &file.key, foreign.clone()).await;
    (file.size, file.sha256) = (foreign.len() as u64, hex::encode(Sha256::digest(&foreign)));
    let call = stack.aws.s3().put_object().bucket(BUCKET).key(day().manifest_key());
    let manifest_etag = call.body(lie.to_json().unwrap().into()).send().await.unwrap().e_tag.unwrap();
    let pointer = stack.catalog.pointer(day()).await.unwrap().unwrap();
    let (_, files) = digests_of_live::<Day>(lie.live.as_ref().unwrap(), &pointer.location, stack.compactor.bucket());
    let pointer = Pointer { manifest_etag, files: Some(files), ..pointer };
    assert!(stack.catalog.update_pointer(day(), &pointer, Duration::from_secs(60)).await.unwrap());
    let found = run(&deployment(&stack, "verify"), &options(false, false), &env(1)).await.unwrap();
    assert_eq!(names(&found), BTreeSet::new(), "{:?}", found.findings);
    let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
    let told: Vec<String> = found.findings.iter().map(|it| format!("{}: {}", it.difference.name(), it.what)).collect();
    let expected = [
        "day of other rows: 2025-02-27T05: missing are 2 rows: 30, 31; too many are 2 rows: 30, 31",
        "day of other rows: 2025-02-27T06: missing are 2 rows: 40, 41; too many are 2 rows: 40, 41",
    ];
    assert_eq!((told, found.findings[0].day), (expected.map(str::to_string).into(), Some(day())));
    let found = run(&deployment(&stack, "verify"), &options(true, true), &env(2)).await.unwrap();
    assert_eq!((names(&found), found.verdict()), (BTreeSet::new(), Verdict::Well), "{:?}", found.repairs);
    assert_eq!(rows(&stack).await, whole);
}

/// A late object of an hour whose day is live: the repair commits the hour, rolls up the day, and then names the hour's folder.
#[tokio::test(flavor = "multi_thread")]
async fn a_repair_publishes_an_hour_after_its_day() {
    let data = with_day("a").await;
    let stack = stack(data.path());
    put(&stack, &format!("{}2.gz", layout::json_prefix(hour(HOURS[0]))), gzip("{\"log_id\":\"9\",\"type\":\"s\"}\n"))
        .await;
    let found = run(&deployment(&stack, "verify"), &options(true, true), &env(2)).await.unwrap();
    assert_eq!((names(&found), found.verdict()), (BTreeSet::new(), Verdict::Well), "{:?}", found.repairs);
    let done: Vec<String> = found.repairs.iter().map(ToString::to_string).collect();
    let expected = [
        "repair 2025-02-27T05: written anew from its JSON, 3 rows; its partition waits for its day",
        "repair 2025-02-27: rolled up from its hours, 5 rows",
        "repair 2025-02-27T05: the catalog was made to follow its manifest",
        "repair: the view reads Parquet up to 2025-03-01T16, of it days up to 2025-02-27",
    ];
    assert_eq!(done, expected);
    assert_eq!(rows(&stack).await[&day()].len(), 5);
}

/// Where other runs may be at work, what takes another folder's place waits: all of it together.
#[tokio::test(start_paused = true)]
async fn a_repair_waits_once_for_what_others_may_write() {
    let data = with_day("a").await;
    let stack = stack(data.path());
    put(&stack, &format!("{}2.gz", layout::json_prefix(hour(HOURS[0]))), gzip("{\"log_id\":\"9\",\"type\":\"s\"}\n"))
        .await;
    let shared = Deployment::of_stack(&stack, "verify", Limits::default());
    let started = tokio::time::Instant::now();
    let found = run(&shared, &options(true, true), &env(2)).await.unwrap();
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    assert!((1.25..2.5).contains(&minutes), "{minutes}");
    assert_eq!((names(&found), found.verdict()), (BTreeSet::new(), Verdict::Well), "{:?}", found.repairs);
    let done: Vec<String> = found.repairs.iter().map(ToString::to_string).collect();
    let expected = [
        "repair 2025-02-27T05: written anew from its JSON, 3 rows; its partition waits for its day",
        "repair 2025-02-27: rolled up from its hours, 5 rows; its partition follows in a minute",
        "repair 2025-02-27: the catalog was made to follow its manifest",
        "repair 2025-02-27T05: the catalog was made to follow its manifest",
        "repair: the view reads Parquet up to 2025-03-01T16, of it days up to 2025-02-27",
    ];
    assert_eq!(done, expected);
    assert_eq!(rows(&stack).await[&day()].len(), 5);
}

/// A day that is named is rolled up if all of it is in Parquet, and again with `--rewrite`.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_named_is_rolled_up() {
    let data = with_day("a").await;
    let compact = |arguments: &[&str]| {
        let output =
            binary().arg("compact").args(arguments).args(["--json", "--data"]).arg(data.path()).output().unwrap();
        let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let days: Vec<String> =
            printed["days"].as_array().into_iter().flatten().map(|day| day["outcome"].to_string()).collect();
        (output.status.code(), days.concat(), String::from_utf8(output.stderr).unwrap())
    };
    let check = |arguments: &[&str], outcome: &str| {
        assert_eq!(compact(arguments), (Some(0), outcome.to_string(), String::new()), "{arguments:?}");
    };
    check(&["--day", DAY], "\"nothing\"");
    check(&["--day", DAY, "--rewrite"], "\"rolled up\"");
    check(&["--day", "2025-02-28"], "\"rolled up\"");
    let (code, _, errors) = compact(&["--day", "2099-01-01"]);
    assert!(code == Some(2) && errors.contains("2099-01-01 has not closed yet"), "{errors}");
    assert_eq!(command(data.path(), &["--deep"]).0, 0);
}
