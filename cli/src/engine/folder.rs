//! Answers from the tables of a folder.

use std::sync::Arc;

use anyhow::Result;

use super::{Asked, Spent};
use crate::env::Env;
use crate::simulation::stack::Stack;
use crate::sql::Sql;
use crate::target::Target;

/// The tables of a folder, which stays open.
pub(crate) struct Folder {
    sql: Sql,
    _stack: Stack,
}

impl Folder {
    pub(super) async fn open(target: &Target, env: &Env) -> Result<Folder> {
        let stack = Stack::open_to_read(target, env.clock())?;
        env.opened(&stack.aws);
        if stack.aws.is_writable() {
            // Without tables an empty folder would have no answer.
            stack.make_missing().await?;
        }
        Ok(Folder { sql: Sql::open(&stack.aws, stack.catalog.database()).await?, _stack: stack })
    }

    pub(super) async fn ask(&self, sql: &str) -> Result<Asked> {
        let streamed = self.sql.stream(sql).await?;
        let columns = streamed.columns().into_iter().map(|(column, _)| column).collect();
        let meter = Arc::clone(&streamed.meter);
        let spent = move || {
            let (bytes, objects) = meter.read();
            Spent::Folder { bytes, objects }
        };
        Ok(Asked { columns, pages: streamed.pages(), spent: Box::new(spent) })
    }
}
