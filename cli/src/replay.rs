//! `replay`: what Firehose kept under `error/`, and what a dead-letter queue holds, back into the event log.
//!
//! A record goes through the transform again and its line into the hour that it is now. Nothing under `error/` or `logs/`
//! is changed or deleted. What was replayed has a marker under `replayed/` ([`marker`]), written first, which says where
//! the lines lie, written second; both by conditional writes. So a run may be ended anywhere, and the next one goes on:
//! records with a marker but no object go where the marker says.

mod harvest;
pub mod marker;
mod objects;
mod place;
mod queue;

use std::collections::{BTreeMap, BTreeSet};

use compactor::bucket::Bucket;
use compactor::clock::WallClock;
use log_format::{Hour, layout};
use serde::Serialize;
use transform::batch::Report;

use crate::args::{Place, Replay};
use crate::deployment::Deployment;
use crate::given::Given;
use crate::{Verdict, progress, report};
use harvest::Harvest;
use marker::Marker;
use place::{Placed, place};

/// What is true of every run that met an error.
const STOPPED: &str = "what was done stays done, run it again";

/// What became of everything that was kept.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// True where it was only said what would be done; the numbers are what would become of it.
    pub dry_run: bool,
    /// Objects under `error/`.
    pub objects: u64,
    /// Those that an earlier run replayed.
    pub done_before: u64,
    /// Those that this run replayed.
    pub replayed: u64,
    /// Queues that were asked.
    pub queues: u64,
    /// Messages received.
    pub messages: u64,
    /// Those that were replayed, and deleted from their queue.
    pub messages_replayed: u64,
    /// Records that this run found in objects and messages.
    pub records: u64,
    /// Lines that this run added to the event log.
    pub lines: u64,
    /// Records that the transform refused again.
    pub failed: u64,
    /// The same by reason.
    pub failed_by_reason: BTreeMap<String, u64>,
    /// Lines of objects that hold no record.
    pub unreadable: u64,
    /// Objects written under `logs/`.
    pub json_objects: u64,
    /// The hours they lie in.
    pub hours: BTreeSet<Hour>,
    /// What could not be replayed, and why.
    pub troubles: Vec<String>,
}

/// Replays what the place keeps, and tells what became of it.
pub async fn replay(place: &Place, options: &Replay, given: &Given) -> anyhow::Result<Verdict> {
    let deployment = Deployment::open(place, "replay", given)?;
    let replayed = run(&deployment, options, given).await?;
    if place.json {
        report::print_json(&replayed)?;
    } else {
        report::print(&replayed.to_text())?;
    }
    Ok(Verdict::of(replayed.troubles.is_empty()))
}

/// Replays what the deployment keeps under `error/`, then the queues.
///
/// # Errors
///
/// Where S3, Glue or SQS says no. What was done until then stays done.
pub async fn run(deployment: &Deployment, options: &Replay, given: &Given) -> anyhow::Result<Replayed> {
    let queues = options.queues.len() as u64;
    let found = Replayed { dry_run: options.dry_run, queues, ..Replayed::default() };
    let mut replayer = Replayer {
        deployment,
        clock: given.clock(),
        dry_run: options.dry_run,
        found,
        unregistered: BTreeSet::new(),
        registered: BTreeSet::new(),
        there: BTreeMap::new(),
    };
    let bar = progress::bar(0, "objects and messages", given.terminal);
    replayer.replay_objects(&bar).await?;
    for url in &options.queues {
        replayer.replay_queue(url, &bar).await?;
    }
    bar.finish_and_clear();
    Ok(replayer.found)
}

/// A run, and what it has found so far.
struct Replayer<'a> {
    deployment: &'a Deployment,
    clock: WallClock,
    dry_run: bool,
    found: Replayed,
    /// Hours with replayed lines whose partition has not been looked for.
    unregistered: BTreeSet<Hour>,
    /// Hours that have a partition.
    registered: BTreeSet<Hour>,
    /// The objects of replayed lines that were there before, of the hours that were looked at.
    there: BTreeMap<Hour, BTreeSet<String>>,
}

