//! What shells and `man` need, made from the table of arguments.

use std::fs;
use std::io::{ErrorKind, Write, stdout};

use anyhow::{Context, Result};
use clap::Command;

use crate::args::{Completions, Manual, command};
use crate::output::verdict::Verdict;

/// The name of the command.
const NAME: &str = "auth0-s3-logs";
/// The width of what a page takes from the help. `man` breaks the lines itself.
const WIDTH: usize = 80;

/// Prints the script that completes commands in a shell.
///
/// # Errors
///
/// If standard output cannot be written to. A pipe whose reader has gone is no error.
pub(super) fn completions(options: &Completions) -> Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command(WIDTH), NAME, &mut script);
    match stdout().lock().write_all(&script) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Verdict::Well),
    }
}

/// Writes a page of the manual for each command.
///
/// # Errors
///
/// If the folder cannot be written to.
pub(super) fn manual(options: &Manual) -> Result<Verdict> {
    let folder = &options.folder;
    // A page has room for what `-h` leaves out.
    let whole = |command: Command| command.mut_args(|arg| arg.hide_short_help(false));
    let pages = whole(command(WIDTH).mut_subcommands(whole));
    let written = fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(pages, folder));
    written.with_context(|| format!("failed to write the pages into {}", folder.display()))?;
    Ok(Verdict::Well)
}
