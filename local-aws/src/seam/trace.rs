//! What was called.

use std::fmt;

use super::{Call, Fault};

/// A call that has been answered, or never will be.
///
/// As text it is one line: `7 compactor s3:PutObject arn:aws:s3:::logs/a if-none-match=* (after: Reset) -> 200`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Its place among all calls since the injection, from one, in the order in which they passed their gates.
    pub number: u64,
    /// What was asked.
    pub call: Call,
    /// What befell it.
    pub fault: Option<Fault>,
    /// What the service answered, whether or not the caller got to hear it: an HTTP status, or `not carried out`.
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
