//! `query` without a statement on a terminal: a shell with history, lines that go on, and completion.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};
use catalog::{DAILY, JSON, PARQUET, VIEW};
use clap::ValueEnum;
use log_format::COLUMNS;
use rustyline::completion::{Completer, Pair};
use rustyline::config::{CompletionType, Configurer};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Editor, Helper};
use sqlparser::tokenizer::Token;
use telemetry::plain;

use super::{Printing, answer};
use crate::args::{HourRange, condition, span_of_last};
use crate::engine::Engine;
use crate::env::Env;
use crate::output::out::{Out, is_unread};
use crate::output::rows::Format;
use crate::statements;

const HELP: &str = "\
A statement ends with a semicolon and may go over several lines. The tab key completes names.
  .tables            the tables and the view
  .schema TABLE      the columns of a table
  .output FORMAT     table, record, csv, ndjson or json; nothing chooses between table and record
  .timer on|off      say how long each statement takes
  .last TIME         let $last in statements stand for the hours up to now, such as 6h: WHERE $last AND type = 'fp'
  .quit              end; so does Ctrl-D";

/// Words of Athena's SQL that are completed, beside tables and columns.
const WORDS: [&str; 60] = [
    "SELECT",
    "DISTINCT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "BETWEEN",
    "IS NULL",
    "IS NOT NULL",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "DATE",
    "TIMESTAMP",
    "INTERVAL",
    "WITH",
    "JOIN",
    "ON",
    "UNION ALL",
    "CAST",
    "DESC",
    "approx_distinct",
    "arbitrary",
    "array_agg",
    "avg",
    "cardinality",
    "coalesce",
    "concat",
    "count",
    "current_date",
    "current_timestamp",
    "date_diff",
    "date_trunc",
    "element_at",
    "from_iso8601_timestamp",
    "json_extract",
    "json_extract_scalar",
    "length",
    "lower",
    "max",
    "max_by",
    "min",
    "min_by",
    "nullif",
    "regexp_like",
    "replace",
    "row_number",
    "split_part",
    "substr",
    "sum",
    "upper",
];

