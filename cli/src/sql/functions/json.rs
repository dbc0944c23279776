//! `json_extract`, `json_extract_scalar`, `json_parse` and `json_format`. A value of Trino's type JSON is its text here.
//!
//! The path language is Trino's, not that of RFC 9535: `$.a-b` needs no quotes, and there are no filters and no
//! wildcards. Numbers keep their digits, because only what the path passes through is parsed.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::as_string_array;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ScalarUDF;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::sql::openx::string;

pub(super) fn functions() -> Vec<ScalarUDF> {
    let texts = [DataType::Utf8, DataType::Utf8];
    vec![
        super::scalar("json_extract", &texts, DataType::Utf8, |arguments| {
            extract(arguments, |json| Some(compact(json)))
        }),
        super::scalar("json_extract_scalar", &texts, DataType::Utf8, |arguments| extract(arguments, scalar)),
        super::scalar("json_parse", &texts[..1], DataType::Utf8, |arguments| parse(arguments, false)),
        super::scalar("try_json_parse", &texts[..1], DataType::Utf8, |arguments| parse(arguments, true)),
        super::scalar("json_format", &texts[..1], DataType::Utf8, |arguments| parse(arguments, true)),
    ]
}

/// The texts without white space between their parts. A text that is no JSON is null if `leniently`, else an error.
fn parse(arguments: &[ArrayRef], leniently: bool) -> Result<ArrayRef> {
    let mut parsed = StringBuilder::new();
    for text in as_string_array(&arguments[0])? {
        match text.map(serde_json::from_str::<&RawValue>) {
            Some(Ok(json)) => parsed.append_value(compact(json.get())),
            Some(Err(error)) if !leniently => return exec_err!("json_parse was given what is no JSON: {error}"),
            None | Some(Err(_)) => parsed.append_null(),
        }
    }
    Ok(Arc::new(parsed.finish()))
}

/// JSON without white space between its parts, as Trino writes it.
fn compact(json: &str) -> Cow<'_, str> {
    if !json.contains([' ', '\t', '\n', '\r']) {
        return json.into();
    }
    let (mut within, mut escaped) = (false, false);
    let keep = |letter: &char| {
        let keeps = within || !letter.is_ascii_whitespace();
        (within, escaped) = (within ^ (*letter == '"' && !escaped), within && *letter == '\\' && !escaped);
        keeps
    };
    json.chars().filter(keep).collect()
}

/// Shows the value at the path, row by row. Null if there is no value or the text is not JSON.
fn extract(arguments: &[ArrayRef], show: fn(&str) -> Option<Cow<'_, str>>) -> Result<ArrayRef> {
    let (texts, paths) = (as_string_array(&arguments[0])?, as_string_array(&arguments[1])?);
    let mut shown = StringBuilder::new();
    let mut path: Option<Path> = None;
    for (text, path_text) in texts.iter().zip(paths) {
        let (Some(text), Some(path_text)) = (text, path_text) else {
            shown.append_null();
            continue;
        };
        // The path is usually the same in every row.
        let known = match path.take().filter(|path| path.text == path_text) {
            Some(known) => known,
            None => Path::parse(path_text)?,
        };
        let json = serde_json::from_str::<&RawValue>(text);
        shown.append_option(json.ok().and_then(|json| known.find(json.get())).and_then(show));
        path = Some(known);
    }
    Ok(Arc::new(shown.finish()))
}

/// The text of a scalar. `None` for an object, an array or null.
pub(super) fn scalar(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'{' | b'[' | b'n' => None,
        b'"' => Some(string(json)),
        _ => Some(json.into()),
    }
}

/// A path: `$.a.b`, `$.a[0]`, `$["k.v"]`.
#[derive(Debug, PartialEq, Eq)]
struct Path {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    /// The element of an array at that position, or the field of an object with that name.
    Index(usize, String),
}

impl Path {
    fn parse(text: &str) -> Result<Path> {
        let Some(mut rest) = text.strip_prefix('$') else { return invalid(text) };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let Some((step, after)) = step(rest) else { return invalid(text) };
            steps.push(step);
            rest = after;
        }
        Ok(Path { text: text.to_string(), steps })
    }

    fn find<'a>(&self, json: &'a str) -> Option<&'a str> {
        self.steps.iter().try_fold(json, |json, step| match (json.as_bytes().first(), step) {
            (Some(b'{'), Step::Field(name) | Step::Index(_, name)) => field(json, name),
            (Some(b'['), Step::Index(index, _)) => {
                let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
                elements.get(*index).map(|element| element.get())
            }
            _ => None,
        })
    }
}

fn invalid<T>(text: &str) -> Result<T> {
    exec_err!("{text:?} is no JSON path; write it like $.a.b, $.a[0] or $[\"key\"]")
}

/// The first step of a path, and the rest of the path.
fn step(path: &str) -> Option<(Step, &str)> {
    if let Some(name) = path.strip_prefix('.') {
        let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ':');
        let end = name.find(|letter| !plain(letter)).unwrap_or(name.len());
        return (end > 0).then(|| (Step::Field(name[..end].to_string()), &name[end..]));
    }
    let subscript = path.strip_prefix('[')?;
    if let Some(quoted) = subscript.strip_prefix('"') {
        let (name, rest) = quoted.split_once("\"]")?;
        return Some((Step::Field(name.to_string()), rest));
    }
    let (index, rest) = subscript.split_once(']')?;
    Some((Step::Index(index.parse().ok()?, index.to_string()), rest))
}

/// The value of an object's field. Of duplicate keys the first one counts, as in Trino.
fn field<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    struct Search<'n>(&'n str);

    impl<'de> Visitor<'de> for Search<'_> {
        type Value = Option<&'de str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<&'de str>, A::Error> {
            let mut found = None;
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                if found.is_none() && string(key.get()) == self.0 {
                    found = Some(value.get());
                }
            }
            Ok(found)
        }
    }

    serde_json::Deserializer::from_str(object).deserialize_map(Search(name)).ok()?
}
