//! JSON objects of ours that end with a digest of themselves, so that no field changes by accident unseen. Pure.
//!
//! The last field is `sha256`: the SHA-256 of the object without that field, to the byte, in hexadecimal digits. An object
//! without the field is read too, because former versions wrote none.

use memchr::memmem;
use serde::de::{DeserializeOwned, Deserializer, Error, IgnoredAny};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What comes before the digest. No other text of an object that serde_json prints has it: within a string the line feed is
/// escaped, and deeper fields have more blanks.
const FIELD: &[u8] = b",\n  \"sha256\": \"";
/// What comes after the last field of an object.
const END: &[u8] = b"\n}";

/// The bytes to store.
///
/// # Errors
///
/// `value` is no JSON object with at least one field.
pub fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_vec_pretty(value)?;
    let digest = digest(&json);
    let Some(fields) = json.strip_suffix(END).map(<[u8]>::len) else {
        return Err(serde_json::Error::custom("it is no object with fields"));
    };
    json.truncate(fields);
    json.extend([FIELD, digest.as_bytes(), b"\"", END].concat());
    Ok(json)
}

/// Reads what [`to_json`] or a former version wrote.
///
/// # Errors
///
/// The bytes are not such an object, or not as they were written.
pub fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    if !is_as_written(json) {
        return Err(serde_json::Error::custom("it is not as it was written, by its sha256"));
    }
    serde_json::from_slice(json)
}

fn is_as_written(json: &[u8]) -> bool {
    match memmem::rfind(json, FIELD) {
        Some(at) => {
            let expected = digest(&[&json[..at], END].concat());
            json[at + FIELD.len()..].strip_suffix(b"\"\n}") == Some(expected.as_bytes())
        }
        // An object that was written again by another program has the field elsewhere, or in other words.
        None => serde_json::from_slice::<Field>(json).is_ok_and(|it| it.sha256.is_none()),
    }
}

/// The digest of an object, wherever it is and whatever it looks like. Null is a digest too, and no right one.
#[derive(Deserialize)]
struct Field {
    #[serde(default, deserialize_with = "any")]
    sha256: Option<()>,
}

fn any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<()>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Some(()))
}

/// In hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_object_ends_with_its_digest() {
        let value = BTreeMap::from([("a", "x\n  \"sha256\": \""), ("sha256", "y")]);
        let json = to_json(&value).unwrap();
        let text = std::str::from_utf8(&json).unwrap();
        assert!(text.ends_with("\"\n}"), "{text}");
        // Two fields of one name: the last is the digest.
        assert_eq!(from_json::<BTreeMap<String, String>>(&json).unwrap()["a"], value["a"]);
        assert!(to_json(&BTreeMap::<&str, &str>::new()).is_err());
        assert!(to_json(&7).is_err());
    }

    #[test]
    fn any_change_is_seen() {
        let json = to_json(&BTreeMap::from([("lines", 10), ("rows", 9)])).unwrap();
        assert_eq!(from_json::<BTreeMap<String, serde_json::Value>>(&json).unwrap()["rows"], 9);
        for at in 0..json.len() {
            for bit in [1, 4, 32] {
                let mut changed = json.clone();
                changed[at] ^= bit;
                let read = from_json::<BTreeMap<String, serde_json::Value>>(&changed);
                // Only the name of the digest itself may change.
                let same = read.is_ok_and(|read| read["rows"] != 9 || read["lines"] != 10);
                assert!(!same, "{at}");
            }
        }
    }

    #[test]
    fn an_object_of_a_former_version_has_no_digest() {
        assert_eq!(from_json::<BTreeMap<String, u32>>(b"{\"rows\": 9}").unwrap()["rows"], 9);
    }
}
