//! Records on their way through the transform.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{FunctionError, INVOCATION_SECONDS_MAX, PAYLOAD_BYTES_MAX, Settings};

/// More than the request holds besides the base64 of each record: the braces, names and numbers around it.
const RECORD_OVERHEAD_BYTES: usize = 160;
const REQUEST_OVERHEAD_BYTES: usize = 1024;

/// A record as it was put.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) data: Bytes,
    pub(super) arrival: DateTime<Utc>,
    /// Until when its object is held back.
    pub(super) release: Option<DateTime<Utc>>,
}

/// What the transform made of a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Ok(Vec<u8>),
    Dropped,
    Failed(Failure),
}

/// Why a record goes to the error objects, in Firehose's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    code: &'static str,
    message: &'static str,
}

impl Failure {
    const PROCESSING_FAILED: Failure =
        Failure { code: "Lambda.ProcessingFailedStatus", message: "ProcessingFailed status set for record" };

    // Of every record of a batch.
    const FUNCTION_ERROR: Failure = Failure {
        code: "Lambda.FunctionError",
        message: "The Lambda function was successfully invoked but it returned an error result.",
    };
    const TIMED_OUT: Failure =
        Failure { code: "Lambda.FunctionTimedOut", message: "The Lambda function timed out before it could respond." };
    const UNREADABLE: Failure = Failure {
        code: "Lambda.JsonProcessingException",
        message: "The output of the Lambda function could not be parsed.",
    };
    const MISSING: Failure = Failure {
        code: "Lambda.MissingRecordId",
        message: "One or more record Ids were not returned. Ensure that the Lambda function returns all received \
                  record Ids.",
    };
    const DOUBLED: Failure = Failure {
        code: "Lambda.DuplicatedRecordId",
        message: "Multiple records were returned with the same record Id. Ensure that the Lambda function returns a \
                  unique record Id for each record.",
    };
    const NO_DATA: Failure = Failure {
        code: "Lambda.InvalidReturnFormat",
        message: "The data field cannot be null when the SourceType is DirectPut or KinesisStreamAsSource and \
                  processing result is Ok.",
    };

    /// A line of an error object.
    pub(super) fn error_line(&self, record: &Record, attempts: u32, now: DateTime<Utc>, arn: &str) -> String {
        let raw = STANDARD.encode(&record.data);
        let (arrival, end) = (record.arrival.timestamp_millis(), now.timestamp_millis());
        // Written field by field: the order is Firehose's, and a JSON value would sort them.
        format!(
            "{{\"attemptsMade\":{attempts},\"arrivalTimestamp\":{arrival},\"errorCode\":\"{}\",\"errorMessage\":\"{}\",\
             \"attemptEndingTimestamp\":{end},\"rawData\":\"{raw}\",\"lambdaArn\":{}}}\n",
            self.code,
            self.message,
            json!(arn),
        )
    }
}

/// Why an invocation failed for its whole batch.
#[derive(Debug)]
pub(super) struct BatchFailure {
    pub(super) failure: Failure,
    pub(super) error: FunctionError,
}

impl BatchFailure {
    pub(super) fn timed_out() -> BatchFailure {
        let message = format!("no answer within {INVOCATION_SECONDS_MAX} seconds");
        BatchFailure {
            failure: Failure::TIMED_OUT,
            error: FunctionError { error_type: "Function.TimedOut".to_owned(), message },
        }
    }

    fn new(failure: Failure, message: impl Into<String>) -> BatchFailure {
        let error = FunctionError { error_type: failure.code.to_owned(), message: message.into() };
        BatchFailure { failure, error }
    }
}

impl From<FunctionError> for BatchFailure {
    fn from(error: FunctionError) -> BatchFailure {
        BatchFailure { failure: Failure::FUNCTION_ERROR, error }
    }
}

/// The records that one invocation carries.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    bytes: usize,
    request_bytes: usize,
}

impl Batch {
    /// Whether `record` still fits. A first record always does: it is never over the request's limit.
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

    /// What `response` says of each record, in order. Anything but one readable answer to each id that was sent fails
    /// the whole batch.
    pub(super) fn answers(&self, response: &[u8]) -> Result<Vec<Answer>, BatchFailure> {
        if response.len() > PAYLOAD_BYTES_MAX {
            let message = format!("{} bytes are more than the {PAYLOAD_BYTES_MAX} of a response", response.len());
            return Err(BatchFailure::new(Failure::FUNCTION_ERROR, message));
        }
        let unreadable = |error: serde_json::Error| BatchFailure::new(Failure::UNREADABLE, error.to_string());
        let response: Response<'_> = serde_json::from_slice(response).map_err(unreadable)?;
        let answered = response.records.len();
        let mut returned: HashMap<Cow<'_, str>, Returned<'_>> = HashMap::new();
        for record in response.records {
            if returned.insert(record.record_id.clone(), record).is_some() {
                return Err(BatchFailure::new(Failure::DOUBLED, "a recordId was returned twice"));
            }
        }
        let missing = || BatchFailure::new(Failure::MISSING, "a recordId was not returned");
        let answers = self.records.iter().map(|record| returned.get(record.id.as_str()).ok_or_else(missing)?.answer());
        let answers: Vec<Answer> = answers.collect::<Result<_, _>>()?;
        if answered > answers.len() {
            return Err(BatchFailure::new(Failure::UNREADABLE, "a recordId was returned that was never sent"));
        }
        Ok(answers)
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
    result: Verdict,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
enum Verdict {
    Ok,
    Dropped,
    ProcessingFailed,
}

impl Returned<'_> {
    fn answer(&self) -> Result<Answer, BatchFailure> {
        Ok(match (&self.result, &self.data) {
            (Verdict::Dropped, _) => Answer::Dropped,
            (Verdict::ProcessingFailed, _) => Answer::Failed(Failure::PROCESSING_FAILED),
            (Verdict::Ok, None) => return Err(BatchFailure::new(Failure::NO_DATA, "a record is Ok and has no data")),
            (Verdict::Ok, Some(data)) => {
                let unreadable = |error: base64::DecodeError| BatchFailure::new(Failure::UNREADABLE, error.to_string());
                Answer::Ok(STANDARD.decode(data.as_bytes()).map_err(unreadable)?)
            }
        })
    }
}
