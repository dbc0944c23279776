//! What the parameters of a question may be, as literals of SQL.

use anyhow::{Context, Result, bail};

use crate::statements::quoted;

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// Texts, as JSON in the statement.
    List,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Any text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Texts.
    List(Vec<String>),
}

impl Kind {
    /// The kind by its name in a header.
    pub(super) fn named(name: &str) -> Option<Kind> {
        Some(match name {
            "text" => Kind::Text,
            "integer" => Kind::Integer,
            "list" => Kind::List,
            _ => return None,
        })
    }

    /// The name of the kind in a header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Integer => "integer",
            Kind::List => "list",
        }
    }

    /// Reads a value that a person typed: a list has commas, or is a JSON array.
    pub(super) fn read(self, text: &str) -> Result<Value> {
        Ok(match self {
            Kind::Text => Value::Text(text.to_owned()),
            Kind::Integer => {
                Value::Integer(text.trim().parse().with_context(|| format!("{text:?} is no whole number"))?)
            }
            Kind::List if text.trim_start().starts_with('[') => {
                Value::List(serde_json::from_str(text).with_context(|| format!("{text:?} is no JSON array of texts"))?)
            }
            Kind::List => {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                Value::List(texts.map(str::to_owned).collect())
            }
        })
    }

    /// Reads a value of a file of settings.
    pub(super) fn read_toml(self, value: &toml::Value) -> Result<Value> {
        Ok(match (self, value) {
            (Kind::Text, toml::Value::String(text)) => Value::Text(text.clone()),
            (Kind::Integer, toml::Value::Integer(number)) => Value::Integer(*number),
            (Kind::List, toml::Value::Array(values)) => {
                let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
                Value::List(texts.collect::<Option<_>>().with_context(|| format!("{value:?} has what is no text"))?)
            }
            _ => bail!("{value:?} is no {}", self.name()),
        })
    }
}

impl Value {
    /// The value in SQL. Whatever a text holds, it stays within its quotes.
    pub(super) fn literal(&self) -> String {
        match self {
            Value::Text(text) => quoted(text),
            Value::Integer(number) => number.to_string(),
            Value::List(texts) => quoted(&serde_json::Value::from(texts.as_slice()).to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_literals() {
        let check = |kind: Kind, typed: &str, expected: &str| {
            assert_eq!(kind.read(typed).unwrap().literal(), expected, "{typed}");
        };
        check(Kind::Text, "o'brien' OR 1 = 1 --", "'o''brien'' OR 1 = 1 --'");
        check(Kind::Integer, " 7", "7");
        check(Kind::Integer, "-7", "-7");
        check(Kind::List, "192.0.2.1, 192.0.2.2", r#"'["192.0.2.1","192.0.2.2"]'"#);
        check(Kind::List, r#"["a,b","it's"]"#, r#"'["a,b","it''s"]'"#);
        check(Kind::List, "", "'[]'");
        assert!(Kind::Integer.read("7; DROP").is_err());
        assert!(Kind::List.read("[1]").is_err());
    }
}
