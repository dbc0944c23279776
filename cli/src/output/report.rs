//! Tables, numbers and JSON on standard output.

use std::io::{ErrorKind, Write, stderr, stdout};
use std::path::{Path, PathBuf};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table, TableComponent};
use log_format::Hour;
use serde::Serialize;
use telemetry::plain;

/// An empty table with a heading. The first column is words, the others are numbers.
pub fn table(heading: &[impl AsRef<str>]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_style(TableComponent::HeaderLines, '─');
    if !heading.is_empty() {
        table.set_header(heading.iter().map(AsRef::as_ref));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Aligns a column of words; the first column is 0.
pub fn align_left(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Left);
    }
}

/// A number of bytes in binary units, such as `1.50 MiB`.
pub fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// `part` as a percentage of `whole`, rounded down; 0 if `whole` is 0.
pub fn percent(part: u64, whole: u64) -> u64 {
    (part * 100).checked_div(whole).unwrap_or_default()
}

/// Prints a text and one line feed, without blanks at the ends of lines. What a terminal would act on is escaped.
///
/// # Errors
///
/// If standard output cannot be written to. A pipe whose reader has gone is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    write(&plain::lines(&lines.join("\n")))
}

fn write(text: &str) -> anyhow::Result<()> {
    match writeln!(stdout().lock(), "{}", text.trim_end()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// The words of a text in lines of at most `width` characters, each after `indent`. A word that is longer has its own.
pub fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => *line += &format!(" {word}"),
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines.join("\n")
}

/// The columns of the least terminal.
const PAGE: usize = 80;

/// A text in lines that fit any terminal.
pub fn sentence(text: &str) -> String {
    wrapped(text, "", PAGE)
}

/// Prints a value as JSON.
///
/// # Errors
///
/// If standard output cannot be written to.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    write(&plain::json(&serde_json::to_string_pretty(value)?))
}

/// How many stretches of hours, or keys, are named. `--json` has all of them.
const NAMED_MAX: usize = 3;

/// Stretches of hours, each by its first and its last hour: `2026-11-20T11 to 2026-11-20T14, 2026-11-21T03`.
pub fn stretches(stretches: &[(Hour, Hour)]) -> String {
    let named = stretches.iter().take(NAMED_MAX).map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    named.collect::<Vec<String>>().join(", ") + if stretches.len() > NAMED_MAX { ", …" } else { "" }
}

/// A line about objects under `logs/` that no table reads. Empty if there are none.
pub fn of_no_hour(keys: &[String]) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let named = keys.iter().take(NAMED_MAX).map(|key| plain::value(key)).collect::<Vec<_>>().join(", ");
    let more = if keys.len() > NAMED_MAX { ", …" } else { "" };
    format!("! {} objects under logs/ are in no hour, so no table reads them: {named}{more}\n", keys.len())
}

/// The troubles as text for people, one a line. Empty if there are none.
pub fn troubles(troubles: &[String]) -> String {
    troubles.iter().map(|trouble| format!("! {}\n", plain::value(trouble))).collect()
}

/// How many entries that were passed over are named.
const PASSED_OVER_MAX: usize = 20;

/// Says on standard error what was passed over in a folder: each path and what it is. Says nothing if there is nothing.
pub fn warn_of(passed_over: &[(PathBuf, String)]) {
    if passed_over.is_empty() {
        return;
    }
    let shown = |path: &Path| plain::value(&path.to_string_lossy()).into_owned();
    let named = passed_over.iter().take(PASSED_OVER_MAX).map(|(path, odd)| format!("  {} is {odd}", shown(path)));
    let more = if passed_over.len() > PASSED_OVER_MAX { "\n  …" } else { "" };
    let count = passed_over.len();
    let text = format!("passed over in the folder and not opened, as they are no plain files: {count}\n");
    let text = text + &named.collect::<Vec<String>>().join("\n") + more;
    // Whoever has closed standard error wants to hear nothing.
    let _ = writeln!(stderr(), "{}", plain::lines(&text));
}
