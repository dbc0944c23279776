//! Every event that is not in the bucket has its cause, and none is called missing that may still come.

use auth0_s3_logs::Verdict;
use auth0_s3_logs::commands::reconcile::WhyNotInBucket::{
    AwaitsReplay, FiltersChanged, InQueue, Late, LeftOut, Missing, StreamUnknown, TypeUnknown, Unreadable, WaitsAtAuth0,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::SubsecRound;
use serde_json::json;

use super::*;

const WINDOW: &str = "--from 2026-11-18T14 --to 2026-11-21";

/// True for an event that happened more than 26 hours ago, within the window.
fn is_old(id: &str) -> bool {
    (log_id::least_at(at("2026-11-18T14:00:00Z"))..log_id::least_at(at(OLD))).contains(&id.to_owned())
}

fn change_stream(world: &World, name: &str, value: Value) {
    world.auth0.change(|tenant| tenant.streams[0][name] = value);
}

#[tokio::test]
async fn what_happened_in_the_last_26_hours_is_late() {
    let world = World::with(960, |number, _| number % 10 != 0).await;
    let found = world.reconcile(WINDOW).await;
    let late = found.total.of(Late);
    assert_eq!(causes(&found), [(Missing, 42), (Late, late)]);
    assert!(late > 40 && missing(&found).iter().all(|id| is_old(id)), "{late}");
    assert_eq!(found.verdict(), Verdict::Trouble);

    let world = World::with(960, |number, id| number % 10 != 0 || is_old(id)).await;
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), causes(&found)), (Verdict::Well, vec![(Late, late)]));
    // What is proven ends before the first event that has not come.
    let first = world
        .events()
        .into_keys()
        .enumerate()
        .find(|(number, id)| number % 10 == 0 && **id >= *log_id::least_at(at(OLD)));
    let first = log_id::moment_of(&first.unwrap().1).map(|moment| moment.trunc_subsecs(0));
    assert_eq!(found.proven.last().map(|span| span.to), first);
}

#[tokio::test]
async fn a_stream_that_is_paused_holds_them_back() {
    for status in ["paused", "suspended"] {
        let world = World::with(960, |number, _| number % 10 != 0).await;
        change_stream(&world, "status", json!(status));
        let found = world.reconcile(WINDOW).await;
        assert_eq!((found.verdict(), causes(&found).len()), (Verdict::Unknown, 1), "{status}");
        assert!(found.total.of(WaitsAtAuth0) > 90 && found.warnings[0].contains(status), "{:?}", found.warnings);
        assert!(found.inconclusive[0].contains("resume it"), "{:?}", found.inconclusive);
        // Nothing waits that is in the bucket.
        let world = World::with(960, |_, _| true).await;
        change_stream(&world, "status", json!(status));
        assert_eq!(world.reconcile(WINDOW).await.verdict(), Verdict::Well);
    }
}

#[tokio::test]
async fn a_filter_leaves_types_out_on_purpose() {
    let is_sent = |event: &str| serde_json::from_str::<Value>(event).unwrap()["type"] == "s";
    let world = World::empty(960).await;
    let events = world.events();
    world.deliver(events.iter().filter(|(_, event)| is_sent(event))).await;
    change_stream(&world, "filters", json!([{"type": "category", "name": "auth.login.success"}]));
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), causes(&found).len()), (Verdict::Well, 1), "{:?}", causes(&found));
    assert!(found.total.of(LeftOut) > 100 && found.types["s"].in_bucket == found.types["s"].at_auth0);
    assert_eq!((found.types["fp"].in_bucket, found.types["fp"].of(LeftOut)), (0, found.types["fp"].at_auth0));
    assert_eq!(proven_to(&found), "20T12:00", "what is left out is nothing to wait for");

    // Without the filter they are missing, once a run has seen that: a type that never streams is a row of zeros.
    change_stream(&world, "filters", json!([]));
    let found = world.reconcile(&format!("{WINDOW} --again")).await;
    assert_eq!((found.verdict(), found.types["fp"].of(FiltersChanged)), (Verdict::Unknown, found.types["fp"].at_auth0));
    let found = world.reconcile(&format!("{WINDOW} --again")).await;
    assert_eq!(found.verdict(), Verdict::Trouble);
    assert!(found.types["fp"].in_bucket == 0 && found.types["fp"].of(Missing) > 0);

    // Of a type that no document has, nobody knows whether a filter lets it through.
    change_stream(&world, "filters", json!([{"type": "category", "name": "auth.login.success"}]));
    let (id, event) = world.events().into_iter().find(|(id, event)| is_old(id) && is_sent(event)).unwrap();
    let odd = event.replace("\"type\":\"s\"", "\"type\":\"of_tomorrow\"");
    let id = id.replace("00000000000000", "00000000000001");
    let odd = odd.replace(&id.replace("00000000000001", "00000000000000"), &id);
    world.auth0.change(|tenant| tenant.events.insert(id, odd));
    world.reconcile(&format!("{WINDOW} --again")).await;
    let found = world.reconcile(&format!("{WINDOW} --again")).await;
    assert_eq!((found.verdict(), found.total.of(TypeUnknown)), (Verdict::Unknown, 1), "{:?}", causes(&found));
}

