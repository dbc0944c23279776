//! D1, the proof of the proof: single damages to everything that lies in the bucket and the catalog, from a walk over the
//! structures and not from a list. What matters must be named and, where the JSON is there, be mended by one repair; what
//! changes nothing for a reader must not be called a difference.
//!
//! `DAMAGES=<number>` sets how many are tried, one of each kind first. `SEED=<number>` draws others.

mod glue;
mod objects;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::Replay;
use auth0_s3_logs::commands::replay;
use auth0_s3_logs::commands::verify::run;
use auth0_s3_logs::simulation::stack::Stack;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use compactor::clock::Clock;
use futures::{StreamExt, stream};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Duration;

use self::glue::Catalog;
use self::objects::Objects;
use self::oracle::Effect;
use super::days::with_day;
use super::{NOW, copied, delete, env, keys, options, put, put_lines, stack};
use crate::support::{BUCKET, deployment};

/// How many damages are tried if nobody says so.
const DAMAGES: u64 = 100;

/// One damage.
#[derive(Debug, Clone)]
struct Damage {
    /// What is damaged, and how.
    kind: String,
    /// Which one of those it is.
    what: String,
    action: Action,
    effect: Effect,
}

/// How the damage is done.
#[derive(Debug, Clone)]
enum Action {
    /// A call to Glue, and its input.
    Glue(&'static str, Value),
    /// An object is written.
    Put(String, Vec<u8>),
    /// An object is deleted.
    Delete(String),
    /// The bytes of an object rot where they lie: nothing that S3 says of it changes.
    Rot(String, Vec<u8>),
}

impl Damage {
    fn of_glue(kind: String, what: &str, call: &'static str, input: Value, effect: Effect) -> Damage {
        Damage { kind, what: what.to_string(), action: Action::Glue(call, input), effect }
    }

