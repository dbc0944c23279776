//! The two writes of a replay: the marker, then the lines. Either may be there already.

use std::io::Write;

use anyhow::Context;
use bytes::Bytes;
use compactor::bucket::{Bucket, Condition, Put};
use flate2::Compression;
use flate2::write::GzEncoder;
use log_format::layout;

use super::marker::Marker;

/// What came of writing marker and lines.
#[derive(Debug)]
pub(super) enum Written {
    /// The lines are where the marker says.
    There {
        /// The marker that was written first, by this run or another.
        marker: Marker,
        /// True if this run wrote the lines.
        new: bool,
    },
    /// The lines were not written, for this reason.
    Not(String),
}

/// Writes the marker unless its source has one, then the lines where the source's marker says.
pub(super) async fn write(bucket: &Bucket, marker: Marker, lines: &[u8]) -> anyhow::Result<Written> {
    let key = layout::replayed_key(&marker.source);
    let marker = match bucket.write_if(&key, marker.to_json()?, &Condition::Absent).await? {
        Put::Written(_) => marker,
        // Another process was first, or the reply to this write was lost, or an earlier run ended here.
        Put::Refused => match Marker::read(bucket, &key).await? {
            Some(first) if first.etag == marker.etag => first,
            Some(_) => return Ok(Written::Not(format!("{key} tells of another version of it"))),
            None => return Ok(Written::Not(format!("{key} is not a marker of ours; move it out of the bucket"))),
        },
    };
    let new = write_lines(bucket, &marker, lines).await?;
    Ok(Written::There { marker, new })
}

/// Writes the lines where `marker` says, unless the object exists. True if it was written.
async fn write_lines(bucket: &Bucket, marker: &Marker, lines: &[u8]) -> anyhow::Result<bool> {
    let Some(key) = &marker.object else { return Ok(false) };
    let written = bucket.write_if(key, gzip(lines).context("failed to compress lines")?, &Condition::Absent).await?;
    Ok(matches!(written, Put::Written(_)))
}

fn gzip(lines: &[u8]) -> std::io::Result<Bytes> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all(lines)?;
    Ok(file.finish()?.into())
}
