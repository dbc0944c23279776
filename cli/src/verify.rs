//! `verify`: proves from the bucket and the catalog alone that no delivered event is lost, doubled or half shown.
//!
//! Nothing that it reports comes from the compactor: the listings, the manifests, the files' bytes and the catalog are
//! held against each other ([`hour`]), and with `--deep` every row against every line, read by a reader of its own
//! (`lines`). With `--repair` the compactor mends what it can (`repair`), and all is looked at again. What a person or a
//! machine reads of it is in `told`: a line an hour, a summary, a sentence.

mod deep;
pub(crate) mod evidence;
pub mod finding;
pub mod hour;
mod lines;
mod repair;
mod replays;
mod text;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{bail, ensure};
use catalog::{Catalog, JSON, PARQUET};
use futures::StreamExt;
use indicatif::ProgressBar;
use log_format::Hour;
use serde::{Deserialize, Serialize};
use telemetry::error_chain;
use tokio::time::{Duration, sleep};

use crate::args::{Place, Verify};
use crate::deployment::Deployment;
use crate::given::Given;
use crate::{Verdict, progress, report};
use evidence::{Evidence, View};
use finding::{Difference, Finding};
use hour::{Checked, Checker, Projection};
pub use repair::Repair;
use replays::Replays;

/// An hour may be without Parquet for so long after it has closed: two ticks.
pub(crate) const PENDING_HOURS: i64 = 2;
/// How many hours are looked at at the same time: each holds its files in memory.
const HOURS_AT_ONCE: usize = 4;
/// How often what differs is looked at, until it differs in the same way twice.
const LOOKS_MAX: usize = 3;
/// How long after a look the next one begins: longer than it takes, as a rule, from a commit to the partition that follows.
const PAUSE: Duration = Duration::from_secs(3);
/// Why of something nothing can be said that will hold.
const CHANGING: &str = "it kept changing while it was looked at";

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// Hours that have anything.
    pub hours: u64,
    /// Hours that are not to be whole in Parquet yet: open, or closed a moment ago.
    pub pending: u64,
    /// Hours whose rows were compared with their lines.
    pub compared: u64,
    /// The hours' numbers, summed.
    #[serde(flatten)]
    pub totals: Totals,
    /// Objects under `error/`.
    pub error_objects: u64,
    /// Those whose records were replayed into the event log, or refused again.
    pub error_objects_replayed: u64,
    /// Records of those that were refused again: they are under `error/` alone.
    pub records_refused: u64,
    /// Objects under `logs/` that no reader takes for an hour's.
    pub unread_objects: u64,
    /// Everything that is wrong, in order of its hour.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub untold: Vec<String>,
    /// Every hour that was looked at.
    #[serde(skip)]
    pub by_hour: BTreeMap<Hour, Checked>,
    /// What is in no hour and was never the same twice.
    #[serde(skip)]
    changing: BTreeSet<Difference>,
    /// What was done about what was wrong before.
    pub repairs: Vec<Repair>,
}

/// Numbers of all hours.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// JSON objects.
    pub objects: u64,
    /// Their bytes.
    pub json_bytes: u64,
    /// What became of their lines.
    #[serde(flatten)]
    pub parquet: Projection,
}

/// Verifies, repairs if asked to, and tells what was found.
pub async fn verify(place: &Place, options: &Verify, given: &Given) -> anyhow::Result<Verdict> {
    let deployment = Deployment::open(place, "verify", given)?;
    if options.repair && place.aws {
        check_database(&deployment.catalog).await?;
    }
    let found = run(&deployment, options, given).await?;
    if place.json {
        report::print_json(&found.to_json()?)?;
    } else {
        report::print(&found.to_text())?;
    }
    Ok(found.verdict())
}

/// A database that was mistyped is not to be made on AWS.
async fn check_database(catalog: &Catalog) -> anyhow::Result<()> {
    for table in [JSON, PARQUET] {
        if catalog.table(table).await?.is_some() {
            return Ok(());
        }
    }
    let database = catalog.database();
    bail!(
        "database {database:?} has neither the table {JSON} nor {PARQUET}; is that --database right? If they were dropped, \
         the compactor's next run makes them anew"
    )
}

