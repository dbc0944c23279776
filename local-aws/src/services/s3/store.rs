//! The store: the objects of all buckets. Each object is found, written or deleted in one step under one lock.

mod index;
pub(super) mod listing;
pub(crate) mod paths;
pub(super) mod spool;
pub(super) mod uploads;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use cap_std::fs::Metadata;

use super::condition::Condition;
use super::error::{StoreError, disk};
use super::object::{Description, Fingerprint, IndexEntry, Object};
use crate::clock::Clock;
use crate::folder::{Entry, Folder, absent, can_be_listed};
use crate::journal::JournalError;

use self::index::Index;
use self::spool::Spool;

/// So often a file is opened that another process replaces meanwhile.
const READS_MAX: usize = 8;

/// The store behind the S3 calls.
pub(crate) struct Store {
    pub(super) folder: Folder,
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
    pub(crate) fn open(folder: Folder, clock: Clock) -> Result<Store, JournalError> {
        let index = Mutex::new(Index::open(&folder)?);
        Ok(Store { folder, clock, index })
    }

    /// The present moment as a time of the file system.
    pub(super) fn now(&self) -> SystemTime {
        (self.clock)().into()
    }

    /// Locks the index. It is valid even after a panic of another thread: lines and files are whole, as after a crash.
    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the index to read it: where another process may write, what it wrote is read first.
    fn lock_to_read(&self) -> Result<MutexGuard<'_, Index>, JournalError> {
        let mut index = self.lock();
        index.follow(&self.folder)?;
        Ok(index)
    }

    /// Makes a bucket. That the bucket exists is no error.
    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        if !s3s::path::check_bucket_name(bucket) {
            return Err(StoreError::BucketName(bucket.to_owned()));
        }
        self.folder.make(Path::new(bucket)).map_err(disk(format!("create bucket {bucket}")))?;
        Ok(())
    }

    /// Every bucket and when its folder was last changed. A folder does not know when it was made.
    pub(super) fn buckets(&self) -> Result<Vec<(String, SystemTime)>, StoreError> {
        let mut buckets = Vec::new();
        for (name, entry) in self.folder.entries(Path::new("")).map_err(disk("list the buckets"))? {
            if entry == Entry::Folder && s3s::path::check_bucket_name(&name) {
                let changed = self.folder.folder(Path::new(&name)).and_then(|folder| folder.changed());
                buckets.push((name, changed.unwrap_or(SystemTime::UNIX_EPOCH)));
            }
        }
        Ok(buckets)
    }

    pub(super) fn require_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        let found = absent(self.folder.folder(Path::new(bucket))).map_err(disk(format!("open bucket {bucket}")))?;
        found.map(drop).ok_or_else(|| StoreError::NoSuchBucket(bucket.to_owned()))
    }

    /// Deletes a bucket. It must be empty.
    pub(super) fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        if index.has_escaped(bucket) {
            return Err(StoreError::BucketNotEmpty(bucket.to_owned()));
        }
        match self.folder.remove_folder(Path::new(bucket)) {
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
        let failed = || format!("open {key:?}");
        for _ in 0..READS_MAX {
            let mut index = self.lock_to_read()?;
            let no_such_key = || StoreError::NoSuchKey(key.to_owned());
            let found = self.find(&mut index, bucket, key)?.ok_or_else(no_such_key)?;
            let opened = absent(self.folder.read(&found.path)).map_err(disk(failed()))?;
            let file = opened.ok_or_else(no_such_key)?;
            let opened = Fingerprint::of_file(&file).map_err(disk(failed()))?;
            // Where this process does not write, another one may have put a new file there in between.
            if self.folder.is_writable() || opened == found.entry.fingerprint {
                return Ok((found.entry.object(), file));
            }
        }
        Err(disk(failed())(io::Error::other("it keeps changing")))
    }

    /// The object of `key`, without its bytes.
    pub(super) fn object(&self, bucket: &str, key: &str) -> Result<Object, StoreError> {
        self.require_bucket(bucket)?;
        let found = self.find(&mut *self.lock_to_read()?, bucket, key)?;
        found.map(|found| found.entry.object()).ok_or_else(|| StoreError::NoSuchKey(key.to_owned()))
    }

    /// The objects of `keys`, without those that have been deleted meanwhile.
    pub(super) fn objects(&self, bucket: &str, keys: Vec<String>) -> Result<Vec<(String, Object)>, StoreError> {
        let mut index = self.lock_to_read()?;
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
        require_listable(key)?;
        let mut index = self.lock();
        let current = self.find(&mut index, bucket, key)?;
        condition.check_write(key, current.as_ref().map(|found| found.entry.object()).as_ref())?;
        let replaced = current.as_ref().map(|found| found.entry.fingerprint);
        let (path, escaped) = match current {
            Some(found) => (found.path, found.escaped),
            None => self.new_path(bucket, key)?,
        };
        let failed = || format!("write {key:?}");
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
        self.folder.remove_file(&found.path).map_err(disk(format!("delete {key:?}")))?;
        index.remove(bucket, key);
        paths::remove_empty_parents(&self.folder, &found.path, Path::new(bucket));
        Ok(())
    }

    /// The escaped keys of a bucket, in order.
    pub(super) fn escaped(&self, bucket: &str) -> Result<Vec<String>, JournalError> {
        Ok(self.lock_to_read()?.escaped(bucket))
    }

    /// The file of an object: its path and what the file system says of it.
    pub(super) fn file(&self, bucket: &str, key: &str) -> io::Result<Option<(PathBuf, Metadata)>> {
        let escaped = self.lock_to_read().map_err(io::Error::other)?.is_escaped(bucket, key);
        Ok(self.file_of(escaped, bucket, key)?.map(|(path, file, _)| (path, file)))
    }

    /// The file of an object, and whether it is that of an escaped key, which `escaped` expects. Where another process writes,
    /// the key may be the other by now.
    fn file_of(&self, escaped: bool, bucket: &str, key: &str) -> io::Result<Option<(PathBuf, Metadata, bool)>> {
        for escaped in [escaped, !escaped] {
            if let Some((path, file)) = self.file_at(escaped, bucket, key)? {
                return Ok(Some((path, file, escaped)));
            }
            if self.folder.is_writable() {
                break;
            }
        }
        Ok(None)
    }

    fn file_at(&self, escaped: bool, bucket: &str, key: &str) -> io::Result<Option<(PathBuf, Metadata)>> {
        let path = if escaped { Some(paths::escaped(bucket, key)) } else { paths::plain(bucket, key) };
        let Some(path) = path else { return Ok(None) };
        Ok(self.folder.file(&path)?.map(|file| (path, file)))
    }

    fn find(&self, index: &mut Index, bucket: &str, key: &str) -> Result<Option<ObjectFile>, StoreError> {
        let failed = || format!("look at {key:?}");
        let escaped = index.is_escaped(bucket, key);
        let found = self.file_of(escaped, bucket, key).map_err(disk(failed()))?;
        let Some((path, file, escaped)) = found else { return Ok(None) };
        // The file may be gone by now.
        let entry = absent(index.identify((bucket, key), (&self.folder, &path), &file)).map_err(disk(failed()))?;
        Ok(entry.map(|entry| ObjectFile { path, escaped, entry }))
    }

    /// The path for a new object, and whether it is that of an escaped key. Makes the folders above it.
    fn new_path(&self, bucket: &str, key: &str) -> Result<(PathBuf, bool), StoreError> {
        let failed = || format!("make room for {key:?}");
        if let Some(path) = paths::plain(bucket, key)
            && paths::create_parents(&self.folder, &path).map_err(disk(failed()))?
        {
            return Ok((path, false));
        }
        let path = paths::escaped(bucket, key);
        paths::create_parents(&self.folder, &path).map_err(disk(failed()))?;
        Ok((path, true))
    }
}

/// Refuses a key that would keep clients from reading the listing of every other one.
fn require_listable(key: &str) -> Result<(), StoreError> {
    if can_be_listed(key) { Ok(()) } else { Err(StoreError::Key(key.to_owned())) }
}
