//! Answers from the tables of a folder.

use std::sync::Arc;

use anyhow::Result;
use local_aws::OpenError;
use tokio::sync::Mutex;

use super::{Asked, Spent};
use crate::env::Env;
use crate::simulation::stack::Stack;
use crate::sql::Sql;
use crate::target::Target;

/// The tables of a folder, which stays open.
pub(crate) struct Folder {
    /// The tables as they were after so many changes by other processes.
    sql: Mutex<(u64, Arc<Sql>)>,
    stack: Stack,
}

/// Makes the tables: without them an empty folder would have no answer. Where nobody may write, the answer names the table that
/// is missing; where another process writes, it makes them.
async fn make_tables(target: &Target, env: &Env) -> Result<()> {
    let opened = Stack::open(target, env.clock()).await;
    match opened.as_ref().err().and_then(|error| error.downcast_ref::<OpenError>()) {
        Some(OpenError::InUse { .. }) => Ok(()),
        Some(error) if error.is_of_writing() => Ok(()),
        _ => opened.map(drop),
    }
}

/// The tables, and how many changes by other processes were seen before.
async fn tables(stack: &Stack) -> Result<(u64, Arc<Sql>)> {
    let seen = stack.aws.catalog_changes_seen()?;
    Ok((seen, Arc::new(Sql::open(&stack.aws, stack.catalog.database()).await?)))
}

impl Folder {
    pub(super) async fn open(target: &Target, env: &Env) -> Result<Folder> {
        let stack = Stack::open_to_read(target, env.clock())?;
        env.opened(&stack.aws);
        if !stack.catalog.tables().await?.missing.is_empty() {
            make_tables(target, env).await?;
        }
        let sql = Mutex::new(tables(&stack).await?);
        Ok(Folder { sql, stack })
    }

    /// The tables as they are now: another process may have changed them since the last question.
    async fn sql(&self) -> Result<Arc<Sql>> {
        let mut sql = self.sql.lock().await;
        if sql.0 != self.stack.aws.catalog_changes_seen()? {
            *sql = tables(&self.stack).await?;
        }
        Ok(Arc::clone(&sql.1))
    }

    pub(super) async fn ask(&self, sql: &str) -> Result<Asked> {
        let streamed = self.sql().await?.stream(sql).await?;
        let columns = streamed.columns().into_iter().map(|(column, _)| column).collect();
        let meter = Arc::clone(&streamed.meter);
        let spent = move || {
            let (bytes, objects) = meter.read();
            Spent::Folder { bytes, objects }
        };
        Ok(Asked { columns, pages: streamed.pages(), spent: Box::new(spent) })
    }
}
