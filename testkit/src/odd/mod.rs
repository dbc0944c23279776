//! Every input of `docs/bad-input.md`: a generator of each, and what is to become of it.

mod input;
mod lines;
mod objects;

pub use input::{Kept, Odd, good_lines, row_of_good};
use lines::LINES;
use objects::OBJECTS;

/// Every input's name, in the order of the table.
pub fn names() -> Vec<&'static str> {
    LINES.iter().map(|(name, _)| *name).chain(OBJECTS.iter().map(|(name, _)| *name)).collect()
}

/// The objects that an input makes of good lines: one, or one for each place that a line can stand in.
pub fn odds(name: &str, good: &[String]) -> Vec<Odd> {
    if let Some((_, make)) = OBJECTS.iter().find(|(it, _)| *it == name) {
        return vec![make(good)];
    }
    let (_, make) = LINES.iter().find(|(it, _)| *it == name).unwrap();
    let places = [("first line", 0), ("middle line", good.len() / 2), ("last line", good.len())];
    // First in the file, the mark is another input: `mark-at-object`.
    let places = places.into_iter().filter(|(_, at)| name != "mark-at-line" || *at > 0);
    places.map(|(place, at)| lines::among(&make(), good, place, at)).collect()
}
