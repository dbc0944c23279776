//! The two writes that a replay consists of: the marker, then the lines. Either may be there already.

use std::io::Write;

use anyhow::Context;
use bytes::Bytes;
use compactor::bucket::{Bucket, Condition, Put};
use flate2::Compression;
use flate2::write::GzEncoder;
use log_format::layout;

use super::marker::Marker;

/// What came of writing lines.
#[derive(Debug)]
pub(super) enum Placed {
    /// They lie where the marker says, the one that was first.
    There {
        /// That marker.
        marker: Marker,
        /// True where they were not there before.
        written: bool,
    },
    /// They were not written; says why.
    Not(String),
}

/// Writes the marker if there is none of its source, then the lines where that one says.
pub(super) async fn place(bucket: &Bucket, marker: Marker, lines: &[u8]) -> anyhow::Result<Placed> {
    let key = layout::replayed_key(&marker.source);
    let marker = match bucket.write_if(&key, marker.to_json()?, &Condition::Absent).await? {
        Put::Written(_) => marker,
        // Another process was first, or this one was and its reply got lost, or a run before was ended here.
        Put::Refused => match Marker::read(bucket, &key).await? {
            Some(first) if first.etag == marker.etag => first,
            Some(_) => return Ok(Placed::Not(format!("{key} tells of another version of it"))),
            None => return Ok(Placed::Not(format!("{key} is not a marker of ours; move it out of the bucket"))),
        },
    };
    let written = place_lines(bucket, &marker, lines).await?;
    Ok(Placed::There { marker, written })
}

/// Writes the lines where `marker` says, if there is no such object. True where there was none.
async fn place_lines(bucket: &Bucket, marker: &Marker, lines: &[u8]) -> anyhow::Result<bool> {
    let Some(key) = &marker.object else { return Ok(false) };
    let written = bucket.write_if(key, gzip(lines).context("failed to compress lines")?, &Condition::Absent).await?;
    Ok(matches!(written, Put::Written(_)))
}

fn gzip(lines: &[u8]) -> std::io::Result<Bytes> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all(lines)?;
    Ok(file.finish()?.into())
}
