//! Where an object lies: the one place that maps buckets and keys to paths, and back.
//!
//! | key | path |
//! |---|---|
//! | any that a file system can hold as it is | `DIR/<bucket>/<key>` |
//! | the rest | `DIR/.local-aws/aside/<bucket>/<MD5 of the key>` |
//!
//! The rest are keys with an empty segment (`a//b`, `a/`), with `.` or `..` as one, with a segment too long for a file
//! name, and a key beside keys below it (`a` and `a/b`: whichever comes second lies aside). An object keeps its place
//! until it is deleted. Keys that differ in case only are one file where the file system says so.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

/// What the common file systems allow for one name.
const SEGMENT_BYTES_MAX: usize = 255;

/// The folder of everything that isn't an object. No bucket's name begins with a dot.
pub(crate) const STATE: &str = ".local-aws";

/// The paths below the data folder.
#[derive(Debug)]
pub(crate) struct Places {
    data: PathBuf,
}

impl Places {
    pub(crate) fn new(data: &Path) -> Places {
        Places { data: data.to_owned() }
    }

    /// The folder of all buckets.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn bucket(&self, bucket: &str) -> PathBuf {
        self.data.join(bucket)
    }

    /// What is known of objects beyond their content.
    pub(super) fn journal(&self) -> PathBuf {
        self.data.join(STATE).join("objects.ndjson")
    }

    /// Where a write takes shape before it is put in its place.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.data.join(STATE).join("tmp")
    }

    pub(super) fn uploads(&self) -> PathBuf {
        self.data.join(STATE).join("uploads")
    }

    /// Where `key` lies if a file system can hold it as it is.
    pub(super) fn plain(&self, bucket: &str, key: &str) -> Option<PathBuf> {
        is_plain(key).then(|| self.bucket(bucket).join(key))
    }

    /// Where `key` lies if not.
    pub(super) fn aside(&self, bucket: &str, key: &str) -> PathBuf {
        let name = super::hex(&Md5::digest(key));
        self.data.join(STATE).join("aside").join(bucket).join(name)
    }
}

/// Can keys lie plainly in `folder`, a prefix that is empty or ends in a slash?
pub(super) fn is_plain_folder(folder: &str) -> bool {
    folder.is_empty() || folder.strip_suffix('/').is_some_and(is_plain)
}

fn is_plain(key: &str) -> bool {
    key.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..") && segment.len() <= SEGMENT_BYTES_MAX && !segment.contains('\0')
    })
}

/// Makes the folders that `path` needs; false if another object is in the way.
pub(super) fn make_room(path: &Path) -> io::Result<bool> {
    if path.is_dir() {
        return Ok(false);
    }
    let Some(folder) = path.parent() else { return Ok(false) };
    match fs::create_dir_all(folder) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the folders above `path` that are empty now, up to `bucket`.
pub(super) fn clear_up(path: &Path, bucket: &Path) {
    let above = path.ancestors().skip(1).take_while(|folder| *folder != bucket && folder.starts_with(bucket));
    for folder in above {
        // The first that isn't empty ends it.
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_lie_plainly() {
        let places = Places::new(Path::new("/d"));
        let long = "x".repeat(255);
        for key in ["a", "a/b", "logs/2026/11/20/13/x.gz", " +%=é~?*\u{2028}", "...", ".a/..b", long.as_str()] {
            assert_eq!(places.plain("bucket", key), Some(PathBuf::from(format!("/d/bucket/{key}"))), "{key}");
        }
    }

    #[test]
    fn awkward_keys_lie_aside() {
        let places = Places::new(Path::new("/d"));
        let long = "x".repeat(256);
        for key in ["", "/", "a/", "/a", "a//b", ".", "a/./b", "../a", "a/..", "a\0b", long.as_str()] {
            assert_eq!(places.plain("bucket", key), None, "{key}");
        }
        let aside = "/d/.local-aws/aside/bucket/d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(places.aside("bucket", ""), PathBuf::from(aside));
    }
}
