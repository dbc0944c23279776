//! The keys of a bucket in order, page by page.
//!
//! Folders are read as they are come to, and one that can't hold a wanted key isn't read at all. Where a file's name
//! stands for its key and a folder's for its key and a slash, the order of names in each folder is the order of keys.

use std::fs;
use std::io;
use std::iter::Peekable;
use std::path::PathBuf;
use std::vec;

use super::error::{StoreError, disk};
use super::object::Object;
use super::place::is_plain_folder;
use super::store::Store;

/// What a listing is asked for.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) prefix: String,
    pub(super) delimiter: Option<String>,
    /// The key or common prefix behind which the page begins.
    pub(super) after: String,
    pub(super) keys_max: usize,
}

/// A page of a listing.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<(String, Object)>,
    pub(super) common_prefixes: Vec<String>,
    /// The last key or common prefix of the page, if others follow.
    pub(super) next: Option<String>,
}

impl Store {
    /// One page of the keys of `bucket`.
    pub(super) fn list(&self, bucket: &str, query: &Query) -> Result<Page, StoreError> {
        self.require_bucket(bucket)?;
        let aside = self.lock().aside(bucket);
        let walk = Walk::new(query, self.places.bucket(bucket));
        let keys = Keys { walk, walked: None, aside: aside.into_iter().peekable() };
        let (keys, mut page) = gather(keys, query).map_err(disk(format!("list {bucket}/{}", query.prefix)))?;
        page.objects = self.look_at_all(bucket, keys)?;
        Ok(page)
    }
}

/// Everything up to the last slash of a prefix.
fn folder_of(prefix: &str) -> &str {
    prefix.rfind('/').map_or("", |slash| &prefix[..=slash])
}

/// The keys of a page, and the page but for its objects.
fn gather(mut keys: Keys, query: &Query) -> io::Result<(Vec<String>, Page)> {
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

/// Two sorted streams of keys as one: those in the bucket's folder, and those aside.
struct Keys {
    walk: Walk,
    walked: Option<String>,
    aside: Peekable<vec::IntoIter<String>>,
}

impl Keys {
    fn next(&mut self) -> io::Result<Option<String>> {
        let walk = &mut self.walk;
        self.walked = self.walked.take().filter(|key| walk.wants(key));
        if self.walked.is_none() {
            self.walked = walk.next()?;
        }
        while self.aside.next_if(|key| !walk.wants(key)).is_some() {}
        match (&self.walked, self.aside.peek()) {
            (Some(walked), Some(aside)) if walked == aside => {
                // A file that another program has put where a key that lies aside would lie: the object comes first.
                self.walked = None;
                Ok(self.aside.next())
            }
            (Some(walked), Some(aside)) if walked > aside => Ok(self.aside.next()),
            (None, _) => Ok(self.aside.next()),
            _ => Ok(self.walked.take()),
        }
    }
}

/// A walk through the folders of a bucket, in the order of keys.
struct Walk {
    bucket: PathBuf,
    prefix: String,
    after: String,
    /// A common prefix that is on the page: its other keys are passed over.
    skip: Option<String>,
    /// The rest of every folder the walk is in. The keys of folders end in a slash.
    open: Vec<vec::IntoIter<String>>,
}

impl Walk {
    fn new(query: &Query, bucket: PathBuf) -> Walk {
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

    /// May one of the keys that begin with `folder` be wanted?
    fn may_hold(&self, folder: &str) -> bool {
        let on_the_way = folder.starts_with(&self.prefix) || self.prefix.starts_with(folder);
        let passed = folder < self.after.as_str() && !self.after.starts_with(folder);
        let skipped = self.skip.as_deref().is_some_and(|skip| folder.starts_with(skip));
        on_the_way && !passed && !skipped
    }

    /// The keys in a folder, sorted. One that is gone by now, or was never there, holds none.
    fn read(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.bucket.join(folder)) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let entry = entry?;
            // A name that isn't UTF-8 is nobody's key. Links to folders aren't followed: they might lead in circles.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let slash = if entry.file_type()?.is_dir() { "/" } else { "" };
            keys.push(format!("{folder}{name}{slash}"));
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

/// The walk's start is the folder of no name.
fn is_folder(key: &str) -> bool {
    key.is_empty() || key.ends_with('/')
}