/// Verifies, repairs if asked to and verifies again.
///
/// # Errors
///
/// Where the bucket or the catalog cannot be listed, so that nothing can be told.
pub async fn run(deployment: &Deployment, options: &Verify, given: &Given) -> anyhow::Result<Verified> {
    let found = look(deployment, options, given).await?;
    if !options.repair || found.findings.is_empty() {
        return Ok(found);
    }
    let repairs = repair::repair(deployment, &found.findings, given).await;
    Ok(Verified { repairs, ..look(deployment, options, given).await? })
}

/// Looks at everything, and again at what differs, until that differs in the same way twice.
///
/// Nothing keeps a run from committing between the listings here and the reading of its manifest, and then a sound hour
/// looks damaged: its partition stale, its files missing. Such a difference names the attempts and ETags of its moment, so
/// it is not there, or not in the same words, once all was gathered anew, while what is really wrong is. To hold ETags
/// against each other instead would not do: Glue has none, and an hour may change without end for reasons of its own.
async fn look(deployment: &Deployment, options: &Verify, given: &Given) -> anyhow::Result<Verified> {
    let mut found = look_once(deployment, options, given, None).await?;
    let mut unsettled = found.findings.clone();
    for _ in 1..LOOKS_MAX {
        let doubtful = found.doubtful_hours();
        if unsettled.is_empty() && found.by_hour.values().all(|checked| checked.untold.is_none()) {
            break;
        }
        // A folder is this process's alone.
        if given.aws.is_some() {
            sleep(PAUSE).await;
        }
        let mut fresh = look_once(deployment, options, given, Some(&doubtful)).await?;
        unsettled = fresh.findings.iter().filter(|it| found.findings.binary_search(it).is_err()).cloned().collect();
        let settled = found.by_hour.into_iter().filter(|(hour, _)| !doubtful.contains(hour));
        fresh.by_hour.extend(settled);
        found = fresh;
    }
    found.leave_untold(&unsettled);
    found.add_up();
    Ok(found)
}

/// Looks at everything once, of the hours at those in `only`, if there is such a set. The findings are sorted.
async fn look_once(
    deployment: &Deployment,
    options: &Verify,
    given: &Given,
    only: Option<&BTreeSet<Hour>>,
) -> anyhow::Result<Verified> {
    let Deployment { bucket, catalog, limits, .. } = deployment;
    let replays = Replays::gather(bucket).await?;
    let mut evidence = Evidence::gather(bucket, catalog).await?;
    let mut found = Verified::default();
    found.at_replays(&replays, &evidence);
    if let Some((from, to)) = options.from.zip(options.to) {
        ensure!(from < to, "--from {from} is not before --to {to}; the latter is the hour after the last");
        evidence.keep(from, to);
    }
    let cut = found.at_cut(&evidence);
    found.at_view(&evidence, catalog.database(), cut);
    found.at_rest(&evidence);
    evidence.hours.retain(|hour, _| only.is_none_or(|only| only.contains(hour)));
    let checker = Checker { bucket: bucket.clone(), now: given.now, limits: limits.clone(), cut, deep: options.deep };
    let bar = progress::bar(evidence.hours.len() as u64, "hours", given.terminal);
    found.at_hours(checker, evidence, &bar).await;
    bar.finish_and_clear();
    found.findings.sort();
    Ok(found)
}

/// The content of `manifests/cut.json`, as far as it matters here.
#[derive(Deserialize)]
struct Cut {
    cut: Hour,
}

/// The hour up to which the view reads Parquet, by the cut's bytes.
pub(crate) fn cut_of(bytes: &[u8]) -> Option<Hour> {
    serde_json::from_slice::<Cut>(bytes).ok().map(|cut| cut.cut)
}

impl Verified {
    /// Could all be told, and is all proven?
    pub fn verdict(&self) -> Verdict {
        match (self.untold.is_empty(), self.findings.is_empty()) {
            (false, _) => Verdict::Unknown,
            (true, proven) => Verdict::of(proven),
        }
    }

    fn found(&mut self, difference: Difference, what: impl Into<String>) {
        self.findings.push(Finding { hour: None, difference, what: what.into() });
    }

