//! What a repair fetches comes once, wherever a run ends.

use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::Verify;
use auth0_s3_logs::commands::reconcile::WhyNotInBucket::Missing;
use auth0_s3_logs::commands::replay::marker::Marker;
use auth0_s3_logs::commands::verify;
use local_aws::seam::{Failure, Fault};
use serde_json::json;

use super::*;
use crate::support;

const REPAIR: &str = "--from 2026-11-18T14 --to 2026-11-19T10 --repair";

/// 960 events, of which three in different pages never came.
async fn world() -> World {
    World::with(960, |number, _| ![100, 101, 350].contains(&number)).await
}

/// As many events as two pages take, of which two never came. The others came at once, so that there are few calls.
async fn small_world() -> World {
    let world = World::empty(200).await;
    let came = world.events().into_values().enumerate().filter(|(number, _)| ![40, 80].contains(number));
    let lines = came.flat_map(|(_, event)| transform::record::line(envelope(&event).as_bytes()).unwrap());
    put(&world.stack().await, "logs/2026/11/20/12/stream.gz", gzip(lines.collect::<Vec<u8>>())).await;
    world
}

/// What `verify` says of markers and of what they name.
async fn findings(world: &World) -> Vec<String> {
    let stack = world.stack().await;
    let found = verify::run(&deployment(&stack, "verify"), &Verify::default(), &env(NOW, 2)).await.unwrap();
    let names = ["replayed object gone", "replayed object differs", "marker missing", "stray object"];
    let findings = found.findings.iter().filter(|it| names.contains(&it.difference.name()));
    findings.map(|it| format!("{}: {}", it.difference.name(), it.what)).collect()
}

#[tokio::test]
async fn a_line_says_where_it_comes_from() {
    let world = world().await;
    let found = world.reconcile(REPAIR).await;
    let repaired = found.repaired.clone().unwrap();
    assert_eq!((found.verdict(), repaired.events, repaired.objects), (Verdict::Well, 3, 2));
    let ids: Vec<String> = world.events().into_keys().collect();
    let lines = world.lines().await;
    let line = &lines[&ids[100]][0];
    let extra: Value = serde_json::from_str(line["extra"].as_str().unwrap()).unwrap();
    assert_eq!((&extra["_source"], &extra["_id"]), (&json!("management-api"), &json!(ids[100])));
    let event: Value = serde_json::from_str(&world.events()[&ids[100]]).unwrap();
    assert_eq!(line["user_agent"], event["user_agent"], "as the API parsed it");
    let stack = world.stack().await;
    let hours = stack.catalog.json_hours(Hour::EPOCH..).await.unwrap();
    assert_eq!(hours, ["2026-11-20T13".parse().unwrap()]);
    let objects = keys(&stack, "logs/2026/11/20/13/reconciled-").await;
    assert_eq!(objects.len(), 2, "{objects:?}");
    drop(stack);
    assert_eq!(findings(&world).await, [""; 0]);
}

#[tokio::test]
async fn what_the_stream_hides_is_not_fetched_unasked() {
    let world = world().await;
    world.auth0.change(|tenant| {
        tenant.streams[0]["pii_config"] = json!({"log_fields": ["email"], "method": "mask", "algorithm": "xxhash"});
    });
    let refused = world.try_reconcile(REPAIR).await.unwrap_err().to_string();
    assert!(refused.contains("hides email (mask)") && refused.contains("--unmasked"), "{refused}");
    assert_eq!(world.ids().await.0.len(), 957);
    let found = world.reconcile(&format!("{REPAIR} --unmasked")).await;
    assert_eq!((found.verdict(), found.repaired.unwrap().events), (Verdict::Well, 3));
    // Masked events have their log_ids: they are not missing.
    assert_eq!(world.reconcile("--from 2026-11-18T14 --to 2026-11-21 --again").await.total.of(Missing), 0);
}

/// A run that meets `fault` at its `number`-th call.
async fn crash(world: &World, stack: &Stack, number: u64, fault: Fault) {
    support::crash(stack, number, fault, async |deployment| world.reconcile_over(&deployment, REPAIR).await).await;
}

