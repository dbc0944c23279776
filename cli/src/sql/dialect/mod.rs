//! Athena's SQL in the engine's terms.
//!
//! What Athena refuses is refused, in its manner, although the engine would answer it: a question that works here works
//! there. What both have under other names is rewritten. The rest is the engine's.

mod path;
mod refuse;
mod rewrite;
mod show;
mod types;

use anyhow::{Result, bail};
use datafusion::execution::session_state::SessionState;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{self, VisitMut};

use super::readable;

pub(super) use path::names_path;
pub(super) use show::{Shown, shown};
pub(super) use types::check as check_types;

/// The engine's form of a statement in Athena's SQL.
///
/// # Errors
///
/// If it cannot be parsed, or Athena would refuse it.
pub(super) fn parse(state: &SessionState, sql: &str) -> Result<Statement> {
    let dialect = state.config_options().sql_parser.dialect;
    let mut statement = state.sql_to_statement(&rewrite::types(sql)?, &dialect).map_err(readable)?;
    if !is_query(&statement) {
        bail!("only queries are answered here; to change the catalog or the data, run the pipeline");
    }
    if let Some(ast) = inner(&mut statement) {
        refuse::check(ast)?;
        rewrite::rewrite(ast)?;
    }
    Ok(statement)
}

/// The statement, or that which is to be explained.
fn inner(statement: &mut Statement) -> Option<&mut ast::Statement> {
    match statement {
        Statement::Statement(ast) => Some(ast),
        Statement::Explain(explain) => inner(&mut explain.statement),
        _ => None,
    }
}

fn is_query(statement: &Statement) -> bool {
    use ast::Statement::{ExplainTable, Query, ShowColumns, ShowTables};
    match statement {
        Statement::Statement(statement) => {
            matches!(**statement, Query(_) | ShowTables { .. } | ShowColumns { .. } | ExplainTable { .. })
        }
        Statement::Explain(explain) => is_query(&explain.statement),
        _ => false,
    }
}

/// Has `visitor` see every part of the statement; gives what stopped it.
fn visit<V: ast::VisitorMut<Break = anyhow::Error>>(statement: &mut ast::Statement, visitor: &mut V) -> Result<()> {
    match statement.visit(visitor) {
        std::ops::ControlFlow::Break(error) => Err(error),
        std::ops::ControlFlow::Continue(()) => Ok(()),
    }
}
