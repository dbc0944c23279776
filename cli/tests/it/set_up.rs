//! README's order of setting up loses nothing that happens after the pause, and other orders do.

use std::collections::VecDeque;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::asking::stages::Stage;

const README: &str = include_str!("../../../README.md");
/// What the operator does, each by README's own words for it.
const STEPS: [(&str, Step); 4] = [
    ("1. Create the log stream.", Step::Create),
    ("Then pause the stream", Step::Pause),
    ("4. Deploy.", Step::Deploy),
    ("resume the stream", Step::Resume),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Pause,
    Deploy,
    Resume,
}

/// The steps in README's order.
fn steps_of(readme: &str) -> Vec<Step> {
    let text = readme.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, set_up) = text.split_once("## Set up").unwrap();
    let place = |(words, step)| {
        let bold = format!("**{words}");
        (set_up.find(&bold).unwrap_or_else(|| panic!("README does not say {bold}")), step)
    };
    let mut steps: Vec<(usize, Step)> = STEPS.into_iter().map(place).collect();
    steps.sort_by_key(|(place, _)| *place);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// A tenant's log stream, the partner event source behind it, and what the source's bus leads to.
#[derive(Default)]
struct Tenant {
    has_stream: bool,
    is_paused: bool,
    /// Events of a paused stream, which Auth0 keeps.
    kept: VecDeque<Bytes>,
    /// What is deployed. A source without a bus is pending, and what it gets is dropped.
    deployed: Option<Stage>,
    dropped: usize,
}

impl Tenant {
    async fn does(&mut self, step: Step, now: DateTime<Utc>) {
        match step {
            Step::Create => self.has_stream = true,
            Step::Pause => self.is_paused = true,
            Step::Deploy => self.deployed = Some(Stage::new(now).await),
            Step::Resume => {
                self.is_paused = false;
                // Auth0 delivers at least once.
                for event in self.kept.front().cloned().into_iter().chain(std::mem::take(&mut self.kept)) {
                    self.emits(event, now).await;
                }
            }
        }
    }

    async fn emits(&mut self, event: Bytes, now: DateTime<Utc>) {
        match &mut self.deployed {
            _ if self.is_paused => self.kept.push_back(event),
            Some(stage) if self.has_stream => stage.firehose.put(event, now).await.unwrap(),
            _ => self.dropped += 1,
        }
    }
}

/// Sets up in this order, an hour between two steps, with an event every ten minutes from the first step on. What is in
/// the view in the end: each event and its number of rows; and how many events were dropped.
async fn set_up(steps: &[Step]) -> (Vec<(String, i64)>, usize) {
    let start: DateTime<Utc> = "2026-11-20T00:05:00Z".parse().unwrap();
    let mut tenant = Tenant::default();
    for (passed, step) in steps.iter().enumerate() {
        let now = start + TimeDelta::hours(passed.try_into().unwrap());
        tenant.does(*step, now).await;
        for sixth in 0..6 {
            let event = format!(r#"{{"detail":{{"data":{{"log_id":"{passed}-{sixth}","type":"s"}}}}}}"#);
            tenant.emits(event.into(), now + TimeDelta::minutes(10 * sixth)).await;
        }
    }
    let mut stage = tenant.deployed.unwrap();
    for hour in 4..12 {
        stage.tick(start + TimeDelta::minutes(60 * hour + 20)).await;
    }
    let query = "SELECT log_id, count(*) AS events FROM auth0_logs GROUP BY log_id ORDER BY log_id";
    let answer = stage.sql().await.query(query).await.unwrap().to_json().unwrap();
    let row = |row: &Value| (row["log_id"].as_str().unwrap().to_string(), row["events"].as_i64().unwrap());
    (answer.as_array().unwrap().iter().map(row).collect(), tenant.dropped)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_while_the_stream_is_paused_arrives_once() {
    let (rows, dropped) = set_up(&steps_of(README)).await;
    // As README says, what happens between creation and pause is lost.
    let expected: Vec<(String, i64)> =
        (1..4).flat_map(|step| (0..6).map(move |sixth| (format!("{step}-{sixth}"), 1))).collect();
    assert_eq!((rows, dropped), (expected, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_order_drops_events() {
    let (rows, dropped) = set_up(&[Step::Create, Step::Deploy]).await;
    assert_eq!((rows.len(), dropped), (6, 6));
    let (rows, dropped) = set_up(&[Step::Create, Step::Pause, Step::Resume, Step::Deploy]).await;
    assert_eq!((rows.len(), dropped), (6, 19));
}

#[test]
fn the_order_is_read_from_the_readme() {
    let (before, after) = README.split_once("**4. Deploy.**").unwrap();
    assert_eq!(
        steps_of(&format!("{before} **resume the stream** **4. Deploy.** {after}")),
        [Step::Create, Step::Pause, Step::Resume, Step::Deploy]
    );
}
