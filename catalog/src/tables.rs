//! The definitions of the three tables, made from the columns of the log format.

use aws_sdk_glue::types::{Column, SerDeInfo, StorageDescriptor, TableInput};
use log_format::{COLUMNS, layout};

/// The name of the table over the JSON lines.
pub const JSON: &str = "auth0_logs_json";
/// The name of the table over the Parquet files.
pub const PARQUET: &str = "auth0_logs_parquet";

/// The name of the table over the Parquet files of days.
pub const DAILY: &str = "auth0_logs_daily";

/// The partition keys of the tables of hours, with their Athena types. The table of days has the first as its key, and the second
/// as its last column.
pub const PARTITION_KEYS: [(&str, &str); 2] = [("date", "date"), ("hour", "string")];
/// The description of the column `hour`.
const HOUR: &str = "Hour of the event's arrival, in UTC: two digits";

/// How the files of a table are read.
struct Format {
    classification: &'static str,
    input: &'static str,
    output: &'static str,
    serde: &'static str,
    /// Copied to every partition, because Athena and Trino read them from the partition alone.
    serde_parameters: &'static [(&'static str, &'static str)],
}

const JSON_FORMAT: Format = Format {
    classification: "json",
    input: "org.apache.hadoop.mapred.TextInputFormat",
    output: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    serde: "org.openx.data.jsonserde.JsonSerDe",
    serde_parameters: &[
        // A field whose name differs from a column's by case alone is another field.
        ("case.insensitive", "false"),
        // One broken line must not fail every query of its hour.
        ("ignore.malformed.json", "true"),
    ],
};

const PARQUET_FORMAT: Format = Format {
    classification: "parquet",
    input: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    output: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    serde: "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    serde_parameters: &[("serialization.format", "1")],
};

/// The definition of the table over `s3://<bucket>/logs/`.
pub fn json_table(bucket: &str) -> TableInput {
    table(JSON, &format!("s3://{bucket}/{}", layout::LOGS), &JSON_FORMAT, columns(), &PARTITION_KEYS)
}

/// The definition of the table over `s3://<bucket>/parquet/`.
pub fn parquet_table(bucket: &str) -> TableInput {
    table(PARQUET, &format!("s3://{bucket}/{}", layout::PARQUET), &PARQUET_FORMAT, columns(), &PARTITION_KEYS)
}

/// The definition of the table over `s3://<bucket>/daily/`.
pub fn daily_table(bucket: &str) -> TableInput {
    let (date, (hour, kind)) = (&PARTITION_KEYS[..1], PARTITION_KEYS[1]);
    let mut columns = columns();
    columns.push(glue_column(hour, kind, Some(HOUR)));
    table(DAILY, &format!("s3://{bucket}/{}", layout::DAILY), &PARQUET_FORMAT, columns, date)
}

/// The Glue columns of the tables of hours, without the partition keys.
pub fn columns() -> Vec<Column> {
    COLUMNS.iter().map(|column| glue_column(column.name, "string", Some(column.description))).collect()
}

fn table(name: &str, location: &str, format: &Format, columns: Vec<Column>, keys: &[(&str, &str)]) -> TableInput {
    let parameters = format.serde_parameters.iter().map(|(key, value)| (key.to_string(), value.to_string()));
    let serde =
        SerDeInfo::builder().serialization_library(format.serde).set_parameters(Some(parameters.collect())).build();
    let storage = StorageDescriptor::builder()
        .location(location)
        .input_format(format.input)
        .output_format(format.output)
        .serde_info(serde)
        .set_columns(Some(columns))
        .build();
    let mut input = aws_sdk_glue::types::builders::TableInputBuilder::default()
        .name(name)
        .table_type("EXTERNAL_TABLE")
        .parameters("EXTERNAL", "TRUE")
        .parameters("classification", format.classification)
        .storage_descriptor(storage);
    for (key, kind) in keys {
        input = input.partition_keys(glue_column(key, kind, None));
    }
    named(input)
}

pub(crate) fn glue_column(name: &str, kind: &str, comment: Option<&str>) -> Column {
    let column = Column::builder().name(name).r#type(kind).set_comment(comment.map(str::to_string));
    #[expect(clippy::expect_used, reason = "the one required member, the name, is set in the line above")]
    column.build().expect("a column with a name")
}

pub(crate) fn named(input: aws_sdk_glue::types::builders::TableInputBuilder) -> TableInput {
    #[expect(clippy::expect_used, reason = "the one required member is the name, set by both callers")]
    input.build().expect("a table with a name")
}
