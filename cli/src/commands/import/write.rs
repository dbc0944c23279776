//! The writes of an import: the objects, then the partitions of their hours. Any of them may be there already.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::{Context, Result};
use bytes::Bytes;
use catalog::Catalog;
use compactor::bucket::{Bucket, Condition, Put};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt, stream};
use log_format::{Hour, layout};
use sha2::{Digest, Sha256};

use super::spool::{Object, Objects};
use super::summary::Imported;
use crate::env::Env;
use crate::output::progress;

/// How many objects are written at the same time. Each is in memory, compressed.
const OBJECTS_AT_ONCE: usize = 8;
/// How many partitions are made at the same time. Glue allows few calls a second.
const PARTITIONS_AT_ONCE: usize = 4;
/// The first bytes of a digest, which are written as 32 hexadecimal digits.
const DIGEST_BYTES: usize = 16;

/// An object that is ready to be written.
struct Ready {
    hour: Hour,
    lines: u64,
    key: String,
    body: Bytes,
}

impl Ready {
    /// The object of these lines: its key holds the first digits of their SHA-256.
    fn of(object: &Object) -> Result<Ready> {
        let digest = Sha256::digest(&object.lines);
        let key = layout::import_key(object.hour, &hex::encode(&digest[..DIGEST_BYTES]));
        let body = gzip(&object.lines).context("failed to compress lines")?;
        Ok(Ready { hour: object.hour, lines: object.count, key, body })
    }

    /// Writes it. False if it is there already: the same name is the same lines.
    async fn put(self, bucket: &Bucket, dry_run: bool) -> Result<(Hour, u64, bool)> {
        let is_new =
            dry_run || matches!(bucket.write_if(&self.key, self.body, &Condition::Absent).await?, Put::Written(_));
        Ok((self.hour, self.lines, is_new))
    }
}

/// Writes the objects, or counts them if it is a dry run. Returns their hours.
///
/// # Errors
///
/// If S3 refuses a call, or the spool cannot be read.
pub(super) async fn write(
    bucket: &Bucket,
    objects: Objects,
    env: &Env,
    found: &mut Imported,
) -> Result<BTreeSet<Hour>> {
    let (mut hours, dry_run) = (BTreeSet::new(), found.dry_run);
    let bar = progress::bar(objects.hours(), "hours", env.terminal);
    let puts = objects.map(|object| {
        // Compressed at once, so that the lines of one object alone are in memory.
        let ready = object.and_then(|object| Ready::of(&object));
        async move { ready?.put(bucket, dry_run).await }
    });
    let mut puts = stream::iter(puts).buffered(OBJECTS_AT_ONCE);
    while let Some(put) = puts.next().await {
        let (hour, lines, is_new) = put?;
        hours.insert(hour);
        found.add_object(lines, is_new);
        bar.set_position(hours.len() as u64);
    }
    bar.finish_and_clear();
    found.set_hours(&hours);
    Ok(hours)
}

/// Makes the partitions of the JSON table that are missing for `hours`, which have objects.
///
/// # Errors
///
/// If Glue refuses a call.
pub(super) async fn register(catalog: &Catalog, hours: &BTreeSet<Hour>) -> Result<()> {
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return Ok(()) };
    let registered: BTreeSet<Hour> = catalog.json_hours(*first..=*last).await?.into_iter().collect();
    let missing: Vec<Hour> = hours.difference(&registered).copied().collect();
    let made = missing.into_iter().map(|hour| async move { catalog.ensure_json_partition(hour).await });
    let mut made = stream::iter(made).buffer_unordered(PARTITIONS_AT_ONCE);
    while let Some(made) = made.next().await {
        made?;
    }
    Ok(())
}

fn gzip(lines: &[u8]) -> io::Result<Bytes> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all(lines)?;
    Ok(file.finish()?.into())
}
