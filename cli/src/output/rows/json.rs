//! Rows as JSON objects, with the columns in the statement's order.

use std::collections::HashSet;

use serde_json::value::RawValue;
use telemetry::plain;

use super::{Column, Form, Kind, Row};

/// One object a line.
pub(super) struct Lines {
    /// The keys as JSON, and what their values are.
    keys: Vec<(String, Kind)>,
}

impl Lines {
    pub(super) fn new(columns: &[Column]) -> Lines {
        let kinds = columns.iter().map(|column| column.kind);
        Lines { keys: names(columns).into_iter().map(|name| quoted(&name)).zip(kinds).collect() }
    }

    fn object(&self, row: &Row) -> String {
        let member = |((key, kind), value): (&(String, Kind), &Option<String>)| {
            format!("{key}:{}", value.as_deref().map_or("null".to_owned(), |value| literal(value, *kind)))
        };
        let members: Vec<String> = self.keys.iter().zip(row).map(member).collect();
        plain::json(&format!("{{{}}}", members.join(","))).into_owned()
    }
}

impl Form for Lines {
    fn rows(&mut self, rows: &[Row]) -> String {
        rows.iter().map(|row| self.object(row) + "\n").collect()
    }
}

/// One array of objects.
pub(super) struct Array {
    lines: Lines,
    begun: bool,
}

impl Array {
    pub(super) fn new(columns: &[Column]) -> Array {
        Array { lines: Lines::new(columns), begun: false }
    }
}

impl Form for Array {
    fn rows(&mut self, rows: &[Row]) -> String {
        let mut text = String::new();
        for row in rows {
            text += if std::mem::replace(&mut self.begun, true) { ",\n" } else { "[\n" };
            text += &self.lines.object(row);
        }
        text
    }

    fn end(&mut self) -> String {
        if self.begun { "\n]\n" } else { "[]\n" }.to_owned()
    }
}

/// The names of the columns. Of columns with the same name all but the first get a number, so that none is lost.
fn names(columns: &[Column]) -> Vec<String> {
    let mut taken = HashSet::new();
    let free = |column: &Column| {
        let numbered = (2..).map(|number| format!("{}_{number}", column.name));
        let mut names = std::iter::once(column.name.clone()).chain(numbered);
        names.find(|name| taken.insert(name.clone())).unwrap_or_default()
    };
    columns.iter().map(free).collect()
}

/// A value as JSON. Numbers that JSON has not, such as NaN, are strings.
fn literal(value: &str, kind: Kind) -> String {
    let is_json = match kind {
        Kind::Text => false,
        Kind::Number | Kind::Boolean => serde_json::from_str::<&RawValue>(value).is_ok(),
    };
    if is_json { value.to_owned() } else { quoted(value) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_hides_another() {
        let column = |name: &str| Column { name: name.to_owned(), kind: Kind::Number };
        assert_eq!(names(&["a", "b", "a", "a_2", "a"].map(column)), ["a", "b", "a_2", "a_2_2", "a_3"]);
    }

    #[test]
    fn what_is_no_number_in_json_is_a_string() {
        assert_eq!(["1.50", "NaN", "-3e7"].map(|it| literal(it, Kind::Number)), ["1.50", "\"NaN\"", "-3e7"]);
    }
}
