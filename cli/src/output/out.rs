//! Where long answers are printed: a file, or standard output, which goes through a pager on a terminal and is quiet
//! once nobody reads it any more.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write, stdout};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use parquet::errors::ParquetError;

use super::rows::Screen;

/// The pager if the environment names none: quits if the text fits the screen, keeps colours and the screen.
const PAGER: &str = "less";
const LESS: &str = "FRX";

/// Where an answer is printed.
pub struct Out {
    to: To,
    screen: Option<Screen>,
}

enum To {
    Stdout(BufWriter<io::Stdout>),
    /// A pager that starts with the first text, so that an error before it is seen at once.
    Waiting(String),
    Pager(Child),
    File(BufWriter<File>),
    #[cfg(test)]
    Memory(Vec<u8>),
}

impl Out {
    /// Standard output. `screen` is the terminal that it is, if it is one. With `pager`, a command of the shell, what
    /// is printed on a terminal goes through it; if there is no such command, it is printed without.
    pub fn open(screen: Option<Screen>, pager: Option<&str>) -> Out {
        let pager = screen.and(pager).filter(|pager| !pager.is_empty() && *pager != "cat");
        let to = pager.map_or_else(|| To::Stdout(BufWriter::new(stdout())), |pager| To::Waiting(pager.to_owned()));
        Out { to, screen }
    }

    /// A file.
    pub fn to_file(file: File) -> Out {
        Out { to: To::File(BufWriter::new(file)), screen: None }
    }

    /// The pager that the environment asks for: `AUTH0_S3_LOGS_PAGER`, else `PAGER`, else `less`.
    pub fn pager(var: impl Fn(&str) -> Option<String>) -> String {
        var("AUTH0_S3_LOGS_PAGER").or_else(|| var("PAGER")).unwrap_or_else(|| PAGER.to_owned())
    }

    /// The terminal that is printed on. `None` if it is a pipe or a file.
    pub fn screen(&self) -> Option<Screen> {
        self.screen
    }

    /// Prints a text as it is. Whoever calls it has escaped what a terminal must not get.
    ///
    /// # Errors
    ///
    /// If it cannot be written; [`is_unread`] tells whether nobody reads any more.
    pub fn write(&mut self, text: &str) -> Result<()> {
        if let To::Waiting(pager) = &self.to {
            self.to = started(pager).map_or_else(|| To::Stdout(BufWriter::new(stdout())), To::Pager);
        }
        match &mut self.to {
            To::Stdout(stdout) => stdout.write_all(text.as_bytes())?,
            To::File(file) => file.write_all(text.as_bytes())?,
            To::Waiting(_) => {}
            To::Pager(pager) => pager.stdin.as_mut().context("the pager is gone")?.write_all(text.as_bytes())?,
            #[cfg(test)]
            To::Memory(memory) => memory.extend(text.as_bytes()),
        }
        Ok(())
    }

    /// Hands on what was printed so far.
    ///
    /// # Errors
    ///
    /// As of [`write`](Out::write).
    pub fn flush(&mut self) -> Result<()> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.flush()?,
            To::File(file) => file.flush()?,
            To::Waiting(_) => {}
            To::Pager(pager) => pager.stdin.as_mut().context("the pager is gone")?.flush()?,
            #[cfg(test)]
            To::Memory(_) => {}
        }
        Ok(())
    }
}

impl Drop for Out {
    /// Whoever has quit the pager wants to see no more.
    fn drop(&mut self) {
        let _ = self.flush();
        if let To::Pager(pager) = &mut self.to {
            drop(pager.stdin.take());
            let _ = pager.wait();
        }
    }
}

/// True if printing failed because the reader of the pipe has gone, which is no error.
pub fn is_unread(error: &anyhow::Error) -> bool {
    let is_of_pipe = |error: &io::Error| error.kind() == ErrorKind::BrokenPipe;
    let of_parquet = |error: &ParquetError| match error {
        ParquetError::External(source) => source.downcast_ref().is_some_and(is_of_pipe),
        _ => false,
    };
    error.downcast_ref().is_some_and(is_of_pipe) || error.downcast_ref().is_some_and(of_parquet)
}

fn started(pager: &str) -> Option<Child> {
    let program = pager.split_whitespace().find(|word| !word.contains('='))?;
    let mut found = Command::new("sh");
    found.args(["-c", "command -v -- \"$1\"", "sh", program]).stdout(Stdio::null()).stderr(Stdio::null());
    if !found.status().is_ok_and(|status| status.success()) {
        return None;
    }
    let mut command = Command::new("sh");
    // What the user has set for `less` holds.
    let options = format!(": \"${{LESS={LESS}}}\"; export LESS; exec {pager}");
    command.arg("-c").arg(options).stdin(Stdio::piped()).spawn().ok()
}

#[cfg(test)]
impl Out {
    /// Keeps what is printed.
    pub(crate) fn in_memory(screen: Option<Screen>) -> Out {
        Out { to: To::Memory(Vec::new()), screen }
    }

    /// What was printed.
    pub(crate) fn into_text(mut self) -> String {
        match &mut self.to {
            To::Memory(memory) => String::from_utf8(std::mem::take(memory)).unwrap(),
            _ => panic!("printed elsewhere"),
        }
    }
}
