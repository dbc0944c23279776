//! The objects of all buckets: looked up, put in place and removed, each in one step under one lock.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::condition::Condition;
use super::error::{StoreError, disk};
use super::index::Index;
use super::object::{Attributes, Content, Known, Object};
use super::place::{self, Places};
use super::spool::Spool;
use crate::Clock;
use crate::journal::JournalError;

/// The store behind the S3 calls.
pub(crate) struct Store {
    pub(super) places: Places,
    clock: Clock,
    /// Held from the check of a condition until the write it allows is done. Never across an await.
    index: Mutex<Index>,
}

/// A file that is an object.
struct Found {
    path: PathBuf,
    aside: bool,
    known: Known,
}

impl Store {
    pub(crate) fn open(places: Places, clock: Clock) -> Result<Store, JournalError> {
        let index = Mutex::new(Index::open(&places)?);
        Ok(Store { places, clock, index })
    }

    /// The moment it is now, as the file system counts.
    pub(super) fn now(&self) -> SystemTime {
        (self.clock)().into()
    }

    /// Locks the index. A panic elsewhere leaves it as good as a crash would: whole lines, whole files.
    pub(super) fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a bucket; false if there was one.
    pub(crate) fn create_bucket(&self, bucket: &str) -> Result<bool, StoreError> {
        if !s3s::path::check_bucket_name(bucket) {
            return Err(StoreError::BucketName(bucket.to_owned()));
        }
        match fs::create_dir(self.places.bucket(bucket)) {
            Ok(()) => Ok(true),
            Err(_) if self.places.bucket(bucket).is_dir() => Ok(false),
            Err(error) => Err(disk(format!("create bucket {bucket}"))(error)),
        }
    }

    /// Every bucket and when its folder was last changed, which is as near as a folder gets to saying when it was made.
    pub(super) fn buckets(&self) -> Result<Vec<(String, SystemTime)>, StoreError> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(self.places.data()).map_err(disk("list the buckets"))? {
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
        if self.places.bucket(bucket).is_dir() { Ok(()) } else { Err(StoreError::NoSuchBucket(bucket.to_owned())) }
    }

    /// Removes a bucket, which must be empty.
    pub(super) fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        if !index.aside(bucket).is_empty() {
            return Err(StoreError::BucketNotEmpty(bucket.to_owned()));
        }
        match fs::remove_dir(self.places.bucket(bucket)) {
            Ok(()) => index.forget_bucket(bucket),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                return Err(StoreError::BucketNotEmpty(bucket.to_owned()));
            }
            Err(error) => return Err(disk(format!("delete bucket {bucket}"))(error)),
        }
        Ok(())
    }

    /// The object of `key` and its bytes, which stay these whatever is written meanwhile.
    pub(super) fn read(&self, bucket: &str, key: &str) -> Result<(Object, File), StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        let no_such_key = || StoreError::NoSuchKey(key.to_owned());
        let found = self.find(&mut index, bucket, key)?.ok_or_else(no_such_key)?;
        let file = File::open(&found.path).map_err(disk(format!("open {key}")))?;
        Ok((found.known.object(), file))
    }

    /// The object of `key`, without its bytes.
    pub(super) fn look(&self, bucket: &str, key: &str) -> Result<Object, StoreError> {
        self.require_bucket(bucket)?;
        let found = self.find(&mut self.lock(), bucket, key)?;
        found.map(|found| found.known.object()).ok_or_else(|| StoreError::NoSuchKey(key.to_owned()))
    }

    /// The objects of those of `keys` that are still there.
    pub(super) fn look_at_all(&self, bucket: &str, keys: Vec<String>) -> Result<Vec<(String, Object)>, StoreError> {
        let mut index = self.lock();
        let mut objects = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(found) = self.find(&mut index, bucket, &key)? {
                objects.push((key, found.known.object()));
            }
        }
        Ok(objects)
    }

    /// Makes `spool` the object of `key` if `condition` holds. Of two writers, one comes second and sees the first.
    pub(super) fn write(
        &self,
        (bucket, key): (&str, &str),
        spool: Spool,
        (etag, attributes, content): (String, Attributes, Content),
        condition: &Condition,
    ) -> Result<Object, StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        let current = self.find(&mut index, bucket, key)?;
        condition.check_write(key, current.as_ref().map(|found| found.known.object()).as_ref())?;
        let replaced = current.as_ref().map(|found| found.known.fingerprint);
        let (path, aside) = match current {
            Some(found) => (found.path, found.aside),
            None => self.new_place(bucket, key)?,
        };
        let failed = || format!("write {key}");
        let fingerprint = spool.date(self.now(), replaced).map_err(disk(failed()))?;
        let known = Known { fingerprint, etag, attributes, content };
        index.write(bucket, key, aside, &known)?;
        spool.persist(&path).map_err(disk(failed()))?;
        let object = known.object();
        index.remember(bucket, key, aside, known);
        Ok(object)
    }

    /// Removes the object of `key` if `condition` holds; that there is none is as good, if there is no condition.
    pub(super) fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<(), StoreError> {
        self.require_bucket(bucket)?;
        let mut index = self.lock();
        let current = self.find(&mut index, bucket, key)?;
        condition.check_write(key, current.as_ref().map(|found| found.known.object()).as_ref())?;
        let Some(found) = current else { return Ok(()) };
        fs::remove_file(&found.path).map_err(disk(format!("delete {key}")))?;
        index.forget(bucket, key);
        place::clear_up(&found.path, &self.places.bucket(bucket));
        Ok(())
    }

    fn find(&self, index: &mut Index, bucket: &str, key: &str) -> Result<Option<Found>, StoreError> {
        let aside = index.is_aside(bucket, key);
        let place = if aside { Some(self.places.aside(bucket, key)) } else { self.places.plain(bucket, key) };
        let Some(path) = place else { return Ok(None) };
        let failed = || format!("look at {key}");
        let Some(file) = metadata(&path).map_err(disk(failed()))? else { return Ok(None) };
        let known = index.identify(bucket, key, &path, &file).map_err(disk(failed()))?;
        Ok(Some(Found { path, aside, known }))
    }

    fn new_place(&self, bucket: &str, key: &str) -> Result<(PathBuf, bool), StoreError> {
        let failed = || format!("make room for {key}");
        if let Some(path) = self.places.plain(bucket, key)
            && place::make_room(&path).map_err(disk(failed()))?
        {
            return Ok((path, false));
        }
        let path = self.places.aside(bucket, key);
        place::make_room(&path).map_err(disk(failed()))?;
        Ok((path, true))
    }
}

/// The file at `path`, if a file is there.
fn metadata(path: &PathBuf) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.is_file().then_some(file)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
