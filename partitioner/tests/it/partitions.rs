//! Notifications become partitions, against the embedded Glue.

use std::sync::Arc;

use catalog::{Catalog, Columns, JSON};
use local_aws::LocalAws;
use local_aws::seam::{Failure, Fault, Faults};
use log_format::Hour;
use partitioner::handler::{PartitionError, Partitioner, Report};
use serde_json::{Value, json};
use tempfile::TempDir;

struct World {
    catalog: Catalog,
    glue: aws_sdk_glue::Client,
    partitioner: Partitioner,
    _data: TempDir,
}

async fn world() -> World {
    let data = tempfile::tempdir().unwrap();
    let aws = LocalAws::open(data.path(), Arc::new(|| "2026-11-20T13:00:00Z".parse().unwrap())).unwrap();
    let catalog = Catalog::new(aws.glue(), "logs", "acme-logs");
    catalog.ensure_tables().await.unwrap();
    let its_catalog = Catalog::new(aws.as_caller("partitioner").glue(), "logs", "acme-logs");
    World { partitioner: Partitioner::new(its_catalog), catalog, glue: aws.glue(), _data: data }
}

/// S3's notification of several objects, given as (bucket, encoded key).
fn created(objects: &[(&str, &str)]) -> Value {
    let record = |(bucket, key): &(&str, &str)| {
        json!({
            "eventName": "ObjectCreated:Put", "eventTime": "2026-11-20T13:05:00.000Z",
            "userIdentity": {}, "requestParameters": {}, "responseElements": {},
            "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
        })
    };
    json!({ "Records": objects.iter().map(record).collect::<Vec<_>>() })
}

async fn hours(world: &World) -> Vec<String> {
    world.catalog.json_hours(Hour::EPOCH..).await.unwrap().iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn every_hour_is_registered_once() {
    let world = world().await;
    let payload = created(&[
        ("acme-logs", "logs/2026/11/20/13/a.gz"),
        ("acme-logs", "logs/2026/11/20/13/b.gz"),
        ("acme-logs", "logs/2026/11/20/14/a+b%2Bc.gz"),
        ("acme-logs", "error/2026/11/20/13/a.gz"),
        ("another", "logs/2026/11/20/15/a.gz"),
    ]);
    let report = world.partitioner.handle(payload.clone()).await.unwrap();
    assert_eq!(report, Report { objects: 5, skipped: 2, created: 2, existed: 0 });
    let again = world.partitioner.handle(payload).await.unwrap();
    assert_eq!(again, Report { objects: 5, skipped: 2, created: 0, existed: 2 });
    assert_eq!(hours(&world).await, ["2026-11-20T13", "2026-11-20T14"]);
}

/// P1: a partition that somebody else registered stays the same to the byte.
#[tokio::test]
async fn what_is_registered_is_never_changed() {
    let world = world().await;
    let payload = created(&[("acme-logs", "logs/2026/11/20/13/a.gz")]);
    world.partitioner.handle(payload.clone()).await.unwrap();
    let before = world.catalog.partitions::<Hour>(JSON, .., Columns::Compared).await.unwrap();
    let other = Partitioner::new(world.catalog.clone());
    assert_eq!(other.handle(payload).await.unwrap().existed, 1);
    assert_eq!(world.catalog.partitions::<Hour>(JSON, .., Columns::Compared).await.unwrap(), before);
}

/// P2: a failure is returned, and the hour is not remembered as registered.
#[tokio::test]
async fn a_failure_is_an_error_and_is_tried_again() {
    let data = tempfile::tempdir().unwrap();
    let aws = LocalAws::open(data.path(), Arc::new(|| "2026-11-20T13:00:00Z".parse().unwrap())).unwrap();
    let catalog = Catalog::new(aws.glue(), "logs", "acme-logs");
    let partitioner = Partitioner::new(catalog.clone());
    let payload = created(&[("acme-logs", "logs/2026/11/20/13/a.gz")]);
    let error = partitioner.handle(payload.clone()).await.unwrap_err();
    assert!(matches!(error, PartitionError::Catalog { .. }));
    assert_eq!(error.to_string(), "failed to register the hour 2026-11-20T13");
    catalog.ensure_tables().await.unwrap();
    assert_eq!(partitioner.handle(payload).await.unwrap().created, 1);
    let error = partitioner.handle(json!({"hello": 1})).await.unwrap_err();
    assert!(matches!(error, PartitionError::Notification(_)));
}

/// What an operator can do depends on the kind of failure, which Lambda reports as `errorType`.
#[tokio::test]
async fn a_failure_says_of_which_kind_it_is() {
    let payload = created(&[("acme-logs", "logs/2026/11/20/13/a.gz")]);
    for (failure, kind) in [
        (Failure::Throttled, "GlueUnavailable"),
        (Failure::Internal, "GlueUnavailable"),
        (Failure::Reset, "GlueUnavailable"),
        (Failure::Expired, "GlueRefused"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let aws = LocalAws::open(data.path(), Arc::new(|| "2026-11-20T13:00:00Z".parse().unwrap())).unwrap();
        let catalog = Catalog::new(aws.glue(), "logs", "acme-logs");
        catalog.ensure_tables().await.unwrap();
        aws.inject(Faults::by(move |_, _| Some(Fault::Before(failure))));
        let error = Partitioner::new(catalog).handle(payload.clone()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{failure:?}: {error:?}");
    }
    let world = world().await;
    world.glue.delete_table().database_name("logs").name(JSON).send().await.unwrap();
    assert_eq!(world.partitioner.handle(payload).await.unwrap_err().kind(), "TableMissing");
    assert_eq!(world.partitioner.handle(json!({"hello": 1})).await.unwrap_err().kind(), "NotANotification");
}
