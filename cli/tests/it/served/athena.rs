//! The embedded Athena, asked by the SDK's client over a real socket, and by the command itself.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_sdk_athena::Client;
use aws_sdk_athena::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_athena::types::{QueryExecution, QueryExecutionState};
use serde_json::{Value, json};

use super::aws::{over_aws, over_folder, shown};
use crate::served::server::Server;
use crate::support::binary;

fn athena(server: &Server) -> Client {
    let config = aws_sdk_athena::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("any", "thing", None, None, "test"))
        .endpoint_url(&server.endpoint)
        .build();
    Client::from_conf(config)
}

/// A query that takes longer than any test.
const SLOW: &str = "SELECT count(*) FROM auth0_logs_json a, auth0_logs_json b, auth0_logs_json c, auth0_logs_json d, \
     auth0_logs_json e, auth0_logs_json f, auth0_logs_json g, auth0_logs_json h, auth0_logs_json i, auth0_logs_json j, \
     auth0_logs_json k, auth0_logs_json l, auth0_logs_json m, auth0_logs_json n, auth0_logs_json o, auth0_logs_json p, \
     auth0_logs_json q, auth0_logs_json r, auth0_logs_json s, auth0_logs_json t WHERE a.log_id <> b.type || t.type";

/// A folder with `count` events of 2025-03-01T07.
fn filled(count: usize) -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let hour = data.path().join("auth0-logs/logs/2025/03/01/07");
    std::fs::create_dir_all(&hour).unwrap();
    let event = |number: usize| json!({"log_id": format!("{number:05}"), "type": "s", "user_name": "a \"b\", c"});
    let lines: String = (0..count).map(|number| format!("{}\n", event(number))).collect();
    std::fs::write(hour.join("one"), lines).unwrap();
    // The tables have the hour from then on.
    assert_eq!(shown(&over_folder(data.path(), &["compact"])).0, Some(0));
    data
}

async fn ended(athena: &Client, id: &str) -> QueryExecution {
    for _ in 0..600 {
        let execution = athena.get_query_execution().query_execution_id(id).send().await.unwrap();
        let execution = execution.query_execution.unwrap();
        match execution.status().and_then(|status| status.state()) {
            Some(QueryExecutionState::Running | QueryExecutionState::Queued) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            _ => return execution,
        }
    }
    panic!("the query goes on and on");
}

async fn asked(athena: &Client, sql: &str) -> (String, QueryExecution) {
    let started = athena.start_query_execution().query_string(sql).work_group("auth0-s3-logs").send().await.unwrap();
    let id = started.query_execution_id.unwrap();
    let execution = ended(athena, &id).await;
    (id, execution)
}

fn state(execution: &QueryExecution) -> (&QueryExecutionState, &str) {
    let status = execution.status().unwrap();
    (status.state().unwrap(), status.state_change_reason().unwrap_or_default())
}

