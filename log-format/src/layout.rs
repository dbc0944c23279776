//! Where things lie in the bucket.
//!
//! ```text
//! logs/YYYY/MM/DD/HH/<object>              JSON lines, gzip: the record, written by Firehose
//! parquet/YYYY/MM/DD/HH/<attempt>/<file>   Parquet: the projection, written by the compactor
//! manifests/YYYY/MM/DD/HH.json             an hour's whole story
//! manifests/watermark.json                   up to which hour the view reads Parquet
//! rejected/YYYY/MM/DD/HH/<attempt>.ndjson.gz   lines that could not be read
//! error/…                                  records that Firehose could not transform or deliver
//! replayed/<key>.json                      what became of an object under error/ when it was replayed
//! replayed/queue/<id>.json                 the same of a message of a queue
//! logs/YYYY/MM/DD/HH/replay-<digest>.gz    its lines, part of the record like any other object there
//! ```

use crate::Hour;

/// Prefix of the event log.
pub const LOGS: &str = "logs/";
/// Prefix of the Parquet files.
pub const PARQUET: &str = "parquet/";
/// Prefix of the manifests.
pub const MANIFESTS: &str = "manifests/";
/// Prefix of the rejected lines.
pub const REJECTED: &str = "rejected/";
/// Prefix of the records that Firehose could not transform or deliver.
pub const ERRORS: &str = "error/";
/// Prefix of what became of replayed records, by where they were kept.
pub const REPLAYED: &str = "replayed/";
/// Key of the watermark.
pub const WATERMARK: &str = "manifests/watermark.json";

/// Prefix of an hour's JSON objects: `logs/2026/11/20/13/`.
pub fn json_prefix(hour: Hour) -> String {
    format!("{LOGS}{}/", hour.path())
}

/// Prefix of all of an hour's Parquet folders: `parquet/2026/11/20/13/`.
pub fn parquet_prefix(hour: Hour) -> String {
    format!("{PARQUET}{}/", hour.path())
}

/// Folder that one attempt at an hour writes to: `parquet/2026/11/20/13/<attempt>/`.
pub fn parquet_folder(hour: Hour, attempt: &str) -> String {
    format!("{}{attempt}/", parquet_prefix(hour))
}

/// Key of an hour's manifest: `manifests/2026/11/20/13.json`.
pub fn manifest_key(hour: Hour) -> String {
    format!("{MANIFESTS}{}.json", hour.path())
}

/// Key of the lines that an attempt rejected: `rejected/2026/11/20/13/<attempt>.ndjson.gz`.
pub fn rejected_key(hour: Hour, attempt: &str) -> String {
    format!("{REJECTED}{}/{attempt}.ndjson.gz", hour.path())
}

/// Prefix of all of an hour's rejected lines: `rejected/2026/11/20/13/`.
pub fn rejected_prefix(hour: Hour) -> String {
    format!("{REJECTED}{}/", hour.path())
}

/// Key of what became of `source`, an object's key or `queue/<message id>`: `replayed/error/a.json`.
pub fn replayed_key(source: &str) -> String {
    format!("{REPLAYED}{source}.json")
}

/// What was replayed where this key says what became of it; none where the key is no such one.
pub fn source_of_replayed(key: &str) -> Option<&str> {
    key.strip_prefix(REPLAYED)?.strip_suffix(".json").filter(|source| !source.is_empty())
}

/// Prefix of the lines that were replayed into an hour: `logs/2026/11/20/13/replay-`.
pub fn replay_prefix(hour: Hour) -> String {
    format!("{}replay-", json_prefix(hour))
}

/// Key of lines that were replayed into an hour: `logs/2026/11/20/13/replay-<digest>.gz`.
pub fn replay_key(hour: Hour, digest: &str) -> String {
    format!("{}{digest}.gz", replay_prefix(hour))
}

/// The hour and the attempt that a Parquet file or a file of rejected lines belongs to, by its key.
pub fn attempt_of(key: &str) -> Option<(Hour, String)> {
    let below = key.strip_prefix(PARQUET).or_else(|| key.strip_prefix(REJECTED))?;
    let (hour, name) = (Hour::from_path(below.get(..13)?)?, below.get(13..)?.strip_prefix('/')?);
    let attempt = match key.starts_with(PARQUET) {
        true => name.split_once('/')?.0,
        false => name.strip_suffix(".ndjson.gz").filter(|name| !name.contains('/'))?,
    };
    (!attempt.is_empty()).then(|| (hour, attempt.to_string()))
}

