//! A batch: every record gets an answer, and all answers fit into one response.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use base64_simd::STANDARD;
use serde::ser::{Error, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::record::{self, RecordError};

/// The largest response that Firehose accepts: 6 MB, in the smaller of the two meanings of MB.
/// <https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html>
pub const RESPONSE_BYTES_MAX: usize = 6_000_000;

/// One record of a Firehose batch.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Firehose's `recordId`, which the answer repeats.
    pub id: &'a str,
    /// The envelope, base64 already decoded.
    pub data: &'a [u8],
}

/// The response to Firehose.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// One answer for each record, in the order of the batch.
    pub records: Vec<Answer>,
}

/// The answer to one record.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Firehose's `recordId` of the record.
    pub record_id: String,
    /// Whether `data` is the line.
    pub result: RecordResult,
    /// The line, or the original record. Empty if the original did not fit into the response. Base64 in the response's
    /// JSON.
    pub data: Vec<u8>,
}

/// The result of one record. Firehose's third value, `Dropped`, is never used: Firehose counts it as success (T3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordResult {
    /// `data` is the line.
    Ok,
    /// The record has no line. Firehose keeps its own copy of the original under `error/`.
    ProcessingFailed,
}

impl Response {
    /// The response as JSON. The type of the crate aws_lambda_events would write fields that Firehose does not
    /// document.
    pub fn to_json(&self) -> String {
        // The exact capacity: a larger one would cost a copy when the string is shrunk. The last answer has no comma.
        let bytes = FRAME_BYTES + self.records.iter().map(Answer::bytes).sum::<usize>();
        let mut json = String::with_capacity(bytes - usize::from(!self.records.is_empty()));
        json.push_str("{\"records\":[");
        for (number, answer) in self.records.iter().enumerate() {
            if number > 0 {
                json.push(',');
            }
            answer.write(&mut json);
        }
        json.push_str("]}");
        json
    }
}

/// Writes base64 in place. A derived implementation would search it for characters to escape, and it has none.
impl Serialize for Response {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_json()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl Answer {
    fn write(&self, json: &mut String) {
        let (result, id) = (self.result.name(), serde_json::Value::from(self.record_id.as_str()));
        // Writing to a String cannot fail.
        let written = write!(json, "{{\"recordId\":{id},\"result\":\"{result}\",\"data\":\"");
        debug_assert!(written.is_ok());
        STANDARD.encode_append(&self.data, json);
        json.push_str("\"}");
    }

    /// The length of the answer's JSON with a comma, if the id needs no escapes.
    fn bytes(&self) -> usize {
        ANSWER_BYTES + self.record_id.len() + self.result.name().len() + encoded_bytes(&self.data)
    }
}

/// `{"recordId":"","result":"","data":""},`
const ANSWER_BYTES: usize = 38;

impl RecordResult {
    fn name(self) -> &'static str {
        match self {
            RecordResult::Ok => "Ok",
            RecordResult::ProcessingFailed => "ProcessingFailed",
        }
    }
}

/// The counts of a batch.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Records received.
    pub records: u64,
    /// Records that became a line.
    pub ok: u64,
    /// Records that have no line, by reason, in the order of [`RecordError::ALL`].
    pub failed: [u64; RecordError::ALL.len()],
    /// Bytes of the records, without base64.
    pub bytes_in: u64,
    /// Bytes of the lines.
    pub bytes_out: u64,
}

impl Report {
    /// Records that have no line.
    pub fn failed_total(&self) -> u64 {
        self.failed.iter().sum()
    }

    /// The reasons that occurred, with their counts.
    pub fn reasons(&self) -> impl Iterator<Item = (RecordError, u64)> {
        RecordError::ALL.into_iter().zip(self.failed).filter(|(_, count)| *count > 0)
    }

    /// The reasons that occurred, with their counts: `NoEvent=2 NotJson=1`.
    pub fn failed_by_reason(&self) -> String {
        self.reasons().map(|(reason, count)| format!("{reason:?}={count}")).collect::<Vec<_>>().join(" ")
    }

    /// Adds the counts of another batch.
    pub fn add(&mut self, other: &Report) {
        self.records += other.records;
        self.ok += other.ok;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        for (reason, count) in self.failed.iter_mut().zip(other.failed) {
            *reason += count;
        }
    }

    /// Counts one record with its line or error.
    pub fn count(&mut self, data: &[u8], outcome: &Result<Vec<u8>, RecordError>) {
        self.records += 1;
        self.bytes_in += data.len() as u64;
        match outcome {
            Ok(line) => {
                self.ok += 1;
                self.bytes_out += line.len() as u64;
            }
            Err(error) => self.failed[*error as usize] += 1,
        }
    }
}

