//! The input of the benchmarks: the traffic of some hours, in which all events are distinct. Terms: `docs/glossary.md`.
//!
//! The binaries write it in the two forms that the stages read: `make-batches` as Firehose invokes the transform,
//! `make-hours` as Firehose writes objects. `transform-batches` runs the transform over the first.
//!
//! Invariant: the same seed gives the same bytes, so that all candidates of a comparison do the same work.

use fixtures::{Rates, Sent, Settings, Traffic};
use log_format::Hour;

/// `events` events of `hours` hours from `from` on, in the order of arrival.
///
/// No event is broken or repeated, so their Parquet has one row for each, with nothing rejected or left out.
pub fn events(events: u64, from: Hour, hours: u32, seed: u64) -> impl Iterator<Item = Sent> {
    Traffic::new(Settings { rates: Rates::NONE, ..Settings::new(seed, events, from.start(), hours) })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::events;

    #[test]
    fn all_lines_are_distinct() {
        let hour = "2025-11-20T13".parse().unwrap();
        let lines: HashSet<Vec<u8>> =
            events(1000, hour, 2, 1).map(|sent| transform::batch::line(&sent.envelope).unwrap()).collect();
        assert_eq!(lines.len(), 1000);
    }
}
