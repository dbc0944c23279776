//! Events from end to end under a simulated clock.
//!
//! Records go to Firehose at the moment they arrive; the clock stops at every tick in between. Ticks come hourly in the
//! 48 hours after each event and not in the years between, so events of a day, or of nine years, take seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use compactor::clock::{Clock, RUN_MINUTES_MAX, Run};
use compactor::config::Limits;
use compactor::hour::Compactor;
use compactor::request::{Request, Scope};
use indicatif::ProgressBar;
use local_aws::firehose::{Firehose, FirehoseError};
use log_format::Hour;
use projection::manifest::{Counts, Manifest};
use tokio::time::Duration;
use uuid::Uuid;

use crate::env::Env;
use crate::simulation::clock::SimulatedClock;
use crate::simulation::stack::{Stack, Transformed};
use crate::simulation::summary::RunSummary;
use crate::target::Target;

/// Ticks come at this minute of the hour, when the hour before has just closed.
const TICK_MINUTE: i64 = 25;
/// How long ticks go on after an event: the compactor's look-back, plus the hour that the event fell into.
const TICK_HOURS: i64 = 49;

/// A stack, a Firehose into it, and the simulated clock of both.
pub struct Pipeline {
    /// What the events go into.
    pub stack: Stack,
    clock: SimulatedClock,
    firehose: Firehose,
    transformed: Transformed,
    nonce: Uuid,
    /// The real time at the start.
    now: DateTime<Utc>,
    ticks: u64,
    /// Ticks up to this moment have been done. `None` until the first record arrives.
    cursor: Option<DateTime<Utc>>,
    last_arrival: Option<DateTime<Utc>>,
    /// The hours that records arrived in, each as it was before this run.
    before: BTreeMap<Hour, Snapshot>,
    summary: RunSummary,
    /// What went wrong, named once however many ticks it went on.
    troubles: BTreeSet<String>,
    bar: ProgressBar,
}

/// What an hour's manifest says at one moment.
#[derive(Debug, Clone, Default)]
struct Snapshot {
    counts: Counts,
    commits: u64,
    json_bytes: u64,
    parquet_bytes: u64,
}

impl Snapshot {
    fn of(manifest: &Manifest) -> Snapshot {
        let Some(live) = &manifest.live else { return Snapshot::default() };
        Snapshot {
            counts: live.counts,
            commits: manifest.commits,
            json_bytes: live.inputs.iter().map(|input| input.size).sum(),
            parquet_bytes: live.files.iter().map(|file| file.size).sum(),
        }
    }
}

impl Pipeline {
    /// A pipeline into the folder of `target`. The bar is moved by one for each record.
    ///
    /// # Errors
    ///
    /// If the folder cannot be opened, or what it holds cannot be compacted.
    pub async fn open(target: &Target, env: &Env, bar: ProgressBar) -> anyhow::Result<Pipeline> {
        let clock = SimulatedClock::at(env.now);
        let stack = Stack::open(target, clock.reader()).await?;
        env.opened(&stack.aws);
        let transformed = Transformed::default();
        let firehose = stack.firehose(env.nonce, &transformed);
        let mut pipeline = Pipeline {
            stack,
            clock,
            firehose,
            transformed,
            nonce: env.nonce,
            now: env.now,
            ticks: 0,
            cursor: None,
            last_arrival: None,
            before: BTreeMap::new(),
            summary: RunSummary::default(),
            troubles: BTreeSet::new(),
            bar,
        };
        pipeline.compact_existing().await?;
        Ok(pipeline)
    }

    /// Compacts what the folder already holds, so that it does not count as part of this run.
    async fn compact_existing(&mut self) -> anyhow::Result<()> {
        let end = Hour::of(self.clock.now()).next();
        let hours = self.stack.compactor.bucket().inputs_by_hour(Hour::EPOCH, end).await?;
        match hours.keys().next() {
            Some(first) => self.tick(Scope::Range(*first, end)).await,
            None => Ok(()),
        }
    }

    /// Sends a record to Firehose at `at`, which must not be before the record that was sent last. With `release`, its
    /// object is held back until then.
    ///
    /// # Errors
    ///
    /// If a tick fails as a whole, or Firehose cannot write.
    pub async fn put(
        &mut self,
        record: Bytes,
        at: DateTime<Utc>,
        release: Option<DateTime<Utc>>,
    ) -> anyhow::Result<()> {
        self.tick_until(at).await?;
        self.clock.set(at);
        self.remember(Hour::of(at)).await?;
        self.summary.events += 1;
        self.bar.inc(1);
        let put = match release {
            Some(release) => self.firehose.put_held(record, at, release).await,
            None => self.firehose.put(record, at).await,
        };
        self.last_arrival = Some(at);
        match put {
            // EventBridge would not have taken it either. It is counted, and the run goes on.
            Err(FirehoseError::RecordTooLarge { bytes }) => {
                self.summary.too_large += 1;
                self.troubles
                    .insert(format!("record {} of {bytes} bytes is larger than Firehose takes", self.summary.events));
                Ok(())
            }
            put => put.context("Firehose could not take a record"),
        }
    }

