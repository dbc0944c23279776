//! A folder that is only itself: whatever is opened through it lies in it.
//!
//! A path is walked name by name and no link is followed, on the way or at its end. What is neither a plain file nor a
//! folder is passed over as if it were not there, and noted by name, so that its owner can be told.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, FileType, Metadata, OpenOptions};

#[cfg(unix)]
use cap_std::fs::FileTypeExt;

/// A folder, or one that lies in it.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    dir: Arc<Dir>,
    path: PathBuf,
    writable: bool,
    passed_over: PassedOver,
}

/// What has been passed over in a folder, because it is neither a plain file nor a folder. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct PassedOver(Arc<Mutex<BTreeMap<PathBuf, Odd>>>);

impl PassedOver {
    /// The paths so far, in order, and what each is, such as `a link`.
    pub fn entries(&self) -> Vec<(PathBuf, String)> {
        self.lock().iter().map(|(path, odd)| (path.clone(), odd.to_string())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Odd>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why something in a folder is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Odd {
    Link,
    Pipe,
    Socket,
    Device,
    /// Its name is no UTF-8, or has a character that no listing can carry.
    Name,
}

/// What a folder holds under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    File,
    Folder,
}

impl Folder {
    /// Opens the folder at `path`, which may itself be a link: it is the folder that its owner named.
    pub(crate) fn open(path: &Path) -> io::Result<Folder> {
        let dir = Arc::new(Dir::open_ambient_dir(path, ambient_authority())?);
        Ok(Folder { dir, path: path.to_owned(), writable: true, passed_over: PassedOver::default() })
    }

    /// This folder without the means to write to it.
    pub(crate) fn read_only(&self) -> Folder {
        Folder { writable: false, ..self.clone() }
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }

    /// Where this folder lies, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the file at `path` lies, for messages.
    pub(crate) fn display(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }

    /// What has been passed over so far, by this folder and those in it.
    pub(crate) fn passed_over(&self) -> PassedOver {
        self.passed_over.clone()
    }

    /// When an entry was last made in this folder or removed from it.
    pub(crate) fn changed(&self) -> io::Result<SystemTime> {
        Ok(self.dir.dir_metadata()?.modified()?.into_std())
    }

    /// The folder at `path`, which exists.
    pub(crate) fn folder(&self, path: &Path) -> io::Result<Folder> {
        let mut dir = Arc::clone(&self.dir);
        for (walked, name) in names(path)?.enumerate() {
            let opened = dir.open_dir_nofollow(name);
            dir = Arc::new(opened.map_err(|error| {
                let above: PathBuf = path.iter().take(walked).collect();
                self.at(&above, Arc::clone(&dir)).explained(name, error)
            })?);
        }
        Ok(self.at(path, dir))
    }

    /// Makes the folder at `path`, and those above it, where they are missing.
    pub(crate) fn make(&self, path: &Path) -> io::Result<Folder> {
        let mut folder = self.clone();
        for name in names(path)?.map(Path::new) {
            folder = match folder.folder(name) {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    folder.may_write()?;
                    match folder.dir.create_dir(name) {
                        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                        _ => folder.folder(name)?,
                    }
                }
                found => found?,
            };
        }
        Ok(folder)
    }

    /// The metadata of the plain file at `path`. `None` if there is none.
    pub(crate) fn file(&self, path: &Path) -> io::Result<Option<Metadata>> {
        absent(self.above(path).and_then(|(folder, name)| {
            let file = folder.dir.symlink_metadata(name)?;
            let odd = folder.note(name, file.file_type());
            Ok((odd.is_none() && file.is_file()).then_some(file))
        }))
        .map(Option::flatten)
    }

    /// The metadata of what is at `path`, whatever it is.
    pub(crate) fn look(&self, path: &Path) -> io::Result<Metadata> {
        let (folder, name) = self.above(path)?;
        folder.dir.symlink_metadata(name)
    }

    /// Whether nothing has the path `path`, not even a link. The folder above it exists.
    pub(crate) fn is_free(&self, path: &Path) -> io::Result<bool> {
        Ok(absent(self.look(path))?.is_none())
    }

    /// Opens the plain file at `path` for reading.
    pub(crate) fn read(&self, path: &Path) -> io::Result<File> {
        self.open_with(path, OpenOptions::new().read(true))
    }

    /// Opens the plain file at `path` for reading and writing. Makes it if it is missing.
    pub(crate) fn open_or_create(&self, path: &Path) -> io::Result<File> {
        self.may_write()?;
        self.open_with(path, OpenOptions::new().read(true).write(true).create(true))
    }

    /// Makes a file at `path`, where nothing is, not even a link.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        self.may_write()?;
        self.open_with(path, OpenOptions::new().write(true).create_new(true))
    }