#[tokio::test]
async fn results_are_read_page_by_page() {
    let data = filled(2500);
    let server = Server::start(data.path(), &[]);
    let athena = athena(&server);
    let sql = "SELECT log_id, CAST(NULL AS varchar) AS none, '' AS empty, user_name, 1.5e0 AS number, true AS yes, \
               DATE '2025-03-01' AS day FROM auth0_logs_json ORDER BY log_id";
    let (id, execution) = asked(&athena, sql).await;
    assert_eq!(state(&execution), (&QueryExecutionState::Succeeded, ""));
    assert!(execution.statistics().unwrap().data_scanned_in_bytes().unwrap() > 100_000);
    let mut pages = athena.get_query_results().query_execution_id(&id).into_paginator().send();
    let (mut rows, mut count) = (Vec::new(), 0);
    while let Some(page) = pages.next().await {
        let set = page.unwrap().result_set.unwrap();
        let types: Vec<String> =
            set.result_set_metadata().unwrap().column_info().iter().map(|column| column.r#type().to_owned()).collect();
        assert_eq!(types, ["varchar", "varchar", "varchar", "varchar", "double", "boolean", "date"]);
        rows.extend(set.rows.unwrap());
        count += 1;
    }
    assert_eq!((count, rows.len()), (3, 2501));
    let values = |row: usize| -> Vec<Option<&str>> { rows[row].data().iter().map(|it| it.var_char_value()).collect() };
    assert_eq!(values(0), ["log_id", "none", "empty", "user_name", "number", "yes", "day"].map(Some));
    let expected = ["02499", "", "", "a \"b\", c", "1.5", "true", "2025-03-01"];
    let expected = expected.iter().enumerate().map(|(column, value)| (column != 1).then_some(*value));
    assert_eq!(values(2500), expected.collect::<Vec<_>>());
    let location = execution.result_configuration().unwrap().output_location().unwrap();
    assert_eq!(location, format!("s3://auth0-logs-query-results/{id}.csv"));
    let csv = std::fs::read_to_string(data.path().join(format!("auth0-logs-query-results/{id}.csv"))).unwrap();
    assert!(csv.starts_with("\"log_id\",\"none\",\"empty\""), "{csv:.100}");
    assert!(csv.ends_with("\"02499\",,\"\",\"a \"\"b\"\", c\",\"1.5\",\"true\",\"2025-03-01\"\n"));
}

/// A result that is put in parts is read as it was found.
#[tokio::test]
async fn large_results_are_whole() {
    let data = filled(2500);
    let server = Server::start(data.path(), &[]);
    let athena = athena(&server);
    let (id, execution) = asked(&athena, "SELECT log_id, lpad('', 10000, log_id) AS long FROM auth0_logs_json").await;
    assert_eq!(state(&execution), (&QueryExecutionState::Succeeded, ""));
    let csv = data.path().join(format!("auth0-logs-query-results/{id}.csv"));
    assert!(csv.metadata().unwrap().len() > 20 << 20);
    let mut pages = athena.get_query_results().query_execution_id(&id).into_paginator().send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        for row in page.unwrap().result_set.unwrap().rows.unwrap() {
            let values: Vec<&str> = row.data().iter().map(|datum| datum.var_char_value().unwrap()).collect();
            assert!(ids.is_empty() || values[1] == values[0].repeat(2000));
            ids.push(values[0].to_owned());
        }
    }
    ids[1..].sort_unstable();
    assert_eq!(ids[1..], (0..2500).map(|number| format!("{number:05}")).collect::<Vec<String>>());
}

#[tokio::test]
async fn queries_fail_are_stopped_and_listed() {
    let data = filled(3);
    let server = Server::start(data.path(), &[]);
    let athena = athena(&server);
    let (wrong, execution) = asked(&athena, "SELECT nothing FROM auth0_logs_json").await;
    let (state_of, reason) = state(&execution);
    assert!(*state_of == QueryExecutionState::Failed && reason.contains("nothing"), "{reason}");
    let error = athena.get_query_results().query_execution_id(&wrong).send().await.unwrap_err().into_service_error();
    assert!(error.to_string().contains("Final query state: FAILED"), "{error}");
    let (changing, execution) = asked(&athena, "DROP TABLE auth0_logs_json").await;
    assert!(state(&execution).1.contains("only queries are answered here"));
    let started = athena.start_query_execution().query_string(SLOW).work_group("auth0-s3-logs").send().await.unwrap();
    let slow = started.query_execution_id.unwrap();
    athena.stop_query_execution().query_execution_id(&slow).send().await.unwrap();
    assert_eq!(*state(&ended(&athena, &slow).await).0, QueryExecutionState::Cancelled);
    let listed = athena.list_query_executions().work_group("auth0-s3-logs").max_results(2).send().await.unwrap();
    assert_eq!(listed.query_execution_ids(), [slow.as_str(), &changing]);
    let next =
        athena.list_query_executions().work_group("auth0-s3-logs").set_next_token(listed.next_token).send().await;
    assert_eq!(next.unwrap().query_execution_ids(), [wrong.as_str()]);
    let unknown = athena.start_query_execution().query_string("SELECT 1").work_group("none").send().await.unwrap_err();
    assert!(unknown.into_service_error().to_string().contains("WorkGroup none is not found"));
}

