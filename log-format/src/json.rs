//! JSON whose keys and values stay the text they are.
//!
//! There are two readers, and they agree: `minified` is fast and reads text without white space, `object` reads every
//! JSON object by serde_json. `scan` finds what is special inside of strings, for reading and for writing.

pub(crate) mod minified;
pub(crate) mod object;
pub(crate) mod scan;

use object::Object;

impl<'a> Object<'a> {
    /// Reads `text`, which must be one JSON object and nothing after it.
    ///
    /// # Errors
    ///
    /// If `text` is anything else.
    pub fn parse(text: &'a [u8]) -> Result<Object<'a>, serde_json::Error> {
        let minified = std::str::from_utf8(text).ok().and_then(minified::object);
        minified.map_or_else(|| Object::parse_any(text), Ok)
    }
}
