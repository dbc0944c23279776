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
mod dialect;
mod functions;
mod openx;
mod scan;
mod store;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
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

use crate::statements::quoted;

use self::definition::Definition;
use self::dialect::Shown;
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
    names: Names,
    /// The same tables, each with the column `"$path"`, which Athena hides from `*` and this engine cannot.
    names_with_path: Names,
    definitions: BTreeMap<String, Arc<Definition>>,
    /// The text of each view.
    views: BTreeMap<String, String>,
    buckets: HashMap<String, Files>,
    /// Tables and views of the database that cannot be queried here, and why.
    unreadable: BTreeMap<String, Error>,
}

/// Tables by their names, and the state in which statements that name them are planned.
struct Names {
    state: SessionState,
    schema: Arc<MemorySchemaProvider>,
}

impl Names {
    fn new(database: &str) -> Result<Names> {
        let schema = Arc::new(MemorySchemaProvider::new());
        Ok(Names { state: session_state(database, Arc::clone(&schema))?, schema })
    }
}

impl Sql {
    /// Reads the catalog of `database`.
    ///
    /// # Errors
    ///
    /// If Glue cannot be read. A table that cannot be queried here is an error of the query that names it.
    pub async fn open(aws: &LocalAws, database: &str) -> Result<Sql> {
        let glue = &aws.glue();
        let mut sql = Sql {
            names: Names::new(database)?,
            names_with_path: Names::new(database)?,
            definitions: BTreeMap::new(),
            views: BTreeMap::new(),
            buckets: HashMap::new(),
            unreadable: BTreeMap::new(),
        };
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
        let mut names = self.names.schema.table_names();
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
        let told = dialect::shown(sql).map(|shown| self.tell(&shown)).transpose()?;
        let sql = told.as_deref().unwrap_or(sql);
        let statement = dialect::parse(&self.names.state, sql)?;
        let names = if dialect::names_path(&statement)? { &self.names_with_path } else { &self.names };
        let context = self.session(names, &meter)?;
        let plan = self.plan(&context.state(), statement).await?;
        dialect::check_types(&plan)?;
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
        let definition = Arc::new(definition);
        for (names, has_path) in [(&self.names, false), (&self.names_with_path, true)] {
            let table = GlueTable::new(Arc::clone(&definition), has_path);
            names.schema.register_table(name.to_string(), Arc::new(table))?;
        }
        self.definitions.insert(name.to_string(), definition);
        Ok(())
    }

    /// A query that tells what is in the catalog.
    fn tell(&self, shown: &Shown) -> Result<String> {
        let (column, values) = match shown {
            Shown::Tables => ("tab_name", self.tables()),
            Shown::Partitions(table) => {
                ensure!(!self.views.contains_key(table), "{table} is a view, which has no partitions");
                let definition = self.definitions.get(table).with_context(|| self.no_table(table))?;
                ("partition", definition.partitions())
            }
            Shown::CreateView(view) => {
                let text = self.views.get(view).with_context(|| format!("there is no view {view}"))?;
                ("create view", format!("CREATE VIEW {view} AS\n{text}").lines().map(str::to_owned).collect())
            }
        };
        let values: Vec<String> =
            values.iter().enumerate().map(|(at, value)| format!("({at}, {})", quoted(value))).collect();
        if values.is_empty() {
            return Ok(format!("SELECT CAST(NULL AS varchar) AS \"{column}\" WHERE false"));
        }
        Ok(format!("SELECT v AS \"{column}\" FROM (VALUES {}) AS t(n, v) ORDER BY n", values.join(", ")))
    }

    /// Views may name other views, so this goes in rounds: each adds the views whose tables and views are there.
    async fn add_views(&mut self, mut views: Vec<Table>) -> Result<()> {
        loop {
            let waiting = views.len();
            let mut failed = Vec::new();
            for view in views {
                match self.plan_view(&view).await {
                    Ok((plan, text)) => {
                        let (name, plan) = (view.name().to_string(), Arc::new(plan));
                        for names in [&self.names, &self.names_with_path] {
                            names.schema.register_table(name.clone(), Arc::clone(&plan) as _)?;
                        }
                        self.views.insert(name, text);
                    }
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

    async fn plan_view(&self, view: &Table) -> Result<(ViewTable, String)> {
        let sql = catalog::view::stored_sql(view).context("its text is not one that Athena writes")?;
        let plan = self.plan(&self.names.state, dialect::parse(&self.names.state, &sql)?).await?;
        Ok((ViewTable::new(plan, Some(sql.clone())), sql))
    }

    /// Each query has its own session, so that the bytes it reads can be counted.
    fn session(&self, names: &Names, meter: &Arc<Meter>) -> Result<SessionContext> {
        let runtime = RuntimeEnv::default();
        for (name, files) in &self.buckets {
            let url = ObjectStoreUrl::parse(format!("s3://{name}"))?;
            let bucket = MeteredBucket { name: name.clone(), files: files.clone(), meter: Arc::clone(meter) };
            runtime.register_object_store(url.as_ref(), Arc::new(bucket));
        }
        let state = SessionStateBuilder::new_from_existing(names.state.clone()).with_runtime_env(Arc::new(runtime));
        Ok(SessionContext::new_with_state(state.build()))
    }

    async fn plan(&self, state: &SessionState, statement: Statement) -> Result<LogicalPlan> {
        for table in state.resolve_table_references(&statement).map_err(readable)? {
            self.check_table(table.catalog(), table.schema(), table.table())?;
        }
        state.statement_to_plan(statement).await.map_err(readable)
    }

    fn check_table(&self, catalog: Option<&str>, schema: Option<&str>, name: &str) -> Result<()> {
        let options = &self.names.state.config_options().catalog;
        let here = catalog.is_none_or(|catalog| catalog == options.default_catalog)
            && schema.is_none_or(|schema| schema == options.default_schema);
        if schema == Some("information_schema") || here && self.names.schema.table_exist(name) {
            return Ok(());
        }
        if let Some(reason) = self.unreadable.get(name).filter(|_| here) {
            bail!("{name} can't be queried here: {reason:#}");
        }
        bail!("{}", self.no_table(name))
    }

    fn no_table(&self, name: &str) -> String {
        let database = &self.names.state.config_options().catalog.default_schema;
        format!("there is no table {name} in {database:?}; it has {}", or_none(&self.tables().join(", ")))
    }
}

fn session_state(database: &str, schema: Arc<MemorySchemaProvider>) -> Result<SessionState> {
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(database, schema)?;
    let config = SessionConfig::new()
        .with_batch_size(BATCH_ROWS)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, database)
        .with_information_schema(true)
        // Wherever they stand in the order, as in Athena.
        .set_str("datafusion.sql_parser.default_null_ordering", "nulls_last");
    let mut state = SessionStateBuilder::new().with_config(config).with_default_features().build();
    state.catalog_list().register_catalog(CATALOG.to_string(), Arc::new(catalog));
    functions::register(&mut state)?;
    Ok(state)
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
