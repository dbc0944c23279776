//! Rows for people: a table, or a record for each row.

use comfy_table::{CellAlignment, ColumnConstraint, Width};
use telemetry::plain;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Column, Form, Kind, Row, Screen};
use crate::output::report;
use crate::output::types::meaning;

/// A value in a table on a terminal has so many characters at most.
const VALUE_WIDTH_MAX: usize = 40;

/// The spaces beside a value in a table.
const PADDING: usize = 2;

/// How NULL is shown. An empty text is shown as nothing.
const NULL: &str = "NULL";

/// Columns whose widths the first rows fix.
pub(super) struct Table {
    heading: Vec<String>,
    numbers: Vec<bool>,
    widths: Vec<usize>,
    screen: Option<Screen>,
    begun: bool,
}

impl Table {
    pub(super) fn new(columns: &[Column], sample: &[Row], screen: Option<Screen>) -> Table {
        let heading: Vec<String> = columns.iter().map(|column| plain::value(&column.name).into_owned()).collect();
        let numbers = columns.iter().map(|column| column.kind == Kind::Number).collect();
        let mut widths: Vec<usize> = heading.iter().map(|name| name.width()).collect();
        for row in sample {
            for (width, value) in widths.iter_mut().zip(row) {
                *width = shown(value.as_deref(), screen).width().max(*width);
            }
        }
        Table { heading, numbers, widths, screen, begun: false }
    }

    /// True if it is no wider than the screen, or there is none.
    pub(super) fn fits(&self) -> bool {
        let width: usize = self.widths.iter().map(|width| width + PADDING).sum();
        self.screen.is_none_or(|screen| width <= screen.width)
    }
}

impl Form for Table {
    fn rows(&mut self, rows: &[Row]) -> String {
        let mut table = report::table(if self.begun { &[] } else { self.heading.as_slice() });
        for row in rows {
            table.add_row(row.iter().map(|value| shown(value.as_deref(), self.screen)));
        }
        for (index, (width, number)) in self.widths.iter().zip(&self.numbers).enumerate() {
            let Some(column) = table.column_mut(index) else { continue };
            column.set_cell_alignment(if *number { CellAlignment::Right } else { CellAlignment::Left });
            let width = u16::try_from(width + PADDING).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
        let heading = usize::from(!std::mem::replace(&mut self.begun, true));
        let colour = self.screen.is_some_and(|screen| screen.colour);
        let line = |(index, line): (usize, &str)| match index < heading && colour {
            true => format!("{}\n", bold(line.trim_end())),
            false => format!("{}\n", line.trim_end()),
        };
        table.to_string().lines().enumerate().map(line).collect()
    }
}

/// A line for each value, as wide as the screen at most. A type of event has its meaning beside it.
pub(super) struct Records {
    names: Vec<String>,
    width: usize,
    screen: Option<Screen>,
    number: u64,
}

impl Records {
    pub(super) fn new(columns: &[Column], screen: Option<Screen>) -> Records {
        let names: Vec<String> = columns.iter().map(|column| plain::value(&column.name).into_owned()).collect();
        let width = names.iter().map(|name| name.width()).max().unwrap_or_default();
        Records { names, width, screen, number: 0 }
    }
}

impl Form for Records {
    fn rows(&mut self, rows: &[Row]) -> String {
        let colour = self.screen.is_some_and(|screen| screen.colour);
        let mut text = String::new();
        for row in rows {
            self.number += 1;
            let rule = format!("── {} ──", self.number);
            text += &if colour { bold(&rule) } else { rule };
            text.push('\n');
            for (name, value) in self.names.iter().zip(row) {
                let value = plain::value(value.as_deref().unwrap_or(NULL));
                let meant = meaning(&value).filter(|_| name == "type").map(|(_, meaning)| format!(" ({meaning})"));
                let gap = " ".repeat(self.width - name.width() + PADDING);
                let line = format!("{name}{gap}{value}{}", meant.unwrap_or_default());
                text += &self.screen.map_or(line.clone(), |screen| cut(&line, screen.width));
                text.push('\n');
            }
        }
        text
    }
}

fn shown(value: Option<&str>, screen: Option<Screen>) -> String {
    let value = plain::value(value.unwrap_or(NULL));
    if screen.is_some() { cut(&value, VALUE_WIDTH_MAX) } else { value.into_owned() }
}

/// `text` in `width` characters of a terminal at most; what is cut off shows as an ellipsis.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |character: &char| {
        let needed = character.width().unwrap_or_default();
        left.checked_sub(needed).inspect(|rest| left = *rest).is_some()
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    kept.push('…');
    kept
}

/// `text` in bold type.
pub(crate) fn bold(text: &str) -> String {
    format!("\u{1b}[1m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_its_width_on_a_terminal() {
        assert_eq!((cut("abcdef", 6).as_str(), cut("abcdefg", 6).as_str()), ("abcdef", "abcde…"));
        assert_eq!(cut("株式会社", 6), "株式…");
        assert_eq!(cut("株式会社", 8), "株式会社");
    }
}
