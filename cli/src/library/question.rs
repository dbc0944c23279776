//! A question: the header of its file, and its statement.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use sqlparser::tokenizer::Token;

use super::values::{Kind, Value};
use crate::args::HourRange;
use crate::statements::{self, quoted};

/// The bounds that every question has, which are no parameters of its header.
const BOUNDS: [&str; 4] = ["from_date", "from_hour", "to_date", "to_hour"];

/// A question of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// `investigate`, `detect` or `report`.
    pub group: &'static str,
    /// The folder within the group. Empty if the group has none.
    pub topic: &'static str,
    /// What it is asked by.
    pub name: &'static str,
    /// A few words for a list.
    pub title: String,
    /// What it answers.
    pub answers: String,
    /// What it cannot see, or where it errs.
    pub cannot_see: String,
    /// What it takes beside a stretch of time.
    pub parameters: Vec<Parameter>,
    /// How bad a finding is. `None` if it is no detection.
    pub level: Option<Level>,
    /// The types of events that a detection looks at.
    pub types: Vec<String>,
    /// Columns and JSON paths in them without which a detection finds nothing.
    pub fields: Vec<(String, String)>,
    /// Lists without which a detection finds nothing.
    pub needs: Vec<String>,
    /// Ids of Auth0's detections, and addresses of what else it follows.
    pub references: Vec<String>,
    /// How many days back it looks in the console.
    pub days: u32,
    /// The statement with `:name` for each parameter.
    pub sql: &'static str,
}

/// A parameter of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name of the parameter in the statement, on the command line and in the file of settings.
    pub name: String,
    /// What it takes.
    pub(super) kind: Kind,
    /// What it is unless it is given. `None` if it must be given.
    pub(super) default: Option<Value>,
    /// What it means.
    pub meaning: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// To be looked at now.
    High,
    /// To be looked at today.
    Medium,
    /// To be known.
    Low,
}

impl Level {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Level::High => "high",
            Level::Medium => "medium",
            Level::Low => "low",
        }
    }
}

impl Parameter {
    /// Reads a value that a person typed.
    ///
    /// # Errors
    ///
    /// If it is not of the parameter's kind.
    pub(crate) fn read(&self, text: &str) -> Result<Value> {
        self.kind.read(text)
    }

    /// The default in JSON; null if there is none.
    pub fn default(&self) -> serde_json::Value {
        match &self.default {
            None => serde_json::Value::Null,
            Some(Value::Text(text)) => text.as_str().into(),
            Some(Value::Integer(number)) => (*number).into(),
            Some(Value::List(texts)) => texts.as_slice().into(),
        }
    }

    /// Kind and default for people.
    pub(crate) fn said_default(&self) -> String {
        let default = match &self.default {
            None => "no default".to_owned(),
            Some(Value::List(texts)) if texts.len() > 4 => format!("default {} texts", texts.len()),
            Some(Value::List(texts)) => format!("default [{}]", texts.join(", ")),
            Some(Value::Text(text)) => format!("default \"{text}\""),
            Some(Value::Integer(number)) => format!("default {number}"),
        };
        format!("{}, {default}", self.kind.name())
    }
}

impl Question {
    /// Reads the file `path`, whose name has the form group/topic/name, or group/name.
    ///
    /// # Errors
    ///
    /// If it is no question. The error names the file and the line.
    pub(super) fn parse(path: &'static str, text: &'static str) -> Result<Question> {
        Question::read(path, text).with_context(|| format!("queries/{path}.sql is no question"))
    }

