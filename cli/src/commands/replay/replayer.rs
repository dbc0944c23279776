//! The state of one run, and the steps that objects and messages share.

use std::collections::BTreeSet;

use compactor::bucket::Bucket;
use compactor::clock::WallClock;
use log_format::{Hour, layout};

use super::error_records::ErrorRecords;
use super::marker::{Found, Marker};
use super::summary::Replayed;
use super::write::{Written, write};
use crate::args::Replay;
use crate::deployment::Deployment;
use crate::env::Env;

/// What is true of every run that ends with an error.
pub(super) const STOPPED: &str = "what was done stays done, run it again";

/// A run, and what it has found so far.
pub(super) struct Replayer<'a> {
    pub(super) deployment: &'a Deployment,
    clock: WallClock,
    pub(super) dry_run: bool,
    pub(super) found: Replayed,
    /// Hours with replayed lines whose partition has not been looked for.
    pub(super) unregistered: BTreeSet<Hour>,
    /// Hours that have a partition.
    registered: BTreeSet<Hour>,
}

impl<'a> Replayer<'a> {
    pub(super) fn new(deployment: &'a Deployment, options: &Replay, env: &Env) -> Replayer<'a> {
        let queues = options.queues.len() as u64;
        Replayer {
            deployment,
            clock: env.clock(),
            dry_run: options.dry_run,
            found: Replayed { dry_run: options.dry_run, queues, ..Replayed::default() },
            unregistered: BTreeSet::new(),
            registered: BTreeSet::new(),
        }
    }

    pub(super) fn bucket(&self) -> &'a Bucket {
        &self.deployment.bucket
    }

    /// A marker for records that go into the current hour.
    pub(super) fn marker(&self, source: &str, etag: &str, records: &ErrorRecords) -> Marker {
        Marker::new(source, etag, records, (self.clock)())
    }

    /// Writes marker and lines, or says what writing them would do.
    pub(super) async fn write(&mut self, marker: Marker, records: &ErrorRecords) -> anyhow::Result<Written> {
        if !self.dry_run {
            return write(self.bucket(), marker, &records.lines).await;
        }
        // A message may have been replayed by a run that ended before it deleted the message.
        let first = Marker::read(self.bucket(), &layout::replayed_key(&marker.source)).await?;
        let first = first.map(|(first, _)| first);
        let new = match &first {
            Some(first) => !self.is_done(first).await?,
            None => marker.object.is_some(),
        };
        Ok(Written::There { marker: first.unwrap_or(marker), new })
    }

    /// True if the lines are where the marker says, as they were written, or there are none.
    pub(super) async fn is_done(&self, marker: &Marker) -> anyhow::Result<bool> {
        Ok(marker.found(self.bucket()).await? == Found::Whole)
    }

    pub(super) fn count(&mut self, marker: &Marker, new: bool, records: &ErrorRecords) {
        self.found.add(&records.report);
        if new {
            self.found.lines += records.report.ok;
            self.found.json_objects += 1;
            self.found.hours.insert(marker.hour);
        }
        self.unregistered.extend(marker.object.as_ref().map(|_| marker.hour));
    }

    /// Makes the partition of every hour with replayed lines. Most hours have one: a single listing finds those.
    pub(super) async fn register(&mut self) -> anyhow::Result<()> {
        let Some(first) = self.unregistered.first().copied().filter(|_| !self.dry_run) else { return Ok(()) };
        self.registered.extend(self.deployment.catalog.json_hours(first..).await?);
        for hour in std::mem::take(&mut self.unregistered) {
            self.register_hour(hour).await?;
        }
        Ok(())
    }

    pub(super) async fn register_hour(&mut self, hour: Hour) -> anyhow::Result<()> {
        if !self.registered.contains(&hour) {
            self.deployment.catalog.ensure_json_partition(hour).await?;
            self.registered.insert(hour);
        }
        Ok(())
    }
}
