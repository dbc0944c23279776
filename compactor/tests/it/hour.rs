//! One hour from JSON to committed, published Parquet, against the embedded AWS.

use catalog::Pointer;
use compactor::request::{Request, Scope};
use log_format::{Hour, layout};
use parquet::basic::{Compression, Encoding};
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::time::Duration;
use testkit::world::{BUCKET, HOUR, World, hour, rows_of, shown, world};

const CLOSED: &str = "2026-11-20T14:20:00Z";

const A: &str = r#"{"log_id":"1","user_id":"a","type":"s"}"#;
const B: &str = r#"{"log_id":"2","user_id":"b","type":"f"}"#;
const C: &str = r#"{"log_id":"3","user_id":"c","type":"s"}"#;

#[tokio::test]
async fn an_hour_becomes_parquet_once_it_has_closed() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[B, A, "no line", A]).await;
    world.put_lines(HOUR, "2", &[A, r#"{"log_id":"2","user_id":"b","type":"fp"}"#]).await;
    assert_eq!(shown(&world.tick("2026-11-20T14:19:59Z").await), ["2026-11-20T13 repaired"], "registered, no more");
    let tick = world.tick(CLOSED).await;
    assert_eq!(shown(&tick), ["2026-11-20T13 6 lines, 3 rows, 2 duplicates, 1 collisions, 1 rejected"]);
    let rows = ["log_id=1 user_id=a type=s", "log_id=2 user_id=b type=f", "log_id=2 user_id=b type=fp"];
    assert_eq!(world.parquet_rows(HOUR).await, rows);
    assert_eq!(shown(&world.tick("2026-11-20T15:20:00Z").await), ["2026-11-20T13 UpToDate"]);
}

#[tokio::test]
async fn the_manifest_tells_all_of_it() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A, r#"{"timestamp":"2026-11-20T13:00:01.000Z"}"#]).await;
    world.tick(CLOSED).await;
    let manifest = world.manifest(HOUR).await;
    let live = manifest.live.clone().unwrap();
    assert_eq!((manifest.revision, manifest.claims.len(), manifest.retired.len()), (2, 0, 0));
    assert_eq!(live.inputs.len(), 1);
    assert_eq!(live.inputs[0].key, "logs/2026/11/20/13/1.gz");
    assert_eq!(live.timestamps, Some(["2026-11-20T13:00:01.000Z".to_string(), "2026-11-20T13:00:01.000Z".to_string()]));
    let [file] = live.files.as_slice() else { panic!("{:?}", live.files) };
    assert_eq!(file.key, format!("{}00000.parquet", layout::parquet_folder(hour(HOUR), &live.attempt)));
    let bytes = world.bytes(&file.key).await;
    assert_eq!((file.size, file.rows), (bytes.len() as u64, 2));
    use sha2::{Digest, Sha256};
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(file.sha256, sha256);
    let pointer = world.catalog.pointer(hour(HOUR)).await.unwrap().unwrap();
    assert_eq!(pointer.since.map(|since| since.to_rfc3339()).unwrap().split('.').next(), Some("2026-11-20T14:20:00"));
}

/// C1: late objects make a new folder; the old one is retired, and readers who planned on it still find it.
#[tokio::test]
async fn late_objects_are_added() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.tick(CLOSED).await;
    let first = world.manifest(HOUR).await.live.unwrap();
    world.put_lines(HOUR, "2", &[B, A]).await;
    let tick = world.tick("2026-11-20T18:25:00Z").await;
    assert_eq!(shown(&tick), ["2026-11-20T13 3 lines, 2 rows, 1 duplicates, 0 collisions, 0 rejected"]);
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=1 user_id=a type=s", "log_id=2 user_id=b type=f"]);
    let manifest = world.manifest(HOUR).await;
    assert_eq!(manifest.retired.len(), 1);
    assert_eq!((&manifest.retired[0].attempt, manifest.retired[0].was_live), (&first.attempt, true));
    assert_eq!(rows_of(world.bytes(&first.files[0].key).await), ["log_id=1 user_id=a type=s"]);
}

