//! The calls of Athena.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::{Builder, Variant, Version};

use super::error::AthenaError;
use super::execution::{Execution, State, engine_version, run, seconds};
use super::parameters::put_in;
use super::results::{Place, page};
use super::{Athena, NamedQuery, Question, Row, Setup};
use crate::local_aws::LocalAws;
use crate::names::REGION;

/// The most entries in a page of a listing, and its default.
const PAGE_MAX: usize = 50;

/// So many executions are known, the newest ones.
const EXECUTIONS_MAX: usize = 10_000;

/// The most rows in a page of results, and its default.
const ROWS_MAX: usize = 1000;

/// What a call answers.
type CallResult = Result<Value, AthenaError>;

/// Carries out the call `call` with the input `body`.
pub(super) async fn route(athena: &Arc<Athena>, aws: LocalAws, call: &str, body: &Bytes) -> CallResult {
    match call {
        "StartQueryExecution" => start(athena, aws, read(body)?),
        "GetQueryExecution" => get(athena, &read(body)?),
        "BatchGetQueryExecution" => get_several(athena, &read(body)?),
        "StopQueryExecution" => stop(athena, &read(body)?),
        "GetQueryResults" => results(athena, &aws, read(body)?).await,
        "ListQueryExecutions" => list(athena, &read(body)?),
        "GetWorkGroup" => workgroup(athena.setup()?, &read(body)?),
        "ListWorkGroups" => workgroups(athena.setup()?),
        "ListNamedQueries" => queries(athena.setup()?, &read(body)?),
        "GetNamedQuery" => query(athena.setup()?, &read(body)?),
        "BatchGetNamedQuery" => query_several(athena.setup()?, &read(body)?),
        _ => Err(AthenaError::UnknownCall(call.to_owned())),
    }
}

