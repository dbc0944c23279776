//! The fields of a JSON object as they are written. `verify` and the embedded engine read lines by it, and so share no
//! reader with the log format, which they check.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Keys and values of a JSON object as JSON text, in order, with repeated keys.
pub(crate) struct RawPairs<'a>(pub(crate) Vec<(&'a str, &'a str)>);

impl<'a> RawPairs<'a> {
    /// Reads the object that `text` begins with, and returns whatever follows it.
    pub(crate) fn first_of(text: &'a str) -> Result<(RawPairs<'a>, &'a str), serde_json::Error> {
        let mut objects = serde_json::Deserializer::from_str(text).into_iter();
        match objects.next() {
            Some(object) => Ok((object?, &text[objects.byte_offset()..])),
            None => Err(serde_json::Error::custom("there is no object")),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawPairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = RawPairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawPairs<'de>, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    pairs.push((key.get(), value.get()));
                }
                Ok(RawPairs(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