    fn read(path: &'static str, text: &'static str) -> Result<Question> {
        let (group, topic, name) = match path.split('/').collect::<Vec<_>>()[..] {
            [group, topic, name] => (group, topic, name),
            [group, name] => (group, "", name),
            _ => bail!("its path is not like group/topic/name"),
        };
        let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("--")).collect();
        let sql = text.get(header.iter().map(|line| line.len() + 1).sum()..).unwrap_or_default().trim();
        let mut question = Question {
            group,
            topic,
            name,
            title: String::new(),
            answers: String::new(),
            cannot_see: String::new(),
            parameters: Vec::new(),
            level: None,
            types: Vec::new(),
            fields: Vec::new(),
            needs: Vec::new(),
            references: Vec::new(),
            days: 1,
            sql,
        };
        for (number, line) in header.into_iter().enumerate() {
            question.take(line).with_context(|| format!("line {} cannot be read", number + 1))?;
        }
        ensure!(!question.title.is_empty(), "it has no title");
        ensure!(!question.answers.is_empty(), "it does not say what it answers");
        question.check_parameters()?;
        Ok(question)
    }

    /// Takes a line of the header.
    fn take(&mut self, line: &str) -> Result<()> {
        let (key, value) =
            line.strip_prefix("-- ").and_then(|line| line.split_once(": ")).context("write -- key: value")?;
        match key {
            "title" => say(&mut self.title, value),
            "answers" => say(&mut self.answers, value),
            "cannot see" => say(&mut self.cannot_see, value),
            "parameter" => self.parameters.push(parameter(value)?),
            "level" => {
                let levels = [Level::High, Level::Medium, Level::Low];
                self.level = Some(*levels.iter().find(|level| level.name() == value).context("no such level")?);
            }
            "types" => self.types.extend(value.split(',').map(|name| name.trim().to_owned())),
            "fields" => {
                let (column, path) = value.split_once(' ').context("write -- fields: column $.path")?;
                self.fields.push((column.to_owned(), path.to_owned()));
            }
            "needs" => self.needs.push(value.to_owned()),
            "reference" => self.references.push(value.to_owned()),
            "days" => self.days = value.parse()?,
            _ => bail!("nothing has the name {key:?}"),
        }
        Ok(())
    }

    /// Every parameter is in the header and in the statement, and the bounds are.
    fn check_parameters(&self) -> Result<()> {
        let mut named = BTreeMap::new();
        self.replace(|name| {
            *named.entry(name.to_owned()).or_insert(0) += 1;
            Ok(String::new())
        })?;
        let known = |name: &str| BOUNDS.contains(&name) || self.parameter(name).is_some();
        if let Some(name) = named.keys().find(|name| !known(name)) {
            bail!(":{name} is not in the header");
        }
        for parameter in &self.parameters {
            let times = named.get(&parameter.name).copied().unwrap_or(0);
            ensure!(times > 0, "{} is not in the statement", parameter.name);
            // Athena's console would ask for it as often as it is there.
            ensure!(
                parameter.default.is_some() || times == 1,
                "{} has no default and is in the statement more than once",
                parameter.name
            );
        }
        if let Some(name) = self.needs.iter().find(|name| self.parameter(name).is_none()) {
            bail!("it needs {name}, which is no parameter");
        }
        for bound in ["from_date", "to_date"] {
            ensure!(named.contains_key(bound), "the statement has no :{bound}");
        }
        Ok(())
    }

    /// The parameter of that name. `None` if it has none.
    pub(super) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The parameter of that name.
    ///
    /// # Errors
    ///
    /// If it has none. The error names those that it has.
    pub(crate) fn named_parameter(&self, name: &str) -> Result<&Parameter> {
        self.parameter(name).with_context(|| {
            let names: Vec<&str> = self.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("{} has no parameter {name:?}; it has {names}", self.name)
        })
    }

    fn default_of(&self, name: &str) -> Option<&Value> {
        self.parameter(name)?.default.as_ref()
    }

    /// What the console lists it by.
    pub(crate) fn saved_name(&self) -> String {
        format!("{} {}", self.group, self.name)
    }

    /// Group, topic and name, as its file is found.
    pub fn path(&self) -> String {
        let folders = [self.group, self.topic, self.name].into_iter().filter(|part| !part.is_empty());
        folders.collect::<Vec<_>>().join("/")
    }

    /// The statement for these hours and values; parameters without a value have their default.
    ///
    /// # Errors
    ///
    /// If a parameter has neither.
    pub(crate) fn statement(&self, hours: HourRange, values: &BTreeMap<String, Value>) -> Result<String> {
        let (first, last) = (hours.from(), hours.to().back(1));
        self.replace(|name| match name {
            "from_date" => Ok(format!("DATE '{}'", first.date())),
            "from_hour" => Ok(format!("'{}'", first.hour())),
            "to_date" => Ok(format!("DATE '{}'", last.date())),
            "to_hour" => Ok(format!("'{}'", last.hour())),
            _ => {
                let value = values.get(name).or_else(|| self.default_of(name));
                Ok(value.with_context(|| self.lacks(name))?.literal())
            }
        })
    }

    fn lacks(&self, name: &str) -> String {
        let meaning = self.parameter(name).map_or("", |parameter| &parameter.meaning);
        let how = match name {
            "user" | "ip" => format!("--{name} …"),
            _ => format!("--set {name}=…"),
        };
        format!("{} asks for {name}, {meaning}; give {how}", self.name)
    }

    /// The statement as the console keeps it: it looks back from today, and asks for what has no default.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub(crate) fn saved(&self) -> Result<String> {
        self.replace(|name| {
            Ok(match name {
                "from_date" => format!("(current_date - INTERVAL '{}' DAY)", self.days),
                "from_hour" => quoted("00"),
                "to_date" => "current_date".to_owned(),
                "to_hour" => quoted("23"),
                _ => self.default_of(name).map_or_else(|| "?".to_owned(), Value::literal),
            })
        })
    }

    /// The statement with what `literal` gives in place of each `:name`.
    fn replace(&self, mut literal: impl FnMut(&str) -> Result<String>) -> Result<String> {
        let mut tokens = statements::tokens(self.sql)?.into_iter().peekable();
        let mut sql = String::new();
        while let Some(token) = tokens.next() {
            match (token, tokens.peek()) {
                (Token::Colon, Some(Token::Word(word))) => {
                    sql += &literal(&word.value)?;
                    tokens.next();
                }
                (token, _) => sql += &token.to_string(),
            }
        }
        Ok(sql)
    }
}

