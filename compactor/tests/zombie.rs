//! C-zombie: a run that sleeps at any of its calls while others commit and collect, and then goes on. C-late: objects
//! that come at any of its calls. C-query: a reader that planned before and reads after.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use compactor::hour::{Run, Visit};
use compactor::hours::{Request, Scope};
use compactor::manifest::Manifest;
use compactor::plan::Turn;
use local_aws::seam::{Call, Failure, Fault, Faults, Gates};
use support::{HOUR, Snapshot, TICK, Wall, World, hour, world};
use tokio::task::JoinHandle;

const LINES: [&str; 3] =
    [r#"{"log_id":"1","type":"s"}"#, r#"{"log_id":"2","type":"s"}"#, r#"{"log_id":"3","type":"s"}"#];
const ROWS: [&str; 3] = ["log_id=1 type=s", "log_id=2 type=s", "log_id=3 type=s"];
const MANIFEST: &str = "manifests/2026/11/20/13.json";
const ASLEEP: &str = "2026-11-20T15:25:00Z";

/// The hour, compacted with one object; another has come since.
async fn prepared() -> Snapshot {
    let world = world().await;
    world.put_lines(HOUR, "1", &LINES[..1]).await;
    world.catalog.ensure_json_partition(hour(HOUR)).await.unwrap();
    world.tick("2026-11-20T14:25:00Z").await;
    world.put_lines(HOUR, "2", &LINES[1..2]).await;
    Snapshot::of(world)
}

/// A compactor's visit that waits at each of its calls.
struct Sleeper {
    gates: Gates,
    task: JoinHandle<()>,
}

impl Sleeper {
    fn start(world: &World, run: Run) -> Sleeper {
        let gates = world.aws.hold_if(|call| &*call.caller == "compactor sleeper");
        let compactor = support::compactor(&world.aws.as_caller("compactor sleeper"));
        let visit = Visit { hour: hour(HOUR), registered: true, turn: Turn::Asked };
        let task = tokio::spawn(async move {
            // What it makes of its late awakening is its own; the world it leaves is what counts.
            let _ = compactor.visit(visit, &run).await;
        });
        Sleeper { gates, task }
    }

    /// Lets `calls` calls through, and gives the one that waits then; none if it has ended.
    async fn go_on(&self, calls: usize) -> Option<Call> {
        for _ in 0..calls {
            self.gates.settled().await;
            self.gates.open_for("compactor sleeper");
        }
        self.gates.settled().await;
        self.gates.held().into_iter().next().map(|held| held.call)
    }

    /// Lets calls through up to one of that name on such a key.
    async fn go_on_to(&self, name: &str, key: &str) {
        let mut held = self.go_on(0).await.unwrap();
        while held.name != name || !held.resources[0].contains(key) {
            held = self.go_on(1).await.unwrap();
        }
    }

    async fn go_on_to_the_claim(&self) {
        self.go_on_to("PutObject", MANIFEST).await;
    }

    async fn go_on_to_the_commit(&self) {
        self.go_on_to_the_claim().await;
        self.go_on(1).await;
        self.go_on_to("PutObject", MANIFEST).await;
    }

    async fn go_on_past_the_commit(&self) {
        self.go_on_to_the_commit().await;
        self.go_on(1).await;
    }

    async fn wake(self) {
        drop(self.gates);
        self.task.await.unwrap();
    }
}

/// How many calls the visit makes when nothing comes between.
async fn calls(snapshot: &Snapshot) -> usize {
    let world = snapshot.world();
    world.aws.inject(Faults::none());
    let run = Wall::at(ASLEEP).run("compactor sleeper", TICK);
    let sleeper = Sleeper::start(&world, run);
    sleeper.wake().await;
    world.aws.trace().len()
}

fn asked() -> Request {
    Request { scope: Scope::Range(hour(HOUR), hour(HOUR).next()), rewrite: false }
}

/// What others do while it sleeps: visits of the hour, each at its time.
async fn others(world: &World, times: &[&str]) {
    world.put_lines(HOUR, "3", &LINES[2..]).await;
    for now in times {
        world.ask(now, asked()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn c_zombie_a_run_may_sleep_at_every_call() {
    let snapshot = prepared().await;
    let calls = calls(&snapshot).await;
    let naps: [(&str, &[&str]); 3] = [
        // Ten minutes: its call goes through.
        ("2026-11-20T15:35:00Z", &["2026-11-20T15:30:00Z"]),
        // Beyond the collection of what was live when it fell asleep.
        ("2026-11-21T16:50:00Z", &["2026-11-20T15:45:00Z", "2026-11-21T16:45:00Z"]),
        // Beyond the burial of its claim, and the collection of its folder.
        ("2026-11-24T16:50:00Z", &["2026-11-20T15:45:00Z", "2026-11-22T16:00:00Z", "2026-11-24T16:45:00Z"]),
    ];
    let mut tried = 0;
    for (awake, times) in naps {
        for number in 0..calls {
            let world = snapshot.world();
            let (wall, slept) = (Wall::at(ASLEEP), Arc::new(AtomicBool::new(false)));
            // A request that was signed hours before it is sent is refused, whatever it is. Glue's is let through here
            // all the same: it is the one that has no condition.
            let (expired, is_long) = (Arc::clone(&slept), times.len() > 1);
            world.aws.inject(Faults::by(move |_, call| {
                let write = matches!(call.name.as_ref(), "PutObject" | "DeleteObject");
                let hit =
                    is_long && &*call.caller == "compactor sleeper" && write && expired.swap(false, Ordering::Relaxed);
                hit.then_some(Fault::Before(Failure::Expired))
            }));
            let sleeper = Sleeper::start(&world, wall.run("compactor sleeper", TICK));
            let held = sleeper.go_on(number).await.unwrap();
            let when = format!("asleep at {held} until {awake}");
            others(&world, times).await;
            let inputs = world.manifest(HOUR).await.live.unwrap().inputs.len();
            wall.set(awake);
            slept.store(true, Ordering::Relaxed);
            sleeper.wake().await;
            world.aws.inject(Faults::none());
            let live = world.manifest(HOUR).await.live.unwrap();
            assert!(live.inputs.len() >= inputs, "{when}: fewer inputs were committed over more");
            world.check_folders(&when);
            let next = format!("{}:59:00Z", &awake[..13]);
            world.tick(&next).await;
            assert_eq!(world.parquet_rows(HOUR).await, ROWS, "{when}: after one more tick");
            world.check_folders(&when);
            tried += 1;
        }
    }
    assert_eq!(tried, calls * naps.len());
    println!("C-zombie: asleep at each of {calls} calls, {} ways: {tried} awakenings", naps.len());
}

fn sleeper(world: &World) -> Sleeper {
    sleeper_by(world, &Wall::at(ASLEEP))
}

fn sleeper_by(world: &World, wall: &Wall) -> Sleeper {
    // From here on there is a trace.
    world.aws.inject(Faults::none());
    Sleeper::start(world, wall.run("sleeper", TICK))
}

/// How often the sleeper has asked Glue to let the partition name another folder.
fn updates(world: &World) -> usize {
    let trace = world.aws.trace();
    trace.iter().filter(|it| &*it.call.caller == "compactor sleeper" && it.call.name == "UpdatePartition").count()
}

/// Another run writes the manifest.
async fn change(world: &World, changed: impl Fn(Manifest) -> Manifest) {
    let next = changed(world.manifest(HOUR).await);
    world.put(MANIFEST, next.to_json().unwrap()).await;
}

/// Where every folder stands: `live | claims | retired`.
async fn folders(world: &World) -> String {
    let manifest = world.manifest(HOUR).await;
    let claims: Vec<&str> = manifest.claims.iter().map(|claim| claim.attempt.as_str()).collect();
    let retired: Vec<&str> = manifest.retired.iter().map(|folder| folder.attempt.as_str()).collect();
    format!("{} | {} | {}", manifest.live_attempt().unwrap(), claims.join(","), retired.join(","))
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_into_a_folder_whose_claim_was_refused() {
    let world = prepared().await.world();
    let sleeper = sleeper(&world);
    sleeper.go_on_to_the_claim().await;
    change(&world, |manifest| manifest.claimed("other", ASLEEP.parse().unwrap())).await;
    sleeper.wake().await;
    assert_eq!(folders(&world).await, "run1-0 | other | ");
}

#[tokio::test(start_paused = true)]
async fn a_commit_leaves_the_claims_of_others_standing() {
    let world = prepared().await.world();
    let sleeper = sleeper(&world);
    sleeper.go_on_to_the_commit().await;
    change(&world, |manifest| manifest.claimed("other", ASLEEP.parse().unwrap())).await;
    sleeper.wake().await;
    assert_eq!(folders(&world).await, "sleeper-3 | other | run1-0");
}

/// Its folder may be collected any time.
#[tokio::test(start_paused = true)]
async fn a_folder_whose_claim_is_gone_is_not_committed() {
    let world = prepared().await.world();
    let sleeper = sleeper(&world);
    sleeper.go_on_to_the_commit().await;
    change(&world, |manifest| manifest.withdrawn("sleeper-3", ASLEEP.parse().unwrap())).await;
    sleeper.wake().await;
    assert_eq!(folders(&world).await, "sleeper-4 |  | sleeper-3,run1-0");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_inputs_change_withdraws_its_claim() {
    let world = prepared().await.world();
    let sleeper = sleeper(&world);
    sleeper.go_on_to("GetObject", "logs/2026/11/20/13/2").await;
    world.put_lines(HOUR, "2", &LINES[2..]).await;
    sleeper.wake().await;
    assert_eq!(folders(&world).await, "sleeper-4 |  | sleeper-3,run1-0");
}

#[tokio::test(start_paused = true)]
async fn glue_is_not_written_ten_minutes_after_the_manifest_was_read() {
    let world = prepared().await.world();
    let wall = Wall::at(ASLEEP);
    let sleeper = sleeper_by(&world, &wall);
    sleeper.go_on_past_the_commit().await;
    sleeper.go_on_to("CreatePartition", "").await;
    others(&world, &["2026-11-20T15:30:00Z"]).await;
    wall.set("2026-11-20T15:36:00Z");
    sleeper.wake().await;
    assert_eq!((updates(&world), world.parquet_rows(HOUR).await), (0, ROWS.map(str::to_owned).to_vec()));
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_was_written_too_late_is_put_right_by_the_same_run() {
    let world = prepared().await.world();
    let sleeper = sleeper(&world);
    sleeper.go_on_past_the_commit().await;
    sleeper.go_on_to("UpdatePartition", "").await;
    others(&world, &["2026-11-20T15:30:00Z"]).await;
    sleeper.wake().await;
    assert_eq!((updates(&world), world.parquet_rows(HOUR).await), (2, ROWS.map(str::to_owned).to_vec()));
}

#[tokio::test(start_paused = true)]
async fn no_partition_names_a_folder_whose_files_are_gone() {
    let world = prepared().await.world();
    let sleeper = sleeper(&world);
    sleeper.go_on_past_the_commit().await;
    let live = world.manifest(HOUR).await.live.unwrap();
    world.delete(&live.files[0].key).await;
    sleeper.wake().await;
    assert_eq!(
        (updates(&world), world.parquet_rows(HOUR).await),
        (0, ROWS[..1].iter().map(|row| row.to_string()).collect())
    );
}

#[tokio::test(start_paused = true)]
async fn c_late_an_object_may_come_at_every_call() {
    let snapshot = prepared().await;
    let calls = calls(&snapshot).await;
    for number in 0..calls {
        let world = snapshot.world();
        let sleeper = Sleeper::start(&world, Wall::at(ASLEEP).run("compactor sleeper", TICK));
        let held = sleeper.go_on(number).await.unwrap();
        world.put_lines(HOUR, "3", &LINES[2..]).await;
        let before: BTreeSet<String> = world.parquet_rows(HOUR).await.into_iter().collect();
        sleeper.wake().await;
        let after: BTreeSet<String> = world.parquet_rows(HOUR).await.into_iter().collect();
        assert!(after.is_superset(&before), "came at {held}");
        world.tick("2026-11-20T16:25:00Z").await;
        assert_eq!(world.parquet_rows(HOUR).await, ROWS, "came at {held}");
    }
    println!("C-late: an object at each of {calls} calls is there after the next tick");
}

#[tokio::test]
async fn c_late_an_object_is_seen_after_two_ticks_however_late_it_is() {
    for (late, ticks) in [
        ("2026-11-20T14:55:00Z", ["2026-11-20T15:25:00Z", "2026-11-20T16:25:00Z"]),
        ("2026-11-21T14:55:00Z", ["2026-11-21T15:25:00Z", "2026-11-21T16:25:00Z"]),
        ("2026-11-22T05:55:00Z", ["2026-11-22T06:25:00Z", "2026-11-22T07:25:00Z"]),
    ] {
        let world = prepared().await.world();
        for day_hour in ["20T16", "20T20", "21T02"] {
            let now = format!("2026-11-{day_hour}:25:00Z");
            if *now < *late {
                world.tick(&now).await;
            }
        }
        let seen = world.athena().await;
        world.put_lines(HOUR, "3", &LINES[2..]).await;
        for now in ticks {
            world.tick(now).await;
            let now_seen = world.athena().await;
            let count = |rows: &support::athena::Rows| rows.values().map(Vec::len).sum::<usize>();
            assert!(count(&now_seen) >= count(&seen), "{late}: a count fell at {now}");
        }
        assert_eq!(world.athena().await[&hour(HOUR)], ROWS, "{late}");
    }
}

#[tokio::test]
async fn c_query_a_reader_finds_its_files_for_a_day_after_it_planned() {
    let world = prepared().await.world();
    let mut plans: Vec<(chrono::DateTime<chrono::Utc>, Vec<String>)> = Vec::new();
    let mut read = 0;
    for tick in 0..60 {
        let now = hour("2026-11-20T15").start() + chrono::TimeDelta::minutes(25 + 60 * tick);
        if tick % 5 == 0 && tick < 30 {
            let line = format!(r#"{{"log_id":"late {tick}","type":"s"}}"#);
            world.put_lines(HOUR, &format!("late {tick}"), &[&line]).await;
        }
        world.ask(&now.to_rfc3339(), asked()).await;
        plans.retain(|(planned, _)| now - *planned < chrono::TimeDelta::hours(24));
        for (planned, files) in &plans {
            for file in files {
                assert!(
                    world.s3.head_object().bucket(support::BUCKET).key(file).send().await.is_ok(),
                    "{planned} {now}"
                );
                read += 1;
            }
        }
        let live = world.manifest(HOUR).await.live.unwrap();
        plans.push((now, live.files.into_iter().map(|file| file.key).collect()));
    }
    let folders: BTreeSet<String> =
        world.keys("parquet/").await.iter().map(|key| key.rsplit_once('/').unwrap().0.to_owned()).collect();
    assert_eq!(folders.len(), 1, "old folders are collected: {folders:?}");
    println!("C-query: {read} files read up to a day after they were planned; {} folders are left", folders.len());
}