    /// False if Glue does not accept it, or takes it for what it has, so that nobody can do such a damage.
    async fn inflict(&self, stack: &Stack, folder: &Path, catalog: &Catalog) -> bool {
        match &self.action {
            Action::Glue(call, input) => {
                let accepted = glue::call(&stack.aws, call, input).await.is_ok();
                return accepted && Catalog::read(&stack.aws).await != *catalog;
            }
            Action::Put(key, bytes) => put(stack, key, bytes.clone()).await,
            Action::Delete(key) => delete(stack, key).await,
            Action::Rot(key, bytes) => {
                let file = folder.join(BUCKET).join(key);
                let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
                std::fs::write(&file, bytes).unwrap();
                std::fs::File::options().append(true).open(&file).unwrap().set_modified(modified).unwrap();
            }
        }
        true
    }
}

/// Everything that a reader gets: the catalog as it is on the wire, without what the compactor alone acts on, and the bytes of
/// every object that a partition names.
#[derive(Debug, PartialEq)]
struct Shown {
    tables: BTreeMap<String, Value>,
    partitions: BTreeMap<String, Vec<Value>>,
    rows: BTreeMap<String, Vec<String>>,
}

impl Shown {
    async fn of(stack: &Stack, folder: &Path) -> Shown {
        let Catalog { tables, mut partitions } = Catalog::read(&stack.aws).await;
        let mut rows = BTreeMap::new();
        // A partition over nothing gives nothing.
        let over_nothing = |partition: &Value| {
            let location = partition["StorageDescriptor"]["Location"].as_str().unwrap_or_default();
            location.strip_prefix(&format!("s3://{BUCKET}/logs/")).is_some_and(|path| {
                !std::fs::read_dir(folder.join(BUCKET).join("logs").join(path))
                    .is_ok_and(|mut files| files.next().is_some())
            })
        };
        for (table, partitions) in &mut partitions {
            partitions.retain(|partition| !over_nothing(partition));
            for partition in partitions {
                let location = partition["StorageDescriptor"]["Location"].as_str().unwrap().to_string();
                let location = location.strip_prefix(&format!("s3://{BUCKET}/")).unwrap().to_string();
                let name = format!("{table} {}", partition["Values"]);
                let prefix = folder.join(BUCKET).join(&location);
                if table == "auth0_logs_parquet" || table == "auth0_logs_daily" {
                    // A repair may write the same rows into another folder.
                    partition["StorageDescriptor"]["Location"] = Value::from(location.rsplitn(3, '/').last());
                    partition["Parameters"] = Value::Null;
                    rows.insert(name, rows_under(&prefix));
                }
            }
        }
        Shown { tables, partitions, rows }
    }
}

/// The rows of all files in a folder.
fn rows_under(folder: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let files = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let mut rows: Vec<String> = files.flat_map(testkit::world::rows_of).collect();
    rows.sort();
    rows
}

/// The bucket of the other tests, with a day that is rolled up, an open hour, and records that were replayed into it.
async fn base() -> TempDir {
    let data = with_day("a").await;
    let stack = stack(data.path());
    put_lines(&stack, "2025-03-01T20", "1.gz", "{\"log_id\":\"20\",\"type\":\"s\"}\n").await;
    let record = STANDARD.encode(r#"{"detail":{"data":{"log_id":"21","type":"f"}}}"#);
    put(&stack, "error/processing-failed/2025/03/01/07/1", format!("{{\"rawData\":\"{record}\"}}\n").into_bytes())
        .await;
    replay(&stack).await;
    // As far as it will go, so that no repair moves it.
    let clock = Clock::start(Arc::new(|| NOW.parse().unwrap()), Duration::from_secs(900));
    stack.compactor.move_watermark(&clock).await.status.unwrap();
    let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
    assert_eq!(found.verdict(), Verdict::Well, "{:?}", found.findings);
    data
}

async fn replay(stack: &Stack) {
    let options = Replay { queues: Vec::new(), dry_run: false };
    replay::run(&deployment(stack, "replay"), &options, &env(5)).await.unwrap();
}

/// Every single damage to a bucket and its catalog.
async fn damages(stack: &Stack) -> Vec<Damage> {
    let mut objects = Objects::new();
    let mut live = BTreeSet::new();
    for key in keys(stack, "").await {
        let bytes = super::bytes(stack, &key).await;
        if key.starts_with("manifests/2025/") {
            let manifest: Value = serde_json::from_slice(&bytes).unwrap();
            let attempt = manifest["live"]["attempt"].as_str().unwrap();
            let of = key.strip_prefix("manifests/").unwrap().strip_suffix(".json").unwrap();
            live.extend(match of.strip_suffix("/day") {
                Some(day) => vec![format!("daily/{day}/{attempt}/")],
                None => ["parquet/HOUR/ATTEMPT/", "rejected/HOUR/ATTEMPT.", "logs/HOUR/"]
                    .map(|prefix| prefix.replace("HOUR", of).replace("ATTEMPT", attempt))
                    .to_vec(),
            });
        }
        objects.push((key, bytes));
    }
    let mut damages = glue::damages(&Catalog::read(&stack.aws).await);
    damages.extend(objects::damages(&objects, &live));
    damages
}

/// `count` damages drawn by `seed`: one of each kind first.
fn drawn(mut damages: Vec<Damage>, count: usize, seed: u64) -> Vec<Damage> {
    fastrand::Rng::with_seed(seed).shuffle(&mut damages);
    let mut known = BTreeSet::new();
    let (first, more): (Vec<Damage>, Vec<Damage>) =
        damages.into_iter().partition(|damage| known.insert(damage.kind.clone()));
    first.into_iter().chain(more).take(count).collect()
}

/// Why a damage was not called rightly. `None` if it was, or if nobody can do it.
async fn judge(data: &TempDir, damage: &Damage, catalog: &Catalog, whole: &Shown) -> Result<bool, String> {
    let folder = copied(data);
    let stack = stack(folder.path());
    if !damage.inflict(&stack, folder.path(), catalog).await {
        return Ok(false);
    }
    // What nobody can bring back stays away, and nothing else changes.
    let damaged = if damage.effect == Effect::ByHand { Some(Shown::of(&stack, folder.path()).await) } else { None };
    let whole = damaged.as_ref().unwrap_or(whole);
    let found = run(&deployment(&stack, "verify"), &options(false, false), &env(1)).await.unwrap();
    let called = format!("{:?} {:?} {:?}", found.verdict(), found.findings, found.inconclusive);
    let expected = if damage.effect == Effect::Free { Verdict::Well } else { Verdict::Trouble };
    if found.verdict() != expected {
        return Err(format!("called {called}"));
    }
    match damage.effect {
        Effect::Free => return Ok(true),
        Effect::Replayed => replay(&stack).await,
        Effect::Mended | Effect::ByHand => {}
    }
    let again = run(&deployment(&stack, "verify"), &options(false, true), &env(2)).await.unwrap();
    let expected = if damage.effect == Effect::ByHand { Verdict::Trouble } else { Verdict::Well };
    if again.verdict() != expected {
        return Err(format!("called {called}, and after {:?} {:?}", again.repairs, again.findings));
    }
    let shown = Shown::of(&stack, folder.path()).await;
    if shown != *whole {
        return Err(format!("called {called}; after {:?} a reader gets something else", again.repairs));
    }
    Ok(true)
}

#[expect(clippy::disallowed_methods, reason = "how many damages there are is for whoever starts the test")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_damages_of_every_kind_are_called_rightly() {
    let (count, seed) = (number("DAMAGES").unwrap_or(DAMAGES), number("SEED").unwrap_or(1));
    let data = Arc::new(base().await);
    let (catalog, whole, all) = {
        let stack = stack(data.path());
        let (catalog, whole) = (Catalog::read(&stack.aws).await, Shown::of(&stack, data.path()).await);
        (Arc::new(catalog), Arc::new(whole), damages(&stack).await)
    };
    let (possible, begun) = (all.len(), Instant::now());
    let chosen = drawn(all, count as usize, seed);
    let judged = chosen.into_iter().map(|damage| {
        let (data, catalog, whole) = (Arc::clone(&data), Arc::clone(&catalog), Arc::clone(&whole));
        async move {
            let judged = tokio::spawn(async move { (judge(&data, &damage, &catalog, &whole).await, damage) });
            judged.await.unwrap()
        }
    });
    let judged: Vec<(Result<bool, String>, Damage)> = stream::iter(judged).buffer_unordered(2).collect().await;
    let wrong =
        judged.iter().filter_map(|(judged, it)| Some(format!("{} ({}): {}", it.kind, it.what, judged.as_ref().err()?)));
    let wrong: Vec<String> = wrong.collect();
    let done: Vec<&Damage> =
        judged.iter().filter(|(judged, _)| *judged == Ok(true)).map(|(_, damage)| damage).collect();
    let kinds: BTreeSet<&str> = done.iter().map(|damage| damage.kind.as_str()).collect();
    let mut effects = BTreeMap::new();
    for damage in &done {
        *effects.entry(damage.effect).or_insert(0) += 1;
    }
    println!(
        "D1: seed {seed}, {} of {possible} damages, {} kinds: {effects:?}; {} s",
        done.len(),
        kinds.len(),
        begun.elapsed().as_secs()
    );
    assert!(wrong.is_empty(), "{} called wrongly:\n{}", wrong.len(), wrong.join("\n"));
}
