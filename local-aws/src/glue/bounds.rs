//! The bounds that Glue's model sets to inputs.

use super::catalog::{Entity, fold, name};
use super::error::GlueError;

/// Characters of the name of a database, table, column or key.
const NAME_LENGTH_MAX: usize = 255;
/// Characters of one partition value.
const VALUE_LENGTH_MAX: usize = 1024;

/// An error if a list holds more than `max` items.
pub(super) fn check_list<T>(member: &'static str, list: &[T], max: usize) -> Result<(), GlueError> {
    if list.len() <= max {
        return Ok(());
    }
    let value = format!("[{} items]", list.len());
    Err(GlueError::Bounds { member, value, must: format!("have length less than or equal to {max}") })
}

/// An error unless a text has from `min` to `max` characters.
pub(super) fn check_text(member: &'static str, text: &str, min: usize, max: usize) -> Result<(), GlueError> {
    let length = text.chars().count();
    let bound = match length {
        length if length < min => format!("greater than or equal to {min}"),
        length if length > max => format!("less than or equal to {max}"),
        _ => return Ok(()),
    };
    Err(GlueError::Bounds { member, value: text.to_owned(), must: format!("have length {bound}") })
}

/// An error unless a number is from `min` to `max`.
pub(super) fn check_number(member: &'static str, number: i64, min: i64, max: i64) -> Result<(), GlueError> {
    let bound = match number {
        number if number < min => format!("greater than or equal to {min}"),
        number if number > max => format!("less than or equal to {max}"),
        _ => return Ok(()),
    };
    Err(GlueError::Bounds { member, value: number.to_string(), must: format!("have value {bound}") })
}

/// The name in an input, which is made lower case there.
pub(super) fn required_name(member: &'static str, input: &mut Entity) -> Result<String, GlueError> {
    let folded = fold(&name(input, "Name"));
    check_text(member, &folded, 1, NAME_LENGTH_MAX)?;
    input.insert("Name".to_owned(), folded.clone().into());
    Ok(folded)
}

/// An error if one of a partition's values is too long.
pub(super) fn check_values(values: &[String]) -> Result<(), GlueError> {
    values.iter().try_for_each(|value| check_text("partitionInput.values", value, 0, VALUE_LENGTH_MAX))
}
