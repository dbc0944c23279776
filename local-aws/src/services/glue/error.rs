//! Why a call fails, and Glue's name and message for it.

use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use crate::journal::JournalError;

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum GlueError {
    /// The named entity does not exist.
    #[error("{0} not found.")]
    NotFound(String),
    #[error("Cannot find partition.")]
    NoPartition,
    /// An entity of this kind exists already.
    #[error("{0} already exists.")]
    Exists(&'static str),
    #[error("{0}")]
    Invalid(String),
    /// An input is outside the bounds in Glue's model of the call.
    #[error(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {must}"
    )]
    Bounds { member: &'static str, value: String, must: String },
    #[error("Update table failed due to concurrent modifications: {table} has version {found}, not {expected}.")]
    Version { table: String, expected: String, found: u64 },
    #[error("{0} is not a call that is answered here")]
    UnknownCall(String),
    #[error("this entry was made to fail")]
    Injected,
    #[error("failed to write the answer as JSON")]
    Encode(#[source] serde_json::Error),
    #[error("{}", .0.with_cause())]
    Journal(#[from] JournalError),
}

/// The error of one entry of a batch, as part of the answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ErrorDetail {
    error_code: &'static str,
    error_message: String,
}

/// The body of an answer that is the error `name`, with its message.
pub(crate) fn body(name: &str, message: &str) -> Vec<u8> {
    json!({"__type": name, "Message": message}).to_string().into_bytes()
}

impl GlueError {
    pub(super) fn no_database(name: &str) -> GlueError {
        GlueError::NotFound(format!("Database {name}"))
    }

    pub(super) fn no_table(name: &str) -> GlueError {
        GlueError::NotFound(format!("Table {name}"))
    }

    fn name(&self) -> &'static str {
        match self {
            GlueError::NotFound(_) | GlueError::NoPartition => "EntityNotFoundException",
            GlueError::Exists(_) => "AlreadyExistsException",
            GlueError::Invalid(_) => "InvalidInputException",
            GlueError::Bounds { .. } => "ValidationException",
            GlueError::Version { .. } => "ConcurrentModificationException",
            GlueError::UnknownCall(_) => "UnknownOperationException",
            GlueError::Injected | GlueError::Encode(_) | GlueError::Journal(_) => "InternalServiceException",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            GlueError::Injected | GlueError::Encode(_) | GlueError::Journal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        body(self.name(), &self.to_string())
    }

    pub(super) fn detail(&self) -> ErrorDetail {
        ErrorDetail { error_code: self.name(), error_message: self.to_string() }
    }
}
