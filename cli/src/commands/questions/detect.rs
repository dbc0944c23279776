//! `detect`: all detections of the library, and what their silence means.

use std::collections::BTreeMap;
use std::io::{Write, stderr};

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use log_format::Hour;
use serde_json::json;
use telemetry::plain;

use super::{last_days, parameters, statement};
use crate::args::{Detect, HourRange, condition};
use crate::engine::{Engine, Spent};
use crate::env::{Env, unless_interrupted};
use crate::library::{self, Parameters, Question};
use crate::output::out::{Out, is_unread};
use crate::output::rows::{self, Column, Format, Kind, Row};
use crate::output::verdict::Verdict;
use crate::output::{progress, report};
use crate::statements::quoted;
use crate::target::Target;

/// So many rules are asked at once.
const AT_ONCE: usize = 4;

/// Asks every detection and prints what it found.
///
/// # Errors
///
/// If a rule is not known, a parameter is not what its rule takes, or the events cannot be counted.
pub(crate) async fn detect(target: &Target, options: &Detect, env: &Env) -> Result<Verdict> {
    let rules = chosen(&options.rules)?;
    let hours = options.span.hours(env.now)?.map_or_else(|| last_days(1, env), Ok)?;
    let parameters = parameters(target, options.config.as_deref(), env)?;
    let engine = Engine::open(target, env).await?;
    let found = unless_interrupted(found(&engine, &rules, &parameters, hours, env)).await?;
    match print(&found, hours, options.output, target.json, env).await {
        Err(error) if is_unread(&error) => {}
        printed => printed?,
    }
    Ok(found.verdict())
}

async fn print(found: &Found, hours: HourRange, format: Option<Format>, json: bool, env: &Env) -> Result<()> {
    match format {
        None if json => return report::print_json(&found.to_json(hours)),
        Some(format) if !format.is_for_people() => {
            found.print(format, env).await?;
            // The rows have no place for what could not be asked.
            let _ = stderr().write_all(found.unanswered().as_bytes());
            return Ok(());
        }
        _ => {}
    }
    report::print(&format!("{}\n", report::sentence(&found.heading(hours))))?;
    if !found.findings.is_empty() {
        found.print(format.unwrap_or(Format::Table), env).await?;
    }
    report::print(&(found.summary() + &found.unanswered()))
}

/// The rules of these names or ids; without any, all.
fn chosen(names: &[String]) -> Result<Vec<&'static Question>> {
    if names.is_empty() {
        return Ok(library::detections().collect());
    }
    let rule = |name: &String| {
        let by_id = library::detections().find(|rule| rule.references.contains(name));
        let rule = by_id.map_or_else(|| library::find(name), Ok)?;
        ensure!(rule.level.is_some(), "{name:?} is no detection; `auth0-s3-logs ask {name}` asks it");
        Ok(rule)
    };
    // One rule may be named by its name and by its id.
    let mut rules = names.iter().map(rule).collect::<Result<Vec<&Question>>>()?;
    rules.sort_by_key(|rule| rule.path());
    rules.dedup();
    Ok(rules)
}

/// What one rule found.
struct Finding {
    rule: &'static Question,
    entity: String,
    window: String,
    events: u64,
    first_seen: String,
    last_seen: String,
    evidence: Vec<String>,
}

