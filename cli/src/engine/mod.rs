//! What answers SQL: the engine in the process over a folder, or Athena with `--aws`.

mod athena;
#[cfg(feature = "sql")]
mod folder;

use std::fmt;

use anyhow::Result;

use crate::env::Env;
#[cfg(feature = "sql")]
use crate::env::unless_interrupted;
use crate::output::rows::{Column, Pages};
use crate::target::Target;

use self::athena::Athena;

/// Answers statements, one after another.
pub(crate) enum Engine {
    /// The tables of a folder.
    #[cfg(feature = "sql")]
    Folder(Box<folder::Folder>),
    /// Athena, in the workgroup of a deployment.
    Athena(Athena),
}

/// The answer to one statement.
pub(crate) struct Asked {
    /// The columns.
    pub(crate) columns: Vec<Column>,
    /// The rows.
    pub(crate) pages: Pages,
    /// What it took to get them; to be read after the last row.
    pub(crate) spent: Box<dyn Fn() -> Spent + Send>,
}

/// What an answer took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spent {
    /// Bytes and distinct objects that were read in the folder.
    #[cfg(feature = "sql")]
    Folder { bytes: u64, objects: u64 },
    /// What Athena says of its work.
    Athena(athena::Cost),
}

impl Spent {
    /// What several answers took together. Answers may read the same objects, so the number of objects is that of the
    /// answer that read the most.
    pub(crate) fn of_all(all: impl IntoIterator<Item = Spent>) -> Option<Spent> {
        all.into_iter().reduce(|one, other| match (one, other) {
            #[cfg(feature = "sql")]
            (Spent::Folder { bytes, objects }, Spent::Folder { bytes: more, objects: others }) => {
                Spent::Folder { bytes: bytes + more, objects: objects.max(others) }
            }
            (Spent::Athena(one), Spent::Athena(other)) => Spent::Athena(one + other),
            #[cfg(feature = "sql")]
            (one, _) => one,
        })
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "sql")]
            Spent::Folder { bytes, objects } => {
                let noun = if *objects == 1 { "object" } else { "objects" };
                write!(f, "{} read from {objects} {noun}", crate::output::report::bytes(*bytes))
            }
            Spent::Athena(cost) => write!(f, "{cost}"),
        }
    }
}

impl Engine {
    /// The engine for `target`.
    ///
    /// # Errors
    ///
    /// If no region is known, or the folder cannot be read.
    pub(crate) async fn open(target: &Target, env: &Env) -> Result<Engine> {
        if let Some(clients) = &env.aws {
            return Ok(Engine::Athena(Athena::new(clients, target.database(), target.workgroup())?));
        }
        #[cfg(feature = "sql")]
        return Ok(Engine::Folder(Box::new(folder::Folder::open(target, env).await?)));
        #[cfg(not(feature = "sql"))]
        anyhow::bail!(
            "this build has no SQL engine; build it with the feature `sql`, or serve the folder and ask with --aws"
        )
    }

    /// Answers one statement. Ctrl-C stops it, at Athena too; the rows are then the caller's to stop.
    ///
    /// # Errors
    ///
    /// If the statement is not valid, cannot be answered, or Ctrl-C ends it.
    pub(crate) async fn ask(&self, sql: &str) -> Result<Asked> {
        match self {
            #[cfg(feature = "sql")]
            Engine::Folder(folder) => unless_interrupted(folder.ask(sql)).await,
            Engine::Athena(athena) => athena.ask(sql).await,
        }
    }
}
