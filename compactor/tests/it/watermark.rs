//! How the view's watermark moves, against the embedded AWS.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use compactor::config::Limits;
use compactor::request::{Request, Scope};
use compactor::tick::Tick;
use compactor::watermark::{WatermarkError, WatermarkStatus};
use local_aws::seam::{Failure, Fault, Faults};
use log_format::Hour;
use testkit::world::{HOUR, TICK, World, hour, limited_compactor, shown, world};
use tokio::time::{Duration, sleep};

const A: &str = r#"{"log_id":"1","type":"s"}"#;

async fn check(world: &World, now: &str, watermark: &str) {
    let tick = world.tick(now).await;
    assert_eq!(tick.watermark.unwrap().unwrap().watermark, hour(watermark), "at {now}");
    assert_eq!(world.view_watermark().await.to_string(), watermark, "at {now}");
}

/// The first call that has this in it gets no answer.
fn silent_once(part: &'static str) -> Faults {
    let silent = AtomicBool::new(true);
    Faults::by(move |_, call| {
        let hit = call.to_string().contains(part) && silent.swap(false, Ordering::Relaxed);
        hit.then_some(Fault::Before(Failure::Silence))
    })
}

#[tokio::test]
async fn stays_its_lag_behind_the_clock() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    check(&world, "2026-11-20T14:20:00Z", "2026-11-20T10").await;
    check(&world, "2026-11-20T15:20:00Z", "2026-11-20T11").await;
    check(&world, "2026-11-20T17:20:00Z", "2026-11-20T13").await;
}

#[tokio::test]
async fn waits_at_an_hour_that_parquet_does_not_hold_whole() {
    let world = world().await;
    world.put_lines("2026-11-20T08", "1", &[A]).await;
    world.put("manifests/2026/11/20/08.json", b"broken".to_vec()).await;
    world.put_lines(HOUR, "1", &[A]).await;
    let tick = world.tick("2026-11-20T20:20:00Z").await;
    let waits = WatermarkStatus {
        watermark: hour("2026-11-20T07"),
        blocked_by: Some(hour("2026-11-20T08")),
        behind: 9,
        day: None,
        days_behind: 0,
        repaired_view: false,
    };
    assert_eq!(tick.watermark.unwrap().unwrap(), waits);
    check(&world, "2026-11-20T20:22:00Z", "2026-11-20T07").await;
    world.delete("manifests/2026/11/20/08.json").await;
    let tick = world.tick("2026-11-20T20:25:00Z").await;
    assert_eq!(
        tick.watermark.unwrap().unwrap(),
        WatermarkStatus {
            watermark: hour("2026-11-20T16"),
            blocked_by: None,
            behind: 0,
            day: None,
            days_behind: 0,
            repaired_view: false,
        }
    );
}

#[tokio::test]
async fn passes_hours_older_than_the_look_back_once_the_backlog_is_done() {
    let world = world().await;
    world.put_lines("2026-11-01T05", "1", &[A]).await;
    world.put_lines("2026-11-01T06", "1", &[A]).await;
    check(&world, "2026-11-20T20:20:00Z", "2026-11-20T16").await;
    assert_eq!(world.parquet_rows("2026-11-01T05").await, ["log_id=1 type=s"]);
}

/// The watermark's own object and not the view is what it is read from, and neither goes back.
#[tokio::test]
async fn never_goes_back() {
    let world = world().await;
    check(&world, "2026-11-20T20:20:00Z", "2026-11-20T16").await;
    world.put_lines(HOUR, "1", &[A]).await;
    check(&world, "2026-11-20T20:10:00Z", "2026-11-20T16").await;
    world.glue.delete_table().database_name("logs").name(catalog::VIEW).send().await.unwrap();
    check(&world, "2026-11-20T20:25:00Z", "2026-11-20T16").await;
}