/// The hour whose manifest has this key.
pub fn hour_of_manifest(key: &str) -> Option<Hour> {
    Hour::from_path(key.strip_prefix(MANIFESTS)?.strip_suffix(".json")?)
}

/// The hour that an object of the event log belongs to, by its key; none where the key is not below an hour's prefix.
pub fn hour_of_log(key: &str) -> Option<Hour> {
    let below = key.strip_prefix(LOGS)?;
    let (path, name) = (below.get(..13)?, below.get(13..)?);
    if name.len() < 2 || !name.starts_with('/') {
        return None;
    }
    Hour::from_path(path)
}

/// The hour that an object is an input of: what Athena reads as that hour's JSON.
///
/// Objects directly under the hour's prefix are; names that begin with `_` or `.` are hidden from Hive-style readers,
/// and folders below a partition are not read.
pub fn hour_of_input(key: &str) -> Option<Hour> {
    let hour = hour_of_log(key)?;
    let name = &key[json_prefix(hour).len()..];
    let read = !name.contains('/') && !name.starts_with(['_', '.']);
    read.then_some(hour)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_an_hours_places() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        assert_eq!(json_prefix(hour), "logs/2026/11/20/13/");
        assert_eq!(parquet_folder(hour, "a1"), "parquet/2026/11/20/13/a1/");
        assert_eq!(manifest_key(hour), "manifests/2026/11/20/13.json");
        assert_eq!(rejected_key(hour, "a1"), "rejected/2026/11/20/13/a1.ndjson.gz");
        assert_eq!(hour_of_manifest(&manifest_key(hour)), Some(hour));
        assert_eq!(hour_of_manifest(WATERMARK), None);
    }

    #[test]
    fn names_what_was_replayed() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        assert_eq!(replayed_key("error/a/b"), "replayed/error/a/b.json");
        assert_eq!(source_of_replayed("replayed/error/a/b.json"), Some("error/a/b"));
        assert_eq!(source_of_replayed("replayed/.json"), None);
        assert_eq!(source_of_replayed("replayed/a.gz"), None);
        assert_eq!(source_of_replayed("error/a.json"), None);
        assert_eq!(replay_key(hour, "00ff"), "logs/2026/11/20/13/replay-00ff.gz");
        assert_eq!(hour_of_input(&replay_key(hour, "00ff")), Some(hour));
    }

    #[test]
    fn tells_whose_a_file_is() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        let cases = [
            ("parquet/2026/11/20/13/a1/00000.parquet", Some("a1")),
            ("parquet/2026/11/20/13/a1/sub/x", Some("a1")),
            ("parquet/2026/11/20/13/00000.parquet", None),
            ("parquet/2026/11/20/13//x", None),
            ("parquet/2026/11/20/a1/00000.parquet", None),
            ("rejected/2026/11/20/13/a1.ndjson.gz", Some("a1")),
            ("rejected/2026/11/20/13/a1.gz", None),
            ("rejected/2026/11/20/13/a/1.ndjson.gz", None),
            ("logs/2026/11/20/13/a1/x", None),
        ];
        for (key, attempt) in cases {
            assert_eq!(attempt_of(key), attempt.map(|attempt| (hour, attempt.to_string())), "{key}");
        }
    }

    /// What each key is: the hour's log object, an input of the hour too, or neither.
    #[test]
    fn tells_inputs_from_other_objects() {
        let cases = [
            ("logs/2026/11/20/13/a.gz", true, true),
            ("logs/2026/11/20/13/a b+c%3D.gz", true, true),
            ("logs/2026/11/20/13/_a.gz", true, false),
            ("logs/2026/11/20/13/.a.gz", true, false),
            ("logs/2026/11/20/13/sub/a.gz", true, false),
            ("logs/2026/11/20/13/", false, false),
            ("logs/2026/11/20/13", false, false),
            ("logs/2026/11/20/13a", false, false),
            ("logs/2026/11/20/24/a.gz", false, false),
            ("logs/2026/11/2/013/a.gz", false, false),
            ("logs/ü026/11/20/1/a.gz", false, false),
            ("error/2026/11/20/13/a.gz", false, false),
            ("my/logs/2026/11/20/13/a.gz", false, false),
        ];
        for (key, log, input) in cases {
            let found = (hour_of_log(key).is_some(), hour_of_input(key).is_some());
            assert_eq!(found, (log, input), "{key}");
        }
    }
}
