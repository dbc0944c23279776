//! Markers under `replayed/`: what became of the records of each source.
//!
//! A marker is written before the lines, so that a later run knows their hour. It is changed only while its lines were never
//! written. If the object that it names exists, the records of its source are done.

use std::collections::BTreeMap;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use compactor::bucket::{Bucket, BucketError};
use futures::{StreamExt, TryStreamExt, stream};
use log_format::{Hour, layout};
use projection::manifest::ObjectMeta;
use projection::sealed;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error_records::ErrorRecords;
use crate::gzip;

/// How many markers, or objects that they name, are read at the same time.
const READS_AT_ONCE: usize = 16;
/// The first bytes of a digest, which are written as 32 hexadecimal digits.
const DIGEST_BYTES: usize = 16;

/// The content of `replayed/<source>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// What held the records: the key of an object, or `queue/<message id>`.
    pub source: String,
    /// The object's ETag, or the MD5 of the message's body.
    pub etag: String,
    /// The hour that the lines go into.
    pub hour: Hour,
    /// The key of the object with the lines. `None` if no record became a line.
    pub object: Option<String>,
    /// Records that the source held.
    pub records: u64,
    /// Lines made of them.
    pub lines: u64,
    /// The SHA-256 of these lines, not compressed, in hexadecimal digits. `None` if a former version wrote this.
    #[serde(default)]
    pub lines_sha256: Option<String>,
    /// Records that the transform refused again, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Lines of the source that hold no record.
    pub unreadable: u64,
    /// When this was written.
    pub replayed_at: DateTime<Utc>,
    /// The log_ids of the lines. Empty unless the source is Auth0's own log, which has no object to read them from again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log_ids: Vec<String>,
}

/// What the sources of lines that were fetched from Auth0's own log begin with: `reconciled/<tenant>/<digest>`.
pub(crate) const OF_AUTH0: &str = layout::RECONCILED;

impl Marker {
    /// A marker for the records of `source`. Their lines go into the hour of `now`.
    pub(crate) fn new(source: &str, etag: &str, records: &ErrorRecords, now: DateTime<Utc>) -> Marker {
        let hour = Hour::of(now);
        let failed = records.report.reasons().map(|(reason, count)| (format!("{reason:?}"), count));
        Marker {
            source: source.to_string(),
            etag: etag.to_string(),
            hour,
            object: (!records.lines.is_empty()).then(|| object_key(source, etag, hour)),
            records: records.report.records,
            lines: records.report.ok,
            lines_sha256: Some(hex::encode(Sha256::digest(&records.lines))),
            failed: failed.collect(),
            unreadable: records.unreadable.len() as u64,
            replayed_at: now,
            log_ids: Vec::new(),
        }
    }

    pub(super) fn to_json(&self) -> anyhow::Result<Bytes> {
        Ok(sealed::to_json(self).context("failed to write a marker as JSON")?.into())
    }

    /// The marker at `key`, and its ETag. `None` if there is no object, or the object is not a marker of ours.
    pub(super) async fn read(bucket: &Bucket, key: &str) -> Result<Option<(Marker, String)>, BucketError> {
        let found = bucket.read_as_is(key).await?;
        let marker = found.and_then(|(bytes, etag)| Some((sealed::from_json::<Marker>(&bytes).ok()?, etag)));
        Ok(marker.filter(|(marker, _)| layout::replayed_key(&marker.source) == key && marker.names_its_object()))
    }

    /// What is where the marker says that its lines are. A marker without an object is whole.
    pub(crate) async fn found(&self, bucket: &Bucket) -> Result<Found, BucketError> {
        let Some(key) = &self.object else { return Ok(Found::Whole) };
        let Some((object, etag)) = bucket.read_as_is(key).await? else { return Ok(Found::Gone) };
        Ok(match self.difference(&object) {
            None => Found::Whole,
            Some(why) => Found::Differs { etag, why },
        })
    }

    /// True if it tells of these lines.
    pub(super) fn tells_of(&self, lines: &[u8]) -> bool {
        let same = self.lines_sha256.as_ref().is_none_or(|expected| *expected == hex::encode(Sha256::digest(lines)));
        self.lines == gzip::line_feeds(lines) && same
    }

