//! What an operator sees of the three Lambdas: their metrics, and their errors with every cause.

pub mod metrics;

use std::error::Error;

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
