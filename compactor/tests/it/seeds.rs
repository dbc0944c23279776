//! C-seeds: random schedules of Firehose, transform, partitioner, compactors, collector, readers and clock, under faults
//! and the hands of others. A failing seed is named, and replayed by `SEED=<number>`.
//!
//! `SEEDS` says how many are tried; `SEED_SECONDS` for how long at most, and without `SEEDS` as many as that allows. Where
//! time is given and runs out before [`SEEDS_MIN`] of them, or as many as `SEEDS` says, the test fails.
#![expect(clippy::disallowed_methods, reason = "how many seeds are tried comes from the environment")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use catalog::{DAILY, PARQUET, VIEW};
use chrono::{DateTime, TimeDelta, Utc};
use compactor::config::Limits;
use compactor::hour::Compactor;
use local_aws::LocalAws;
use local_aws::firehose::{Firehose, Settings};
use local_aws::seam::{Call, Failure, Fault, Faults, Service};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use testkit::athena::Rows;
use testkit::lambda;
use testkit::world::{BUCKET, TICK, Wall, World, limited_compactor, world};
use uuid::Uuid;

/// How many are tried if nothing is said.
const SEEDS: u64 = 40;
/// How many must be tried where time is given.
const SEEDS_MIN: u64 = 2000;
/// Decisions of a schedule, and then some quiet ticks.
const STEPS: usize = 20;
/// How many ticks after the last fault everything has to be right.
const HEALING_TICKS: usize = 3;
/// A request that was signed longer ago is refused.
const SIGNED_MINUTES: i64 = 15;
/// A turn of the scrub.
const SCRUB_TICKS: usize = 84;
/// How late Firehose may deliver, about.
const LATE_HOURS_MAX: u32 = 26;
/// How many days were rolled up in all schedules.
static DAYS: AtomicU64 = AtomicU64::new(0);
const START: &str = "2026-11-20T10:05:00Z";

/// One schedule under way.
struct Schedule {
    random: ChaCha8Rng,
    seed: u64,
    world: World,
    wall: Wall,
    now: DateTime<Utc>,
    firehose: Firehose,
    events: u64,
    processes: u64,
    /// What a reader has seen on the view, and must see again.
    seen: Rows,
    /// Files that queries have planned to read.
    plans: Vec<(DateTime<Utc>, Vec<String>)>,
    story: Vec<String>,
}

fn firehose(aws: &LocalAws, seed: u64) -> Firehose {
    let mut settings = Settings::new("auth0", BUCKET, Uuid::from_u128(seed.into()));
    settings.buffer_bytes_max = 600;
    let caller = aws.as_caller("firehose");
    let created = aws.as_caller("s3").function("partitioner", lambda::partitioner(&aws.as_caller("partitioner")));
    Firehose::new(settings, caller.s3(), caller.function("transform", lambda::transform()), created)
}

impl Schedule {
    async fn new(seed: u64) -> Schedule {
        let world = world().await;
        let firehose = firehose(&world.aws, seed);
        let (wall, now) = (Wall::at(START), START.parse().unwrap());
        let random = ChaCha8Rng::seed_from_u64(seed);
        let (seen, plans, story) = Default::default();
        Schedule { random, seed, world, wall, now, firehose, events: 0, processes: 0, seen, plans, story }
    }

    fn below(&mut self, bound: u32) -> u32 {
        self.random.next_u32() % bound
    }

    fn pass(&mut self, time: TimeDelta) {
        self.now += time;
        self.wall.set(&self.now.to_rfc3339());
    }

    async fn run(mut self) {
        for _ in 0..STEPS {
            self.step().await;
            self.read("").await;
        }
        self.heal().await;
    }

    async fn step(&mut self) {
        match self.below(20) {
            0..5 => self.events_arrive().await,
            5..7 => self.an_event_comes_late().await,
            7 => self.deliver_again().await,
            8..12 => self.time_passes().await,
            12..18 => self.compact().await,
            18 => match self.below(2) {
                0 => self.two_compact().await,
                _ => self.one_sleeps().await,
            },
            _ => self.others_meddle().await,
        }
    }

    fn envelope(&mut self) -> Bytes {
        // Now and then an event is delivered again.
        let number =
            if self.events > 0 && self.below(6) == 0 { self.below(self.events as u32).into() } else { self.events };
        self.events = self.events.max(number + 1);
        Bytes::from(format!(
            r#"{{"id":"e","detail-type":"Auth0 log","detail":{{"log_id":"{number}","data":{{"log_id":"{number}","date":"{}","type":"s","user_id":"u{}"}}}}}}"#,
            START,
            number % 3
        ))
    }

