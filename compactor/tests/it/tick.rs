//! What a tick does beside the hours of its window: the sweep, the scrub, the backlog, the collection.

use std::collections::BTreeSet;

use aws_sdk_glue::types::{Partition, PartitionInput, StorageDescriptor, TableInput};
use catalog::{Columns, JSON, PARQUET, VIEW};
use compactor::request::{Request, Scope};
use compactor::tick::Tick;
use local_aws::seam::{Call, Failure, Fault, Faults};
use log_format::{Hour, layout};
use projection::manifest::{Manifest, Period};
use testkit::alter;
use testkit::athena::Reader;
use testkit::world::{HOUR, TICK, World, hour, shown, world};

const A: &str = r#"{"log_id":"1","type":"s"}"#;
const B: &str = r#"{"log_id":"2","type":"s"}"#;
const ROW_A: &str = "log_id=1 type=s";
const ROW_B: &str = "log_id=2 type=s";

/// Old enough to be beyond every look-back of these tests.
const OLD: &str = "2026-06-01T05";

fn at(hour: &str) -> String {
    format!("{hour}:25:00Z")
}

/// Ticks hourly from `from`, and says after how many `rows` are what the old hour has. On the way no row that was seen
/// once goes away again.
async fn ticks_until(world: &World, from: &str, rows: &[&str]) -> usize {
    let (start, mut reader) = (hour(from).start(), Reader::default());
    reader.look_and_lose_nothing(world, || format!("before {from}")).await;
    for number in 1..=200 {
        let now = start + chrono::TimeDelta::minutes(60 * (number - 1) + 25);
        world.tick(&now.to_rfc3339()).await;
        reader.look_and_lose_nothing(world, || format!("at {now}")).await;
        if world.parquet_rows(OLD).await == rows {
            return number as usize;
        }
    }
    panic!("never");
}

#[tokio::test]
async fn the_backlog_is_done_at_once_and_the_rota_finds_what_came_later() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    assert_eq!(ticks_until(&world, "2026-11-20T15", &[ROW_A]).await, 1);
    world.tick(&at("2026-11-20T16")).await;
    world.put_lines(OLD, "2", &[B]).await;
    let ticks = ticks_until(&world, "2026-11-20T17", &[ROW_A, ROW_B]).await;
    println!("C-late: an object five months late was found after {ticks} ticks; a look after each");
    assert!((1..=84).contains(&ticks), "{ticks}");
}

/// What a listing shows to be as its partition says is not read, in the window and in the scrub. What differs is.
#[tokio::test]
async fn an_idle_tick_reads_no_hour() {
    let world = world().await;
    for hour in [OLD, "2026-06-01T06", HOUR] {
        world.put_lines(hour, "1", &[A]).await;
    }
    world.tick(&at("2026-11-20T15")).await;
    // From here on so many ticks that each day has had its turn.
    let visited = async |from: &str| {
        let (start, mut visited) = (hour(from).start(), BTreeSet::new());
        for number in 0..84 {
            world.aws.inject(Faults::none());
            let tick = world.tick(&(start + chrono::TimeDelta::minutes(60 * number + 25)).to_rfc3339()).await;
            assert_eq!(tick.failures(), [""; 0]);
            // A visit reads the hour's partition.
            let hourly = |call: &Call| call.resources.iter().any(|arn| arn.ends_with(PARQUET));
            let visits = world.aws.trace().into_iter().filter(|it| it.call.name == "GetPartition" && hourly(&it.call));
            visited.extend(visits.map(|it| it.call.to_string()));
        }
        visited.len()
    };
    assert_eq!(visited("2026-11-20T16").await, 0);
    world.put_lines(OLD, "2", &[B]).await;
    assert_eq!(visited("2026-11-24T04").await, 1);
    assert_eq!(world.parquet_rows(OLD).await, [ROW_A, ROW_B]);
}

