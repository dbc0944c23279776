//! What an operator sees of the three Lambdas: their log, their metrics, and their errors with every cause.
//! Terms: `docs/glossary.md`.
//!
//! - [`log`] sends the log to standard output, in the form and from the level that Lambda's settings ask for.
//! - [`metrics`] names every metric once and emits them.
//! - [`error_chain`] is the text of an error with its causes.
//!
//! Invariant: whatever the functions emit has a name in [`metrics::ALL`], and the monitoring template watches all of
//! them.

pub mod log;
pub mod metrics;

use std::error::Error;
use std::io::Write;

/// Makes panics print their place and nothing else, because their message may quote a value of an event.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // A failure to write to standard error cannot be reported anywhere.
        let _ = writeln!(std::io::stderr().lock(), "panicked at {place}");
    }));
}

/// The message of an error followed by those of its causes, outermost first.
///
/// Lambda and the log show the error's own message only, and our messages do not repeat those of their sources.
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
