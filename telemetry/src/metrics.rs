//! The CloudWatch metrics: their names, and the line that emits them.
//!
//! Each metric is named here once. The Lambdas emit it, alarms and dashboard watch it. Metrics are emitted in
//! CloudWatch's embedded metric format: one JSON object on standard output, which CloudWatch Logs turns into metrics.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The namespace of all our metrics.
pub const NAMESPACE: &str = "auth0-s3-logs";

/// The only dimension: the name of the Lambda function.
pub const DIMENSION: &str = "FunctionName";

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name in CloudWatch, within [`NAMESPACE`].
    pub name: &'static str,
    /// CloudWatch's name of the unit, such as `Count`.
    pub unit: &'static str,
}

const fn count(name: &'static str) -> Metric {
    Metric { name, unit: "Count" }
}

const fn bytes(name: &'static str) -> Metric {
    Metric { name, unit: "Bytes" }
}

/// Transform: records received from Firehose.
pub const RECORDS: Metric = count("Records");
/// Transform: records that became a line.
pub const RECORDS_OK: Metric = count("RecordsOk");
/// Transform: records that Firehose keeps under `error/`.
pub const RECORDS_FAILED: Metric = count("RecordsFailed");
/// Transform: bytes of the records, without base64.
pub const BYTES_IN: Metric = bytes("BytesIn");
/// Transform: bytes of the lines.
pub const BYTES_OUT: Metric = bytes("BytesOut");

/// Partitioner: objects in notifications.
pub const OBJECTS: Metric = count("Objects");
/// Partitioner: objects of another bucket, or with a key that belongs to no hour.
pub const OBJECTS_SKIPPED: Metric = count("ObjectsSkipped");
/// Partitioner: partitions created.
pub const PARTITIONS_CREATED: Metric = count("PartitionsCreated");

/// Compactor: hours committed.
pub const HOURS_COMPACTED: Metric = count("HoursCompacted");
/// Compactor: hours that ended with an error or a panic.
pub const HOURS_FAILED: Metric = count("HoursFailed");
/// Compactor: hours with work due that was deferred to a later run.
pub const HOURS_DEFERRED: Metric = count("HoursDeferred");
/// Compactor: hours that need a decision of the operator.
pub const HOURS_NEED_OPERATOR: Metric = count("HoursNeedOperator");
/// Compactor: hours by which the watermark is behind its allowed lag.
pub const HOURS_BEHIND: Metric = count("HoursBehind");
/// Compactor: days rolled up.
pub const DAYS_ROLLED_UP: Metric = count("DaysRolledUp");
/// Compactor: days that ended with an error or a panic.
pub const DAYS_FAILED: Metric = count("DaysFailed");
/// Compactor: days with work due that was deferred to a later run.
pub const DAYS_DEFERRED: Metric = count("DaysDeferred");
/// Compactor: days that need a decision of the operator.
pub const DAYS_NEED_OPERATOR: Metric = count("DaysNeedOperator");
/// Compactor: days by which the day watermark is behind its allowed lag.
pub const DAYS_BEHIND: Metric = count("DaysBehind");
/// Compactor: objects under `error/` that have not been replayed.
pub const OBJECTS_NOT_REPLAYED: Metric = count("ObjectsNotReplayed");
/// Compactor: rows written.
pub const ROWS: Metric = count("Rows");
/// Compactor: lines that repeat another line of their hour.
pub const DUPLICATES: Metric = count("Duplicates");
/// Compactor: rows that share their `log_id` with a row of other values.
pub const COLLISIONS: Metric = count("Collisions");
/// Compactor: lines that could not be read.
pub const REJECTED: Metric = count("Rejected");
/// Compactor: objects that were written over after their rows had become live.
pub const INPUTS_REPLACED: Metric = count("InputsReplaced");
/// Compactor: partitions and views that were not as we define them and were made so, and partitions of no hour deleted.
pub const CATALOG_REPAIRED: Metric = count("CatalogRepaired");
/// Compactor: differences between the tables and our definitions of them.
pub const TABLES_DIFFER: Metric = count("TablesDiffer");

/// Every metric.
pub const ALL: [Metric; 26] = [
    RECORDS,
    RECORDS_OK,
    RECORDS_FAILED,
    BYTES_IN,
    BYTES_OUT,
    OBJECTS,
    OBJECTS_SKIPPED,
    PARTITIONS_CREATED,
    HOURS_COMPACTED,
    HOURS_FAILED,
    HOURS_DEFERRED,
    HOURS_NEED_OPERATOR,
    HOURS_BEHIND,
    DAYS_ROLLED_UP,
    DAYS_FAILED,
    DAYS_DEFERRED,
    DAYS_NEED_OPERATOR,
    DAYS_BEHIND,
    OBJECTS_NOT_REPLAYED,
    ROWS,
    DUPLICATES,
    COLLISIONS,
    REJECTED,
    INPUTS_REPLACED,
    CATALOG_REPAIRED,
    TABLES_DIFFER,
];

/// Renders metrics as one line of the embedded metric format, without its newline.
pub fn line(function: &str, time: DateTime<Utc>, values: &[(Metric, u64)]) -> String {
    let named: Vec<Value> =
        values.iter().map(|(metric, _)| json!({"Name": metric.name, "Unit": metric.unit})).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": named});
    let mut object = Map::new();
    object.insert("_aws".into(), json!({"Timestamp": time.timestamp_millis(), "CloudWatchMetrics": [directive]}));
    object.insert(DIMENSION.into(), function.into());
    object.extend(values.iter().map(|(metric, value)| (metric.name.to_string(), Value::from(*value))));
    Value::Object(object).to_string()
}

/// Emits metrics: writes their line to standard output, where CloudWatch Logs picks it up.
pub fn emit(function: &str, time: DateTime<Utc>, values: &[(Metric, u64)]) {
    // A failure to write to standard output cannot be reported anywhere.
    let _ = writeln!(std::io::stdout().lock(), "{}", line(function, time, values));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_embedded_metric_format() {
        let time = "2026-11-20T13:00:00.250Z".parse().unwrap();
        let found: Value = serde_json::from_str(&line("transform", time, &[(RECORDS, 3), (BYTES_IN, 4096)])).unwrap();
        let expected = json!({
            "_aws": {
                "Timestamp": 1_795_179_600_250_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "auth0-s3-logs",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [{"Name": "Records", "Unit": "Count"}, {"Name": "BytesIn", "Unit": "Bytes"}],
                }],
            },
            "FunctionName": "transform",
            "Records": 3,
            "BytesIn": 4096,
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn names_are_distinct() {
        let mut names = ALL.map(|metric| metric.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
