//! Repairs by the compactor's own steps: only conditional writes in the bucket, no live folder edited in place, no object
//! under `logs/` touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use compactor::clock::{Clock, RUN_MINUTES_MAX, Run};
use compactor::hour::error::HourError;
use compactor::hour::plan::{Pass, Rewrite};
use compactor::hour::repair::{replace_unreadable, retire_unknown};
use compactor::hour::{Compactor, Outcome, Visit};
use compactor::tick::DefinitionsSwept;
use compactor::watermark::WatermarkError;
use log_format::Hour;
use serde::Serialize;
use telemetry::error_chain;
use tokio::time::Duration;

use super::finding::{Difference, Finding, Remedy};
use crate::deployment::Deployment;
use crate::env::Env;

/// What was done about one hour, or about what is in no hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// The hour. `None` for the tables, the watermark and the view.
    pub hour: Option<Hour>,
    /// What was done, or why nothing was.
    pub done: String,
}

/// The differences of one hour.
#[derive(Debug, Clone, Default)]
struct Damage {
    kinds: BTreeSet<Difference>,
    /// The attempts that the manifest does not know.
    unknown: Vec<String>,
}

/// Repairs what can be repaired. Whether it worked is seen by verifying again.
pub(super) async fn repair(deployment: &Deployment, findings: &[Finding], env: &Env) -> Vec<Repair> {
    let mut repairs = Vec::new();
    let remedies: Vec<Remedy> = findings.iter().map(|finding| finding.difference.remedy()).collect();
    if remedies.iter().any(|remedy| matches!(remedy, Remedy::Define | Remedy::DeletePartition)) {
        let repaired = deployment.compactor.repair_catalog(&run(env, "catalog")).await;
        repairs.push(outcome(None, repaired.map(|swept| catalog_text(&swept))));
    }
    for (number, (hour, damage)) in by_hour(findings).into_iter().enumerate() {
        let run = run(env, &number.to_string());
        let compactor = Arc::clone(&deployment.compactor);
        let repaired = tokio::spawn(async move { repair_hour(&compactor, hour, &damage, run).await }).await;
        let repaired = match repaired {
            Ok(repaired) => outcome(Some(hour), repaired),
            Err(_) => Repair { hour: Some(hour), done: "repairing it panicked".to_string() },
        };
        if !repaired.done.is_empty() {
            repairs.push(repaired);
        }
    }
    if remedies.iter().any(|remedy| !matches!(remedy, Remedy::ByHand(_))) {
        repairs.push(outcome(None, repair_watermark(&deployment.compactor, env).await));
    }
    repairs
}

fn catalog_text(swept: &DefinitionsSwept) -> String {
    let failures = swept.failures.iter().map(|why| format!("; failed: {why}"));
    let tables = if swept.tables.is_empty() { "are as we define them" } else { "differ as before" };
    let made = format!("the tables {tables}, {} partitions were made or deleted", swept.repaired);
    std::iter::once(made).chain(failures).collect()
}

fn by_hour(findings: &[Finding]) -> BTreeMap<Hour, Damage> {
    let mut hours: BTreeMap<Hour, Damage> = BTreeMap::new();
    for finding in findings {
        let Some(hour) = finding.hour else { continue };
        let damage = hours.entry(hour).or_default();
        damage.kinds.insert(finding.difference);
        damage.unknown.extend(finding.attempt.clone());
    }
    hours
}

impl Damage {
    fn calls_for(&self, remedy: Remedy) -> bool {
        self.kinds.iter().any(|kind| kind.remedy() == remedy)
    }
}

/// First an unreadable manifest is replaced, then unknown folders are retired, then the compactor visits the hour.
async fn repair_hour(compactor: &Compactor, hour: Hour, damage: &Damage, run: Run) -> Result<String, HourError> {
    let mut done = Vec::new();
    if damage.calls_for(Remedy::ReplaceUnreadable) {
        let kept = replace_unreadable(compactor, hour, &run).await?;
        done.extend(kept.map(|key| format!("the unreadable manifest was kept as {key}")));
    }
    if !damage.unknown.is_empty() && retire_unknown(compactor, hour, &damage.unknown, &run).await? {
        done.push(format!("retired {}", damage.unknown.join(", ")));
    }
    if damage.kinds.contains(&Difference::InputReplaced) {
        // A visit would take the edited object for a new one and drop its former lines from Parquet.
        done.push("left as it is: an object of its JSON was edited".to_string());
        return Ok(done.join("; "));
    }
    if damage.kinds.contains(&Difference::RowForeign) {
        // Only Parquet still has these rows.
        done.push("left as it is: its JSON does not have all of its rows any more".to_string());
        return Ok(done.join("; "));
    }
    let rewrite = if damage.calls_for(Remedy::Rewrite) { Rewrite::Damaged } else { Rewrite::No };
    let remedies = [Remedy::Rewrite, Remedy::Visit, Remedy::ReplaceUnreadable, Remedy::Retire];
    if remedies.iter().any(|remedy| damage.calls_for(*remedy)) {
        let visit = Visit { hour, registered: false, pass: Pass::Asked, rewrite };
        done.push(outcome_text(&compactor.visit(visit, &run).await?));
    }
    let by_catalog = damage.calls_for(Remedy::Define) || damage.calls_for(Remedy::DeletePartition);
    if done.is_empty() && !by_catalog {
        done.push("nothing here can repair it".to_string());
    }
    Ok(done.join("; "))
}

fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Compacted { counts, .. } => format!("written anew from its JSON, {} rows", counts.rows),
        Outcome::Nothing(_) | Outcome::Repaired => "the catalog was made to follow its manifest".to_string(),
        Outcome::Deferred(reason) => format!("deferred: {reason}"),
        Outcome::Failed(why) => format!("failed: {why}"),
    }
}

/// Replaces an unreadable watermark, then moves the watermark and updates the view.
async fn repair_watermark(compactor: &Compactor, env: &Env) -> Result<String, WatermarkError> {
    let run = run(env, "watermark");
    let kept = compactor.replace_unreadable_watermark(&run).await?;
    let kept = kept.map(|key| format!("the unreadable watermark was kept as {key}; ")).unwrap_or_default();
    let status = compactor.move_watermark(&run.clock).await?;
    Ok(format!("{kept}the view reads Parquet up to {}", status.watermark))
}

/// A run of a quarter of an hour. `name` makes the names of its folders differ from those of other runs.
fn run(env: &Env, name: &str) -> Run {
    let clock = Clock::start(env.clock(), Duration::from_secs(RUN_MINUTES_MAX * 60));
    let nonce = format!("{}r{name}", env.nonce.simple());
    Run { clock, nonce }
}

fn outcome(hour: Option<Hour>, done: Result<String, impl std::error::Error>) -> Repair {
    Repair { hour, done: done.unwrap_or_else(|error| format!("failed: {}", error_chain(&error))) }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hour {
            Some(hour) => write!(f, "repair {hour}: {}", self.done),
            None => write!(f, "repair: {}", self.done),
        }
    }
}
