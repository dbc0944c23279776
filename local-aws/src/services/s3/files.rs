//! The files behind the objects of a bucket, for a reader in the process.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use crate::folder::{Entry, absent};
use crate::services::s3::store::Store;

/// The files of a bucket. Links are not followed.
#[derive(Clone)]
pub struct Files {
    store: Arc<Store>,
    bucket: String,
}

/// The file of an object.
#[derive(Debug)]
pub struct FoundFile {
    /// The key of the object.
    pub key: String,
    /// How many bytes it has.
    pub size: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl Files {
    /// `None` if there is no such bucket.
    pub(super) fn of(store: &Arc<Store>, bucket: &str) -> io::Result<Option<Files>> {
        if !s3s::path::check_bucket_name(bucket) {
            return Ok(None);
        }
        let found = absent(store.folder.folder(Path::new(bucket)))?;
        Ok(found.map(|_| Files { store: Arc::clone(store), bucket: bucket.to_owned() }))
    }

    /// The files of the objects directly in the folder `prefix`, which has no slash at its end, by key.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    pub fn list(&self, prefix: &str) -> io::Result<Vec<FoundFile>> {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let entries = self.store.folder.entries(&Path::new(&self.bucket).join(&prefix))?;
        let files = entries.into_iter().filter(|(_, entry)| *entry == Entry::File);
        let mut keys: Vec<String> = files.map(|(name, _)| format!("{prefix}{name}")).collect();
        let is_there = |key: &String| key.strip_prefix(&prefix).is_some_and(|name| !name.contains('/'));
        let escaped = self.store.escaped(&self.bucket).map_err(io::Error::other)?;
        keys.extend(escaped.into_iter().filter(is_there));
        keys.sort_unstable();
        keys.dedup();
        let mut found = Vec::new();
        for key in keys {
            if let Some((_, file)) = self.store.file(&self.bucket, &key)? {
                found.push(FoundFile { key, size: file.len(), modified: file.modified()?.into_std() });
            }
        }
        Ok(found)
    }

    /// Opens the file of the object `key` for reading.
    ///
    /// # Errors
    ///
    /// If there is no such object, or it cannot be read.
    pub fn open(&self, key: &str) -> io::Result<File> {
        let (path, _) = self.store.file(&self.bucket, key)?.ok_or(io::ErrorKind::NotFound)?;
        self.store.folder.read(&path)
    }
}
