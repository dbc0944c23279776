//! The same query gives the same answer on the JSON table, the Parquet table and the view, after every stage of a run;
//! and V1: a count on the view never changes because the watermark moved.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use auth0_s3_logs::simulation::clock::SimulatedClock;
use auth0_s3_logs::simulation::stack::{Stack, Transformed};
use auth0_s3_logs::sql::Sql;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use compactor::clock::{Clock, Run};
use compactor::request::Request;
use fixtures::{Kind, Settings, Traffic};
use local_aws::firehose::Firehose;
use log_format::{COLUMNS, Hour};
use tokio::time::Duration;
use uuid::Uuid;

use crate::support::target;

pub(crate) struct Stage {
    stack: Stack,
    pub(crate) firehose: Firehose,
    clock: SimulatedClock,
    data: tempfile::TempDir,
}

/// How many rows of each type an hour shows.
type Counts = BTreeMap<(String, String), i64>;

impl Stage {
    pub(crate) async fn new(start: DateTime<Utc>) -> Stage {
        let data = tempfile::tempdir().unwrap();
        let clock = SimulatedClock::at(start);
        let stack = Stack::open(&target(data.path()), clock.reader()).await.unwrap();
        let firehose = stack.firehose(Uuid::from_u128(1), &Transformed::default());
        Stage { stack, firehose, clock, data }
    }

    pub(crate) async fn tick(&mut self, now: DateTime<Utc>) -> Hour {
        self.clock.set(now);
        self.firehose.advance(now).await.unwrap();
        let nonce = now.timestamp().to_string();
        let clock = Clock::start(self.clock.reader(), Duration::from_secs(900));
        let run = Arc::new(Run { clock, nonce });
        let tick = self.stack.compactor.tick(&run, Request::TICK, |_, _| {}).await.unwrap();
        assert_eq!(tick.failures(), [""; 0]);
        tick.watermark.unwrap().unwrap().watermark
    }

    pub(crate) async fn sql(&self) -> Sql {
        Sql::open(&self.stack.aws, self.stack.catalog.database()).await.unwrap()
    }

    async fn counts(&self, source: &str, condition: &str) -> Counts {
        let query = format!(
            "SELECT concat(CAST(\"date\" AS VARCHAR), 'T', \"hour\") AS arrived, coalesce(type, '') AS type, count(*) AS events \
             FROM {source} WHERE {condition} GROUP BY 1, 2"
        );
        let answer = self.sql().await.query(&query).await.unwrap().to_json().unwrap();
        let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_string();
        let rows = answer.as_array().unwrap().iter();
        rows.map(|row| ((text(row, "arrived"), text(row, "type")), row["events"].as_i64().unwrap())).collect()
    }

    /// Every row of an hour, sorted.
    async fn rows(&self, source: &str, hour: Hour) -> Vec<String> {
        let names: Vec<String> = COLUMNS.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let condition = format!("\"date\" = DATE '{}' AND \"hour\" = '{}'", hour.date(), hour.hour());
        let query = format!("SELECT {} FROM {source} WHERE {condition}", names.join(", "));
        let answer = self.sql().await.query(&query).await.unwrap().to_json().unwrap();
        let mut rows: Vec<String> = answer.as_array().unwrap().iter().map(ToString::to_string).collect();
        rows.sort();
        rows
    }
}

const DISTINCT: &str = "(SELECT DISTINCT * FROM auth0_logs_json)";

