//! Athena's hidden column `"$path"`.

use std::ops::ControlFlow;

use anyhow::{Result, ensure};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Select, SelectItem, Visit, Visitor};

use crate::sql::table::PATH;

/// True if the statement names the column.
///
/// # Errors
///
/// If it also asks for all columns, which would show this one.
pub(in crate::sql) fn names_path(statement: &Statement) -> Result<bool> {
    let names = is_named(statement);
    ensure!(!names || !has_wildcard(statement), "name the columns beside \"$path\"; with it, * is not answered here");
    Ok(names)
}

/// True if a select of the statement asks for all columns.
fn has_wildcard(statement: &Statement) -> bool {
    struct Search;

    impl Visitor for Search {
        type Break = ();

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            let is_wildcard =
                |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
            match select.projection.iter().any(is_wildcard) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }

    match statement {
        Statement::Statement(statement) => statement.visit(&mut Search).is_break(),
        Statement::Explain(explain) => has_wildcard(&explain.statement),
        _ => false,
    }
}

fn is_named(statement: &Statement) -> bool {
    struct Search;

    impl Visitor for Search {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let names = match expr {
                Expr::Identifier(name) => std::slice::from_ref(name),
                Expr::CompoundIdentifier(names) => names,
                _ => &[],
            };
            match names.last() {
                Some(name) if name.value == PATH => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }

    match statement {
        Statement::Statement(statement) => statement.visit(&mut Search).is_break(),
        Statement::Explain(explain) => is_named(&explain.statement),
        _ => false,
    }
}
