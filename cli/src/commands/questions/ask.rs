//! `ask`: one question of the library.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use super::{last_days, parameters, statement};
use crate::args::Ask;
use crate::commands::query::{Printing, answers};
use crate::engine::Engine;
use crate::env::Env;
use crate::library::{self, Question, Value};
use crate::output::report;
use crate::output::rows::Format;
use crate::output::verdict::Verdict;
use crate::target::Target;

/// Asks a question and prints the answer, or lists the questions.
///
/// # Errors
///
/// If there is no such question, it lacks a parameter, or it cannot be answered.
pub(crate) async fn ask(target: &Target, options: &Ask, env: &Env) -> Result<Verdict> {
    let Some(name) = &options.name else { return list(target.json).map(|()| Verdict::Well) };
    let question = library::find(name)?;
    if options.about {
        return about(question, target.json).map(|()| Verdict::Well);
    }
    let hours = options.span.hours(env.now)?.map_or_else(|| last_days(question.days, env), Ok)?;
    let parameters = parameters(target, options.config.as_deref(), env)?;
    let sql = statement(question, &parameters, given(question, options)?, hours)?;
    if options.sql {
        report::print(&sql)?;
        return Ok(Verdict::Well);
    }
    let format = options.output.or(target.json.then_some(Format::Json));
    let printing = Printing { format, no_pager: options.no_pager, is_terminal: env.terminal };
    let engine = Engine::open(target, env).await?;
    answers(&engine, &[sql], printing, env).await
}

/// The values that the command line gives.
fn given(question: &Question, options: &Ask) -> Result<BTreeMap<String, Value>> {
    let mut said: Vec<(&str, &str)> = Vec::new();
    said.extend(options.user.as_deref().map(|user| ("user", user)));
    said.extend(options.ip.as_deref().map(|ip| ("ip", ip)));
    for set in &options.set {
        said.push(set.split_once('=').with_context(|| format!("--set {set:?} is not like name=value"))?);
    }
    said.into_iter().map(|(name, text)| Ok((name.to_owned(), read(question, name, text)?))).collect()
}

/// The columns for a question's name, so that its title fits beside it on any terminal. A longer name moves its title.
const NAME_WIDTH: usize = 24;

fn list(json: bool) -> Result<()> {
    if json {
        return report::print_json(&library::questions().iter().map(described).collect::<Vec<_>>());
    }
    let mut text = String::new();
    for group in library::GROUPS {
        text += &format!("{group}\n");
        for question in library::questions().iter().filter(|question| question.group == group) {
            text += &format!("  {:<NAME_WIDTH$}  {}\n", question.name, question.title);
        }
        text.push('\n');
    }
    report::print(&(text + "auth0-s3-logs ask NAME --about tells more; detect asks all detections"))
}

fn about(question: &Question, json: bool) -> Result<()> {
    if json {
        return report::print_json(&described(question));
    }
    let noun = if question.days == 1 { "day" } else { "days" };
    let Question { name, title, answers, days, .. } = question;
    let mut text =
        format!("{name}: {title}\n\n{answers}\n\nIt looks at the last {days} {noun} unless hours are named.\n");
    if !question.cannot_see.is_empty() {
        text += &format!("\nIt cannot see: {}\n", question.cannot_see);
    }
    if let Some(level) = question.level {
        text += &format!("\nLevel {}; it looks at {}\n", level.name(), question.types.join(", "));
    }
    for parameter in &question.parameters {
        text += &format!("\n  --set {}=…  {}; {}\n", parameter.name, parameter.meaning, parameter.said_default());
    }
    report::print(&text)
}

fn described(question: &Question) -> Json {
    let parameter = |it: &library::Parameter| json!({"name": it.name, "meaning": it.meaning, "default": it.default()});
    json!({
        "name": question.name,
        "group": question.group,
        "topic": question.topic,
        "title": question.title,
        "answers": question.answers,
        "cannot_see": question.cannot_see,
        "level": question.level.map(library::Level::name),
        "types": question.types,
        "days": question.days,
        "references": question.references,
        "parameters": question.parameters.iter().map(parameter).collect::<Vec<_>>(),
    })
}

/// Reads what a person typed for the parameter `name`.
fn read(question: &Question, name: &str, text: &str) -> Result<Value> {
    question.named_parameter(name)?.read(text).with_context(|| format!("the parameter {name} of {}", question.name))
}