#[tokio::test]
async fn parameters_workgroups_and_saved_queries_are_there() {
    let data = filled(3);
    let server = Server::start(data.path(), &[]);
    let athena = athena(&server);
    let start =
        athena.start_query_execution().query_string("SELECT ? AS one, '?' AS two").client_request_token("x".repeat(32));
    let start = start.execution_parameters("'it''s'");
    let id = start.clone().send().await.unwrap().query_execution_id.unwrap();
    assert_eq!(start.send().await.unwrap().query_execution_id.unwrap(), id, "the same token is the same execution");
    ended(&athena, &id).await;
    let rows = athena.get_query_results().query_execution_id(&id).send().await.unwrap().result_set.unwrap();
    let values: Vec<_> = rows.rows()[1].data().iter().map(|datum| datum.var_char_value().unwrap()).collect();
    assert_eq!(values, ["it's", "?"]);
    let group = athena.get_work_group().work_group("auth0-s3-logs").send().await.unwrap().work_group.unwrap();
    let configuration = group.configuration.unwrap();
    assert_eq!(configuration.enforce_work_group_configuration, Some(true));
    let saved = athena.list_named_queries().work_group("auth0-s3-logs").send().await.unwrap();
    let first = athena.get_named_query().named_query_id(&saved.named_query_ids()[0]).send().await.unwrap();
    assert_eq!(first.named_query.unwrap().name(), "detect credential-stuffing");
}

/// Ctrl-C ends the command, and the query at Athena.
#[tokio::test]
async fn ctrl_c_stops_the_query() {
    let data = filled(9);
    let server = Server::start(data.path(), &[]);
    let mut command = binary();
    command.args(["query", SLOW, "--aws", "--bucket", "auth0-logs"]).env("AWS_ENDPOINT_URL", &server.endpoint);
    command.envs([("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "thing"), ("AWS_REGION", "us-east-1")]);
    let asking = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let athena = athena(&server);
    let id = loop {
        let listed = athena.list_query_executions().work_group("auth0-s3-logs").send().await.unwrap();
        match listed.query_execution_ids().first() {
            Some(id) => break id.clone(),
            None => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    // The command waits for the query once it has its id.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(Command::new("kill").args(["-INT", &asking.id().to_string()]).status().unwrap().success());
    let (code, _, errors) = shown(&asking.wait_with_output().unwrap());
    assert!(code == Some(2) && errors.contains("stopped by Ctrl-C"), "{code:?} {errors}");
    assert_eq!(*state(&ended(&athena, &id).await).0, QueryExecutionState::Cancelled);
}

fn check(data: &Path, server: &Server, arguments: &[&str], over: &Value) {
    let (code, printed, errors) = shown(&over_aws(server, arguments));
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{arguments:?} over {}", data.display());
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), *over, "{arguments:?}");
}

/// `query --aws` prints what `query` prints over the same folder.
#[test]
fn the_command_asks_athena() {
    let data = filled(1200);
    let questions = [
        "SELECT count(*) AS events, min(log_id) AS first, max(\"date\") AS day FROM auth0_logs",
        "SELECT log_id, user_name, connection FROM auth0_logs ORDER BY log_id",
        "SELECT \"hour\", count(*) AS n FROM auth0_logs_parquet GROUP BY 1 HAVING count(*) > 7000",
    ];
    let over: Vec<Value> = questions
        .iter()
        .map(|sql| serde_json::from_str(&shown(&over_folder(data.path(), &["query", sql, "--json"])).1).unwrap())
        .collect();
    let server = Server::start(data.path(), &[]);
    for (sql, over) in questions.iter().zip(&over) {
        check(data.path(), &server, &["query", sql, "--json"], over);
    }
    let (_, printed, _) = shown(&over_aws(&server, &["query", questions[0]]));
    assert!(printed.contains("1 row; ") && printed.contains(" scanned, $0.00005 at $5 a terabyte"), "{printed}");
    let (_, exported, _) = shown(&over_aws(&server, &["export", "--day", "2025-03-01"]));
    assert_eq!(exported.lines().count(), 1201);
    let (_, tail, _) = shown(&over_aws(&server, &["tail", "--from", "2025-03-01", "-n", "3"]));
    assert_eq!(tail.lines().count(), 3, "{tail}");
    for (arguments, expected) in [
        (&["query", "SELECT nothing FROM auth0_logs"][..], "nothing"),
        (&["query", "SELECT 1", "--workgroup", "none"], "give --workgroup, as the stack's output Workgroup says"),
        (&["query", "SELECT 1; SELECT * FROM none"], "there is no table none"),
    ] {
        let (code, _, errors) = shown(&over_aws(&server, arguments));
        assert!(code == Some(2) && errors.contains(expected), "{arguments:?}: {errors}");
    }
}
