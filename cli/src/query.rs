//! `query`: SQL over the two tables and the view.

use crate::Verdict;
use crate::args::{Place, Query};
use crate::given::Given;

/// Answers one query.
#[cfg(feature = "sql")]
pub(crate) async fn query(place: &Place, options: &Query, given: &Given) -> anyhow::Result<Verdict> {
    use crate::report;
    let folder = place.data.display();
    anyhow::ensure!(place.data.exists(), "there is no folder {folder}; fill one with `demo`, `run` or `compact`");
    let stack = crate::stack::Stack::open(place, given.clock()).await?;
    let sql = crate::sql::Sql::open(&stack.aws.glue(), stack.catalog.database(), &place.data).await?;
    let answer = sql.query(&options.sql).await?;
    if place.json {
        report::print_json(&answer.to_json()?)?;
    } else {
        let read = format!("{} read from {} objects", report::bytes(answer.bytes_read), answer.objects_read);
        report::print(&format!("{}\n{read}", answer.to_table()?))?;
    }
    Ok(Verdict::Well)
}

/// Says why there is no answer.
#[cfg(not(feature = "sql"))]
pub(crate) async fn query(_: &Place, _: &Query, _: &Given) -> anyhow::Result<Verdict> {
    anyhow::bail!("this build has no SQL engine; build it with the feature `sql`, or serve the folder to another one")
}
