//! C-faults: ticks whose calls fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use compactor::request::{Request, Scope};
use local_aws::seam::{Failure, Fault, Faults};
use log_format::{Hour, layout};
use testkit::world::{HOUR, TICK, World, hour, shown, world};

const HOURS: [&str; 3] = ["2026-11-20T11", "2026-11-20T12", "2026-11-20T13"];
/// When the bad tick comes: late enough that the watermark is to pass all hours.
const BAD: &str = "2026-11-20T17:25:00Z";

/// A third of all calls meet a fault, of every kind that a single call can meet.
fn faults(seed: u64) -> Faults {
    Faults::seeded(
        seed,
        [
            (0.10, Fault::Before(Failure::SlowDown)),
            (0.05, Fault::Before(Failure::Throttled)),
            (0.03, Fault::Before(Failure::Conflict)),
            (0.05, Fault::Before(Failure::Reset)),
            (0.05, Fault::After(Failure::Reset)),
            (0.02, Fault::After(Failure::Internal)),
            (0.01, Fault::After(Failure::Silence)),
            (0.02, Fault::Torn),
            (0.02, Fault::Slow(Duration::from_secs(5))),
            (0.01, Fault::Late(Duration::from_secs(70))),
        ],
    )
}

/// A tick that may fail as a whole.
async fn try_tick(world: &World, now: &str) -> bool {
    world.compactor.tick(&Arc::new(world.run(now)), TICK, |_, _| {}).await.is_ok()
}

