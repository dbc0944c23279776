//! The index: ETags, attributes and checksums of the files in the buckets, kept in a journal.
//!
//! The files are the truth. A line of the journal says about an object what its file cannot. It is valid while the file
//! has the fingerprint in the line. The line is written *before* the file is moved to its path. After a crash between
//! the two the old object is still there, and its own line is still valid: the newest line that fits the file counts.
//!
//! In a folder that is open to be read, another process may write the lines and move the files. The index follows the
//! journal there, and keeps a line whose file is not in place yet.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;

use cap_std::fs::Metadata;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::paths;
use crate::folder::{Folder, can_be_listed};
use crate::journal::{Follower, Journal, JournalError, News};
use crate::services::s3::object::{Fingerprint, IndexEntry};

/// Bytes of a file that are hashed at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// So many lines of a key are kept whose file is not in place.
const AHEAD_MAX: usize = 4;

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
    /// Lines of another process that did not fit their files yet.
    ahead: BTreeMap<String, Vec<IndexEntry>>,
}

/// The index of all buckets and its journal.
#[derive(Debug)]
pub(super) struct Index {
    buckets: BTreeMap<String, BucketIndex>,
    journal: Journal,
    follower: Follower,
}

impl Index {
    /// Reads the journal, drops the lines that do not fit the files and writes the rest back.
    pub(super) fn open(folder: &Folder) -> Result<Index, JournalError> {
        let (mut buckets, mut follower) = (BTreeMap::new(), Follower::default());
        for line in follower.read(folder, paths::JOURNAL)?.map(News::into_records).unwrap_or_default() {
            add(&mut buckets, folder, line);
        }
        let lines = buckets.iter().flat_map(|(bucket, index)| index.lines(bucket));
        let journal = Journal::rewrite(folder, paths::JOURNAL, lines)?;
        Ok(Index { buckets, journal, follower })
    }

    /// Reads what another process has written. In a folder that is open to be written there is no other.
    pub(super) fn follow(&mut self, folder: &Folder) -> Result<(), JournalError> {
        if self.journal.is_writable() {
            return Ok(());
        }
        let Some(news) = self.follower.read(folder, paths::JOURNAL)? else { return Ok(()) };
        if matches!(news, News::Anew(_)) {
            self.buckets.clear();
        }
        for line in news.into_records() {
            add(&mut self.buckets, folder, line);
        }
        Ok(())
    }

    /// Whether there is an object whose `key` is escaped.
    pub(super) fn is_escaped(&self, bucket: &str, key: &str) -> bool {
        self.buckets.get(bucket).is_some_and(|index| index.escaped.contains(key))
    }

    /// Whether the bucket has any object whose key is escaped.
    pub(super) fn has_escaped(&self, bucket: &str) -> bool {
        self.buckets.get(bucket).is_some_and(|index| !index.escaped.is_empty())
    }

    /// The escaped keys of a bucket that a listing can carry, in order.
    pub(super) fn escaped(&self, bucket: &str) -> Vec<String> {
        let Some(index) = self.buckets.get(bucket) else { return Vec::new() };
        index.escaped.iter().filter(|key| can_be_listed(key)).cloned().collect()
    }

    /// The entry of the file of `key` at `path` in `folder`. A file that another program wrote is hashed, once.
    pub(super) fn identify(
        &mut self,
        (bucket, key): (&str, &str),
        (folder, path): (&Folder, &Path),
        file: &Metadata,
    ) -> io::Result<IndexEntry> {
        let fingerprint = Fingerprint::of(file);
        if let Some(entry) = self.buckets.get(bucket).and_then(|index| index.entry(key, fingerprint)) {
            return Ok(entry.clone());
        }
        // Another process may have written its line, and moved the file, since the journal was read.
        self.follow(folder).map_err(io::Error::other)?;
        if let Some(entry) = self.buckets.get(bucket).and_then(|index| index.entry(key, fingerprint)) {
            return Ok(entry.clone());
        }
        let (attributes, content) = Default::default();
        let entry = IndexEntry { fingerprint, etag: md5_of(folder, path)?, attributes, content };
        let escaped = self.is_escaped(bucket, key);
        if self.journal.is_writable() {
            self.write(bucket, key, escaped, &entry).map_err(io::Error::other)?;
        }
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
            index.ahead.remove(key);
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
        self.ahead.remove(&key);
        self.entries.insert(key, entry);
    }

    /// What is known of the file with this fingerprint.
    fn entry(&self, key: &str, fingerprint: Fingerprint) -> Option<&IndexEntry> {
        let ahead = self.ahead.get(key).into_iter().flat_map(|entries| entries.iter().rev());
        ahead.chain(self.entries.get(key)).find(|entry| entry.fingerprint == fingerprint)
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

/// Adds a line of the journal. If its file is not in place, the line is kept apart where the file may still come.
fn add(buckets: &mut BTreeMap<String, BucketIndex>, folder: &Folder, line: Line<String>) {
    let Line { bucket, key, escaped, entry } = line;
    let path = if escaped { Some(paths::escaped(&bucket, &key)) } else { paths::plain(&bucket, &key) };
    if path.is_some_and(|path| may_fit(folder, &path, entry.fingerprint)) {
        buckets.entry(bucket).or_default().put(key, escaped, entry);
    } else if !folder.is_writable() {
        let index = buckets.entry(bucket).or_default();
        if escaped {
            index.escaped.insert(key.clone());
        }
        let ahead = index.ahead.entry(key).or_default();
        ahead.drain(..ahead.len().saturating_sub(AHEAD_MAX - 1));
        ahead.push(entry);
    }
}

/// Whether the file at `path` has this fingerprint. Also true if it cannot be looked at, such as behind a link: what is
/// known of it is needed once it can.
fn may_fit(folder: &Folder, path: &Path, fingerprint: Fingerprint) -> bool {
    match folder.look(path) {
        Ok(file) => !file.is_file() || Fingerprint::of(&file) == fingerprint,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn md5_of(folder: &Folder, path: &Path) -> io::Result<String> {
    let mut file = folder.read(path)?;
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
