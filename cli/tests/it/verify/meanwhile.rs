//! A run that commits, publishes or collects while `verify` looks: what seems wrong for a moment is not reported, and
//! what is wrong is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use auth0_s3_logs::Verdict;
use auth0_s3_logs::args::Verify;
use auth0_s3_logs::commands::verify::{Verified, run};
use auth0_s3_logs::simulation::stack::Stack;
use compactor::clock::{Clock, Run};
use compactor::request::{Request, Scope};
use local_aws::seam::Faults;
use log_format::layout;
use tokio::time::{Duration, sleep};

use super::{ADOPTED, LATE, MIXED, NOW, damage, env, filled, hour, manifest, names, options, put_lines, stack, tick};
use crate::support::{self, target};

/// Stops `verify` whenever it is about to read `key`, and calls `meanwhile` with the number of the stop. Returns what
/// `verify` found, and how often it was stopped.
async fn found_while(stack: &Stack, key: String, options: Verify, meanwhile: impl AsyncFn(usize)) -> (Verified, usize) {
    let gates = stack.aws.hold_if(move |call| {
        let of_it = call.resources.iter().any(|arn| arn.ends_with(&format!("/{key}")));
        &*call.caller == "verify" && &*call.name == "GetObject" && of_it
    });
    let deployment = support::deployment(stack, "verify");
    let looking = tokio::spawn(async move { run(&deployment, &options, &env(1)).await.unwrap() });
    let mut times = 0;
    while !looking.is_finished() {
        if let Some(held) = gates.held().first() {
            times += 1;
            meanwhile(times).await;
            assert!(gates.open(held.ticket));
        }
        sleep(Duration::from_millis(2)).await;
    }
    (looking.await.unwrap(), times)
}

/// Hours are written again, published and their former folders retired, while others verify the folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn those_who_read_a_folder_see_no_difference_while_one_writes_to_it() {
    let data = filled().await;
    let writer = stack(data.path());
    let written = Arc::new(AtomicBool::new(false));
    let readers = [1, 2].map(|start| {
        let (written, target) = (Arc::clone(&written), target(data.path()));
        tokio::spawn(async move {
            let stack = Stack::open_to_read(&target, Arc::new(|| NOW.parse().unwrap())).unwrap();
            let (deployment, mut times) = (support::deployment(&stack, "verify"), 0);
            while !written.load(Ordering::Relaxed) {
                let found = run(&deployment, &options(start == 1, false), &env(start)).await.unwrap();
                // An hour is on its way from its commit until its partition follows.
                let on_its_way = ["kept changing", "is about to follow its manifest"];
                let is_on_its_way = |why: &String| on_its_way.iter().any(|it| why.contains(it));
                let only_changing = found.inconclusive.iter().all(is_on_its_way);
                assert!(found.findings.is_empty() && only_changing, "{:?} {:?}", found.findings, found.inconclusive);
                times += 1;
            }
            times
        })
    });
    for time in 0..60 {
        let clock = Clock::start(Arc::new(|| NOW.parse().unwrap()), Duration::from_secs(900));
        let once = Arc::new(Run { clock, nonce: format!("again{time}") });
        let scope = Scope::Hour(hour([MIXED, ADOPTED, LATE][time % 3]));
        let tick = writer.compactor.tick(&once, Request::new(scope, true), |_, _| {}).await.unwrap();
        assert_eq!((tick.failures(), tick.totals().compacted), (Vec::new(), 1));
    }
    written.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap() > 1);
    }
}

/// Commits the hour for a late object, in a run of its own.
async fn commit(stack: &Stack, time: usize) {
    let line = format!("{{\"log_id\":\"late-{time}\",\"type\":\"s\"}}\n");
    put_lines(stack, MIXED, &format!("late-{time}.gz"), &line).await;
    tick(stack, ["2025-03-01T20:00:00Z", "2025-03-01T21:00:00Z", "2025-03-01T22:00:00Z"][time - 1]).await;
}

/// Commits in the first `commits` of all looks. Checks what is reported, after how many looks, and that nothing is
/// written.
async fn check(commits: usize, options: Verify, expected: (&[&str], Verdict, &[&str], usize)) {
    let data = filled().await;
    let stack = stack(data.path());
    stack.aws.inject(Faults::none());
    let commit = async |time| {
        if time <= commits {
            commit(&stack, time).await
        }
    };
    let (found, looks) = found_while(&stack, layout::manifest_key(hour(MIXED)), options.clone(), commit).await;
    let inconclusive: Vec<&str> = found.inconclusive.iter().map(String::as_str).collect();
    let (names, case) = (names(&found), format!("{commits} commits, {options:?}: {:?}", found.findings));
    assert_eq!(
        (names, found.verdict(), inconclusive.as_slice(), looks),
        (BTreeSet::from_iter(expected.0.iter().copied()), expected.1, expected.2, expected.3),
        "{case}"
    );
    let attempt = manifest(&stack, MIXED).await.live.unwrap().attempt;
    let writes = |name: &str| !name.starts_with("Get") && !name.starts_with("List");
    let trace = stack.aws.trace();
    let written = trace.iter().filter(|it| &*it.call.caller == "verify" && writes(&it.call.name)).count();
    assert_eq!((written, found.repairs.len()), (0, 0), "{case}, {attempt}");
}

const CHANGING: &str = "2025-03-01T07: it kept changing while it was looked at";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_meanwhile_is_no_difference() {
    check(0, options(false, false), (&[], Verdict::Well, &[], 1)).await;
    for (deep, repair) in [(false, false), (true, false), (false, true)] {
        check(1, options(deep, repair), (&[], Verdict::Well, &[], 2)).await;
    }
    check(2, options(false, true), (&[], Verdict::Well, &[], 3)).await;
    check(3, options(false, true), (&[], Verdict::Unknown, &[CHANGING], 3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_reported_whatever_happens_meanwhile() {
    for (commits, verdict, inconclusive) in [(1, Verdict::Trouble, &[][..]), (3, Verdict::Unknown, &[CHANGING])] {
        let data = filled().await;
        let stack = stack(data.path());
        damage(&stack, "unknown folder").await;
        let commit = async |time| {
            if time <= commits {
                commit(&stack, time).await
            }
        };
        let (found, _) = found_while(&stack, layout::manifest_key(hour(MIXED)), options(false, false), commit).await;
        assert_eq!((names(&found), found.verdict()), (BTreeSet::from(["unknown folder"]), verdict));
        assert_eq!(found.inconclusive, inconclusive);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_meanwhile_is_no_difference() {
    let data = filled().await;
    let stack = stack(data.path());
    let collect = async |time| {
        if time == 1 {
            tick(&stack, "2025-03-02T20:00:00Z").await
        }
    };
    let (found, looks) = found_while(&stack, layout::manifest_key(hour(LATE)), options(true, false), collect).await;
    assert_eq!(manifest(&stack, LATE).await.retired.len(), 0, "collected");
    assert_eq!((names(&found), found.verdict(), looks), (BTreeSet::new(), Verdict::Well, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watermark_that_moves_meanwhile_is_no_difference() {
    let data = filled().await;
    let stack = stack(data.path());
    let moves = async |time| {
        if time == 1 {
            tick(&stack, "2025-03-01T20:30:00Z").await
        }
    };
    let (found, looks) = found_while(&stack, layout::WATERMARK.to_string(), options(false, false), moves).await;
    assert_eq!((names(&found), found.verdict(), looks), (BTreeSet::new(), Verdict::Well, 2));
}
