//! What a caller gets back, rightly or by a fault.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use s3s::{Body, HttpError, StdError};

use super::{Failure, Service};
use crate::firehose::FunctionError;
use crate::{glue, sqs};

/// An answer that can be replaced by a failure.
pub(crate) trait Reply: Sized + Send + 'static {
    /// The answer of a call of `service` that fails so.
    fn failed(service: Service, failure: Failure) -> Self;

    /// What the service answered, in a word.
    fn outcome(&self) -> String;

    /// This answer with its end torn off.
    fn tear(self, service: Service) -> BoxFuture<'static, Self>;
}

/// No answer: the connection is gone.
#[derive(Debug, thiserror::Error)]
#[error("connection reset")]
struct ConnectionReset;

impl Reply for Result<Response<Body>, HttpError> {
    fn failed(service: Service, failure: Failure) -> Self {
        let (status, code) = match (service, failure) {
            (_, Failure::Reset | Failure::Silence | Failure::End) => return Err(reset()),
            (Service::S3 | Service::Lambda, Failure::SlowDown) => (503, "SlowDown"),
            (Service::S3 | Service::Lambda, Failure::Throttled) => (503, "ServiceUnavailable"),
            (Service::S3 | Service::Lambda, Failure::Internal) => (500, "InternalError"),
            (Service::S3 | Service::Lambda, Failure::Conflict) => (409, "ConditionalRequestConflict"),
            (Service::S3 | Service::Lambda, Failure::Expired) => (403, "RequestTimeTooSkewed"),
            (Service::Sqs, Failure::SlowDown) => (503, "ServiceUnavailable"),
            (Service::Sqs, Failure::Throttled) => (403, "RequestThrottled"),
            // SQS knows no conflict.
            (Service::Sqs, Failure::Internal | Failure::Conflict) => (500, "InternalFailure"),
            (Service::Sqs, Failure::Expired) => (400, "RequestExpired"),
            (Service::Glue, Failure::Expired) => (400, "InvalidSignatureException"),
            (Service::Glue, Failure::SlowDown) => (503, "ServiceUnavailableException"),
            (Service::Glue, Failure::Throttled) => (400, "ThrottlingException"),
            (Service::Glue, Failure::Internal) => (500, "InternalServiceException"),
            (Service::Glue, Failure::Conflict) => (400, "ConcurrentModificationException"),
        };
        let (content_type, body) = match service {
            Service::Glue => (glue::CONTENT_TYPE, glue::error_body(code, INJECTED)),
            Service::Sqs => (sqs::CONTENT_TYPE, sqs::error_body(code, INJECTED)),
            Service::S3 | Service::Lambda => ("application/xml", xml(code).into_bytes()),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = Response::builder().status(status).header(header::CONTENT_TYPE, content_type);
        response.body(Body::from(body)).map_err(|error| HttpError::new(error.into()))
    }

    fn outcome(&self) -> String {
        self.as_ref().map_or_else(|_| "no answer".to_owned(), |response| response.status().as_str().to_owned())
    }

    fn tear(self, _: Service) -> BoxFuture<'static, Self> {
        async {
            let (parts, body) = self?.into_parts();
            let mut bytes = body.collect().await.map_err(HttpError::new)?.to_bytes();
            if bytes.is_empty() {
                return Err(reset());
            }
            let half: Result<_, StdError> = Ok(Frame::data(bytes.split_to(bytes.len() / 2)));
            let torn = stream::iter([half, Err(ConnectionReset.into())]);
            Ok(Response::from_parts(parts, Body::http_body_unsync(StreamBody::new(torn))))
        }
        .boxed()
    }
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

const INJECTED: &str = "this call was made to fail";

fn reset() -> HttpError {
    HttpError::new(ConnectionReset.into())
}

fn xml(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{INJECTED}</Message></Error>"
    )
}
