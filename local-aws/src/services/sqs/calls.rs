//! The calls of SQS.

use bytes::Bytes;
use md5::{Digest, Md5};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::SqsError;
use super::queues::{Message, Queues};
use crate::names::{queue_of, queue_url};

const NAME_LETTERS_MAX: usize = 80;
const BODY_BYTES_MAX: usize = 1024 * 1024;
const MESSAGES_MAX: usize = 10;
const VISIBILITY_SECONDS: u32 = 30;
const VISIBILITY_SECONDS_MAX: u32 = 12 * 60 * 60;

/// The body of an answer.
type CallResult = Result<Vec<u8>, SqsError>;

/// Carries out the call `call` with the input `body`.
pub(super) fn route(queues: &mut Queues, call: &str, body: &Bytes) -> CallResult {
    match call {
        "CreateQueue" => create(queues, read(body)?),
        "GetQueueUrl" => url(queues, read(body)?),
        "SendMessage" => send(queues, read(body)?),
        "ReceiveMessage" => receive(queues, read(body)?),
        "DeleteMessage" => delete(queues, read(body)?),
        _ => Err(SqsError::UnknownCall(call.to_owned())),
    }
}

fn read<I: DeserializeOwned>(body: &Bytes) -> Result<I, SqsError> {
    serde_json::from_slice(body).map_err(|error| SqsError::Invalid(error.to_string()))
}

fn respond(answer: &impl Serialize) -> CallResult {
    serde_json::to_vec(answer).map_err(SqsError::Encode)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueue {
    queue_name: String,
    #[serde(default)]
    attributes: Option<Attributes>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attributes {
    visibility_timeout: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetQueueUrl {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    queue_url: String,
    message_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

/// A message in the answer of ReceiveMessage.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
}

fn create(queues: &mut Queues, input: CreateQueue) -> CallResult {
    let name = input.queue_name;
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if name.is_empty() || name.len() > NAME_LETTERS_MAX || !name.chars().all(is_letter) {
        let must = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(SqsError::Parameter(must.to_owned()));
    }
    let asked = input.attributes.unwrap_or_default().visibility_timeout;
    let asked = asked.map(|seconds| seconds.parse().map_err(|_| bad_visibility())).transpose()?;
    let seconds = checked_visibility(asked.unwrap_or(VISIBILITY_SECONDS))?;
    match queues.queue(&name).map(|queue| queue.visibility_seconds) {
        Err(_) => queues.create(&name, seconds)?,
        Ok(current) if asked.is_some() && current != seconds => return Err(SqsError::QueueExists),
        Ok(_) => {}
    }
    respond(&json!({"QueueUrl": queue_url(&name)}))
}

fn url(queues: &Queues, input: GetQueueUrl) -> CallResult {
    let queue = queues.queue(&input.queue_name)?;
    respond(&json!({"QueueUrl": queue_url(&queue.name)}))
}

fn send(queues: &mut Queues, input: SendMessage) -> CallResult {
    let body = input.message_body;
    if body.is_empty() || body.len() > BODY_BYTES_MAX {
        return Err(SqsError::Parameter(format!("The body must have 1 to {BODY_BYTES_MAX} bytes")));
    }
    let sent = queues.send(queue_of(&input.queue_url), body)?;
    respond(&json!({"MessageId": sent.id, "MD5OfMessageBody": md5_of(&sent.body)}))
}

fn receive(queues: &mut Queues, input: ReceiveMessage) -> CallResult {
    let name = queue_of(&input.queue_url);
    let most = input.max_number_of_messages.unwrap_or(1);
    if !(1..=MESSAGES_MAX).contains(&most) {
        let must = format!("MaxNumberOfMessages must be from 1 to {MESSAGES_MAX}");
        return Err(SqsError::Parameter(must));
    }
    let seconds = input.visibility_timeout.unwrap_or(queues.queue(name)?.visibility_seconds);
    let received = queues.receive(name, most, checked_visibility(seconds)?)?;
    let received: Vec<Received> = received.into_iter().map(Received::of).collect();
    // SQS omits the field if there is no message.
    if received.is_empty() { respond(&json!({})) } else { respond(&json!({ "Messages": received })) }
}

fn delete(queues: &mut Queues, input: DeleteMessage) -> CallResult {
    queues.delete(queue_of(&input.queue_url), &input.receipt_handle)?;
    respond(&json!({}))
}

impl Received {
    fn of(message: Message) -> Received {
        let (receipt_handle, md5_of_body) = (message.receipt(), md5_of(&message.body));
        Received { message_id: message.id, receipt_handle, md5_of_body, body: message.body }
    }
}

fn md5_of(body: &str) -> String {
    hex::encode(Md5::digest(body))
}

fn checked_visibility(seconds: u32) -> Result<u32, SqsError> {
    if seconds <= VISIBILITY_SECONDS_MAX { Ok(seconds) } else { Err(bad_visibility()) }
}

fn bad_visibility() -> SqsError {
    SqsError::Parameter(format!("VisibilityTimeout must be from 0 to {VISIBILITY_SECONDS_MAX}"))
}