#[tokio::test]
async fn a_prioritised_stream_carries_few_types() {
    let world = World::with(200, |_, _| false).await;
    change_stream(&world, "isPriority", json!(true));
    let found = world.reconcile(WINDOW).await;
    let carried = ["limit_wc", "pwd_leak"].iter().filter_map(|kind| found.types.get(*kind)).map(|kind| kind.at_auth0);
    assert_eq!(found.total.of(LeftOut), found.total.at_auth0 - carried.sum::<u64>(), "{:?}", found.types);
}

#[tokio::test]
async fn without_a_stream_nothing_is_on_its_way() {
    let world = World::with(960, |number, _| number % 10 != 0).await;
    world.auth0.change(|tenant| tenant.streams.clear());
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), found.total.of(Missing)), (Verdict::Trouble, 42));
    assert!(found.warnings[0].contains("no stream to EventBridge"), "{:?}", found.warnings);
}

#[tokio::test]
async fn a_stream_that_nobody_knows_explains_nothing() {
    let world = World::with(960, |number, _| number % 10 != 0).await;
    world.auth0.change(|tenant| tenant.scopes = vec!["read:logs".to_owned()]);
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), found.total.of(StreamUnknown)), (Verdict::Unknown, 42), "{:?}", causes(&found));
    assert!(found.warnings[0].contains("read:log_streams"), "{:?}", found.warnings);
    let refused = world.try_reconcile(&format!("{WINDOW} --repair")).await.unwrap_err().to_string();
    assert!(refused.contains("--unmasked"), "{refused}");
    // Nothing is open that a stream would have to explain.
    let world = World::with(960, |_, _| true).await;
    world.auth0.change(|tenant| tenant.scopes = vec!["read:logs".to_owned()]);
    assert_eq!(world.reconcile(WINDOW).await.verdict(), Verdict::Well);
}

#[tokio::test]
async fn one_of_several_streams_is_named() {
    let world = World::with(200, |_, _| true).await;
    let other = json!({"id": "lst_2", "type": "eventbridge", "status": "paused", "filters": [],
        "sink": {"awsPartnerEventSource": "aws.partner/auth0.com/other"}});
    world.auth0.change(|tenant| tenant.streams.push(other));
    assert!(world.reconcile(WINDOW).await.warnings[0].contains("--event-source"));
    let unknown = world.try_reconcile(&format!("{WINDOW} --repair --event-source aws.partner/mistyped")).await;
    assert!(unknown.unwrap_err().to_string().contains("--unmasked"), "nobody knows what that stream masks");
    let found = world.reconcile(&format!("{WINDOW} --again --event-source aws.partner/auth0.com/other")).await;
    assert_eq!((found.stream.id.as_str(), found.stream.status.as_str()), ("lst_2", "paused"));
}

