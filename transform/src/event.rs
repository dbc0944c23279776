//! What Firehose hands over: a batch of records in base64.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::Error};

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
    // Base64 has nothing to escape, so the text is taken where it lies.
    let text: Text<'de> = Deserialize::deserialize(deserializer)?;
    // The reason would not tell more, and nothing of the record may be told.
    base64_simd::STANDARD.decode_to_vec(text.0.as_bytes()).map_err(|_| D::Error::custom("record data is not base64"))
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

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
