//! Events from end to end under a simulated clock.
//!
//! Records go to Firehose at the moment they arrive; the clock stops at every tick in between. Ticks come hourly in the
//! 48 hours after each event and not in the years between, so a day, or the events of nine years, take seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use compactor::clock::{Clock, RUN_MINUTES_MAX};
use compactor::config::Limits;
use compactor::hour::{Compactor, Run};
use compactor::hours::{Request, Scope};
use compactor::manifest::{Counts, Manifest};
use indicatif::ProgressBar;
use local_aws::firehose::{Firehose, FirehoseError};
use log_format::Hour;
use tokio::time::Duration;
use uuid::Uuid;

use crate::args::Place;
use crate::given::{Given, SimulatedClock};
use crate::report::Carried;
use crate::stack::{Stack, Transformed};

/// The minute of the hour that ticks come at: the hour before has just closed.
const TICK_MINUTE: i64 = 25;
/// How long ticks go on after an event: the compactor's look-back, plus the hour that the event fell into.
const TICK_HOURS: i64 = 49;

/// The stack, a Firehose into it, and the clock they live by.
pub struct Pipeline {
    /// The stack.
    pub stack: Stack,
    clock: SimulatedClock,
    firehose: Firehose,
    transformed: Transformed,
    nonce: Uuid,
    /// The moment it is outside.
    now: DateTime<Utc>,
    ticks: u64,
    /// No tick is due before this moment; none where nothing has arrived yet.
    cursor: Option<DateTime<Utc>>,
    last_arrival: Option<DateTime<Utc>>,
    /// Each hour that a record arrived in, with what its manifest said before.
    before: BTreeMap<Hour, Story>,
    carried: Carried,
    /// What went wrong, told once however many ticks it went on.
    troubles: BTreeSet<String>,
    bar: ProgressBar,
}

/// What matters here of a manifest.
#[derive(Debug, Clone, Default)]
struct Story {
    counts: Counts,
    commits: u64,
    json_bytes: u64,
    parquet_bytes: u64,
}

impl Story {
    fn of(manifest: &Manifest) -> Story {
        let Some(live) = &manifest.live else { return Story::default() };
        Story {
            counts: live.counts,
            commits: manifest.commits,
            json_bytes: live.inputs.iter().map(|input| input.size).sum(),
            parquet_bytes: live.files.iter().map(|file| file.size).sum(),
        }
    }
}

impl Pipeline {
    /// A pipeline into the folder at `place`. The bar is moved by one for each record.
    pub async fn open(place: &Place, given: &Given, bar: ProgressBar) -> anyhow::Result<Pipeline> {
        let clock = SimulatedClock::at(given.now);
        let stack = Stack::open(place, clock.reader()).await?;
        let transformed = Transformed::default();
        let firehose = stack.firehose(given.nonce, &transformed);
        let mut pipeline = Pipeline {
            stack,
            clock,
            firehose,
            transformed,
            nonce: given.nonce,
            now: given.now,
            ticks: 0,
            cursor: None,
            last_arrival: None,
            before: BTreeMap::new(),
            carried: Carried::default(),
            troubles: BTreeSet::new(),
            bar,
        };
        pipeline.settle_existing().await?;
        Ok(pipeline)
    }

    /// Compacts what is in the folder already, so that it is not taken for something that came with this run.
    async fn settle_existing(&mut self) -> anyhow::Result<()> {
        let end = Hour::of(self.clock.now()).next();
        let hours = self.stack.compactor.inputs_by_hour(Hour::EPOCH, end).await?;
        match hours.keys().next() {
            Some(first) => self.tick(Scope::Range(*first, end)).await,
            None => Ok(()),
        }
    }

    /// Takes a record in at `at`, which is never before that of the last one. Where `release` is given, its object is
    /// held back until then.
    pub async fn put(
        &mut self,
        record: Bytes,
        at: DateTime<Utc>,
        release: Option<DateTime<Utc>>,
    ) -> anyhow::Result<()> {
        self.tick_until(at).await?;
        self.clock.set(at);
        self.remember(Hour::of(at)).await?;
        self.carried.events += 1;
        self.bar.inc(1);
        let put = match release {
            Some(release) => self.firehose.put_held(record, at, release).await,
            None => self.firehose.put(record, at).await,
        };
        self.last_arrival = Some(at);
        match put {
            // EventBridge would not have taken it either; it is counted, and nothing else waits for it.
            Err(FirehoseError::RecordTooLarge { bytes }) => {
                self.carried.too_large += 1;
                self.troubles
                    .insert(format!("record {} of {bytes} bytes is larger than Firehose takes", self.carried.events));
                Ok(())
            }
            put => put.context("Firehose could not take a record"),
        }
    }