/// Three hours of two objects each, compacted under faults from `seed` and then without. The trace under faults, and
/// what Athena would answer of each hour in the end.
async fn run(seed: u64) -> (String, Vec<Vec<String>>) {
    let world = world().await;
    for hour in HOURS {
        for object in ["a", "b"] {
            let lines = [1, 2].map(|number| format!(r#"{{"log_id":"{hour}-{object}{number}","type":"s"}}"#));
            world.put_lines(hour, object, &lines.each_ref().map(String::as_str)).await;
        }
    }
    world.aws.inject(faults(seed));
    for minute in ["00", "20", "40"] {
        try_tick(&world, &format!("2026-11-20T15:{minute}:00Z")).await;
    }
    let trace = world.aws.trace().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    world.aws.inject(Faults::none());
    for minute in ["00", "20"] {
        assert!(try_tick(&world, &format!("2026-11-20T16:{minute}:00Z")).await, "seed {seed}");
    }
    let mut rows = Vec::new();
    for hour in HOURS {
        rows.push(world.parquet_rows(hour).await);
    }
    (trace, rows)
}

/// A runtime for each run: a call that comes late must not come into the world of the next.
fn in_a_runtime<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(run)
}

#[test]
fn a_seed_gives_the_same_trace_and_no_fault_a_wrong_row() {
    let mut calls = 0;
    for seed in 0..40 {
        let (trace, rows) = in_a_runtime(run(seed));
        for (hour, rows) in HOURS.iter().zip(rows) {
            let expected = ["a1", "a2", "b1", "b2"].map(|name| format!("log_id={hour}-{name} type=s"));
            assert_eq!(rows, expected, "seed {seed}\n{trace}");
        }
        if seed < 10 {
            let again = in_a_runtime(run(seed)).0;
            let differing = trace.lines().zip(again.lines()).find(|(first, second)| first != second);
            assert!(trace == again, "seed {seed}: {differing:#?}");
        }
        calls += trace.lines().count();
    }
    println!("40 seeds, {calls} calls under faults");
}

/// What the services are like on a bad day.
fn bad_day(seed: u64) -> Faults {
    Faults::seeded(
        seed,
        [
            (0.10, Fault::Before(Failure::SlowDown)),
            (0.05, Fault::Before(Failure::Throttled)),
            (0.10, Fault::Before(Failure::Reset)),
            (0.05, Fault::After(Failure::Reset)),
            (0.02, Fault::After(Failure::Silence)),
        ],
    )
}

/// Three hours of one object each.
async fn three_hours() -> World {
    let world = world().await;
    for hour in HOURS {
        let line = format!(r#"{{"log_id":"{hour}","type":"s"}}"#);
        world.put_lines(hour, "a", &[&line]).await;
    }
    world
}

/// A tick under `faults`: how many calls it made, and whether it came to its end.
async fn counted_tick(world: &World, now: &str, faults: Faults) -> (usize, bool) {
    world.aws.inject(faults);
    let ended = try_tick(world, now).await;
    let calls = world.aws.trace().len();
    world.aws.inject(Faults::none());
    (calls, ended)
}

/// The hour that the watermark has after a tick at `now` if nothing is in its way: it stays three hours behind.
fn watermark_at(now: &str) -> Hour {
    let now: DateTime<Utc> = now.parse().unwrap();
    Hour::of(now - TimeDelta::hours(3)).back(1)
}

/// What a tick at `now` has not brought to where it should be; nothing if all is right. That the view shows every row is
/// not enough: it does so from JSON if no tick ever came.
async fn amiss(world: &World, now: &str) -> Vec<String> {
    let (mut amiss, delivered) = (Vec::new(), world.delivered());
    if world.athena().await != delivered {
        amiss.push("the view".to_owned());
    }
    for (hour, rows) in &delivered {
        if world.live_rows(*hour) != *rows {
            amiss.push(format!("the live folder of {hour}"));
        }
        if world.parquet_rows(&hour.to_string()).await != *rows {
            amiss.push(format!("the partition of {hour}"));
        }
    }
    if world.view_watermark().await != watermark_at(now) {
        amiss.push("the watermark".to_owned());
    }
    amiss
}

/// Claims of attempts that could not even withdraw them expire after two days, and their folders deleted after
/// another. How many claims the bad day left.
async fn bury(world: &World, when: &str) -> usize {
    let folders = || HOURS.map(|it| world.claimed_and_retired(hour(it)));
    let claims = folders().iter().map(|(claims, _)| claims).sum();
    for now in ["2026-11-22T23:25:00Z", "2026-11-24T00:25:00Z"] {
        let all = Request::new(Scope::Range(hour(HOURS[0]), hour(HOUR).next()), false);
        assert_eq!(world.ask(now, all).await.failures(), [""; 0], "{when}: at {now}");
    }
    assert_eq!(folders(), [(0, 0); 3], "{when}: claimed and retired folders in the end");
    assert_eq!(world.files(layout::PARQUET).len(), HOURS.len(), "{when}: files in the end");
    claims
}

#[tokio::test(start_paused = true)]
async fn c_faults_a_bad_day_costs_three_times_the_calls_at_most_and_is_over_after_three_ticks() {
    const DAYS: u64 = 60;
    let whole = three_hours().await;
    let (calls, _) = counted_tick(&whole, BAD, Faults::none()).await;
    assert_eq!((amiss(&whole, BAD).await, whole.delivered().len()), (vec![], HOURS.len()));
    let (mut most_calls, mut most_healing, mut most_ticks) = (0, 0, 0);
    let (mut aborted, mut unhealed, mut claims) = (0, 0, 0);
    for seed in 0..DAYS {
        let world = three_hours().await;
        let (bad, ended) = counted_tick(&world, BAD, bad_day(seed)).await;
        most_calls = most_calls.max(bad);
        aborted += usize::from(!ended);
        let (mut ticks, mut now) = (0, BAD.to_owned());
        let mut wrong = amiss(&world, &now).await;
        unhealed += usize::from(!wrong.is_empty());
        while !wrong.is_empty() {
            assert!(ticks < 3, "seed {seed}: after three ticks still wrong: {wrong:?}");
            ticks += 1;
            now = format!("2026-11-20T{}:25:00Z", 17 + ticks);
            let (healing, ended) = counted_tick(&world, &now, Faults::none()).await;
            assert!(ended, "seed {seed}: a tick without faults failed");
            most_healing = most_healing.max(healing);
            wrong = amiss(&world, &now).await;
        }
        most_ticks = most_ticks.max(ticks);
        claims += bury(&world, &format!("seed {seed}")).await;
    }
    // Each tick counts by itself, the bad one and those that heal.
    for most in [most_calls, most_healing] {
        assert!(most <= 3 * calls, "{most} calls in a tick instead of {calls}");
    }
    println!(
        "C-faults: {DAYS} bad days, {aborted} ticks given up, {unhealed} days that left something: {most_calls} calls \
         in a bad tick and {most_healing} in a healing one at most, {calls} in a good one; healed after {most_ticks} \
         ticks at most; {claims} claims left and expired"
    );
}

/// The SDK asks again and is refused, for the manifest is what the run itself has made it.
#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_the_claim_or_to_the_commit_costs_no_second_attempt() {
    for lost in [1, 2] {
        let world = world().await;
        world.put_lines(HOUR, "a", &[r#"{"log_id":"1","type":"s"}"#]).await;
        let writes = AtomicU32::new(0);
        world.aws.inject(Faults::by(move |_, call| {
            let is_write = call.name == "PutObject" && call.resources[0].contains("/manifests/2026/");
            let hit = is_write && writes.fetch_add(1, Ordering::Relaxed) + 1 == lost;
            hit.then_some(Fault::After(Failure::Reset))
        }));
        let tick = world.tick("2026-11-20T15:25:00Z").await;
        let compacted = "2026-11-20T13 1 lines, 1 rows, 0 duplicates, 0 collisions, 0 rejected";
        assert_eq!(shown(&tick), [compacted], "reply {lost}");
        let manifest = world.manifest(HOUR).await;
        assert_eq!((manifest.revision, manifest.claims.len(), manifest.retired.len()), (2, 0, 0), "reply {lost}");
    }
}
