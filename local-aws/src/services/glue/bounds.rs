//! The bounds of inputs in Glue's model.

use super::catalog::{Entity, fold_name, name};
use super::error::GlueError;

/// The most characters in the name of a database, table, column or key.
const NAME_LENGTH_MAX: usize = 255;
/// The most characters in one partition value.
const VALUE_LENGTH_MAX: usize = 1024;

/// Refuses a list of more than `max` items.
pub(super) fn check_list<T>(member: &'static str, list: &[T], max: usize) -> Result<(), GlueError> {
    if list.len() <= max {
        return Ok(());
    }
    let value = format!("[{} items]", list.len());
    Err(GlueError::Bounds { member, value, must: format!("have length less than or equal to {max}") })
}

/// Refuses a text that does not have `min` to `max` characters.
pub(super) fn check_text(member: &'static str, text: &str, min: usize, max: usize) -> Result<(), GlueError> {
    let length = text.chars().count();
    let bound = match length {
        length if length < min => format!("greater than or equal to {min}"),
        length if length > max => format!("less than or equal to {max}"),
        _ => return Ok(()),
    };
    Err(GlueError::Bounds { member, value: text.to_owned(), must: format!("have length {bound}") })
}

/// Refuses a number that is not from `min` to `max`.
pub(super) fn check_number(member: &'static str, number: i64, min: i64, max: i64) -> Result<(), GlueError> {
    let bound = match number {
        number if number < min => format!("greater than or equal to {min}"),
        number if number > max => format!("less than or equal to {max}"),
        _ => return Ok(()),
    };
    Err(GlueError::Bounds { member, value: number.to_string(), must: format!("have value {bound}") })
}

/// The name in an input, in lower case. The input gets that name too.
pub(super) fn required_name(member: &'static str, input: &mut Entity) -> Result<String, GlueError> {
    let folded = fold_name(&name(input, "Name"));
    check_text(member, &folded, 1, NAME_LENGTH_MAX)?;
    input.insert("Name".to_owned(), folded.clone().into());
    Ok(folded)
}

/// Refuses partition values of which one is too long.
pub(super) fn check_values(values: &[String]) -> Result<(), GlueError> {
    values.iter().try_for_each(|value| check_text("partitionInput.values", value, 0, VALUE_LENGTH_MAX))
}
