//! Whatever Auth0's API does, the verdict is right, or the reason is told why there is none.

use auth0_s3_logs::Verdict;
use auth0_s3_logs::commands::reconcile::WhyNotInBucket::{Late, Missing};
use testkit::auth0::{Expired, Fault, Order, api_event};

use super::*;

const WINDOW: &str = "--from 2026-11-18T14 --to 2026-11-21";

/// Each call of a walk meets the fault once, the others not.
fn every_call(fault: &Fault) -> Vec<Vec<Fault>> {
    (0..14).map(|before| [vec![Fault::None; before], vec![fault.clone()]].concat()).collect()
}

/// A thousand events, of which one in ten never came.
async fn world() -> (World, Vec<String>) {
    let world = World::with(960, |number, _| number % 10 != 0).await;
    let found = world.reconcile(WINDOW).await;
    assert_eq!(found.total.of(Missing), 42);
    let missing = missing(&found).into_iter().map(str::to_owned).collect();
    (world, missing)
}

#[tokio::test]
async fn a_fault_that_passes_changes_nothing() {
    let faults = [
        Fault::TooManyRequests { retry_after: Some(7) },
        Fault::TooManyRequests { retry_after: None },
        Fault::ServerError(500),
        Fault::ServerError(503),
        Fault::Torn,
        Fault::NotJson,
        Fault::NoLink,
        Fault::RepeatsNext,
        Fault::ExpiredToken,
        Fault::Empty,
    ];
    let (world, expected) = world().await;
    for fault in &faults {
        for faults in every_call(fault) {
            world.auth0.change(|tenant| tenant.faults = faults.clone().into());
            let found = world.try_reconcile(WINDOW).await;
            // An end of the log that seems empty leaves nothing to compare.
            if *fault == Fault::Empty && faults.len() <= 2 {
                let is_told = found.map_or_else(
                    |error| error.to_string().contains("run it again"),
                    |found| (found.verdict(), found.from) == (Verdict::Unknown, None),
                );
                assert!(is_told, "{fault:?} at call {}", faults.len());
                continue;
            }
            let found = found.unwrap();
            assert_eq!(missing(&found), expected, "{fault:?} at call {}", faults.len());
            assert_eq!(
                found.verdict(),
                Verdict::Trouble,
                "{fault:?} at call {}: {:?}",
                faults.len(),
                found.inconclusive
            );
        }
    }
}

#[tokio::test]
async fn a_fault_that_stays_is_told_and_nothing_is_proven_after_it() {
    for (fault, says) in [
        (Fault::ServerError(503), "Auth0 answers 503"),
        (Fault::Torn, "it failed"),
        (Fault::NotJson, "the page is not whole"),
        (Fault::BadRequest, "Auth0 answers 400"),
        (Fault::ExpiredToken, "the token is refused"),
        (Fault::Empty, "although its search shows a later event"),
        (Fault::Silence, "no answer in"),
    ] {
        let world = World::with(960, |_, _| true).await;
        let faults = [vec![Fault::None; 7], vec![fault.clone(); 40]].concat();
        world.auth0.change(|tenant| tenant.faults = faults.into());
        let found = world.reconcile(WINDOW).await;
        assert_eq!((found.verdict(), causes(&found)), (Verdict::Unknown, Vec::new()), "{fault:?}");
        assert!(found.inconclusive.iter().any(|why| why.contains(says)), "{fault:?}: {:?}", found.inconclusive);
        assert!(*proven_to(&found) < *"20T00:00", "{fault:?}: {}", proven_to(&found));
        // The next run goes on from there.
        world.auth0.change(|tenant| tenant.faults.clear());
        let before = proven_to(&found);
        let found = world.reconcile(WINDOW).await;
        assert_eq!((found.verdict(), proven_to(&found).as_str()), (Verdict::Well, "20T12:00"), "{fault:?}");
        assert_eq!(found.from.unwrap().format("%dT%H:%M").to_string(), before, "{fault:?}");
    }
}

#[tokio::test]
async fn an_order_of_its_own_within_a_page_loses_nothing() {
    let (world, expected) = world().await;
    world.auth0.change(|tenant| tenant.order = Order::Shuffled);
    assert_eq!(missing(&world.reconcile(WINDOW).await), expected);
}

#[tokio::test]
async fn what_has_expired_cannot_be_told() {
    let (world, expected) = world().await;
    let oldest = log_id::least_at(at("2026-11-18T20:00:00Z"));
    world.auth0.change(|tenant| tenant.oldest = Some(oldest.clone()));
    let found = world.reconcile(WINDOW).await;
    assert_eq!(found.verdict(), Verdict::Trouble);
    assert!(found.inconclusive[0].contains("to 2026-11-18T20:01:"), "{:?}", found.inconclusive);
    let left: Vec<&str> = expected.iter().filter(|id| **id > oldest).map(String::as_str).collect();
    let passed_over = left.len() - missing(&found).len();
    assert!(passed_over <= 1, "the minute after the edge is left out");
    assert_eq!(missing(&found), left[passed_over..]);
    // Nobody asked for what there is no more.
    let all = World::with(960, |_, _| true).await;
    all.auth0.change(|tenant| tenant.oldest = Some(oldest.clone()));
    assert_eq!(all.reconcile("").await.verdict(), Verdict::Well);
    assert_eq!(all.reconcile(WINDOW).await.verdict(), Verdict::Unknown);
}

