//! Why a call fails, and Athena's name and message for it.

use http::StatusCode;
use serde_json::json;

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum AthenaError {
    #[error("{0}")]
    Invalid(String),
    #[error("QueryExecution {0} was not found")]
    NoExecution(String),
    #[error("WorkGroup {0} is not found.")]
    NoWorkgroup(String),
    #[error("NamedQuery {0} was not found")]
    NoQuery(String),
    #[error("Query has not yet finished. Current state: {0}")]
    NotFinished(&'static str),
    #[error("Query did not finish successfully. Final query state: {0}")]
    NotSucceeded(&'static str),
    #[error("{0} is not a call that is answered here")]
    UnknownCall(String),
    #[error("this AWS has no engine for Athena")]
    NoEngine,
    #[error("the results could not be read: {0}")]
    Results(String),
}

/// The body of an answer that is the error `name`, with its message.
pub(crate) fn body(name: &str, message: &str) -> Vec<u8> {
    json!({"__type": name, "Message": message}).to_string().into_bytes()
}

impl AthenaError {
    fn name(&self) -> &'static str {
        match self {
            AthenaError::UnknownCall(_) => "UnknownOperationException",
            AthenaError::NoEngine | AthenaError::Results(_) => "InternalServerException",
            _ => "InvalidRequestException",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            AthenaError::NoEngine | AthenaError::Results(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        body(self.name(), &self.to_string())
    }
}
