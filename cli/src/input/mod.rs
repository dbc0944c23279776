//! Reads the records of a file of events, and makes of each an EventBridge envelope with the moment it arrives.
//!
//! `read` takes the records out of whatever holds them: lines, arrays, pages of Auth0's API, compressed or not.

pub(crate) mod read;
mod values;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use bytes::Bytes;
use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, Utc};
use log_format::{Object, log_id};
use uuid::Uuid;

/// A record on its way to Firehose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When it arrives.
    pub at: DateTime<Utc>,
    /// The EventBridge envelope, or the line as it was if it is no event.
    pub record: Bytes,
}

/// The forms that a line of the input may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `{"version":…,"detail-type":…,"detail":{…}}`
    Envelope,
    /// `{"log_id":…,"data":{…}}`
    Pair,
    /// An event without envelope.
    Event,
}

/// Reads all records of a file, or of the standard input if `file` is `-`: each as it stands there. Blank lines are
/// left out.
///
/// # Errors
///
/// If the file cannot be opened or read to its end, if its text is not in UTF-8, or if an array or an object breaks
/// off.
pub fn read_records(file: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut records = Vec::new();
    let read = read::each_record(open(file)?, |_, record| {
        records.push(record.to_vec());
        Ok(())
    });
    read.with_context(|| format!("failed to read {}", file.display()))?;
    Ok(records)
}

/// Opens a file, or the standard input if `file` is `-`.
///
/// # Errors
///
/// If there is no such file, or it may not be read.
pub(crate) fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let opened = File::open(file).with_context(|| format!("failed to open {}", file.display()))?;
    Ok(Box::new(BufReader::new(opened)))
}

