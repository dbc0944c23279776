//! The store: the objects of all buckets. Each object is found, written or deleted in one step under one lock.

mod index;
pub(super) mod listing;
pub(super) mod paths;
pub(super) mod spool;
pub(super) mod uploads;

use std::fs::{self, File, Metadata};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::condition::Condition;
use super::error::{StoreError, disk};
use super::object::{Description, IndexEntry, Object};
use crate::clock::Clock;
use crate::journal::JournalError;

use self::index::Index;
use self::paths::Paths;
use self::spool::Spool;

/// The store behind the S3 calls.
pub(crate) struct Store {
    pub(super) paths: Paths,
    clock: Clock,
    /// Locked from the check of a condition until its write is done. Never locked across an await.
    index: Mutex<Index>,
}

/// The file of an object.
struct ObjectFile {
    path: PathBuf,
    escaped: bool,
    entry: IndexEntry,
}

impl Store {
    pub(crate) fn open(paths: Paths, clock: Clock) -> Result<Store, JournalError> {
        let index = Mutex::new(Index::open(&paths)?);
        Ok(Store { paths, clock, index })
    }

    /// The present moment as a time of the file system.
    pub(super) fn now(&self) -> SystemTime {
        (self.clock)().into()
    }

    /// Locks the index. It is valid even after a panic of another thread: lines and files are whole, as after a crash.
    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a bucket. That the bucket exists is no error.
    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        if !s3s::path::check_bucket_name(bucket) {
            return Err(StoreError::BucketName(bucket.to_owned()));
        }
        match fs::create_dir(self.paths.bucket(bucket)) {
            Ok(()) => Ok(()),
            Err(_) if self.paths.bucket(bucket).is_dir() => Ok(()),
            Err(error) => Err(disk(format!("create bucket {bucket}"))(error)),
        }
    }

    /// Every bucket and when its folder was last changed. A folder does not know when it was made.
    pub(super) fn buckets(&self) -> Result<Vec<(String, SystemTime)>, StoreError> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(self.paths.data()).map_err(disk("list the buckets"))? {
            let entry = entry.map_err(disk("list the buckets"))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(folder) = entry.metadata() else { continue };
            if folder.is_dir() && s3s::path::check_bucket_name(&name) {
                buckets.push((name, folder.modified().unwrap_or(SystemTime::UNIX_EPOCH)));
            }
        }
        buckets.sort();
        Ok(buckets)
    }

    pub(super) fn require_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        if self.paths.bucket(bucket).is_dir() { Ok(()) } else { Err(StoreError::NoSuchBucket(bucket.to_owned())) }
    }

    /// Deletes a bucket. It must be empty.
    pub(super) fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        if !index.escaped(bucket).is_empty() {
            return Err(StoreError::BucketNotEmpty(bucket.to_owned()));
        }
        match fs::remove_dir(self.paths.bucket(bucket)) {
            Ok(()) => index.remove_bucket(bucket),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                return Err(StoreError::BucketNotEmpty(bucket.to_owned()));
            }
            Err(error) => return Err(disk(format!("delete bucket {bucket}"))(error)),
        }
        Ok(())
    }

    /// The object of `key` and its open file. A later write to `key` does not change the bytes of that file.
    pub(super) fn read(&self, bucket: &str, key: &str) -> Result<(Object, File), StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        let no_such_key = || StoreError::NoSuchKey(key.to_owned());
        let found = self.find(&mut index, bucket, key)?.ok_or_else(no_such_key)?;
        let file = File::open(&found.path).map_err(disk(format!("open {key}")))?;
        Ok((found.entry.object(), file))
    }

    /// The object of `key`, without its bytes.
    pub(super) fn object(&self, bucket: &str, key: &str) -> Result<Object, StoreError> {
        self.require_bucket(bucket)?;
        let found = self.find(&mut self.lock(), bucket, key)?;
        found.map(|found| found.entry.object()).ok_or_else(|| StoreError::NoSuchKey(key.to_owned()))
    }

    /// The objects of `keys`, without those that have been deleted meanwhile.
    pub(super) fn objects(&self, bucket: &str, keys: Vec<String>) -> Result<Vec<(String, Object)>, StoreError> {
        let mut index = self.lock();
        let mut objects = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(found) = self.find(&mut index, bucket, &key)? {
                objects.push((key, found.entry.object()));
            }
        }
        Ok(objects)
    }

    /// Makes `spool` the object of `key` if `condition` holds. Writers come one after the other: the second one sees the
    /// object of the first.
    pub(super) fn write(
        &self,
        (bucket, key): (&str, &str),
        spool: Spool,
        description: Description,
        condition: &Condition,
    ) -> Result<Object, StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        let current = self.find(&mut index, bucket, key)?;
        condition.check_write(key, current.as_ref().map(|found| found.entry.object()).as_ref())?;
        let replaced = current.as_ref().map(|found| found.entry.fingerprint);
        let (path, escaped) = match current {
            Some(found) => (found.path, found.escaped),
            None => self.new_path(bucket, key)?,
        };
        let failed = || format!("write {key}");
        let fingerprint = spool.set_modified(self.now(), replaced).map_err(disk(failed()))?;
        let Description { etag, attributes, content } = description;
        let entry = IndexEntry { fingerprint, etag, attributes, content };
        index.write(bucket, key, escaped, &entry)?;
        spool.persist(&path).map_err(disk(failed()))?;
        let object = entry.object();
        index.put(bucket, key, escaped, entry);
        Ok(object)
    }

    /// Deletes the object of `key` if `condition` holds. Without a condition, a missing object is no error.
    pub(super) fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<(), StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        let current = self.find(&mut index, bucket, key)?;
        condition.check_write(key, current.as_ref().map(|found| found.entry.object()).as_ref())?;
        let Some(found) = current else { return Ok(()) };
        fs::remove_file(&found.path).map_err(disk(format!("delete {key}")))?;
        index.remove(bucket, key);
        paths::remove_empty_parents(&found.path, &self.paths.bucket(bucket));
        Ok(())
    }

    fn find(&self, index: &mut Index, bucket: &str, key: &str) -> Result<Option<ObjectFile>, StoreError> {
        let escaped = index.is_escaped(bucket, key);
        let path = if escaped { Some(self.paths.escaped(bucket, key)) } else { self.paths.plain(bucket, key) };
        let Some(path) = path else { return Ok(None) };
        let failed = || format!("look at {key}");
        let Some(file) = metadata(&path).map_err(disk(failed()))? else { return Ok(None) };
        let entry = index.identify(bucket, key, &path, &file).map_err(disk(failed()))?;
        Ok(Some(ObjectFile { path, escaped, entry }))
    }

    /// The path for a new object, and whether it is that of an escaped key. Makes the folders above it.
    fn new_path(&self, bucket: &str, key: &str) -> Result<(PathBuf, bool), StoreError> {
        let failed = || format!("make room for {key}");
        if let Some(path) = self.paths.plain(bucket, key)
            && paths::create_parents(&path).map_err(disk(failed()))?
        {
            return Ok((path, false));
        }
        let path = self.paths.escaped(bucket, key);
        paths::create_parents(&path).map_err(disk(failed()))?;
        Ok((path, true))
    }
}

/// The metadata of the file at `path`. `None` if there is no file.
fn metadata(path: &PathBuf) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.is_file().then_some(file)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
