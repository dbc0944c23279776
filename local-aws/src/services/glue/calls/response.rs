//! The responses of calls.

use serde::Serialize;

use crate::services::glue::error::GlueError;

/// The body of an answer.
pub(crate) type CallResult = Result<Vec<u8>, GlueError>;

pub(super) fn respond(answer: &impl Serialize) -> CallResult {
    serde_json::to_vec(answer).map_err(GlueError::Encode)
}

/// The answer of a call that returns nothing.
pub(super) fn empty() -> CallResult {
    Ok(b"{}".to_vec())
}
