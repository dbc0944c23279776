//! The view that takes every hour from exactly one of the three tables.
//!
//! Days up to the day watermark come from the table of days, hours after it up to the watermark from the hourly Parquet, later
//! ones from JSON. DISTINCT and the last condition give a young hour
//! the meaning that compaction gives an old one, so a count does not change when the watermark moves (V1). The
//! watermark is written as literals, so that each branch prunes its partitions.

use aws_sdk_glue::types::builders::TableInputBuilder;
use aws_sdk_glue::types::{SerDeInfo, StorageDescriptor, Table, TableInput};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use log_format::{COLUMNS, Day, Hour};
use serde_json::json;

use crate::definition::table_differences;
use crate::tables::{DAILY, JSON, PARQUET, PARTITION_KEYS, columns, glue_column, named};

/// The name of the view.
pub const VIEW: &str = "auth0_logs";

/// Athena's name of the Glue catalog in a stored view.
const ATHENA_CATALOG: &str = "awsdatacatalog";

/// The parameter that marks a view in Glue as ours. A table of the same name without it is never changed.
const MARK: (&str, &str) = ("created_by", "auth0-s3-logs");

/// Up to where the view reads which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The last hour that is read from Parquet.
    pub hour: Hour,
    /// The last day that is read from the table of days. `None` if no day is: then the view does not name that table.
    pub day: Option<Day>,
}

