//! Days: what is rolled up, what follows a late object, and in which order a reader sees it.

use std::sync::Arc;
use std::time::Duration;

use catalog::{DAILY, PARQUET, Pointer, VIEW};
use compactor::config::Limits;
use compactor::request::{Request, Scope};
use local_aws::seam::{Call, Failure, Fault, Faults};
use log_format::{Day, layout};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use testkit::athena::Reader;
use testkit::interleaving::{Actor, Tried, play_at_random};
use testkit::world::{BUCKET, Snapshot, TICK, Wall, World, hour, limited_compactor, shown, shown_days, world};

const A: &str = r#"{"log_id":"1","user_id":"b","type":"s"}"#;
const B: &str = r#"{"log_id":"2","user_id":"a","type":"s"}"#;
const LATE: &str = r#"{"log_id":"3","user_id":"a","type":"f"}"#;
const ROW_A: &str = "log_id=1 user_id=b type=s";
const ROW_B: &str = "log_id=2 user_id=a type=s";

/// Two hours of the first day, and one of the day after the next.
const HOURS: [&str; 3] = ["2026-11-18T05", "2026-11-18T23", "2026-11-20T00"];
const FIRST: &str = "2026-11-18";
/// The first day is due, and a reader of the view gets it from the table of days after this tick.
const ROLLED_UP: &str = "2026-11-20T02:25:00Z";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Hours with an object each, the same row in two of them, and nothing done yet.
async fn delivered() -> World {
    let world = world().await;
    for (at, lines) in HOURS.into_iter().zip([&[A, B], &[A, B], &[B, A]]) {
        world.put_lines(at, "1", lines).await;
    }
    world
}

/// The first day rolled up, and on the view from the table of days.
async fn rolled_up() -> World {
    let world = delivered().await;
    world.tick(ROLLED_UP).await;
    assert_eq!(world.view_day().await, Some(day(FIRST)));
    world
}

/// Every row is seen, from wherever the view takes it.
async fn check_whole(world: &World, when: &str) {
    assert_eq!(world.athena().await, world.delivered(), "{when}");
    world.check_folders(when);
}

#[tokio::test]
async fn a_day_is_rolled_up_when_it_has_settled_and_then_the_view_reads_it() {
    let world = delivered().await;
    let early = world.tick("2026-11-20T01:25:00Z").await;
    assert_eq!((shown_days(&early), world.view_day().await), (vec![], None));
    let tick = world.tick(ROLLED_UP).await;
    assert_eq!(shown_days(&tick), ["2026-11-18 4 lines, 4 rows, 0 duplicates, 0 collisions, 0 rejected"]);
    assert_eq!(world.view_day().await, Some(day(FIRST)));
    assert_eq!((tick.watermark.unwrap().unwrap().days_behind, world.days().await), (0, vec![day(FIRST)]));
    check_whole(&world, "rolled up").await;
    // A row that came in two hours is in the day twice.
    let rows = &world.athena().await;
    assert_eq!([HOURS[0], HOURS[1]].map(|at| rows[&hour(at)].clone()), [[ROW_A, ROW_B], [ROW_A, ROW_B]]);
    let idle = world.tick("2026-11-20T03:25:00Z").await;
    assert_eq!((shown_days(&idle), idle.failures()), (vec![], vec![]));
    // A day without hours announces itself too.
    let tick = world.tick("2026-11-21T02:25:00Z").await;
    assert_eq!(shown_days(&tick), ["2026-11-19 0 lines, 0 rows, 0 duplicates, 0 collisions, 0 rejected"]);
    assert_eq!(world.view_day().await, Some(day("2026-11-19")));
    check_whole(&world, "with an empty day").await;
}