/// An hour that the watermark has passed is known by its partition to be unfinished, and need not wait for the scrub again.
#[tokio::test]
async fn an_old_hour_that_a_run_has_not_come_back_from_is_backlog() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    world.put_lines(OLD, "2", &[B]).await;
    let claimed = world.manifest(OLD).await.claimed("dead", "2026-11-20T15:30:00Z".parse().unwrap());
    world.put("manifests/2026/06/01/05.json", claimed.to_json().unwrap()).await;
    assert_eq!(ticks_until(&world, "2026-11-20T16", &[ROW_A, ROW_B]).await, 2, "the first sees that it is");
    assert_eq!(world.manifest(OLD).await.claims.len(), 1, "it stands until it is old");
    let pointer = world.catalog.pointer(hour(OLD)).await.unwrap().unwrap();
    assert!(!pointer.unfinished, "but another run has come back since");
    let rejected = layout::rejected_key(hour(OLD), "dead");
    world.put(&rejected, b"it wrote so much".to_vec()).await;
    let start = hour("2026-11-20T18").start();
    for number in 0..84 * 3 {
        world.tick(&(start + chrono::TimeDelta::minutes(60 * number + 25)).to_rfc3339()).await;
    }
    let manifest = world.manifest(OLD).await;
    assert_eq!((manifest.claims.len(), manifest.retired.len()), (0, 0), "it is old, and all that it wrote is gone");
    assert_eq!(world.keys(&rejected).await, [""; 0]);
}

/// A run that never came back must not keep others from an hour whose Parquet is gone.
#[tokio::test]
async fn a_lost_file_of_an_hour_with_an_old_claim_is_written_anew_by_the_tick() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    let manifest = world.manifest(OLD).await;
    world.delete(&manifest.live.as_ref().unwrap().files[0].key).await;
    let claimed = manifest.claimed("dead", "2026-11-20T15:30:00Z".parse().unwrap());
    world.put("manifests/2026/06/01/05.json", claimed.to_json().unwrap()).await;
    let scope = Scope::Hour(hour(OLD));
    let tick = world.ask(&at("2026-11-20T16"), Request::new(scope, false)).await;
    assert_eq!((tick.failures(), tick.totals().compacted), (Vec::new(), 1));
    assert_eq!(world.parquet_rows(OLD).await, [ROW_A]);
}

#[tokio::test]
async fn an_object_in_an_old_hour_that_never_had_one_is_found_by_the_rota() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.put_lines("2026-03-01T00", "1", &[A]).await;
    world.tick(&at("2026-11-20T20")).await;
    world.put_lines(OLD, "1", &[A]).await;
    let ticks = ticks_until(&world, "2026-11-20T21", &[ROW_A]).await;
    assert!((1..=84).contains(&ticks), "{ticks}");
    let registered = world.catalog.json_hours(hour(OLD)..).await.unwrap();
    assert_eq!(registered, [hour(OLD), hour(HOUR)], "and registered");
}

/// A request for [`HOUR`] by its name.
fn asked() -> Request {
    Request::new(Scope::Hour(hour(HOUR)), false)
}

/// The partition of [`OLD`] in a table, as Glue has it.
async fn partition(world: &World, table: &str) -> Partition {
    alter::partition(&world.glue, "logs", table, hour(OLD)).await
}

async fn alter_partition(world: &World, table: &str, change: impl FnOnce(&mut StorageDescriptor)) {
    alter::alter_partition(&world.glue, "logs", table, hour(OLD), change).await;
}

async fn add_partition(world: &World, table: &str, values: [&str; 2], storage: Option<StorageDescriptor>) {
    let input = PartitionInput::builder().set_values(Some(values.map(str::to_string).into()));
    let create = world.glue.create_partition().database_name("logs").table_name(table);
    create.partition_input(input.set_storage_descriptor(storage).build()).send().await.unwrap();
}

