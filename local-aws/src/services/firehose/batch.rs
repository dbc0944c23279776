//! A batch of records and its invocation of the transform.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::settings::Settings;
use crate::services::lambda::{FunctionError, PAYLOAD_BYTES_MAX};

/// The longest invocation of the transform, in seconds.
pub const INVOCATION_SECONDS_MAX: u64 = 300;

/// Upper bound of the JSON around the base64 of one record.
const RECORD_OVERHEAD_BYTES: usize = 160;

/// Upper bound of the JSON around all records.
const REQUEST_OVERHEAD_BYTES: usize = 1024;

/// A record that was put.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) data: Bytes,
    pub(super) arrival: DateTime<Utc>,
    /// The moment until which its object is held back.
    pub(super) release: Option<DateTime<Utc>>,
}

/// The result of the transform for one record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RecordResult {
    Ok(Vec<u8>),
    Dropped,
    Failed(FailureReason),
}

/// Why a record goes to the error objects, as Firehose words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FailureReason {
    code: &'static str,
    message: &'static str,
}

impl FailureReason {
    const PROCESSING_FAILED: FailureReason =
        FailureReason { code: "Lambda.ProcessingFailedStatus", message: "ProcessingFailed status set for record" };

    // The following fail every record of a batch.
    const FUNCTION_ERROR: FailureReason = FailureReason {
        code: "Lambda.FunctionError",
        message: "The Lambda function was successfully invoked but it returned an error result.",
    };
    const TIMED_OUT: FailureReason = FailureReason {
        code: "Lambda.FunctionTimedOut",
        message: "The Lambda function timed out before it could respond.",
    };
    const UNREADABLE: FailureReason = FailureReason {
        code: "Lambda.JsonProcessingException",
        message: "The output of the Lambda function could not be parsed.",
    };
    const MISSING: FailureReason = FailureReason {
        code: "Lambda.MissingRecordId",
        message: "One or more record Ids were not returned. Ensure that the Lambda function returns all received \
                  record Ids.",
    };
    const DOUBLED: FailureReason = FailureReason {
        code: "Lambda.DuplicatedRecordId",
        message: "Multiple records were returned with the same record Id. Ensure that the Lambda function returns a \
                  unique record Id for each record.",
    };
    const NO_DATA: FailureReason = FailureReason {
        code: "Lambda.InvalidReturnFormat",
        message: "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource and \
                  processing result is Ok.",
    };

    /// The line of an error object.
    pub(super) fn error_line(&self, record: &Record, attempts: u32, now: DateTime<Utc>, arn: &str) -> String {
        let raw = STANDARD.encode(&record.data);
        let (arrival, end) = (record.arrival.timestamp_millis(), now.timestamp_millis());
        // Formatted by hand to keep Firehose's order of fields. A JSON value would sort them.
        format!(
            "{{\"attemptsMade\":{attempts},\"arrivalTimestamp\":{arrival},\"errorCode\":\"{}\",\"errorMessage\":\"{}\",\
             \"attemptEndingTimestamp\":{end},\"rawData\":\"{raw}\",\"lambdaArn\":{}}}\n",
            self.code,
            self.message,
            json!(arn),
        )
    }
}

/// Why an invocation failed the whole batch.
#[derive(Debug)]
pub(super) struct BatchFailure {
    pub(super) reason: FailureReason,
    pub(super) error: FunctionError,
}

impl BatchFailure {
    pub(super) fn timed_out() -> BatchFailure {
        let message = format!("no answer within {INVOCATION_SECONDS_MAX} seconds");
        BatchFailure {
            reason: FailureReason::TIMED_OUT,
            error: FunctionError { error_type: "Function.TimedOut".to_owned(), message },
        }
    }

    fn new(reason: FailureReason, message: impl Into<String>) -> BatchFailure {
        let error = FunctionError { error_type: reason.code.to_owned(), message: message.into() };
        BatchFailure { reason, error }
    }
}

impl From<FunctionError> for BatchFailure {
    fn from(error: FunctionError) -> BatchFailure {
        BatchFailure { reason: FailureReason::FUNCTION_ERROR, error }
    }
}

/// The records of one invocation.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    bytes: usize,
    request_bytes: usize,
}

