//! C-zombie: a run that sleeps at any of its calls while others commit and collect, and then goes on. C-late: objects
//! that come at any of its calls. C-query: a reader that planned before and reads after.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use compactor::clock::Run;
use compactor::hour::plan::{Pass, Rewrite};
use compactor::hour::{Outcome, Visit};
use compactor::request::{Request, Scope};
use local_aws::seam::{Call, Failure, Fault, Faults, Gates};
use log_format::Hour;
use projection::manifest::{Live, Manifest};
use testkit::athena::{Reader, may_show_less};
use testkit::world::{HOUR, Snapshot, Wall, World, hour, visit_and_publish, world};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep};

const LINES: [&str; 3] =
    [r#"{"log_id":"1","type":"s"}"#, r#"{"log_id":"2","type":"s"}"#, r#"{"log_id":"3","type":"s"}"#];
const ROWS: [&str; 3] = ["log_id=1 type=s", "log_id=2 type=s", "log_id=3 type=s"];
const MANIFEST: &str = "manifests/2026/11/20/13.json";
const ASLEEP: &str = "2026-11-20T15:25:00Z";

/// The hour, compacted with one object and on the view from Parquet; another has come since.
async fn prepared() -> Snapshot {
    let world = world().await;
    world.put_lines(HOUR, "1", &LINES[..1]).await;
    world.catalog.ensure_json_partition(hour(HOUR)).await.unwrap();
    world.tick_without_lag("2026-11-20T14:25:00Z").await;
    assert_eq!(world.view_watermark().await, hour(HOUR));
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
        let compactor = testkit::world::compactor(&world.aws.as_caller("compactor sleeper"));
        let visit = Visit { hour: hour(HOUR), registered: true, pass: Pass::Asked, rewrite: Rewrite::No };
        let task = tokio::spawn(async move {
            // What it makes of its late awakening is its own; the world it leaves is what counts.
            let _ = visit_and_publish(&compactor, visit, &run).await;
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

    /// Lets it go on to its end, and has a reader look after each of its calls. How often less was seen than before.
    async fn wake_and_watch(self, world: &World, reader: &mut Reader, when: &str) -> ShownLess {
        let mut less = ShownLess::default();
        while !self.task.is_finished() {
            let Some(call) = self.go_on(0).await else {
                // It waits before trying again.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            self.go_on(1).await;
            let gone = reader.look(world, || format!("{when}, after {call}")).await;
            if !gone.is_empty() && !less.in_the_end {
                assert!(may_show_less(&call), "{when}, after {call}: {gone:?} is gone");
                less.times += 1;
            }
            less.in_the_end = !gone.is_empty();
        }
        self.wake().await;
        less
    }

    async fn wake(self) {
        drop(self.gates);
        self.task.await.unwrap();
    }
}

/// How often a run made less be seen than before, and whether it left it so.
#[derive(Default)]
struct ShownLess {
    times: usize,
    in_the_end: bool,
}

/// How many calls the visit makes when nothing comes between.
async fn calls(snapshot: &Snapshot) -> usize {
    let world = snapshot.world();
    world.aws.inject(Faults::none());
    let run = Wall::at(ASLEEP).run("compactor sleeper");
    let sleeper = Sleeper::start(&world, run);
    sleeper.wake().await;
    world.aws.trace().len()
}

fn asked() -> Request {
    Request::new(Scope::Hour(hour(HOUR)), false)
}

/// What others do while it sleeps: visits of the hour, each at its time. A reader looks after each.
async fn others(world: &World, times: &[&str], reader: &mut Reader) {
    world.put_lines(HOUR, "3", &LINES[2..]).await;
    for now in times {
        world.ask(now, asked()).await;
        reader.look_and_lose_nothing(world, || format!("others at {now}")).await;
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
    let (mut tried, mut looks, mut less, mut left_less) = (0, 0, 0, 0);
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
            let sleeper = Sleeper::start(&world, wall.run("compactor sleeper"));
            let mut reader = Reader::default();
            for number in 0..number {
                reader.look_and_lose_nothing(&world, || format!("before call {number}")).await;
                sleeper.go_on(1).await;
            }
            let held = sleeper.go_on(0).await.unwrap();
            let when = format!("asleep at {held} until {awake}");
            reader.look_and_lose_nothing(&world, || when.clone()).await;
            others(&world, times, &mut reader).await;
            let inputs = world.manifest(HOUR).await.live.unwrap().inputs.len();
            wall.set(awake);
            slept.store(true, Ordering::Relaxed);
            let shown = sleeper.wake_and_watch(&world, &mut reader, &when).await;
            // Who slept too long to write must leave it to the next tick.
            assert!(is_long || !shown.in_the_end, "{when}: it has ended, and less is seen than before");
            world.aws.inject(Faults::none());
            let live = world.manifest(HOUR).await.live.unwrap();
            assert!(live.inputs.len() >= inputs, "{when}: fewer inputs were committed over more");
            world.check_folders(&when);
            let next = format!("{}:59:00Z", &awake[..13]);
            world.tick(&next).await;
            reader.look_and_lose_nothing(&world, || format!("{when}: after one more tick")).await;
            assert_eq!(world.parquet_rows(HOUR).await, ROWS, "{when}: after one more tick");
            assert_eq!(world.athena().await[&hour(HOUR)], ROWS, "{when}: after one more tick");
            world.check_folders(&when);
            tried += 1;
            looks += reader.looks;
            less += shown.times;
            left_less += usize::from(shown.in_the_end);
        }
    }
    assert_eq!(tried, calls * naps.len());
    println!(
        "C-zombie: asleep at each of {calls} calls, {} ways: {tried} awakenings, {looks} looks, at every gate; {less} \
         times a late update of Glue's showed less, {left_less} times until the next tick",
        naps.len()
    );
}

fn sleeper(world: &World) -> Sleeper {
    sleeper_by(world, &Wall::at(ASLEEP))
}

fn sleeper_by(world: &World, wall: &Wall) -> Sleeper {
    // From here on there is a trace.
    world.aws.inject(Faults::none());
    Sleeper::start(world, wall.run("sleeper"))
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
async fn glue_is_not_written_long_after_the_manifest_was_read() {
    let world = prepared().await.world();
    let wall = Wall::at(ASLEEP);
    let sleeper = sleeper_by(&world, &wall);
    sleeper.go_on_past_the_commit().await;
    // It has waited, and reads the manifest again.
    sleeper.go_on_to("GetObject", MANIFEST).await;
    sleeper.go_on_to("GetObject", "day.json").await;
    others(&world, &["2026-11-20T15:30:00Z"], &mut Reader::default()).await;
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
    others(&world, &["2026-11-20T15:30:00Z"], &mut Reader::default()).await;
    sleeper.wake().await;
    assert_eq!((updates(&world), world.parquet_rows(HOUR).await), (2, ROWS.map(str::to_owned).to_vec()));
}

/// Nobody puts a write right whose run has died. So whoever replaces a folder waits until such a write has come.
#[tokio::test(start_paused = true)]
async fn a_write_that_was_on_its_way_comes_before_the_one_that_replaces_it() {
    let world = prepared().await.world();
    let sleeper = sleeper(&world);
    sleeper.go_on_past_the_commit().await;
    sleeper.go_on_to("UpdatePartition", "").await;
    world.put_lines(HOUR, "3", &LINES[2..]).await;
    let (wall, other) = (Wall::at(ASLEEP), testkit::world::compactor(&world.aws.as_caller("compactor")));
    let run = wall.run("other");
    let visit = Visit { hour: hour(HOUR), registered: true, pass: Pass::Asked, rewrite: Rewrite::No };
    let outcome = other.visit(visit, &run).await.unwrap();
    let Outcome::Waits(_, waiting) = outcome else { panic!("{outcome:?}") };
    sleeper.go_on(1).await;
    sleeper.task.abort();
    assert_eq!(world.parquet_rows(HOUR).await, ROWS[..2], "the late write came");
    let at_once = other.repair_partition(hour(HOUR), Some(&waiting), &run).await.unwrap();
    assert!(at_once.waits(), "{at_once:?}");
    run.clock.sleep_until(waiting.until().unwrap()).await;
    assert_eq!(other.repair_partition(hour(HOUR), Some(&waiting), &run).await.unwrap(), Outcome::Repaired);
    assert_eq!(world.parquet_rows(HOUR).await, ROWS);
}

/// What was seen of another folder counts for nothing.
#[tokio::test(start_paused = true)]
async fn a_folder_that_became_live_meanwhile_waits_a_time_of_its_own() {
    let world = prepared().await.world();
    let visit = Visit { hour: hour(HOUR), registered: true, pass: Pass::Asked, rewrite: Rewrite::No };
    let run = Wall::at(ASLEEP).run("one");
    let Outcome::Waits(_, waiting) = world.compactor.visit(visit, &run).await.unwrap() else { panic!() };
    run.clock.sleep_until(waiting.until().unwrap()).await;
    change(&world, |manifest| {
        let live = manifest.live.clone().unwrap();
        manifest.claimed("other", ASLEEP.parse().unwrap()).committed(Live {
            attempt: "other".to_owned(),
            files: vec![],
            ..live
        })
    })
    .await;
    let outcome = world.compactor.repair_partition(hour(HOUR), Some(&waiting), &run).await.unwrap();
    let Outcome::Waits(_, again) = outcome else { panic!("{outcome:?}") };
    assert_eq!(again.until().unwrap() - waiting.until().unwrap(), TimeDelta::seconds(75));
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
    let (calls, mut looks) = (calls(&snapshot).await, 0);
    for number in 0..calls {
        let world = snapshot.world();
        let sleeper = Sleeper::start(&world, Wall::at(ASLEEP).run("compactor sleeper"));
        let held = sleeper.go_on(number).await.unwrap();
        let mut reader = Reader::default();
        let when = format!("came at {held}");
        reader.look_and_lose_nothing(&world, || when.clone()).await;
        world.put_lines(HOUR, "3", &LINES[2..]).await;
        let shown = sleeper.wake_and_watch(&world, &mut reader, &when).await;
        assert_eq!(shown.times, 0, "{when}: less was seen than before");
        world.tick("2026-11-20T16:25:00Z").await;
        reader.look_and_lose_nothing(&world, || format!("{when}: after the next tick")).await;
        assert_eq!(world.parquet_rows(HOUR).await, ROWS, "{when}");
        assert_eq!(world.athena().await[&hour(HOUR)], ROWS, "{when}");
        looks += reader.looks;
    }
    println!("C-late: an object at each of {calls} calls is there after the next tick; {looks} looks, at every gate");
}

/// How many rows of each hour the view has.
async fn counts(world: &World) -> BTreeMap<Hour, usize> {
    world.athena().await.into_iter().map(|(hour, rows)| (hour, rows.len())).collect()
}

#[tokio::test]
async fn c_late_an_object_is_seen_after_two_ticks_however_late_it_is() {
    let mut compared = 0;
    for (late, ticks) in [
        ("2026-11-20T14:55:00Z", ["2026-11-20T15:25:00Z", "2026-11-20T16:25:00Z"]),
        ("2026-11-21T14:55:00Z", ["2026-11-21T15:25:00Z", "2026-11-21T16:25:00Z"]),
        ("2026-11-22T05:55:00Z", ["2026-11-22T06:25:00Z", "2026-11-22T07:25:00Z"]),
    ] {
        let world = prepared().await.world();
        for neighbour in ["2026-11-20T12", "2026-11-20T14"] {
            world.put_lines(neighbour, "1", &LINES).await;
        }
        for day_hour in ["20T16", "20T20", "21T02"] {
            let now = format!("2026-11-{day_hour}:25:00Z");
            if *now < *late {
                world.tick(&now).await;
            }
        }
        let mut reader = Reader::default();
        reader.look_and_lose_nothing(&world, || late.to_owned()).await;
        world.put_lines(HOUR, "3", &LINES[2..]).await;
        let mut seen = counts(&world).await;
        for now in ticks {
            world.tick(now).await;
            reader.look_and_lose_nothing(&world, || format!("{late}: at {now}")).await;
            let now_seen = counts(&world).await;
            for (hour, count) in &seen {
                assert!(now_seen.get(hour) >= Some(count), "{late}: the count of {hour} fell at {now}");
                compared += 1;
            }
            seen = now_seen;
        }
        assert_eq!(world.athena().await[&hour(HOUR)], ROWS, "{late}");
    }
    println!("C-late: an object 1, 25 and 40 hours late is there after two ticks; {compared} counts of hours compared");
}

/// A reader that plans as Athena does, from what Glue says, and reads its files up to a day later.
#[derive(Default)]
struct Query {
    plans: Vec<(DateTime<Utc>, Vec<String>)>,
    read: usize,
    planned: usize,
}

impl Query {
    /// Reads what was planned within a day before `now`, and plans anew.
    async fn read_and_plan(&mut self, world: &World, now: DateTime<Utc>, when: &str) {
        self.plans.retain(|(planned, _)| now - *planned < TimeDelta::hours(24));
        for (planned, files) in &self.plans {
            for file in files {
                assert!(world.has(file), "{now} {when}: {file} is gone, which was planned at {planned}");
                self.read += 1;
            }
        }
        let files = world.plan().await;
        assert!(!files.is_empty(), "{now} {when}: the hour has no files");
        // The same files planned again are read longer.
        self.plans.retain(|(_, planned)| *planned != files);
        self.plans.push((now, files));
        self.planned += 1;
    }
}

/// Between the commit and the partition's change a query still plans the old folder; it reads that after the change.
#[tokio::test(start_paused = true)]
async fn c_query_a_reader_finds_its_files_for_a_day_after_it_planned() {
    let world = prepared().await.world();
    let (mut query, mut calls, mut swaps) = (Query::default(), 0, 0);
    for tick in 0..60 {
        let now = hour("2026-11-20T15").start() + TimeDelta::minutes(25 + 60 * tick);
        if tick % 5 == 0 && tick < 30 {
            let line = format!(r#"{{"log_id":"late {tick}","type":"s"}}"#);
            world.put_lines(HOUR, &format!("late {tick}"), &[&line]).await;
        }
        let before = world.plan().await;
        let sleeper = Sleeper::start(&world, Wall::at(&now.to_rfc3339()).run(&format!("reading{tick}")));
        while let Some(call) = sleeper.go_on(0).await {
            query.read_and_plan(&world, now, &format!("before {call}")).await;
            sleeper.go_on(1).await;
            calls += 1;
        }
        sleeper.wake().await;
        query.read_and_plan(&world, now, "after the tick").await;
        swaps += usize::from(world.plan().await != before);
    }
    let folders: BTreeSet<String> =
        world.keys("parquet/").await.iter().map(|key| key.rsplit_once('/').unwrap().0.to_owned()).collect();
    assert_eq!(folders.len(), 1, "old folders are collected: {folders:?}");
    assert_eq!(swaps, 6, "every object that came changed the folder");
    println!(
        "C-query: planned from Glue {} times, at each of {calls} calls, {swaps} swaps; {} files read up to a day later; \
         {} folders are left",
        query.planned,
        query.read,
        folders.len()
    );
}
