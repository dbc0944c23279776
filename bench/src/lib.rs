//! The input of the benchmarks: the traffic of one hour, in which all events are distinct. Terms: `docs/glossary.md`.
//!
//! The binaries write it in the two forms that the stages read: `make-batches` as Firehose invokes the transform,
//! `make-hour` as Firehose writes objects. `transform-batches` runs the transform over the first.
//!
//! Invariant: the same seed gives the same bytes, so that all candidates of a comparison do the same work.

use fixtures::{Rates, Settings, Traffic};
use log_format::Hour;

/// The envelopes of `events` events of `hour`, in the order of arrival.
///
/// No event is broken or repeated, so their Parquet has one row for each, with nothing rejected or left out.
pub fn envelopes(events: u64, hour: Hour, seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let settings = Settings { rates: Rates::NONE, ..Settings::new(seed, events, hour.start(), 1) };
    Traffic::new(settings).map(|sent| sent.envelope)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::envelopes;

    #[test]
    fn all_lines_are_distinct() {
        let hour = "2025-11-20T13".parse().unwrap();
        let lines: HashSet<Vec<u8>> =
            envelopes(1000, hour, 1).map(|envelope| transform::batch::line(&envelope).unwrap()).collect();
        assert_eq!(lines.len(), 1000);
    }
}