    /// Lets everything settle, and says what became of all records.
    pub async fn finish(mut self) -> anyhow::Result<(Stack, Carried)> {
        if let Some(last) = self.last_arrival {
            self.bar.set_message("settling");
            self.tick_until(last + TimeDelta::hours(TICK_HOURS)).await?;
        }
        self.firehose.flush(self.clock.now()).await?;
        self.sum_up().await?;
        self.bar.finish_and_clear();
        Ok((self.stack, self.carried))
    }

    async fn tick_until(&mut self, until: DateTime<Utc>) -> anyhow::Result<()> {
        let mut next = next_tick(*self.cursor.get_or_insert(until));
        while next <= until && self.last_arrival.is_some_and(|last| next <= last + TimeDelta::hours(TICK_HOURS)) {
            self.clock.set(next);
            self.bar.set_message(next.format("%Y-%m-%d %H:%M").to_string());
            self.firehose.advance(next).await?;
            self.tick(Scope::Tick).await?;
            next = next_tick(next);
        }
        self.cursor = Some(until);
        Ok(())
    }

    async fn tick(&mut self, scope: Scope) -> anyhow::Result<()> {
        self.ticks += 1;
        let run = Arc::new(self.run(format!("{}{:05}", self.nonce.simple(), self.ticks), scope));
        let tick = self.compactor().tick(&run, |_, _| {}).await?;
        self.troubles.extend(tick.failures());
        self.troubles.extend(tick.left_alone());
        self.carried.cut = tick.cut.and_then(Result::ok).map(|moved| moved.cut).or(self.carried.cut);
        Ok(())
    }

    /// The clock runs ahead of the real one where events are fresh, and the cut must not: what comes into an hour that is
    /// open still would be unseen.
    fn compactor(&self) -> Arc<Compactor> {
        let ahead = u32::try_from((self.clock.now() - self.now).num_hours()).unwrap_or(0);
        if ahead == 0 {
            return Arc::clone(&self.stack.compactor);
        }
        let standard = Limits::default();
        let limits = Limits { cut_lag_hours: standard.cut_lag_hours + ahead + 1, ..standard };
        self.stack.deployment_within("compactor", &limits).compactor
    }

    fn run(&self, nonce: String, scope: Scope) -> Run {
        let clock = Clock::start(self.clock.reader(), Duration::from_secs(RUN_MINUTES_MAX * 60));
        Run { clock, nonce, request: Request { scope, rewrite: false } }
    }

    async fn story(&self, hour: Hour) -> anyhow::Result<Story> {
        let run = self.run(String::new(), Scope::Tick);
        Ok(self.stack.compactor.manifest(hour, &run).await?.as_ref().map(Story::of).unwrap_or_default())
    }

    async fn remember(&mut self, hour: Hour) -> anyhow::Result<()> {
        if !self.before.contains_key(&hour) {
            let story = self.story(hour).await?;
            self.before.insert(hour, story);
        }
        Ok(())
    }

    async fn sum_up(&mut self) -> anyhow::Result<()> {
        let (transformed, delivered) = (self.transformed.report(), self.firehose.delivered());
        self.carried.lines = transformed.ok;
        self.carried.failed = delivered.failed + self.carried.too_large;
        self.carried.failed_by_reason = transformed.failed_by_reason();
        self.carried.json_objects = delivered.objects;
        self.carried.error_objects = delivered.error_objects;
        let lost = delivered.undelivered.iter().map(|it| format!("a notification was not taken: {}", it.error));
        self.troubles.extend(lost);
        self.carried.troubles = std::mem::take(&mut self.troubles).into_iter().collect();
        for (hour, before) in std::mem::take(&mut self.before) {
            let after = self.story(hour).await?;
            if !self.carried.add_hour(&before.counts, &after.counts) {
                let changed = format!("{hour} holds less than before: somebody else changed its objects");
                self.carried.troubles.push(changed);
            }
            self.carried.hours += u64::from(after.commits > before.commits);
            self.carried.commits += after.commits.saturating_sub(before.commits);
            self.carried.json_bytes += after.json_bytes;
            self.carried.parquet_bytes += after.parquet_bytes;
        }
        Ok(())
    }
}

/// The first tick after `moment`.
fn next_tick(moment: DateTime<Utc>) -> DateTime<Utc> {
    let tick = Hour::of(moment).start() + TimeDelta::minutes(TICK_MINUTE);
    if tick > moment { tick } else { tick + TimeDelta::hours(1) }
}
