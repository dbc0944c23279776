//! What the benchmarks are run over: the traffic of one hour in which every event is another one.

use fixtures::{Rates, Settings, Traffic};
use log_format::Hour;

/// The envelopes of so many events, in the order they arrive in. None is broken and none comes twice: whoever makes
/// Parquet of them has neither anything to reject nor anything to leave out.
pub fn envelopes(events: u64, hour: Hour, seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let settings = Settings { rates: Rates::NONE, ..Settings::new(seed, events, hour.start(), 1) };
    Traffic::new(settings).map(|sent| sent.envelope)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::envelopes;

    #[test]
    fn every_event_is_another_line() {
        let hour = "2025-11-20T13".parse().unwrap();
        let lines: HashSet<Vec<u8>> =
            envelopes(1000, hour, 1).map(|envelope| transform::batch::line(&envelope).unwrap()).collect();
        assert_eq!(lines.len(), 1000);
    }
}