#[tokio::test]
async fn the_sweep_makes_partitions_as_we_define_them_and_deletes_those_of_no_hour() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    let made = (partition(&world, JSON).await, partition(&world, PARQUET).await);
    let storage = made.1.storage_descriptor.clone();
    alter_partition(&world, JSON, |it| it.serde_info.as_mut().unwrap().parameters = None).await;
    alter_partition(&world, PARQUET, |it| it.output_format = Some("other".into())).await;
    add_partition(&world, JSON, ["2026-06-01", "5"], made.0.storage_descriptor.clone()).await;
    add_partition(&world, PARQUET, ["today", "05"], storage.clone()).await;
    add_partition(&world, PARQUET, ["2026-06-02", "05"], storage).await;
    let tick = world.tick(&at("2026-11-20T16")).await;
    assert_eq!((tick.failures(), tick.catalog_repaired()), (Vec::new(), 5));
    let again = (partition(&world, JSON).await, partition(&world, PARQUET).await);
    assert_eq!(again.0.storage_descriptor, made.0.storage_descriptor);
    assert_eq!((again.1.storage_descriptor, again.1.parameters), (made.1.storage_descriptor, made.1.parameters));
    for table in [JSON, PARQUET] {
        assert_eq!(world.catalog.partitions::<Hour>(table, .., Columns::Compared).await.unwrap().len(), 1, "{table}");
    }
    assert_eq!(world.parquet_rows(OLD).await, [ROW_A]);
    let tick = world.tick(&at("2026-11-20T17")).await;
    assert_eq!((shown(&tick), tick.catalog_repaired()), (Vec::new(), 0), "there is nothing left to do");
}

/// A manifest without a live folder says nothing of where a partition should be.
#[tokio::test]
async fn the_sweep_deletes_a_partition_of_an_hour_that_is_only_claimed() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    let storage = partition(&world, PARQUET).await.storage_descriptor;
    let claimed = hour("2026-06-02T05");
    let manifest = Manifest::new(claimed).claimed("dead", "2026-11-20T15:30:00Z".parse().unwrap());
    world.put(&layout::manifest_key(claimed), manifest.to_json().unwrap()).await;
    add_partition(&world, PARQUET, ["2026-06-02", "05"], storage).await;
    let tick = world.tick(&at("2026-11-20T16")).await;
    assert_eq!((tick.failures(), tick.catalog_repaired()), (Vec::new(), 1));
    assert_eq!(world.catalog.partitions::<Hour>(PARQUET, .., Columns::LeftOut).await.unwrap().len(), 1);
}

/// A partition without a manifest may be all that is left of an hour.
#[tokio::test]
async fn the_sweep_keeps_a_partition_that_names_a_folder_of_its_own_hour() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    world.delete(&layout::manifest_key(hour(OLD))).await;
    world.delete(&format!("{}1", layout::json_prefix(hour(OLD)))).await;
    let tick = world.tick(&at("2026-11-20T16")).await;
    assert_eq!((tick.failures(), tick.catalog_repaired()), (Vec::new(), 0));
    assert_eq!(world.parquet_rows(OLD).await, [ROW_A]);
}

#[tokio::test]
async fn a_tick_makes_the_view_as_we_define_it_and_only_tells_of_a_table() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    let unmark = |view: &mut TableInput| drop(view.parameters.as_mut().unwrap().remove("presto_view"));
    alter::alter_table(&world.glue, "logs", VIEW, unmark).await;
    let skip = |table: &mut TableInput| {
        drop(table.parameters.as_mut().unwrap().insert("skip.header.line.count".into(), "1".into()));
    };
    alter::alter_table(&world.glue, "logs", JSON, skip).await;
    let tick = world.tick(&at("2026-11-20T16")).await;
    assert_eq!((tick.failures(), tick.catalog_repaired()), (Vec::new(), 1));
    let told =
        "auth0_logs_json: it has a parameter skip.header.line.count; `verify --repair` makes the table as we define it";
    assert_eq!(tick.needs_operator(), [told]);
    let tick = world.tick(&at("2026-11-20T17")).await;
    assert_eq!((tick.catalog_repaired(), tick.definitions.tables.len()), (0, 1));
}