fn read<I: DeserializeOwned>(body: &Bytes) -> Result<I, AthenaError> {
    serde_json::from_slice(body).map_err(|error| AthenaError::Invalid(error.to_string()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Start {
    query_string: String,
    client_request_token: Option<String>,
    query_execution_context: Option<Context>,
    work_group: Option<String>,
    #[serde(default)]
    execution_parameters: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Context {
    database: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Id {
    query_execution_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Ids {
    query_execution_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Results {
    query_execution_id: String,
    next_token: Option<String>,
    max_results: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    work_group: Option<String>,
    next_token: Option<String>,
    max_results: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    work_group: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueryId {
    named_query_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct QueryIds {
    named_query_ids: Vec<String>,
}

fn start(athena: &Arc<Athena>, aws: LocalAws, input: Start) -> CallResult {
    let setup = athena.setup()?;
    let workgroup = known(setup, input.work_group.as_deref().unwrap_or("primary"))?.to_owned();
    let sql = put_in(&input.query_string, &input.execution_parameters)?;
    if sql.trim().is_empty() {
        return Err(AthenaError::Invalid("queryString must not be empty".to_owned()));
    }
    let started = (athena.clock)();
    let database = input.query_execution_context.and_then(|context| context.database);
    let database = database.unwrap_or_else(|| setup.database.clone());
    let mut executions = athena.executions();
    if let Some(token) = &input.client_request_token
        && let Some(same) = executions.values().find(|it| it.token.as_ref() == Some(token))
    {
        return match same.sql == input.query_string {
            true => Ok(json!({"QueryExecutionId": same.id})),
            false => Err(AthenaError::Invalid("Idempotent parameters do not match".to_owned())),
        };
    }
    let number = executions.last_key_value().map_or(0, |(last, _)| last + 1);
    let id = execution_id(started, number);
    let place = Place { bucket: setup.results.clone(), key: format!("{id}.csv") };
    let mut execution = Execution {
        id: id.clone(),
        sql: input.query_string,
        parameters: input.execution_parameters,
        database: database.clone(),
        workgroup,
        token: input.client_request_token,
        place,
        started,
        ended: None,
        state: State::Running,
        scanned: 0,
        columns: Vec::new(),
        bytes: 0,
        task: None,
    };
    let task = tokio::spawn(run(Arc::clone(athena), aws, number, Question { sql, database }));
    execution.task = Some(task.abort_handle());
    executions.insert(number, execution);
    if executions.len() > EXECUTIONS_MAX {
        executions.pop_first();
    }
    Ok(json!({"QueryExecutionId": id}))
}

/// An id that no other execution has, in this process or before it.
fn execution_id(started: DateTime<Utc>, number: u64) -> String {
    let moment = u64::try_from(started.timestamp_micros()).unwrap_or_default();
    let bits = u128::from(moment) << 64 | u128::from(number);
    let id = Builder::from_u128(bits).with_variant(Variant::RFC4122).with_version(Version::Random);
    id.into_uuid().to_string()
}

/// What `take` takes of the execution `id`.
fn of<T>(athena: &Athena, id: &str, take: impl FnOnce(&mut Execution) -> T) -> Result<T, AthenaError> {
    let mut executions = athena.executions();
    let found = executions.values_mut().find(|execution| execution.id == id);
    found.map(take).ok_or_else(|| AthenaError::NoExecution(id.to_owned()))
}

fn get(athena: &Athena, input: &Id) -> CallResult {
    Ok(json!({"QueryExecution": of(athena, &input.query_execution_id, |it| it.describe())?}))
}

fn get_several(athena: &Athena, input: &Ids) -> CallResult {
    let found = |id: &String| of(athena, id, |it| it.describe());
    let (executions, missing): (Vec<_>, Vec<_>) =
        input.query_execution_ids.iter().map(|id| (id, found(id))).partition(|(_, found)| found.is_ok());
    let executions: Vec<Value> = executions.into_iter().filter_map(|(_, found)| found.ok()).collect();
    let missing = missing.into_iter().map(|(id, _)| json!({"QueryExecutionId": id, "ErrorCode": "NOT_FOUND"}));
    Ok(json!({"QueryExecutions": executions, "UnprocessedQueryExecutionIds": missing.collect::<Vec<Value>>()}))
}

/// Stops a query. One that has ended stays as it is.
fn stop(athena: &Athena, input: &Id) -> CallResult {
    let now = (athena.clock)();
    of(athena, &input.query_execution_id, |execution| {
        if execution.state == State::Running {
            execution.task.iter().for_each(|task| task.abort());
            (execution.state, execution.ended) = (State::Cancelled, Some(now));
        }
    })?;
    Ok(json!({}))
}

async fn results(athena: &Athena, aws: &LocalAws, input: Results) -> CallResult {
    let rows_max = input.max_results.unwrap_or(ROWS_MAX);
    if !(1..=ROWS_MAX).contains(&rows_max) {
        return Err(AthenaError::Invalid(format!("MaxResults must be from 1 to {ROWS_MAX}")));
    }
    let start = token(input.next_token.as_deref())?.unwrap_or_default();
    let (place, bytes, columns) = of(athena, &input.query_execution_id, |execution| match &execution.state {
        State::Succeeded => Ok((execution.place.clone(), execution.bytes, execution.columns.clone())),
        State::Running => Err(AthenaError::NotFinished(execution.state.name())),
        state => Err(AthenaError::NotSucceeded(state.name())),
    })??;
    let (rows, next) = match start < bytes {
        true => page(&aws.s3(), &place, start, rows_max).await?,
        false => (Vec::new(), bytes),
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    let columns: Vec<Value> = columns.iter().map(|(name, of)| column(name, of)).collect();
    let token = (next < bytes).then(|| next.to_string());
    Ok(json!({
        "UpdateCount": 0,
        "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": columns}},
        "NextToken": token,
    }))
}

/// Where the page that a token asks for begins. Without a token it is the first page.
fn token(token: Option<&str>) -> Result<Option<u64>, AthenaError> {
    let read = token.map(str::parse).transpose();
    read.map_err(|_| AthenaError::Invalid("NextToken is not one of ours".to_owned()))
}

fn row(row: &Row) -> Value {
    let datum = |value: &Option<String>| value.as_ref().map_or(json!({}), |value| json!({"VarCharValue": value}));
    json!({"Data": row.iter().map(datum).collect::<Vec<Value>>()})
}

fn column(name: &str, of: &str) -> Value {
    let (precision, scale) = match of {
        "varchar" => (i32::MAX, 0),
        "bigint" => (19, 0),
        "integer" => (10, 0),
        "double" => (17, 0),
        "decimal" => (38, 18),
        "timestamp" | "timestamp with time zone" => (3, 0),
        _ => (0, 0),
    };
    json!({
        "CatalogName": "hive", "SchemaName": "", "TableName": "", "Name": name, "Label": name, "Type": of,
        "Precision": precision, "Scale": scale, "Nullable": "UNKNOWN", "CaseSensitive": of == "varchar",
    })
}

/// The executions of a workgroup, the newest first. A token is the number of the last one before its page.
fn list(athena: &Athena, input: &List) -> CallResult {
    let workgroup = known(athena.setup()?, input.work_group.as_deref().unwrap_or("primary"))?;
    let before = token(input.next_token.as_deref())?.unwrap_or(u64::MAX);
    let executions = athena.executions();
    let mut found = executions.range(..before).rev().filter(|(_, execution)| execution.workgroup == workgroup);
    let page: Vec<_> = found.by_ref().take(input.max_results.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)).collect();
    let token = found.next().and_then(|_| page.last()).map(|(number, _)| number.to_string());
    let ids: Vec<&str> = page.iter().map(|(_, execution)| execution.id.as_str()).collect();
    Ok(json!({"QueryExecutionIds": ids, "NextToken": token}))
}

fn known<'a>(setup: &'a Setup, name: &str) -> Result<&'a str, AthenaError> {
    let found = setup.workgroups.iter().find(|workgroup| *workgroup == name);
    found.map(String::as_str).ok_or_else(|| AthenaError::NoWorkgroup(name.to_owned()))
}

fn workgroup(setup: &Setup, input: &Named) -> CallResult {
    let name = known(setup, &input.work_group)?;
    Ok(json!({"WorkGroup": {
        "Name": name,
        "State": "ENABLED",
        "Configuration": {
            "ResultConfiguration": {"OutputLocation": format!("s3://{}/", setup.results)},
            "EnforceWorkGroupConfiguration": true,
            "PublishCloudWatchMetricsEnabled": true,
            "RequesterPaysEnabled": false,
            "EngineVersion": engine_version(),
        },
        "CreationTime": seconds(DateTime::UNIX_EPOCH),
    }}))
}

fn workgroups(setup: &Setup) -> CallResult {
    let entry = |name: &String| {
        let created = seconds(DateTime::UNIX_EPOCH);
        json!({"Name": name, "State": "ENABLED", "CreationTime": created, "EngineVersion": engine_version()})
    };
    Ok(json!({"WorkGroups": setup.workgroups.iter().map(entry).collect::<Vec<Value>>()}))
}

/// The id of the saved query with this index: the same whenever the folder is served.
fn query_id(index: usize) -> String {
    format!("{index:08x}-{REGION}")
}

fn queries(setup: &Setup, input: &List) -> CallResult {
    let workgroup = known(setup, input.work_group.as_deref().unwrap_or("primary"))?;
    let has_them = setup.workgroups.first().is_some_and(|first| first == workgroup);
    let count = if has_them { setup.queries.len() } else { 0 };
    Ok(json!({"NamedQueryIds": (0..count).map(query_id).collect::<Vec<String>>()}))
}

fn found(setup: &Setup, id: &str) -> Result<Value, AthenaError> {
    let found = setup.queries.iter().enumerate().find(|(index, _)| query_id(*index) == id);
    let (index, NamedQuery { name, description, sql }) = found.ok_or_else(|| AthenaError::NoQuery(id.to_owned()))?;
    Ok(json!({
        "NamedQueryId": query_id(index), "Name": name, "Description": description, "QueryString": sql,
        "Database": setup.database, "WorkGroup": setup.workgroups.first(),
    }))
}

fn query(setup: &Setup, input: &QueryId) -> CallResult {
    Ok(json!({"NamedQuery": found(setup, &input.named_query_id)?}))
}

fn query_several(setup: &Setup, input: &QueryIds) -> CallResult {
    let (queries, missing): (Vec<_>, Vec<_>) =
        input.named_query_ids.iter().map(|id| (id, found(setup, id))).partition(|(_, found)| found.is_ok());
    let queries: Vec<Value> = queries.into_iter().filter_map(|(_, found)| found.ok()).collect();
    let missing = missing.into_iter().map(|(id, _)| json!({"NamedQueryId": id, "ErrorCode": "NOT_FOUND"}));
    Ok(json!({"NamedQueries": queries, "UnprocessedNamedQueryIds": missing.collect::<Vec<Value>>()}))
}
