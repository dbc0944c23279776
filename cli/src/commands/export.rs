//! `export`: the events of a stretch of time, or of a user, in a file that other programs read.

use std::fs::File;
use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use log_format::COLUMNS;
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::args::{Export, FileFormat, HourRange, condition};
use crate::engine::{Asked, Engine};
use crate::env::{Env, unless_interrupted};
use crate::output::out::{Out, is_unread};
use crate::output::progress;
use crate::output::report;
use crate::output::rows::{self, Column, Format, Pages, Row};
use crate::output::verdict::Verdict;
use crate::statements::quoted;
use crate::target::Target;

/// A row group of the Parquet file has so many rows.
const ROW_GROUP_ROWS: usize = 20_000;

/// Writes the events to a file or to the standard output.
///
/// # Errors
///
/// If the events cannot be read, or the file cannot be written. Then a file of that name is as it was.
pub(crate) async fn export(target: &Target, options: &Export, env: &Env) -> Result<Verdict> {
    let format = format(options, target.json)?;
    let hours = options.span.hours(env.now)?;
    ensure!(
        hours.is_some() || options.user.is_some(),
        "say which events: give --last 24h, --day, --from, or --user; all of them: --from 2013-01-01"
    );
    let Some(path) = &options.to_file else {
        ensure!(
            env.screen.is_none() || format != FileFormat::Parquet,
            "Parquet is not shown on a terminal; give --to-file, or another --output"
        );
        let engine = Engine::open(target, env).await?;
        let asked = engine.ask(&statement(hours, options.user.as_deref())).await?;
        return unless_interrupted(to_stdout(asked, format, env)).await;
    };
    // The file gets its name once it is whole; what had the name before stays until then.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("failed to make {}", path.display());
    let file = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    let engine = Engine::open(target, env).await?;
    let bar = progress::bar(0, "events", env.terminal);
    let to = file.reopen().with_context(failed)?;
    let asked = engine.ask(&statement(hours, options.user.as_deref())).await?;
    let (count, spent) = unless_interrupted(write(asked, format, to, &bar)).await?;
    file.persist(path).map_err(|error| error.error).with_context(failed)?;
    bar.finish_and_clear();
    report::print(&format!("{count} events written to {}; {spent}", path.display()))?;
    Ok(Verdict::Well)
}

fn format(options: &Export, json: bool) -> Result<FileFormat> {
    let ending = options.to_file.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    Ok(match (options.output, ending) {
        (Some(format), _) => format,
        (None, None) if json => FileFormat::Ndjson,
        (None, None | Some("csv")) => FileFormat::Csv,
        (None, Some("ndjson" | "jsonl")) => FileFormat::Ndjson,
        (None, Some("parquet")) => FileFormat::Parquet,
        (None, Some(other)) => {
            anyhow::bail!("no format is known by the ending .{other}; give --output csv, ndjson or parquet")
        }
    })
}

/// The question for the events: literals alone, whatever the user's name holds.
fn statement(hours: Option<HourRange>, user: Option<&str>) -> String {
    let columns: Vec<String> = COLUMNS.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let mut conditions = Vec::new();
    if let Some(hours) = hours {
        conditions.push(condition(hours));
    }
    if let Some(user) = user.map(quoted) {
        conditions.push(format!("(user_id = {user} OR user_name = {user})"));
    }
    format!(
        "SELECT {}, CAST(\"date\" AS varchar) AS \"date\", \"hour\" FROM auth0_logs WHERE {}",
        columns.join(", "),
        conditions.join(" AND ")
    )
}

