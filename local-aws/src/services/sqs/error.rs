//! Why a call fails, and SQS's name and message for it.

use http::StatusCode;
use serde_json::json;

use crate::journal::JournalError;

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum SqsError {
    #[error("The specified queue does not exist.")]
    NoQueue,
    #[error("A queue already exists with the same name and a different value for attribute VisibilityTimeout")]
    QueueExists,
    #[error("The input receipt handle is invalid.")]
    Receipt,
    /// A parameter has a value that is not allowed. The text says which, and what is allowed.
    #[error("{0}")]
    Parameter(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0} is not a call that is answered here")]
    UnknownCall(String),
    #[error("failed to write the answer as JSON")]
    Encode(#[source] serde_json::Error),
    #[error("{}", .0.with_cause())]
    Journal(#[from] JournalError),
}

/// The body of an answer that is the error `name`, with its message.
pub(crate) fn body(name: &str, message: &str) -> Vec<u8> {
    json!({"__type": format!("com.amazonaws.sqs#{name}"), "message": message}).to_string().into_bytes()
}

impl SqsError {
    fn name(&self) -> &'static str {
        match self {
            SqsError::NoQueue => "QueueDoesNotExist",
            SqsError::QueueExists => "QueueNameExists",
            SqsError::Receipt => "ReceiptHandleIsInvalid",
            SqsError::Parameter(_) => "InvalidParameterValue",
            SqsError::Invalid(_) => "SerializationException",
            SqsError::UnknownCall(_) => "UnsupportedOperation",
            SqsError::Encode(_) | SqsError::Journal(_) => "InternalFailure",
        }
    }

    /// The error's name in SQS's former protocol, and who is at fault.
    pub(super) fn query_error(&self) -> String {
        let name = match self {
            SqsError::NoQueue => "AWS.SimpleQueueService.NonExistentQueue",
            SqsError::QueueExists => "QueueAlreadyExists",
            SqsError::UnknownCall(_) => "AWS.SimpleQueueService.UnsupportedOperation",
            _ => self.name(),
        };
        format!("{name};{}", if self.status().is_server_error() { "Receiver" } else { "Sender" })
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            SqsError::Encode(_) | SqsError::Journal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        body(self.name(), &self.to_string())
    }
}
