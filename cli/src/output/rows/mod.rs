//! The rows of an answer, printed page by page, so that an answer of any length takes little memory.

mod json;
mod separated;
mod table;

use anyhow::Result;
use clap::ValueEnum;
use futures::StreamExt;
use futures::stream::BoxStream;

use self::json::{Array, Lines};
use self::separated::Separated;
use self::table::{Records, Table};
use super::out::Out;

pub(crate) use self::table::cut;

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name that the statement gives it.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// Numbers, as the engine writes them.
    Number,
    /// `true` and `false`.
    Boolean,
}

/// The values of a row in the order of the columns, as Athena writes them. `None` is NULL.
pub type Row = Vec<Option<String>>;

/// The rows of an answer as they come.
pub type Pages = BoxStream<'static, Result<Vec<Row>>>;

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns with a heading; on a terminal long values are cut
    Table,
    /// A line for each value, below the number of its row
    Record,
    /// Comma-separated values with a heading; NULL is empty, and an empty text is ""
    Csv,
    /// One JSON object a line
    Ndjson,
    /// One JSON array of objects
    Json,
}

impl Format {
    /// True if it is for people.
    pub fn is_for_people(self) -> bool {
        matches!(self, Format::Table | Format::Record)
    }
}

/// The size of a terminal, in characters, and whether it has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// How many characters a line has.
    pub width: usize,
    /// Whether colours are wanted.
    pub colour: bool,
}

/// Writes pages of rows in one form.
trait Form: Send {
    /// The text of the next rows.
    fn rows(&mut self, rows: &[Row]) -> String;

    /// What stands behind the last row.
    fn end(&mut self) -> String {
        String::new()
    }
}

/// So many rows are looked at before the widths of a table are fixed, and rendered at once.
const ROWS_AT_ONCE: usize = 500;

/// Prints all rows and returns how many they are. Without a `format` it is a table, or on a screen that the table does
/// not fit, records.
///
/// # Errors
///
/// If the rows cannot be read or printed.
pub async fn print(columns: &[Column], pages: Pages, format: Option<Format>, out: &mut Out) -> Result<u64> {
    let (first, mut pages) = gather(pages).await?;
    let mut form = form(columns, format, &first, out.screen());
    let mut count = 0;
    let mut page = Some(first);
    while let Some(rows) = page {
        count += rows.len() as u64;
        // An empty answer has a heading all the same.
        let empty = rows.is_empty().then_some(&[][..]);
        for rows in empty.into_iter().chain(rows.chunks(ROWS_AT_ONCE)) {
            out.write(&form.rows(rows))?;
        }
        page = pages.next().await.transpose()?;
    }
    out.write(&form.end())?;
    Ok(count)
}

/// All rows as a table that is cut nowhere.
pub fn table(columns: &[Column], rows: &[Row]) -> String {
    Table::new(columns, rows, None).rows(rows)
}

/// The first pages as one, with enough rows to judge the widths of columns by, and the rest.
async fn gather(mut pages: Pages) -> Result<(Vec<Row>, Pages)> {
    let mut first = Vec::new();
    while first.len() < ROWS_AT_ONCE {
        match pages.next().await.transpose()? {
            Some(rows) => first.extend(rows),
            None => break,
        }
    }
    Ok((first, pages))
}