    /// Sends a record at `at`, as [`Pipeline::put`] does, that the transform refuses, as a faulty release would. Firehose
    /// keeps it under `error/`.
    ///
    /// # Errors
    ///
    /// If a tick fails as a whole, or Firehose cannot write.
    pub async fn put_refused(&mut self, record: Bytes, at: DateTime<Utc>) -> anyhow::Result<()> {
        self.transformed.refuse(record.clone());
        self.put(record, at, None).await
    }

    /// Ticks until every hour is compacted, and sums up what became of all records.
    ///
    /// # Errors
    ///
    /// If a tick fails as a whole, or Firehose cannot write.
    pub async fn finish(mut self) -> anyhow::Result<(Stack, RunSummary)> {
        if let Some(last) = self.last_arrival {
            self.bar.set_message("compacting");
            self.tick_until(last + TimeDelta::hours(TICK_HOURS)).await?;
        }
        self.firehose.flush(self.clock.now()).await?;
        self.sum_up().await?;
        self.bar.finish_and_clear();
        Ok((self.stack, self.summary))
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
        let run = Arc::new(self.run(format!("{}{:05}", self.nonce.simple(), self.ticks)));
        let tick = self.compactor().tick(&run, Request::new(scope, false), |_, _| {}).await?;
        self.troubles.extend(tick.failures());
        self.troubles.extend(tick.needs_operator());
        let moved = tick.watermark.and_then(Result::ok).map(|status| status.watermark);
        self.summary.watermark = moved.or(self.summary.watermark);
        Ok(())
    }

    /// The simulated clock runs ahead of the real one if events are fresh, but the watermark must not: the view would
    /// not show events that come later into an hour that is still open.
    fn compactor(&self) -> Arc<Compactor> {
        let ahead = u32::try_from((self.clock.now() - self.now).num_hours()).unwrap_or(0);
        if ahead == 0 {
            return Arc::clone(&self.stack.compactor);
        }
        let standard = Limits::default();
        let limits = Limits { watermark_lag_hours: standard.watermark_lag_hours + ahead + 1, ..standard };
        self.stack.compactor_within(limits)
    }

    fn run(&self, nonce: String) -> Run {
        Run { clock: self.clock_of_run(), nonce }
    }

    fn clock_of_run(&self) -> Clock {
        Clock::start(self.clock.reader(), Duration::from_secs(RUN_MINUTES_MAX * 60))
    }

    async fn snapshot(&self, hour: Hour) -> anyhow::Result<Snapshot> {
        let clock = self.clock_of_run();
        Ok(self.stack.compactor.manifest(hour, &clock).await?.as_ref().map(Snapshot::of).unwrap_or_default())
    }

    async fn remember(&mut self, hour: Hour) -> anyhow::Result<()> {
        if !self.before.contains_key(&hour) {
            let snapshot = self.snapshot(hour).await?;
            self.before.insert(hour, snapshot);
        }
        Ok(())
    }

    async fn sum_up(&mut self) -> anyhow::Result<()> {
        let (transformed, delivered) = (self.transformed.report(), self.firehose.delivered());
        self.summary.lines = transformed.ok;
        self.summary.refused = self.transformed.refused();
        self.summary.failed = delivered.failed + self.summary.too_large;
        self.summary.failed_by_reason = transformed.failed_by_reason();
        self.summary.reasons = transformed.reasons().collect();
        self.summary.json_objects = delivered.objects;
        self.summary.error_objects = delivered.error_objects;
        let lost = delivered.undelivered.iter().map(|it| format!("a notification was not taken: {}", it.error));
        self.troubles.extend(lost);
        self.summary.troubles = std::mem::take(&mut self.troubles).into_iter().collect();
        for (hour, before) in std::mem::take(&mut self.before) {
            let after = self.snapshot(hour).await?;
            if !self.summary.add_hour(&before.counts, &after.counts) {
                let changed = format!("{hour} holds less than before: somebody else changed its objects");
                self.summary.troubles.push(changed);
            }
            self.summary.hours += u64::from(after.commits > before.commits);
            self.summary.commits += after.commits.saturating_sub(before.commits);
            self.summary.json_bytes += after.json_bytes;
            self.summary.parquet_bytes += after.parquet_bytes;
        }
        Ok(())
    }
}

/// The first tick after `moment`.
fn next_tick(moment: DateTime<Utc>) -> DateTime<Utc> {
    let tick = Hour::of(moment).start() + TimeDelta::minutes(TICK_MINUTE);
    if tick > moment { tick } else { tick + TimeDelta::hours(1) }
}
