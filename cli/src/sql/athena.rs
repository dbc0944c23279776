//! The engine as what answers behind the embedded Athena.

use std::sync::Arc;

use anyhow::Result;
use futures::{FutureExt, StreamExt};
use local_aws::LocalAws;
use local_aws::athena::{Answer, Engine, NamedQuery};

use super::Sql;
use crate::library::{self, Question};

/// Answers each question from the catalog as it is then.
pub(crate) fn engine() -> Engine {
    Arc::new(|aws, question| async move { answer(&aws, &question).await.map_err(|error| format!("{error:#}")) }.boxed())
}

async fn answer(aws: &LocalAws, question: &local_aws::athena::Question) -> Result<Answer> {
    let sql = Sql::open(aws, &question.database).await?;
    let streamed = sql.stream(&question.sql).await?;
    let columns = streamed.columns().into_iter().map(|(column, of)| (column.name, of.to_owned())).collect();
    let meter = Arc::clone(&streamed.meter);
    let rows = streamed.pages().map(|page| page.map_err(|error| format!("{error:#}"))).boxed();
    Ok(Answer { columns, rows, scanned: Box::new(move || meter.read().0) })
}

/// The saved queries that the templates deploy: the library's questions.
///
/// # Errors
///
/// If a statement cannot be read.
pub(crate) fn saved_queries() -> Result<Vec<NamedQuery>> {
    let query = |question: &Question| {
        let (name, description) = (question.saved_name(), question.title.clone());
        Ok(NamedQuery { name, description, sql: question.saved()? })
    };
    library::questions().iter().map(query).collect()
}
