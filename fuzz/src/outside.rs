//! What comes from outside besides events: keys, notifications, manifests.

use log_format::{Hour, layout};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::manifest::Manifest;
use crate::notification::parse;

/// A text that is read as an hour, or as a key of one, is the one that the hour is written as.
pub fn key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(hour) = text.parse::<Hour>() {
        assert_eq!(hour.to_string(), text);
        assert_eq!(Hour::from_partition_values(&hour.partition_values()), Some(hour));
    }
    if let Some(hour) = Hour::from_path(text) {
        assert_eq!(hour.path(), text);
    }
    if let Some(hour) = layout::hour_of_manifest(text) {
        assert_eq!(layout::manifest_key(hour), text);
    }
    let log = layout::hour_of_log(text);
    if let Some(hour) = log {
        let name = text.strip_prefix(&layout::json_prefix(hour)).expect("a key below its hour's prefix");
        let hidden = name.contains('/') || name.starts_with(['_', '.']);
        assert_eq!(layout::hour_of_input(text), (!hidden).then_some(hour));
    } else {
        assert_eq!(layout::hour_of_input(text), None);
    }
}

/// A notification is read or refused; and any key comes back out of both forms.
pub fn notification(bytes: &[u8]) {
    if let Ok(payload) = serde_json::from_slice::<Value>(bytes) {
        let _ = parse(payload);
    }
    let Ok(key) = std::str::from_utf8(bytes) else { return };
    let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
    let record = json!({
        "eventVersion": "2.6", "eventSource": "aws:s3", "awsRegion": "eu-west-1", "eventTime": "2026-11-20T13:05:00.000Z",
        "eventName": "ObjectCreated:Put", "userIdentity": {}, "requestParameters": {}, "responseElements": {},
        "s3": {"bucket": {"name": "b", "ownerIdentity": {}}, "object": {"key": encoded.replace("%20", "+")}},
    });
    let bridged = json!({
        "version": "0", "id": "1", "detail-type": "Object Created", "source": "aws.s3", "account": "1",
        "time": "2026-11-20T13:05:00Z", "region": "eu-west-1", "resources": [],
        "detail": {"bucket": {"name": "b"}, "object": {"key": key}},
    });
    for payload in [json!({ "Records": [record] }), bridged] {
        let created = parse(payload).expect("a notification");
        assert_eq!(created.iter().map(|it| it.key.as_str()).collect::<Vec<_>>(), [key]);
    }
}

/// A manifest that is read is written back as one that reads the same.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(bytes) else { return };
    let json = manifest.to_json().expect("a manifest is JSON");
    assert_eq!(serde_json::from_slice::<Manifest>(&json).expect("it was one"), manifest);
}
