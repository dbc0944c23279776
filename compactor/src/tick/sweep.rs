//! The sweep over the catalog: what a listing of it shows to be wrong is repaired before any hour is visited.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::{StreamExt, stream};
use log_format::Hour;
use telemetry::error_chain;

use crate::clock::Run;
use crate::hour::error::HourError;
use crate::hour::plan::Idle;
use crate::hour::publish::{Publication, Published};
use crate::hour::{Compactor, Outcome, Waiting};
use crate::tick::definitions::Definitions;
use crate::tick::discovery::{Discovery, DiscoveryError};

/// The share of a run, in hundredths, that the sweep leaves to the hours.
const SWEEP_PERCENT_LEFT: u32 = 50;

/// Partitions that are made at once when somebody asked for a repair.
const CALLS_AT_ONCE: usize = 16;

/// What became of the places where the catalog was not as we define it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct DefinitionsSwept {
    /// Partitions that were made as we define them, and partitions that were deleted because they gave rows to no hour or to
    /// a wrong one.
    pub repaired: u64,
    /// What differs between the tables and our definitions, a sentence each. A tick does not change a table.
    pub tables: Vec<String>,
    /// What could not be repaired, and why.
    pub failures: Vec<String>,
}

impl Compactor {
    /// Registers the hours that Glue does not know, makes stale partitions follow their manifests, and makes the others as we
    /// define them, whoever lost or changed them. Columns are not listed: they would make the listing three times as long.
    pub(super) async fn sweep(
        self: &Arc<Self>,
        discovery: &mut Discovery,
        run: &Arc<Run>,
    ) -> (BTreeMap<Hour, Outcome>, DefinitionsSwept) {
        let kept_back = run.clock.left() * SWEEP_PERCENT_LEFT / 100;
        let mut outcomes = BTreeMap::new();
        let mut swept =
            DefinitionsSwept { tables: discovery.definitions.tables.clone(), ..DefinitionsSwept::default() };
        for &hour in &discovery.unregistered {
            if run.clock.left() < kept_back {
                return (outcomes, swept);
            }
            let outcome = self.isolated(run, move |it, run| async move { it.register(hour, &run).await }).await;
            if outcome == Outcome::Repaired {
                discovery.registered.insert(hour);
            }
            outcomes.insert(hour, outcome);
        }
        for &hour in &discovery.stale {
            if run.clock.left() < kept_back {
                return (outcomes, swept);
            }
            let outcome = self.isolated(run, move |it, run| async move { it.repair_partition(hour, None, &run).await });
            let outcome = outcome.await;
            let differed = discovery.definitions.parquet.contains(&hour);
            swept.repaired += u64::from(differed && outcome == Outcome::Repaired);
            outcomes.insert(hour, outcome);
        }
        for &hour in &discovery.definitions.json {
            if run.clock.left() < kept_back {
                return (outcomes, swept);
            }
            let outcome = self.isolated(run, move |it, run| async move { it.repair_json_partition(hour, &run).await });
            let outcome = outcome.await;
            swept.repaired += u64::from(outcome == Outcome::Repaired);
            // A failure at the hour's Parquet partition is not written over by a success here.
            outcomes.entry(hour).or_insert(outcome);
        }
        self.delete_foreign(&discovery.definitions, run, &mut swept).await;
        (outcomes, swept)
    }

    /// Makes the tables and the JSON partitions as we define them, registers every hour with objects, and deletes the
    /// partitions that give rows to no hour or to a wrong one. Parquet partitions follow when their hours are visited.
    ///
    /// # Errors
    ///
    /// The bucket or the catalog could not be listed, or a table that is missing not be made. What fails at a table that differs
    /// or at a partition is among the failures.
    pub async fn repair_catalog(self: &Arc<Self>, run: &Run) -> Result<DefinitionsSwept, DiscoveryError> {
        let mut swept = DefinitionsSwept::default();
        let tables = self.catalog.tables().await?;
        if !tables.missing.is_empty() {
            run.clock.may_write()?;
            self.catalog.ensure_tables().await?;
        }
        if !tables.differences.is_empty() {
            run.clock.may_write()?;
            if let Err(error) = self.catalog.repair_tables().await {
                swept.failures.push(error_chain(&error));
                swept.tables = tables.differences;
            }
        }
        let (objects, definitions, registered) = self.discoverer(&run.clock).discover_definitions().await?;
        let missing = objects.into_iter().filter(|hour| !registered.contains(hour));
        let made = stream::iter(missing).map(|hour| async move { (hour, self.register(hour, run).await) });
        let mut made = made.buffer_unordered(CALLS_AT_ONCE).boxed();
        while let Some((hour, repaired)) = made.next().await {
            swept.count(hour, repaired);
        }
        let differing = stream::iter(definitions.json.clone());
        let made = differing.map(|hour| async move { (hour, self.repair_json_partition(hour, run).await) });
        let mut made = made.buffer_unordered(CALLS_AT_ONCE).boxed();
        while let Some((hour, repaired)) = made.next().await {
            swept.count(hour, repaired);
        }
        self.delete_foreign(&definitions, run, &mut swept).await;
        Ok(swept)
    }

