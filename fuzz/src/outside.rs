//! Input from outside besides events: keys, plain and in notifications, and manifests.

use log_format::{Hour, layout};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use projection::manifest::Manifest;
use projection::sealed;

/// If a text is read as an hour, or as a key of one, the hour is written as the same text.
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

/// Any key comes back out of the form that S3 gives it in a notification. Any other text is decoded or refused.
pub fn notification(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = layout::decode_key(text) {
        assert!(key.len() <= text.len());
    }
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    for encoded in [encoded.replace("%20", "+"), encoded] {
        assert_eq!(layout::decode_key(&encoded).as_deref(), Ok(text));
    }
}

/// If a manifest is read, it is written as one that is read as the same.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = sealed::from_json::<Manifest>(bytes) else { return };
    let json = manifest.to_json().expect("a manifest is JSON");
    assert_eq!(sealed::from_json::<Manifest>(&json).expect("it was one"), manifest);
}
