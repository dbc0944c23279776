//! Athena over its JSON protocol. The engine that answers is given from outside; results are objects in S3, from which
//! their pages are read.
//!
//! Absent by design: the same questions after a restart, statements that change anything, limits of workgroups,
//! prepared statements, and all but the Glue catalog.

mod calls;
mod error;
mod execution;
mod parameters;
mod results;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::{Response, StatusCode, header};
use s3s::{Body, HttpError};

use self::calls::route;
use self::error::AthenaError;
pub(crate) use self::error::body as error_body;
use self::execution::Executions;
use crate::clock::Clock;
use crate::local_aws::LocalAws;

/// The content type of every answer.
pub(crate) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// What Athena is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// One statement, with its parameters put in.
    pub sql: String,
    /// The database that names without one are in.
    pub database: String,
}

/// The values of a row as Athena writes them. `None` is NULL.
pub type Row = Vec<Option<String>>;

/// What an engine answers.
pub struct Answer {
    /// The columns: each name, and its type as Athena calls it.
    pub columns: Vec<(String, String)>,
    /// The rows as they are found. An error is the reason why the query fails.
    pub rows: BoxStream<'static, Result<Vec<Row>, String>>,
    /// How many bytes have been read so far.
    pub scanned: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// Answers a question over an AWS. An error is the reason why the query fails.
pub type Engine = Arc<dyn Fn(LocalAws, Question) -> BoxFuture<'static, Result<Answer, String>> + Send + Sync>;

/// A query that is saved in a workgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedQuery {
    /// The name of the query.
    pub name: String,
    /// What the query is for.
    pub description: String,
    /// The statement.
    pub sql: String,
}

/// What Athena has, once it is set up.
pub struct Setup {
    /// Answers the queries.
    pub engine: Engine,
    /// The workgroups. All keep their results in `results`.
    pub workgroups: Vec<String>,
    /// The bucket of the results.
    pub results: String,
    /// The database of the saved queries, which are in the first workgroup.
    pub database: String,
    /// The saved queries.
    pub queries: Vec<NamedQuery>,
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup").field("workgroups", &self.workgroups).finish_non_exhaustive()
    }
}

/// The Athena service.
pub(crate) struct Athena {
    clock: Clock,
    setup: OnceLock<Setup>,
    /// Locked for one step of a call at a time, never across an await.
    executions: Mutex<Executions>,
}

impl Athena {
    pub(crate) fn new(clock: Clock) -> Arc<Athena> {
        Arc::new(Athena { clock, setup: OnceLock::new(), executions: Mutex::new(Executions::new()) })
    }

    /// Sets it up. What was set up before stays.
    pub(crate) fn set_up(&self, setup: Setup) {
        let _ = self.setup.set(setup);
    }

    /// Answers the call `call` with the input `body`. Queries read and write `aws`.
    pub(crate) async fn answer(
        self: Arc<Self>,
        aws: LocalAws,
        call: &str,
        body: &Bytes,
    ) -> Result<Response<Body>, HttpError> {
        let (status, text) = match route(&self, aws, call, body).await {
            Ok(answer) => (StatusCode::OK, answer.to_string().into_bytes()),
            Err(error) => (error.status(), error.body()),
        };
        let response = Response::builder().status(status).header(header::CONTENT_TYPE, CONTENT_TYPE);
        response.body(Body::from(text)).map_err(|error| HttpError::new(error.into()))
    }

    fn setup(&self) -> Result<&Setup, AthenaError> {
        self.setup.get().ok_or(AthenaError::NoEngine)
    }

    fn executions(&self) -> MutexGuard<'_, Executions> {
        self.executions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
