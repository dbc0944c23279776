//! The two writes of a replay: the marker, then the lines. Either may be there already.

use std::io::Write;

use anyhow::Context;
use bytes::Bytes;
use compactor::bucket::{Bucket, Condition, Put};
use flate2::Compression;
use flate2::write::GzEncoder;
use log_format::layout;

use super::marker::{Found, Marker};
use crate::inventory::read_manifest;

/// What came of writing marker and lines.
#[derive(Debug)]
pub(crate) enum Written {
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
pub(crate) async fn write(bucket: &Bucket, marker: Marker, lines: &[u8]) -> anyhow::Result<Written> {
    let key = layout::replayed_key(&marker.source);
    let marker = match bucket.write_if(&key, marker.to_json()?, &Condition::Absent).await? {
        Put::Written(_) => marker,
        // Another process was first, or the reply to this write was lost, or an earlier run ended here.
        Put::Refused => match Marker::read(bucket, &key).await? {
            Some((first, etag)) if first.etag == marker.etag => match follow(bucket, first, etag, marker, lines).await?
            {
                Some(marker) => marker,
                None => return Ok(Written::Not(format!("{key} was changed meanwhile; run it again"))),
            },
            Some(_) => return Ok(Written::Not(format!("{key} tells of another version of it"))),
            None => return Ok(Written::Not(format!("{key} is not a marker of ours; move it out of the bucket"))),
        },
    };
    write_lines(bucket, marker, lines).await
}

/// The marker that the lines are to follow. It is the first one, unless another version of the transform wrote that one and
/// ended before it wrote its own lines: then ours takes its place, for the same object. If Parquet has rows of that object, it
/// was written, and is gone. `None` if the first one was changed meanwhile.
async fn follow(
    bucket: &Bucket,
    first: Marker,
    etag: String,
    ours: Marker,
    lines: &[u8],
) -> anyhow::Result<Option<Marker>> {
    if first.tells_of(lines) || first.object.is_none() || first.found(bucket).await? != Found::Gone {
        return Ok(Some(first));
    }
    // What a manifest that cannot be read holds rows of, nobody knows.
    let Ok(stored) = read_manifest(bucket, first.hour).await? else { return Ok(Some(first)) };
    let inputs = stored.manifest.live.iter().flat_map(|live| &live.inputs);
    if inputs.into_iter().any(|input| Some(&input.key) == first.object.as_ref()) {
        return Ok(Some(first));
    }
    let ours = Marker { hour: first.hour, object: ours.object.and(first.object), ..ours };
    let key = layout::replayed_key(&ours.source);
    let written = bucket.write_if(&key, ours.to_json()?, &Condition::Matches(etag)).await?;
    Ok(matches!(written, Put::Written(_)).then_some(ours))
}

/// Writes the lines where `marker` says, unless they are there. Another object in their place is written over: only what
/// was not written by a replay can be there. Lines that the marker does not tell of are never written.
async fn write_lines(bucket: &Bucket, marker: Marker, lines: &[u8]) -> anyhow::Result<Written> {
    let Some(key) = marker.object.clone() else { return Ok(Written::There { marker, new: false }) };
    let body = gzip(lines).context("failed to compress lines")?;
    let told = marker.tells_of(lines);
    if told && let Put::Written(_) = bucket.write_if(&key, body.clone(), &Condition::Absent).await? {
        return Ok(Written::There { marker, new: true });
    }
    let other = "this version makes other lines, put the object back from a copy";
    Ok(match marker.found(bucket).await? {
        Found::Whole => Written::There { marker, new: false },
        Found::Differs { etag, .. } if told => match bucket.write_if(&key, body, &Condition::Matches(etag)).await? {
            Put::Written(_) => Written::There { marker, new: true },
            Put::Refused => Written::Not(format!("{key} was changed meanwhile; run it again")),
        },
        Found::Gone if told => Written::Not(format!("{key} was changed meanwhile; run it again")),
        Found::Differs { why, .. } => Written::Not(format!("{key}: {why}; {other}")),
        Found::Gone => Written::Not(format!("{key} is gone; {other}")),
    })
}

fn gzip(lines: &[u8]) -> std::io::Result<Bytes> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all(lines)?;
    Ok(file.finish()?.into())
}