async fn drop_partition(world: &World, of: &str) {
    let values = hour(of).partition_values();
    let drop = world.glue.delete_partition().database_name("logs").table_name(PARQUET);
    drop.set_partition_values(Some(values.into())).send().await.unwrap();
}

#[tokio::test]
async fn the_sweep_puts_right_what_glue_says_of_any_hour() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    drop_partition(&world, OLD).await;
    assert_eq!(world.parquet_rows(OLD).await, [""; 0]);
    let tick = world.tick(&at("2026-11-20T16")).await;
    assert_eq!((shown(&tick), tick.totals().repaired), (vec![format!("{OLD} repaired")], 1));
    assert_eq!(world.parquet_rows(OLD).await, [ROW_A]);
    assert_eq!(shown(&world.tick(&at("2026-11-20T17")).await), [""; 0], "there is nothing left to do");
}

#[tokio::test]
async fn a_dropped_database_is_back_after_one_tick() {
    let world = world().await;
    world.put_lines(OLD, "1", &[A]).await;
    world.put_lines(HOUR, "1", &[B]).await;
    world.tick(&at("2026-11-20T20")).await;
    world.glue.delete_database().name("logs").send().await.unwrap();
    let tick = world.tick(&at("2026-11-20T21")).await;
    assert_eq!(tick.failures(), [""; 0]);
    assert_eq!(world.parquet_rows(OLD).await, [ROW_A]);
    assert_eq!(world.parquet_rows(HOUR).await, [ROW_B]);
    assert_eq!(world.catalog.json_hours(hour(HOUR)..).await.unwrap(), [hour(HOUR)]);
    assert!(world.catalog.view().await.unwrap().is_some());
    check_whole(&world, "after one tick").await;
    println!("C-heal: a dropped database with its 2 hours is back after one tick");
}

#[tokio::test]
async fn a_folder_is_deleted_a_day_after_nobody_can_read_it_any_more() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A, "no line"]).await;
    world.tick(&at("2026-11-20T15")).await;
    let first = world.manifest(HOUR).await.live.unwrap();
    world.put_lines(HOUR, "2", &[B]).await;
    world.tick(&at("2026-11-20T16")).await;
    let folder = hour(HOUR).folder(&first.attempt);
    let rejected = layout::rejected_key(hour(HOUR), &first.attempt);
    let left = async || (world.keys(&folder).await.len(), world.keys(&rejected).await.len());
    world.tick("2026-11-21T16:24:59Z").await;
    assert_eq!((left().await, world.manifest(HOUR).await.retired.len()), ((1, 1), 1));
    // The partition named the other folder a minute after the commit.
    world.tick("2026-11-21T16:27:00Z").await;
    assert_eq!((left().await, world.manifest(HOUR).await.retired.len()), ((0, 0), 0));
    assert_eq!(world.parquet_rows(HOUR).await, [ROW_A, ROW_B]);
    assert_eq!(world.manifest(HOUR).await.commits, 2);
    assert_eq!(shown(&world.tick(&at("2026-11-21T17")).await), [format!("{HOUR} UpToDate")], "Glue follows");
}

#[tokio::test]
async fn a_folder_is_kept_while_glue_has_named_another_for_less_than_a_day() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    world.put_lines(HOUR, "2", &[B]).await;
    world.tick(&at("2026-11-20T16")).await;
    drop_partition(&world, HOUR).await;
    world.tick("2026-11-21T16:25:00Z").await;
    assert_eq!(world.manifest(HOUR).await.retired.len(), 1, "named again only now");
    world.ask("2026-11-22T16:26:00Z", asked()).await;
    assert_eq!(world.manifest(HOUR).await.retired.len(), 0);
}

