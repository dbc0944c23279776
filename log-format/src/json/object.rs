//! A JSON object whose keys and values stay the text they are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The fields of a JSON object, each key and value exactly as it stands in the text.
///
/// Nothing is decoded: numbers keep their digits and strings their escapes. Duplicate keys are kept, in order.
#[derive(Debug, Default)]
pub struct Object<'a> {
    fields: Vec<Field<'a>>,
}

impl<'a> Object<'a> {
    pub(crate) fn of(fields: Vec<Field<'a>>) -> Object<'a> {
        Object { fields }
    }

    /// Reads any JSON object by serde_json, the slow way.
    pub(crate) fn parse_any(text: &'a [u8]) -> Result<Object<'a>, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Reads the JSON object that `text` begins with. Also returns where in `text` it ends.
    ///
    /// # Errors
    ///
    /// If `text` does not begin with a JSON object.
    pub fn parse_first(text: &'a [u8]) -> Result<(Object<'a>, usize), serde_json::Error> {
        let mut objects = serde_json::Deserializer::from_slice(text).into_iter();
        match objects.next() {
            Some(object) => Ok((object?, objects.byte_offset())),
            None => Err(serde_json::Error::custom("there is no object")),
        }
    }

    /// True if the object has no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of the field `name`, as JSON text. Of duplicate keys the last counts.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields().rev().find(|field| field.name() == name).map(|field| field.value)
    }

    /// The fields in the order of the text, duplicates included.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'a>> {
        self.fields.iter().copied()
    }
}

/// A field of an [`Object`].
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// The key as JSON text, quotes and escapes included.
    pub key: &'a str,
    /// The value as JSON text.
    pub value: &'a str,
}

impl<'a> Field<'a> {
    /// The text that the key stands for.
    pub fn name(&self) -> Cow<'a, str> {
        string_text(self.key)
    }
}

/// Appends a field to the text of a JSON object that still lacks its closing brace.
pub(crate) fn append_field(object: &mut String, key: &str, value: &str) {
    object.push(if object.is_empty() { '{' } else { ',' });
    object.push_str(key);
    object.push(':');
    object.push_str(value);
}

/// The text that a JSON string stands for. A lone surrogate becomes `?`, as Trino shows it.
///
/// `json` must be a valid JSON string with its quotes.
pub(crate) fn string_text(json: &str) -> Cow<'_, str> {
    let inner = &json[1..json.len() - 1];
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    match serde_json::from_str::<String>(json) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Owned(lossy_text(json)),
    }
}

/// Decodes a string with lone surrogates. Read as bytes, serde_json gives each of them as three bytes, ED Ax/Bx xx.
fn lossy_text(json: &str) -> String {
    let bytes = serde_json::from_str::<StringBytes>(json).map(|bytes| bytes.0).unwrap_or_default();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if chunk.invalid().first() == Some(&0xED) {
            text.push('?');
        }
    }
    text
}

struct StringBytes(Vec<u8>);

impl<'de> Deserialize<'de> for StringBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = StringBytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<StringBytes, E> {
                Ok(StringBytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Object<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::with_capacity(24);
                while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                    fields.push(Field { key: key.get(), value: value.get() });
                }
                Ok(Object { fields })
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_keys_and_values_as_they_stand() {
        let object = Object::parse(br#" {"a": 1.50, "\u0062\ud800": "\u00e9", "a": [1, 2] } "#).unwrap();
        let fields: Vec<_> = object.fields().map(|field| (field.key, field.value)).collect();
        assert_eq!(fields, [(r#""a""#, "1.50"), (r#""\u0062\ud800""#, r#""\u00e9""#), (r#""a""#, "[1, 2]")]);
        assert_eq!(object.get("a"), Some("[1, 2]"));
        assert_eq!(object.get("b?"), Some(r#""\u00e9""#));
    }

    #[test]
    fn refuses_what_is_no_object() {
        for text in ["", "1", "[]", "null", "{", "{}x", r#"{"a"}"#, "{'a':1}", "{\"a\":\"\n\"}"] {
            assert!(Object::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Object::parse(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn reads_the_first_object_only() {
        let (object, end) = Object::parse_first(br#"{"a":1} {"a":2}"#).unwrap();
        assert_eq!((object.get("a"), end), (Some("1"), 7));
        assert!(Object::parse_first(b" ").is_err());
    }

    #[test]
    fn decodes_strings() {
        let cases = [
            (r#""""#, ""),
            (r#""plain é""#, "plain é"),
            (r#""a\"\\\/\n\u0000""#, "a\"\\/\n\0"),
            (r#""\ud83d\ude00""#, "😀"),
            (r#""a\ud800b""#, "a?b"),
            (r#""\udc00\ud800é""#, "??é"),
            (r#""\ud800\ud83d\ude00""#, "?😀"),
        ];
        for (json, text) in cases {
            assert_eq!(string_text(json), text, "{json}");
        }
    }
}