    /// Why an object is not the one that this marker tells of. `None` if it is.
    fn difference(&self, object: &[u8]) -> Option<String> {
        let (mut digest, mut lines) = (Sha256::new(), 0);
        let read = gzip::windows(object, |window| {
            lines += gzip::line_feeds(window);
            digest.update(window);
        });
        if read.is_err() {
            return Some("it is no gzip".to_string());
        }
        let found = hex::encode(digest.finalize());
        if lines != self.lines {
            return Some(format!("it has {lines} lines, {} by its marker", self.lines));
        }
        let same = self.lines_sha256.as_ref().is_none_or(|expected| *expected == found);
        (!same).then(|| "its lines are not those written, by their SHA-256".to_string())
    }

    /// True if the marker names the object that we would write, so that a forged marker cannot make us write elsewhere.
    fn names_its_object(&self) -> bool {
        let ours = object_key(&self.source, &self.etag, self.hour);
        self.object.as_ref().is_none_or(|object| *object == ours)
    }
}

/// What is where a marker says that its lines are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// The lines, as they were written.
    Whole,
    /// No object.
    Gone,
    /// Another object.
    Differs {
        /// The other object's ETag.
        etag: String,
        /// What is wrong with the other object.
        why: String,
    },
}

/// The key of the lines in `hour`, for the version of `source` that has this ETag.
pub fn object_key(source: &str, etag: &str, hour: Hour) -> String {
    let digest = Sha256::new().chain_update(source).chain_update("\n").chain_update(etag).finalize();
    let digest = hex::encode(&digest[..DIGEST_BYTES]);
    if source.starts_with(OF_AUTH0) { layout::reconciled_key(hour, &digest) } else { layout::replay_key(hour, &digest) }
}

/// All markers under a prefix.
#[derive(Debug, Default)]
pub(crate) struct Markers {
    /// The markers, by their source.
    pub(crate) by_source: BTreeMap<String, Marker>,
    /// Objects under the prefix that are not markers of ours.
    pub(crate) foreign: Vec<ObjectMeta>,
}

impl Markers {
    /// Reads all objects whose keys begin with `prefix`.
    pub(crate) async fn read(bucket: &Bucket, prefix: &str) -> Result<Markers, BucketError> {
        let listed = bucket.list(prefix).await?.into_iter();
        let reads = listed.map(|it| async move { Marker::read(bucket, &it.key).await.map(|marker| (it, marker)) });
        let read: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;
        let mut markers = Markers::default();
        for (listed, marker) in read {
            match marker {
                Some((marker, _)) => drop(markers.by_source.insert(marker.source.clone(), marker)),
                None => markers.foreign.push(listed),
            }
        }
        Ok(markers)
    }

    /// What is where each marker says that its lines are, by its source.
    pub(crate) async fn found(&self, bucket: &Bucket) -> Result<BTreeMap<String, Found>, BucketError> {
        let reads = self.by_source.values().cloned().map(|marker| async move {
            let found = marker.found(bucket).await?;
            Ok((marker.source, found))
        });
        stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_source_has_one_object_in_an_hour() {
        let now = "2026-11-20T13:14:15Z".parse().unwrap();
        let records = ErrorRecords::of_record(br#"{"detail":{"data":{"type":"s"}}}"#).unwrap();
        let marker = |source, etag| Marker::new(source, etag, &records, now);
        let one = marker("error/a", "\"e\"");
        let key = "logs/2026/11/20/13/replay-5fc8f65d50024d4f730c9353187083b8.gz";
        assert_eq!(one.object.as_deref(), Some(key));
        assert_ne!(marker("error/a", "\"f\"").object, one.object);
        assert_ne!(marker("error/a\n", "e\"").object, one.object);
        assert_eq!(sealed::from_json::<Marker>(&one.to_json().unwrap()).unwrap(), one);
        assert_eq!(Marker::new("error/a", "", &ErrorRecords::default(), now).object, None);
    }
}
