//! Types that Athena does not compare.

use anyhow::{Result, anyhow};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, plan_err};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator};

/// Refuses comparisons and concatenations for which the engine would change a type by itself, as Athena never does.
///
/// `plan` is a statement's, before the engine has changed any type.
pub(in crate::sql) fn check(plan: &LogicalPlan) -> Result<()> {
    let checked = plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        node.apply_expressions(|expr| expr.apply(|expr| mismatch(expr, &schema)))
    });
    match checked {
        Ok(_) => Ok(()),
        Err(DataFusionError::Plan(message)) => Err(anyhow!(message)),
        Err(error) => Err(super::readable(error)),
    }
}

/// What Athena's types are to one another: those of one kind are compared, others never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Date,
    Timestamp,
    Boolean,
}

impl Kind {
    fn of(expr: &Expr, schema: &DFSchema) -> Option<Kind> {
        // An expression without a type is the engine's to refuse.
        match expr.get_type(schema).ok()? {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Kind::Text),
            DataType::Date32 | DataType::Date64 => Some(Kind::Date),
            DataType::Timestamp(..) => Some(Kind::Timestamp),
            DataType::Boolean => Some(Kind::Boolean),
            other if other.is_numeric() => Some(Kind::Number),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Text => "varchar",
            Kind::Number => "integer",
            Kind::Date => "date",
            Kind::Timestamp => "timestamp",
            Kind::Boolean => "boolean",
        }
    }

    fn is_compared_with(self, other: Kind) -> bool {
        let moments = [Kind::Date, Kind::Timestamp];
        self == other || moments.contains(&self) && moments.contains(&other)
    }
}

fn mismatch(expr: &Expr, schema: &DFSchema) -> Result<TreeNodeRecursion, DataFusionError> {
    match expr {
        Expr::BinaryExpr(binary) if is_comparison(binary.op) => {
            compare(&binary.left, &binary.op.to_string(), &binary.right, schema)?;
        }
        Expr::BinaryExpr(binary) if binary.op == Operator::StringConcat => {
            for side in [&binary.left, &binary.right] {
                if let Some(kind) = Kind::of(side, schema).filter(|kind| *kind != Kind::Text) {
                    let name = kind.name();
                    return plan_err!(
                        "TYPE_MISMATCH: Cannot apply operator: {name} || varchar; write CAST(x AS varchar)"
                    );
                }
            }
        }
        Expr::Between(between) => {
            compare(&between.expr, "BETWEEN", &between.low, schema)?;
            compare(&between.expr, "BETWEEN", &between.high, schema)?;
        }
        Expr::InList(list) => {
            for element in &list.list {
                compare(&list.expr, "IN", element, schema)?;
            }
        }
        _ => {}
    }
    Ok(TreeNodeRecursion::Continue)
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn compare(left: &Expr, op: &str, right: &Expr, schema: &DFSchema) -> Result<(), DataFusionError> {
    let (Some(left), Some(right)) = (Kind::of(left, schema), Kind::of(right, schema)) else { return Ok(()) };
    if left.is_compared_with(right) {
        return Ok(());
    }
    let both = [left, right];
    let hint = match () {
        () if both.contains(&Kind::Text) && both.contains(&Kind::Date) => "write a day as DATE '2026-11-20'",
        () if both.contains(&Kind::Text) && both.contains(&Kind::Number) => "write '09' in quotes, or CAST one of them",
        () if both.contains(&Kind::Text) && both.contains(&Kind::Timestamp) => {
            "write from_iso8601_timestamp(\"timestamp\"), or compare texts such as '2026-11-20T09'"
        }
        () => "CAST one of them",
    };
    plan_err!("TYPE_MISMATCH: Cannot apply operator: {} {op} {}; {hint}", left.name(), right.name())
}
