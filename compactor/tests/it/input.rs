//! C9: whatever lies under `logs/`, the rows beside it are all there, and what is no row is kept to the byte and counted.
//!
//! `docs/bad-input.md` says what becomes of every input; each has its generator in [`testkit::odd`], and each is put at the
//! beginning, in the middle and at the end of an object, and of an hour.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use compactor::hour::Outcome;
use compactor::request::{Request, Scope};
use flate2::read::GzDecoder;
use log_format::{Hour, layout};
use projection::manifest::Counts;
use testkit::odd::{self, Kept, Odd, good_lines, row_of_good};
use testkit::world::{World, world};

const TABLE: &str = include_str!("../../../docs/bad-input.md");
const BEGIN: &str = "2026-10-01T00";
const NOW: &str = "2026-11-20T13:00:00Z";

/// Name and outcome of every input of the table, in its order.
fn documented() -> Vec<(&'static str, &'static str)> {
    let rows = TABLE.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (name, cells) = row.split_once("` |").unwrap();
        (name, cells.split(" | ").nth(1).unwrap())
    })
    .collect()
}

/// An hour with an odd object among two good ones, and what is to become of it.
struct Case {
    label: String,
    hour: Hour,
    counts: Counts,
    rows: Vec<String>,
    rejected: Vec<Kept>,
}

impl Case {
    /// Puts an odd object in the place `position` of three of an hour.
    async fn put(world: &World, hour: Hour, label: String, odd: Odd, position: usize) -> Case {
        let prefix = layout::json_prefix(hour);
        let mut case = Case { label, hour, counts: Counts::default(), rows: odd.rows, rejected: odd.rejected };
        // The names sort like their places, but for names that begin with a mark of their own.
        let odd_key = format!("{prefix}{}", odd.name.replace("NAME", &position.to_string()));
        for kept in &mut case.rejected {
            kept.key.clone_from(&odd_key);
        }
        world.put(&odd_key, odd.body).await;
        for object in (0..3).filter(|object| *object != position) {
            let lines = good_lines(hour, 100 + object);
            case.rows.extend(lines.iter().map(|line| row_of_good(line)));
            let body = fixtures::gzip(lines.join("\n") + "\n");
            world.put(&format!("{prefix}{object}.gz"), body).await;
        }
        case.counts.rows = case.rows.len() as u64;
        case.counts.rejected = case.rejected.len() as u64;
        case.counts.duplicates = odd.duplicates;
        case.counts.lines = case.counts.rows + case.counts.rejected + odd.duplicates;
        case.rows.sort_unstable();
        case.rejected.sort_unstable();
        case
    }

    async fn check(&self, world: &World, outcome: &Outcome) {
        let Outcome::Compacted { counts, .. } = outcome else { panic!("{}: {outcome:?}", self.label) };
        assert_eq!(*counts, self.counts, "{}", self.label);
        let mut rows = world.parquet_rows(&self.hour.to_string()).await;
        rows.sort_unstable();
        assert!(rows == self.rows, "{}: {rows:.400?} for {:.400?}", self.label, self.rows);
        let rejected = self.kept(world).await;
        assert!(rejected == self.rejected, "{}: {rejected:.400?} for {:.400?}", self.label, self.rejected);
    }

    /// What the hour's file of rejected lines holds.
    async fn kept(&self, world: &World) -> Vec<Kept> {
        let keys = world.keys(&format!("rejected/{}/", self.hour.path())).await;
        let mut kept = Vec::new();
        for key in keys {
            let mut text = String::new();
            GzDecoder::new(world.bytes(&key).await.as_slice()).read_to_string(&mut text).unwrap();
            kept.extend(text.lines().map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                let text = |name: &str| line[name].as_str().unwrap().to_owned();
                let number = |name: &str| line[name].as_u64().unwrap();
                let bytes = STANDARD.decode(text("bytes")).unwrap();
                Kept { key: text("key"), line: number("line"), offset: number("offset"), reason: text("reason"), bytes }
            }));
        }
        kept.sort_unstable();
        kept
    }
}

/// Every input at every place, each in an hour of its own.
async fn put_all(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut hour: Hour = BEGIN.parse().unwrap();
    for (name, outcome) in documented() {
        for object in 0..3 {
            for odd in odd::odds(name, &good_lines(hour, object)) {
                let label = format!("{name}, object {object}, {}", odd.place);
                assert_eq!(odd.outcome(), outcome, "docs/bad-input.md on {label}");
                cases.push(Case::put(world, hour, label, odd, object).await);
                hour = hour.next();
            }
        }
    }
    cases
}

#[tokio::test]
async fn whatever_lies_in_an_hour_its_rows_are_there_and_the_rest_is_kept() {
    let world = world().await;
    let cases = put_all(&world).await;
    let scope = Scope::Range(BEGIN.parse().unwrap(), cases.last().unwrap().hour.next());
    let outcomes: BTreeMap<Hour, Outcome> = world.ask(NOW, Request::new(scope, false)).await.outcomes;
    for case in &cases {
        case.check(&world, &outcomes[&case.hour]).await;
    }
    println!("{} inputs in {} combinations", documented().len(), cases.len());
}

#[test]
fn every_input_is_documented_and_every_documented_one_is_made() {
    let documented: Vec<&str> = documented().into_iter().map(|(name, _)| name).collect();
    assert_eq!(documented, odd::names());
}
