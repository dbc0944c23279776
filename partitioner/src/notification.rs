//! "Object created", as EventBridge sends it and as S3 sends it to Lambda.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::s3::S3Event;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An object that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
}

/// A payload that tells of no object.
#[derive(Debug, thiserror::Error)]
pub enum NotificationError {
    /// Neither of the two forms.
    #[error("payload is no notification: it has neither Records nor a detail-type of Object Created")]
    Unknown,
    /// One of the two forms, but not as documented.
    #[error("notification is not as S3 documents it")]
    Malformed(#[source] serde_json::Error),
    /// A key that is not UTF-8 once decoded.
    #[error("notification has a key that is not UTF-8")]
    Key(#[source] std::str::Utf8Error),
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

/// The objects that a payload tells of. S3's own test event tells of none.
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

/// EventBridge's keys are not encoded.
fn from_eventbridge(payload: Value) -> Result<Vec<Created>, NotificationError> {
    let event: EventBridgeEvent<Detail> = serde_json::from_value(payload).map_err(NotificationError::Malformed)?;
    Ok(vec![Created { bucket: event.detail.bucket.name, key: event.detail.object.key }])
}

/// S3 encodes keys like form fields. The events crate leaves them so.
fn from_s3(payload: Value) -> Result<Vec<Created>, NotificationError> {
    let event: S3Event = serde_json::from_value(payload).map_err(NotificationError::Malformed)?;
    let is_created = |name: &Option<String>| name.as_deref().is_some_and(|name| name.starts_with("ObjectCreated:"));
    let created = event.records.into_iter().filter(|record| is_created(&record.event_name));
    created.map(|record| decoded(record.s3.bucket.name, record.s3.object.key)).collect()
}

fn decoded(bucket: Option<String>, key: Option<String>) -> Result<Created, NotificationError> {
    let spaced = key.unwrap_or_default().replace('+', " ");
    let key = percent_decode_str(&spaced).decode_utf8().map_err(NotificationError::Key)?;
    Ok(Created { bucket: bucket.unwrap_or_default(), key: key.into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(payload: Value, keys: &[&str]) {
        let found: Vec<String> = parse(payload).unwrap().into_iter().map(|created| created.key).collect();
        assert_eq!(found, keys);
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
    fn takes_the_test_event_for_nothing() {
        check(json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "acme-logs"}), &[]);
    }

    #[test]
    fn refuses_everything_else() {
        let unknown = [json!({}), json!([]), json!("x"), json!({"detail-type": "Object Deleted"})];
        for payload in unknown {
            assert!(matches!(parse(payload), Err(NotificationError::Unknown)));
        }
        let malformed =
            [json!({"Records": 1}), json!({"detail-type": "Object Created", "source": "aws.s3", "detail": {}})];
        for payload in malformed {
            assert!(matches!(parse(payload), Err(NotificationError::Malformed(_))));
        }
        let not_utf8 = json!({"Records": [s3("ObjectCreated:Put", "logs/%FF")]});
        assert!(matches!(parse(not_utf8), Err(NotificationError::Key(_))));
    }
}
