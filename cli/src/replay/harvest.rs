//! What is kept becomes lines again: an object under `error/`, or a message of a queue.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use compactor::members::Members;
use serde::Deserialize;
use transform::batch::{self, Report};
use transform::record::RecordError;

/// How a gzip object begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What came of the records that were kept together.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Harvest {
    /// The records, and what the transform made of them.
    pub(super) report: Report,
    /// The lines, each with its newline.
    pub(super) lines: Vec<u8>,
    /// The lines of the object that hold no record.
    pub(super) unreadable: Vec<Unreadable>,
}

/// A line of an object under `error/` that holds no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Its number, from one.
    pub(super) line: u64,
    /// What is wrong with it; nothing that it says.
    pub(super) why: &'static str,
}

/// A line as Firehose writes it, as far as it matters here.
#[derive(Deserialize)]
struct Kept<'a> {
    /// Base64 of the record as it came to Firehose.
    #[serde(borrow, rename = "rawData")]
    raw_data: Cow<'a, str>,
}

impl Harvest {
    /// Of an object under `error/`: JSON lines, gzip or not.
    pub(super) fn of_object(object: &[u8]) -> Harvest {
        let (text, whole) = if object.starts_with(&GZIP) { inflate(object) } else { (Cow::Borrowed(object), true) };
        let mut harvest = Harvest::default();
        let mut last = 0;
        for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
            if whole || line.ends_with(b"\n") {
                harvest.add_line(number, line.trim_ascii());
                last = number;
            }
        }
        if !whole {
            harvest
                .unreadable
                .push(Unreadable { line: last + 1, why: "and all after it are lost: the gzip breaks off" });
        }
        harvest
    }

    /// Of one record.
    pub(super) fn of_record(record: &[u8]) -> Result<Harvest, RecordError> {
        let mut harvest = Harvest::default();
        harvest.add_record(record)?;
        Ok(harvest)
    }

    /// True where there was something, and no line of it holds a record.
    pub(super) fn is_of_nothing_readable(&self) -> bool {
        self.report.records == 0 && !self.unreadable.is_empty()
    }

    fn add_line(&mut self, number: u64, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        match record_of(line) {
            // A refusal is counted with its reason.
            Ok(record) => drop(self.add_record(&record)),
            Err(why) => self.unreadable.push(Unreadable { line: number, why }),
        }
    }

    fn add_record(&mut self, record: &[u8]) -> Result<(), RecordError> {
        let line = batch::line(record);
        self.report.count(record, &line);
        self.lines.extend(line?);
        Ok(())
    }
}

fn record_of(line: &[u8]) -> Result<Vec<u8>, &'static str> {
    // An array would be taken for an object whose fields have no names.
    let kept = line.starts_with(b"{").then(|| serde_json::from_slice::<Kept<'_>>(line));
    match kept {
        None => Err("is not a JSON object"),
        Some(Err(error)) if error.is_data() => Err("has no text rawData"),
        Some(Err(_)) => Err("is not a JSON object"),
        Some(Ok(kept)) => STANDARD.decode(kept.raw_data.as_bytes()).map_err(|_| "has a rawData that is not base64"),
    }
}

/// The bytes of a gzip object up to where it breaks, and whether it doesn't.
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
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const GOOD: &str = r#"{"detail":{"data":{"type":"s"}}}"#;

    fn kept(record: &str) -> String {
        format!(
            "{{\"attemptsMade\":1,\"errorCode\":\"c\",\"rawData\":\"{}\",\"lambdaArn\":\"a\"}}\n",
            STANDARD.encode(record)
        )
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        file.write_all(text.as_bytes()).unwrap();
        file.finish().unwrap()
    }

    fn check(object: &[u8], lines: u64, reasons: &str, unreadable: &[(u64, &'static str)]) {
        let harvest = Harvest::of_object(object);
        assert_eq!(harvest.lines, "{\"type\":\"s\"}\n".repeat(lines as usize).into_bytes());
        assert_eq!((harvest.report.ok, harvest.report.failed_by_reason().as_str()), (lines, reasons));
        let found: Vec<(u64, &str)> = harvest.unreadable.iter().map(|it| (it.line, it.why)).collect();
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
        assert!(Harvest::of_object(odd.as_bytes()).is_of_nothing_readable());
        assert!(!Harvest::of_object(b"\n").is_of_nothing_readable());
    }

    #[test]
    fn a_gzip_that_breaks_off_gives_what_there_is() {
        let whole = gzip(&kept(GOOD).repeat(3));
        check(&whole[..whole.len() - 4], 3, "", &[(4, "and all after it are lost: the gzip breaks off")]);
        check(&whole[..5], 0, "", &[(1, "and all after it are lost: the gzip breaks off")]);
    }

    #[test]
    fn a_record_alone_is_a_line_or_refused() {
        assert_eq!(Harvest::of_record(GOOD.as_bytes()).unwrap().lines, b"{\"type\":\"s\"}\n");
        assert_eq!(Harvest::of_record(b"{}"), Err(RecordError::NoEvent));
    }
}