    async fn events_arrive(&mut self) {
        let count = 1 + self.below(5);
        self.story.push(format!("{}: {count} events", self.now));
        for _ in 0..count {
            let (envelope, now) = (self.envelope(), self.now);
            // What Firehose could not do it tries again at the next call; the event is put until it is taken.
            while self.firehose.put(envelope.clone(), now).await.is_err() {
                self.make_the_database_anew().await;
            }
        }
    }

    async fn an_event_comes_late(&mut self) {
        let (envelope, hours) = (self.envelope(), 1 + self.below(LATE_HOURS_MAX));
        let release = self.now + TimeDelta::hours(hours.into());
        self.story.push(format!("{}: an event that comes {hours} h late", self.now));
        while self.firehose.put_held(envelope.clone(), self.now, release).await.is_err() {
            self.make_the_database_anew().await;
        }
    }

    /// The partitioner fails as long as there is no database, until a tick has made one.
    async fn make_the_database_anew(&mut self) {
        if self.world.glue.get_database().name("logs").send().await.is_err() {
            self.processes += 1;
            self.tick(&format!("compactor {}", self.processes)).await;
        }
    }

    async fn deliver_again(&mut self) {
        self.story.push(format!("{}: an object once more", self.now));
        let _ = self.firehose.deliver_again(self.now).await;
    }

    async fn time_passes(&mut self) {
        let minutes = [7, 30, 61, 185, 600][self.below(5) as usize];
        self.pass(TimeDelta::minutes(minutes));
        self.story.push(format!("{minutes} minutes pass"));
        let _ = self.firehose.advance(self.now).await;
    }

    /// A compactor of the process `name`. For every other seed days settle in an hour, so that its few days have some.
    fn compactor(&self, process: &LocalAws) -> Arc<Compactor> {
        let lag = if self.seed % 2 == 1 { 1 } else { Limits::default().day_lag_hours };
        limited_compactor(process, Limits { day_lag_hours: lag, ..Limits::default() })
    }

    /// A tick of a new process, which may meet faults and may end before its time.
    async fn compact(&mut self) {
        self.processes += 1;
        let (name, seed) = (format!("compactor {}", self.processes), self.random.next_u64());
        let faults = self.faults(seed, &name);
        self.story.push(format!("{}: {name} under {faults:?}", self.now));
        self.world.aws.inject(faults);
        self.tick(&name).await;
        self.world.aws.inject(Faults::none());
    }

    fn faults(&mut self, seed: u64, name: &str) -> Faults {
        match self.below(4) {
            0 => Faults::none(),
            1 => {
                let (end, name) = (u64::from(self.below(90)), name.to_owned());
                let fault = if self.below(2) == 0 { Fault::Before(Failure::End) } else { Fault::After(Failure::End) };
                Faults::by(move |number, call: &Call| {
                    (number == end && *call.caller == *name && call.service != Service::Lambda).then(|| fault.clone())
                })
            }
            _ => Faults::seeded(
                seed,
                [
                    (0.10, Fault::Before(Failure::SlowDown)),
                    (0.05, Fault::Before(Failure::Throttled)),
                    (0.02, Fault::Before(Failure::Conflict)),
                    (0.08, Fault::Before(Failure::Reset)),
                    (0.05, Fault::After(Failure::Reset)),
                    (0.02, Fault::After(Failure::Internal)),
                    (0.02, Fault::After(Failure::Silence)),
                    (0.02, Fault::Torn),
                    (0.01, Fault::Late(Duration::from_secs(70))),
                ],
            ),
        }
    }

    /// Two ticks at once, their calls in an order of chance.
    async fn two_compact(&mut self) {
        self.processes += 2;
        let names = [self.processes - 1, self.processes].map(|number| format!("compactor {number}"));
        self.story.push(format!("{}: {} and {} at once", self.now, names[0], names[1]));
        let gates = self.world.aws.hold();
        let tasks = names.each_ref().map(|name| {
            let compactor = self.compactor(&self.world.aws.as_caller(name));
            let run = Arc::new(self.wall.run(name));
            tokio::spawn(async move { compactor.tick(&run, TICK, |_, _| {}).await.is_ok() })
        });
        while !tasks.iter().all(tokio::task::JoinHandle::is_finished) {
            gates.settled().await;
            let held = gates.held();
            if !held.is_empty() {
                gates.open(held[self.random.next_u32() as usize % held.len()].ticket);
            }
        }
    }

