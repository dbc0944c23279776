//! The event "Object Created", as S3 sends it to EventBridge.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::ids::Ids;
use super::settings::Settings;

/// An object that was just written.
#[derive(Debug)]
pub(super) struct CreatedObject {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) etag: String,
}

impl CreatedObject {
    /// The event. Its key is not URL-encoded, other than in S3's own notifications.
    pub(super) fn event(&self, now: DateTime<Utc>, ids: &mut Ids, settings: &Settings) -> Bytes {
        let Settings { bucket, account, region, .. } = settings;
        let request = ids.uuid().simple().to_string().to_uppercase();
        let event = json!({
            "version": "0",
            "id": ids.uuid().to_string(),
            "detail-type": "Object Created",
            "source": "aws.s3",
            "account": account,
            "time": now.to_rfc3339_opts(SecondsFormat::Secs, true),
            "region": region,
            "resources": [format!("arn:aws:s3:::{bucket}")],
            "detail": {
                "version": "0",
                "bucket": {"name": bucket},
                "object": {
                    "key": self.key,
                    "size": self.size,
                    "etag": self.etag,
                    "sequencer": ids.sequencer(now),
                },
                "request-id": &request[..16],
                "requester": account,
                "source-ip-address": "192.0.2.1",
                "reason": "PutObject",
            },
        });
        Bytes::from(event.to_string())
    }
}
