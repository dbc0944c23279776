//! The names of our CloudWatch metrics, and the line that emits them.
//!
//! A metric is named here once: the Lambdas emit it, alarms and dashboard watch it. They are emitted in CloudWatch's
//! embedded metric format: one JSON object on standard output, which CloudWatch Logs turns into metrics.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

/// The namespace of all our metrics.
pub const NAMESPACE: &str = "auth0-s3-logs";

/// The one dimension: the name of the Lambda function.
pub const DIMENSION: &str = "FunctionName";

/// A metric: its name and CloudWatch's name of its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The unit, such as `Count`.
    pub unit: &'static str,
}

const fn count(name: &'static str) -> Metric {
    Metric { name, unit: "Count" }
}

const fn bytes(name: &'static str) -> Metric {
    Metric { name, unit: "Bytes" }
}

/// Transform: records of Firehose's batch.
pub const RECORDS: Metric = count("Records");
/// Transform: records that became a line.
pub const RECORDS_OK: Metric = count("RecordsOk");
/// Transform: records that Firehose keeps under `error/`.
pub const RECORDS_FAILED: Metric = count("RecordsFailed");
/// Transform: bytes of the records.
pub const BYTES_IN: Metric = bytes("BytesIn");
/// Transform: bytes of the lines.
pub const BYTES_OUT: Metric = bytes("BytesOut");

/// Partitioner: objects notified.
pub const OBJECTS: Metric = count("Objects");
/// Partitioner: objects that belong to no hour.
pub const OBJECTS_SKIPPED: Metric = count("ObjectsSkipped");
/// Partitioner: partitions made.
pub const PARTITIONS_CREATED: Metric = count("PartitionsCreated");

/// Compactor: hours committed.
pub const HOURS_COMPACTED: Metric = count("HoursCompacted");
/// Compactor: hours that ended with an error or a panic.
pub const HOURS_FAILED: Metric = count("HoursFailed");
/// Compactor: hours with something due that a later run has to do.
pub const HOURS_DEFERRED: Metric = count("HoursDeferred");
/// Compactor: hours that wait for somebody's decision.
pub const HOURS_NEED_OPERATOR: Metric = count("HoursNeedOperator");
/// Compactor: how many hours the view's cut is behind what its lag allows.
pub const HOURS_BEHIND: Metric = count("HoursBehind");
/// Compactor: objects under `error/` that nobody has replayed.
pub const OBJECTS_NOT_REPLAYED: Metric = count("ObjectsNotReplayed");
/// Compactor: rows written.
pub const ROWS: Metric = count("Rows");
/// Compactor: lines that stood more than once.
pub const DUPLICATES: Metric = count("Duplicates");
/// Compactor: rows that share their `log_id` with a row of other values.
pub const COLLISIONS: Metric = count("Collisions");
/// Compactor: lines that could not be read.
pub const REJECTED: Metric = count("Rejected");

/// Every metric, for whoever watches them.
pub const ALL: [Metric; 18] = [
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
    OBJECTS_NOT_REPLAYED,
    ROWS,
    DUPLICATES,
    COLLISIONS,
    REJECTED,
];

/// Renders one set of metrics as a line of the embedded metric format, without its newline.
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

/// Writes one set of metrics to standard output, where CloudWatch Logs picks it up.
pub fn emit(function: &str, time: DateTime<Utc>, values: &[(Metric, u64)]) {
    // Where standard output is gone there is nobody left to tell.
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