/// The records of all lines, in order of their arrival.
///
/// An event arrives at its own `date`, else its envelope's `time`, else the moment in its log_id, else together with
/// the event before it. Events before the first known moment arrive at that moment; if there is none at all, at `now`.
pub fn arrivals(lines: &[Vec<u8>], now: DateTime<Utc>) -> Vec<Arrival> {
    let moments: Vec<Option<DateTime<Utc>>> = lines.iter().map(|line| moment(line)).collect();
    let mut at = moments.iter().flatten().next().copied().unwrap_or(now);
    let mut arrivals = Vec::with_capacity(lines.len());
    for (line, moment) in lines.iter().zip(moments) {
        at = moment.unwrap_or(at);
        arrivals.push(Arrival { at, record: record(line, at) });
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

fn form(object: &Object<'_>) -> Form {
    let is_object = |name| object.get(name).is_some_and(|value| value.starts_with('{'));
    let only_pair = object.fields().all(|field| matches!(field.name().as_ref(), "log_id" | "data"));
    if object.get("detail-type").is_some() && object.get("detail").is_some() {
        Form::Envelope
    } else if only_pair && is_object("data") {
        Form::Pair
    } else {
        Form::Event
    }
}

/// When the event of a record happened: its own `date`, else its envelope's `time`, else the moment in its log_id.
/// `None` if it has none of these, or is no JSON object.
pub(crate) fn moment(line: &[u8]) -> Option<DateTime<Utc>> {
    let object = Object::parse(line).ok()?;
    match form(&object) {
        Form::Envelope => {
            let detail = Object::parse(object.get("detail")?.as_bytes()).unwrap_or_default();
            let own = moment_of_pair(&detail);
            own.or_else(|| parse_date(&text(&object, "time")?)).or_else(|| moment_of_log_id(&detail))
        }
        Form::Pair => moment_of_pair(&object).or_else(|| moment_of_log_id(&object)),
        Form::Event => text(&object, "date").and_then(|date| parse_date(&date)).or_else(|| log_id_of(&object)),
    }
}

/// When the event of a line of the log format happened. `None` for anything else: an event has a `date`, a line a `timestamp`.
pub(crate) fn moment_of_line(line: &[u8]) -> Option<DateTime<Utc>> {
    let object = Object::parse(line).ok()?;
    let is_other = ["date", "data", "detail"].iter().any(|name| object.get(name).is_some());
    let timestamp = text(&object, "timestamp").filter(|_| !is_other)?;
    parse_date(&timestamp).or_else(|| log_id_of(&object))
}

fn moment_of_pair(pair: &Object<'_>) -> Option<DateTime<Utc>> {
    let event = Object::parse(pair.get("data")?.as_bytes()).ok()?;
    parse_date(&text(&event, "date")?)
}

fn moment_of_log_id(pair: &Object<'_>) -> Option<DateTime<Utc>> {
    let event = pair.get("data").and_then(|event| Object::parse(event.as_bytes()).ok()).unwrap_or_default();
    log_id_of(&event).or_else(|| log_id_of(pair))
}

fn log_id_of(object: &Object<'_>) -> Option<DateTime<Utc>> {
    log_id::moment_of(&text(object, "log_id")?)
}

fn text(object: &Object<'_>, name: &str) -> Option<String> {
    serde_json::from_str(object.get(name)?).ok()
}

/// Auth0's own form, or the one that some tools rewrite it to: `2023-05-15 17:41:31.451000000`.
fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    let rfc3339 = DateTime::parse_from_rfc3339(text).map(|date| date.to_utc());
    let date =
        rfc3339.or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").map(|date| date.and_utc()));
    in_range(date.ok()?)
}

/// Only these years: the keys of the bucket have four digits for the year.
fn in_range(date: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (1970..2200).contains(&date.year()).then_some(date)
}

/// The record that EventBridge would hand to Firehose. A line that is no event goes unchanged, and Firehose keeps it.
/// `at` is the envelope's time, if there is none yet.
pub(crate) fn record(line: &[u8], at: DateTime<Utc>) -> Bytes {
    let Ok(object) = Object::parse(line) else { return Bytes::copy_from_slice(line) };
    let json = String::from_utf8_lossy(line);
    match form(&object) {
        Form::Envelope => Bytes::copy_from_slice(line),
        Form::Pair => envelope(json.trim(), at),
        Form::Event => match object.get("log_id") {
            Some(log_id) => envelope(&format!(r#"{{"log_id":{log_id},"data":{}}}"#, json.trim()), at),
            None => envelope(&format!(r#"{{"data":{}}}"#, json.trim()), at),
        },
    }
}

fn envelope(detail: &str, at: DateTime<Utc>) -> Bytes {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, detail.as_bytes());
    let time = at.to_rfc3339_opts(SecondsFormat::Secs, true);
    Bytes::from(format!(
        concat!(
            r#"{{"version":"0","id":"{}","detail-type":"Auth0 log","source":"aws.partner/auth0.com/local/auth0.logs","#,
            r#""account":"123456789012","time":"{}","region":"us-east-1","resources":[],"detail":{}}}"#
        ),
        id, time, detail
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: &[&str]) {
        let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
        let now = "2026-11-20T13:00:00Z".parse().unwrap();
        let found: Vec<String> = arrivals(&lines, now)
            .iter()
            .map(|arrival| {
                let line = transform::record::line(&arrival.record);
                let line = line.map_or_else(|error| format!("{error:?}\n"), |line| String::from_utf8(line).unwrap());
                format!("{} {}", arrival.at.to_rfc3339_opts(SecondsFormat::AutoSi, true), line.trim_end())
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn recognizes_the_forms() {
        check(
            &[
                r#"{"date":"2026-11-20T10:00:00.250Z","type":"s","log_id":"1"}"#,
                r#" {"log_id":"2","data":{"date":"2026-11-20T10:00:01.000Z","type":"s"}} "#,
                r#"{"detail-type":"Auth0 log","time":"2026-11-20T10:00:02Z","detail":{"log_id":"3","data":{"type":"s"}}}"#,
                r#"{"detail-type":"x","time":"2026-11-20T10:00:03Z","detail":{"id":"evt_1"}}"#,
                "word",
                "[1]",
                "{}",
            ],
            &[
                r#"2026-11-20T10:00:00.250Z {"log_id":"1","timestamp":"2026-11-20T10:00:00.250Z","type":"s"}"#,
                r#"2026-11-20T10:00:01Z {"log_id":"2","timestamp":"2026-11-20T10:00:01.000Z","type":"s"}"#,
                r#"2026-11-20T10:00:02Z {"log_id":"3","type":"s"}"#,
                "2026-11-20T10:00:03Z NoEvent",
                "2026-11-20T10:00:03Z NotJson",
                "2026-11-20T10:00:03Z NotJson",
                "2026-11-20T10:00:03Z Empty",
            ],
        );
    }

    #[test]
    fn finds_the_moment_of_arrival() {
        let id = "90020251014182445755000000000000001223372036854775807000";
        check(
            &[
                r#"{"type":"first"}"#,
                &format!(r#"{{"type":"s","log_id":"{id}"}}"#),
                r#"{"type":"s","date":"2025-10-14 18:24:46.451000000"}"#,
                r#"{"type":"s","date":{"not":"text"}}"#,
                r#"{"type":"s","log_id":"9001234567890123éab0000"}"#,
                r#"{"type":"s","date":"2025-10-14T20:24:44.5+02:00"}"#,
            ],
            &[
                r#"2025-10-14T18:24:44.500Z {"timestamp":"2025-10-14T20:24:44.5+02:00","type":"s"}"#,
                r#"2025-10-14T18:24:45.755Z {"type":"first"}"#,
                &format!(r#"2025-10-14T18:24:45.755Z {{"log_id":"{id}","type":"s"}}"#),
                r#"2025-10-14T18:24:46.451Z {"timestamp":"2025-10-14 18:24:46.451000000","type":"s"}"#,
                r#"2025-10-14T18:24:46.451Z {"timestamp":"{\"not\":\"text\"}","type":"s"}"#,
                r#"2025-10-14T18:24:46.451Z {"log_id":"9001234567890123éab0000","type":"s"}"#,
            ],
        );
    }

    #[test]
    fn an_input_without_any_moment_arrives_now() {
        check(&[r#"{"type":"s"}"#], &[r#"2026-11-20T13:00:00Z {"type":"s"}"#]);
    }
}
