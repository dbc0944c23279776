//! Notifications of created objects, in the form of EventBridge and in the form that S3 sends to Lambda.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::s3::S3Event;
use log_format::layout;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A created object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The name of its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
}

/// Why a payload is refused.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// The payload has neither of the two forms.
    #[error("payload is no notification: it has neither Records nor a detail-type of Object Created")]
    Unknown,
    /// The payload looks like one of the two forms, but is not as S3 documents it.
    #[error("notification is not as S3 documents it: {0}")]
    Malformed(String),
    /// A decoded key is not UTF-8.
    #[error("notification has a key that is not UTF-8")]
    Key(#[source] std::str::Utf8Error),
}

impl NotificationError {
    /// The constant name of the error, for Lambda's `errorType`.
    pub fn kind(&self) -> &'static str {
        match self {
            NotificationError::Unknown => "NotANotification",
            NotificationError::Malformed(_) => "MalformedNotification",
            NotificationError::Key(_) => "KeyNotUtf8",
        }
    }
}

/// The `detail` of EventBridge's event.
#[derive(Debug, Serialize, Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
}

#[derive(Debug, Serialize, Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Object {
    key: String,
}

/// The created objects that a payload names. S3's own test event names none.
///
/// # Errors
///
/// If the payload is not a notification, or is malformed.
pub fn parse(payload: Value) -> Result<Vec<Created>, NotificationError> {
    if payload.get("Records").is_some() {
        return from_s3(payload);
    }
    match payload.get("detail-type").and_then(Value::as_str) {
        Some("Object Created") => from_eventbridge(payload),
        _ if payload.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") => Ok(Vec::new()),
        _ => Err(NotificationError::Unknown),
    }
}

/// Reads EventBridge's form. Its keys are not encoded.
fn from_eventbridge(payload: Value) -> Result<Vec<Created>, NotificationError> {
    let event: EventBridgeEvent<Detail> = serde_json::from_value(payload).map_err(malformed)?;
    Ok(vec![Created { bucket: event.detail.bucket.name, key: event.detail.object.key }])
}

/// Reads S3's own form. Its keys are encoded, and the crate aws_lambda_events does not decode them.
fn from_s3(payload: Value) -> Result<Vec<Created>, NotificationError> {
    let event: S3Event = serde_json::from_value(payload).map_err(malformed)?;
    let is_created = |name: &Option<String>| name.as_deref().is_some_and(|name| name.starts_with("ObjectCreated:"));
    let created = event.records.into_iter().filter(|record| is_created(&record.event_name));
    created.map(|record| decoded(record.s3.bucket.name, record.s3.object.key)).collect()
}

fn malformed(error: serde_json::Error) -> NotificationError {
    NotificationError::Malformed(telemetry::without_value(&error.to_string()).to_string())
}

fn decoded(bucket: Option<String>, key: Option<String>) -> Result<Created, NotificationError> {
    let key = layout::decode_key(&key.unwrap_or_default()).map_err(NotificationError::Key)?;
    Ok(Created { bucket: bucket.unwrap_or_default(), key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(payload: Value, keys: &[&str]) {
        let found: Vec<String> = parse(payload).unwrap().into_iter().map(|created| created.key).collect();
        assert_eq!(found, keys);
    }

    fn refuses(payload: Value, kind: &str) {
        assert_eq!(parse(payload.clone()).unwrap_err().kind(), kind, "{payload}");
    }

    fn s3(event: &str, key: &str) -> Value {
        json!({
            "eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
            "eventTime": "2026-11-20T13:05:00.000Z", "eventName": event,
            "userIdentity": {"principalId": "AWS:FIREHOSE"}, "requestParameters": {"sourceIPAddress": "192.0.2.1"},
            "responseElements": {},
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "c",
                "bucket": {"name": "acme-logs", "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::acme-logs"},
                "object": {"key": key, "size": 1024, "eTag": "d41d8", "sequencer": "0055AED6DCD90281E5"},
            },
        })
    }

    #[test]
    fn reads_eventbridge() {
        let payload = json!({
            "version": "0", "id": "17793124-05d4-b198-2fde-7ededc63b103", "detail-type": "Object Created",
            "source": "aws.s3", "account": "111122223333", "time": "2026-11-20T13:05:00Z", "region": "eu-west-1",
            "resources": ["arn:aws:s3:::acme-logs"],
            "detail": {
                "version": "0", "bucket": {"name": "acme-logs"},
                "object": {"key": "logs/2026/11/20/13/a+b%20c.gz", "size": 5, "etag": "b1", "sequencer": "00"},
                "request-id": "C3D13FE58DE4C810", "requester": "111122223333", "reason": "PutObject",
            },
        });
        check(payload, &["logs/2026/11/20/13/a+b%20c.gz"]);
    }

    #[test]
    fn reads_s3_and_decodes_its_keys() {
        let records =
            [s3("ObjectCreated:Put", "logs/2026/11/20/13/a+b%2Bc%3D1%C3%A9.gz"), s3("ObjectRemoved:Delete", "x")];
        check(json!({ "Records": records }), &["logs/2026/11/20/13/a b+c=1é.gz"]);
    }

    #[test]
    fn finds_no_object_in_the_test_event() {
        check(json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "acme-logs"}), &[]);
    }

    #[test]
    fn refuses_everything_else() {
        let unknown = [json!({}), json!([]), json!("x"), json!({"detail-type": "Object Deleted"})];
        for payload in unknown {
            refuses(payload, "NotANotification");
        }
        let malformed =
            [json!({"Records": 1}), json!({"detail-type": "Object Created", "source": "aws.s3", "detail": {}})];
        for payload in malformed {
            refuses(payload, "MalformedNotification");
        }
        let not_utf8 = json!({"Records": [s3("ObjectCreated:Put", "logs/%FF")]});
        refuses(not_utf8, "KeyNotUtf8");
    }
}
