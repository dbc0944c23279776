//! Folders, and what the tables in them hold.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use auth0_s3_logs::args::Place;
use auth0_s3_logs::given::Given;
use auth0_s3_logs::sql::Sql;
use auth0_s3_logs::stack::Stack;
use log_format::COLUMNS;
use serde_json::Value;
use uuid::Uuid;

/// The last moment of every test, as the command's `main` would read it.
pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";

pub(crate) fn place(data: &Path) -> Place {
    let (bucket, database) = ("auth0-logs".to_string(), "auth0_event_logs".to_string());
    Place { data: data.to_path_buf(), bucket: Some(bucket), database, aws: false, json: true }
}

/// `start` stands for what is drawn anew at every start of the command.
pub(crate) fn given(start: u128) -> Given {
    Given::new(NOW.parse().unwrap(), Uuid::from_u128(start))
}

/// The rows of a table or view, each as its seventeen columns, without the partition keys.
pub(crate) async fn rows(data: &Path, source: &str) -> Vec<Vec<Option<String>>> {
    let names: Vec<String> = COLUMNS.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let answer = ask(data, &format!("SELECT {} FROM {source}", names.join(", "))).await;
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_string);
    let rows = answer.as_array().unwrap().iter();
    rows.map(|row| COLUMNS.iter().map(|column| text(row, column.name)).collect()).collect()
}

/// The answer to a query over a folder.
pub(crate) async fn ask(data: &Path, query: &str) -> Value {
    let place = place(data);
    let stack = Stack::open(&place, Arc::new(|| NOW.parse().unwrap())).await.unwrap();
    let sql = Sql::open(&stack.aws.glue(), &place.database, data).await.unwrap();
    sql.query(query).await.unwrap().to_json().unwrap()
}

/// Runs the command as a person would; gives its exit code and what it printed.
pub(crate) fn command(data: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth0-s3-logs"));
    let output = command.args(arguments).arg("--json").arg("--data").arg(data).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let value = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("no JSON: {printed}\n{errors}"));
    (output.status.code().unwrap(), value)
}

/// A number of what the command printed.
pub(crate) fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_else(|| panic!("{name} is no number in {value}"))
}
