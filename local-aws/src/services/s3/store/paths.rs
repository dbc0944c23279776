//! The paths of objects and of the store's own files.
//!
//! | key | path |
//! |---|---|
//! | plain: a file system can hold it unchanged | `DIR/<bucket>/<key>` |
//! | escaped: any other | `DIR/.local-aws/escaped/<bucket>/<MD5 of the key>` |
//!
//! A key is escaped if a segment is empty (`a//b`, `a/`), is `.` or `..`, or is too long for a file name. Of a key and
//! the keys below it (`a` and `a/b`) the one that is written second is escaped. An object keeps its path until it is
//! deleted. Keys that differ in case only are one file if the file system ignores case.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

/// The longest file name, in bytes, on common file systems.
const SEGMENT_BYTES_MAX: usize = 255;

/// The folder of everything that is not an object. A bucket's name cannot begin with a dot.
const STATE: &str = ".local-aws";

/// The paths in the data folder.
#[derive(Debug)]
pub(crate) struct Paths {
    data: PathBuf,
}

impl Paths {
    pub(crate) fn new(data: &Path) -> Paths {
        Paths { data: data.to_owned() }
    }

    /// The folder of all buckets.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    pub(super) fn bucket(&self, bucket: &str) -> PathBuf {
        self.data.join(bucket)
    }

    /// The folder of everything that is not an object.
    pub(crate) fn state(&self) -> PathBuf {
        self.data.join(STATE)
    }

    /// The journal of the index.
    pub(super) fn journal(&self) -> PathBuf {
        self.state().join("objects.ndjson")
    }

    /// The folder of files that are still being written.
    pub(crate) fn unfinished(&self) -> PathBuf {
        self.state().join("tmp")
    }

    /// The folder of multipart uploads.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.state().join("uploads")
    }

    /// The path of a plain key. `None` if `key` must be escaped.
    pub(super) fn plain(&self, bucket: &str, key: &str) -> Option<PathBuf> {
        is_plain(key).then(|| self.bucket(bucket).join(key))
    }

    /// The folder of objects with escaped keys.
    pub(crate) fn escaped_keys(&self) -> PathBuf {
        self.state().join("escaped")
    }

    /// The path of an escaped key.
    pub(super) fn escaped(&self, bucket: &str, key: &str) -> PathBuf {
        self.escaped_keys().join(bucket).join(hex::encode(Md5::digest(key)))
    }
}

/// Whether plain keys can begin with `folder`, which is empty or ends in a slash.
pub(super) fn is_plain_folder(folder: &str) -> bool {
    folder.is_empty() || folder.strip_suffix('/').is_some_and(is_plain)
}

fn is_plain(key: &str) -> bool {
    key.split('/').all(|segment| {
        !matches!(segment, "" | "." | "..") && segment.len() <= SEGMENT_BYTES_MAX && !segment.contains('\0')
    })
}

/// Makes the folders above `path`. Returns `false` if another object is in the way.
pub(super) fn create_parents(path: &Path) -> io::Result<bool> {
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

/// Removes the empty folders above `path`, up to `bucket`.
pub(super) fn remove_empty_parents(path: &Path, bucket: &Path) {
    let above = path.ancestors().skip(1).take_while(|folder| *folder != bucket && folder.starts_with(bucket));
    for folder in above {
        // A folder that is not empty cannot be removed, nor can those above it.
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_are_paths() {
        let paths = Paths::new(Path::new("/d"));
        let long = "x".repeat(255);
        for key in ["a", "a/b", "logs/2026/11/20/13/x.gz", " +%=é~?*\u{2028}", "...", ".a/..b", long.as_str()] {
            assert_eq!(paths.plain("bucket", key), Some(PathBuf::from(format!("/d/bucket/{key}"))), "{key}");
        }
    }

    #[test]
    fn awkward_keys_are_escaped() {
        let paths = Paths::new(Path::new("/d"));
        let long = "x".repeat(256);
        for key in ["", "/", "a/", "/a", "a//b", ".", "a/./b", "../a", "a/..", "a\0b", long.as_str()] {
            assert_eq!(paths.plain("bucket", key), None, "{key}");
        }
        let escaped = "/d/.local-aws/escaped/bucket/d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(paths.escaped("bucket", ""), PathBuf::from(escaped));
    }
}
