//! What an operator sees of the three Lambdas: their log, their metrics, and their errors with every cause.

pub mod log;
pub mod metrics;

use std::error::Error;
use std::io::Write;

/// Has a panic say where it was, and nothing else: its message may quote a value of an event.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // Where standard error is gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr().lock(), "panicked at {place}");
    }));
}

/// An error's message followed by those of its causes, outermost first.
///
/// Lambda and the log show an error's own message only, and ours don't repeat what their source says.
pub fn error_chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut messages: Vec<String> = causes.map(ToString::to_string).collect();
    messages.dedup();
    messages.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_every_cause_once() {
        let error = std::io::Error::other(std::io::Error::other("disk is full"));
        assert_eq!(error_chain(&error), "disk is full");
    }
}
