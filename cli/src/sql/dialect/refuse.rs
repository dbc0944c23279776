//! What the engine would answer and Athena would not.

use std::ops::ControlFlow;

use anyhow::{Error, Result, anyhow};
use datafusion::common::utils::datafusion_strsim::normalized_levenshtein;
use datafusion::sql::sqlparser::ast::{
    Array, BinaryOperator, CastKind, Distinct, Expr, Function, FunctionArguments, GroupByExpr, Ident, Join,
    JoinOperator, ObjectName, Select, SelectItem, Statement, TableFactor, VisitorMut, WildcardAdditionalOptions,
};

/// The functions that both Athena and the engine have, a line each.
const FUNCTIONS: &str = include_str!("functions.txt");

/// A name that is less like a function's than this is not taken for it.
const LIKENESS_MIN: f64 = 0.7;

/// Refuses what Athena would refuse by its grammar or by its list of functions.
pub(super) fn check(statement: &mut Statement) -> Result<()> {
    super::visit(statement, &mut Refusal)
}

struct Refusal;

impl VisitorMut for Refusal {
    type Break = Error;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        given(match expr {
            Expr::ILike { .. } => refused("ILIKE", "write lower(x) LIKE 'pattern'"),
            Expr::SimilarTo { .. } => refused("SIMILAR TO", "write regexp_like(x, 'pattern')"),
            Expr::RLike { .. } => refused("RLIKE", "write regexp_like(x, 'pattern')"),
            Expr::Cast { kind: CastKind::DoubleColon, .. } => refused("::", "write CAST(x AS type)"),
            Expr::Cast { kind: CastKind::SafeCast, .. } => refused("SAFE_CAST", "write TRY_CAST(x AS type)"),
            Expr::Array(Array { named: false, .. }) => refused("[…]", "write ARRAY[…]"),
            Expr::Dictionary(_) | Expr::Map(_) => refused("{…}", "write MAP(ARRAY[…], ARRAY[…])"),
            Expr::BinaryOp { op, .. } => operator(op),
            Expr::Identifier(name) => quoted(name),
            Expr::CompoundIdentifier(names) => names.iter().find_map(quoted),
            // `user` alone is read as a function too.
            Expr::Function(function) if function.args != FunctionArguments::None => unknown(function),
            _ => None,
        })
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        let items = select.projection.iter().find_map(|item| match item {
            SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => wildcard(options),
            _ => None,
        });
        let clause = match select {
            Select { distinct: Some(Distinct::On(_)), .. } => {
                refused("DISTINCT ON", "write row_number() OVER (PARTITION BY …) in a subquery")
            }
            Select { qualify: Some(_), .. } => refused("QUALIFY", "write a subquery and WHERE"),
            Select { top: Some(_), .. } => refused("TOP", "write LIMIT"),
            Select { exclude: Some(_), .. } => refused("EXCLUDE", "name the columns that are wanted"),
            Select { group_by: GroupByExpr::All(_), .. } => refused("GROUP BY ALL", "name the columns"),
            _ => None,
        };
        let joins = select.from.iter().flat_map(|from| &from.joins);
        given(items.or(clause).or_else(|| joins.into_iter().find_map(join)))
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Error> {
        given(match table {
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                Some(anyhow!("TABLESAMPLE is not answered here; write WHERE rand() < 0.01"))
            }
            _ => None,
        })
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<Error> {
        given(name.0.iter().filter_map(|part| part.as_ident()).find_map(quoted))
    }
}

fn given(refusal: Option<Error>) -> ControlFlow<Error> {
    refusal.map_or(ControlFlow::Continue(()), ControlFlow::Break)
}

fn refused(what: &str, instead: &str) -> Option<Error> {
    Some(anyhow!("SYNTAX_ERROR: Athena has no {what}; {instead}"))
}

fn operator(op: &BinaryOperator) -> Option<Error> {
    use BinaryOperator::{
        And, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or, PGRegexIMatch, PGRegexMatch,
        PGRegexNotIMatch, PGRegexNotMatch, Plus, StringConcat,
    };
    match op {
        And | Divide | Eq | Gt | GtEq | Lt | LtEq | Minus | Modulo | Multiply | NotEq | Or | Plus | StringConcat => {
            None
        }
        PGRegexMatch | PGRegexIMatch | PGRegexNotMatch | PGRegexNotIMatch => {
            refused(&format!("operator {op}"), "write regexp_like(x, 'pattern')")
        }
        _ => refused(&format!("operator {op}"), "see Athena's functions and operators"),
    }
}

fn quoted(name: &Ident) -> Option<Error> {
    match name.quote_style {
        Some('`') => refused("name in backquotes in a query", "write double quotes"),
        _ => None,
    }
}

fn wildcard(options: &WildcardAdditionalOptions) -> Option<Error> {
    let asks = [
        ("EXCLUDE", options.opt_exclude.is_some()),
        ("EXCEPT of columns", options.opt_except.is_some()),
        ("REPLACE of columns", options.opt_replace.is_some()),
        ("RENAME of columns", options.opt_rename.is_some()),
        ("ILIKE", options.opt_ilike.is_some()),
    ];
    let (what, _) = asks.into_iter().find(|(_, asked)| *asked)?;
    refused(what, "name the columns that are wanted")
}

fn join(join: &Join) -> Option<Error> {
    use JoinOperator::{Anti, AsOf, LeftAnti, LeftSemi, RightAnti, RightSemi, Semi};
    match (&join.join_operator, &join.relation) {
        (Anti(_) | LeftAnti(_) | RightAnti(_) | Semi(_) | LeftSemi(_) | RightSemi(_), _) => {
            refused("SEMI or ANTI JOIN", "write EXISTS or IN")
        }
        (AsOf { .. }, _) => refused("ASOF JOIN", "write a condition"),
        (_, TableFactor::UNNEST { with_offset: true, .. }) => refused("WITH OFFSET", "write WITH ORDINALITY"),
        _ => None,
    }
}

/// Refuses functions that Athena does not have, or that are not here.
fn unknown(function: &Function) -> Option<Error> {
    let name = super::rewrite::name_of(function).unwrap_or_else(|| function.name.to_string());
    let names = || FUNCTIONS.lines();
    if names().any(|known| known == name) {
        return None;
    }
    let likeness = |known: &&str| (normalized_levenshtein(known, &name) * 1000.0) as u32;
    let nearest = names().max_by_key(likeness).filter(|known| normalized_levenshtein(known, &name) >= LIKENESS_MIN);
    let hint = nearest.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
    Some(anyhow!("FUNCTION_NOT_FOUND: Function '{name}' is not one of those of Athena's that are answered here{hint}"))
}
