//! Invariants T1, T2 and T3 over batches of damaged envelopes.

use std::cell::Cell;

use fixtures::shapes;
use log_format::read_line;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use transform::batch::{RESPONSE_BYTES_MAX, Record, RecordResult, answer};
use transform::record;

/// One change to a text, at a position in thousandths of its length.
#[derive(Debug, Clone)]
enum Damage {
    Replace(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = || 0..1000_usize;
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        (place(), vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b','), any::<u8>()], 1..4))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (place(), 1..20_usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        (place(), 1..50_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn damaged(envelope: &str, damages: &[Damage]) -> Vec<u8> {
    let mut bytes = envelope.as_bytes().to_vec();
    for damage in damages {
        let place = |thousandths: usize| thousandths * bytes.len() / 1000;
        match damage {
            Damage::Replace(at, byte) => {
                let at = place(*at);
                if let Some(old) = bytes.get_mut(at) {
                    *old = *byte;
                }
            }
            Damage::Insert(at, new) => {
                let at = place(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Damage::Remove(at, length) => {
                let at = place(*at);
                let end = (at + length).min(bytes.len());
                bytes.drain(at..end);
            }
            Damage::Repeat(at, length) => {
                let at = place(*at);
                let end = (at + length).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(end..end, copy);
            }
        }
    }
    bytes
}

/// Batches of one to seven envelopes; about half of them are whole.
fn batch() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let shapes = shapes();
    let damages = prop_oneof![3 => Just(Vec::new()), 2 => vec(damage(), 1..4)];
    let envelope =
        (0..shapes.len(), damages).prop_map(move |(shape, damages)| damaged(shapes[shape].envelope, &damages));
    vec(envelope, 1..8)
}

#[test]
fn never_fails_a_batch() {
    let (records, lines) = (Cell::new(0_u64), Cell::new(0_u64));
    let mut runner = TestRunner::new(Config { cases: 2000, failure_persistence: None, ..Config::default() });
    let result = runner.run(&batch(), |envelopes| {
        let ids: Vec<String> = (0..envelopes.len()).map(|number| format!("id-{number}")).collect();
        let batch: Vec<_> = ids.iter().zip(&envelopes).map(|(id, data)| Record { id, data }).collect();
        let (response, report) = answer(&batch, record::line);
        prop_assert_eq!(report.records, envelopes.len() as u64);
        prop_assert_eq!(report.records, report.ok + report.failed_total());
        let answered: Vec<&String> = response.records.iter().map(|answer| &answer.record_id).collect();
        prop_assert_eq!(answered, ids.iter().collect::<Vec<_>>());
        let ok = response.records.iter().filter(|answer| answer.result == RecordResult::Ok).count() as u64;
        prop_assert_eq!(ok, report.ok);
        let sent = serde_json::to_value(&response).unwrap();
        let results: Vec<_> = sent["records"].as_array().unwrap().iter().map(|it| it["result"].as_str()).collect();
        prop_assert_eq!(results.len(), ids.len());
        // T3: Firehose would count `Dropped` as a success.
        prop_assert!(results.iter().all(|it| matches!(it, Some("Ok" | "ProcessingFailed"))), "{results:?}");
        for envelope in &envelopes {
            check_line(envelope)?;
        }
        records.set(records.get() + report.records);
        lines.set(lines.get() + report.ok);
        Ok(())
    });
    result.unwrap();
    println!("{} of {} damaged envelopes became lines", lines.get(), records.get());
    assert!(lines.get() * 2 >= records.get(), "too few still parse: {} of {}", lines.get(), records.get());
}

/// Checks that the line of an envelope is one line, UTF-8, and can be read.
fn check_line(envelope: &[u8]) -> Result<(), TestCaseError> {
    let Ok(line) = record::line(envelope) else { return Ok(()) };
    prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
    prop_assert_eq!(line.last(), Some(&b'\n'));
    prop_assert!(read_line(&line[..line.len() - 1]).is_ok(), "{}", String::from_utf8_lossy(&line));
    prop_assert!(std::str::from_utf8(&line).is_ok());
    Ok(())
}

/// 3 MB of envelopes whose `details` are all quotes. The base64 of their lines is larger than a response may be.
#[test]
fn lines_beyond_six_megabytes_fail() {
    let details = r#"\\\""#.repeat(6_000);
    let envelope = format!(r#"{{"detail":{{"data":{{"type":"s","details":"{details}"}}}}}}"#);
    let ids: Vec<String> = (0..125).map(|number| format!("496637{number:050}")).collect();
    let batch: Vec<_> = ids.iter().map(|id| Record { id, data: envelope.as_bytes() }).collect();
    assert!(envelope.len() * batch.len() > 3_000_000);
    let (response, report) = answer(&batch, record::line);
    let json = serde_json::to_string(&response).unwrap();
    assert!(json.len() <= RESPONSE_BYTES_MAX, "{}", json.len());
    assert_eq!(report.failed_by_reason(), format!("OverBudget={}", 125 - report.ok));
    assert!(report.ok > 60 && report.ok < 125, "{}", report.ok);
    let mut answered: Vec<&str> = response.records.iter().map(|answer| answer.record_id.as_str()).collect();
    answered.dedup();
    assert_eq!(answered, ids.iter().map(String::as_str).collect::<Vec<_>>());
    let unanswered = response
        .records
        .iter()
        .filter(|answer| answer.result == RecordResult::ProcessingFailed && answer.data.is_empty());
    assert_eq!(unanswered.count() as u64, 125 - report.ok);
}