impl<'a> Replayer<'a> {
    fn bucket(&self) -> &'a Bucket {
        &self.deployment.bucket
    }

    fn marker(&self, source: &str, etag: &str, harvest: &Harvest) -> Marker {
        Marker::new(source, etag, harvest, (self.clock)())
    }

    async fn place(&mut self, marker: Marker, harvest: &Harvest) -> anyhow::Result<Placed> {
        if self.dry_run {
            // A message may have been replayed by a run that was ended before it deleted it.
            let first = Marker::read(self.bucket(), &layout::replayed_key(&marker.source)).await?;
            let written = match &first {
                Some(first) => !self.is_done(first).await?,
                None => marker.object.is_some(),
            };
            return Ok(Placed::There { marker: first.unwrap_or(marker), written });
        }
        place(self.bucket(), marker, &harvest.lines).await
    }

    fn count(&mut self, marker: &Marker, written: bool, harvest: &Harvest) {
        self.found.add(&harvest.report);
        if written {
            self.found.lines += harvest.report.ok;
            self.found.json_objects += 1;
            self.found.hours.insert(marker.hour);
        }
        self.unregistered.extend(marker.object.as_ref().map(|_| marker.hour));
    }

    /// Sees that every hour with replayed lines has its partition. Most have: one walk finds those.
    async fn register(&mut self) -> anyhow::Result<()> {
        let Some(first) = self.unregistered.first().copied().filter(|_| !self.dry_run) else { return Ok(()) };
        self.registered.extend(self.deployment.catalog.json_hours(first..).await?);
        for hour in std::mem::take(&mut self.unregistered) {
            self.register_hour(hour).await?;
        }
        Ok(())
    }

    async fn register_hour(&mut self, hour: Hour) -> anyhow::Result<()> {
        if !self.registered.contains(&hour) {
            self.deployment.catalog.ensure_json_partition(hour).await?;
            self.registered.insert(hour);
        }
        Ok(())
    }
}

impl Replayed {
    /// Adds what the transform said. Lines count once they are written.
    fn add(&mut self, report: &Report) {
        self.records += report.records;
        self.failed += report.failed_total();
        for (reason, count) in report.reasons() {
            *self.failed_by_reason.entry(format!("{reason:?}")).or_default() += count;
        }
    }

    fn to_text(&self) -> String {
        let reasons = self.failed_by_reason.iter().map(|(reason, count)| format!("{reason}={count}"));
        let hours = self.hours.iter().map(Hour::to_string).collect::<Vec<_>>().join(", ");
        let place =
            if self.json_objects > 0 { format!("{} objects, in {hours}", self.json_objects) } else { String::new() };
        let objects = format!("{} replayed, {} were before", self.replayed, self.done_before);
        let mut rows = vec![
            ("objects under error/", self.objects, objects),
            ("records", self.records, String::new()),
            ("lines added to logs/", self.lines, place),
            ("refused again", self.failed, reasons.collect::<Vec<_>>().join(" ")),
            ("lines unreadable", self.unreadable, String::new()),
        ];
        if self.queues > 0 {
            rows.insert(1, ("messages", self.messages, format!("{} replayed", self.messages_replayed)));
        }
        let mut table = report::table(&["", "count", ""]);
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(comfy_table::CellAlignment::Left);
        }
        for (name, count, note) in rows {
            table.add_row([name.to_string(), count.to_string(), note]);
        }
        format!("{table}\n{}{}\n", report::troubles(&self.troubles), self.sentence())
    }

    fn sentence(&self) -> String {
        let refused = self.failed;
        match (self.dry_run, self.replayed + self.messages_replayed, self.troubles.is_empty()) {
            (true, ..) if self.messages > 0 => {
                "This is what would be done; nothing was. The messages are hidden for half a minute.".to_string()
            }
            (true, ..) => "This is what would be done; nothing was.".to_string(),
            (false, _, false) => "NOT ALL IS REPLAYED: see above.".to_string(),
            (false, 0, true) => "There was nothing left to replay.".to_string(),
            (false, _, true) if refused > 0 => {
                format!("All that is an event is replayed; {refused} records are none and stay where they are kept.")
            }
            (false, _, true) => "All is replayed.".to_string(),
        }
    }
}
