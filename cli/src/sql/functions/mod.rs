//! Functions of Trino that the engine lacks.
//!
//! Functions that the engine has under the same name and meaning are not here: `date_trunc`, `regexp_like`,
//! `split_part`, `approx_distinct`, `any_value`, `coalesce`, `array_agg` and many more. Those that it has under another
//! name are rewritten in [`dialect`](super::dialect).

mod aggregate;
mod arrays;
mod json;
mod text;
mod time;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::{ScalarUDF, Volatility, create_udf};

/// Adds the functions to a session.
pub(super) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    let functions = [json::functions(), arrays::functions(), text::functions(), time::functions()];
    for function in functions.into_iter().flatten() {
        registry.register_udf(Arc::new(function))?;
    }
    for function in aggregate::functions() {
        registry.register_udaf(Arc::new(function))?;
    }
    Ok(())
}

/// A function of columns whose result depends on its arguments alone.
fn scalar(name: &str, takes: &[DataType], gives: DataType, apply: fn(&[ArrayRef]) -> Result<ArrayRef>) -> ScalarUDF {
    let apply = make_scalar_function(apply, Vec::new());
    create_udf(name, takes.to_vec(), gives, Volatility::Immutable, Arc::new(apply))
}
