//! C-race: several compactors on one hour, and an object that comes between them.

use std::sync::atomic::{AtomicU32, Ordering};

use fixtures::gzip;
use local_aws::seam::{Failure, Fault, Faults};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use testkit::interleaving::{Actor, Tried, explore, play_at_random};
use testkit::world::{HOUR, Snapshot, Wall, World, hour, world};

const A: &str = r#"{"log_id":"1","type":"s"}"#;
const B: &str = r#"{"log_id":"2","type":"s"}"#;
const C: &str = r#"{"log_id":"3","type":"s"}"#;
const ROWS: [&str; 3] = ["log_id=1 type=s", "log_id=2 type=s", "log_id=3 type=s"];

/// The hour with one object; if `compacted`, that is live, the view has it from Parquet, and another has come.
async fn prepared(compacted: bool) -> Snapshot {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    world.catalog.ensure_json_partition(hour(HOUR)).await.unwrap();
    if compacted {
        world.tick_without_lag("2026-11-20T14:25:00Z").await;
        assert_eq!(world.view_watermark().await, hour(HOUR));
        world.put_lines(HOUR, "2", &[B]).await;
    }
    Snapshot::of(world)
}

/// Runs that began twenty minutes after one another, so that none takes another's claim for that of a run at work.
fn compactors(count: usize) -> Vec<Actor> {
    let run = |number: usize| {
        let minutes = 25 + 20 * number;
        let now = format!("2026-11-20T{}:{:02}:00Z", 15 + minutes / 60, minutes % 60);
        Actor::Compactor(Wall::at(&now).run(&format!("racer{number}")))
    };
    (0..count).map(run).collect()
}

fn writer() -> Actor {
    Actor::Writer { key: "logs/2026/11/20/13/3.gz".to_owned(), body: gzip(format!("{C}\n")) }
}

/// What is published is whole and of one folder; and one more tick makes it all of what there is.
async fn check(world: &World, when: &str, expected: &[&str]) {
    world.check_folders(when);
    let published = world.parquet_rows(HOUR).await;
    assert!(published.windows(2).all(|pair| pair[0] != pair[1]), "{when}: {published:?}");
    assert!(world.manifest(HOUR).await.live.is_some(), "{when}: nobody won");
    world.aws.inject(Faults::none());
    world.tick("2026-11-20T19:25:00Z").await;
    assert_eq!(world.parquet_rows(HOUR).await, expected, "{when}: after one more tick");
    assert_eq!(world.athena().await, world.delivered(), "{when}: after one more tick");
    world.check_folders(when);
}

#[tokio::test(start_paused = true)]
async fn c_race_two_and_three_compactors_in_every_order() {
    for (compacted, rows) in [(false, &ROWS[..1]), (true, &ROWS[..2])] {
        let snapshot = prepared(compacted).await;
        for (count, interruptions) in [(2, 3), (3, 2)] {
            let actors = || compactors(count);
            let ends = async |world: &World, when: &str| check(world, when, rows).await;
            let tried = explore(&snapshot, hour(HOUR), actors, Faults::none, interruptions, ends).await;
            println!("C-race: {count} compactors, live before: {compacted}, {interruptions} interruptions: {tried}");
        }
    }
}

/// The reply to the first compactor's `lost`-th write of a manifest never comes; the SDK asks again, and is refused.
fn lost_reply(lost: u32) -> Faults {
    let writes = AtomicU32::new(0);
    Faults::by(move |_, call| {
        let is_write = call.name == "PutObject" && call.resources[0].contains("/manifests/");
        let hit = is_write && &*call.caller == "compactor 0" && writes.fetch_add(1, Ordering::Relaxed) + 1 == lost;
        hit.then_some(Fault::After(Failure::Reset))
    })
}

/// So many compactors, and an object that some of them list and others don't.
async fn an_object_between(count: usize, faults: impl Fn() -> Faults, interruptions: usize) -> Tried {
    let snapshot = prepared(true).await;
    let actors = || {
        let mut actors = compactors(count);
        actors.push(writer());
        actors
    };
    let ends = async |world: &World, when: &str| check(world, when, &ROWS).await;
    explore(&snapshot, hour(HOUR), actors, faults, interruptions, ends).await
}

/// `lost`: 0 loses no reply, 1 that to the claim, 2 that to the commit.
async fn two_and_an_object_between(lost: u32) -> String {
    let tried = an_object_between(2, || lost_reply(lost), 2).await;
    format!("C-race: 2 compactors and a late object, reply {lost} lost, 2 interruptions: {tried}")
}

#[tokio::test(start_paused = true)]
async fn c_race_three_compactors_and_an_object_that_comes_between() {
    // At two interruptions it would take longer than all others together.
    let tried = an_object_between(3, Faults::none, 1).await;
    println!("C-race: 3 compactors and a late object, 1 interruption: {tried}");
}

#[tokio::test(start_paused = true)]
async fn c_race_two_compactors_and_an_object_that_comes_between() {
    println!("{}", two_and_an_object_between(0).await);
}

#[tokio::test(start_paused = true)]
async fn c_race_an_object_comes_between_and_the_reply_to_the_claim_is_lost() {
    println!("{}", two_and_an_object_between(1).await);
}

#[tokio::test(start_paused = true)]
async fn c_race_an_object_comes_between_and_the_reply_to_the_commit_is_lost() {
    println!("{}", two_and_an_object_between(2).await);
}

#[tokio::test(start_paused = true)]
async fn c_race_eight_compactors_at_random() {
    let snapshot = prepared(true).await;
    const SCHEDULES: u64 = 100;
    let mut tried = Tried::default();
    for seed in 0..SCHEDULES {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let world = snapshot.world();
        let mut actors = compactors(8);
        actors.push(writer());
        tried.add(&play_at_random(&world, hour(HOUR), actors, |below| random.next_u32() as usize % below).await);
        check(&world, &format!("seed {seed}"), &ROWS).await;
    }
    println!("C-race: 8 compactors and a late object: at random, {tried}");
}
