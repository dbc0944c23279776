//! Answers from Athena.

use std::fmt;

use anyhow::{Context, Result, anyhow, bail, ensure};
use aws_config::SdkConfig;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    ColumnInfo, QueryExecution, QueryExecutionContext, QueryExecutionState, ResultSet, StatementType,
};
use futures::{StreamExt, stream};
use tokio::time::{Duration, sleep};

use super::{Asked, Spent};
use crate::env::interrupted;
use crate::output::report;
use crate::output::rows::{Column, Kind, Pages, Row};

/// The name of the Glue catalog in Athena.
const CATALOG: &str = "AwsDataCatalog";

/// The waits between two looks at a query: from the first, longer each time, up to the last.
const WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Athena bills each query for so many bytes at least.
const BILLED_BYTES_MIN: u64 = 10_000_000;

/// What a terabyte of scanned data costs in US dollars in most regions.
const DOLLARS_PER_TERABYTE: f64 = 5.0;

/// A workgroup of Athena, asked about one database.
pub(crate) struct Athena {
    client: Client,
    database: String,
    workgroup: String,
}

/// What queries took at Athena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    milliseconds: i64,
    scanned: u64,
    billed: u64,
}

impl std::ops::Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            milliseconds: self.milliseconds + other.milliseconds,
            scanned: self.scanned + other.scanned,
            billed: self.billed + other.billed,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.billed as f64 / 1e12 * DOLLARS_PER_TERABYTE;
        let (seconds, scanned) = (self.milliseconds as f64 / 1000.0, report::bytes(self.scanned));
        write!(f, "{seconds:.1} s; {scanned} scanned, ${dollars:.5} at $5 a terabyte")
    }
}

impl Athena {
    pub(super) fn new(clients: &SdkConfig, database: &str, workgroup: &str) -> Result<Athena> {
        ensure!(clients.region().is_some(), "no region is known; give --region, or set AWS_REGION");
        Ok(Athena { client: Client::new(clients), database: database.to_owned(), workgroup: workgroup.to_owned() })
    }

    /// Starts the query and waits until it ends. Ctrl-C stops it there.
    pub(super) async fn ask(&self, sql: &str) -> Result<Asked> {
        let context = QueryExecutionContext::builder().catalog(CATALOG).database(&self.database).build();
        let start = self.client.start_query_execution().query_string(sql).query_execution_context(context);
        let started = start.work_group(&self.workgroup).send().await;
        let id = started.map_err(|error| self.explained(error.into_service_error().into()))?;
        let id = id.query_execution_id.context("Athena has given the query no id")?;
        let execution = tokio::select! {
            ended = self.ended(&id) => ended.with_context(|| format!("the query {id} may go on at Athena"))?,
            () = interrupted() => {
                let stopped = self.client.stop_query_execution().query_execution_id(&id).send().await;
                stopped.map_err(|error| anyhow!(error.into_service_error())).context("failed to stop the query")?;
                bail!("stopped by Ctrl-C; Athena bills what the query had read by then");
            }
        };
        self.ensure_succeeded(&execution)?;
        self.answer(id, &execution).await
    }

    /// Returns once the query has ended, well or not.
    async fn ended(&self, id: &str) -> Result<QueryExecution> {
        let [mut wait, longest] = WAITS;
        loop {
            let looked = self.client.get_query_execution().query_execution_id(id).send().await;
            let looked = looked.map_err(|error| self.explained(error.into_service_error().into()))?;
            let execution = looked.query_execution.context("Athena knows nothing of the query")?;
            match execution.status().and_then(|status| status.state()) {
                Some(QueryExecutionState::Queued | QueryExecutionState::Running) => sleep(wait).await,
                _ => return Ok(execution),
            }
            wait = (wait * 3 / 2).min(longest);
        }
    }

    /// Fails with Athena's reason if the query did, and says what to do where that is known.
    fn ensure_succeeded(&self, execution: &QueryExecution) -> Result<()> {
        let status = execution.status().context("Athena says nothing of the query's state")?;
        if status.state() == Some(&QueryExecutionState::Succeeded) {
            return Ok(());
        }
        let reason = status.state_change_reason().unwrap_or("Athena gives no reason");
        let limited = reason.contains("Bytes scanned limit was exceeded");
        let hint = match limited {
            true => "; name fewer days in \"date\" and \"hour\", or raise the stack's parameter AthenaScanCutoffBytes",
            false => "",
        };
        bail!("{reason}{hint}")
    }