impl Batch {
    /// Whether `record` still fits. The first record always fits, because a record is smaller than a request.
    pub(super) fn has_room(&self, record: &Record, settings: &Settings) -> bool {
        let fits = self.bytes + record.data.len() <= settings.transform_buffer_bytes_max
            && REQUEST_OVERHEAD_BYTES + self.request_bytes + request_bytes(record) <= PAYLOAD_BYTES_MAX;
        self.records.is_empty() || fits
    }

    pub(super) fn push(&mut self, record: Record) {
        self.bytes += record.data.len();
        self.request_bytes += request_bytes(&record);
        self.records.push(record);
    }

    pub(super) fn oldest(&self) -> Option<DateTime<Utc>> {
        self.records.iter().map(|record| record.arrival).min()
    }

    /// The transformation event.
    pub(super) fn request(&self, invocation: Uuid, settings: &Settings) -> Bytes {
        let Settings { region, account, stream, .. } = settings;
        let records = self.records.iter().map(|record| {
            json!({
                "recordId": record.id,
                "approximateArrivalTimestamp": record.arrival.timestamp_millis(),
                "data": STANDARD.encode(&record.data),
            })
        });
        let event = json!({
            "invocationId": invocation.to_string(),
            "deliveryStreamArn": format!("arn:aws:firehose:{region}:{account}:deliverystream/{stream}"),
            "region": region,
            "records": records.collect::<Vec<_>>(),
        });
        Bytes::from(event.to_string())
    }

    /// The result of each record in `response`, in order. The whole batch fails if `response` does not hold one readable
    /// result for each record.
    pub(super) fn results(&self, response: &[u8]) -> Result<Vec<RecordResult>, BatchFailure> {
        if response.len() > PAYLOAD_BYTES_MAX {
            let message = format!("{} bytes are more than the {PAYLOAD_BYTES_MAX} of a response", response.len());
            return Err(BatchFailure::new(FailureReason::FUNCTION_ERROR, message));
        }
        let unreadable = |error: serde_json::Error| BatchFailure::new(FailureReason::UNREADABLE, error.to_string());
        let response: Response<'_> = serde_json::from_slice(response).map_err(unreadable)?;
        let returned_count = response.records.len();
        let mut returned: HashMap<Cow<'_, str>, Returned<'_>> = HashMap::new();
        for record in response.records {
            if returned.insert(record.record_id.clone(), record).is_some() {
                return Err(BatchFailure::new(FailureReason::DOUBLED, "a recordId was returned twice"));
            }
        }
        let missing = || BatchFailure::new(FailureReason::MISSING, "a recordId was not returned");
        let results = self.records.iter().map(|record| returned.get(record.id.as_str()).ok_or_else(missing)?.result());
        let results: Vec<RecordResult> = results.collect::<Result<_, _>>()?;
        if returned_count > results.len() {
            return Err(BatchFailure::new(FailureReason::UNREADABLE, "a recordId was returned that was never sent"));
        }
        Ok(results)
    }
}

fn request_bytes(record: &Record) -> usize {
    record.data.len().div_ceil(3) * 4 + RECORD_OVERHEAD_BYTES
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    records: Vec<Returned<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Returned<'a> {
    #[serde(borrow)]
    record_id: Cow<'a, str>,
    result: Status,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
enum Status {
    Ok,
    Dropped,
    ProcessingFailed,
}

impl Returned<'_> {
    fn result(&self) -> Result<RecordResult, BatchFailure> {
        Ok(match (&self.result, &self.data) {
            (Status::Dropped, _) => RecordResult::Dropped,
            (Status::ProcessingFailed, _) => RecordResult::Failed(FailureReason::PROCESSING_FAILED),
            (Status::Ok, None) => {
                return Err(BatchFailure::new(FailureReason::NO_DATA, "a record is Ok and has no data"));
            }
            (Status::Ok, Some(data)) => {
                let unreadable =
                    |error: base64::DecodeError| BatchFailure::new(FailureReason::UNREADABLE, error.to_string());
                RecordResult::Ok(STANDARD.decode(data.as_bytes()).map_err(unreadable)?)
            }
        })
    }
}