/// Adds a line of the header to what the lines before it said.
fn say(said: &mut String, line: &str) {
    if !said.is_empty() {
        said.push(' ');
    }
    said.push_str(line);
}

/// Reads `name kind = default (meaning)`.
fn parameter(text: &str) -> Result<Parameter> {
    let (said, meaning) = text.split_once(" (").context("write -- parameter: name kind = default (meaning)")?;
    let meaning = meaning.strip_suffix(')').context("the meaning has no end")?.to_owned();
    let (said, default) = match said.split_once(" = ") {
        Some((said, default)) => (said, Some(default)),
        None => (said, None),
    };
    let (name, kind) = said.trim().split_once(' ').context("it has no kind")?;
    let kind = Kind::named(kind.trim()).with_context(|| format!("{kind:?} is no kind: write text, integer or list"))?;
    let default = default.map(|default| kind.read(default.trim())).transpose()?;
    Ok(Parameter { name: name.to_owned(), kind, default, meaning })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
-- title: Failures of a user
-- answers: How often somebody failed,
-- answers: and where.
-- parameter: user text (a user's id)
-- parameter: most integer = 10 (so many rows)
-- parameter: allowed_ips list = [\"192.0.2.1\"] (addresses that are passed over)
SELECT ip, ':user' AS u, json_extract(details, '$.a:b') FROM auth0_logs
WHERE \"date\" BETWEEN :from_date AND :to_date AND \"hour\" >= :from_hour
AND user_id = :user AND NOT json_array_contains(:allowed_ips, ip) LIMIT :most
";

    fn question() -> Question {
        Question::parse("investigate/user/failures", TEXT).unwrap()
    }

    #[test]
    fn parameters_become_literals() {
        let hour = |text: &str| text.parse().unwrap();
        let hours = HourRange::new(hour("2026-11-19T22"), hour("2026-11-20T02")).unwrap();
        let values = BTreeMap::from([("user".to_owned(), Value::Text("o'b :most".to_owned()))]);
        let statement = question().statement(hours, &values).unwrap();
        let expected = "\
SELECT ip, ':user' AS u, json_extract(details, '$.a:b') FROM auth0_logs
WHERE \"date\" BETWEEN DATE '2026-11-19' AND DATE '2026-11-20' AND \"hour\" >= '22'
AND user_id = 'o''b :most' AND NOT json_array_contains('[\"192.0.2.1\"]', ip) LIMIT 10";
        assert_eq!(statement, expected);
        let error = question().statement(hours, &BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(error, "failures asks for user, a user's id; give --user …");
    }

    #[test]
    fn the_console_asks_for_what_has_no_default() {
        let saved = question().saved().unwrap();
        assert!(saved.contains("BETWEEN (current_date - INTERVAL '1' DAY) AND current_date"), "{saved}");
        assert!(saved.contains("user_id = ? AND") && saved.ends_with("LIMIT 10"), "{saved}");
    }

    #[test]
    fn a_header_is_read_or_refused_by_line() {
        let question = question();
        assert_eq!((question.title.as_str(), question.name), ("Failures of a user", "failures"));
        assert_eq!(question.answers, "How often somebody failed, and where.");
        let check = |text: &str, expected: &str| {
            let error = format!("{:#}", Question::parse("a/b/c", text.to_owned().leak()).unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        check(
            "-- title: x\n-- colour: red\nSELECT 1",
            "queries/a/b/c.sql is no question: line 2 cannot be read: nothing has",
        );
        check("SELECT 1", "it has no title");
        check(&TEXT.replace("LIMIT :most", "LIMIT :least"), ":least is not in the header");
        check(&TEXT.replace("LIMIT :most", ""), "most is not in the statement");
        check(&TEXT.replace("LIMIT :most", "AND user_name = :user LIMIT :most"), "user has no default and is in");
        check(&TEXT.replace(":to_date", "DATE '2026-11-20'"), "the statement has no :to_date");
        check(&TEXT.replace("integer = 10", "number = 10"), "\"number\" is no kind: write text, integer or list");
        check(&TEXT.replace("integer = 10", "integer = ten"), "\"ten\" is no whole number");
    }
}