/// A tick of a process that ends at its first write of Parquet into [`HOUR`].
async fn deadly_tick(world: &World, now: &str, name: &str) -> Option<Tick> {
    let caller = world.aws.as_caller(name);
    let deadly = format!("/{}", layout::parquet_prefix(hour(HOUR)));
    world.aws.inject(Faults::by(move |_, call| {
        let hit = call.name == "PutObject" && call.resources.iter().any(|arn| arn.contains(&deadly));
        hit.then_some(Fault::Before(Failure::End))
    }));
    let (compactor, run) = (testkit::world::compactor(&caller), std::sync::Arc::new(world.run(now)));
    tokio::select! {
        tick = compactor.tick(&run, TICK, |_, _| {}) => Some(tick.unwrap()),
        () = caller.ended() => None,
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_that_ends_the_process_starves_no_other() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.put_lines("2026-11-20T14", "1", &[B]).await;
    assert!(deadly_tick(&world, &at("2026-11-20T15"), "compactor first").await.is_none());
    assert_eq!(world.parquet_rows("2026-11-20T14").await, [""; 0], "it died before that");
    assert!(deadly_tick(&world, &at("2026-11-20T16"), "compactor second").await.is_none());
    assert_eq!(world.parquet_rows("2026-11-20T14").await, [ROW_B], "done before the deadly one");
    let (mut abandoned, mut alarms) = (2, Vec::new());
    for number in 0..100 {
        let now = hour("2026-11-20T17").start() + chrono::TimeDelta::minutes(60 * number + 25);
        match deadly_tick(&world, &now.to_rfc3339(), &format!("compactor later {number}")).await {
            Some(tick) => alarms = tick.needs_operator(),
            None => abandoned += 1,
        }
    }
    println!("C-heal: an hour killed {abandoned} of 102 hourly ticks, each after all other work");
    assert!(alarms[0].contains("runs began it and have not come back"), "{alarms:?}");
    // Every tick of the first two days, and once a day from then on.
    assert!((50..=54).contains(&abandoned), "{abandoned}");
    world.aws.inject(Faults::none());
    let tick = world.ask("2026-11-24T21:45:00Z", asked()).await;
    assert_eq!(shown(&tick), [format!("{HOUR} 1 lines, 1 rows, 0 duplicates, 0 collisions, 0 rejected")]);
    assert_eq!(world.manifest(HOUR).await.abandoned, 0);
    for day in ["27", "28", "29"] {
        world.ask(&format!("2026-11-{day}T20:00:00Z"), asked()).await;
    }
    let manifest = world.manifest(HOUR).await;
    assert_eq!((manifest.claims.len(), manifest.retired.len()), (0, 0), "what the dead left is collected");
    assert_eq!(world.parquet_rows(HOUR).await, [ROW_A]);
}

/// What Athena answers is every row that was delivered.
async fn check_whole(world: &World, when: &str) {
    assert_eq!(world.athena().await, world.delivered(), "{when}");
}

#[tokio::test]
async fn c_heal_a_week_without_ticks_is_made_up_for_by_one() {
    let world = world().await;
    let start = hour("2026-11-12T00").start();
    const HOURS: i64 = 56;
    for number in 0..HOURS {
        let at = Hour::of(start + chrono::TimeDelta::hours(number * 3)).to_string();
        world.put_lines(&at, "1", &[&format!(r#"{{"log_id":"{number}","type":"s"}}"#)]).await;
    }
    let tick = world.tick(&at("2026-11-20T15")).await;
    check_whole(&world, "after one tick").await;
    assert!(world.view_watermark().await > hour("2026-11-18T20"));
    let compacted = shown(&tick).iter().filter(|it| it.contains("1 lines, 1 rows")).count();
    assert_eq!(compacted, HOURS as usize);
    println!("C-heal: {compacted} hours of a week without ticks are compacted by one");
}

#[tokio::test]
async fn c_heal_what_was_dropped_in_glue_is_back_after_one_tick() {
    let world = world().await;
    for at in ["2026-11-18T05", "2026-11-20T13", "2026-11-20T18"] {
        world.put_lines(at, "1", &[A, B]).await;
    }
    world.tick(&at("2026-11-20T20")).await;
    check_whole(&world, "before").await;
    let mut dropped = 0;
    for partitions in [&["2026-11-18T05"][..], &["2026-11-18T05", "2026-11-20T13", "2026-11-20T18"]] {
        for hour in partitions {
            drop_partition(&world, hour).await;
            dropped += 1;
        }
        world.tick(&at("2026-11-20T20")).await;
        check_whole(&world, "partitions dropped").await;
    }
    world.glue.delete_table().database_name("logs").name(VIEW).send().await.unwrap();
    world.tick(&at("2026-11-20T20")).await;
    check_whole(&world, "view dropped").await;
    println!("C-heal: {dropped} dropped partitions and a dropped view are back after one tick each time");
}

#[tokio::test]
async fn c_rebuild_gives_the_same_bytes_from_the_record_alone() {
    let world = world().await;
    for at in ["2026-11-20T11", "2026-11-20T12", HOUR] {
        world.put_lines(at, "2", &[B, A, "no line"]).await;
        world.put_lines(at, "1", &[A, r#"{"log_id":"3","type":"f","details":{"a":1}}"#]).await;
    }
    let files = async || {
        let mut files = Vec::new();
        for key in world.files("parquet/").into_iter().chain(world.files("rejected/")) {
            files.push((
                key[..key.rfind('/').unwrap()].split("/run").next().unwrap().to_owned(),
                world.bytes(&key).await,
            ));
        }
        files
    };
    world.tick(&at("2026-11-20T20")).await;
    let before = files().await;
    assert_eq!(before.len(), 6);
    for prefix in ["parquet/", "manifests/", "rejected/"] {
        for key in world.files(prefix) {
            world.delete(&key).await;
        }
    }
    world.glue.delete_database().name("logs").send().await.unwrap();
    world.tick(&at("2026-11-20T21")).await;
    assert_eq!(files().await, before);
    check_whole(&world, "rebuilt").await;
    let bytes: usize = before.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("C-rebuild: {} files of 3 hours, {bytes} bytes, are the same from the record alone", before.len());
}

#[tokio::test]
async fn the_sweep_registers_what_lies_beyond_the_cut_before_any_hour_is_done() {
    let world = world().await;
    // The watermark waits here, and the compactor can't tell what is live.
    world.put_lines("2026-11-10T05", "1", &[A]).await;
    world.put("manifests/2026/11/10/05.json", b"broken".to_vec()).await;
    world.put_lines("2026-11-12T05", "1", &[A]).await;
    world.put_lines("2026-11-20T15", "1", &[A]).await;
    world.tick(&at("2026-11-20T15")).await;
    check_whole(&world, "an open hour, too").await;
    world.glue.delete_database().name("logs").send().await.unwrap();
    world.tick(&at("2026-11-20T15")).await;
    check_whole(&world, "between the watermark and the window").await;
}

#[tokio::test]
async fn a_key_that_is_in_no_hour_does_not_end_the_rota() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.tick(&at("2026-11-20T20")).await;
    for key in ["logs/0", "logs/2026/06/01/0", "logs/2026/06/01/04", "logs/2026/05/x"] {
        world.put(key, b"no log".to_vec()).await;
    }
    world.put_lines(OLD, "1", &[A]).await;
    assert!((1..=84).contains(&ticks_until(&world, "2026-11-20T21", &[ROW_A]).await));
}

#[tokio::test]
async fn a_broken_cut_stops_the_cut_alone() {
    let world = world().await;
    world.put("manifests/watermark.json", b"broken".to_vec()).await;
    world.put_lines(HOUR, "1", &[A]).await;
    let tick = world.tick(&at("2026-11-20T20")).await;
    assert_eq!(tick.failures().len(), 1, "{:?}", tick.failures());
    assert!(tick.failures()[0].contains("manifests/watermark.json is not ours"), "{:?}", tick.failures());
    assert_eq!(world.parquet_rows(HOUR).await, [ROW_A]);
}