/// C7
#[tokio::test]
async fn the_same_inputs_give_the_same_bytes() {
    let mut files = Vec::new();
    for order in [["1", "2"], ["2", "1"]] {
        let world = world().await;
        for name in order {
            let lines: &[&str] = if name == "1" { &[C, A, r#"{"log_id":"9"}"#] } else { &[B, A] };
            world.put_lines(HOUR, name, lines).await;
        }
        world.tick(CLOSED).await;
        let key = world.manifest(HOUR).await.live.unwrap().files[0].key.clone();
        files.push(world.bytes(&key).await);
    }
    assert_eq!(files[0], files[1]);
}

/// C8
#[tokio::test]
async fn an_hour_whose_input_is_gone_is_needs_operator_unless_asked() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.put_lines(HOUR, "2", &[B]).await;
    world.tick(CLOSED).await;
    world.delete("logs/2026/11/20/13/1.gz").await;
    let tick = world.tick("2026-11-20T15:20:00Z").await;
    assert!(
        shown(&tick)[0].starts_with("2026-11-20T13 deferred: 1 objects that its Parquet holds rows of are gone"),
        "{:?}",
        shown(&tick)
    );
    assert_eq!(tick.needs_operator().len(), 1);
    assert_eq!(world.parquet_rows(HOUR).await.len(), 2);
    let on_purpose = Request::new(Scope::Hour(hour(HOUR)), true);
    world.ask("2026-11-20T16:20:00Z", on_purpose).await;
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=2 user_id=b type=f"]);
}

/// C8: an object that was written over gives no fewer rows, unless a person named the hour.
#[tokio::test]
async fn an_object_of_fewer_rows_needs_an_operator() {
    let world = world().await;
    let (good, worse) =
        ([r#"{"log_id":"1","type":"s"}"#, r#"{"log_id":"2","type":"s"}"#], [r#"{"log_id":"1","type":"s"}"#, "garbage"]);
    world.put_lines(HOUR, "1", &good).await;
    world.put_lines(HOUR, "2", &[r#"{"log_id":"3","type":"s"}"#]).await;
    world.tick("2026-11-20T15:25:00Z").await;
    let rows = world.parquet_rows(HOUR).await;
    assert_eq!(rows.len(), 3);
    // As many lines as before, and one object more.
    world.put_lines(HOUR, "1", &worse).await;
    world.put_lines(HOUR, "4", &[r#"{"log_id":"4","type":"s"}"#]).await;
    let tick = world.tick("2026-11-20T16:25:00Z").await;
    assert_eq!((tick.totals().needs_operator, tick.failures()), (1, Vec::new()));
    let told = &tick.needs_operator()[0];
    assert!(
        told.contains("2 lines of logs/2026/11/20/13/1.gz were rows when they became live, and 1 are now"),
        "{told}"
    );
    assert_eq!(world.parquet_rows(HOUR).await, rows);
    let alone = Request::new(Scope::Hour(hour(HOUR)), true);
    assert_eq!(world.ask("2026-11-20T17:25:00Z", alone).await.totals().compacted, 1);
    assert_eq!(world.parquet_rows(HOUR).await.len(), 3);
    // The former object has more rows than the worse one.
    world.put_lines(HOUR, "1", &good).await;
    assert_eq!(world.tick("2026-11-20T18:25:00Z").await.totals().compacted, 1);
    assert_eq!(world.parquet_rows(HOUR).await.len(), 4);
}

/// An object that was written over is followed, and told of until a person names the hour.
#[tokio::test]
async fn an_object_that_was_written_over_is_told_of_until_it_is_accepted() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.tick(CLOSED).await;
    world.put_lines(HOUR, "1", &[B]).await;
    let tick = world.tick("2026-11-20T15:20:00Z").await;
    assert_eq!((tick.totals().replaced, tick.failures(), tick.needs_operator()), (1, Vec::new(), Vec::new()));
    assert!(tick.replaced()[0].starts_with("2026-11-20T13: 1 objects were written over"), "{:?}", tick.replaced());
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=2 user_id=b type=f"]);
    let told = async || world.manifest(HOUR).await.replaced().len();
    assert_eq!(told().await, 1);
    // It is told of at each visit, and a range names no hour.
    assert_eq!(world.tick("2026-11-20T16:20:00Z").await.totals().replaced, 1);
    world.put_lines(HOUR, "2", &[A]).await;
    let range = Request::new(Scope::Range(hour(HOUR), hour(HOUR).next()), true);
    let again = world.ask("2026-11-20T16:30:00Z", range).await;
    assert_eq!((again.totals().compacted, again.totals().replaced, told().await), (1, 1, 1));
    let idle = world.ask("2026-11-20T16:40:00Z", range).await.totals();
    assert_eq!((idle.compacted, idle.replaced, told().await), (0, 1, 1));
    let named = Request::new(Scope::Hour(hour(HOUR)), false);
    let tick = world.ask("2026-11-20T17:20:00Z", named).await;
    assert_eq!((tick.totals().compacted, tick.totals().replaced, told().await), (0, 0, 0));
    let accepted = tick.accepted.unwrap();
    assert!(accepted[0].starts_with("logs/2026/11/20/13/1.gz: accepted as it is, with the ETag "), "{accepted:?}");
    let pointer = world.catalog.pointer(hour(HOUR)).await.unwrap().unwrap();
    let head = world.s3.head_object().bucket(BUCKET).key(layout::manifest_key(hour(HOUR))).send().await.unwrap();
    assert_eq!(Some(pointer.manifest_etag), head.e_tag);
    // Who names the hour accepts what was told of before, and with a rewrite whatever there is.
    for (line, rewrite, left) in [(A, false, 1), (C, true, 0)] {
        world.put_lines(HOUR, "1", &[line]).await;
        let named = Request::new(Scope::Hour(hour(HOUR)), rewrite);
        let tick = world.ask("2026-11-20T18:20:00Z", named).await;
        assert_eq!((tick.totals().compacted, tick.totals().replaced, told().await), (1, left, left as usize));
    }
    // Whoever put the former object back has accepted nothing else.
    world.put_lines(HOUR, "1", &[B]).await;
    assert_eq!(world.tick("2026-11-20T19:20:00Z").await.totals().replaced, 1);
    world.put_lines(HOUR, "1", &[C]).await;
    let named = world.ask("2026-11-20T19:30:00Z", Request::new(Scope::Hour(hour(HOUR)), false)).await;
    assert_eq!((named.accepted, told().await), (Ok(Vec::new()), 0));
}

/// C8, where nothing but what readers see now tells what the hour once held.
#[tokio::test]
async fn an_hour_whose_manifest_and_input_are_gone_is_needs_operator_unless_asked() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.put_lines(HOUR, "2", &[B]).await;
    world.tick(CLOSED).await;
    world.delete("logs/2026/11/20/13/1.gz").await;
    world.delete("manifests/2026/11/20/13.json").await;
    let tick = world.tick("2026-11-20T15:20:00Z").await;
    let left =
        "2026-11-20T13 deferred: its manifest is lost, its JSON gives 1 rows, and the Parquet that readers see has 2";
    assert!(shown(&tick)[0].starts_with(left), "{:?}", shown(&tick));
    assert_eq!(tick.needs_operator().len(), 1);
    assert_eq!(world.parquet_rows(HOUR).await.len(), 2);
    let on_purpose = Request::new(Scope::Hour(hour(HOUR)), true);
    world.ask("2026-11-20T16:20:00Z", on_purpose).await;
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=2 user_id=b type=f"]);
}

#[tokio::test]
async fn what_is_lost_outside_the_record_is_made_again() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.tick(CLOSED).await;
    let file = world.manifest(HOUR).await.live.unwrap().files[0].key.clone();
    world.delete(&file).await;
    world.tick("2026-11-20T15:20:00Z").await;
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=1 user_id=a type=s"]);
    for table in [catalog::PARQUET, catalog::JSON] {
        let call = world.glue.delete_partition().database_name("logs").table_name(table);
        call.set_partition_values(Some(hour(HOUR).partition_values().into())).send().await.unwrap();
    }
    world.tick("2026-11-20T16:20:00Z").await;
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=1 user_id=a type=s"]);
    assert_eq!(world.catalog.json_hours(Hour::EPOCH..).await.unwrap(), [hour(HOUR)]);
}

/// Somebody may make a partition anew by hand. Without the time since when it names its folder nothing would ever be
/// collected.
#[tokio::test]
async fn since_when_a_partition_names_its_folder_is_written_where_it_is_lost() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.tick(CLOSED).await;
    world.put_lines(HOUR, "2", &[B]).await;
    world.tick("2026-11-20T15:20:00Z").await;
    let pointer = world.catalog.pointer(hour(HOUR)).await.unwrap().unwrap();
    let forgotten = Pointer { since: None, ..pointer.clone() };
    assert!(world.catalog.update_pointer(hour(HOUR), &forgotten, Duration::from_secs(60)).await.unwrap());
    world.tick("2026-11-20T16:20:00Z").await;
    let again = world.catalog.pointer(hour(HOUR)).await.unwrap().unwrap();
    assert!(again.since.unwrap().to_rfc3339().starts_with("2026-11-20T16:2"), "{again:?}");
    assert_eq!(again, Pointer { since: again.since, ..pointer });
    world.tick("2026-11-21T16:30:00Z").await;
    assert_eq!(world.manifest(HOUR).await.retired, []);
}

#[tokio::test]
async fn what_athena_does_not_read_is_no_input() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.put_lines(HOUR, "_hidden", &[B]).await;
    world.put_lines(HOUR, "sub/1", &[C]).await;
    let tick = world.tick(CLOSED).await;
    assert_eq!(shown(&tick), ["2026-11-20T13 1 lines, 1 rows, 0 duplicates, 0 collisions, 0 rejected"]);
}

#[tokio::test]
async fn an_hour_of_nothing_but_rejected_lines_is_committed_without_a_file() {
    let world = world().await;
    world.put_lines(HOUR, "1", &["no line", "{}"]).await;
    let tick = world.tick(CLOSED).await;
    assert_eq!(shown(&tick), ["2026-11-20T13 2 lines, 0 rows, 0 duplicates, 0 collisions, 2 rejected"]);
    assert_eq!(world.parquet_rows(HOUR).await, [""; 0]);
    let file = world.manifest(HOUR).await.live.unwrap().rejected_file.unwrap();
    assert_eq!(world.keys("rejected/").await, [file.key.as_str()]);
    assert_eq!((file.size, file.rows), (world.bytes(&file.key).await.len() as u64, 2));
    assert_eq!(world.keys("parquet/").await, [""; 0]);
    assert_eq!(shown(&world.tick("2026-11-20T15:20:00Z").await), ["2026-11-20T13 UpToDate"]);
}

/// C4
#[tokio::test]
async fn the_record_is_never_written_to() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    let before = (world.keys("logs/").await, world.bytes("logs/2026/11/20/13/1.gz").await);
    for now in [CLOSED, "2026-11-20T15:20:00Z", "2026-11-25T15:20:00Z"] {
        world.tick(now).await;
    }
    assert_eq!((world.keys("logs/").await, world.bytes("logs/2026/11/20/13/1.gz").await), before);
}

/// One broken hour, a manifest that somebody overwrote, stops no other.
#[tokio::test]
async fn a_failing_hour_is_that_hours() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.put_lines("2026-11-20T12", "1", &[B]).await;
    world.put("manifests/2026/11/20/12.json", b"{}".to_vec()).await;
    let tick = world.tick(CLOSED).await;
    let shown = shown(&tick);
    assert!(
        shown[0]
            .starts_with("2026-11-20T12 failed: manifests/2026/11/20/12.json is not the manifest that belongs there"),
        "{shown:?}"
    );
    assert_eq!(shown[1], "2026-11-20T13 1 lines, 1 rows, 0 duplicates, 0 collisions, 0 rejected");
    assert!(tick.failures()[0].contains("missing field"), "{:?}", tick.failures());
}

#[tokio::test]
async fn files_are_written_for_the_widest_readers() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A, B]).await;
    world.tick(CLOSED).await;
    let bytes = file_of(&world).await;
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let metadata = reader.metadata();
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    assert_eq!(pairs.iter().map(|pair| pair.key.as_str()).collect::<Vec<_>>(), ["auth0-s3-logs.writer"]);
    let plain = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
    for column in metadata.row_group(0).columns() {
        assert!(matches!(column.compression(), Compression::ZSTD(_)), "{}", column.column_path());
        assert!(column.encodings().all(|encoding| plain.contains(&encoding)), "{}", column.column_path());
        assert_eq!(column.column_index_offset(), None, "{}", column.column_path());
    }
}

async fn file_of(world: &World) -> Vec<u8> {
    let key = world.manifest(HOUR).await.live.unwrap().files[0].key.clone();
    world.bytes(&key).await
}