/// Which tables' partitions a tick writes, in order.
fn published(world: &World) -> Vec<String> {
    let of =
        |call: &Call| [PARQUET, DAILY].into_iter().find(|table| call.resources.iter().any(|it| it.ends_with(table)));
    let writes = world.aws.trace().into_iter().filter(|it| it.call.name.ends_with("datePartition"));
    writes.filter_map(|it| of(&it.call).map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_late_object_is_in_its_day_before_its_hour_is_published() {
    let world = rolled_up().await;
    let mut reader = Reader::default();
    reader.look(&world, String::new).await;
    world.put_lines(HOURS[0], "late", &[LATE]).await;
    world.aws.inject(Faults::none());
    let tick = world.tick("2026-11-20T03:25:00Z").await;
    assert_eq!(shown(&tick)[0], "2026-11-18T05 3 lines, 3 rows, 0 duplicates, 0 collisions, 0 rejected");
    assert_eq!(shown_days(&tick), ["2026-11-18 5 lines, 5 rows, 0 duplicates, 0 collisions, 0 rejected"]);
    assert_eq!(published(&world), [DAILY, PARQUET]);
    assert_eq!((tick.failures(), tick.totals().deferred), (vec![], 0));
    check_whole(&world, "with the late object").await;
    reader.look_and_lose_nothing(&world, String::new).await;
}

#[tokio::test]
async fn an_hour_waits_while_its_day_cannot_be_rolled_up() {
    let world = rolled_up().await;
    let before = world.athena().await;
    world.put_lines(HOURS[0], "late", &[LATE]).await;
    // Nothing is written below the day's folder.
    world.aws.inject(Faults::by(|_, call| {
        let of_day = call.resources.iter().any(|it| it.contains("/daily/2026/11/18/"));
        (of_day && call.name == "PutObject").then_some(Fault::Before(Failure::Internal))
    }));
    let tick = world.tick("2026-11-20T03:25:00Z").await;
    let failures = tick.failures();
    assert!(failures.iter().any(|it| it.starts_with("2026-11-18 failed: failed to write s3://")), "{failures:?}");
    assert!(failures.iter().any(|it| it.starts_with("2026-11-18T05 waits: ")), "{failures:?}");
    assert_eq!(shown(&tick)[0], "2026-11-18T05 behind its day");
    assert_eq!((tick.totals().failed, tick.totals().counts.rows), (1, 3), "told, and counted all the same");
    assert_eq!(world.athena().await, before, "the hour's partition and the day's stay as they were");
    world.aws.inject(Faults::none());
    // The attempt was withdrawn, so the next tick tries again.
    world.tick("2026-11-20T04:25:00Z").await;
    check_whole(&world, "later").await;
}

#[tokio::test]
async fn what_somebody_drops_is_back_after_one_tick() {
    let world = rolled_up().await;
    let drop = world.glue.delete_partition().database_name("logs").table_name(DAILY);
    drop.partition_values(FIRST).send().await.unwrap();
    world.tick("2026-11-20T03:25:00Z").await;
    check_whole(&world, "the day's partition was dropped").await;
    world.glue.delete_table().database_name("logs").name(VIEW).send().await.unwrap();
    world.tick("2026-11-20T04:25:00Z").await;
    assert_eq!(world.view_day().await, Some(day(FIRST)));
    check_whole(&world, "the view was dropped").await;
    world.glue.delete_table().database_name("logs").name(DAILY).send().await.unwrap();
    world.tick("2026-11-20T05:25:00Z").await;
    check_whole(&world, "the table of days was dropped").await;
    world.delete(&layout::day_manifest_key(day(FIRST))).await;
    world.tick("2026-11-20T06:25:00Z").await;
    assert_eq!(world.athena().await, world.delivered(), "the day's manifest was lost");
    for key in world.keys("daily/2026/11/18/").await {
        world.delete(&key).await;
    }
    world.tick("2026-11-20T07:25:00Z").await;
    check_whole(&world, "the day's files were deleted").await;
    world.glue.delete_database().name("logs").send().await.unwrap();
    for now in ["2026-11-20T08:25:00Z", "2026-11-20T09:25:00Z"] {
        world.tick(now).await;
    }
    assert_eq!(world.view_day().await, Some(day(FIRST)));
    check_whole(&world, "the database was dropped").await;
}

#[tokio::test]
async fn an_hour_that_lost_its_manifest_does_not_leave_the_day() {
    let world = rolled_up().await;
    world.delete(&layout::manifest_key(hour(HOURS[0]))).await;
    let request = Request::new(Scope::Day(day(FIRST)), true);
    let tick = world.ask("2026-11-20T03:25:00Z", request).await;
    let lost = "2026-11-18 deferred: the manifest of 2026-11-18T05 is lost";
    assert!(shown_days(&tick)[0].starts_with(lost), "{:?}", shown_days(&tick));
    assert!(tick.needs_operator()[0].starts_with("2026-11-18 needs an operator"), "{:?}", tick.needs_operator());
    assert_eq!(world.athena().await, world.delivered(), "as before");
    // Its partition has no manifest, so a tick visits the hour, and the day follows.
    let tick = world.tick("2026-11-20T04:25:00Z").await;
    assert_eq!((tick.needs_operator(), tick.failures()), (vec![], vec![]));
    assert!(world.manifest(HOURS[0]).await.live.is_some());
    assert_eq!(world.athena().await, world.delivered());
}

/// Its rows are seen from its partition, and would be gone once the view took its day from the table of days.
#[tokio::test]
async fn a_day_is_not_begun_without_an_hour_whose_manifest_is_lost() {
    let world = delivered().await;
    world.tick("2026-11-20T01:25:00Z").await;
    let before = world.athena().await;
    world.delete(&layout::manifest_key(hour(HOURS[0]))).await;
    world.delete(&format!("{}1.gz", layout::json_prefix(hour(HOURS[0])))).await;
    let tick = world.tick(ROLLED_UP).await;
    assert!(tick.needs_operator()[0].starts_with("2026-11-18 needs an operator: the manifest of"), "{tick:?}");
    assert_eq!((world.view_day().await, world.athena().await), (None, before));
}

#[tokio::test]
async fn a_damaged_file_of_an_hour_is_told() {
    let world = delivered().await;
    world.tick("2026-11-20T01:25:00Z").await;
    let file = world.manifest(HOURS[0]).await.live.unwrap().files[0].clone();
    world.put(&file.key, vec![0; file.size as usize]).await;
    let failures = world.tick(ROLLED_UP).await.failures();
    let told =
        "2026-11-18 failed: a Parquet file of an hour of 2026-11-18 is missing or damaged; `verify --repair` names it";
    assert!(failures[0].starts_with(told), "{failures:?}");
}

#[tokio::test]
async fn a_partition_of_no_day_of_ours_is_deleted() {
    let world = rolled_up().await;
    let elsewhere = Pointer { location: "s3://acme-logs/parquet/2026/11/18/05/x/".to_owned(), ..Pointer::default() };
    assert!(world.catalog.create_pointer(day("2026-11-01"), &elsewhere, Duration::from_secs(60)).await.unwrap());
    let tick = world.tick("2026-11-20T03:25:00Z").await;
    assert_eq!((world.days().await, tick.definitions.repaired), (vec![day(FIRST)], 1));
}

/// S3 forgets the parts of a day's file that is not to be finished, and the next tick writes all of it.
#[tokio::test]
async fn a_day_s_file_that_cannot_be_finished_is_forgotten() {
    let world = world().await;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut noise = || (0..1250).map(|_| format!("{:08x}", random.next_u32())).collect::<String>();
    let lines: Vec<String> =
        (0..2000).map(|number| format!(r#"{{"log_id":"{number}","details":"{}"}}"#, noise())).collect();
    world.put_lines(HOURS[0], "1", &lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.aws.inject(Faults::by(|_, call| {
        let last = call.name == "CompleteMultipartUpload" && call.resources.iter().any(|it| it.contains("/daily/"));
        last.then_some(Fault::Before(Failure::Internal))
    }));
    let failures = world.tick(ROLLED_UP).await.failures();
    assert!(failures[0].contains("failed to complete s3://acme-logs/daily/"), "{failures:?}");
    world.aws.inject(Faults::none());
    let unfinished = world.s3.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(unfinished.uploads().len(), 0);
    world.tick("2026-11-20T03:25:00Z").await;
    assert_eq!(world.view_day().await, Some(day(FIRST)));
    check_whole(&world, "in the end").await;
}

#[tokio::test]
async fn an_erasure_goes_through_the_day() {
    let world = rolled_up().await;
    world.delete(&format!("{}1.gz", layout::json_prefix(hour(HOURS[0])))).await;
    let erase = Request::new(Scope::Hour(hour(HOURS[0])), true);
    let tick = world.ask("2026-11-20T03:25:00Z", erase).await;
    assert_eq!(shown_days(&tick), ["2026-11-18 2 lines, 2 rows, 0 duplicates, 0 collisions, 0 rejected"]);
    assert_eq!(world.athena().await, world.delivered());
    let folders = async || {
        let keys = world.keys("daily/2026/11/18/").await;
        keys.iter().map(|key| key.split('/').nth(4).unwrap().to_owned()).collect::<std::collections::BTreeSet<String>>()
    };
    assert_eq!(folders().await.len(), 2, "running queries may read the former one");
    world.tick("2026-11-21T03:27:00Z").await;
    assert_eq!(folders().await.len(), 1, "a day later it is deleted");
    check_whole(&world, "in the end").await;
}

/// Nothing but the day and the partition tells that the hour was ever there.
#[tokio::test]
async fn an_erasure_goes_through_the_day_if_the_manifest_is_lost_too() {
    let world = rolled_up().await;
    world.delete(&format!("{}1.gz", layout::json_prefix(hour(HOURS[0])))).await;
    world.delete(&layout::manifest_key(hour(HOURS[0]))).await;
    world.tick("2026-11-20T03:25:00Z").await;
    let erase = Request::new(Scope::Hour(hour(HOURS[0])), true);
    let tick = world.ask("2026-11-20T03:26:00Z", erase).await;
    assert_eq!(shown(&tick), [format!("{} 0 lines, 0 rows, 0 duplicates, 0 collisions, 0 rejected", HOURS[0])]);
    assert_eq!(shown_days(&tick), ["2026-11-18 2 lines, 2 rows, 0 duplicates, 0 collisions, 0 rejected"]);
    assert_eq!(world.athena().await, world.delivered());
    let nowhere = world.ask("2026-11-20T03:27:00Z", Request::new(Scope::Hour(hour("2026-11-17T05")), true)).await;
    assert_eq!((shown(&nowhere), world.keys("manifests/2026/11/17/05").await), (vec![], vec![]));
    check_whole(&world, "in the end").await;
    world.ask("2026-11-21T03:29:00Z", Request::new(Scope::Hour(hour(HOURS[0])), false)).await;
    assert_eq!(world.keys(&layout::parquet_prefix(hour(HOURS[0]))).await, [""; 0], "a day later its rows are deleted");
}

#[tokio::test]
async fn a_named_day_is_rolled_up_again() {
    let world = rolled_up().await;
    let attempt = async || {
        world.compactor.manifest(day(FIRST), &world.run(ROLLED_UP).clock).await.unwrap().unwrap().live.unwrap()
    };
    let before = attempt().await;
    let tick = world.ask("2026-11-20T03:25:00Z", Request::new(Scope::Day(day(FIRST)), false)).await;
    assert_eq!(shown_days(&tick), ["2026-11-18 UpToDate"]);
    let tick = world.ask("2026-11-20T03:26:00Z", Request::new(Scope::Day(day(FIRST)), true)).await;
    assert_eq!(shown_days(&tick), ["2026-11-18 4 lines, 4 rows, 0 duplicates, 0 collisions, 0 rejected"]);
    let after = attempt().await;
    let bytes = |files: &[projection::manifest::File]| files.iter().map(|it| it.sha256.clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&before.files), bytes(&after.files), "the same hours give the same bytes (C7)");
    assert_ne!(before.attempt, after.attempt);
    let open = world.ask("2026-11-20T03:27:00Z", Request::new(Scope::Day(day("2026-11-20")), true)).await;
    assert_eq!(shown_days(&open), ["2026-11-20 Open"]);
    check_whole(&world, "again").await;
}

#[tokio::test]
async fn without_the_table_of_days_none_is_begun_and_those_there_are_kept_up() {
    let off = || Limits { daily_table: false, ..Limits::default() };
    let world = delivered().await;
    world.ask_within(off(), ROLLED_UP, TICK).await;
    assert_eq!((world.view_day().await, world.days().await), (None, vec![]));
    world.tick("2026-11-20T03:25:00Z").await;
    assert_eq!(world.view_day().await, Some(day(FIRST)));
    world.put_lines(HOURS[1], "late", &[LATE]).await;
    world.ask_within(off(), "2026-11-20T04:25:00Z", TICK).await;
    world.ask_within(off(), "2026-11-21T02:25:00Z", TICK).await;
    assert_eq!((world.view_day().await, world.days().await), (Some(day(FIRST)), vec![day(FIRST)]));
    check_whole(&world, "kept up").await;
}

/// The view takes the days up to its own from the table of days alone.
#[tokio::test]
async fn an_hour_of_a_day_that_the_view_has_passed_is_seen_at_once() {
    let old = "2024-02-03T04";
    let off = || Limits { daily_table: false, ..Limits::default() };
    let named = || Request::new(Scope::Hour(hour(old)), false);
    let world = rolled_up().await;
    world.put_lines(old, "1", &[A]).await;
    let tick = world.ask("2026-11-20T03:25:00Z", named()).await;
    assert_eq!(shown_days(&tick), ["2024-02-03 1 lines, 1 rows, 0 duplicates, 0 collisions, 0 rejected"]);
    check_whole(&world, "an hour that was named").await;
    let range = Request::new(Scope::Range(hour("2024-02-04T00"), hour("2024-02-04T07")), false);
    world.put_lines("2024-02-04T05", "1", &[B]).await;
    world.ask_within(off(), "2026-11-20T03:35:00Z", range).await;
    check_whole(&world, "a range, and no day is begun").await;
    // The years between have no hours, and are passed over.
    assert_eq!(world.days().await, ["2024-02-03", "2024-02-04", FIRST].map(day));
}

#[tokio::test]
async fn years_are_rolled_up_oldest_first() {
    let world = world().await;
    let first = day("2026-09-01");
    for day in first.until(day("2026-11-18")).step_by(3) {
        world.put_lines(&day.first().after(7).to_string(), "1", &[A]).await;
    }
    let range = Request::new(Scope::Range(first.first(), hour("2026-11-19T00")), false);
    let progress = std::sync::Mutex::new(Vec::new());
    let run = Arc::new(world.run("2026-11-20T02:25:00Z"));
    let tick = world.compactor.tick(&run, range, |done, all| progress.lock().unwrap().push((done, all))).await.unwrap();
    // Seventeen days with hours, and then every day of the last 31.
    assert_eq!(tick.day_totals().compacted, 17 + 30, "{:?}", tick.failures());
    assert_eq!(tick.days.keys().next(), Some(&first));
    assert_eq!(world.view_day().await, Some(day(FIRST)));
    let progress = progress.into_inner().unwrap();
    assert!(progress.contains(&(46, 47)) && progress.contains(&(47, 47)), "{progress:?}");
    check_whole(&world, "all of them").await;
}

/// Days that settle in two hours, so that one tick has all of it to do.
fn soon() -> Limits {
    Limits { day_lag_hours: 2, ..Limits::default() }
}

/// A folder of one day is to be deleted, another day has a late object, a third is to be begun, and the view is to move on.
async fn prepared() -> Snapshot {
    let world = world().await;
    for at in ["2026-11-17T20", HOURS[0], HOURS[1], "2026-11-19T07", HOURS[2]] {
        world.put_lines(at, "1", &[A, B]).await;
        world.catalog.ensure_json_partition(hour(at)).await.unwrap();
    }
    world.ask_within(soon(), "2026-11-18T03:25:00Z", TICK).await;
    world.put_lines("2026-11-17T20", "late", &[LATE]).await;
    for now in ["2026-11-18T04:25:00Z", "2026-11-19T03:25:00Z"] {
        world.ask_within(soon(), now, TICK).await;
    }
    assert_eq!(world.view_day().await, Some(day(FIRST)));
    world.put_lines(HOURS[0], "late", &[LATE]).await;
    Snapshot::of(world)
}

const CRASH: &str = "2026-11-20T04:25:00Z";
const AFTER: [&str; 2] = ["2026-11-20T04:45:00Z", "2026-11-20T05:25:00Z"];

/// Runs the tick with a fault at its `number`-th call.
async fn crash(world: &World, number: u64, fault: Fault) {
    let process = world.aws.as_caller("compactor crashing");
    world.aws.inject(Faults::listed([(number, fault)]));
    let (compactor, run) = (limited_compactor(&process, soon()), Arc::new(world.run(CRASH)));
    tokio::select! {
        _ = compactor.tick(&run, TICK, |_, _| {}) => {}
        () = process.ended() => {}
    }
}

#[tokio::test(start_paused = true)]
async fn c_crash_a_tick_with_days_may_end_at_every_call() {
    let snapshot = prepared().await;
    let whole = snapshot.world();
    crash(&whole, 0, Fault::Torn).await;
    let trace: Vec<String> = whole.aws.trace().iter().map(ToString::to_string).collect();
    for wanted in ["DeleteObject", "daily/2026/11/19/", "manifests/2026/11/18/day.json", "UpdateTable"] {
        assert!(trace.iter().any(|call| call.contains(wanted)), "the tick has no {wanted}: {trace:#?}");
    }
    let faults = [Fault::Before(Failure::End), Fault::After(Failure::End), Fault::After(Failure::Reset)];
    let mut points = 0;
    for (number, call) in (1..).zip(&trace) {
        for fault in &faults {
            let (world, when) = (snapshot.world(), format!("{call} {fault}"));
            let mut reader = Reader::default();
            reader.look(&world, || when.clone()).await;
            crash(&world, number, fault.clone()).await;
            reader.look_and_lose_nothing(&world, || when.clone()).await;
            world.check_folders(&when);
            world.aws.inject(Faults::none());
            for now in AFTER {
                world.ask_within(soon(), now, TICK).await;
                reader.look_and_lose_nothing(&world, || format!("{when}, {now}")).await;
            }
            check_whole(&world, &format!("{when}: in the end")).await;
            assert_eq!(world.view_day().await, Some(day("2026-11-19")), "{when}");
            points += 1;
        }
    }
    assert_eq!(points, trace.len() * faults.len());
    println!("C-crash: {points} points, {} calls of a tick with days x {} ways to fail", trace.len(), faults.len());
}

/// Ticks that began twenty minutes after one another, their calls in an order of chance, a reader after each.
#[tokio::test(start_paused = true)]
async fn c_race_ticks_with_days_at_random() {
    const SCHEDULES: u64 = 40;
    let (snapshot, mut tried) = (prepared().await, Tried::default());
    for seed in 0..SCHEDULES {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let world = snapshot.world();
        let run = |number: u64| {
            Wall::at(&format!("2026-11-20T04:{:02}:00Z", 25 + 16 * number)).run(&format!("racer{number}"))
        };
        let actors = (0..2 + seed % 2).map(|number| Actor::Tick(run(number), soon())).collect();
        tried.add(&play_at_random(&world, hour(HOURS[0]), actors, |below| random.next_u32() as usize % below).await);
        world.check_folders(&format!("seed {seed}"));
        for now in ["2026-11-20T05:25:00Z", "2026-11-20T06:25:00Z"] {
            world.ask_within(soon(), now, TICK).await;
        }
        check_whole(&world, &format!("seed {seed}: in the end")).await;
        assert_eq!(world.view_day().await, Some(day("2026-11-19")), "seed {seed}");
    }
    println!("C-race: two and three ticks with days: at random, {tried}");
}
