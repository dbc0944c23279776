//! Listings: the keys of a bucket in order, page by page.
//!
//! A folder is read when the walk reaches it, and only if it can hold a wanted key. In each folder the entries are
//! sorted by name, where a folder's name ends in a slash. That is the order of keys.

use std::io;
use std::iter::Peekable;
use std::path::Path;
use std::vec;

use super::Store;
use super::paths::is_plain_folder;
use crate::folder::{Entry, Folder, absent};
use crate::services::s3::error::{StoreError, disk};
use crate::services::s3::object::Object;

/// The parameters of a listing.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) prefix: String,
    pub(crate) delimiter: Option<String>,
    /// The key or common prefix after which the page begins.
    pub(crate) after: String,
    pub(crate) keys_max: usize,
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, Object)>,
    pub(crate) common_prefixes: Vec<String>,
    /// The last key or common prefix of the page. `None` if no more follow.
    pub(crate) next: Option<String>,
}

impl Store {
    /// One page of the keys of `bucket`.
    pub(crate) fn list(&self, bucket: &str, query: &Query) -> Result<Page, StoreError> {
        let escaped = self.escaped(bucket)?;
        let folder = absent(self.folder.folder(Path::new(bucket))).map_err(disk(format!("list {bucket}")))?;
        let walk = Walk::new(query, folder.ok_or_else(|| StoreError::NoSuchBucket(bucket.to_owned()))?);
        let keys = Keys { walk, walked: None, escaped: escaped.into_iter().peekable() };
        let (keys, mut page) = collect_page(keys, query).map_err(disk(format!("list {bucket}/{}", query.prefix)))?;
        page.objects = self.objects(bucket, keys)?;
        Ok(page)
    }
}

/// The prefix up to and including its last slash.
fn folder_of(prefix: &str) -> &str {
    prefix.rfind('/').map_or("", |slash| &prefix[..=slash])
}

/// The keys of a page, and the page without its objects.
fn collect_page(mut keys: Keys, query: &Query) -> io::Result<(Vec<String>, Page)> {
    let mut page = Page::default();
    let mut found = Vec::new();
    let mut last = None;
    while query.keys_max > 0
        && let Some(key) = keys.next()?
    {
        let common = common_prefix(&key, query).map(str::to_owned);
        if let Some(common) = &common {
            keys.walk.skip = Some(common.clone());
            if *common == query.after {
                continue;
            }
        }
        if found.len() + page.common_prefixes.len() == query.keys_max {
            page.next = last;
            break;
        }
        last = Some(common.clone().unwrap_or_else(|| key.clone()));
        match common {
            Some(common) => page.common_prefixes.push(common),
            None => found.push(key),
        }
    }
    Ok((found, page))
}

fn common_prefix<'a>(key: &'a str, query: &Query) -> Option<&'a str> {
    let delimiter = query.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(&query.prefix)?;
    let end = rest.find(delimiter)?;
    Some(&key[..query.prefix.len() + end + delimiter.len()])
}

/// Merges two sorted streams of keys: the plain ones in the bucket's folder, and the escaped ones.
struct Keys {
    walk: Walk,
    walked: Option<String>,
    escaped: Peekable<vec::IntoIter<String>>,
}

impl Keys {
    fn next(&mut self) -> io::Result<Option<String>> {
        let walk = &mut self.walk;
        self.walked = self.walked.take().filter(|key| walk.wants(key));
        if self.walked.is_none() {
            self.walked = walk.next()?;
        }
        while self.escaped.next_if(|key| !walk.wants(key)).is_some() {}
        match (&self.walked, self.escaped.peek()) {
            (Some(walked), Some(escaped)) if walked == escaped => {
                // Another program wrote a file at the plain path of an escaped key. The object takes precedence.
                self.walked = None;
                Ok(self.escaped.next())
            }
            (Some(walked), Some(escaped)) if walked > escaped => Ok(self.escaped.next()),
            (None, _) => Ok(self.escaped.next()),
            _ => Ok(self.walked.take()),
        }
    }
}

/// A walk through the folders of a bucket, in the order of keys.
struct Walk {
    bucket: Folder,
    prefix: String,
    after: String,
    /// A common prefix on the page. Its other keys are skipped.
    skip: Option<String>,
    /// The remaining entries of each open folder. The key of a folder ends in a slash.
    open: Vec<vec::IntoIter<String>>,
}

impl Walk {
    fn new(query: &Query, bucket: Folder) -> Walk {
        let folder = folder_of(&query.prefix);
        let start = if is_plain_folder(folder) { vec![folder.to_owned()] } else { Vec::new() };
        Walk {
            bucket,
            prefix: query.prefix.clone(),
            after: query.after.clone(),
            skip: None,
            open: vec![start.into_iter()],
        }
    }

    fn next(&mut self) -> io::Result<Option<String>> {
        while let Some(folder) = self.open.last_mut() {
            match folder.next() {
                None => drop(self.open.pop()),
                Some(key) if is_folder(&key) => {
                    if self.may_hold(&key) {
                        self.open.push(self.read(&key)?.into_iter());
                    }
                }
                Some(key) if self.wants(&key) => return Ok(Some(key)),
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn wants(&self, key: &str) -> bool {
        let skipped = self.skip.as_deref().is_some_and(|skip| key.starts_with(skip));
        key.starts_with(&self.prefix) && key > self.after.as_str() && !skipped
    }

    /// Whether a wanted key can begin with `folder`.
    fn may_hold(&self, folder: &str) -> bool {
        let on_the_way = folder.starts_with(&self.prefix) || self.prefix.starts_with(folder);
        let passed = folder < self.after.as_str() && !self.after.starts_with(folder);
        let skipped = self.skip.as_deref().is_some_and(|skip| folder.starts_with(skip));
        on_the_way && !passed && !skipped
    }

    /// The keys in a folder, sorted. A missing folder holds none.
    fn read(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = self.bucket.entries(Path::new(folder))?.into_iter();
        let key = |(name, entry)| format!("{folder}{name}{}", if entry == Entry::Folder { "/" } else { "" });
        let mut keys: Vec<String> = entries.map(key).collect();
        keys.sort_unstable();
        Ok(keys)
    }
}

/// Whether `key` is that of a folder. The bucket's own folder has the empty key.
fn is_folder(key: &str) -> bool {
    key.is_empty() || key.ends_with('/')
}