/// Answers what is typed until the end of the input.
///
/// # Errors
///
/// If the terminal cannot be read.
pub(super) async fn shell(engine: &Engine, printing: Printing, history: Option<&Path>, env: &Env) -> Result<()> {
    let mut editor: Editor<Names, DefaultHistory> = Editor::new()?;
    editor.set_completion_type(CompletionType::List);
    editor.set_helper(Some(Names));
    if let Some(path) = history {
        // At first there is none.
        let _ = editor.load_history(path);
    }
    println_plain("auth0-s3-logs: .help says what can be typed, .quit ends.");
    let mut session = Session { printing, timer: false, last: None };
    loop {
        match editor.readline("auth0> ") {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => {
                keep(&mut editor, text.trim(), history);
                match session.take(engine, text.trim(), env).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => println_plain(&plain::value(&format!("error: {error:#}"))),
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Keeps a line at once, beside those of other shells. Where nothing can be written, it is kept for this shell alone.
fn keep(editor: &mut Editor<Names, DefaultHistory>, line: &str, history: Option<&Path>) {
    let _ = editor.add_history_entry(line);
    if let Some(path) = history {
        let _ = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let _ = editor.append_history(path);
    }
}

fn println_plain(text: &str) {
    let mut out = Out::open(None, None);
    // Who has closed the terminal wants to hear nothing.
    let _ = out.write(&format!("{}\n", plain::lines(text)));
}

/// What holds until it is said otherwise.
struct Session {
    printing: Printing,
    timer: bool,
    last: Option<HourRange>,
}

/// A line that begins with a point.
#[derive(Debug, PartialEq, Eq)]
enum Point<'a> {
    Help,
    Tables,
    Schema(&'a str),
    Output(Option<Format>),
    Timer(bool),
    Last(&'a str),
    Quit,
}

impl Point<'_> {
    fn read(line: &str) -> Result<Point<'_>> {
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim().trim_end_matches(';');
        Ok(match (word.trim_end_matches(';'), rest) {
            (".help", "") => Point::Help,
            (".tables", "") => Point::Tables,
            (".schema", table) if !table.is_empty() => Point::Schema(table),
            (".output", "") => Point::Output(None),
            (".output", format) => match Format::from_str(format, false) {
                Ok(format) => Point::Output(Some(format)),
                Err(_) => bail!("{format:?} is no format; write table, record, csv, ndjson or json"),
            },
            (".timer", "on") => Point::Timer(true),
            (".timer", "off") => Point::Timer(false),
            (".last", time) if !time.is_empty() => Point::Last(time),
            (".quit" | ".exit", "") => Point::Quit,
            _ => bail!("{line:?} is not understood; .help says what is"),
        })
    }
}

impl Session {
    /// Does what a line says. False if it says to end.
    async fn take(&mut self, engine: &Engine, text: &str, env: &Env) -> Result<bool> {
        if !text.starts_with('.') {
            let bounds = self.last.map(condition);
            for statement in statements::split(&with_last(text, bounds.as_deref()))? {
                self.answer(engine, &statement, env).await?;
            }
            return Ok(true);
        }
        match Point::read(text)? {
            Point::Help => println_plain(HELP),
            Point::Tables => println_plain(&TABLES.join("\n")),
            Point::Schema(table) => {
                let name = table.replace('"', "").replace('\'', "''");
                let columns = "SELECT column_name, data_type FROM information_schema.columns";
                self.answer(engine, &format!("{columns} WHERE table_name = '{name}'"), env).await?;
            }
            Point::Output(format) => self.printing.format = format,
            Point::Timer(on) => self.timer = on,
            Point::Last(time) => {
                let hours = span_of_last(time, env.clock()())?;
                self.last = Some(hours);
                println_plain(&format!("$last is {}", condition(hours)));
            }
            Point::Quit => return Ok(false),
        }
        Ok(true)
    }

    async fn answer(&self, engine: &Engine, statement: &str, env: &Env) -> Result<()> {
        let started = Instant::now();
        let mut out = self.printing.out(env);
        match answer(engine, statement, self.printing, &mut out).await {
            Err(error) if is_unread(&error) => {}
            answered => answered?,
        }
        drop(out);
        if self.timer {
            println_plain(&format!("{:.3} s", started.elapsed().as_secs_f64()));
        }
        Ok(())
    }
}

const TABLES: [&str; 4] = [VIEW, JSON, PARQUET, DAILY];

/// Completes names, and lets a statement go on until its semicolon.
struct Names;

impl Helper for Names {}
impl Highlighter for Names {}

impl Hinter for Names {
    type Hint = String;
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = completions(line.get(..position).unwrap_or(line));
        Ok((start, found.into_iter().map(|name| Pair { display: name.clone(), replacement: name }).collect()))
    }
}

impl Validator for Names {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input().trim()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// True if the text is to be taken now: a semicolon ends it that is not within a string or a name.
fn is_whole(text: &str) -> bool {
    let is_said = |token: &&Token| !matches!(token, Token::Whitespace(_));
    let last = |tokens: Vec<Token>| tokens.iter().rfind(is_said) == Some(&Token::SemiColon);
    let ends = || statements::tokens(text).is_ok_and(last);
    text.is_empty() || text.starts_with('.') || ends()
}

/// The text with the bounds in place of each `$last` that is not within a string or a name.
fn with_last(text: &str, bounds: Option<&str>) -> String {
    let (Some(bounds), Ok(tokens)) = (bounds, statements::tokens(text)) else { return text.to_owned() };
    let shown = |token: &Token| match token {
        Token::Placeholder(name) if name == "$last" => bounds.to_owned(),
        other => other.to_string(),
    };
    tokens.iter().map(shown).collect()
}

/// Where the last word of a text begins, and what it may be the beginning of.
fn completions(text: &str) -> (usize, Vec<String>) {
    let of_name = |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '.';
    let start = text
        .rfind(|character| !of_name(character))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let begun = &text[start..];
    let points = [".help", ".tables", ".schema", ".output", ".timer", ".last", ".quit"];
    let columns = COLUMNS.iter().map(|column| column.name).chain(["date", "hour"]);
    let names = TABLES.into_iter().chain(columns).chain(WORDS).chain(points);
    let fits = |name: &&str| name.get(..begun.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(begun));
    let found = names.filter(fits).map(str::to_owned).collect();
    (start, if begun.is_empty() { Vec::new() } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_a_point_are_understood_or_refused() {
        assert_eq!(Point::read(".schema auth0_logs;").unwrap(), Point::Schema("auth0_logs"));
        assert_eq!(Point::read(".output csv").unwrap(), Point::Output(Some(Format::Csv)));
        assert_eq!(Point::read(".timer  on").unwrap(), Point::Timer(true));
        assert_eq!(Point::read(".quit").unwrap(), Point::Quit);
        for (line, expected) in [(".output xml", "is no format"), (".schema", "is not understood"), (".x", ".help")] {
            assert!(Point::read(line).unwrap_err().to_string().contains(expected), "{line}");
        }
    }

    #[test]
    fn last_stands_for_hours_outside_of_strings() {
        let shown = with_last("SELECT '$last', 'it''s' FROM t WHERE $last AND x = 1;", Some("(a)"));
        assert_eq!(shown, "SELECT '$last', 'it''s' FROM t WHERE (a) AND x = 1;");
        assert_eq!(with_last("SELECT $last", None), "SELECT $last");
    }

    #[test]
    fn a_statement_is_whole_at_its_semicolon() {
        for (text, expected) in [("", true), (".tables", true), ("SELECT 1;", true), ("SELECT 1", false)] {
            assert_eq!(is_whole(text), expected, "{text}");
        }
        assert!(!is_whole("SELECT 'a;") && !is_whole("SELECT 1 -- ;"));
    }

    #[test]
    fn names_are_completed() {
        let check = |text: &str, expected: &[&str]| {
            let (start, found) = completions(text);
            assert_eq!(found, expected, "{text}");
            assert!(found.is_empty() || text[start..].len() <= found[0].len());
        };
        check("SELECT * FROM auth0_logs_j", &["auth0_logs_json"]);
        check("SELECT user_", &["user_id", "user_name", "user_agent"]);
        check("sel", &["SELECT"]);
        check("SELECT 'é", &[]);
        check("SELECT ", &[]);
        check(".ta", &[".tables"]);
        check("WHERE (json_extract_", &["json_extract_scalar"]);
    }
}