    /// A tick that sleeps at one of its calls while the clock moves and, now and then, another comes; then it goes on.
    async fn one_sleeps(&mut self) {
        self.processes += 1;
        let name = format!("compactor {} sleeper", self.processes);
        let (calls, minutes, another) = (self.below(60), [4, 11, 16, 90, 1500][self.below(5) as usize], self.below(3));
        let too_old = Arc::default();
        self.world.aws.inject(refused(&name, &too_old));
        let gates = self.world.aws.hold_if({
            let name = name.clone();
            move |call| *call.caller == *name
        });
        let compactor = self.compactor(&self.world.aws.as_caller(&name));
        let run = Arc::new(self.wall.run(&name));
        let task = tokio::spawn(async move { compactor.tick(&run, TICK, |_, _| {}).await.is_ok() });
        let mut opened = 0;
        while opened < calls && !task.is_finished() {
            gates.settled().await;
            opened += u32::from(gates.open_for(&name));
        }
        gates.settled().await;
        let held: Vec<String> = gates.held().iter().map(|held| held.call.to_string()).collect();
        self.story.push(format!("{}: {name} sleeps {minutes} minutes at {held:?}", self.now));
        self.pass(TimeDelta::minutes(minutes));
        let _ = self.firehose.advance(self.now).await;
        if minutes > SIGNED_MINUTES {
            *too_old.lock().unwrap() = held;
        }
        if another > 0 {
            self.processes += 1;
            let other = format!("compactor {}", self.processes);
            self.story.push(format!("{}: {other} meanwhile", self.now));
            self.tick(&other).await;
        }
        drop(gates);
        task.await.unwrap();
        self.world.aws.inject(Faults::none());
    }

    async fn tick(&self, name: &str) {
        let process = self.world.aws.as_caller(name);
        let (compactor, run) = (self.compactor(&process), Arc::new(self.wall.run(name)));
        tokio::select! {
            // Under faults a tick may fail as a whole; the next one goes on.
            _ = compactor.tick(&run, TICK, |_, _| {}) => {}
            () = process.ended() => {}
        }
    }

    /// Somebody drops the database, the Parquet partitions, or the view. What is dropped is not seen until a tick has put
    /// it back.
    async fn others_meddle(&mut self) {
        let glue = &self.world.glue;
        let what = self.random.next_u32() % 5;
        if what == 0 {
            self.story.push(format!("{}: the database is dropped", self.now));
            let _ = glue.delete_database().name("logs").send().await;
            self.plans.clear();
        } else if what < 3 {
            self.story.push(format!("{}: the view is dropped", self.now));
            let _ = glue.delete_table().database_name("logs").name(VIEW).send().await;
        } else {
            self.story.push(format!("{}: the Parquet partitions are dropped", self.now));
            let hours =
                self.world.hours(PARQUET).await.into_iter().map(|hour| (PARQUET, hour.partition_values().to_vec()));
            let days = self.world.days().await.into_iter().map(|day| (DAILY, day.partition_values().to_vec()));
            for (table, values) in hours.chain(days).collect::<Vec<_>>() {
                let drop = glue.delete_partition().database_name("logs").table_name(table);
                drop.set_partition_values(Some(values)).send().await.unwrap();
            }
            self.plans.clear();
        }
        self.seen.clear();
    }

    /// No row twice, none from nowhere, none gone that was seen; and every file is there that a query planned to read.
    async fn read(&mut self, when: &str) {
        let (found, truth) = (self.world.athena().await, self.world.delivered());
        for (hour, rows) in &found {
            let twice = rows.windows(2).find(|pair| pair[0] == pair[1]);
            assert!(twice.is_none(), "{}: {hour} shows a row twice: {rows:?}", self.told(when));
            let nowhere = rows.iter().find(|row| !truth.get(hour).is_some_and(|all| all.contains(row)));
            assert!(nowhere.is_none(), "{}: {hour} shows a row from nowhere: {nowhere:?}", self.told(when));
        }
        for (hour, rows) in &self.seen {
            let gone = rows.iter().find(|row| !found.get(hour).is_some_and(|now| now.contains(row)));
            assert!(gone.is_none(), "{}: {hour} lost {gone:?}", self.told(when));
        }
        // Where the view is gone nobody sees anything.
        let view = self.world.catalog.view().await.unwrap();
        self.seen = view.map(|_| found).unwrap_or_default();
        self.world.check_folders(&self.told(when));
        self.read_what_was_planned().await;
    }

