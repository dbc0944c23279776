//! What can be mended is mended by the compactor's own steps: conditional writes alone, no live folder edited in place,
//! no object under `logs/` touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use compactor::clock::{Clock, RUN_MINUTES_MAX};
use compactor::cut::CutError;
use compactor::hour::{Compactor, HourError, Outcome, Run, Visit};
use compactor::hours::{Request, Scope};
use compactor::plan::Turn;
use log_format::{Hour, layout};
use serde::Serialize;
use telemetry::error_chain;
use tokio::time::Duration;

use super::finding::{Difference, Finding, Remedy};
use crate::deployment::Deployment;
use crate::given::Given;

/// What was done about one hour, or about what is in none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Repair {
    /// The hour.
    pub hour: Option<Hour>,
    /// What was done, or why nothing was.
    pub done: String,
}

/// The differences of one hour.
#[derive(Debug, Clone, Default)]
struct Damage {
    kinds: BTreeSet<Difference>,
    /// The attempts that its manifest does not know.
    unknown: Vec<String>,
}

/// Mends what can be mended. That it worked is for the next look to say.
pub(super) async fn repair(deployment: &Deployment, findings: &[Finding], given: &Given) -> Vec<Repair> {
    let mut repairs = Vec::new();
    let remedies: Vec<Remedy> = findings.iter().map(|finding| finding.difference.remedy()).collect();
    if remedies.contains(&Remedy::Tables) {
        let made = deployment.catalog.ensure_tables(deployment.bucket.name()).await;
        repairs.push(told(None, made.map(|()| "the tables were made anew".to_string())));
    }
    for (number, (hour, damage)) in by_hour(findings).into_iter().enumerate() {
        let run = run(given, &number.to_string(), Scope::Range(hour, hour.next()));
        let compactor = Arc::clone(&deployment.compactor);
        let mended = tokio::spawn(async move { mend(&compactor, hour, &damage, run).await }).await;
        repairs.push(match mended {
            Ok(mended) => told(Some(hour), mended),
            Err(_) => Repair { hour: Some(hour), done: "mending it panicked".to_string() },
        });
    }
    if remedies.iter().any(|remedy| !matches!(remedy, Remedy::ByHand(_))) {
        repairs.push(told(None, mend_cut(&deployment.compactor, given).await));
    }
    repairs
}

fn by_hour(findings: &[Finding]) -> BTreeMap<Hour, Damage> {
    let mut hours: BTreeMap<Hour, Damage> = BTreeMap::new();
    for finding in findings {
        let Some(hour) = finding.hour else { continue };
        let damage = hours.entry(hour).or_default();
        damage.kinds.insert(finding.difference);
        if finding.difference == Difference::FolderUnknown {
            damage.unknown.extend(layout::attempt_of(&finding.what).map(|(_, attempt)| attempt));
        }
    }
    hours
}

impl Damage {
    fn calls_for(&self, remedy: Remedy) -> bool {
        self.kinds.iter().any(|kind| kind.remedy() == remedy)
    }
}

/// First what stands in the way of reading the hour's story, then what nobody knows, then what the compactor writes.
async fn mend(compactor: &Compactor, hour: Hour, damage: &Damage, mut run: Run) -> Result<String, HourError> {
    let mut done = Vec::new();
    if damage.calls_for(Remedy::BeginAnew) {
        let aside = compactor.begin_anew(hour, &run).await?;
        done.extend(aside.map(|key| format!("the unreadable manifest was kept as {key}")));
    }
    if !damage.unknown.is_empty() && compactor.retire_unknown(hour, &damage.unknown, &run).await? {
        done.push(format!("retired {}", damage.unknown.join(", ")));
    }
    if damage.kinds.contains(&Difference::InputReplaced) {
        // A visit would take the edited object for a new one, and its former lines would be gone from Parquet.
        done.push("left as it is: an object of its JSON was edited".to_string());
        return Ok(done.join("; "));
    }
    if damage.calls_for(Remedy::Rewrite) {
        run.request.scope = Scope::Damaged(hour);
    }
    let remedies = [Remedy::Rewrite, Remedy::Visit, Remedy::BeginAnew, Remedy::Retire];
    if remedies.iter().any(|remedy| damage.calls_for(*remedy)) {
        let visit = Visit { hour, registered: false, turn: Turn::Asked };
        done.push(outcome_text(&compactor.visit(visit, &run).await?));
    }
    if done.is_empty() {
        done.push("nothing here can mend it".to_string());
    }
    Ok(done.join("; "))
}

fn outcome_text(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Compacted { counts, .. } => format!("written anew from its JSON, {} rows", counts.rows),
        Outcome::Nothing(_) | Outcome::Righted => "the catalog was made to follow its manifest".to_string(),
        Outcome::Left(reason) => format!("left: {reason}"),
        Outcome::Failed(why) => format!("failed: {why}"),
    }
}

/// The cut and the view, by a tick that looks at no hour.
async fn mend_cut(compactor: &Arc<Compactor>, given: &Given) -> Result<String, CutError> {
    let run = Arc::new(run(given, "cut", Scope::Range(Hour::EPOCH, Hour::EPOCH)));
    let aside = compactor.begin_cut_anew(&run).await?;
    let kept = aside.map(|key| format!("the unreadable cut was kept as {key}; ")).unwrap_or_default();
    Ok(match compactor.tick(&run, |_, _| {}).await {
        Err(error) => format!("{kept}failed: {}", error_chain(&error)),
        Ok(tick) => match tick.cut {
            Some(Ok(moved)) => format!("{kept}the view reads Parquet up to {}", moved.cut),
            Some(Err(error)) => return Err(error),
            None => format!("{kept}no time was left for the cut"),
        },
    })
}

/// A run of a quarter of an hour, whose folders have a name of their own.
fn run(given: &Given, name: &str, scope: Scope) -> Run {
    let clock = Clock::start(given.clock(), Duration::from_secs(RUN_MINUTES_MAX * 60));
    let nonce = format!("{}r{name}", given.nonce.simple());
    Run { clock, nonce, request: Request { scope, rewrite: false } }
}

fn told(hour: Option<Hour>, done: Result<String, impl std::error::Error>) -> Repair {
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
