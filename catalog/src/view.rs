//! The view that takes every hour from exactly one of the two tables.
//!
//! Hours up to the watermark come from Parquet, later ones from JSON. DISTINCT and the last condition give a young hour
//! the meaning that compaction gives an old one, so a count does not change when the watermark moves (V1). The
//! watermark is written as literals, so that each branch prunes its partitions.

use aws_sdk_glue::types::builders::TableInputBuilder;
use aws_sdk_glue::types::{SerDeInfo, StorageDescriptor, Table, TableInput};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use log_format::{COLUMNS, Hour};
use serde_json::json;

use crate::definition::table_differences;
use crate::tables::{JSON, PARQUET, PARTITION_KEYS, columns, glue_column, named};

/// The name of the view.
pub const VIEW: &str = "auth0_logs";

/// Athena's name of the Glue catalog in a stored view.
const ATHENA_CATALOG: &str = "awsdatacatalog";

/// The parameter that marks a view in Glue as ours. A table of the same name without it is never changed.
const MARK: (&str, &str) = ("created_by", "auth0-s3-logs");

/// The query of the view, in Athena's SQL.
pub fn sql(watermark: Hour) -> String {
    let names: Vec<String> = COLUMNS.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let (columns, (date, hour)) = (names.join(", "), (watermark.date(), watermark.hour()));
    let up_to = format!(r#"("date" < DATE '{date}' OR ("date" = DATE '{date}' AND "hour" <= '{hour}'))"#);
    let after = format!(r#"("date" > DATE '{date}' OR ("date" = DATE '{date}' AND "hour" > '{hour}'))"#);
    format!(
        "SELECT {columns}, \"date\", \"hour\" FROM {PARQUET} WHERE {up_to}\n\
         UNION ALL\n\
         SELECT DISTINCT {columns}, \"date\", \"hour\" FROM {JSON} WHERE {after} AND coalesce({columns}) IS NOT NULL"
    )
}

/// The definition of the view, as Athena and Trino read it from Glue.
pub fn table(database: &str, watermark: Hour) -> TableInput {
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
        .view_original_text(original_text(database, watermark))
        .view_expanded_text("/* Presto View */")
        .storage_descriptor(storage);
    named(input)
}

fn original_text(database: &str, watermark: Hour) -> String {
    let texts = COLUMNS.iter().map(|column| json!({"name": column.name, "type": "varchar"}));
    let keys = PARTITION_KEYS.iter().map(|(name, kind)| json!({"name": name, "type": presto_type(kind)}));
    let stored = json!({
        "originalSql": sql(watermark),
        "catalog": ATHENA_CATALOG,
        "schema": database,
        "columns": texts.chain(keys).collect::<Vec<_>>(),
    });
    format!("/* Presto View: {} */", STANDARD.encode(stored.to_string()))
}

fn presto_type(hive_type: &str) -> &str {
    if hive_type == "string" { "varchar" } else { hive_type }
}

/// The watermark of a view stored in Glue. `None` if its query is not one that [`sql`] writes.
pub fn watermark_of(table: &Table) -> Option<Hour> {
    let text = stored_sql(table)?;
    let date = text.split("DATE '").nth(1)?.get(..10)?;
    let hour = text.split("\"hour\" <= '").nth(1)?.get(..2)?;
    Hour::from_parts(date, hour).filter(|watermark| sql(*watermark) == text)
}

/// The query of any view stored in Glue. `None` if the table is not a view.
pub fn stored_sql(table: &Table) -> Option<String> {
    let text = table.view_original_text()?.strip_prefix("/* Presto View: ")?.strip_suffix(" */")?;
    let stored: serde_json::Value = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    Some(stored.get("originalSql")?.as_str()?.to_string())
}

/// True for a view that [`table`] made, whatever its watermark and whatever was done to it since: its mark or its query is left.
pub(crate) fn is_ours(table: &Table) -> bool {
    let mark = table.parameters().and_then(|parameters| parameters.get(MARK.0));
    mark.map(String::as_str) == Some(MARK.1) || watermark_of(table).is_some()
}

/// True for a view that is as [`table`] makes it for some watermark.
pub(crate) fn is_as_made(found: &Table, database: &str) -> bool {
    watermark_of(found).is_some_and(|watermark| table_differences(found, &table(database, watermark)).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_every_hour_from_one_table() {
        let sql = sql("2026-11-20T13".parse().unwrap());
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
    fn is_read_back_as_it_was_stored() {
        let watermark = "2026-11-20T13".parse().unwrap();
        let input = table("auth0_event_logs", watermark);
        let builder = Table::builder().name(VIEW).set_view_original_text(input.view_original_text);
        let stored = builder.table_type("VIRTUAL_VIEW").set_parameters(input.parameters).build().unwrap();
        assert_eq!(stored_sql(&stored), Some(sql(watermark)));
        assert!(is_ours(&stored));
    }

    #[test]
    fn tells_the_predecessors_table_from_our_view() {
        let table = Table::builder().name(VIEW).table_type("EXTERNAL_TABLE").build().unwrap();
        assert!(!is_ours(&table));
        assert_eq!(stored_sql(&table), None);
    }
}