#[tokio::test]
async fn what_lies_elsewhere_is_found_there() {
    let world = World::with(960, |number, _| number % 10 != 0).await;
    let open: Vec<String> = world.events().into_values().step_by(10).collect();
    let stack = world.stack().await;
    let kept = |event: &String| format!("{{\"rawData\":\"{}\"}}\n", STANDARD.encode(envelope(event)));
    let error: String = open[5..15].iter().map(kept).collect();
    put(&stack, "error/processing-failed/2026/11/18/20/a", error.into_bytes()).await;
    let sqs = aws_sdk_sqs::Client::new(&stack.aws.as_observer().sdk_config());
    let url = sqs.create_queue().queue_name("undelivered").send().await.unwrap().queue_url.unwrap();
    for event in &open[15..18] {
        sqs.send_message().queue_url(&url).message_body(envelope(event)).send().await.unwrap();
    }
    drop((stack, sqs));
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), found.total.of(AwaitsReplay), found.total.of(Missing)), (Verdict::Trouble, 10, 32));
    let found = world.reconcile(&format!("{WINDOW} --queue {url}")).await;
    assert_eq!((found.total.of(InQueue), found.total.of(Missing)), (3, 29));
}

#[tokio::test]
async fn what_cannot_be_read_may_hold_them() {
    let world = World::with(960, |number, _| number % 10 != 0).await;
    let stack = world.stack().await;
    let broken = gzip("{\"log_id\":\"1\"}\n".repeat(100));
    put(&stack, "logs/2026/11/18/20/broken.gz", broken[..broken.len() / 2].to_vec()).await;
    drop(stack);
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), found.total.of(Unreadable)), (Verdict::Unknown, 42), "{:?}", causes(&found));
    assert!(found.inconclusive.iter().any(|why| why.contains("broken.gz")), "{:?}", found.inconclusive);
    assert!(found.proven.last().is_none_or(|span| span.to < at("2026-11-18T15:00:00Z")), "{:?}", found.proven);
}

#[tokio::test]
async fn a_stream_that_was_resumed_a_moment_ago_catches_up() {
    let world = World::with(960, |number, _| number % 10 != 0).await;
    change_stream(&world, "status", json!("paused"));
    world.reconcile(WINDOW).await;
    change_stream(&world, "status", json!("active"));
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), found.total.of(Missing)), (Verdict::Unknown, 0), "{:?}", causes(&found));
}

#[tokio::test]
async fn another_tenants_events_are_no_place_to_begin() {
    let world = World::with(960, |number, _| number % 10 != 0).await;
    let other = testkit::auth0::log_id(at("2026-11-18T13:59:59Z"), 1 << 40);
    let line = format!("{{\"log_id\":\"{other}\",\"type\":\"s\"}}\n");
    put(&world.stack().await, "logs/2026/11/18/13/other.gz", gzip(line)).await;
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), found.total.of(Missing)), (Verdict::Trouble, 42));
    assert!(!world.auth0.calls().iter().any(|call| call.contains(&format!("from={other}"))));
}

#[tokio::test]
async fn an_event_may_arrive_in_any_later_hour() {
    let world = World::empty(960).await;
    let events = world.events();
    let (late, soon): (Vec<_>, Vec<_>) = events.iter().partition(|(id, _)| id.ends_with('7'));
    world.deliver(soon.into_iter()).await;
    let lines: Vec<u8> =
        late.iter().flat_map(|(_, event)| transform::record::line(envelope(event).as_bytes()).unwrap()).collect();
    put(&world.stack().await, "logs/2026/11/20/12/resumed.gz", gzip(lines)).await;
    let found = world.reconcile("--from 2026-11-18T14 --to 2026-11-19").await;
    assert_eq!((found.verdict(), causes(&found)), (Verdict::Well, Vec::new()));
    assert_eq!(found.total.at_auth0, found.total.in_bucket);
}

#[tokio::test]
async fn what_is_ours_alone_is_no_fault() {
    let world = World::with(960, |_, _| true).await;
    let gone: Vec<String> = world.events().into_keys().step_by(50).collect();
    world.auth0.change(|tenant| gone.iter().for_each(|id| drop(tenant.events.remove(id))));
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), causes(&found)), (Verdict::Well, Vec::new()));
    assert!(found.only_in_bucket > 15, "{}", found.only_in_bucket);
}