/// The query of the view, in Athena's SQL.
pub fn sql(watermarks: Watermarks) -> String {
    let names: Vec<String> = COLUMNS.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let (columns, (date, hour)) = (names.join(", "), (watermarks.hour.date(), watermarks.hour.hour()));
    let up_to = format!(r#"("date" < DATE '{date}' OR ("date" = DATE '{date}' AND "hour" <= '{hour}'))"#);
    let after = format!(r#"("date" > DATE '{date}' OR ("date" = DATE '{date}' AND "hour" > '{hour}'))"#);
    let (days, beyond) = watermarks.day.map_or_else(Default::default, |day| {
        let days = format!("SELECT {columns}, \"date\", \"hour\" FROM {DAILY} WHERE {UP_TO_DAY}{day}'\nUNION ALL\n");
        (days, format!("\"date\" > DATE '{day}' AND "))
    });
    format!(
        "{days}SELECT {columns}, \"date\", \"hour\" FROM {PARQUET} WHERE {beyond}{up_to}\n\
         UNION ALL\n\
         SELECT DISTINCT {columns}, \"date\", \"hour\" FROM {JSON} WHERE {after} AND coalesce({columns}) IS NOT NULL"
    )
}

/// What stands before the day watermark.
const UP_TO_DAY: &str = "\"date\" <= DATE '";

/// The definition of the view, as Athena and Trino read it from Glue.
pub fn table(database: &str, watermarks: Watermarks) -> TableInput {
    let storage = StorageDescriptor::builder()
        .location("")
        .serde_info(SerDeInfo::builder().build())
        .set_columns(Some(columns()))
        .columns(glue_column("date", "date", None))
        .columns(glue_column("hour", "string", None))
        .build();
    let input = TableInputBuilder::default()
        .name(VIEW)
        .table_type("VIRTUAL_VIEW")
        // Trino refuses a view without an owner.
        .owner("hadoop")
        .parameters("presto_view", "true")
        .parameters("comment", "Presto View")
        .parameters(MARK.0, MARK.1)
        .view_original_text(original_text(database, watermarks))
        .view_expanded_text("/* Presto View */")
        .storage_descriptor(storage);
    named(input)
}

fn original_text(database: &str, watermarks: Watermarks) -> String {
    let texts = COLUMNS.iter().map(|column| json!({"name": column.name, "type": "varchar"}));
    let keys = PARTITION_KEYS.iter().map(|(name, kind)| json!({"name": name, "type": presto_type(kind)}));
    let stored = json!({
        "originalSql": sql(watermarks),
        "catalog": ATHENA_CATALOG,
        "schema": database,
        "columns": texts.chain(keys).collect::<Vec<_>>(),
    });
    format!("/* Presto View: {} */", STANDARD.encode(stored.to_string()))
}

fn presto_type(hive_type: &str) -> &str {
    if hive_type == "string" { "varchar" } else { hive_type }
}

/// The watermarks of a view stored in Glue. `None` if its query is not one that [`sql`] writes.
pub fn watermarks_of(table: &Table) -> Option<Watermarks> {
    let text = stored_sql(table)?;
    let after = |before: &str, bytes: usize| text.split(before).nth(1).and_then(|rest| rest.get(..bytes));
    let hour = Hour::from_parts(after("(\"date\" < DATE '", 10)?, after("\"hour\" <= '", 2)?)?;
    let day = after(UP_TO_DAY, 10).and_then(|day| day.parse().ok());
    Some(Watermarks { hour, day }).filter(|watermarks| sql(*watermarks) == text)
}

/// The query of any view stored in Glue. `None` if the table is not a view.
pub fn stored_sql(table: &Table) -> Option<String> {
    let text = table.view_original_text()?.strip_prefix("/* Presto View: ")?.strip_suffix(" */")?;
    let stored: serde_json::Value = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    Some(stored.get("originalSql")?.as_str()?.to_string())
}

/// True for a view that [`table`] made, whatever its watermarks and whatever was done to it since: its mark or its query is left.
pub(crate) fn is_ours(table: &Table) -> bool {
    let mark = table.parameters().and_then(|parameters| parameters.get(MARK.0));
    mark.map(String::as_str) == Some(MARK.1) || watermarks_of(table).is_some()
}

/// True for a view that is as [`table`] makes it for some watermarks.
pub(crate) fn is_as_made(found: &Table, database: &str) -> bool {
    watermarks_of(found).is_some_and(|watermarks| table_differences(found, &table(database, watermarks)).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours_alone() -> Watermarks {
        Watermarks { hour: "2026-11-20T13".parse().unwrap(), day: None }
    }

    fn with_days() -> Watermarks {
        Watermarks { day: Some("2026-11-18".parse().unwrap()), ..hours_alone() }
    }

    #[test]
    fn takes_every_hour_from_one_table() {
        let sql = sql(hours_alone());
        let lines: Vec<&str> = sql.lines().collect();
        assert!(lines[0].starts_with(r#"SELECT "log_id", "timestamp", "connection", "#), "{sql}");
        assert!(lines[0].ends_with(
            r#""extra", "date", "hour" FROM auth0_logs_parquet WHERE ("date" < DATE '2026-11-20' OR ("date" = DATE '2026-11-20' AND "hour" <= '13'))"#
        ));
        assert_eq!(lines[1], "UNION ALL");
        assert!(lines[2].starts_with(r#"SELECT DISTINCT "log_id""#));
        assert!(lines[2].contains(
            r#"FROM auth0_logs_json WHERE ("date" > DATE '2026-11-20' OR ("date" = DATE '2026-11-20' AND "hour" > '13')) AND coalesce("log_id", "#
        ));
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn takes_every_day_up_to_the_day_watermark_from_the_table_of_days() {
        let (alone, sql) = (sql(hours_alone()), sql(with_days()));
        let lines: Vec<&str> = sql.lines().collect();
        assert!(
            lines[0].ends_with(r#""extra", "date", "hour" FROM auth0_logs_daily WHERE "date" <= DATE '2026-11-18'"#),
            "{sql}"
        );
        let hours = [r#"auth0_logs_parquet WHERE "#, r#"auth0_logs_parquet WHERE "date" > DATE '2026-11-18' AND "#];
        assert_eq!(lines[2..].join("\n"), alone.replace(hours[0], hours[1]));
    }

    #[test]
    fn is_read_back_as_it_was_stored() {
        for watermarks in [hours_alone(), with_days()] {
            let input = table("auth0_event_logs", watermarks);
            let builder = Table::builder().name(VIEW).set_view_original_text(input.view_original_text);
            let stored = builder.table_type("VIRTUAL_VIEW").set_parameters(input.parameters).build().unwrap();
            assert_eq!(stored_sql(&stored), Some(sql(watermarks)));
            assert_eq!(watermarks_of(&stored), Some(watermarks));
            assert!(is_ours(&stored));
        }
    }

    #[test]
    fn tells_the_predecessors_table_from_our_view() {
        let table = Table::builder().name(VIEW).table_type("EXTERNAL_TABLE").build().unwrap();
        assert!(!is_ours(&table));
        assert_eq!(stored_sql(&table), None);
    }
}
