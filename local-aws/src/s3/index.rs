//! What is known of the files in the buckets: ETags and attributes, remembered from one run to the next.
//!
//! The files are the truth. A line of the journal says of an object what its file can't, and holds as long as the file
//! has that size and modification time. It is written *before* the file is put in its place: a crash between the two
//! leaves the old object, whose own line still stands, for at opening the newest line that fits the file is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::object::{Attributes, Content, Fingerprint, Known};
use super::place::Places;
use crate::journal::{Journal, JournalError};

/// How much of a file is hashed at a time.
const BLOCK_BYTES: usize = 256 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Line<B> {
    bucket: B,
    key: B,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    aside: bool,
    #[serde(flatten)]
    known: Known,
}

/// What is known of the keys of one bucket.
#[derive(Debug, Default)]
struct Shelf {
    known: BTreeMap<String, Known>,
    /// The keys that lie aside, which no walk through the bucket's folder finds.
    aside: BTreeSet<String>,
}

/// The memory of the store, and its journal.
#[derive(Debug)]
pub(super) struct Index {
    shelves: BTreeMap<String, Shelf>,
    journal: Journal,
}

impl Index {
    /// Reads the journal, forgets what doesn't fit the files any more and writes the rest back.
    pub(super) fn open(places: &Places) -> Result<Index, JournalError> {
        let path = places.journal();
        let mut shelves: BTreeMap<String, Shelf> = BTreeMap::new();
        for line in Journal::read::<Line<String>>(&path)? {
            let place = if line.aside {
                Some(places.aside(&line.bucket, &line.key))
            } else {
                places.plain(&line.bucket, &line.key)
            };
            if place.and_then(|path| fingerprint(&path)) == Some(line.known.fingerprint) {
                shelves.entry(line.bucket).or_default().put(line.key, line.aside, line.known);
            }
        }
        let journal = Journal::rewrite(&path, shelves.iter().flat_map(|(bucket, shelf)| shelf.lines(bucket)))?;
        Ok(Index { shelves, journal })
    }

    /// True if the object of `key` lies aside.
    pub(super) fn is_aside(&self, bucket: &str, key: &str) -> bool {
        self.shelves.get(bucket).is_some_and(|shelf| shelf.aside.contains(key))
    }

    /// The keys that lie aside, in order.
    pub(super) fn aside(&self, bucket: &str) -> Vec<String> {
        self.shelves.get(bucket).map(|shelf| shelf.aside.iter().cloned().collect()).unwrap_or_default()
    }

    /// What is known of the file of `key`. A file that another program has put there is hashed, once.
    pub(super) fn identify(&mut self, bucket: &str, key: &str, path: &Path, file: &Metadata) -> io::Result<Known> {
        let fingerprint = Fingerprint::of(file);
        let shelf = self.shelves.get(bucket);
        let known = shelf.and_then(|shelf| shelf.known.get(key)).filter(|known| known.fingerprint == fingerprint);
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let known =
            Known { fingerprint, etag: md5_of(path)?, attributes: Attributes::default(), content: Content::default() };
        let aside = self.is_aside(bucket, key);
        self.write(bucket, key, aside, &known).map_err(io::Error::other)?;
        self.remember(bucket, key, aside, known.clone());
        Ok(known)
    }

    /// Writes down what is going to be known of `key`.
    pub(super) fn write(&mut self, bucket: &str, key: &str, aside: bool, known: &Known) -> Result<(), JournalError> {
        self.journal.append(&Line { bucket, key, aside, known: known.clone() })
    }

    /// Takes what has been written down into account, now that it is so.
    pub(super) fn remember(&mut self, bucket: &str, key: &str, aside: bool, known: Known) {
        self.shelves.entry(bucket.to_owned()).or_default().put(key.to_owned(), aside, known);
    }

    /// The file of `key` is gone.
    pub(super) fn forget(&mut self, bucket: &str, key: &str) {
        if let Some(shelf) = self.shelves.get_mut(bucket) {
            shelf.known.remove(key);
            shelf.aside.remove(key);
        }
    }

    /// The whole bucket is gone.
    pub(super) fn forget_bucket(&mut self, bucket: &str) {
        self.shelves.remove(bucket);
    }
}

impl Shelf {
    fn put(&mut self, key: String, aside: bool, known: Known) {
        if aside {
            self.aside.insert(key.clone());
        } else {
            self.aside.remove(&key);
        }
        self.known.insert(key, known);
    }

    fn lines(&self, bucket: &str) -> impl Iterator<Item = Line<String>> {
        self.known.iter().map(move |(key, known)| Line {
            bucket: bucket.to_owned(),
            key: key.clone(),
            aside: self.aside.contains(key),
            known: known.clone(),
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
            return Ok(super::hex(&md5.finalize()));
        }
        md5.update(&block[..read]);
    }
}
