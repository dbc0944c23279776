//! A JSON object whose keys and values stay the text they are.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::compact;

/// The fields of a JSON object, each key and value as it stands in the text.
///
/// Nothing is decoded, so numbers keep their digits and strings their escapes. Duplicate keys are kept, in order.
#[derive(Debug, Default)]
pub struct Object<'a> {
    fields: Vec<Field<'a>>,
}

impl<'a> Object<'a> {
    /// Reads `text`, which must be one JSON object and nothing after it.
    pub fn parse(text: &'a [u8]) -> Result<Object<'a>, serde_json::Error> {
        let quickly = std::str::from_utf8(text).ok().and_then(compact::object);
        quickly.map_or_else(|| Object::parse_slowly(text), Ok)
    }

    /// The same for every text there is.
    pub(crate) fn parse_slowly(text: &'a [u8]) -> Result<Object<'a>, serde_json::Error> {
        serde_json::from_slice(text)
    }

    pub(crate) fn of(fields: Vec<Field<'a>>) -> Object<'a> {
        Object { fields }
    }

    /// Reads the JSON object that `text` begins with; what comes after it is not looked at.
    pub fn parse_first(text: &'a [u8]) -> Result<Object<'a>, serde_json::Error> {
        Object::deserialize(&mut serde_json::Deserializer::from_slice(text))
    }

    /// True where the object has no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of `name`, as JSON text; of duplicate keys the last.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields().rev().find(|field| field.name() == name).map(|field| field.value)
    }

    /// The fields, in order.
    pub fn fields(&self) -> impl DoubleEndedIterator<Item = Field<'a>> {
        self.fields.iter().copied()
    }
}

/// The event at `detail.data` of an EventBridge envelope, and `detail.log_id` as JSON text where there is one.
///
/// None where the envelope has no object there; of duplicate keys the last counts.
///
/// # Errors
///
/// Where the envelope is not one JSON object.
pub fn event_of(envelope: &str) -> Result<Option<(Object<'_>, Option<&str>)>, serde_json::Error> {
    if let Some(found) = compact::event(envelope) {
        return Ok(Some(found));
    }
    let envelope = Object::parse(envelope.as_bytes())?;
    Ok(object(envelope.get("detail")).and_then(|detail| Some((object(detail.get("data"))?, detail.get("log_id")))))
}

fn object(json: Option<&str>) -> Option<Object<'_>> {
    Object::parse(json?.as_bytes()).ok()
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
    /// The key's text.
    pub fn name(&self) -> Cow<'a, str> {
        string_text(self.key)
    }
}

/// The text that a JSON string stands for. A lone surrogate becomes `?`, as Trino shows it.
///
/// `json` must be a valid JSON string, quotes included, as `RawValue` guarantees.
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

/// Decodes a string with lone surrogates: as bytes, serde_json lets each of them through as three bytes ED Ax/Bx xx.
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
        assert_eq!(Object::parse_first(br#"{"a":1} {"a":2}"#).unwrap().get("a"), Some("1"));
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
