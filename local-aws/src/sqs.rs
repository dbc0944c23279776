//! SQS over its JSON protocol: standard queues of messages that are hidden for a while once received.
//!
//! Absent by design: FIFO queues, delays, long polling (an answer comes at once), redrive and retention, the attributes of
//! messages, and of queues all but `VisibilityTimeout`.

mod calls;
mod error;
mod queues;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use s3s::{Body, HttpError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::error::SqsError;
pub(crate) use self::error::body as error_body;
use self::queues::Queues;
use crate::Clock;
use crate::journal::JournalError;

/// Of every answer.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// Where an answer says what its error was called in SQS's former protocol; the SDKs go by that name.
const QUERY_ERROR: &str = "x-amzn-query-error";

/// The SQS service.
pub(crate) struct Sqs {
    /// One call at a time, never across an await.
    queues: Mutex<Queues>,
}

/// The body of an answer.
type Reply = Result<Vec<u8>, SqsError>;

impl Sqs {
    pub(crate) fn open(journal: &Path, clock: Clock) -> Result<Sqs, JournalError> {
        Ok(Sqs { queues: Mutex::new(Queues::open(journal, clock)?) })
    }

    /// Answers a call, whose input is `body`.
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

/// The calls there are.
fn route(queues: &mut Queues, call: &str, body: &Bytes) -> Reply {
    match call {
        "CreateQueue" => calls::create(queues, read(body)?),
        "GetQueueUrl" => calls::url(queues, read(body)?),
        "SendMessage" => calls::send(queues, read(body)?),
        "ReceiveMessage" => calls::receive(queues, read(body)?),
        "DeleteMessage" => calls::delete(queues, read(body)?),
        _ => Err(SqsError::UnknownCall(call.to_owned())),
    }
}

fn read<I: DeserializeOwned>(body: &Bytes) -> Result<I, SqsError> {
    serde_json::from_slice(body).map_err(|error| SqsError::Invalid(error.to_string()))
}

fn reply(answer: &impl Serialize) -> Reply {
    serde_json::to_vec(answer).map_err(SqsError::Encode)
}

/// The name of the queue that a URL names: what follows its last slash.
pub(crate) fn queue_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}