/// A lost watermark is where the view has it: the JSON may lack what Parquet has (C8).
#[tokio::test]
async fn a_lost_cut_is_taken_from_the_view() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    check(&world, "2026-11-20T20:20:00Z", "2026-11-20T16").await;
    world.delete("logs/2026/11/20/13/1.gz").await;
    world.put_lines(HOUR, "2", &[r#"{"log_id":"2","type":"s"}"#]).await;
    world.delete("manifests/watermark.json").await;
    check(&world, "2026-11-20T21:20:00Z", "2026-11-20T17").await;
    assert_eq!(world.athena().await[&hour(HOUR)], ["log_id=1 type=s"]);
}

/// An object that came since the listing is seen from JSON, and must not vanish from the view because the watermark moves.
#[tokio::test(start_paused = true)]
async fn neither_cut_nor_view_follows_a_listing_of_long_ago() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    check(&world, "2026-11-20T15:20:00Z", "2026-11-20T11").await;
    // The listing itself, from the watermark on; then the write of the watermark.
    for (call, watermark) in
        [("start-after=logs/2026/11/20/12/", "2026-11-20T11"), ("watermark.json if-match", "2026-11-20T16")]
    {
        world.aws.inject(silent_once(call));
        let tick = world.tick("2026-11-20T20:20:00Z").await;
        assert!(matches!(tick.watermark, Some(Err(WatermarkError::Stale))), "{call}: {:?}", tick.watermark);
        assert_eq!(world.view_watermark().await.to_string(), "2026-11-20T11", "{call}");
        let stored = String::from_utf8(world.bytes("manifests/watermark.json").await).unwrap();
        assert!(stored.contains(&format!(r#""watermark": "{watermark}""#)), "{call}: {stored}");
    }
    world.aws.inject(Faults::none());
    check(&world, "2026-11-20T20:25:00Z", "2026-11-20T16").await;
}

/// The years of an adopted bucket, or the weeks of an outage: no step takes long, and none is lost.
#[tokio::test(start_paused = true)]
async fn goes_over_many_hours_step_by_step() {
    let world = world().await;
    let hours: Vec<Hour> = hour("2026-11-01T00").until(hour("2026-11-08T06")).collect();
    for hour in &hours {
        world.put_lines(&hour.to_string(), "1", &[A]).await;
    }
    world.aws.inject(silent_once("start-after=logs/2026/11/08/00/"));
    let tick = world.tick("2026-11-20T20:20:00Z").await;
    assert!(matches!(tick.watermark, Some(Err(WatermarkError::Stale))), "{:?}", tick.watermark);
    assert_eq!(world.view_watermark().await.to_string(), "2026-11-07T23", "what the first step gained");
    check(&world, "2026-11-20T20:25:00Z", "2026-11-20T16").await;
}

/// Beyond the hour that it waits for there may be years that nobody has compacted.
#[tokio::test]
async fn lists_no_further_than_the_hour_that_it_blocked_by() {
    let world = world().await;
    let large = vec![b'x'; 2 << 20];
    world.put_lines("2026-11-20T08", "1", &[A]).await;
    world.put("logs/2026/11/20/09/1.gz", large.clone()).await;
    for number in 0..1200 {
        world.put(&format!("logs/2026/11/20/10/{number:04}.gz"), Vec::new()).await;
    }
    world.put("logs/2026/11/20/10/large.gz", large).await;
    world.aws.inject(Faults::none());
    let limits = Limits { memory_bytes_max: 1 << 20, ..Limits::default() };
    let tick = world.ask_within(limits, "2026-11-20T20:20:00Z", TICK).await;
    let waits = WatermarkStatus {
        watermark: hour("2026-11-20T08"),
        blocked_by: Some(hour("2026-11-20T09")),
        behind: 8,
        day: None,
        days_behind: 0,
        repaired_view: false,
    };
    assert_eq!(tick.watermark.unwrap().unwrap(), waits);
    let trace = world.aws.trace().into_iter().map(|it| it.call.to_string());
    let mut listings: Vec<String> = trace.filter(|call| call.contains("ListObjectsV2")).collect();
    // The last are of manifests, for the days, and of what came meanwhile.
    for prefix in ["logs/", "manifests/"] {
        assert!(listings.pop().unwrap().contains(&format!("prefix={prefix}")));
    }
    let manifests = listings.iter().rposition(|call| call.contains("prefix=manifests/")).unwrap();
    assert_eq!(listings.len() - manifests, 2, "the first page is all that follows: {listings:#?}");
}

#[tokio::test]
async fn a_name_that_is_taken_stops_the_view_and_nothing_else() {
    let world = world().await;
    let theirs = aws_sdk_glue::types::TableInput::builder().name(catalog::VIEW).build().unwrap();
    world.glue.create_table().database_name("logs").table_input(theirs).send().await.unwrap();
    world.put_lines(HOUR, "1", &[A]).await;
    let tick = world.tick("2026-11-20T20:20:00Z").await;
    let failures = tick.failures();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].contains("logs.auth0_logs is a table that is not ours"), "{failures:?}");
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=1 type=s"]);
}

/// A run that died between the watermark and the view must not make a later one show less.
#[tokio::test]
async fn the_view_follows_only_as_far_as_parquet_has_what_it_shows() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    check(&world, "2026-11-20T15:20:00Z", "2026-11-20T11").await;
    world.put("manifests/watermark.json", br#"{"watermark":"2026-11-20T16"}"#.to_vec()).await;
    world.put_lines(HOUR, "2", &[r#"{"log_id":"2","type":"s"}"#]).await;
    let before = world.athena().await;
    assert_eq!(before[&hour(HOUR)].len(), 2, "shown from JSON");
    let claimed = world.manifest(HOUR).await.claimed("other", "2026-11-20T20:19:00Z".parse().unwrap());
    world.put("manifests/2026/11/20/13.json", claimed.to_json().unwrap()).await;
    let tick = world.tick("2026-11-20T20:20:00Z").await;
    assert_eq!(
        tick.watermark.unwrap().unwrap().watermark,
        hour("2026-11-20T12"),
        "another run is at work on the hour after it"
    );
    assert_eq!(world.athena().await, before);
    check(&world, "2026-11-20T21:20:00Z", "2026-11-20T17").await;
    assert_eq!(world.athena().await, before);
}

/// A run died between the watermark and the view, an object came that the view showed, and then the view was dropped.
#[tokio::test]
async fn a_view_made_anew_shows_what_the_dropped_one_showed() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    check(&world, "2026-11-20T15:20:00Z", "2026-11-20T11").await;
    world.aws.inject(Faults::by(|_, call| (call.name == "UpdateTable").then_some(Fault::Before(Failure::Internal))));
    let tick = world.tick("2026-11-20T20:20:00Z").await;
    assert!(matches!(tick.watermark, Some(Err(WatermarkError::Catalog(_)))), "{:?}", tick.watermark);
    world.aws.inject(Faults::none());
    world.put_lines(HOUR, "2", &[r#"{"log_id":"2","type":"s"}"#]).await;
    let before = world.athena().await;
    assert_eq!(before[&hour(HOUR)].len(), 2, "shown from JSON");
    world.glue.delete_table().database_name("logs").name(catalog::VIEW).send().await.unwrap();
    let claimed = world.manifest(HOUR).await.claimed("other", "2026-11-20T20:19:00Z".parse().unwrap());
    world.put("manifests/2026/11/20/13.json", claimed.to_json().unwrap()).await;
    world.tick("2026-11-20T20:25:00Z").await;
    assert_eq!(world.athena().await, before, "another run is at work on the hour");
    check(&world, "2026-11-20T21:20:00Z", "2026-11-20T17").await;
    assert_eq!(world.athena().await, before);
}

/// Has a run move the watermark up to its last closed hour, and `puts` something between its last listing and the view.
async fn overtaken(world: &World, now: &str, request: Request, puts: impl AsyncFn()) -> Tick {
    let is_write = |name: &str| matches!(name, "CreateTable" | "UpdateTable");
    let gates = world.aws.hold_if(move |call| &*call.caller == "compactor" && is_write(&call.name));
    let limits = Limits { watermark_lag_hours: 0, ..Limits::default() };
    let compactor = limited_compactor(&world.aws.as_caller("compactor"), limits);
    let run = Arc::new(world.run(now));
    let tick = tokio::spawn(async move { compactor.tick(&run, request, |_, _| {}).await.unwrap() });
    while gates.held().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    puts().await;
    drop(gates);
    tick.await.unwrap()
}

/// Objects that come while the watermark passes: into an hour that has been compacted, and into one that had nothing. The view
/// would show neither, and is put right by the same run.
#[tokio::test]
async fn what_comes_while_the_watermark_passes_is_compacted_by_the_same_run() {
    const EMPTY: &str = "2026-11-20T12";
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    let tick = overtaken(&world, "2026-11-20T14:25:00Z", TICK, async || {
        world.put_lines(HOUR, "2", &[r#"{"log_id":"2","type":"s"}"#]).await;
        world.put_lines(EMPTY, "1", &[r#"{"log_id":"3","type":"s"}"#]).await;
    });
    let expected = [
        format!("{EMPTY} 1 lines, 1 rows, 0 duplicates, 0 collisions, 0 rejected"),
        format!("{HOUR} 2 lines, 2 rows, 0 duplicates, 0 collisions, 0 rejected"),
    ];
    assert_eq!(shown(&tick.await), expected);
    assert_eq!((world.view_watermark().await, world.athena().await), (hour(HOUR), world.delivered()));
}

/// A person erases one hour. An object comes into another that has lost one, of which nobody has said that it may shrink.
#[tokio::test]
async fn an_hour_that_the_watermark_overtook_does_not_shrink_because_another_may() {
    const OTHER: &str = "2026-11-20T12";
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.put_lines(OTHER, "1", &[r#"{"log_id":"2","type":"s"}"#]).await;
    world.tick("2026-11-20T14:25:00Z").await;
    world.delete("logs/2026/11/20/12/1.gz").await;
    let erase = Request::new(Scope::Hour(hour(HOUR)), true);
    let tick = overtaken(&world, "2026-11-20T14:26:00Z", erase, async || {
        world.put_lines(OTHER, "2", &[r#"{"log_id":"3","type":"s"}"#]).await;
    });
    let tick = tick.await;
    assert!(tick.needs_operator()[0].contains("1 objects that its Parquet holds rows of are gone"), "{tick:?}");
    assert_eq!(world.parquet_rows(OTHER).await, ["log_id=2 type=s"]);
}