    async fn answer(&self, id: String, execution: &QueryExecution) -> Result<Asked> {
        let statistics = execution.statistics();
        let scanned = statistics.and_then(|it| it.data_scanned_in_bytes()).unwrap_or_default();
        let scanned = u64::try_from(scanned).unwrap_or_default();
        let is_query = execution.statement_type() == Some(&StatementType::Dml);
        let cost = Cost {
            milliseconds: statistics.and_then(|it| it.total_execution_time_in_millis()).unwrap_or_default(),
            scanned,
            billed: billed(scanned, is_query),
        };
        let (first, token) = page(&self.client, &id, None).await?;
        let columns = columns(&first);
        // The first row of a query's answer is its heading.
        let first: Vec<Row> = rows(first).into_iter().skip(usize::from(is_query)).collect();
        let pages = stream::once(async move { Ok(first) }).chain(later(self.client.clone(), id, token)).boxed();
        Ok(Asked { columns, pages, spent: Box::new(move || Spent::Athena(cost)) })
    }

    fn explained(&self, error: aws_sdk_athena::Error) -> anyhow::Error {
        let text = telemetry::error_chain(&error);
        let hint = match &error {
            _ if text.contains("WorkGroup") && text.contains("not found") => {
                format!("; give --workgroup, as the stack's output Workgroup says; {:?} was asked", self.workgroup)
            }
            _ if text.contains("AccessDenied") || text.contains("not authorized") => {
                "; the policy of the stack's output ReaderPolicy allows what is needed".to_owned()
            }
            _ => String::new(),
        };
        anyhow!("{text}{hint}")
    }
}

/// How many bytes are billed. Statements that read no data cost nothing.
fn billed(scanned: u64, is_query: bool) -> u64 {
    if is_query { scanned.max(BILLED_BYTES_MIN) } else { 0 }
}

/// The pages after the first.
fn later(client: Client, id: String, token: Option<String>) -> Pages {
    let next = move |token: Option<String>| {
        let (client, id) = (client.clone(), id.clone());
        async move {
            let Some(token) = token else { return Ok(None) };
            let (page, token) = page(&client, &id, Some(token)).await?;
            Ok(Some((rows(page), token)))
        }
    };
    stream::try_unfold(token, next).boxed()
}

async fn page(client: &Client, id: &str, token: Option<String>) -> Result<(ResultSet, Option<String>)> {
    let page = client.get_query_results().query_execution_id(id).set_next_token(token).send().await;
    let page = page.map_err(|error| anyhow!(telemetry::error_chain(&error.into_service_error())))?;
    Ok((page.result_set.context("Athena has sent no rows")?, page.next_token))
}

fn columns(page: &ResultSet) -> Vec<Column> {
    let column = |info: &ColumnInfo| Column { name: info.name().to_owned(), kind: kind(info.r#type()) };
    page.result_set_metadata().map(|it| it.column_info().iter().map(column).collect()).unwrap_or_default()
}

fn rows(page: ResultSet) -> Vec<Row> {
    let row = |row: aws_sdk_athena::types::Row| {
        row.data.unwrap_or_default().into_iter().map(|datum| datum.var_char_value).collect()
    };
    page.rows.unwrap_or_default().into_iter().map(row).collect()
}

fn kind(athena_type: &str) -> Kind {
    match athena_type {
        "boolean" => Kind::Boolean,
        "tinyint" | "smallint" | "integer" | "bigint" | "float" | "real" | "double" | "decimal" => Kind::Number,
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_costs_ten_megabytes_at_least() {
        let of = |scanned, is_query| Cost { milliseconds: 1250, scanned, billed: billed(scanned, is_query) };
        let cost = |scanned, is_query| of(scanned, is_query).to_string();
        let both = (of(0, true) + of(0, true)).to_string();
        assert_eq!(both, "2.5 s; 0 B scanned, $0.00010 at $5 a terabyte");
        assert_eq!(cost(0, true), "1.2 s; 0 B scanned, $0.00005 at $5 a terabyte");
        assert_eq!(cost(2_000_000_000, true), "1.2 s; 1.86 GiB scanned, $0.01000 at $5 a terabyte");
        assert_eq!(cost(0, false), "1.2 s; 0 B scanned, $0.00000 at $5 a terabyte");
    }
}
