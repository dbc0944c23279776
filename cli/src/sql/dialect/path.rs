//! Athena's hidden column `"$path"`.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Visit, Visitor};

use crate::sql::table::PATH;

/// True if the statement names the column.
pub(in crate::sql) fn names_path(statement: &Statement) -> bool {
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
        Statement::Explain(explain) => names_path(&explain.statement),
        _ => false,
    }
}
