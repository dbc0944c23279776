//! `query`: SQL over the tables and the view, by the engine in the process or by Athena.

mod shell;

use std::io::{Read, Write, stderr, stdin};

use anyhow::{Context, Result, ensure};

use crate::args::Query;
use crate::engine::Engine;
use crate::env::{Env, unless_interrupted};
use crate::output::out::{Out, is_unread};
use crate::output::rows::{self, Format};
use crate::output::verdict::Verdict;
use crate::statements;
use crate::target::Target;

/// Prints the answer to each statement.
///
/// # Errors
///
/// If a statement cannot be read or answered. The answers to those before it are printed.
pub(crate) async fn query(target: &Target, options: &Query, env: &Env) -> Result<Verdict> {
    let format = options.output.or(target.json.then_some(Format::Json));
    let printing = Printing { format, no_pager: options.no_pager, is_terminal: env.terminal };
    if options.sql.is_none() && options.file.is_none() && env.input_is_terminal && env.screen.is_some() {
        let engine = Engine::open(target, env).await?;
        return shell::shell(&engine, printing, env.history.as_deref(), env).await.map(|()| Verdict::Well);
    }
    let statements = statements::split(&text(options, env)?)?;
    ensure!(!statements.is_empty(), "there is no statement to answer; see `query --help` for examples");
    answers(&Engine::open(target, env).await?, &statements, printing, env).await
}

/// Prints the answer to each statement, one after another.
///
/// # Errors
///
/// If a statement cannot be answered. The answers to those before it are printed.
pub(super) async fn answers(engine: &Engine, statements: &[String], printing: Printing, env: &Env) -> Result<Verdict> {
    let mut out = printing.out(env);
    for statement in statements {
        match answer(engine, statement, printing, &mut out).await {
            Err(error) if is_unread(&error) => return Ok(Verdict::Well),
            answered => answered?,
        }
    }
    Ok(Verdict::Well)
}

/// How answers are printed.
#[derive(Clone, Copy)]
pub(super) struct Printing {
    pub(super) format: Option<Format>,
    pub(super) no_pager: bool,
    /// True if somebody reads standard error.
    pub(super) is_terminal: bool,
}

impl Printing {
    /// Standard output, through a pager if people read it on a terminal.
    fn out(&self, env: &Env) -> Out {
        let is_for_people = self.format.is_none_or(Format::is_for_people);
        Out::open(env.screen, env.pager.as_deref().filter(|_| is_for_people && !self.no_pager))
    }
}

async fn answer(
    engine: &Engine,
    statement: &str,
    Printing { format, is_terminal, .. }: Printing,
    out: &mut Out,
) -> Result<()> {
    let asked = engine.ask(statement).await?;
    let count = unless_interrupted(rows::print(&asked.columns, asked.pages, format, out)).await?;
    let summary = format!("{count} {}; {}", if count == 1 { "row" } else { "rows" }, (asked.spent)());
    if format.is_none_or(Format::is_for_people) {
        out.write(&format!("{summary}\n"))?;
    } else if is_terminal {
        out.flush()?;
        // Whoever has closed standard error wants to hear nothing.
        let _ = writeln!(stderr(), "{summary}");
    }
    out.flush()
}

/// The text of the statements: the argument, a file, or the standard input.
fn text(options: &Query, env: &Env) -> Result<String> {
    match (options.sql.as_deref(), &options.file) {
        (_, Some(path)) => std::fs::read_to_string(path)
            .with_context(|| format!("failed to read the statements in {}", path.display())),
        (Some(sql), None) if sql != "-" => Ok(sql.to_owned()),
        (given, None) => {
            ensure!(
                given.is_some() || !env.input_is_terminal,
                "give a query, as in: auth0-s3-logs query \"SELECT count(*) FROM auth0_logs\""
            );
            let mut text = String::new();
            stdin().read_to_string(&mut text).context("failed to read the statements on the standard input")?;
            Ok(text)
        }
    }
}
