//! A range of hours: only what a visit could change is visited, and several hours at once come to the same.

use compactor::config::Limits;
use compactor::hour::plan::Rewrite;
use compactor::request::{Request, Scope};
use local_aws::seam::Faults;
use log_format::Hour;
use testkit::world::{World, hour, shown, world};

const A: &str = r#"{"log_id":"1","type":"s"}"#;
const B: &str = r#"{"log_id":"2","type":"s"}"#;
const HOURS: [&str; 4] = ["2026-11-20T05", "2026-11-20T06", "2026-11-20T08", "2026-11-21T00"];
const NOW: &str = "2026-11-21T10:00:00Z";

fn range() -> Request {
    Request::new(Scope::Range(hour("2026-11-20T00"), hour("2026-11-22T00")), false)
}

async fn filled() -> World {
    let world = world().await;
    for at in HOURS {
        world.put_lines(at, "1", &[A, B]).await;
    }
    world
}

async fn may_change(world: &World) -> Vec<String> {
    may_change_at(world, NOW).await
}

/// The hours that a visit could change.
async fn may_change_at(world: &World, now: &str) -> Vec<String> {
    let run = world.run(now);
    let found = world
        .compactor
        .may_change(hour("2026-11-20T00"), hour("2026-11-22T00"), Rewrite::No, &run.clock)
        .await
        .unwrap();
    found.iter().map(Hour::to_string).collect()
}

#[tokio::test]
async fn only_hours_that_a_visit_could_change_are_visited() {
    let world = filled().await;
    assert_eq!(may_change(&world).await, HOURS);
    assert_eq!(shown(&world.ask(NOW, range()).await).len(), 4);
    assert_eq!(may_change(&world).await, [""; 0]);
    world.aws.inject(Faults::none());
    let tick = world.ask(NOW, range()).await;
    assert_eq!(tick.totals().nothing, 4, "they are told all the same");
    let trace = world.aws.trace();
    let reads = trace.iter().filter(|it| it.call.name == "GetObject" && !it.call.to_string().contains("day.json"));
    assert_eq!(reads.count(), 4 + 1, "the manifests, to plan by, and the watermark");

    world.put_lines(HOURS[0], "late", &[A]).await;
    world.put("manifests/2026/11/20/06.json", b"broken".to_vec()).await;
    let file = world.manifest(HOURS[2]).await.live.unwrap().files[0].key.clone();
    world.delete(&file).await;
    let call = world.glue.delete_partition().database_name("logs").table_name(catalog::PARQUET);
    call.set_partition_values(Some(hour(HOURS[3]).partition_values().into())).send().await.unwrap();
    assert_eq!(may_change(&world).await, HOURS);
}

#[tokio::test]
async fn an_hour_is_visited_once_something_of_it_may_be_collected() {
    let world = filled().await;
    world.ask(NOW, range()).await;
    world.put_lines(HOURS[0], "late", &[r#"{"log_id":"3"}"#]).await;
    world.ask(NOW, range()).await;
    let retired = world.manifest(HOURS[0]).await.retired.len();
    assert_eq!((retired, may_change(&world).await), (1, vec![]), "its readers have a day");
    let later = "2026-11-22T10:02:00Z";
    assert_eq!(may_change_at(&world, later).await, [HOURS[0]]);
    world.ask(later, range()).await;
    assert_eq!(may_change_at(&world, later).await, [""; 0]);
    assert_eq!(world.manifest(HOURS[0]).await.retired, []);
}

#[tokio::test]
async fn an_hour_without_a_partition_of_its_json_is_visited() {
    let world = filled().await;
    world.ask(NOW, range()).await;
    let call = world.glue.delete_partition().database_name("logs").table_name(catalog::JSON);
    call.set_partition_values(Some(hour(HOURS[1]).partition_values().into())).send().await.unwrap();
    assert_eq!(may_change(&world).await, [HOURS[1]]);
}

/// C7, also of hours that are done side by side.
#[tokio::test]
async fn several_hours_at_once_give_what_one_after_the_other_gives() {
    let one_by_one = filled().await;
    let expected = shown(&one_by_one.ask(NOW, range()).await);
    let world = filled().await;
    let limits = Limits { hours_at_once: 3, ..Limits::default() };
    assert_eq!(shown(&world.ask_within(limits, NOW, range()).await), expected);
    for at in HOURS {
        assert_eq!(world.parquet_rows(at).await, one_by_one.parquet_rows(at).await, "{at}");
    }
    assert_eq!(world.athena().await, one_by_one.athena().await);
}
