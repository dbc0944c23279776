//! Folders, the embedded AWS over them, and the command in a process of its own.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use auth0_s3_logs::deployment::Deployment;
use auth0_s3_logs::env::Env;
use auth0_s3_logs::simulation::stack::Stack;
use auth0_s3_logs::target::Target;
use compactor::config::Limits;
use local_aws::seam::{Fault, Faults};
use uuid::Uuid;

#[cfg(feature = "sql")]
pub(crate) use tables::{NOW, ask, command, number, rows};

pub(crate) const BUCKET: &str = "auth0-logs";

pub(crate) fn target(data: &Path) -> Target {
    let bucket = BUCKET.to_string();
    Target { data: data.to_path_buf(), bucket: Some(bucket), json: true, ..Target::default() }
}

/// The environment of a command that starts at `now`. `start` stands for what is drawn anew at every start.
pub(crate) fn env(now: &str, start: u128) -> Env {
    Env::new(now.parse().unwrap(), Uuid::from_u128(start))
}

/// The folder's stack, with its tables. Its clock always shows `now`. Another thread may still be closing it.
pub(crate) async fn open(data: &Path, now: &'static str) -> Stack {
    let open = async || Stack::open(&target(data), Arc::new(|| now.parse().unwrap())).await;
    for _ in 0..100 {
        if let Ok(stack) = open().await {
            return stack;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    open().await.unwrap()
}

/// What is deployed in the stack, which nobody else uses, called by `caller`.
pub(crate) fn deployment(stack: &Stack, caller: &str) -> Deployment {
    Deployment::of_stack(stack, caller, Limits { alone: true, ..Limits::default() })
}

/// Does `work` with the stack as a process that meets `fault` at its `number`-th call, and may end there.
pub(crate) async fn crash<R>(stack: &Stack, number: u64, fault: Fault, work: impl AsyncFnOnce(Deployment) -> R) {
    let process = stack.aws.as_caller("crashing");
    stack.aws.inject(Faults::listed([(number, fault)]));
    let limits = Limits { alone: true, ..Limits::default() };
    let deployment = Deployment::new(&target(Path::new("")), &process.sdk_config(), limits);
    tokio::select! {
        _ = work(deployment) => {}
        () = process.ended() => {}
    }
}

pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_auth0-s3-logs"))
}

/// What the tables hold, and what the command prints about it.
#[cfg(feature = "sql")]
mod tables {
    use std::path::Path;
    use std::sync::Arc;

    use auth0_s3_logs::simulation::stack::Stack;
    use auth0_s3_logs::sql::Sql;
    use log_format::COLUMNS;
    use serde_json::Value;

    use super::{binary, target};

    /// The last moment of the tests that query, as the command's `main` would read it.
    pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";

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
        let target = target(data);
        let stack = Stack::open(&target, Arc::new(|| NOW.parse().unwrap())).await.unwrap();
        let sql = Sql::open(&stack.aws, target.database()).await.unwrap();
        sql.query(query).await.unwrap().to_json().unwrap()
    }

    /// Runs the command as a person would; gives its exit code and what it printed.
    pub(crate) fn command(data: &Path, arguments: &[&str]) -> (i32, Value) {
        let output = binary().args(arguments).arg("--json").arg("--data").arg(data).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let value = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("no JSON: {printed}\n{errors}"));
        (output.status.code().unwrap(), value)
    }

    /// A number of what the command printed.
    pub(crate) fn number(value: &Value, name: &str) -> u64 {
        value.get(name).and_then(Value::as_u64).unwrap_or_else(|| panic!("{name} is no number in {value}"))
    }
}
