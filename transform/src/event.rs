//! What Firehose hands over: a batch of records in base64.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// A transformation event, what the transform needs of it.
/// <https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html>
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// The records, in order.
    pub records: Vec<EventRecord>,
}

/// One of its records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EventRecord {
    /// Firehose's name for the record, to be echoed.
    #[serde(rename = "recordId")]
    pub record_id: String,
    /// The record, base64 taken off.
    #[serde(deserialize_with = "base64")]
    pub data: Vec<u8>,
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    deserializer.deserialize_bytes(Base64)
}

/// Takes base64 off a string where it lies, which nobody has to look through for what else it might hold.
struct Base64;

impl Visitor<'_> for Base64 {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string of base64")
    }

    fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Vec<u8>, E> {
        // The reason would not tell more, and nothing of the record may be told.
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
    fn refuses_what_it_never_sends_without_telling_it() {
        for record in [r#"{"recordId":"1","data":"secret!"}"#, r#"{"recordId":"1","data":"e30"}"#] {
            let error = serde_json::from_str::<Event>(&format!(r#"{{"records":[{record}]}}"#)).unwrap_err().to_string();
            assert!(error.starts_with("record data is not base64"), "{error}");
        }
        assert!(serde_json::from_str::<Event>(r#"{"records":[{"recordId":"1","data":null}]}"#).is_err());
        assert!(serde_json::from_str::<Event>("{}").is_err());
    }
}
