//! `json_array_contains`, `json_array_length`, and the elements of a JSON array as an array of the engine.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder, Int64Builder, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Int64Type};
use datafusion::common::cast::as_string_array;
use datafusion::common::{Result, exec_err};
use datafusion::functions::utils::make_scalar_function;
use datafusion::logical_expr::expr_fn::SimpleScalarUDF;
use datafusion::logical_expr::{ScalarUDF, Signature, TypeSignature, Volatility};
use serde_json::value::RawValue;

use super::json::scalar;

pub(super) fn functions() -> Vec<ScalarUDF> {
    let text = [DataType::Utf8];
    let list = || DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    vec![
        contains(),
        super::scalar("json_array_length", &text, DataType::Int64, length),
        // What `CAST(x AS array(json))` and `CAST(x AS array(varchar))` are rewritten to.
        super::scalar("json_elements", &text, list(), elements),
        super::scalar("json_texts", &text, list(), |arguments| texts(arguments, false)),
        super::scalar("try_json_texts", &text, list(), |arguments| texts(arguments, true)),
    ]
}

/// A value and an element are equal only if they are of one type, so the value is not changed into a text.
fn contains() -> ScalarUDF {
    let with = |value| TypeSignature::Exact(vec![DataType::Utf8, value]);
    let signatures = [DataType::Utf8, DataType::Boolean, DataType::Int64, DataType::Float64].map(with);
    let signature = Signature::one_of(signatures.to_vec(), Volatility::Immutable);
    let apply = Arc::new(make_scalar_function(contains_value, Vec::new()));
    ScalarUDF::from(SimpleScalarUDF::new_with_signature("json_array_contains", signature, DataType::Boolean, apply))
}

/// The elements of a JSON array. `None` if the text is not one.
fn array(json: &str) -> Option<Vec<&RawValue>> {
    json.trim_start().starts_with('[').then(|| serde_json::from_str(json).ok()).flatten()
}

fn length(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let mut lengths = Int64Builder::new();
    for text in as_string_array(&arguments[0])? {
        let elements = text.and_then(array);
        lengths.append_option(elements.and_then(|elements| i64::try_from(elements.len()).ok()));
    }
    Ok(Arc::new(lengths.finish()))
}

fn contains_value(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let values = &arguments[1];
    let mut found = BooleanBuilder::new();
    for (row, text) in as_string_array(&arguments[0])?.iter().enumerate() {
        let elements = text.filter(|_| values.is_valid(row)).and_then(array);
        let is_value = |json: &&RawValue| is_value(json.get(), values, row);
        found.append_option(elements.map(|elements| elements.iter().any(is_value)));
    }
    Ok(Arc::new(found.finish()))
}

/// True if an element is the value in a row, which is of one of the types of the signature.
fn is_value(json: &str, values: &ArrayRef, row: usize) -> bool {
    match values.data_type() {
        DataType::Boolean => json.parse() == Ok(values.as_boolean().value(row)),
        DataType::Int64 => json.parse() == Ok(values.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => json.parse() == Ok(values.as_primitive::<Float64Type>().value(row)),
        _ => json.starts_with('"') && scalar(json).as_deref() == Some(values.as_string::<i32>().value(row)),
    }
}

/// The elements of each array as JSON. Null if the text is no JSON array.
fn elements(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for text in as_string_array(&arguments[0])? {
        let elements = text.and_then(array);
        for element in elements.iter().flatten() {
            lists.values().append_value(element.get());
        }
        lists.append(elements.is_some());
    }
    Ok(Arc::new(lists.finish()))
}

/// The elements of each array as texts. Null if the text is no JSON array. An element that is no scalar has no text: its
/// array is null if `leniently`, else an error.
fn texts(arguments: &[ArrayRef], leniently: bool) -> Result<ArrayRef> {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for text in as_string_array(&arguments[0])? {
        let elements = text.and_then(array);
        let texts =
            elements.map(|elements| elements.iter().map(|it| element_text(it.get())).collect::<Option<Vec<_>>>());
        match texts {
            Some(None) if !leniently => {
                return exec_err!("an array of JSON with an object or array in it has no texts");
            }
            Some(Some(texts)) => lists.append_value(texts),
            Some(None) | None => lists.append_null(),
        }
    }
    Ok(Arc::new(lists.finish()))
}

/// A scalar's text; that of null is none. `None` if it is no scalar.
fn element_text(json: &str) -> Option<Option<String>> {
    match json {
        "null" => Some(None),
        _ => scalar(json).map(|text| Some(text.into_owned())),
    }
}
