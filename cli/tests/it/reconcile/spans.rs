//! What is proven is kept, so that a daily run reads a day.

use auth0_s3_logs::Verdict;

use super::*;

#[tokio::test]
async fn a_run_goes_on_where_the_last_one_stopped() {
    let world = World::with(9_600, |_, _| true).await;
    let found = world.reconcile("--from 2026-11-18T14 --to 2026-11-20").await;
    assert_eq!((found.verdict(), proven_to(&found).as_str()), (Verdict::Well, "20T00:00"));
    let pages = |calls: &[String]| calls.iter().filter(|call| call.contains("from=")).count();
    let before = world.auth0.calls().len();
    let found = world.reconcile("").await;
    assert_eq!((found.verdict(), proven_to(&found).as_str()), (Verdict::Well, "20T12:00"));
    let read = pages(&world.auth0.calls()[before..]);
    assert!((26..30).contains(&read), "{read} pages of 2,600 events");
    assert_eq!(found.proven.len(), 1, "{:?}", found.proven);
    // All of it was proven before.
    let before = world.auth0.calls().len();
    let found = world.reconcile("--from 2026-11-18T14 --to 2026-11-20").await;
    assert_eq!((found.verdict(), found.from, pages(&world.auth0.calls()[before..])), (Verdict::Well, None, 0));
    let found = world.reconcile("--from 2026-11-18T14 --to 2026-11-20 --again").await;
    assert!(found.total.at_auth0 > 6_500);
}

#[tokio::test]
async fn a_gap_between_two_spans_is_compared_as_long_as_it_can_be() {
    let world = World::with(960, |number, _| number != 300).await;
    assert_eq!(world.reconcile("--from 2026-11-18T14 --to 2026-11-18T20").await.verdict(), Verdict::Well);
    assert_eq!(world.reconcile("--from 2026-11-19T20 --to 2026-11-20").await.verdict(), Verdict::Well);
    let found = world.reconcile("").await;
    assert_eq!((found.verdict(), missing(&found).len()), (Verdict::Trouble, 1));
    assert_eq!(found.from, Some(at("2026-11-18T20:00:00Z")));
}

#[tokio::test]
async fn what_has_not_begun_is_not_proven() {
    let world = World::with(200, |_, _| true).await;
    let found = world.reconcile("--from 2026-11-21 --to 2026-11-22").await;
    assert_eq!((found.verdict(), found.from), (Verdict::Unknown, None));
    assert!(found.inconclusive[0].contains("has not begun"), "{:?}", found.inconclusive);
}

#[tokio::test]
async fn another_hand_in_the_stored_span_is_noticed() {
    let world = World::with(200, |_, _| true).await;
    let first = world.reconcile("").await;
    let stack = world.stack().await;
    let [key] = keys(&stack, layout::RECONCILED).await.try_into().unwrap();
    assert_eq!(key, layout::reconciliation_key(&first.tenant));
    let edited = String::from_utf8(bytes(&stack, &key).await).unwrap().replace("20T12:00:00Z", "20T12:59:00Z");
    put(&stack, &key, edited.into_bytes()).await;
    drop(stack);
    let found = world.reconcile("").await;
    assert_eq!(found.verdict(), Verdict::Well, "the comparison itself holds");
    assert!(found.warnings.iter().any(|why| why.contains("could not be stored")), "{:?}", found.warnings);
    let stack = world.stack().await;
    let deployment = deployment(&stack, "verify");
    let options = auth0_s3_logs::args::Verify::default();
    let verified = auth0_s3_logs::commands::verify::run(&deployment, &options, &env(NOW, 2)).await.unwrap();
    let stray = verified.findings.iter().filter(|it| it.difference.name() == "stray object").count();
    assert_eq!((stray, verified.reconciled.len()), (1, 0));
}
