//! The entries of the trace.

use std::fmt;

use super::call::Call;
use super::fault::Fault;

/// A call that has been answered, or never will be.
///
/// It prints as one line: `7 compactor s3:PutObject arn:aws:s3:::logs/a if-none-match=* (after: Reset) -> 200`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The call's number since the injection. Calls are numbered from one, in the order in which they pass their gates.
    pub number: u64,
    /// The call.
    pub call: Call,
    /// The fault that the call met.
    pub fault: Option<Fault>,
    /// The service's answer, whether or not the caller received it: an HTTP status, or `not carried out`.
    pub outcome: String,
}

impl fmt::Display for Traced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.number, self.call)?;
        if let Some(fault) = &self.fault {
            write!(formatter, " ({fault})")?;
        }
        write!(formatter, " -> {}", self.outcome)
    }
}
