//! SQS over its JSON protocol: standard queues. A received message is hidden until its visibility timeout ends.
//!
//! Absent by design: FIFO queues, delays, long polling (an answer comes at once), redrive and retention, attributes of
//! messages, and all attributes of queues but `VisibilityTimeout`.

mod calls;
mod error;
mod queues;

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use s3s::{Body, HttpError};

use self::calls::route;
pub(crate) use self::error::body as error_body;
use self::queues::Queues;
use crate::clock::Clock;
use crate::folder::Folder;
use crate::journal::JournalError;

/// The content type of every answer.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The header with the error's name in SQS's former protocol. The SDKs recognise errors by that name.
const QUERY_ERROR: &str = "x-amzn-query-error";

/// The SQS service.
pub(crate) struct Sqs {
    /// Locked for one call at a time, never across an await.
    queues: Mutex<Queues>,
}

impl Sqs {
    pub(crate) fn open(folder: &Folder, journal: &str, clock: Clock) -> Result<Sqs, JournalError> {
        Ok(Sqs { queues: Mutex::new(Queues::open(folder, journal, clock)?) })
    }

    /// Answers the call `call` with the input `body`.
    pub(crate) fn answer(&self, call: &str, body: &Bytes) -> Result<Response<Body>, HttpError> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let response = Response::builder().header(header::CONTENT_TYPE, CONTENT_TYPE);
        let (response, text) = match route(&mut queues, call, body) {
            Ok(text) => (response.status(StatusCode::OK), text),
            Err(error) => (response.status(error.status()).header(QUERY_ERROR, error.query_error()), error.body()),
        };
        response.body(Body::from(text)).map_err(|error| HttpError::new(error.into()))
    }
}
