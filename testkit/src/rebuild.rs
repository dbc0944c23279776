//! Finds every field of an event in its row: invariant F1, by a second reading of the rules.

use log_format::{COLUMNS, Kind, Object};

/// Fails with what is missing unless `row`, the values of the columns in order, holds every field of `event`.
///
/// In the sixteen columns null equals absent, and a value that is not a string equals its JSON text.
pub fn rebuilt(event: &Object<'_>, row: &[Option<String>]) -> Result<(), String> {
    columns(event, row)?;
    extra(event, row)
}

fn columns(event: &Object<'_>, row: &[Option<String>]) -> Result<(), String> {
    for (column, found) in COLUMNS.iter().zip(row).filter(|(column, _)| column.kind != Kind::Rest) {
        let expected = event.get(column.source).and_then(|json| expected_text(column.kind, json));
        if *found != expected {
            return Err(format!("{} is {found:?}, expected {expected:?}", column.name));
        }
    }
    Ok(())
}

/// Compares every other field with `extra`: same order, keys and values equal to the byte.
fn extra(event: &Object<'_>, row: &[Option<String>]) -> Result<(), String> {
    let others = event.fields().filter(|field| position(&field.name()).is_none());
    let expected: Vec<(&str, &str)> = others.map(|field| (field.key, field.value)).collect();
    let extra = row.last().cloned().flatten().unwrap_or_else(|| "{}".to_string());
    let extra = Object::parse(extra.as_bytes()).map_err(|error| format!("extra is no object: {error}"))?;
    let found: Vec<(&str, &str)> = extra.fields().map(|field| (field.key, field.value)).collect();
    if found == expected { Ok(()) } else { Err(format!("extra is {found:?}, expected {expected:?}")) }
}

/// The position of the column that the field `name` of an event goes into. `None` if it goes into `extra`.
pub fn position(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|column| column.kind != Kind::Rest && column.source == name)
}

/// The text that a column must hold for a field. `None` if the column must be null.
fn expected_text(kind: Kind, json: &str) -> Option<String> {
    match (kind, json) {
        (_, "null") => None,
        (Kind::Text, json) if json.starts_with('"') => Some(decoded(json)),
        (_, json) => Some(json.to_string()),
    }
}

/// The text of a JSON string. A lone surrogate, which no Rust string can hold, becomes `?`.
fn decoded(json: &str) -> String {
    let digits = ["d800", "dfff", "d83d", "dc00", "de00"].map(|digits| [digits.to_string(), digits.to_uppercase()]);
    serde_json::from_str(json).unwrap_or_else(|_| {
        let lone = digits.iter().flatten();
        let replaced = lone.fold(json.to_string(), |text, digits| text.replace(&format!("\\u{digits}"), "?"));
        serde_json::from_str(&replaced).unwrap()
    })
}
