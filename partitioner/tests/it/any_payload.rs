//! Whatever JSON Lambda hands over is read or refused, and any key comes back out of both forms of a notification.

use partitioner::notification::{NotificationError, parse};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The names that the reader looks for, so that what is generated gets past its first questions.
const NAMES: [&str; 16] = [
    "Records",
    "detail-type",
    "detail",
    "Event",
    "eventName",
    "eventTime",
    "userIdentity",
    "requestParameters",
    "responseElements",
    "s3",
    "bucket",
    "object",
    "name",
    "key",
    "source",
    "resources",
];

/// The texts that the reader looks for, and some that it decodes.
const TEXTS: [&str; 8] = [
    "Object Created",
    "s3:TestEvent",
    "ObjectCreated:Put",
    "2026-11-20T13:05:00.000Z",
    "logs/2026/11/20/13/a+b%2Bc%C3%A9.gz",
    "%FF",
    "%",
    "",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => prop::sample::select(&TEXTS[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => any::<String>()]
}

fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        4 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let object = vec((name(), inner.clone()), 0..8);
        prop_oneof![
            1 => vec(inner, 0..4).prop_map(Value::from),
            2 => object.prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// S3's own form, with the key encoded as S3 does.
fn s3(key: &str) -> Value {
    let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string().replace("%20", "+");
    json!({ "Records": [{
        "eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
        "eventTime": "2026-11-20T13:05:00.000Z", "eventName": "ObjectCreated:Put", "userIdentity": {}, "requestParameters": {}, "responseElements": {},
        "s3": {"bucket": {"name": "b", "ownerIdentity": {}}, "object": {"key": encoded}},
    }]})
}

/// EventBridge's form, in which keys are not encoded.
fn eventbridge(key: &str) -> Value {
    json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3", "account": "1",
        "time": "2026-11-20T13:05:00Z", "region": "eu-west-1", "resources": [],
        "detail": {"bucket": {"name": "b"}, "object": {"key": key}},
    })
}

/// Every value within `value`, itself included, by a pointer to it.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, inner)| pointers(inner, &format!("{at}/{name}"), found))
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(place, inner)| pointers(inner, &format!("{at}/{place}"), found));
        }
        _ => {}
    }
}

/// `whole` with one of its values, chosen by `choice`, replaced by `other`.
fn damaged(mut whole: Value, choice: usize, other: Value) -> Value {
    let mut all = Vec::new();
    pointers(&whole, "", &mut all);
    *whole.pointer_mut(&all[choice % all.len()]).unwrap() = other;
    whole
}

/// Checks that a payload is read or refused for one of the three reasons. A panic fails the test by itself.
fn check(payload: Value) {
    match parse(payload) {
        Ok(_) => {}
        Err(error @ NotificationError::Unknown) => assert_eq!(error.kind(), "NotANotification"),
        Err(error @ NotificationError::Malformed(_)) => assert_eq!(error.kind(), "MalformedNotification"),
        Err(error @ NotificationError::Key(_)) => assert_eq!(error.kind(), "KeyNotUtf8"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_read_or_refused(payload in payload()) {
        check(payload);
    }

    #[test]
    fn a_notification_with_any_damage_is_read_or_refused(choice in any::<usize>(), other in payload()) {
        for whole in [s3("logs/a b"), eventbridge("logs/a b")] {
            check(damaged(whole, choice, other.clone()));
        }
    }

    #[test]
    fn any_key_comes_back(key in prop_oneof![text(), any::<String>()]) {
        for payload in [s3(&key), eventbridge(&key)] {
            let created = parse(payload).unwrap();
            prop_assert_eq!(created.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), [key.as_str()]);
        }
    }
}
