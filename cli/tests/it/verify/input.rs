//! Every input of `docs/bad-input.md`, as the compactor's own tests make it, each in an hour of its own. A reader that
//! shares nothing with the compactor's proves that each row is there, and that each other line is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use auth0_s3_logs::commands::verify::finding::{Difference, Finding};
use auth0_s3_logs::commands::verify::run;
use auth0_s3_logs::simulation::stack::Stack;
use compactor::clock::{Clock, Run};
use compactor::request::{Request, Scope};
use fixtures::gzip;
use log_format::{Hour, layout};
use testkit::odd::{self, good_lines};
use tokio::time::Duration;

use super::{NOW, env, hour, options, put};
use crate::support::{deployment, target};

const BEGIN: &str = "2025-02-01T00";

/// Puts each input between two good objects, at each place in its object where it may be. Returns the inputs by hour.
async fn put_all(stack: &Stack) -> BTreeMap<Hour, &'static str> {
    let mut inputs = BTreeMap::new();
    let mut hour = hour(BEGIN);
    for name in odd::names() {
        for odd in odd::odds(name, &good_lines(hour, 1)) {
            let prefix = layout::json_prefix(hour);
            put(stack, &format!("{prefix}{}", odd.name.replace("NAME", "1")), odd.body).await;
            for object in [0, 2] {
                put(stack, &format!("{prefix}{object}.gz"), gzip(good_lines(hour, object).join("\n"))).await;
            }
            inputs.insert(hour, name);
            hour = hour.next();
        }
    }
    inputs
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_lies_in_an_hour_it_is_proven() {
    let data = tempfile::tempdir().unwrap();
    let stack = Stack::open(&target(data.path()), Arc::new(|| NOW.parse().unwrap())).await.unwrap();
    let inputs = put_all(&stack).await;
    let clock = Clock::start(Arc::new(|| NOW.parse().unwrap()), Duration::from_secs(900));
    let scope = Scope::Range(hour(BEGIN), inputs.last_key_value().unwrap().0.next());
    let tick = Run { clock, nonce: "1".to_string() };
    let tick = stack.compactor.tick(&Arc::new(tick), Request::new(scope, false), |_, _| {}).await.unwrap();
    assert_eq!(tick.failures(), [""; 0]);
    let found = run(&deployment(&stack, "verify"), &options(true, false), &env(1)).await.unwrap();
    let named = |hour: Option<Hour>| hour.and_then(|hour| inputs.get(&hour));
    let (told, wrong): (Vec<&Finding>, Vec<&Finding>) =
        found.findings.iter().partition(|finding| finding.difference == Difference::ObjectOfNoHour);
    let wrong: Vec<_> = wrong.iter().map(|finding| (named(finding.hour), finding)).collect();
    assert!(wrong.is_empty() && found.inconclusive.is_empty(), "{wrong:#?}, {:?}", found.inconclusive);
    // Nobody reads it.
    assert!(told.len() == 1 && told[0].what.contains("/sub/1.gz, "), "{told:?}");
    let proven = found.by_hour.iter().filter(|(_, checked)| checked.compared).map(|(hour, _)| inputs[hour]);
    let proven: BTreeSet<&str> = proven.collect();
    assert_eq!(proven, BTreeSet::from_iter(odd::names()));
    assert_eq!(found.compared, inputs.len() as u64);
    println!("{} inputs in {} combinations are proven", proven.len(), inputs.len());
}
