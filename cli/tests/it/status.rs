//! `status` over hours in every state.

use std::path::Path;
use std::sync::Arc;

use auth0_s3_logs::args::{HourRange, Status};
use auth0_s3_logs::commands::status::{DaysStatus, look};
use auth0_s3_logs::deployment::Deployment;
use auth0_s3_logs::inventory::ViewState;
use auth0_s3_logs::simulation::stack::Stack;
use compactor::clock::{Clock, Run};
use compactor::config::Limits;
use compactor::request::Request;
use log_format::{Hour, layout};
use projection::manifest::Manifest;
use tokio::time::Duration;

use crate::support::{BUCKET, binary, deployment, env, target};

const NOW: &str = "2025-03-01T20:00:00Z";
const LINE: &str = "{\"log_id\":\"1\",\"type\":\"s\"}\n";

fn hour(text: &str) -> Hour {
    text.parse().unwrap()
}

async fn open(data: &Path) -> Stack {
    Stack::open(&target(data), Arc::new(|| NOW.parse().unwrap())).await.unwrap()
}

async fn put(stack: &Stack, key: &str, text: &str) {
    let body = text.as_bytes().to_vec().into();
    stack.aws.s3().put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
}

async fn put_lines(stack: &Stack, at: &str, name: &str, text: &str) {
    put(stack, &format!("{}{name}", layout::json_prefix(hour(at))), text).await;
}

async fn tick(stack: &Stack, now: &'static str) {
    let clock = Clock::start(Arc::new(move || now.parse().unwrap()), Duration::from_secs(900));
    let run = Run { clock, nonce: Hour::of(now.parse().unwrap()).to_string() };
    assert_eq!(stack.compactor.tick(&Arc::new(run), Request::TICK, |_, _| {}).await.unwrap().failures(), [""; 0]);
}

/// Puts an hour in every state.
async fn fill(stack: &Stack) {
    for at in ["2025-03-01T07", "2025-03-01T08", "2025-03-01T09", "2025-03-01T10"] {
        put_lines(stack, at, "1", &[LINE, LINE, "no line\n", "{\"type\":\"f\"}\n"].concat()).await;
    }
    tick(stack, "2025-03-01T13:00:00Z").await;
    put_lines(stack, "2025-03-01T08", "2", "{\"type\":\"x\"}\n").await;
    tick(stack, "2025-03-01T16:00:00Z").await;
    put_lines(stack, "2025-03-01T09", "2", LINE).await;
    let gone = format!("{}1", layout::json_prefix(hour("2025-03-01T10")));
    stack.aws.s3().delete_object().bucket(BUCKET).key(gone).send().await.unwrap();
    for at in ["2025-03-01T11", "2025-03-01T12", "2025-03-01T14", "2025-03-01T18", "2025-03-01T20"] {
        put_lines(stack, at, "1", LINE).await;
    }
    put(stack, &layout::manifest_key(hour("2025-03-01T11")), "{").await;
    for (at, claimed_at) in [("2025-03-01T12", "2025-03-01T19:00:00Z"), ("2025-03-01T13", "2025-03-01T19:55:00Z")] {
        put_lines(stack, at, "1", LINE).await;
        let claimed = Manifest::new(hour(at)).claimed("a", claimed_at.parse().unwrap());
        put(stack, &layout::manifest_key(hour(at)), &String::from_utf8(claimed.to_json().unwrap()).unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_has_a_name() {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path()).await;
    fill(&stack).await;
    let env = env(NOW, 1);
    // Where other runs may be at work.
    let shared = Deployment::of_stack(&stack, "status", Limits::default());
    let overview = look(&shared, &Status::default(), &env).await.unwrap();
    let shown = overview.hours.iter().map(|it| {
        let rows = it.rows.map_or("-".to_string(), |rows| rows.to_string());
        format!("{} {} {rows} {} {} {} {}", it.hour, it.objects, it.rewrites, it.duplicates, it.rejected, it.state)
    });
    let expected = [
        "2025-03-01T07 1 2 0 1 1 live",
        "2025-03-01T08 2 3 1 1 1 live",
        "2025-03-01T09 2 2 0 1 1 due: 1 new",
        "2025-03-01T10 0 2 0 1 1 needs operator: 1 gone",
        "2025-03-01T11 1 - 0 0 0 manifest unreadable",
        "2025-03-01T12 1 - 0 0 0 unfinished",
        "2025-03-01T13 1 - 0 0 0 claimed",
        "2025-03-01T14 1 - 0 0 0 not compacted",
        "2025-03-01T18 1 - 0 0 0 pending",
        "2025-03-01T20 1 - 0 0 0 open",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!((overview.watermark, overview.view), (Some(hour("2025-03-01T12")), ViewState::FollowsWatermark));
    let range = HourRange::new(hour("2025-03-01T08"), hour("2025-03-01T10")).unwrap();
    let some = Status { span: range.into() };
    assert_eq!(look(&shared, &some, &env).await.unwrap().hours.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn days_are_counted() {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path()).await;
    let days = async || look(&deployment(&stack, "status"), &Status::default(), &env(NOW, 1)).await.unwrap().days;
    for at in ["2025-02-25T10", "2025-02-27T10", "2025-03-01T10"] {
        put_lines(&stack, at, "1", LINE).await;
    }
    assert_eq!(days().await, DaysStatus::default());
    // The day before is not over for long enough, and one between has no rows.
    tick(&stack, NOW).await;
    let watermark = "2025-02-27".parse().ok();
    assert_eq!(days().await, DaysStatus { watermark, rolled_up: 3, due: 0 });
    let glue = stack.aws.glue();
    let drop = glue.delete_partition().database_name(stack.catalog.database()).table_name(catalog::DAILY);
    drop.partition_values("2025-02-26").send().await.unwrap();
    assert_eq!(days().await, DaysStatus { watermark, rolled_up: 2, due: 1 });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_two_days_with_anything_are_shown() {
    let data = tempfile::tempdir().unwrap();
    let stack = open(data.path()).await;
    for day in 1..=3 {
        for of_day in 0..20 {
            put_lines(&stack, &format!("2025-02-{:02}T{of_day:02}", day * 7), "1", LINE).await;
        }
    }
    drop(stack);
    let status =
        |arguments: &[&str]| binary().arg("status").args(arguments).arg("--data").arg(data.path()).output().unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&status(&["--json"]).stdout).unwrap();
    let hours = printed["hours"].as_array().unwrap();
    assert_eq!((hours.len(), hours[0]["hour"].as_str()), (48, Some("2025-02-07T12")));
    let printed = String::from_utf8(status(&["--from", "2025-02-21T00", "--to", "2025-02-21T02"]).stdout).unwrap();
    assert_eq!(printed.matches("2025-02-21T").count(), 4, "{printed}");
    assert!(printed.ends_with("there is no watermark; the view auth0_logs is missing\n"), "{printed}");
    let failed = status(&["--from", "2025-02-21T02", "--to", "2025-02-21T02"]);
    assert_eq!(failed.status.code(), Some(2));
}
