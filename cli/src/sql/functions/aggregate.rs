//! Aggregates of Trino that are rewritten to aggregates of the engine.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, not_impl_err};
use datafusion::functions_aggregate::any_value::any_value_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::first_last::first_value_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility, lit, when};

pub(super) fn functions() -> Vec<AggregateUDF> {
    let rewritten = [Form::CountIf, Form::MaxBy, Form::MinBy].map(Rewritten::new);
    let arbitrary = any_value_udaf().as_ref().clone().with_aliases(["arbitrary"]);
    rewritten.into_iter().map(AggregateUDF::from).chain([arbitrary]).collect()
}

/// `count_if(x)` is `count(CASE WHEN x THEN 1 END)`.
fn count_if(mut call: AggregateFunction) -> Result<Expr> {
    let condition = call.params.args.swap_remove(0);
    call.params.args = vec![when(condition, lit(1)).end()?];
    Ok(Expr::AggregateFunction(AggregateFunction { func: count_udaf(), ..call }))
}

/// `max_by(x, y)` is `first_value(x ORDER BY y DESC)` over the rows whose y is not null.
fn by(mut call: AggregateFunction, ascending: bool) -> Result<Expr> {
    let key = call.params.args.swap_remove(1);
    let known = key.clone().is_not_null();
    let filter = call.params.filter.take().map(|filter| filter.and(known.clone())).unwrap_or(known);
    call.params.filter = Some(Box::new(filter));
    call.params.order_by = vec![key.sort(ascending, false)];
    Ok(Expr::AggregateFunction(AggregateFunction { func: first_value_udaf(), ..call }))
}

/// The aggregates that are rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    CountIf,
    MaxBy,
    MinBy,
}

/// An aggregate that exists only until the plan is simplified.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Rewritten {
    form: Form,
    signature: Signature,
}

impl Rewritten {
    fn new(form: Form) -> Rewritten {
        let signature = match form {
            Form::CountIf => Signature::exact(vec![DataType::Boolean], Volatility::Immutable),
            Form::MaxBy | Form::MinBy => Signature::any(2, Volatility::Immutable),
        };
        Rewritten { form, signature }
    }
}

impl AggregateUDFImpl for Rewritten {
    fn name(&self) -> &str {
        match self.form {
            Form::CountIf => "count_if",
            Form::MaxBy => "max_by",
            Form::MinBy => "min_by",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [value, _] => Ok(value.clone()),
            _ => Ok(DataType::Int64),
        }
    }

    fn is_nullable(&self) -> bool {
        self.form != Form::CountIf
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("{} is not available as a window function", self.name())
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let form = self.form;
        Some(Box::new(move |call, _| match form {
            Form::CountIf => count_if(call),
            Form::MaxBy => by(call, false),
            Form::MinBy => by(call, true),
        }))
    }
}
