//! `run`: events of your own through the pipeline.

use crate::Verdict;
use crate::args::{Place, Run};
use crate::given::Given;
use crate::pipeline::Pipeline;
use crate::report::{self, Carried};
use crate::{input, progress};

/// Takes the events of all files through the pipeline, and tells what became of them.
pub async fn run(place: &Place, options: &Run, given: &Given) -> anyhow::Result<Verdict> {
    let mut lines = Vec::new();
    for file in &options.events {
        lines.extend(input::read_lines(file)?);
    }
    let carried = carry(place, &lines, given).await?;
    if place.json {
        report::print_json(&carried)?;
    } else {
        report::print(&format!("{}{}", carried.to_table(), report::troubles(&carried.troubles)))?;
    }
    Ok(Verdict::of(carried.adds_up() && carried.troubles.is_empty()))
}

/// Takes lines of events through the pipeline.
pub async fn carry(place: &Place, lines: &[Vec<u8>], given: &Given) -> anyhow::Result<Carried> {
    let bar = progress::bar(lines.len() as u64, "events", given.terminal);
    let mut pipeline = Pipeline::open(place, given, bar).await?;
    for arrival in input::arrivals(lines, given.now) {
        pipeline.put(arrival.record, arrival.at, None).await?;
    }
    let (_, carried) = pipeline.finish().await?;
    Ok(carried)
}
