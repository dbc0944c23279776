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

use std::io;
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use uuid::Uuid;

use crate::folder::{Folder, can_be_listed};

/// The longest file name, in bytes, on common file systems.
const SEGMENT_BYTES_MAX: usize = 255;

/// The folder of everything that is not an object. A bucket's name cannot begin with a dot.
pub(crate) const STATE: &str = ".local-aws";

/// The journal of the index.
pub(super) const JOURNAL: &str = ".local-aws/objects.ndjson";

/// The folder of files that are still being written.
pub(crate) const UNFINISHED: &str = ".local-aws/tmp";

/// The folder of multipart uploads.
pub(crate) const UPLOADS: &str = ".local-aws/uploads";

/// The folder of objects with escaped keys.
pub(crate) const ESCAPED: &str = ".local-aws/escaped";

/// A path for a file or a folder that is still being written. No two are the same, in no process.
#[expect(
    clippy::disallowed_methods,
    reason = "the name shows in no object, and an upload that is named so outlives us"
)]
pub(super) fn unfinished() -> PathBuf {
    Path::new(UNFINISHED).join(Uuid::new_v4().simple().to_string())
}

/// The path of a plain key. `None` if `key` must be escaped.
pub(super) fn plain(bucket: &str, key: &str) -> Option<PathBuf> {
    is_plain(key).then(|| Path::new(bucket).join(key))
}

/// The path of an escaped key.
pub(super) fn escaped(bucket: &str, key: &str) -> PathBuf {
    Path::new(ESCAPED).join(bucket).join(hex::encode(Md5::digest(key)))
}

/// Whether plain keys can begin with `folder`, which is empty or ends in a slash.
pub(super) fn is_plain_folder(folder: &str) -> bool {
    folder.is_empty() || folder.strip_suffix('/').is_some_and(is_plain)
}

fn is_plain(key: &str) -> bool {
    let fits = |segment: &str| !matches!(segment, "" | "." | "..") && segment.len() <= SEGMENT_BYTES_MAX;
    can_be_listed(key) && key.split('/').all(fits)
}

/// Makes the folders above `path`. Returns `false` if something else is in the way: another object, a link, a pipe.
pub(super) fn create_parents(root: &Folder, path: &Path) -> io::Result<bool> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
    match root.make(folder) {
        Ok(folder) => folder.is_free(Path::new(name)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the empty folders above `path`, up to `bucket`.
pub(super) fn remove_empty_parents(root: &Folder, path: &Path, bucket: &Path) {
    let above = path.ancestors().skip(1).take_while(|folder| *folder != bucket && folder.starts_with(bucket));
    for folder in above {
        // A folder that is not empty cannot be removed, nor can those above it.
        if root.remove_folder(folder).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_are_paths() {
        let long = "x".repeat(255);
        for key in ["a", "a/b", "logs/2026/11/20/13/x.gz", " +%=é~?*\u{2028}", "...", ".a/..b", long.as_str()] {
            assert_eq!(plain("bucket", key), Some(PathBuf::from(format!("bucket/{key}"))), "{key}");
        }
    }

    #[test]
    fn awkward_keys_are_escaped() {
        let long = "x".repeat(256);
        for key in ["", "/", "a/", "/a", "a//b", ".", "a/./b", "../a", "a/..", "a\0b", long.as_str()] {
            assert_eq!(plain("bucket", key), None, "{key}");
        }
        let path = ".local-aws/escaped/bucket/d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(escaped("bucket", ""), PathBuf::from(path));
    }
}
