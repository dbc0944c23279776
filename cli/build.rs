//! Tells the command which commit it is built from, and gives it the files of the library of questions.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    commit();
    library()
}

fn commit() {
    // Every commit and checkout adds a line to this file.
    println!("cargo::rerun-if-changed=../.git/logs/HEAD");
    let asked = Command::new("git").args(["rev-parse", "HEAD"]).output().ok().filter(|output| output.status.success());
    let commit = asked.and_then(|output| String::from_utf8(output.stdout).ok());
    println!("cargo::rustc-env=COMMIT={}", commit.as_deref().map_or("unknown", str::trim));
}

/// Writes a list of the name and the text of each file.
fn library() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../queries");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    find(&root, &mut files)?;
    files.sort();
    let mut list = String::from("[\n");
    for file in &files {
        let name = file.strip_prefix(&root).map_err(io::Error::other)?.with_extension("");
        let _ = writeln!(list, "({:?}, include_str!({:?})),", name.display().to_string(), file.display().to_string());
    }
    list.push_str("]\n");
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo names no OUT_DIR"))?;
    fs::write(Path::new(&out).join("library.rs"), list)
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|end| end == "sql") {
            files.push(path);
        }
    }
    Ok(())
}