/// What all rules found.
struct Found {
    rules: usize,
    /// How many events there are in the hours.
    events: u64,
    findings: Vec<Finding>,
    /// Rules that nothing could have made find anything.
    silent: Vec<&'static Question>,
    unanswered: Vec<(&'static Question, String)>,
    spent: String,
}

async fn found(
    engine: &Engine,
    rules: &[&'static Question],
    parameters: &Parameters,
    hours: HourRange,
    env: &Env,
) -> Result<Found> {
    let statement = |rule: &&'static Question| Ok((*rule, statement(rule, parameters, BTreeMap::new(), hours)?));
    let statements = rules.iter().map(statement).collect::<Result<Vec<_>>>()?;
    let (seen, counting) = seen(engine, rules, hours).await?;
    let bar = progress::bar(rules.len() as u64, "rules", env.terminal);
    let ask = async |(rule, sql): (&'static Question, String)| {
        let findings = findings(engine, rule, &sql).await;
        bar.inc(1);
        (rule, findings)
    };
    let answers: Vec<_> = stream::iter(statements).map(ask).buffered(AT_ONCE).collect().await;
    bar.finish_and_clear();
    let mut found = Found {
        rules: rules.len(),
        events: seen.first().copied().unwrap_or_default(),
        findings: Vec::new(),
        silent: Vec::new(),
        unanswered: Vec::new(),
        spent: String::new(),
    };
    let mut spent = vec![counting];
    for ((rule, answer), events) in answers.into_iter().zip(seen.into_iter().skip(1)) {
        match answer {
            Ok((findings, took)) => {
                found.findings.extend(findings);
                spent.push(took);
            }
            Err(error) => found.unanswered.push((rule, format!("{error:#}"))),
        }
        if events == 0 || parameters.lacks_needed(rule)? {
            found.silent.push(rule);
        }
    }
    found.findings.sort_by(|left, right| left.order().cmp(&right.order()));
    found.spent = Spent::of_all(spent).map_or_else(String::new, |spent| spent.to_string());
    Ok(found)
}

/// The number of events, then for each rule the number of those that it looks at; and what it took to count.
async fn seen(engine: &Engine, rules: &[&Question], hours: HourRange) -> Result<(Vec<u64>, Spent)> {
    let counts = rules.iter().map(|rule| {
        let types: Vec<String> = rule.types.iter().map(|code| quoted(code)).collect();
        let has =
            |(column, path): &(String, String)| format!(" AND json_extract({column}, {}) IS NOT NULL", quoted(path));
        let fields: String = rule.fields.iter().map(has).collect();
        format!("count_if(type IN ({}){fields})", types.join(", "))
    });
    let counts: Vec<String> = ["count(*)".to_owned()].into_iter().chain(counts).collect();
    let columns: Vec<String> = counts.iter().enumerate().map(|(at, count)| format!("{count} AS c{at}")).collect();
    let sql = format!("SELECT {} FROM auth0_logs WHERE {}", columns.join(", "), condition(hours));
    let asked = engine.ask(&sql).await?;
    let rows: Vec<Row> = asked.pages.try_concat().await?;
    let numbers = rows.first().context("no events were counted")?.iter();
    let numbers = numbers.map(|number| number.as_deref().unwrap_or("0").parse().context("a count is no number"));
    Ok((numbers.collect::<Result<_>>()?, (asked.spent)()))
}

async fn findings(engine: &Engine, rule: &'static Question, sql: &str) -> Result<(Vec<Finding>, Spent)> {
    let asked = engine.ask(sql).await?;
    let rows: Vec<Row> = asked.pages.try_concat().await?;
    let findings = rows.into_iter().map(|row| Finding::read(rule, row)).collect::<Result<_>>()?;
    Ok((findings, (asked.spent)()))
}

impl Finding {
    fn read(rule: &'static Question, row: Row) -> Result<Finding> {
        let texts: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
        let Ok([_, entity, window, events, first_seen, last_seen, evidence]) = <[String; 7]>::try_from(texts) else {
            bail!("the rule has not seven columns");
        };
        let evidence = evidence.split_whitespace().map(str::to_owned).collect();
        let events = events.parse().context("the rule's count is no number")?;
        Ok(Finding { rule, entity, window, events, first_seen, last_seen, evidence })
    }

    /// The worst first.
    fn order(&self) -> (Option<library::Level>, &str, &str, &str) {
        (self.rule.level, self.rule.name, &self.window, &self.entity)
    }

    /// What makes it the same finding whenever it is found: neither a name nor a window has a slash.
    fn id(&self) -> String {
        format!("{}/{}/{}", self.rule.name, self.window, self.entity)
    }

    fn level(&self) -> &'static str {
        self.rule.level.map_or("", library::Level::name)
    }

    fn row(&self, all: bool) -> Row {
        let mut row =
            [self.level(), self.rule.name, &self.window, &self.entity].map(|text| Some(text.to_owned())).to_vec();
        row.push(Some(self.events.to_string()));
        if all {
            row.extend([&self.first_seen, &self.last_seen].map(|text| Some(text.clone())));
            row.extend([Some(self.evidence.join(" ")), Some(self.id())]);
        }
        row
    }
}

impl Found {
    fn verdict(&self) -> Verdict {
        match (self.findings.is_empty(), self.unanswered.is_empty(), self.events) {
            (false, _, _) => Verdict::Trouble,
            (true, false, _) => Verdict::Unknown,
            (true, true, 0) => Verdict::Nothing,
            (true, true, _) => Verdict::Well,
        }
    }

