//! What Lambda gets back, against the embedded AWS.

use std::sync::Arc;

use compactor::bucket::Bucket;
use compactor::handler::{Invocation, handle};
use serde_json::{Value, json};
use telemetry::error_chain;
use testkit::world::{BUCKET, HOUR, World, world};
use tokio::time::Duration;

const A: &str = r#"{"log_id":"1","type":"s"}"#;

async fn invoke(world: &World, payload: Value, seconds: u64) -> Result<(), String> {
    let invocation = Invocation {
        wall: Arc::new(|| "2026-11-20T14:25:00Z".parse().unwrap()),
        time_limit: Duration::from_secs(seconds),
        nonce: "n".to_string(),
        function: "compactor".to_string(),
    };
    handle(&world.compactor, &payload, invocation).await.map_err(|error| error_chain(&error))
}

#[tokio::test]
async fn a_schedule_tick_compacts_what_is_due() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    assert_eq!(invoke(&world, json!({"source": "aws.scheduler"}), 900).await, Ok(()));
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=1 type=s"]);
}

#[tokio::test]
async fn an_hour_can_be_asked_for() {
    let world = world().await;
    world.put_lines("2025-03-01T07", "1", &[A]).await;
    world.put_lines(HOUR, "1", &[A]).await;
    assert_eq!(invoke(&world, json!({"hour": "2025-03-01T07"}), 900).await, Ok(()));
    assert_eq!(world.parquet_rows("2025-03-01T07").await, ["log_id=1 type=s"]);
    assert_eq!(world.parquet_rows(HOUR).await, [""; 0], "and no other");
}

#[tokio::test]
async fn an_error_says_what_failed_and_why() {
    let world = world().await;
    let error = invoke(&world, json!({"hour": "yesterday"}), 900).await.unwrap_err();
    assert_eq!(error, r#"hour is "yesterday"; write it like "2026-11-20T13""#);
    world.put_lines(HOUR, "1", &[A]).await;
    world.put("manifests/2026/11/20/13.json", b"[]".to_vec()).await;
    let error = invoke(&world, json!({}), 900).await.unwrap_err();
    assert!(
        error.starts_with("2026-11-20T13 failed: manifests/2026/11/20/13.json is not the manifest that belongs there"),
        "{error}"
    );
    assert!(error.contains("invalid"), "{error}");
}

#[tokio::test]
async fn what_nobody_has_replayed_is_counted() {
    let world = world().await;
    let bucket = Bucket::new(world.s3.clone(), BUCKET);
    assert_eq!(bucket.not_replayed().await.unwrap(), 0);
    for name in ["error/processing-failed/2026/11/20/13/a.gz", "error/processing-failed/2026/11/20/13/b.gz"] {
        world.put(name, b"{}".to_vec()).await;
    }
    world.put("replayed/error/processing-failed/2026/11/20/13/a.gz.json", b"{}".to_vec()).await;
    world.put("replayed/queue/1.json", b"{}".to_vec()).await;
    assert_eq!(bucket.not_replayed().await.unwrap(), 1);
}

/// A run near its deadline begins nothing that it could not finish; the next one goes on.
#[tokio::test]
async fn no_hour_is_begun_without_time_for_it() {
    let world = world().await;
    world.put_lines(HOUR, "1", &[A]).await;
    assert_eq!(invoke(&world, json!({}), 60).await, Ok(()));
    assert_eq!(world.keys("manifests/2").await, [""; 0]);
    assert_eq!(invoke(&world, json!({}), 900).await, Ok(()));
    assert_eq!(world.parquet_rows(HOUR).await, ["log_id=1 type=s"]);
}
