//! The calls, as SQS's reference has them.

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::SqsError;
use super::queues::{Message, Queues};
use super::{Reply, queue_of, reply};
use crate::REGION;
use crate::glue::CATALOG_ID;

const NAME_LETTERS_MAX: usize = 80;
const BODY_BYTES_MAX: usize = 1024 * 1024;
const MESSAGES_MAX: usize = 10;
const VISIBILITY_SECONDS: u32 = 30;
const VISIBILITY_SECONDS_MAX: u32 = 12 * 60 * 60;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateQueue {
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
pub(super) struct GetQueueUrl {
    queue_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendMessage {
    queue_url: String,
    message_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceiveMessage {
    queue_url: String,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

/// A message as it is received.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    md5_of_body: String,
    body: String,
}

pub(super) fn create(queues: &mut Queues, input: CreateQueue) -> Reply {
    let name = input.queue_name;
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if name.is_empty() || name.len() > NAME_LETTERS_MAX || !name.chars().all(is_letter) {
        let must = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(SqsError::Parameter(must.to_owned()));
    }
    let asked = input.attributes.unwrap_or_default().visibility_timeout;
    let asked = asked.map(|seconds| seconds.parse().map_err(|_| visibility_must())).transpose()?;
    let seconds = checked_visibility(asked.unwrap_or(VISIBILITY_SECONDS))?;
    match queues.queue(&name).map(|queue| queue.visibility_seconds) {
        Err(_) => queues.create(&name, seconds)?,
        Ok(there) if asked.is_some() && there != seconds => return Err(SqsError::QueueExists),
        Ok(_) => {}
    }
    reply(&json!({"QueueUrl": url_of(&name)}))
}

pub(super) fn url(queues: &Queues, input: GetQueueUrl) -> Reply {
    let queue = queues.queue(&input.queue_name)?;
    reply(&json!({"QueueUrl": url_of(&queue.name)}))
}

pub(super) fn send(queues: &mut Queues, input: SendMessage) -> Reply {
    let body = input.message_body;
    if body.is_empty() || body.len() > BODY_BYTES_MAX {
        return Err(SqsError::Parameter(format!("The body must have 1 to {BODY_BYTES_MAX} bytes")));
    }
    let sent = queues.send(queue_of(&input.queue_url), body)?;
    reply(&json!({"MessageId": sent.id, "MD5OfMessageBody": md5_of(&sent.body)}))
}

pub(super) fn receive(queues: &mut Queues, input: ReceiveMessage) -> Reply {
    let name = queue_of(&input.queue_url);
    let most = input.max_number_of_messages.unwrap_or(1);
    if !(1..=MESSAGES_MAX).contains(&most) {
        let must = format!("MaxNumberOfMessages must be from 1 to {MESSAGES_MAX}");
        return Err(SqsError::Parameter(must));
    }
    let seconds = input.visibility_timeout.unwrap_or(queues.queue(name)?.visibility_seconds);
    let received = queues.receive(name, most, checked_visibility(seconds)?)?;
    let received: Vec<Received> = received.into_iter().map(Received::of).collect();
    // Where there is none SQS leaves the field out.
    if received.is_empty() { reply(&json!({})) } else { reply(&json!({ "Messages": received })) }
}

pub(super) fn delete(queues: &mut Queues, input: DeleteMessage) -> Reply {
    queues.delete(queue_of(&input.queue_url), &input.receipt_handle)?;
    reply(&json!({}))
}

impl Received {
    fn of(message: Message) -> Received {
        let (receipt_handle, md5_of_body) = (message.receipt(), md5_of(&message.body));
        Received { message_id: message.id, receipt_handle, md5_of_body, body: message.body }
    }
}

fn url_of(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{CATALOG_ID}/{name}")
}

fn md5_of(body: &str) -> String {
    crate::s3::hex(&Md5::digest(body))
}

fn checked_visibility(seconds: u32) -> Result<u32, SqsError> {
    if seconds <= VISIBILITY_SECONDS_MAX { Ok(seconds) } else { Err(visibility_must()) }
}

fn visibility_must() -> SqsError {
    SqsError::Parameter(format!("VisibilityTimeout must be from 0 to {VISIBILITY_SECONDS_MAX}"))
}