    async fn read_what_was_planned(&mut self) {
        let now = self.now;
        self.plans.retain(|(planned, _)| now - *planned < TimeDelta::hours(24));
        for (planned, wanted) in &self.plans {
            let missing = wanted.iter().find(|file| !self.world.has(file));
            assert!(missing.is_none(), "{}: {missing:?} is missing, planned at {planned}", self.told(""));
        }
        self.plans.push((now, self.world.plan().await));
    }

    /// Firehose ends what it holds, and a few ticks later everything is right.
    async fn heal(&mut self) {
        self.world.aws.inject(Faults::none());
        for number in 0..2 {
            self.tick(&format!("between {number}")).await;
            self.pass(TimeDelta::hours(i64::from(LATE_HOURS_MAX) / 2));
            while self.firehose.advance(self.now).await.is_err() {}
        }
        while self.firehose.flush(self.now).await.is_err() {}
        for number in 0..HEALING_TICKS {
            self.pass(TimeDelta::hours(1));
            self.tick(&format!("healer {number}")).await;
            self.read(&format!("healing tick {number}")).await;
        }
        let truth = self.world.delivered();
        // An object that came so late, with no tick in between, that its hour was beyond every look-back, is the scrub's.
        let looked_back_on = log_format::Hour::of(self.now - TimeDelta::hours(40));
        let young = |rows: &Rows| rows.clone().split_off(&looked_back_on);
        assert_eq!(young(&self.seen), young(&truth), "{}", self.told("in the end"));
        self.wait_for_the_rota(&truth).await;
        assert_eq!(self.seen, truth, "{}", self.told("after a turn of the scrub"));
        let ids: BTreeSet<&str> = truth.values().flatten().map(|row| row.split(' ').next().unwrap()).collect();
        DAYS.fetch_add(self.world.days().await.len() as u64, Ordering::Relaxed);
        assert_eq!(ids.len() as u64, self.events, "{}: an event is not under logs/", self.told("in the end"));
    }

    async fn wait_for_the_rota(&mut self, truth: &Rows) {
        for number in 0..SCRUB_TICKS {
            if self.seen == *truth {
                return;
            }
            self.pass(TimeDelta::hours(1));
            self.tick(&format!("scrub {number}")).await;
            self.read(&format!("scrub tick {number}")).await;
        }
    }

    fn told(&self, when: &str) -> String {
        format!("seed {} {when}\n  {}\n", self.seed, self.story.join("\n  "))
    }
}

/// Refuses the calls of `name` that are `too_old`, each once.
fn refused(name: &str, too_old: &Arc<Mutex<Vec<String>>>) -> Faults {
    let (name, too_old) = (name.to_owned(), Arc::clone(too_old));
    Faults::by(move |_, call| {
        let mut too_old = too_old.lock().unwrap();
        let found = too_old.iter().position(|held| *call.caller == *name && *held == call.to_string())?;
        too_old.remove(found);
        Some(Fault::Before(Failure::Expired))
    })
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn run(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async { Schedule::new(seed).await.run().await });
}

#[test]
fn c_seeds() {
    if let Some(seed) = from_env("SEED") {
        return run(seed);
    }
    let (asked, limit) = (from_env("SEEDS"), from_env("SEED_SECONDS"));
    let seeds = asked.unwrap_or(if limit.is_some() { u64::MAX } else { SEEDS });
    let (started, next) = (Instant::now(), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while limit.is_none_or(|limit| started.elapsed().as_secs() < limit) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    run(seed);
                }
            });
        }
    });
    let tried = next.load(Ordering::Relaxed).min(seeds);
    let (days, seconds) = (DAYS.load(Ordering::Relaxed), started.elapsed().as_secs());
    println!("C-seeds: {tried} schedules of {STEPS} steps, at whose ends {days} days are rolled up, in {seconds} s");
    let least = if limit.is_some() { seeds.min(SEEDS_MIN) } else { seeds };
    assert!(tried >= least, "only {tried} seeds were tried in the time given, and at least {least} must be");
}