    fn heading(&self, hours: HourRange) -> String {
        let last: Hour = hours.to().back(1);
        let noun = if self.rules == 1 { "rule" } else { "rules" };
        let (from, spent) = (hours.from(), &self.spent);
        format!("{} {noun} over {} events, {from} to {last} UTC; {spent}", self.rules, self.events)
    }

    /// Prints the findings as rows. People get the columns that fit 80 characters.
    async fn print(&self, format: Format, env: &Env) -> Result<()> {
        let all = format != Format::Table;
        let names = ["level", "rule", "window", "entity", "events", "first_seen", "last_seen", "evidence", "id"];
        let kind = |name| if name == "events" { Kind::Number } else { Kind::Text };
        let columns = names.iter().take(if all { 9 } else { 5 });
        let columns: Vec<Column> = columns.map(|name| Column { name: (*name).to_owned(), kind: kind(*name) }).collect();
        let rows: Vec<Row> = self.findings.iter().map(|finding| finding.row(all)).collect();
        let mut out = Out::open(env.screen, None);
        rows::print(&columns, stream::iter([Ok(rows)]).boxed(), Some(format), &mut out).await?;
        out.flush()
    }

    /// The text below the table of findings: how many, and which rules had nothing to look at.
    fn summary(&self) -> String {
        let mut text = match self.findings.len() {
            0 => "no findings\n".to_owned(),
            1 => "1 finding; its events: --output record\n".to_owned(),
            count => format!("{count} findings; their events: --output record\n"),
        };
        if self.events == 0 {
            return text + "there are no events in these hours, so that says nothing\n";
        }
        if !self.silent.is_empty() {
            let names: Vec<&str> = self.silent.iter().map(|rule| rule.name).collect();
            let silent = format!(
                "{} of {} rules had nothing to look at, or lack a parameter; of these silence says nothing:",
                names.len(),
                self.rules
            );
            text += &format!("{}\n{}\n", report::sentence(&silent), report::wrapped(&names.join(" "), "  ", 78));
        }
        text
    }

    /// A line for each rule that could not be asked.
    fn unanswered(&self) -> String {
        let line = |(rule, error): &(&Question, String)| {
            format!("! {} could not be asked: {}\n", rule.name, plain::value(error))
        };
        self.unanswered.iter().map(line).collect()
    }

    fn to_json(&self, hours: HourRange) -> serde_json::Value {
        let finding = |it: &Finding| {
            json!({
                "id": it.id(), "level": it.level(), "rule": it.rule.name, "title": it.rule.title,
                "references": it.rule.references, "entity": it.entity, "window": it.window, "events": it.events,
                "first_seen": it.first_seen, "last_seen": it.last_seen, "evidence": it.evidence,
            })
        };
        let unanswered = |(rule, error): &(&Question, String)| json!({"rule": rule.name, "error": error});
        json!({
            "from": hours.from().to_string(),
            "to": hours.to().to_string(),
            "rules": self.rules,
            "events": self.events,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "silent": self.silent.iter().map(|rule| rule.name).collect::<Vec<_>>(),
            "unanswered": self.unanswered.iter().map(unanswered).collect::<Vec<_>>(),
        })
    }
}
