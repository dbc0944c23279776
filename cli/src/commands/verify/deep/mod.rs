//! Compares every row with every line: the rows that the lines mean must be the rows that Parquet holds. And every row of a day
//! with those of its hours ([`day`]).

pub(super) mod day;
mod lines;
mod rows;
mod text;

use std::collections::{HashMap, HashSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use compactor::bucket::{Bucket, BucketError};
use log_format::{COLUMNS, LINE_BYTES_MAX};
use parquet::errors::ParquetError;
use projection::manifest::Live;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use self::lines::Line;
use self::text::Place;
use super::finding::Difference;
use crate::gzip;

/// How many rows are named in a difference. All are counted.
const NAMED_MAX: usize = 3;

/// The longest line of a file of rejected lines that is compared: base64 of the longest line that is read, and its location.
const REJECTED_BYTES_MAX: usize = 2 * LINE_BYTES_MAX;

/// The first half of a SHA-256 over the values of a row.
type RowHash = [u8; 16];

/// Distinct rows.
#[derive(Debug, Default)]
struct Multiset {
    /// Each row's `log_id`, and how often it occurs.
    rows: HashMap<RowHash, (Option<String>, u64)>,
    /// The least and the greatest `timestamp`. `None` if no row has one.
    timestamps: Option<[String; 2]>,
}

/// The rows that the lines of all inputs mean, and the lines that are no rows.
#[derive(Debug, Default)]
struct Expected {
    rows: Multiset,
    lines: u64,
    rejected: u64,
    /// How often each rejected line occurs whose bytes the reader holds.
    rejected_lines: HashMap<RowHash, u64>,
}

/// What `rejected/` says of a line.
#[derive(Debug, Deserialize)]
struct RejectedLine {
    key: String,
    line: u64,
    offset: u64,
    bytes: String,
}

/// The differences between an hour's lines and its Parquet. `None` if an input or a file has changed, so that nothing
/// can be said.
///
/// # Errors
///
/// S3 failed.
pub(super) async fn compare(
    bucket: &Bucket,
    live: &Live,
    rejected_key: &str,
) -> Result<Option<Vec<(Difference, String)>>, BucketError> {
    let mut expected = Expected::default();
    let mut input_rows = Vec::new();
    for input in &live.inputs {
        let before = expected.read();
        let found = bucket.read_as_is(&input.key).await?;
        let Some((object, _)) = found.filter(|(_, etag)| *etag == input.etag) else { return Ok(None) };
        lines::read(&input.key, &object, |line| expected.take(&input.key, line));
        input_rows.push(expected.read() - before);
    }
    let mut found = Multiset::default();
    for file in &live.files {
        let Some((bytes, _)) = bucket.read_as_is(&file.key).await? else { return Ok(None) };
        if let Err(error) = found.take_file(bytes) {
            return Ok(Some(vec![(Difference::FileRows, format!("{}: {error}", file.key))]));
        }
    }
    let mut differences = differences(&expected, &found, live);
    if !live.input_rows.is_empty() && live.input_rows != input_rows {
        let what = "other numbers of lines of its objects are rows than its manifest says".to_string();
        differences.push((Difference::CountsWrong, what));
    }
    if live.counts.rejected > 0 && expected.rejected == live.counts.rejected {
        let Some((file, _)) = bucket.read_as_is(rejected_key).await? else { return Ok(None) };
        let kept = expected.without_kept(&file);
        if kept > 0 {
            let what = format!("{rejected_key}: {kept} lines of its JSON are not among them as they are");
            differences.push((Difference::RejectedWrong, what));
        }
    }
    Ok(Some(differences))
}

fn differences(expected: &Expected, found: &Multiset, live: &Live) -> Vec<(Difference, String)> {
    let counts = live.counts;
    let distinct = expected.rows.rows.len() as u64;
    let read = (expected.lines, distinct, expected.lines - expected.rejected - distinct, expected.rejected);
    let mut differences = Vec::new();
    if read != (counts.lines, counts.rows, counts.duplicates, counts.rejected) {
        let what = format!(
            "its JSON has {} lines, {} rows, {} duplicates, {} rejected; its manifest says {}, {}, {}, {}",
            read.0, read.1, read.2, read.3, counts.lines, counts.rows, counts.duplicates, counts.rejected
        );
        differences.push((Difference::CountsWrong, what));
    }
    let summary = (found.timestamps.clone(), found.collisions());
    if summary != (live.timestamps.clone(), counts.collisions) {
        let what = format!(
            "its files have {} rows with the log_id of another row; its manifest says {}, or the least or greatest timestamp \
             differs",
            summary.1, counts.collisions
        );
        differences.push((Difference::ManifestWrong, what));
    }
    let missing = expected.rows.rows.iter().filter(|(hash, _)| !found.rows.contains_key(*hash));
    let foreign = found.rows.iter().filter(|(hash, _)| !expected.rows.rows.contains_key(*hash));
    let doubled = found.rows.iter().filter(|(_, (_, times))| *times > 1);
    let ids = |rows: Vec<(&RowHash, &(Option<String>, u64))>| rows.into_iter().map(|(_, (id, _))| id.clone()).collect();
    for (difference, ids) in [
        (Difference::RowMissing, ids(missing.collect())),
        (Difference::RowForeign, ids(foreign.collect())),
        (Difference::RowDoubled, ids(doubled.collect())),
    ] {
        differences.extend(named(ids).map(|what| (difference, what)));
    }
    differences
}

/// The number of rows and the first `log_id`s. `None` if there are no rows.
fn named(mut ids: Vec<Option<String>>) -> Option<String> {
    if ids.is_empty() {
        return None;
    }
    ids.sort();
    let named: Vec<String> =
        ids.iter().take(NAMED_MAX).map(|id| id.clone().unwrap_or("without log_id".to_string())).collect();
    let more = if ids.len() > NAMED_MAX { ", …" } else { "" };
    Some(format!("{} rows: {}{more}", ids.len(), named.join(", ")))
}

impl Expected {
    /// How many lines are rows, repeated ones included.
    fn read(&self) -> u64 {
        self.lines - self.rejected
    }

    fn take(&mut self, key: &str, line: Line<'_>) {
        self.lines += 1;
        match line {
            Line::Row(values) => self.rows.take(&values.each_ref().map(Option::as_deref)),
            Line::Rejected(held) => {
                self.rejected += 1;
                if let Some((place, bytes)) = held {
                    *self.rejected_lines.entry(rejected_hash(key, place, bytes)).or_default() += 1;
                }
            }
        }
    }

    /// How many rejected lines are not in their `file`, byte for byte.
    fn without_kept(mut self, file: &[u8]) -> u64 {
        let mut held = Vec::new();
        // A file that is no gzip to its end was reported before.
        let _ = gzip::windows(file, |window| {
            for part in window.split_inclusive(|byte| *byte == b'\n') {
                // A longer line is of bytes that the reader does not hold either.
                if held.len() <= REJECTED_BYTES_MAX {
                    held.extend_from_slice(part);
                }
                if part.ends_with(b"\n") {
                    self.find(&held);
                    held.clear();
                }
            }
        });
        self.rejected_lines.values().sum()
    }

    fn find(&mut self, kept: &[u8]) {
        let Ok(line) = serde_json::from_slice::<RejectedLine>(kept) else { return };
        let Ok(bytes) = STANDARD.decode(line.bytes) else { return };
        let place = Place { line: line.line, offset: line.offset };
        if let Some(left) = self.rejected_lines.get_mut(&rejected_hash(&line.key, place, &bytes)) {
            *left = left.saturating_sub(1);
        }
    }
}

impl Multiset {
    fn take(&mut self, values: &[Option<&str>; COLUMNS.len()]) {
        // `log_id` is the first column, `timestamp` the second.
        let row = self.rows.entry(hash(values)).or_insert_with(|| (values[0].map(str::to_string), 0));
        row.1 += 1;
        if let Some(time) = values[1] {
            let [least, greatest] = self.timestamps.get_or_insert_with(|| [time.to_string(), time.to_string()]);
            if *time < **least {
                *least = time.to_string();
            }
            if *time > **greatest {
                *greatest = time.to_string();
            }
        }
    }

    /// How many distinct rows share their `log_id` with another one: of n with the same one, n − 1.
    fn collisions(&self) -> u64 {
        // Events of Auth0's test button have an empty one, which says nothing.
        let ids: Vec<&String> =
            self.rows.values().filter_map(|(id, _)| id.as_ref()).filter(|id| !id.is_empty()).collect();
        let distinct: HashSet<&String> = ids.iter().copied().collect();
        (ids.len() - distinct.len()) as u64
    }

    /// Adds the rows of a Parquet file of an hour.
    fn take_file(&mut self, bytes: Bytes) -> Result<(), ParquetError> {
        rows::of_hour(bytes, |values| self.take(values))
    }
}

fn rejected_hash(key: &str, place: Place, bytes: &[u8]) -> RowHash {
    let digest = Sha256::new().chain_update((key.len() as u64).to_le_bytes()).chain_update(key);
    half(digest.chain_update(place.line.to_le_bytes()).chain_update(place.offset.to_le_bytes()).chain_update(bytes))
}

fn half(digest: Sha256) -> RowHash {
    let mut hash = RowHash::default();
    hash.copy_from_slice(&digest.finalize()[..16]);
    hash
}

/// The length of each value is hashed too, so that different rows are never the same bytes.
fn hash(values: &[Option<&str>; COLUMNS.len()]) -> RowHash {
    let mut digest = Sha256::new();
    for value in values {
        let length = value.map_or(u64::MAX, |text| text.len() as u64);
        digest.update(length.to_le_bytes());
        digest.update(value.unwrap_or_default().as_bytes());
    }
    half(digest)
}

#[cfg(test)]
mod tests {
    use projection::manifest::Counts;

    use super::*;

    /// Rows with these `log_id`s.
    fn rows(ids: &[&'static str]) -> Multiset {
        let mut rows = Multiset::default();
        for id in ids {
            let mut values = [None; COLUMNS.len()];
            values[0] = Some(*id);
            rows.take(&values);
        }
        rows
    }

    fn check(lines: &[&'static str], parquet: &[&'static str], expected: &[&str]) {
        let expected_rows = Expected { rows: rows(lines), lines: lines.len() as u64, ..Expected::default() };
        let count = expected_rows.rows.rows.len() as u64;
        let live = Live {
            attempt: "a".into(),
            committed_at: "2026-11-20T14:20:00Z".parse().unwrap(),
            inputs: Vec::new(),
            input_rows: Vec::new(),
            replaced: Vec::new(),
            files: Vec::new(),
            rejected_file: None,
            counts: Counts {
                lines: lines.len() as u64,
                rows: count,
                duplicates: lines.len() as u64 - count,
                ..Counts::default()
            },
            timestamps: None,
            writer_version: 1,
        };
        let found = differences(&expected_rows, &rows(parquet), &live);
        let found: Vec<String> = found.iter().map(|(kind, what)| format!("{}: {what}", kind.name())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_missing_foreign_and_doubled_rows() {
        check(&["1", "2", "1"], &["1", "2"], &[]);
        check(&["1", "2"], &["1"], &["row missing: 1 rows: 2"]);
        check(&["1"], &["1", "x"], &["row of no line: 1 rows: x"]);
        check(&["1", "1"], &["1", "1"], &["row doubled: 1 rows: 1"]);
        check(&["1", "2", "3", "4"], &[], &["row missing: 4 rows: 1, 2, 3, …"]);
    }

    #[test]
    fn a_value_is_never_taken_for_its_neighbours() {
        let hash_of = |values: [Option<&str>; 2]| {
            let mut row = [None; COLUMNS.len()];
            row[..2].copy_from_slice(&values);
            hash(&row)
        };
        assert_ne!(hash_of([Some("ab"), Some("")]), hash_of([Some("a"), Some("b")]));
        assert_ne!(hash_of([Some(""), None]), hash_of([None, Some("")]));
        assert_ne!(hash_of([Some(""), None]), hash_of([None, None]));
    }
}
