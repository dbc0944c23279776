//! What was dropped on the way is named and brought back: exactly that.

use auth0_s3_logs::Verdict;
use auth0_s3_logs::commands::reconcile::WhyNotInBucket::Unreadable;
use compactor::clock::{Clock, Run};
use compactor::request::{Request, Scope};

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

/// An hour that is large enough for its Parquet to be asked.
const LARGE: &str = "2026-11-18T20:00:00Z";

/// Events of this tenant that Auth0 no longer shows, too long to be compressed much.
fn long_events(count: usize) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(3);
    let own = events(at(LARGE), at(LARGE) + TimeDelta::minutes(50), count, 8);
    let long = own.into_values().map(|event| {
        let mut event: Value = serde_json::from_str(&event).unwrap();
        event["details"] = std::iter::repeat_with(|| random.alphanumeric()).take(64 << 10).collect::<String>().into();
        event.to_string()
    });
    long.collect()
}

/// A world with a large hour that is compacted, in which the lines of `glued` stand as one.
async fn compacted(came: impl Fn(&str) -> bool, glued: &[&str]) -> World {
    let world = World::with(960, |_, id| came(id)).await;
    let stack = world.stack().await;
    let line = |event: &str| transform::record::line(envelope(event).as_bytes()).unwrap();
    let mut lines: Vec<u8> = long_events(40).iter().flat_map(|event| line(event)).collect();
    let all = world.events();
    lines.extend(glued.iter().flat_map(|id| line(&all[*id]).trim_ascii_end().to_vec()));
    put(&stack, &format!("{}long.gz", layout::json_prefix(Hour::of(at(LARGE)))), gzip(lines)).await;
    let clock = Clock::start(Arc::new(|| at(NOW)), std::time::Duration::from_secs(900));
    let run = Arc::new(Run { clock, nonce: "one".to_owned() });
    let hour = Scope::Hour(Hour::of(at(LARGE)));
    let tick = stack.compactor.tick(&run, Request::new(hour, false), |_, _| {}).await.unwrap();
    assert_eq!((tick.totals().compacted, tick.totals().counts.rejected), (1, u64::from(!glued.is_empty())));
    drop(stack);
    world
}

#[tokio::test]
async fn of_a_large_hour_the_parquet_is_asked_and_the_objects_decide() {
    let ids: Vec<String> = World::empty(960).await.events().into_keys().collect();
    let begin = log_id::least_at(at(LARGE));
    let [first, second, third] = ids.iter().filter(|id| **id >= begin).take(3).collect::<Vec<_>>().try_into().unwrap();

    let found = compacted(|_| true, &[]).await.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), found.hours_of_parquet, found.only_in_bucket), (Verdict::Well, 1, 40));
    let found = compacted(|id| id != second, &[]).await.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), missing(&found)), (Verdict::Trouble, vec![second.as_str()]));
    // Two events in one line: the tables show the first. The other is not missing, it lies there. Parquet is not asked.
    let two = [first, third];
    let world = compacted(|id| !two.contains(&&id.to_owned()), &two.map(|id| id.as_str())).await;
    let found = world.reconcile(WINDOW).await;
    assert_eq!((found.verdict(), found.hours_of_parquet, causes(&found)), (Verdict::Unknown, 0, vec![(Unreadable, 1)]));
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
