//! What is imported: files, the standard input, and the objects of any bucket.

use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use compactor::bucket::Bucket;

use crate::input;

/// What the name of a prefix of a bucket begins with.
const S3: &str = "s3://";

/// Something that records are read from.
pub(super) enum Source {
    /// A file, or the standard input if its path is `-`.
    File(PathBuf),
    /// An object of a bucket, by its key.
    Object(Bucket, String),
}

impl Source {
    /// Its name for people: the path, `the standard input`, or the URI of an object.
    pub(super) fn name(&self) -> String {
        match self {
            Source::File(path) if is_standard_input(path) => "the standard input".to_string(),
            Source::File(path) => path.display().to_string(),
            Source::Object(bucket, key) => bucket.uri(key),
        }
    }

    /// Opens it. An object is copied to a temporary file first.
    ///
    /// # Errors
    ///
    /// If it cannot be opened or copied, or if it is gone.
    pub(super) async fn open(&self) -> Result<Box<dyn BufRead>> {
        match self {
            Source::File(path) => input::open(path),
            Source::Object(bucket, key) => copied(bucket, key).await,
        }
    }
}

/// What `files` name, in their order; for a prefix of a bucket all objects under it, in order of their keys.
///
/// # Errors
///
/// If there is no such file, there is no object under a prefix, or S3 refuses a call.
pub(super) async fn named(bucket: &Bucket, files: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for file in files {
        match file.to_str().and_then(|name| name.strip_prefix(S3)) {
            Some(name) => sources.extend(objects(bucket, name).await?),
            None => sources.push(existing(file)?),
        }
    }
    Ok(sources)
}

/// Looks whether the file is there, before the others are read. It is not opened: a pipe can be opened but once.
fn existing(file: &Path) -> Result<Source> {
    if !is_standard_input(file) {
        std::fs::metadata(file).with_context(|| format!("failed to open {}", file.display()))?;
    }
    Ok(Source::File(file.to_path_buf()))
}

fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}

/// The objects under `name`, which is a bucket and a prefix. Empty ones whose keys end in `/` stand for folders.
async fn objects(bucket: &Bucket, name: &str) -> Result<Vec<Source>> {
    let (name, prefix) = name.split_once('/').unwrap_or((name, ""));
    ensure!(!name.is_empty(), "{S3}{name}/{prefix} names no bucket; write it like {S3}BUCKET/PREFIX");
    let bucket = bucket.beside(name);
    let listed = bucket.list(prefix).await?;
    let listed = listed.into_iter().filter(|object| object.size > 0 || !object.key.ends_with('/'));
    let objects: Vec<Source> = listed.map(|object| Source::Object(bucket.clone(), object.key)).collect();
    ensure!(!objects.is_empty(), "there is no object under {}", bucket.uri(prefix));
    Ok(objects)
}

async fn copied(bucket: &Bucket, key: &str) -> Result<Box<dyn BufRead>> {
    let mut copy = tempfile::tempfile().context("failed to make a temporary file")?;
    let mut written: io::Result<()> = Ok(());
    let take = |part: &[u8]| {
        if written.is_ok() {
            written = copy.write_all(part);
        }
    };
    let is_there = bucket.read_parts(key, take).await?;
    ensure!(is_there, "{} is gone", bucket.uri(key));
    written.and_then(|()| copy.rewind()).context("failed to write a temporary file")?;
    Ok(Box::new(BufReader::new(copy)))
}