/// The log_id that a walk would begin with expires before it does.
#[tokio::test]
async fn a_beginning_that_has_expired_proves_nothing_by_itself() {
    for expired in [Expired::FromOldest, Expired::Error400, Expired::EmptyPage] {
        let world = World::with(960, |_, _| true).await;
        world.reconcile("--from 2026-11-18T14 --to 2026-11-19").await;
        // The cursor of the last run is gone, and so is all before it.
        let oldest = log_id::least_at(at("2026-11-19T06:00:00Z"));
        world.auth0.change(|tenant| (tenant.oldest, tenant.expired) = (Some(oldest), expired));
        let found = world.reconcile("--from 2026-11-18T14 --to 2026-11-21").await;
        assert_eq!((found.verdict(), causes(&found)), (Verdict::Unknown, Vec::new()), "{expired:?}");
        assert!(found.inconclusive[0].contains("from 2026-11-19T00:00:00Z to 2026-11-19T06:01:"), "{expired:?}");
        assert_eq!(found.proven.len(), 2, "{expired:?}: what nobody can tell is in no span");
    }
}

#[tokio::test]
async fn an_event_that_is_inserted_below_the_cursor_is_seen_by_the_next_run() {
    let world = World::with(960, |_, _| true).await;
    // It was logged half an hour ago, and shows only once the pages have passed its place.
    let moment = at("2026-11-20T12:30:00Z");
    let id = testkit::auth0::log_id(moment, 5);
    let json = format!(r#"{{"log_id":"{id}","type":"s","date":"2026-11-20T12:30:00.000Z"}}"#);
    let (id, event) = api_event(&json).unwrap();
    world.auth0.change(|tenant| tenant.late.push((7, id.clone(), event)));
    let found = world.reconcile("").await;
    assert_eq!((found.verdict(), causes(&found)), (Verdict::Well, Vec::new()));
    world.auth0.change(|tenant| assert!(tenant.events.contains_key(&id), "it came while the run went on"));
    let found = world.reconcile("").await;
    assert_eq!((found.verdict(), causes(&found)), (Verdict::Well, vec![(Late, 1)]));
}

#[tokio::test]
async fn no_clock_makes_a_late_event_a_missing_one() {
    for (hours, verdict, to) in [(-30_i64, Verdict::Well, "19T06:00"), (30, Verdict::Unknown, "19T11:")] {
        let world = World::with(960, |number, id| number % 10 != 0 || *id < *log_id::least_at(at(OLD))).await;
        let time = world.time.clone();
        world.auth0.change(|tenant| tenant.now = Arc::new(move || time.now() + TimeDelta::hours(hours)));
        let found = world.reconcile("--from 2026-11-18T14 --to 2026-11-21").await;
        assert_eq!((found.verdict(), found.total.of(Missing)), (verdict, 0), "{hours}: {:?}", causes(&found));
        let told = if verdict == Verdict::Well { &found.warnings } else { &found.inconclusive };
        assert!(told.iter().any(|why| why.contains("clock")), "{hours}: {told:?}");
        // What is late by the clock that is behind is not compared, or not judged.
        assert!(proven_to(&found).starts_with(to), "{hours}: {}", proven_to(&found));
    }
}

#[tokio::test]
async fn tokens_that_live_shortly_are_renewed() {
    let (world, expected) = world().await;
    world.auth0.change(|tenant| (tenant.token_life, tenant.limit) = (TimeDelta::seconds(90), 4));
    assert_eq!(missing(&world.reconcile(WINDOW).await), expected);
    let tokens = world.auth0.calls().iter().filter(|call| call.starts_with("POST /oauth/token")).count();
    assert!(tokens > 4, "{tokens}");
    world.auth0.change(|tenant| tenant.client.1 = "another".to_owned());
    let refused = format!("{:#}", world.try_reconcile(WINDOW).await.unwrap_err());
    assert!(refused.contains("AUTH0_CLIENT_SECRET") && !refused.contains("secret\""), "{refused}");
}

#[tokio::test]
async fn three_quarters_of_the_rate_limit_are_left_to_others() {
    let world = World::with(20_000, |_, _| true).await;
    world.auth0.change(|tenant| tenant.limit = 40);
    let (before, began) = (world.auth0.calls().len(), world.time.now());
    assert_eq!(world.reconcile(WINDOW).await.verdict(), Verdict::Well);
    let minutes = (world.time.now() - began).num_minutes();
    let calls = world.auth0.calls().len() - before;
    assert!(calls > 190 && minutes >= calls as i64 / 10 - 1, "{calls} calls in {minutes} minutes");
}
