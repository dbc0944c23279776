//! `timeline`: what a user did, for people.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::StreamExt;
use serde_json::{Map, Value as Json};

use super::{last_days, statement};
use crate::args::{EventFormat, Timeline};
use crate::engine::{Asked, Engine};
use crate::env::{Env, unless_interrupted};
use crate::library::{self, Parameters, Value};
use crate::output::event::Event;
use crate::output::out::{Out, is_unread};
use crate::output::rows::{Column, Pages, Row};
use crate::output::verdict::Verdict;
use crate::target::Target;

/// The name of the question that is asked.
const QUESTION: &str = "timeline";

/// Prints the events of a user, oldest first.
///
/// # Errors
///
/// If the events cannot be read or printed.
pub(crate) async fn timeline(target: &Target, options: &Timeline, env: &Env) -> Result<Verdict> {
    let question = library::find(QUESTION)?;
    let hours = options.span.hours(env.now)?.map_or_else(|| last_days(question.days, env), Ok)?;
    let given = BTreeMap::from([("user".to_owned(), Value::Text(options.user.clone()))]);
    let sql = statement(question, &Parameters::default(), given, hours)?;
    let engine = Engine::open(target, env).await?;
    let asked = engine.ask(&sql).await?;
    let default = if target.json { EventFormat::Ndjson } else { EventFormat::Line };
    let output = options.output.unwrap_or(default);
    let pager = env.pager.as_deref().filter(|_| output == EventFormat::Line && !options.no_pager);
    let mut out = Out::open(env.screen, pager);
    match unless_interrupted(show(asked, output, &mut out)).await {
        Err(error) if is_unread(&error) => {}
        shown => shown?,
    }
    Ok(Verdict::Well)
}

async fn show(asked: Asked, output: EventFormat, out: &mut Out) -> Result<()> {
    let count = print(&asked.columns, asked.pages, output, out).await?;
    if output == EventFormat::Line {
        out.write(&format!("{count} events; {}\n", (asked.spent)()))?;
    }
    out.flush()
}

async fn print(columns: &[Column], mut pages: Pages, output: EventFormat, out: &mut Out) -> Result<u64> {
    let mut count = 0;
    while let Some(page) = pages.next().await {
        for event in page?.into_iter().map(|row| event(columns, row)) {
            count += 1;
            out.write(&match output {
                EventFormat::Line => event.to_line(out.screen()),
                EventFormat::Ndjson => event.to_json(),
            })?;
        }
    }
    Ok(count)
}

fn event(columns: &[Column], row: Row) -> Event {
    let field = |(column, value): (&Column, Option<String>)| Some((column.name.clone(), Json::String(value?)));
    Event::of(columns.iter().zip(row).filter_map(field).collect::<Map<_, _>>())
}
