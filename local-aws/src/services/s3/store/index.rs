//! The index: ETags, attributes and checksums of the files in the buckets, kept in a journal.
//!
//! The files are the truth. A line of the journal says about an object what its file cannot. It is valid while the file
//! has the fingerprint in the line. The line is written *before* the file is moved to its path. After a crash between
//! the two the old object is still there, and its own line is still valid: the newest line that fits the file counts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::paths::Paths;
use crate::journal::{Journal, JournalError};
use crate::services::s3::object::{Fingerprint, IndexEntry};

/// Bytes of a file that are hashed at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// A line of the journal.
#[derive(Debug, Serialize, Deserialize)]
struct Line<B> {
    bucket: B,
    key: B,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    escaped: bool,
    #[serde(flatten)]
    entry: IndexEntry,
}

/// The index of one bucket.
#[derive(Debug, Default)]
struct BucketIndex {
    entries: BTreeMap<String, IndexEntry>,
    /// The escaped keys. No walk through the bucket's folder finds their files.
    escaped: BTreeSet<String>,
}

/// The index of all buckets and its journal.
#[derive(Debug)]
pub(super) struct Index {
    buckets: BTreeMap<String, BucketIndex>,
    journal: Journal,
}

impl Index {
    /// Reads the journal, drops the lines that do not fit the files and writes the rest back.
    pub(super) fn open(paths: &Paths) -> Result<Index, JournalError> {
        let path = paths.journal();
        let mut buckets: BTreeMap<String, BucketIndex> = BTreeMap::new();
        for line in Journal::read::<Line<String>>(&path)? {
            let path = if line.escaped {
                Some(paths.escaped(&line.bucket, &line.key))
            } else {
                paths.plain(&line.bucket, &line.key)
            };
            if path.and_then(|path| fingerprint(&path)) == Some(line.entry.fingerprint) {
                buckets.entry(line.bucket).or_default().put(line.key, line.escaped, line.entry);
            }
        }
        let journal = Journal::rewrite(&path, buckets.iter().flat_map(|(bucket, index)| index.lines(bucket)))?;
        Ok(Index { buckets, journal })
    }

    /// Whether there is an object whose `key` is escaped.
    pub(super) fn is_escaped(&self, bucket: &str, key: &str) -> bool {
        self.buckets.get(bucket).is_some_and(|index| index.escaped.contains(key))
    }

    /// The escaped keys of a bucket, in order.
    pub(super) fn escaped(&self, bucket: &str) -> Vec<String> {
        self.buckets.get(bucket).map(|index| index.escaped.iter().cloned().collect()).unwrap_or_default()
    }

    /// The entry of the file of `key`. A file that another program wrote is hashed, once.
    pub(super) fn identify(&mut self, bucket: &str, key: &str, path: &Path, file: &Metadata) -> io::Result<IndexEntry> {
        let fingerprint = Fingerprint::of(file);
        let entry = self.buckets.get(bucket).and_then(|index| index.entries.get(key));
        if let Some(entry) = entry.filter(|entry| entry.fingerprint == fingerprint) {
            return Ok(entry.clone());
        }
        let (attributes, content) = Default::default();
        let entry = IndexEntry { fingerprint, etag: md5_of(path)?, attributes, content };
        let escaped = self.is_escaped(bucket, key);
        self.write(bucket, key, escaped, &entry).map_err(io::Error::other)?;
        self.put(bucket, key, escaped, entry.clone());
        Ok(entry)
    }

    /// Writes the entry of `key` to the journal. Its file is not in place yet.
    pub(super) fn write(
        &mut self,
        bucket: &str,
        key: &str,
        escaped: bool,
        entry: &IndexEntry,
    ) -> Result<(), JournalError> {
        self.journal.append(&Line { bucket, key, escaped, entry: entry.clone() })
    }

    /// Puts the entry of `key` into the index. It is in the journal and its file is in place.
    pub(super) fn put(&mut self, bucket: &str, key: &str, escaped: bool, entry: IndexEntry) {
        self.buckets.entry(bucket.to_owned()).or_default().put(key.to_owned(), escaped, entry);
    }

    /// Removes the entry of `key`, whose file has been deleted.
    pub(super) fn remove(&mut self, bucket: &str, key: &str) {
        if let Some(index) = self.buckets.get_mut(bucket) {
            index.entries.remove(key);
            index.escaped.remove(key);
        }
    }

    /// Removes the entries of a bucket, which has been deleted.
    pub(super) fn remove_bucket(&mut self, bucket: &str) {
        self.buckets.remove(bucket);
    }
}

impl BucketIndex {
    fn put(&mut self, key: String, escaped: bool, entry: IndexEntry) {
        if escaped {
            self.escaped.insert(key.clone());
        } else {
            self.escaped.remove(&key);
        }
        self.entries.insert(key, entry);
    }

    fn lines(&self, bucket: &str) -> impl Iterator<Item = Line<String>> {
        self.entries.iter().map(move |(key, entry)| Line {
            bucket: bucket.to_owned(),
            key: key.clone(),
            escaped: self.escaped.contains(key),
            entry: entry.clone(),
        })
    }
}

fn fingerprint(path: &PathBuf) -> Option<Fingerprint> {
    fs::metadata(path).ok().map(|file| Fingerprint::of(&file))
}

fn md5_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut md5 = Md5::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok(hex::encode(md5.finalize()));
        }
        md5.update(&block[..read]);
    }
}