#[tokio::test]
async fn a_run_may_end_at_every_call() {
    let world = small_world().await;
    let all: BTreeSet<String> = world.events().into_keys().collect();
    let pristine = tempfile::tempdir().unwrap();
    copy(world.data.path(), pristine.path());
    let stack = world.stack().await;
    crash(&world, &stack, 0, Fault::Torn).await;
    let trace: Vec<String> = stack.aws.trace().iter().map(ToString::to_string).collect();
    drop(stack);
    assert_eq!(world.ids().await, (all.clone(), 0));
    let mut points = 0;
    for (number, call) in (1..).zip(&trace) {
        for fault in [Fault::Before(Failure::End), Fault::After(Failure::End), Fault::After(Failure::Reset)] {
            let when = format!("{call} {fault}");
            let data = tempfile::tempdir().unwrap();
            copy(pristine.path(), data.path());
            let world = World {
                data,
                auth0: Auth0::start(tenant_of(&world)).await,
                http: world.http.clone(),
                time: world.time.clone(),
            };
            let stack = world.stack().await;
            crash(&world, &stack, number, fault).await;
            drop(stack);
            // Whatever has come, nothing came twice.
            assert_eq!(world.ids().await.1, 0, "{when}");
            let found = world.reconcile(REPAIR).await;
            assert_eq!(found.verdict(), Verdict::Well, "{when}: {:?}", found.warnings);
            assert_eq!(world.ids().await, (all.clone(), 0), "{when}");
            let again = world.reconcile(&format!("{REPAIR} --again")).await;
            assert_eq!((again.verdict(), again.repaired.unwrap().objects), (Verdict::Well, 0), "{when}");
            assert_eq!(findings(&world).await, [""; 0], "{when}");
            let hours = world.stack().await.catalog.json_hours(Hour::EPOCH..).await.unwrap();
            assert_eq!(hours, ["2026-11-20T13".parse().unwrap()], "{when}");
            points += 1;
        }
    }
    println!("{points} points, {} calls: every event once in the log", trace.len());
}

fn tenant_of(world: &World) -> Tenant {
    let time = world.time.clone();
    Tenant { events: world.events(), now: Arc::new(move || time.now()), ..Tenant::default() }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// A run wrote its marker and ended, and then the stream brought the events after all.
#[tokio::test]
async fn a_marker_whose_events_came_by_another_way_is_settled() {
    let world = world().await;
    let events = world.events();
    let ids: Vec<&String> = events.keys().collect();
    world.reconcile(REPAIR).await;
    let stack = world.stack().await;
    let objects = keys(&stack, "logs/2026/11/20/13/reconciled-").await;
    for key in &objects {
        stack.aws.as_observer().s3().delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    let lines = transform::record::line(envelope(&events[ids[350]]).as_bytes()).unwrap();
    put(&stack, "logs/2026/11/20/12/late.gz", gzip(lines)).await;
    drop(stack);
    assert_eq!(findings(&world).await.len(), 2, "the objects are gone");
    let found = world.reconcile(&format!("{REPAIR} --again")).await;
    assert_eq!((found.verdict(), found.repaired.unwrap().events), (Verdict::Well, 2));
    assert_eq!(world.ids().await, (events.keys().cloned().collect(), 0));
    assert_eq!(findings(&world).await, [""; 0]);
    let stack = world.stack().await;
    let mut markers = Vec::new();
    for key in keys(&stack, "replayed/reconciled/").await {
        markers.push(serde_json::from_slice::<Marker>(&bytes(&stack, &key).await).unwrap());
    }
    let written: Vec<bool> = markers.iter().map(|marker| marker.object.is_some()).collect();
    assert_eq!(written.iter().filter(|written| **written).count(), 1, "{markers:?}");
}

#[tokio::test]
async fn two_repairs_at_once_bring_every_event_once() {
    let world = world().await;
    let stack = world.stack().await;
    let deployments = (deployment(&stack, "one"), deployment(&stack, "other"));
    let one = world.reconcile_over(&deployments.0, REPAIR);
    let (one, other) = tokio::join!(one, world.reconcile_over(&deployments.1, REPAIR));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.verdict(), other.verdict()), (Verdict::Well, Verdict::Well));
    assert_eq!(one.repaired.unwrap().objects + other.repaired.unwrap().objects, 2);
    drop((deployments, stack));
    assert_eq!(world.ids().await, (world.events().into_keys().collect(), 0));
}
