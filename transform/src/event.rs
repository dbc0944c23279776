//! The payload of an invocation: a batch of records in base64.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// Firehose's transformation event, reduced to what the transform needs.
/// <https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html>
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// The records, in order.
    pub records: Vec<EventRecord>,
}

/// What an invocation is given: an [`Event`], or the reason why it is none.
///
/// To read it never fails, because Lambda's runtime would report such a failure under the name of a type of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload(pub Result<Event, NotABatch>);

/// The error of a payload that is not a batch of Firehose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("payload is not a batch of Firehose: {0}")]
pub struct NotABatch(String);

impl NotABatch {
    /// The constant name of the error, for Lambda's `errorType`.
    pub fn kind(&self) -> &'static str {
        "NotABatch"
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Payload, D::Error> {
        let reason = |error: D::Error| NotABatch(telemetry::without_value(&error.to_string()).to_string());
        Ok(Payload(Event::deserialize(deserializer).map_err(reason)))
    }
}

/// A record of an [`Event`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EventRecord {
    /// Firehose's name for the record, which the answer repeats.
    #[serde(rename = "recordId")]
    pub record_id: String,
    /// The record, base64 decoded.
    #[serde(deserialize_with = "base64")]
    pub data: Vec<u8>,
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    deserializer.deserialize_bytes(Base64)
}

/// Decodes base64 from the string's bytes in the payload, without a copy or a check for UTF-8.
struct Base64;

impl Visitor<'_> for Base64 {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of base64")
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Vec<u8>, E> {
        // The decoder's reason would add nothing, and no part of the record may be logged.
        base64_simd::STANDARD.decode_to_vec(text).map_err(|_| E::custom("record data is not base64"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        self.visit_bytes(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_firehose_sends() {
        let event = r#"{"invocationId":"i","deliveryStreamArn":"arn","region":"eu-central-1","records":[
            {"recordId":"1","approximateArrivalTimestamp":1732104000000,"data":"e30="},
            {"recordId":"2","approximateArrivalTimestamp":1732104000000,"data":"\u0065\u0033\u0030="},
            {"recordId":"3","data":""}]}"#;
        let event: Event = serde_json::from_str(event).unwrap();
        let records: Vec<_> = event.records.iter().map(|it| (it.record_id.as_str(), it.data.as_slice())).collect();
        assert_eq!(records, [("1", b"{}".as_slice()), ("2", b"{}"), ("3", b"")]);
    }

    #[test]
    fn refuses_other_payloads_without_quoting_them() {
        for record in [r#"{"recordId":"1","data":"secret!"}"#, r#"{"recordId":"1","data":"e30"}"#] {
            let error = serde_json::from_str::<Event>(&format!(r#"{{"records":[{record}]}}"#)).unwrap_err().to_string();
            assert!(error.starts_with("record data is not base64"), "{error}");
        }
        assert!(serde_json::from_str::<Event>(r#"{"records":[{"recordId":"1","data":null}]}"#).is_err());
        assert!(serde_json::from_str::<Event>("{}").is_err());
    }

    /// As Lambda's runtime reads it, which does not ask what follows the value.
    fn payload(text: &str) -> Result<Event, NotABatch> {
        Payload::deserialize(&mut serde_json::Deserializer::from_str(text)).unwrap().0
    }

    #[test]
    fn names_the_error_of_any_other_payload() {
        assert_eq!(payload(r#"{"records":[]}"#), Ok(Event { records: Vec::new() }));
        for text in ["{}", "[]", "null", "{", r#"{"records":[{"recordId":"1","data":"!"},{}]}"#] {
            let error = payload(text).unwrap_err();
            assert_eq!(error.kind(), "NotABatch", "{text}");
            assert!(error.to_string().starts_with("payload is not a batch of Firehose: "), "{error}");
        }
        for text in [r#"{"records":"secret"}"#, r#""secret""#, r#"{"records":[{"recordId":"1","data":["secret"]}]}"#] {
            let error = payload(text).unwrap_err().to_string();
            assert!(error.contains("expected") && !error.contains("secret"), "{error}");
        }
    }
}