    /// Deletes the partitions that give rows to no hour or to a wrong one.
    async fn delete_foreign(&self, found: &Definitions, run: &Run, swept: &mut DefinitionsSwept) {
        for (table, values) in &found.of_none {
            if run.clock.may_write().is_err() {
                return;
            }
            match self.catalog.delete_partition(table, values).await {
                Ok(()) => swept.repaired += 1,
                Err(error) => swept.failures.push(error_chain(&error)),
            }
        }
        self.delete_misplaced(&found.misplaced, run, swept).await;
        self.delete_misplaced(&found.misplaced_days, run, swept).await;
    }

    async fn delete_misplaced<P: Published>(&self, periods: &[P], run: &Run, swept: &mut DefinitionsSwept) {
        for &period in periods {
            if run.clock.may_write().is_err() {
                return;
            }
            match self.delete_if_misplaced(period, run).await {
                Ok(deleted) => swept.repaired += u64::from(deleted),
                Err(error) => swept.failures.push(format!("{period}: {}", error_chain(&error))),
            }
        }
    }

    /// Deletes the Parquet partition of an hour or a day if nothing of it is live and the partition names no folder of it, both
    /// read right before. A folder of its own may be all that is left of it. Returns whether it was deleted.
    async fn delete_if_misplaced<P: Published>(&self, period: P, run: &Run) -> Result<bool, HourError> {
        let live = self.store.read(period, &run.clock).await?.manifest.live.is_some();
        let pointer = self.catalog.pointer(period).await?;
        if live || pointer.is_none_or(|pointer| pointer.is_of(period, self.bucket.name())) {
            return Ok(false);
        }
        run.clock.may_write()?;
        self.catalog.delete_partition(P::TABLE, &period.values()).await?;
        // Another run may have published it in between.
        self.repair_partition(period, None, run).await?;
        Ok(true)
    }

    /// Registers an hour whose notification was lost, or that was adopted, so that the view shows its JSON at once.
    async fn register(&self, hour: Hour, run: &Run) -> Result<Outcome, HourError> {
        run.clock.may_write()?;
        self.catalog.ensure_json_partition(hour).await?;
        Ok(Outcome::Repaired)
    }

    /// Makes the JSON partition of an hour as we define it.
    async fn repair_json_partition(&self, hour: Hour, run: &Run) -> Result<Outcome, HourError> {
        run.clock.may_write()?;
        self.catalog.repair_json_partition(hour).await?;
        Ok(Outcome::Repaired)
    }

    /// Makes a stale partition follow its manifest. One that has to wait stays as it is, which is told as [`Outcome::Waits`]. Once
    /// the time in it has passed, this is called again with what it `waited` for.
    ///
    /// # Errors
    ///
    /// S3 or Glue failed, or a live file is missing.
    pub async fn repair_partition<P: Published>(
        &self,
        period: P,
        waited: Option<&Waiting>,
        run: &Run,
    ) -> Result<Outcome, HourError> {
        let stored = self.store.read(period, &run.clock).await?;
        let seen = waited.and_then(|waited| waited.seen.as_ref());
        Ok(match self.publisher(&run.clock).publish(stored, seen).await? {
            Publication::Done(_, Some(_)) => Outcome::Repaired,
            // An hour that is only claimed has no live folder.
            Publication::Done(_, None) => Outcome::Nothing(Idle::NoObjects),
            Publication::Waits(waiting) => Outcome::Waits(Box::new(Outcome::Repaired), waiting),
        })
    }
}

impl DefinitionsSwept {
    /// Counts the partitions that `differed` and that were made as we define them.
    pub(super) fn count_made<P: Ord>(&mut self, differed: &BTreeSet<P>, outcomes: &BTreeMap<P, Outcome>) {
        let made = |period: &&P| {
            let as_defined = |outcome: &&Outcome| match outcome {
                Outcome::Repaired | Outcome::Compacted { .. } => true,
                Outcome::Nothing(reason) => *reason != Idle::NoObjects,
                Outcome::Waits(..) | Outcome::Deferred(_) | Outcome::Failed(_) => false,
            };
            outcomes.get(period).filter(as_defined).is_some()
        };
        self.repaired += differed.iter().filter(made).count() as u64;
    }

    fn count(&mut self, hour: Hour, repaired: Result<Outcome, HourError>) {
        match repaired {
            Ok(_) => self.repaired += 1,
            Err(error) => self.failures.push(format!("{hour}: {}", error_chain(&error))),
        }
    }
}