async fn to_stdout(asked: Asked, format: FileFormat, env: &Env) -> Result<Verdict> {
    let spent = asked.spent;
    let printed = match format {
        FileFormat::Parquet => write_parquet(&asked.columns, asked.pages, stdout()).await,
        FileFormat::Csv | FileFormat::Ndjson => {
            let mut out = Out::open(env.screen, None);
            let printed = rows::print(&asked.columns, asked.pages, Some(as_rows(format)), &mut out).await;
            printed.and_then(|count| out.flush().map(|()| count))
        }
    };
    match printed {
        Err(error) if is_unread(&error) => Ok(Verdict::Well),
        printed => {
            let count = printed?;
            if env.terminal {
                // Whoever has closed standard error wants to hear nothing.
                let _ = writeln!(stderr(), "{count} events; {}", spent());
            }
            Ok(Verdict::Well)
        }
    }
}

fn as_rows(format: FileFormat) -> Format {
    if format == FileFormat::Ndjson { Format::Ndjson } else { Format::Csv }
}

/// Writes the file; returns how many events it has, and what they took.
async fn write(asked: Asked, format: FileFormat, file: File, bar: &indicatif::ProgressBar) -> Result<(u64, String)> {
    let Asked { columns, pages, spent } = asked;
    let counted = bar.clone();
    let pages = pages.inspect(move |page| counted.inc(page.as_ref().map_or(0, |rows| rows.len() as u64))).boxed();
    let count = match format {
        FileFormat::Parquet => write_parquet(&columns, pages, file).await?,
        FileFormat::Csv | FileFormat::Ndjson => {
            let mut out = Out::to_file(file);
            let count = rows::print(&columns, pages, Some(as_rows(format)), &mut out).await?;
            out.flush()?;
            count
        }
    };
    Ok((count, spent().to_string()))
}

/// Writes the rows as Parquet, in row groups that fit into memory.
async fn write_parquet(columns: &[Column], mut pages: Pages, to: impl Write + Send) -> Result<u64> {
    let field = |column: &Column| {
        let field = Type::primitive_type_builder(&column.name, PhysicalType::BYTE_ARRAY);
        let field = field.with_logical_type(Some(LogicalType::String)).with_repetition(Repetition::OPTIONAL).build();
        field.map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
    let schema = Arc::new(Type::group_type_builder("events").with_fields(fields).build()?);
    let compression = Compression::ZSTD(ZstdLevel::default());
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut writer = SerializedFileWriter::new(to, schema, properties)?;
    let (mut count, mut rows) = (0, Vec::new());
    while let Some(page) = pages.next().await {
        rows.extend(page?);
        if rows.len() >= ROW_GROUP_ROWS {
            count += write_row_group(&mut writer, &std::mem::take(&mut rows))?;
        }
    }
    if !rows.is_empty() {
        count += write_row_group(&mut writer, &rows)?;
    }
    writer.close()?;
    Ok(count)
}

fn write_row_group(writer: &mut SerializedFileWriter<impl Write + Send>, rows: &[Row]) -> Result<u64> {
    let mut group = writer.next_row_group()?;
    let mut index = 0;
    while let Some(mut column) = group.next_column()? {
        let values = || rows.iter().map(|row| row.get(index).and_then(Option::as_deref));
        let present: Vec<ByteArray> = values().flatten().map(ByteArray::from).collect();
        let levels: Vec<i16> = values().map(|value| i16::from(value.is_some())).collect();
        column.typed::<ByteArrayType>().write_batch(&present, Some(&levels), None)?;
        column.close()?;
        index += 1;
    }
    group.close()?;
    Ok(rows.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_has_literals_alone() {
        let hour = |text: &str| text.parse().unwrap();
        let hours = HourRange::new(hour("2026-11-19T22"), hour("2026-11-20T02")).unwrap();
        let statement = statement(Some(hours), Some("o'brien' OR 1 = 1 --"));
        let expected = "WHERE (\"date\" BETWEEN DATE '2026-11-19' AND DATE '2026-11-20' \
             AND (\"date\" > DATE '2026-11-19' OR \"hour\" >= '22') AND (\"date\" < DATE '2026-11-20' OR \"hour\" <= '01')) \
             AND (user_id = 'o''brien'' OR 1 = 1 --' OR user_name = 'o''brien'' OR 1 = 1 --')";
        assert!(statement.ends_with(expected), "{statement}");
    }
}