fn form(columns: &[Column], format: Option<Format>, first: &[Row], screen: Option<Screen>) -> Box<dyn Form> {
    let sample = &first[..first.len().min(ROWS_AT_ONCE)];
    match format {
        Some(Format::Table) => Box::new(Table::new(columns, sample, screen)),
        Some(Format::Record) => Box::new(Records::new(columns, screen)),
        Some(Format::Csv) => Box::new(Separated::new(columns, screen.is_some())),
        Some(Format::Ndjson) => Box::new(Lines::new(columns)),
        Some(Format::Json) => Box::new(Array::new(columns)),
        None => {
            let table = Table::new(columns, sample, screen);
            if table.fits() { Box::new(table) } else { Box::new(Records::new(columns, screen)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn columns() -> Vec<Column> {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        vec![column("user", Kind::Text), column("logins", Kind::Number), column("blocked", Kind::Boolean)]
    }

    fn row(values: [Option<&str>; 3]) -> Row {
        values.map(|value| value.map(str::to_owned)).to_vec()
    }

    async fn printed(rows: &[Row], format: Option<Format>, screen: Option<Screen>) -> String {
        let pages: Vec<Result<Vec<Row>>> = rows.iter().map(|row| Ok(vec![row.clone()])).collect();
        let mut out = Out::in_memory(screen);
        let count = print(&columns(), stream::iter(pages).boxed(), format, &mut out).await.unwrap();
        assert_eq!(count, rows.len() as u64);
        out.into_text()
    }

    fn rows() -> Vec<Row> {
        vec![
            row([Some("ann \u{1b}[2J\n\"b\", c"), Some("12"), Some("true")]),
            row([Some(""), Some("7"), None]),
            row([None, None, Some("false")]),
        ]
    }

    #[tokio::test]
    async fn a_table_is_escaped_and_aligned() {
        let table = printed(&rows(), None, None).await;
        let expected = "\
\x20user                   logins  blocked
────────────────────────────────────────
 ann \\u{1b}[2J\\n\"b\", c      12  true
                             7  NULL
 NULL                     NULL  false
";
        assert_eq!(table, expected);
    }

    #[tokio::test]
    async fn a_screen_too_narrow_for_the_table_gets_records() {
        let screen = |width| Some(Screen { width, colour: false });
        assert!(printed(&rows(), None, screen(40)).await.starts_with(" user "));
        let records = printed(&rows(), None, screen(29)).await;
        let expected = "\
── 1 ──
user     ann \\u{1b}[2J\\n\"b\",…
logins   12
blocked  true
── 2 ──
user     \n\
logins   7
blocked  NULL
── 3 ──
user     NULL
logins   NULL
blocked  false
";
        assert_eq!(records, expected);
        assert!(records.lines().all(|line| line.chars().count() <= 29));
    }

    #[tokio::test]
    async fn csv_tells_null_from_empty_and_keeps_values_off_a_terminal() {
        let csv = printed(&rows(), Some(Format::Csv), None).await;
        assert_eq!(csv, "user,logins,blocked\n\"ann \u{1b}[2J\n\"\"b\"\", c\",12,true\n\"\",7,\n,,false\n");
        let screen = Some(Screen { width: 80, colour: true });
        let shown = printed(&rows(), Some(Format::Csv), screen).await;
        assert!(shown.contains(r#""ann \u{1b}[2J\n""b"", c",12,true"#), "{shown}");
    }

    #[tokio::test]
    async fn json_has_numbers_and_is_escaped() {
        let lines = printed(&rows(), Some(Format::Ndjson), None).await;
        let first = r#"{"user":"ann \u001b[2J\n\"b\", c","logins":12,"blocked":true}"#;
        let rest = "{\"user\":\"\",\"logins\":7,\"blocked\":null}\n{\"user\":null,\"logins\":null,\"blocked\":false}\n";
        assert_eq!(lines, format!("{first}\n{rest}"));
        let array: Vec<serde_json::Value> =
            serde_json::from_str(&printed(&rows(), Some(Format::Json), None).await).unwrap();
        assert_eq!(array.len(), 3);
    }

    #[tokio::test]
    async fn an_empty_answer_has_a_heading() {
        assert!(printed(&[], None, None).await.starts_with(" user  logins  blocked\n"));
        assert_eq!(printed(&[], Some(Format::Csv), None).await, "user,logins,blocked\n");
        assert_eq!(printed(&[], Some(Format::Json), None).await, "[]\n");
        assert_eq!(printed(&[], Some(Format::Ndjson), None).await, "");
    }
}
