//! Rows as comma-separated values, by RFC 4180 with single line feeds.

use std::borrow::Cow;

use telemetry::plain;

use super::{Column, Form, Row};

/// Writes the heading, then a line for each row. Values are the true ones, but on a terminal they are escaped.
pub(super) struct Separated {
    heading: Option<Row>,
    terminal: bool,
}

impl Separated {
    pub(super) fn new(columns: &[Column], terminal: bool) -> Separated {
        Separated { heading: Some(columns.iter().map(|column| Some(column.name.clone())).collect()), terminal }
    }

    fn line(&self, row: &Row) -> String {
        let value = |value: &Option<String>| {
            let Some(value) = value else { return String::new() };
            quoted(&if self.terminal { plain::value(value) } else { Cow::Borrowed(value.as_str()) })
        };
        row.iter().map(value).collect::<Vec<String>>().join(",") + "\n"
    }
}

impl Form for Separated {
    fn rows(&mut self, rows: &[Row]) -> String {
        let heading = self.heading.take();
        heading.iter().chain(rows).map(|row| self.line(row)).collect()
    }
}

/// A value that is there. NULL is nothing at all, so an empty text has quotes.
fn quoted(value: &str) -> String {
    let needs_quotes = value.is_empty() || value.contains([',', '"', '\n', '\r']);
    if needs_quotes { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() }
}
