//! Lambda's stand-in: a function in the process, called as Invoke calls it.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::seam::{Failure, INJECTED, Reply, Service};

/// A Lambda function: takes the payload of an invocation and returns the payload of its response.
pub type Function = Arc<dyn Fn(Bytes) -> BoxFuture<'static, Result<Bytes, FunctionError>> + Send + Sync>;

/// The largest request and the largest response of an invocation, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// A failed invocation, as Invoke reports it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error_type}: {message}")]
pub struct FunctionError {
    /// The kind of error, such as `Sandbox.Timedout`.
    pub error_type: String,
    /// The description of the error.
    pub message: String,
}

impl Reply for Result<Bytes, FunctionError> {
    fn failed(_: Service, failure: Failure) -> Self {
        let error_type = match failure {
            Failure::SlowDown | Failure::Throttled => "TooManyRequestsException",
            Failure::Internal => "ServiceException",
            Failure::Conflict => "ResourceConflictException",
            Failure::Expired => "InvalidSignatureException",
            Failure::Silence => "Sandbox.Timedout",
            Failure::Reset | Failure::End => "ConnectionReset",
        };
        Err(FunctionError { error_type: error_type.to_owned(), message: INJECTED.to_owned() })
    }

    fn outcome(&self) -> String {
        self.as_ref().map_or_else(|error| error.error_type.clone(), |_| "200".to_owned())
    }

    fn tear(self, service: Service) -> BoxFuture<'static, Self> {
        std::future::ready(self.and_then(|_| Reply::failed(service, Failure::Reset))).boxed()
    }
}