    fn at_cut(&mut self, evidence: &Evidence) -> Option<Hour> {
        let key = log_format::layout::WATERMARK;
        let committed = evidence.hours.values().any(|hour| hour.has_manifest);
        match evidence.cut.as_deref().map(cut_of) {
            None if committed => self.found(Difference::CutMissing, key),
            None => {}
            Some(None) => self.found(Difference::CutUnreadable, key),
            Some(cut) => return cut,
        }
        None
    }

    /// The view is a cache of the cut.
    fn at_view(&mut self, evidence: &Evidence, database: &str, cut: Option<Hour>) {
        let name = format!("{database}.{}", catalog::VIEW);
        match (&evidence.view, cut) {
            (View::NotOurs, _) => self.found(Difference::ViewNotOurs, name),
            (View::Missing, _) if evidence.hours.values().any(|hour| hour.has_manifest) => {
                self.found(Difference::ViewMissing, name);
            }
            (View::Ours(view), Some(cut)) => {
                let ours = catalog::view::table(database, cut);
                if view.view_original_text() != ours.view_original_text() {
                    self.found(Difference::ViewOther, format!("{name} does not read Parquet up to {cut} as ours does"));
                }
            }
            (View::Missing | View::Ours(_), _) => {}
        }
    }

    fn at_rest(&mut self, evidence: &Evidence) {
        for table in &evidence.missing_tables {
            self.found(Difference::TableMissing, *table);
        }
        for object in &evidence.stray {
            self.found(Difference::ObjectStray, format!("{}, {} bytes", object.key, object.size));
        }
        self.unread_objects = evidence.unread.len() as u64;
    }

    /// Each hour in a task of its own, so that a file which brings a reader down costs that hour's answer alone.
    async fn at_hours(&mut self, checker: Checker, evidence: Evidence, bar: &ProgressBar) {
        let checker = Arc::new(checker);
        let tasks = evidence.hours.into_iter().map(|(hour, known)| {
            let checker = Arc::clone(&checker);
            let listed = Checked::listed(&known);
            async move { (hour, listed, tokio::spawn(async move { checker.check(hour, &known).await }).await) }
        });
        let mut tasks = futures::stream::iter(tasks).buffered(HOURS_AT_ONCE);
        while let Some((hour, listed, ended)) = tasks.next().await {
            bar.inc(1);
            let untold = |why| Checked { untold: Some(why), ..listed };
            let mut checked = match ended {
                Ok(Ok(checked)) => checked,
                Ok(Err(error)) => untold(error_chain(&error)),
                Err(_) => untold("looking at it panicked".to_string()),
            };
            self.findings.append(&mut checked.findings);
            self.by_hour.insert(hour, checked);
        }
    }

    /// The hours that are not known to be sound.
    fn doubtful_hours(&self) -> BTreeSet<Hour> {
        let differing = self.findings.iter().filter_map(|finding| finding.hour);
        let untold = self.by_hour.iter().filter(|(_, checked)| checked.untold.is_some()).map(|(hour, _)| *hour);
        differing.chain(untold).collect()
    }

    /// What never was the same twice is no difference, but nothing that could be told either.
    fn leave_untold(&mut self, unsettled: &[Finding]) {
        self.findings.retain(|finding| unsettled.binary_search(finding).is_err());
        for finding in unsettled {
            match finding.hour {
                Some(hour) => self.by_hour.entry(hour).or_default().untold = Some(CHANGING.to_string()),
                None => drop(self.changing.insert(finding.difference)),
            }
        }
    }

    /// The sums over the hours. What could not be told of one is named.
    fn add_up(&mut self) {
        let mut totals = Totals::default();
        for (hour, checked) in &self.by_hour {
            if let Some(why) = &checked.untold {
                self.untold.push(format!("{hour}: {why}"));
                continue;
            }
            self.hours += 1;
            self.pending += u64::from(checked.pending);
            self.compared += u64::from(checked.compared);
            totals.add(checked);
        }
        self.totals = totals;
        self.untold.extend(self.changing.iter().map(|difference| format!("{}: {CHANGING}", difference.name())));
    }
}

impl Totals {
    fn add(&mut self, hour: &Checked) {
        self.objects += hour.objects;
        self.json_bytes += hour.json_bytes;
        self.parquet += hour.parquet.unwrap_or_default();
    }
}
