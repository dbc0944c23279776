//! What an operator sees: the three Lambdas' log, their metrics, errors with every cause, and text on a terminal.
//! Terms: `docs/glossary.md`.
//!
//! - [`log`] sends the log to standard output, in the form and from the level that Lambda's settings ask for.
//! - [`metrics`] names every metric once and emits them.
//! - [`error_chain`] is the text of an error with its causes.
//! - [`plain`] makes text of which a terminal only shows something.
//!
//! Invariant: whatever the functions emit has a name in [`metrics::ALL`], and the monitoring template watches all of
//! them.

pub mod log;
pub mod metrics;
pub mod plain;

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

/// What a reader of JSON says against a text, without the value that it quotes, which may be of an event: for `invalid
/// type: string "secret", expected a map at line 1 column 8` it is `expected a map at line 1 column 8`.
pub fn without_value(message: &str) -> &str {
    message.rfind(", expected ").map_or(message, |at| &message[at + 2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_a_text_is_quoted() {
        let message = |text: &str| serde_json::from_str::<Vec<u8>>(text).unwrap_err().to_string();
        let quoting = message("\"secret, expected by none\"");
        assert!(quoting.contains("secret"), "{quoting}");
        assert_eq!(without_value(&quoting), "expected a sequence at line 1 column 26");
        assert_eq!(without_value(&message("[1")), "EOF while parsing a list at line 1 column 2");
    }

    #[test]
    fn names_every_cause_once() {
        let error = std::io::Error::other(std::io::Error::other("disk is full"));
        assert_eq!(error_chain(&error), "disk is full");
    }
}
