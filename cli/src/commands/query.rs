//! `query`: SQL over the two tables and the view.

use crate::args::Query;
use crate::env::Env;
use crate::output::verdict::Verdict;
use crate::target::Target;

/// Prints the answer to one query.
#[cfg(feature = "sql")]
pub(crate) async fn query(target: &Target, options: &Query, env: &Env) -> anyhow::Result<Verdict> {
    use crate::output::report;
    let stack = crate::simulation::stack::Stack::open_to_read(target, env.clock())?;
    env.opened(&stack.aws);
    if stack.aws.is_writable() {
        // Without tables an empty folder would have no answer.
        stack.make_missing().await?;
    }
    let sql = crate::sql::Sql::open(&stack.aws, stack.catalog.database()).await?;
    let answer = sql.query(&options.sql).await?;
    if target.json {
        report::print_json(&answer.to_json()?)?;
    } else {
        let read = format!("{} read from {} objects", report::bytes(answer.bytes_read), answer.objects_read);
        report::print(&format!("{}\n{read}", answer.to_table()?))?;
    }
    Ok(Verdict::Well)
}

/// Fails, because this build has no SQL engine.
#[cfg(not(feature = "sql"))]
pub(crate) async fn query(_: &Target, _: &Query, _: &Env) -> anyhow::Result<Verdict> {
    anyhow::bail!("this build has no SQL engine; build it with the feature `sql`, or serve the folder to another one")
}
