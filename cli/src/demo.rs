//! The demo: generated traffic through the whole pipeline, every number checked.

#[cfg(feature = "sql")]
mod audit;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use fixtures::{Injected, Kind, Settings, Traffic};
use log_format::Hour;
use serde::Serialize;
use tokio::time::Instant;

use crate::args::{Demo, Place};
use crate::given::Given;
use crate::pipeline::Pipeline;
use crate::report::{self, Carried};
use crate::{Verdict, progress};

/// The first hour of the demo's traffic.
const START: DateTime<Utc> = match DateTime::from_timestamp(1_795_132_800, 0) {
    Some(start) => start,
    None => DateTime::UNIX_EPOCH,
};

/// An object held back shows up so long after its hour's end: the hour has been committed meanwhile.
const HELD_BACK_HOURS: i64 = 5;

/// What the demo found.
#[derive(Debug, Serialize)]
struct Found {
    #[serde(flatten)]
    carried: Carried,
    injected: Vec<Check>,
    #[cfg(feature = "sql")]
    queries: Vec<audit::Compared>,
    seconds: f64,
}

/// A number that is known beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    what: &'static str,
    injected: u64,
    found: u64,
}

/// Runs the demo.
pub async fn demo(place: &Place, options: &Demo, given: &Given) -> anyhow::Result<Verdict> {
    let started = Instant::now();
    let settings = Settings::new(options.seed(), options.events(), START, options.hours());
    let traffic = Traffic::new(settings);
    let injected = traffic.injected();
    let bar = progress::bar(options.events(), "events", given.terminal);
    let mut pipeline = Pipeline::open(place, given, bar).await?;
    let mut late_hours = std::collections::BTreeSet::new();
    for sent in traffic {
        let release = (sent.kind == Kind::HeldBack).then(|| release(sent.arrival));
        late_hours.extend(release.map(|_| Hour::of(sent.arrival)));
        pipeline.put(Bytes::from(sent.envelope), sent.arrival, release).await?;
    }
    let (stack, carried) = pipeline.finish().await?;
    let injected = checks(&injected, late_hours.len() as u64, &carried);
    #[cfg(feature = "sql")]
    let queries = audit::compare(&stack, place, options, START).await?;
    #[cfg(not(feature = "sql"))]
    drop(stack);
    let found = Found {
        carried,
        injected,
        #[cfg(feature = "sql")]
        queries,
        seconds: started.elapsed().as_secs_f64(),
    };
    tell(place, &found)?;
    Ok(Verdict::of(found.is_well()))
}

fn release(arrival: DateTime<Utc>) -> DateTime<Utc> {
    Hour::of(arrival).end() + TimeDelta::hours(HELD_BACK_HOURS)
}

/// What was injected, and how much of it was found. A folder that held the same hours before has other duplicates.
fn checks(injected: &Injected, late_objects: u64, carried: &Carried) -> Vec<Check> {
    let fresh = carried.parquet_rows == carried.new_rows;
    let broken = Check { what: "broken events, kept under error/", injected: injected.broken, found: carried.failed };
    if !fresh {
        return vec![broken];
    }
    let repeated = injected.duplicates_within_hour;
    vec![
        broken,
        Check { what: "duplicates within their hour, left out", injected: repeated, found: carried.duplicates },
        Check { what: "collisions, kept", injected: injected.collisions, found: carried.collisions },
        Check {
            what: "objects after their hour's commit",
            injected: late_objects,
            found: carried.commits - carried.hours,
        },
    ]
}

impl Found {
    fn is_well(&self) -> bool {
        #[cfg(feature = "sql")]
        let equal = self.queries.iter().all(|query| query.equal);
        #[cfg(not(feature = "sql"))]
        let equal = true;
        let exact = self.injected.iter().all(|check| check.injected == check.found);
        exact && equal && self.carried.adds_up() && self.carried.troubles.is_empty()
    }
}

fn tell(place: &Place, found: &Found) -> anyhow::Result<()> {
    if place.json {
        return report::print_json(found);
    }
    let mut injected = report::table(&["injected on purpose", "sent", "found"]);
    for check in &found.injected {
        injected.add_row([check.what.to_string(), check.injected.to_string(), check.found.to_string()]);
    }
    let mut text = format!("{}\n{injected}\n", found.carried.to_table());
    #[cfg(feature = "sql")]
    for query in &found.queries {
        text.push_str(&format!("\n{query}"));
    }
    text.push_str(&report::troubles(&found.carried.troubles));
    text.push_str(&format!(
        "\n{} in {:.1} s. The data is in {}; ask it anything:\n",
        verdict(found),
        found.seconds,
        place.data.display()
    ));
    text.push_str(&format!(
        "  cargo run -- query --data {} \"SELECT type, count(DISTINCT log_id) AS events FROM auth0_logs GROUP BY type\"",
        place.data.display()
    ));
    report::print(&text)
}

fn verdict(found: &Found) -> &'static str {
    if found.is_well() { "Everything adds up" } else { "SOMETHING DOES NOT ADD UP" }
}
