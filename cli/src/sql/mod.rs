//! Queries over the tables as Glue defines them, by an engine in the process.
//!
//! This module knows nothing about the log format. Tables, columns, partitions, locations, SerDes and the view's text
//! all come from Glue, so that a query answers what Athena would answer over the same catalog and bucket. [`Sql::open`]
//! reads the catalog once; a partition made later is seen by the next `Sql`.
//!
//! Absent by design: writes, SerDes other than Parquet's and OpenX JSON, buckets that are not folders.

mod answer;
pub(crate) mod athena;
mod definition;
mod functions;
mod openx;
mod scan;
mod store;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Error, Result, anyhow, bail};
use aws_sdk_glue::types::Table;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::ViewTable;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use futures::TryStreamExt;

use local_aws::{Files, LocalAws};

use self::definition::Definition;
use self::store::MeteredBucket;
use self::table::GlueTable;

pub use self::answer::Answer;
pub(crate) use self::answer::Streamed;
pub(crate) use self::store::Meter;

/// So many rows are in memory at once at each step: events are long, and an answer may have millions.
const BATCH_ROWS: usize = 1024;

/// The name that Athena gives the Glue catalog.
const CATALOG: &str = "awsdatacatalog";

/// The database, ready to be queried.
pub struct Sql {
    state: SessionState,
    schema: Arc<MemorySchemaProvider>,
    buckets: HashMap<String, Files>,
    /// Tables and views of the database that cannot be queried here, and why.
    unreadable: BTreeMap<String, Error>,
}

impl Sql {
    /// Reads the catalog of `database`.
    ///
    /// # Errors
    ///
    /// If Glue cannot be read. A table that cannot be queried here is an error of the query that names it.
    pub async fn open(aws: &LocalAws, database: &str) -> Result<Sql> {
        let glue = &aws.glue();
        let schema = Arc::new(MemorySchemaProvider::new());
        let state = session_state(database, Arc::clone(&schema))?;
        let mut sql = Sql { state, schema, buckets: HashMap::new(), unreadable: BTreeMap::new() };
        let (views, tables): (Vec<Table>, Vec<Table>) =
            definition::tables(glue, database).await?.into_iter().partition(is_view);
        for table in &tables {
            let read = Definition::read(glue, table).await;
            if let Err(error) = read.and_then(|definition| sql.add_table(table.name(), definition, aws)) {
                sql.unreadable.insert(table.name().to_string(), error);
            }
        }
        sql.add_views(views).await?;
        Ok(sql)
    }

    /// The names of the tables and views that can be queried.
    pub fn tables(&self) -> Vec<String> {
        let mut names = self.schema.table_names();
        names.sort();
        names
    }

    /// Answers one query.
    ///
    /// # Errors
    ///
    /// If the query or what it reads is not valid. The error says what to change.
    pub async fn query(&self, sql: &str) -> Result<Answer> {
        let Streamed { schema, batches, meter } = self.stream(sql).await?;
        let batches = batches.try_collect().await.map_err(readable)?;
        let (bytes_read, objects_read) = meter.read();
        Ok(Answer { schema, batches, bytes_read, objects_read })
    }

    /// Answers one query, whose rows come as they are found.
    ///
    /// # Errors
    ///
    /// If the query is not valid. The error says what to change.
    pub(crate) async fn stream(&self, sql: &str) -> Result<Streamed> {
        let meter = Arc::new(Meter::default());
        let context = self.session(&meter)?;
        let plan = self.plan(&context.state(), sql).await?;
        let frame = context.execute_logical_plan(plan).await.map_err(readable)?;
        let schema = Arc::clone(frame.schema().inner());
        let batches = frame.execute_stream().await.map_err(readable)?;
        Ok(Streamed { schema, batches, meter })
    }

    fn add_table(&mut self, name: &str, definition: Definition, aws: &LocalAws) -> Result<()> {
        for part in &definition.parts {
            if !self.buckets.contains_key(&part.bucket)
                && let Some(files) =
                    aws.files(&part.bucket).with_context(|| format!("failed to open {}", part.bucket))?
            {
                self.buckets.insert(part.bucket.clone(), files);
            }
        }
        self.schema.register_table(name.to_string(), Arc::new(GlueTable::new(definition)))?;
        Ok(())
    }

