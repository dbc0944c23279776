//! The executions of queries.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::results::{Place, Writer};
use super::{Answer, Athena, Question};
use crate::local_aws::LocalAws;

/// How far a query is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Succeeded,
    /// It has failed, for this reason.
    Failed(String),
    Cancelled,
}

impl State {
    pub(super) fn name(&self) -> &'static str {
        match self {
            State::Running => "RUNNING",
            State::Succeeded => "SUCCEEDED",
            State::Failed(_) => "FAILED",
            State::Cancelled => "CANCELLED",
        }
    }
}

/// One query that was started.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) id: String,
    /// The statement as it was sent, before its parameters were put in.
    pub(super) sql: String,
    pub(super) parameters: Vec<String>,
    pub(super) database: String,
    pub(super) workgroup: String,
    /// Two starts with one token are one execution.
    pub(super) token: Option<String>,
    pub(super) place: Place,
    pub(super) started: DateTime<Utc>,
    pub(super) ended: Option<DateTime<Utc>>,
    pub(super) state: State,
    pub(super) scanned: u64,
    /// The columns of the answer: name and type.
    pub(super) columns: Vec<(String, String)>,
    /// The size of the result.
    pub(super) bytes: u64,
    pub(super) task: Option<AbortHandle>,
}

/// All executions, the oldest first.
pub(super) type Executions = BTreeMap<u64, Execution>;

impl Execution {
    /// True if its answer begins with the names of the columns.
    pub(super) fn has_heading(&self) -> bool {
        is_query(&self.sql)
    }

    pub(super) fn describe(&self) -> Value {
        let reason = if let State::Failed(reason) = &self.state { Some(reason) } else { None };
        let milliseconds = self.ended.map(|ended| (ended - self.started).num_milliseconds().max(0));
        let kind = if self.has_heading() { ("DML", "SELECT") } else { ("UTILITY", "SHOW") };
        json!({
            "QueryExecutionId": self.id,
            "Query": self.sql,
            "StatementType": kind.0,
            "SubstatementType": kind.1,
            "ExecutionParameters": (!self.parameters.is_empty()).then_some(&self.parameters),
            "ResultConfiguration": {"OutputLocation": self.location()},
            "QueryExecutionContext": {"Database": self.database, "Catalog": "awsdatacatalog"},
            "Status": {
                "State": self.state.name(),
                "StateChangeReason": reason,
                "SubmissionDateTime": seconds(self.started),
                "CompletionDateTime": self.ended.map(seconds),
            },
            "Statistics": {
                "DataScannedInBytes": self.scanned,
                "EngineExecutionTimeInMillis": milliseconds,
                "TotalExecutionTimeInMillis": milliseconds,
                "QueryQueueTimeInMillis": 0,
                "ServiceProcessingTimeInMillis": 0,
            },
            "WorkGroup": self.workgroup,
            "EngineVersion": engine_version(),
        })
    }

    fn location(&self) -> String {
        format!("s3://{}/{}", self.place.bucket, self.place.key)
    }
}

pub(super) fn engine_version() -> Value {
    let version = "Athena engine version 3";
    json!({"SelectedEngineVersion": version, "EffectiveEngineVersion": version})
}

pub(super) fn seconds(moment: DateTime<Utc>) -> f64 {
    moment.timestamp_millis() as f64 / 1000.0
}

/// True for a statement whose rows stand below a heading.
fn is_query(sql: &str) -> bool {
    let sql = after_comments(sql);
    let begins = |word: &&str| sql.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    ["SELECT", "WITH", "VALUES", "TABLE", "("].iter().any(begins)
}

/// What follows the comments that a statement begins with.
fn after_comments(sql: &str) -> &str {
    let mut rest = sql.trim_start();
    loop {
        let after = match (rest.strip_prefix("--"), rest.strip_prefix("/*")) {
            (Some(comment), _) => comment.split_once('\n'),
            (None, Some(comment)) => comment.split_once("*/"),
            (None, None) => return rest,
        };
        rest = after.map_or("", |(_, after)| after.trim_start());
    }
}

/// Carries out the execution `number`, and keeps what becomes of it.
pub(super) async fn run(athena: Arc<Athena>, aws: LocalAws, number: u64, question: Question) {
    // An engine that comes to a halt must not leave its query running for ever.
    let done = AssertUnwindSafe(answer(&athena, aws, number, question)).catch_unwind().await;
    let done = done.unwrap_or_else(|_| Err("the engine came to a halt".to_owned()));
    let ended = (athena.clock)();
    if let Some(execution) = athena.executions().get_mut(&number).filter(|it| it.state == State::Running) {
        execution.ended = Some(ended);
        execution.state = match done {
            Ok(()) => State::Succeeded,
            Err(reason) => State::Failed(reason),
        };
    }
}

async fn answer(athena: &Athena, aws: LocalAws, number: u64, question: Question) -> Result<(), String> {
    let engine = Arc::clone(&athena.setup().map_err(|error| error.to_string())?.engine);
    let s3 = aws.s3();
    let Answer { columns, mut rows, scanned } = engine(aws, question).await?;
    let begun = athena.executions().get_mut(&number).map(|execution| {
        execution.columns.clone_from(&columns);
        (execution.place.clone(), execution.has_heading())
    });
    let Some((place, has_heading)) = begun else { return Ok(()) };
    let mut result = Writer::new(s3, place);
    if has_heading {
        result.push(&columns.into_iter().map(|(name, _)| Some(name)).collect()).await.map_err(|it| it.to_string())?;
    }
    while let Some(page) = rows.next().await {
        let page = match page {
            Ok(page) => page,
            Err(reason) => {
                result.abort().await;
                return Err(reason);
            }
        };
        for row in page {
            result.push(&row).await.map_err(|error| error.to_string())?;
        }
    }
    let bytes = result.finish().await.map_err(|error| error.to_string())?;
    if let Some(execution) = athena.executions().get_mut(&number) {
        (execution.bytes, execution.scanned) = (bytes, scanned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_told_from_other_statements() {
        for sql in ["select 1", "-- why;\n/* how */ WITH a AS (SELECT 1) TABLE a", "(SELECT 1)", "VALUES 1"] {
            assert!(is_query(sql), "{sql}");
        }
        for sql in ["SHOW TABLES", "EXPLAIN SELECT 1", "-- SELECT", "", "é"] {
            assert!(!is_query(sql), "{sql}");
        }
    }
}
