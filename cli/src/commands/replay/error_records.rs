//! Makes lines of the records in an object under `error/`, or in a message of a queue.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use projection::read::gzip::Members;
use serde::Deserialize;
use transform::batch::{self, Report};
use transform::record::RecordError;

/// The first bytes of a gzip object.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The records of one object or message, and the lines that the transform made of them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ErrorRecords {
    /// The transform's counts.
    pub(crate) report: Report,
    /// The lines that the transform made, each with its line feed.
    pub(crate) lines: Vec<u8>,
    /// The lines of the object that hold no record.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// A line of an object under `error/` that holds no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Its number, from one.
    pub(crate) line: u64,
    /// What is wrong with it. Its content is never quoted, because it may be secret.
    pub(crate) why: &'static str,
}

/// The part of a line of Firehose that matters here.
#[derive(Deserialize)]
struct Kept<'a> {
    /// The record as Firehose got it, in base64.
    #[serde(borrow, rename = "rawData")]
    raw_data: Cow<'a, str>,
}

impl ErrorRecords {
    /// The records of an object under `error/`: JSON lines, gzip or not.
    pub(super) fn of_object(object: &[u8]) -> ErrorRecords {
        let mut records = ErrorRecords::default();
        let mut unreadable = each_record(object, |record| {
            // `report` has the result: it counts a record that the transform refuses, by reason.
            let _ = records.add_record(record);
        });
        records.unreadable.append(&mut unreadable);
        records
    }

    /// A single record.
    pub(super) fn of_record(record: &[u8]) -> Result<ErrorRecords, RecordError> {
        let mut records = ErrorRecords::default();
        records.add_record(record)?;
        Ok(records)
    }

    /// True if the object has lines and no line holds a record.
    pub(super) fn is_unreadable(&self) -> bool {
        self.report.records == 0 && !self.unreadable.is_empty()
    }

    /// Adds a record, an EventBridge envelope.
    ///
    /// # Errors
    ///
    /// If the transform refuses it. It is counted all the same.
    pub(crate) fn add_record(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let line = batch::line(record);
        self.report.count(record, &line);
        self.lines.extend(line?);
        Ok(())
    }
}

/// Hands over every record in an object under `error/`: JSON lines, gzip or not. Returns the lines that hold none.
pub(crate) fn each_record(object: &[u8], mut take: impl FnMut(&[u8])) -> Vec<Unreadable> {
    let (text, whole) = if object.starts_with(&GZIP) { inflate(object) } else { (Cow::Borrowed(object), true) };
    let (mut unreadable, mut last) = (Vec::new(), 0);
    for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        if !whole && !line.ends_with(b"\n") {
            break;
        }
        last = number;
        match record_of(line.trim_ascii()) {
            _ if line.trim_ascii().is_empty() => {}
            Ok(record) => take(&record),
            Err(why) => unreadable.push(Unreadable { line: number, why }),
        }
    }
    if !whole {
        unreadable.push(Unreadable { line: last + 1, why: "and all after it are lost: the gzip breaks off" });
    }
    unreadable
}

/// The record as Firehose got it, from a line that Firehose wrote under `error/`; or why there is none.
fn record_of(line: &[u8]) -> Result<Vec<u8>, &'static str> {
    // serde would also read the fields from an array, by position.
    let kept = line.starts_with(b"{").then(|| serde_json::from_slice::<Kept<'_>>(line));
    match kept {
        None => Err("is not a JSON object"),
        Some(Err(error)) if error.is_data() => Err("has no text rawData"),
        Some(Err(_)) => Err("is not a JSON object"),
        Some(Ok(kept)) => STANDARD.decode(kept.raw_data.as_bytes()).map_err(|_| "has a rawData that is not base64"),
    }
}

/// The bytes of a gzip object up to where it breaks, and true if it does not break.
fn inflate(object: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let (mut members, mut text) = (Members::new(object), Vec::new());
    loop {
        let bytes = match members.fill() {
            Ok([]) => return (Cow::Owned(text), true),
            Ok(bytes) => {
                text.extend_from_slice(bytes);
                bytes.len()
            }
            Err(_) => return (Cow::Owned(text), false),
        };
        members.consume(bytes);
    }
}

#[cfg(test)]
mod tests {
    use fixtures::gzip;

    use super::*;

    const GOOD: &str = r#"{"detail":{"data":{"type":"s"}}}"#;

    fn kept(record: &str) -> String {
        format!(
            "{{\"attemptsMade\":1,\"errorCode\":\"c\",\"rawData\":\"{}\",\"lambdaArn\":\"a\"}}\n",
            STANDARD.encode(record)
        )
    }

    fn check(object: &[u8], lines: u64, reasons: &str, unreadable: &[(u64, &'static str)]) {
        let records = ErrorRecords::of_object(object);
        assert_eq!(records.lines, "{\"type\":\"s\"}\n".repeat(lines as usize).into_bytes());
        assert_eq!((records.report.ok, records.report.failed_by_reason().as_str()), (lines, reasons));
        let found: Vec<(u64, &str)> = records.unreadable.iter().map(|it| (it.line, it.why)).collect();
        assert_eq!(found, unreadable);
    }

    #[test]
    fn records_become_lines_and_the_rest_is_named() {
        check(b"", 0, "", &[]);
        let three = [kept(GOOD), "\r\n".into(), kept("no event"), kept(GOOD), kept("")].concat();
        check(three.as_bytes(), 2, "NotJson=2", &[]);
        check(three.trim_end().as_bytes(), 2, "NotJson=2", &[]);
        check(&gzip(&three), 2, "NotJson=2", &[]);
        let odd = ["secret\n", "[\"e30=\"]\n", "{\"rawData\":7}\n", "{}\n", "{\"rawData\":\"?\"}\n", "{\"rawData\":"]
            .concat();
        let why = [
            (1, "is not a JSON object"),
            (2, "is not a JSON object"),
            (3, "has no text rawData"),
            (4, "has no text rawData"),
            (5, "has a rawData that is not base64"),
            (6, "is not a JSON object"),
        ];
        check(odd.as_bytes(), 0, "", &why);
        assert!(ErrorRecords::of_object(odd.as_bytes()).is_unreadable());
        assert!(!ErrorRecords::of_object(b"\n").is_unreadable());
    }

    #[test]
    fn a_gzip_that_breaks_off_gives_what_there_is() {
        let whole = gzip(kept(GOOD).repeat(3));
        check(&whole[..whole.len() - 4], 3, "", &[(4, "and all after it are lost: the gzip breaks off")]);
        check(&whole[..5], 0, "", &[(1, "and all after it are lost: the gzip breaks off")]);
    }

    #[test]
    fn a_record_alone_is_a_line_or_refused() {
        assert_eq!(ErrorRecords::of_record(GOOD.as_bytes()).unwrap().lines, b"{\"type\":\"s\"}\n");
        assert_eq!(ErrorRecords::of_record(b"{}"), Err(RecordError::NoEvent));
    }
}
