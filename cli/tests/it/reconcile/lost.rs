//! What was dropped on the way is named and brought back: exactly that.

use auth0_s3_logs::Verdict;

use super::*;

const EVENTS: usize = 100_000;
/// Within these hours nothing is late.
const WINDOW: &str = "--from 2026-11-18T14 --to 2026-11-19T10";

/// So many log_ids of the window, in order.
fn drawn(count: usize) -> BTreeSet<String> {
    let mut random = fastrand::Rng::with_seed(count as u64);
    let within = log_id::least_at(at("2026-11-18T14:00:00Z"))..log_id::least_at(at("2026-11-19T10:00:00Z"));
    let mut ids: Vec<String> =
        events(at(BEGIN), at(NOW), EVENTS, 7).into_keys().filter(|id| within.contains(id)).collect();
    random.shuffle(&mut ids);
    ids.into_iter().take(count).collect()
}

/// `count` of a hundred thousand events never came.
async fn lost(count: usize) {
    let dropped = drawn(count);
    let world = World::with(EVENTS, |_, id| !dropped.contains(id)).await;
    check_named(&world, &dropped).await;
    check_brought(&world, &dropped).await;
}

async fn check_named(world: &World, dropped: &BTreeSet<String>) {
    let found = world.reconcile(WINDOW).await;
    assert!(missing(&found).iter().eq(dropped.iter()), "{:?}", found.missing);
    assert_eq!(found.verdict(), Verdict::of(dropped.is_empty()), "{:?}", found.inconclusive);
    let total = &found.total;
    assert!(total.at_auth0 > 41_000 && total.in_bucket + dropped.len() as u64 == total.at_auth0, "{total:?}");
    assert_eq!(found.types.values().map(|counts| counts.at_auth0).sum::<u64>(), total.at_auth0);
}

async fn check_brought(world: &World, dropped: &BTreeSet<String>) {
    let found = world.reconcile(&format!("{WINDOW} --again --repair")).await;
    assert_eq!((found.verdict(), found.repaired.unwrap().events), (Verdict::Well, dropped.len() as u64));
    let lines = world.lines().await;
    assert!(lines.len() == EVENTS && lines.values().all(|lines| lines.len() == 1));
    let fetched = lines.iter().filter(|(_, lines)| lines[0].to_string().contains("management-api"));
    assert!(fetched.map(|(id, _)| id).eq(dropped.iter()));

    let found = world.reconcile(&format!("{WINDOW} --again --repair")).await;
    assert_eq!((found.verdict(), found.repaired.unwrap().objects), (Verdict::Well, 0));
    assert_eq!(world.lines().await, lines);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing() {
    lost(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one() {
    lost(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few() {
    lost(17).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand() {
    lost(1_000).await;
}