#[tokio::test(flavor = "multi_thread")]
async fn three_sources_one_answer() {
    let start: DateTime<Utc> = "2026-11-20T00:00:00Z".parse().unwrap();
    let mut stage = Stage::new(start).await;
    let mut next_tick = start + TimeDelta::minutes(25);
    let (mut watermark, mut moves) = (Hour::EPOCH, 0);
    for sent in Traffic::new(Settings::new(3, 1500, start, 5)) {
        while next_tick <= sent.arrival {
            watermark = check_tick(&mut stage, next_tick, watermark, &mut moves).await;
            next_tick += TimeDelta::hours(1);
        }
        stage.clock.set(sent.arrival);
        let release = Hour::of(sent.arrival).end() + TimeDelta::hours(5);
        let record = Bytes::from(sent.envelope);
        match sent.kind {
            Kind::HeldBack => stage.firehose.put_held(record, sent.arrival, release).await.unwrap(),
            _ => stage.firehose.put(record, sent.arrival).await.unwrap(),
        }
    }
    for _ in 0..14 {
        watermark = check_tick(&mut stage, next_tick, watermark, &mut moves).await;
        next_tick += TimeDelta::hours(1);
    }
    assert!(moves > 10, "the watermark moved {moves} times");
    for hour in Hour::of(start).until(Hour::of(start + TimeDelta::hours(5))) {
        let json = stage.rows(DISTINCT, hour).await;
        assert!(json.len() > 100, "{hour} has {} rows", json.len());
        assert_eq!(stage.rows("auth0_logs_parquet", hour).await, json, "{hour}");
        assert_eq!(stage.rows("auth0_logs", hour).await, json, "{hour}");
    }
}

/// One tick. After it the three sources agree, and the counts of the view are those before it, or more if an object
/// came late to an hour that is read from Parquet.
async fn check_tick(stage: &mut Stage, now: DateTime<Utc>, watermark: Hour, moves: &mut u32) -> Hour {
    stage.firehose.advance(now).await.unwrap();
    let before = view_counts(stage).await;
    let late = stage.counts(DISTINCT, "true").await != before;
    let next = stage.tick(now).await;
    let after = stage.counts("auth0_logs", "true").await;
    assert_eq!(after, stage.counts(DISTINCT, "true").await, "the view and JSON at {now}");
    assert!(late || after == before, "the view before and after the tick at {now}: {before:?}, {after:?}");
    let fell = before.iter().find(|(key, count)| after.get(*key).is_none_or(|now| now < count));
    assert_eq!(fell, None, "a count fell at {now}");
    let closed = stage.counts(DISTINCT, &closed_condition(now)).await;
    assert_eq!(stage.counts("auth0_logs_parquet", "true").await, closed, "closed at {now}");
    *moves += u32::from(next > watermark);
    next
}

/// The counts of the view. Empty before the first tick makes the view.
async fn view_counts(stage: &Stage) -> Counts {
    match stage.stack.catalog.view().await.unwrap() {
        Some(_) => stage.counts("auth0_logs", "true").await,
        None => Counts::new(),
    }
}

fn closed_condition(now: DateTime<Utc>) -> String {
    let open = Hour::of(now - TimeDelta::minutes(20));
    format!("(\"date\" < DATE '{0}' OR (\"date\" = DATE '{0}' AND \"hour\" < '{1}'))", open.date(), open.hour())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_hour_is_seen_through_the_view_at_once() {
    let start: DateTime<Utc> = "2026-11-20T00:00:00Z".parse().unwrap();
    let mut stage = Stage::new(start).await;
    stage.tick(start).await;
    let event = |n: u32| Bytes::from(format!(r#"{{"detail":{{"data":{{"log_id":"{n}","type":"s"}}}}}}"#));
    for n in [1, 2, 2] {
        stage.firehose.put(event(n), start + TimeDelta::minutes(1)).await.unwrap();
    }
    stage.firehose.advance(start + TimeDelta::minutes(10)).await.unwrap();
    let expected = Counts::from([(("2026-11-20T00".to_string(), "s".to_string()), 2)]);
    assert_eq!(stage.counts("auth0_logs", "true").await, expected);
    assert_eq!(stage.counts("auth0_logs_parquet", "true").await, Counts::new());
    assert!(Path::new(stage.data.path()).join("auth0-logs/logs/2026/11/20/00").is_dir());
}