    /// Views may name other views, so this goes in rounds: each adds the views whose tables and views are there.
    async fn add_views(&mut self, mut views: Vec<Table>) -> Result<()> {
        loop {
            let waiting = views.len();
            let mut failed = Vec::new();
            for view in views {
                match self.plan_view(&view).await {
                    Ok(plan) => drop(self.schema.register_table(view.name().to_string(), Arc::new(plan))?),
                    Err(error) => failed.push((view, error)),
                }
            }
            if failed.len() == waiting {
                let unreadable = failed.into_iter().map(|(view, error)| (view.name().to_string(), error));
                self.unreadable.extend(unreadable);
                return Ok(());
            }
            views = failed.into_iter().map(|(view, _)| view).collect();
        }
    }

    async fn plan_view(&self, view: &Table) -> Result<ViewTable> {
        let sql = catalog::view::stored_sql(view).context("its text is not one that Athena writes")?;
        let plan = self.plan(&self.state, &sql).await?;
        Ok(ViewTable::new(plan, Some(sql)))
    }

    /// Each query has its own session, so that the bytes it reads can be counted.
    fn session(&self, meter: &Arc<Meter>) -> Result<SessionContext> {
        let runtime = RuntimeEnv::default();
        for (name, files) in &self.buckets {
            let url = ObjectStoreUrl::parse(format!("s3://{name}"))?;
            let bucket = MeteredBucket { name: name.clone(), files: files.clone(), meter: Arc::clone(meter) };
            runtime.register_object_store(url.as_ref(), Arc::new(bucket));
        }
        let state = SessionStateBuilder::new_from_existing(self.state.clone()).with_runtime_env(Arc::new(runtime));
        Ok(SessionContext::new_with_state(state.build()))
    }

    async fn plan(&self, state: &SessionState, sql: &str) -> Result<LogicalPlan> {
        let dialect = state.config_options().sql_parser.dialect;
        let statement = state.sql_to_statement(sql, &dialect).map_err(readable)?;
        if !is_query(&statement) {
            bail!("only queries are answered here; to change the catalog or the data, run the pipeline");
        }
        for table in state.resolve_table_references(&statement).map_err(readable)? {
            self.check_table(table.catalog(), table.schema(), table.table())?;
        }
        state.statement_to_plan(statement).await.map_err(readable)
    }

    fn check_table(&self, catalog: Option<&str>, schema: Option<&str>, name: &str) -> Result<()> {
        let options = &self.state.config_options().catalog;
        let here = catalog.is_none_or(|catalog| catalog == options.default_catalog)
            && schema.is_none_or(|schema| schema == options.default_schema);
        if schema == Some("information_schema") || here && self.schema.table_exist(name) {
            return Ok(());
        }
        if let Some(reason) = self.unreadable.get(name).filter(|_| here) {
            bail!("{name} can't be queried here: {reason:#}");
        }
        let names = self.tables().join(", ");
        bail!("there is no table {name} in {:?}; it has {}", options.default_schema, or_none(&names))
    }
}

fn session_state(database: &str, schema: Arc<MemorySchemaProvider>) -> Result<SessionState> {
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(database, schema)?;
    let config = SessionConfig::new()
        .with_batch_size(BATCH_ROWS)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, database)
        .with_information_schema(true);
    let mut state = SessionStateBuilder::new().with_config(config).with_default_features().build();
    state.catalog_list().register_catalog(CATALOG.to_string(), Arc::new(catalog));
    functions::register(&mut state)?;
    Ok(state)
}

fn is_query(statement: &Statement) -> bool {
    use datafusion::sql::sqlparser::ast::Statement::{ExplainTable, Query, ShowColumns, ShowTables};
    match statement {
        Statement::Statement(statement) => {
            matches!(**statement, Query(_) | ShowTables { .. } | ShowColumns { .. } | ExplainTable { .. })
        }
        Statement::Explain(explain) => is_query(&explain.statement),
        _ => false,
    }
}

fn is_view(table: &Table) -> bool {
    table.table_type() == Some("VIRTUAL_VIEW")
}

fn or_none(names: &str) -> &str {
    if names.is_empty() { "none" } else { names }
}

/// An error of the engine without its backtrace.
fn readable(error: datafusion::error::DataFusionError) -> Error {
    anyhow!("{}", error.strip_backtrace())
}