/// Answers every record with the line that `line_of` makes of it.
///
/// T1: a bad record, or a panic over it, fails that record alone. T2: the bytes of an empty answer are reserved for
/// every record first. A line that does not fit into the remaining bytes becomes a failure without data, and later
/// lines that fit are still delivered.
pub fn answer(records: &[Record<'_>], line_of: impl Fn(&[u8]) -> Result<Vec<u8>, RecordError>) -> (Response, Report) {
    let reserved: usize = records.iter().map(|record| empty_answer_bytes(record.id)).sum();
    let mut budget = RESPONSE_BYTES_MAX.saturating_sub(FRAME_BYTES + reserved);
    let mut report = Report::default();
    let mut answers = Vec::with_capacity(records.len());
    for record in records {
        let outcome = caught(&line_of, record.data).and_then(|line| fit(line, &mut budget));
        report.count(record.data, &outcome);
        answers.push(answer_one(record, outcome, &mut budget));
    }
    (Response { records: answers }, report)
}

/// `{"records":[]}`
const FRAME_BYTES: usize = 14;

/// The length of the longer of the two possible answers to a record, with its comma but without data.
fn empty_answer_bytes(id: &str) -> usize {
    let mut json = String::new();
    Answer { record_id: id.to_string(), result: RecordResult::ProcessingFailed, data: Vec::new() }.write(&mut json);
    json.len() + 1
}

/// The line of a single record. As in a batch, a panic becomes [`RecordError::Panicked`].
///
/// # Errors
///
/// If the record has no line.
pub fn line(data: &[u8]) -> Result<Vec<u8>, RecordError> {
    caught(&record::line, data)
}

fn caught(line_of: &impl Fn(&[u8]) -> Result<Vec<u8>, RecordError>, data: &[u8]) -> Result<Vec<u8>, RecordError> {
    // `line_of` keeps no state between records, so a panic can leave none broken.
    catch_unwind(AssertUnwindSafe(|| line_of(data))).unwrap_or(Err(RecordError::Panicked))
}

fn fit(line: Vec<u8>, budget: &mut usize) -> Result<Vec<u8>, RecordError> {
    *budget = budget.checked_sub(encoded_bytes(&line)).ok_or(RecordError::OverBudget)?;
    Ok(line)
}

fn answer_one(record: &Record<'_>, outcome: Result<Vec<u8>, RecordError>, budget: &mut usize) -> Answer {
    let record_id = record.id.to_string();
    match outcome {
        Ok(line) => Answer { record_id, result: RecordResult::Ok, data: line },
        Err(_) => Answer { record_id, result: RecordResult::ProcessingFailed, data: original(record.data, budget) },
    }
}

/// The original record, or nothing if it does not fit. Firehose keeps its own copy either way.
fn original(data: &[u8], budget: &mut usize) -> Vec<u8> {
    match budget.checked_sub(encoded_bytes(data)) {
        Some(rest) => {
            *budget = rest;
            data.to_vec()
        }
        None => Vec::new(),
    }
}

fn encoded_bytes(data: &[u8]) -> usize {
    data.len().div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records<'a>(ids: &'a [String], data: &'a [u8]) -> Vec<Record<'a>> {
        ids.iter().map(|id| Record { id, data }).collect()
    }

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("4966374{number:049}")).collect()
    }

    #[test]
    fn writes_what_firehose_reads() {
        let ids = ["1".to_string(), "2".to_string()];
        let batch = [Record { id: &ids[0], data: b"good" }, Record { id: &ids[1], data: b"bad" }];
        let (response, report) = answer(&batch, |data| match data {
            b"good" => Ok(b"line\n".to_vec()),
            _ => Err(RecordError::NotJson),
        });
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            concat!(
                r#"{"records":[{"recordId":"1","result":"Ok","data":"bGluZQo="},"#,
                r#"{"recordId":"2","result":"ProcessingFailed","data":"YmFk"}]}"#
            )
        );
        let json = response.to_json();
        assert_eq!(json.capacity(), json.len());
        assert_eq!((report.records, report.ok, report.bytes_in, report.bytes_out), (2, 1, 7, 5));
        assert_eq!(report.failed_by_reason(), "NotJson=1");
    }

    #[test]
    fn a_panic_fails_one_record() {
        let ids = ids(3);
        let batch: Vec<_> =
            ids.iter().zip(["a", "b", "c"]).map(|(id, data)| Record { id, data: data.as_bytes() }).collect();
        let (response, report) = answer(&batch, |data| {
            assert_ne!(data, b"b", "a bug");
            Ok(data.to_vec())
        });
        let results: Vec<RecordResult> = response.records.iter().map(|answer| answer.result).collect();
        assert_eq!(results, [RecordResult::Ok, RecordResult::ProcessingFailed, RecordResult::Ok]);
        assert_eq!(report.failed_by_reason(), "Panicked=1");
    }

    /// The lines of 500 records would make 8 MB: as many as fit are answered, the others fail without data.
    #[test]
    fn the_response_fits_and_answers_every_record() {
        let ids = ids(500);
        let (response, report) = answer(&records(&ids, b"{}"), |_| Ok(vec![b'x'; 12_000]));
        let json = serde_json::to_string(&response).unwrap();
        assert!(json.len() <= RESPONSE_BYTES_MAX, "{}", json.len());
        assert!(json.len() > RESPONSE_BYTES_MAX - 16_000, "bytes were wasted: {}", json.len());
        assert_eq!(
            response.records.iter().map(|answer| &answer.record_id).collect::<Vec<_>>(),
            ids.iter().collect::<Vec<_>>()
        );
        assert_eq!((report.ok, report.failed_by_reason()), (371, "OverBudget=129".to_string()));
    }

    #[test]
    fn a_small_line_after_one_too_large_still_fits() {
        let ids = ids(3);
        let sizes = [4_000_000, 1_000_000, 300_000];
        let data: Vec<Vec<u8>> = sizes.iter().map(|size| vec![b'x'; *size]).collect();
        let batch: Vec<_> = ids.iter().zip(&data).map(|(id, data)| Record { id, data }).collect();
        let (response, report) = answer(&batch, |data| Ok(data.to_vec()));
        let lengths: Vec<usize> = response.records.iter().map(|answer| answer.data.len()).collect();
        assert_eq!(lengths, [4_000_000, 0, 300_000]);
        assert_eq!(report.failed_by_reason(), "OverBudget=1");
    }

    #[test]
    fn an_empty_batch_has_an_empty_answer() {
        let (response, report) = answer(&[], |data| Ok(data.to_vec()));
        assert_eq!(serde_json::to_string(&response).unwrap().len(), FRAME_BYTES);
        assert_eq!(report, Report::default());
    }
}
