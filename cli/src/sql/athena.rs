//! The engine as what answers behind the embedded Athena.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures::{FutureExt, StreamExt};
use local_aws::LocalAws;
use local_aws::athena::{Answer, Engine, NamedQuery, Question};

use super::Sql;

/// The saved queries of the templates.
const QUERIES: &str = include_str!("../../../templates/queries.yaml");

/// Answers each question from the catalog as it is then.
pub(crate) fn engine() -> Engine {
    Arc::new(|aws, question| async move { answer(&aws, &question).await.map_err(|error| format!("{error:#}")) }.boxed())
}

async fn answer(aws: &LocalAws, question: &Question) -> Result<Answer> {
    let sql = Sql::open(aws, &question.database).await?;
    let streamed = sql.stream(&question.sql).await?;
    let columns = streamed.columns().into_iter().map(|(column, of)| (column.name, of.to_owned())).collect();
    let meter = Arc::clone(&streamed.meter);
    let rows = streamed.pages().map(|page| page.map_err(|error| format!("{error:#}"))).boxed();
    Ok(Answer { columns, rows, scanned: Box::new(move || meter.read().0) })
}

/// The saved queries that the templates deploy.
///
/// # Errors
///
/// If the template is not written as it always was.
pub(crate) fn saved_queries() -> Result<Vec<NamedQuery>> {
    let queries = QUERIES.split("Type: AWS::Athena::NamedQuery\n").skip(1).map(saved_query);
    let queries =
        queries.collect::<Option<Vec<NamedQuery>>>().context("the template's saved queries cannot be read")?;
    ensure!(!queries.is_empty(), "the template has no saved queries");
    Ok(queries)
}

fn saved_query(resource: &str) -> Option<NamedQuery> {
    let value = |key: &str| {
        let line = resource.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": "))?;
        Some(line.trim_matches('"').to_owned())
    };
    let text = resource.split_once("QueryString: |\n")?.1;
    let text = text.lines().take_while(|line| line.is_empty() || line.starts_with("        "));
    let sql = text.map(|line| line.get(8..).unwrap_or_default()).collect::<Vec<&str>>().join("\n");
    Some(NamedQuery { name: value("Name")?, description: value("Description")?, sql: sql.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_saved_queries_are_those_of_the_template() {
        let queries = saved_queries().unwrap();
        assert_eq!(queries.len(), QUERIES.matches("AWS::Athena::NamedQuery").count());
        assert_eq!(queries[0].name, "01 Failed logins by ip");
        assert!(queries.iter().all(|query| query.sql.contains("FROM auth0_logs") && !query.description.is_empty()));
    }
}