    /// Gives the file or folder at `from` the path `to`, in one step. A file, or a link, at `to` is replaced.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.may_write()?;
        let ((from, old), (to, new)) = (self.above(from)?, self.above(to)?);
        from.dir.rename(old, &to.dir, new)
    }

    /// Removes the file, or the link, at `path`.
    pub(crate) fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.may_write()?;
        let (folder, name) = self.above(path)?;
        folder.dir.remove_file(name)
    }

    /// Removes the folder at `path`, which is empty.
    pub(crate) fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.may_write()?;
        let (folder, name) = self.above(path)?;
        folder.dir.remove_dir(name)
    }

    /// Removes the folder at `path` and all that it holds, and the links in it but not what they lead to.
    pub(crate) fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.may_write()?;
        let (folder, name) = self.above(path)?;
        folder.dir.remove_dir_all(name)
    }

    /// The plain files and the folders in the folder at `path`, by name. A missing folder holds none.
    pub(crate) fn entries(&self, path: &Path) -> io::Result<Vec<(String, Entry)>> {
        let Some(folder) = absent(self.folder(path))? else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        for entry in folder.dir.entries()? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            if folder.note(&name, kind).is_none()
                && let Ok(name) = name.into_string()
            {
                entries.push((name, if kind.is_dir() { Entry::Folder } else { Entry::File }));
            }
        }
        entries.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
        Ok(entries)
    }

    /// The folder above the last name of `path`, and that name.
    fn above<'a>(&self, path: &'a Path) -> io::Result<(Folder, &'a OsStr)> {
        let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
        Ok((self.folder(path.parent().unwrap_or(Path::new("")))?, name))
    }

    /// The folder `dir`, which is at `path` in this one.
    fn at(&self, path: &Path, dir: Arc<Dir>) -> Folder {
        Folder { dir, path: self.path.join(path), writable: self.writable, passed_over: self.passed_over.clone() }
    }

    fn open_with(&self, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        let (folder, name) = self.above(path)?;
        // To open a pipe would wait for its other end.
        options.follow(FollowSymlinks::No).nonblock(true);
        let opened = folder.dir.open_with(name, options);
        let file = opened.map_err(|error| folder.explained(name, error))?.into_std();
        if file.metadata()?.is_file() { Ok(file) } else { Err(folder.explained(name, ErrorKind::InvalidInput.into())) }
    }

    /// `error`, unless `name` is passed over: then this is why it could not be opened.
    fn explained(&self, name: &OsStr, error: io::Error) -> io::Error {
        let Ok(file) = self.dir.symlink_metadata(name) else { return error };
        match self.note(name, file.file_type()) {
            Some(odd) => {
                let path = self.path.join(name);
                io::Error::new(ErrorKind::NotADirectory, format!("{:?} is {odd} and is not opened", path))
            }
            None if error.kind() == ErrorKind::InvalidInput => ErrorKind::IsADirectory.into(),
            None => error,
        }
    }

    /// Notes `name` if it is passed over, and says why it is.
    fn note(&self, name: &OsStr, kind: FileType) -> Option<Odd> {
        let odd = odd(name, kind)?;
        self.passed_over.lock().insert(self.path.join(name), odd);
        Some(odd)
    }

    fn may_write(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(ErrorKind::ReadOnlyFilesystem.into()) }
    }
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Odd::Link => "a link",
            Odd::Pipe => "a pipe",
            Odd::Socket => "a socket",
            Odd::Device => "a device",
            Odd::Name => "of a name that no key can have",
        })
    }
}

/// Whether clients can read a listing with `name` in it. XML has no way to write these, and one stops a reader at all
/// others.
pub(crate) fn can_be_listed(name: &str) -> bool {
    !name.contains(['\0', '\u{fffe}', '\u{ffff}'])
}

/// Why what is named `name` is passed over. `None` if it is a plain file or a folder.
fn odd(name: &OsStr, kind: FileType) -> Option<Odd> {
    if kind.is_file() || kind.is_dir() {
        return if name.to_str().is_some_and(can_be_listed) { None } else { Some(Odd::Name) };
    }
    Some(if kind.is_symlink() { Odd::Link } else { special(kind) })
}

#[cfg(unix)]
fn special(kind: FileType) -> Odd {
    if kind.is_fifo() {
        Odd::Pipe
    } else if kind.is_socket() {
        Odd::Socket
    } else {
        Odd::Device
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> Odd {
    Odd::Device
}

/// The names on the way of a path. None leads up.
fn names(path: &Path) -> io::Result<impl Iterator<Item = &OsStr>> {
    if path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(ErrorKind::InvalidInput.into());
    }
    Ok(path.iter())
}

/// `None` if what was looked for is missing, or something that is no folder is on the way to it.
pub(crate) fn absent<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
