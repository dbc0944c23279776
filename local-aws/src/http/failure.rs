//! Injected failures as the HTTP responses of the services.

use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use s3s::{Body, HttpError, StdError};

use crate::seam::{Failure, INJECTED, Reply, Service};
use crate::services::{athena, glue, sqs};

/// The connection is gone, so there is no response.
#[derive(Debug, thiserror::Error)]
#[error("connection reset")]
struct ConnectionReset;

impl Reply for Result<Response<Body>, HttpError> {
    fn failed(service: Service, failure: Failure) -> Self {
        let Some((status, code)) = status_and_code(service, failure) else { return Err(reset()) };
        let (content_type, body) = match service {
            Service::Glue => (glue::CONTENT_TYPE, glue::error_body(code, INJECTED)),
            Service::Sqs => (sqs::CONTENT_TYPE, sqs::error_body(code, INJECTED)),
            Service::Athena => (athena::CONTENT_TYPE, athena::error_body(code, INJECTED)),
            Service::S3 | Service::Lambda => ("application/xml", xml(code).into_bytes()),
        };
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

/// The status and the error code of a failed call. `None` if the caller gets no response.
fn status_and_code(service: Service, failure: Failure) -> Option<(StatusCode, &'static str)> {
    let (status, code) = match (service, failure) {
        (_, Failure::Reset | Failure::Silence | Failure::End) => return None,
        (Service::S3 | Service::Lambda, Failure::SlowDown) => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        (Service::S3 | Service::Lambda, Failure::Throttled) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        (Service::S3 | Service::Lambda, Failure::Internal) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        (Service::S3 | Service::Lambda, Failure::Conflict) => (StatusCode::CONFLICT, "ConditionalRequestConflict"),
        (Service::S3 | Service::Lambda, Failure::Expired) => (StatusCode::FORBIDDEN, "RequestTimeTooSkewed"),
        (Service::Sqs, Failure::SlowDown) => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
        (Service::Sqs, Failure::Throttled) => (StatusCode::FORBIDDEN, "RequestThrottled"),
        // SQS has no error for a conflict.
        (Service::Sqs, Failure::Internal | Failure::Conflict) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
        (Service::Sqs, Failure::Expired) => (StatusCode::BAD_REQUEST, "RequestExpired"),
        (Service::Athena, Failure::Throttled | Failure::Conflict) => {
            (StatusCode::BAD_REQUEST, "TooManyRequestsException")
        }
        (Service::Athena, Failure::Internal) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException"),
        (Service::Glue | Service::Athena, Failure::Expired) => (StatusCode::BAD_REQUEST, "InvalidSignatureException"),
        (Service::Glue | Service::Athena, Failure::SlowDown) => {
            (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException")
        }
        (Service::Glue, Failure::Throttled) => (StatusCode::BAD_REQUEST, "ThrottlingException"),
        (Service::Glue, Failure::Internal) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceException"),
        (Service::Glue, Failure::Conflict) => (StatusCode::BAD_REQUEST, "ConcurrentModificationException"),
    };
    Some((status, code))
}

fn reset() -> HttpError {
    HttpError::new(ConnectionReset.into())
}

fn xml(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{INJECTED}</Message></Error>"
    )
}
