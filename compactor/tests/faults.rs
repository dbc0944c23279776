//! Ticks whose calls fail.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use local_aws::seam::{Failure, Fault, Faults};
use support::{HOUR, TICK, World, shown, world};

const HOURS: [&str; 3] = ["2026-11-20T11", "2026-11-20T12", "2026-11-20T13"];

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
    world.compactor.tick(&Arc::new(world.run(now, TICK)), |_, _| {}).await.is_ok()
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

/// The calls of one tick over three hours, and the world after it.
async fn one_tick(faults: Faults) -> (usize, World) {
    let world = world().await;
    for hour in HOURS {
        let line = format!(r#"{{"log_id":"{hour}","type":"s"}}"#);
        world.put_lines(hour, "a", &[&line]).await;
    }
    world.aws.inject(faults);
    try_tick(&world, "2026-11-20T17:25:00Z").await;
    let calls = world.aws.trace().len();
    world.aws.inject(Faults::none());
    (calls, world)
}

#[tokio::test(start_paused = true)]
async fn c_faults_a_bad_day_costs_three_times_the_calls_at_most_and_is_over_after_three_ticks() {
    let (calls, whole) = one_tick(Faults::none()).await;
    let expected = whole.athena().await;
    assert_eq!(expected.len(), HOURS.len());
    let (mut most_calls, mut most_ticks) = (0, 0);
    for seed in 0..60 {
        let (under_faults, world) = one_tick(bad_day(seed)).await;
        assert!(under_faults <= 3 * calls, "seed {seed}: {under_faults} calls instead of {calls}");
        most_calls = most_calls.max(under_faults);
        let mut ticks = 0;
        while world.athena().await != expected {
            ticks += 1;
            assert!(ticks <= 3, "seed {seed}: not healed after three ticks");
            try_tick(&world, &format!("2026-11-20T{}:25:00Z", 17 + ticks)).await;
        }
        most_ticks = most_ticks.max(ticks);
    }
    println!(
        "C-faults: 60 bad days, {most_calls} calls instead of {calls} at most, healed after {most_ticks} ticks at most"
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
