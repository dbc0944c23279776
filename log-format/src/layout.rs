//! Where things lie in the bucket, and how S3 writes their keys in notifications.
//!
//! ```text
//! logs/YYYY/MM/DD/HH/<object>              JSON lines, gzip: the record, written by Firehose
//! parquet/YYYY/MM/DD/HH/<attempt>/<file>   Parquet: the projection, written by the compactor
//! daily/YYYY/MM/DD/<attempt>/<file>        Parquet: the hours of a day rolled up, written by the compactor
//! manifests/YYYY/MM/DD/HH.json             the state of an hour
//! manifests/YYYY/MM/DD/day.json            the state of a day
//! manifests/watermark.json                 the hour up to which the view reads Parquet
//! rejected/YYYY/MM/DD/HH/<attempt>.ndjson.gz   lines that could not be read
//! error/…                                  records that Firehose could not transform or deliver
//! replayed/<key>.json                      the result of the replay of an object under error/
//! replayed/queue/<id>.json                 the result of the replay of a message of a queue
//! replayed/reconciled/<tenant>/<digest>.json   the result of a repair from Auth0's own log
//! logs/YYYY/MM/DD/HH/replay-<digest>.gz    lines of a replay, part of the record like any other object there
//! logs/YYYY/MM/DD/HH/reconciled-<digest>.gz    lines of a repair from Auth0's own log, likewise
//! logs/YYYY/MM/DD/HH/import-<digest>.gz    lines of an import, likewise, in the hour in which the events happened
//! reconciled/<tenant>.json                 the spans in which everything at Auth0 is in the bucket
//! ```

use std::str::Utf8Error;

use percent_encoding::percent_decode_str;

use crate::day::Day;
use crate::hour::Hour;

/// Prefix of the event log.
pub const LOGS: &str = "logs/";
/// Prefix of the Parquet files.
pub const PARQUET: &str = "parquet/";
/// Prefix of the Parquet files of days.
pub const DAILY: &str = "daily/";
/// Prefix of the manifests.
pub const MANIFESTS: &str = "manifests/";
/// Prefix of the rejected lines.
pub const REJECTED: &str = "rejected/";
/// Prefix of the records that Firehose could not transform or deliver.
pub const ERRORS: &str = "error/";
/// Prefix of the results of replays, by the place the records were replayed from.
pub const REPLAYED: &str = "replayed/";
/// Prefix of what is known of the reconciliation with Auth0, by tenant.
pub const RECONCILED: &str = "reconciled/";
/// Key of the watermark, the hour up to which the view reads Parquet.
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

/// Prefix of all of a day's Parquet folders: `daily/2026/11/20/`.
pub fn daily_prefix(day: Day) -> String {
    format!("{DAILY}{}/", day.path())
}

/// Folder that one attempt at a day writes to: `daily/2026/11/20/<attempt>/`.
pub fn daily_folder(day: Day, attempt: &str) -> String {
    format!("{}{attempt}/", daily_prefix(day))
}

/// Key of a day's manifest: `manifests/2026/11/20/day.json`.
pub fn day_manifest_key(day: Day) -> String {
    format!("{MANIFESTS}{}/day.json", day.path())
}

/// The day whose manifest has this key. `None` if `key` is not the key of a day's manifest.
pub fn day_of_manifest(key: &str) -> Option<Day> {
    Day::from_path(key.strip_prefix(MANIFESTS)?.strip_suffix("/day.json")?)
}

/// The day and the attempt that wrote a file, by its key. `None` if `key` is not a Parquet file of an attempt at a day.
pub fn day_attempt_of(key: &str) -> Option<(Day, String)> {
    let below = key.strip_prefix(DAILY)?;
    let (day, name) = (Day::from_path(below.get(..10)?)?, below.get(10..)?.strip_prefix('/')?);
    let attempt = name.split_once('/')?.0;
    (!attempt.is_empty()).then(|| (day, attempt.to_string()))
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

/// Key of the result of the replay of `source`, an object's key or `queue/<message id>`: `replayed/error/a.json`.
pub fn replayed_key(source: &str) -> String {
    format!("{REPLAYED}{source}.json")
}

/// The source whose replay has its result under `key`. `None` if `key` is not the key of a result.
pub fn source_of_replayed(key: &str) -> Option<&str> {
    key.strip_prefix(REPLAYED)?.strip_suffix(".json").filter(|source| !source.is_empty())
}

/// Prefix of the objects of replayed lines of an hour: `logs/2026/11/20/13/replay-`.
pub fn replay_prefix(hour: Hour) -> String {
    format!("{}replay-", json_prefix(hour))
}

/// Key of an object of replayed lines of an hour: `logs/2026/11/20/13/replay-<digest>.gz`.
pub fn replay_key(hour: Hour, digest: &str) -> String {
    format!("{}{digest}.gz", replay_prefix(hour))
}

/// Prefix of the objects of imported lines of an hour: `logs/2026/11/20/13/import-`.
pub fn import_prefix(hour: Hour) -> String {
    format!("{}import-", json_prefix(hour))
}

/// Key of an object of imported lines of an hour: `logs/2026/11/20/13/import-<digest>.gz`.
pub fn import_key(hour: Hour, digest: &str) -> String {
    format!("{}{digest}.gz", import_prefix(hour))
}

/// Prefix of the objects of an hour with lines that a repair fetched from Auth0: `logs/2026/11/20/13/reconciled-`.
pub fn reconciled_prefix(hour: Hour) -> String {
    format!("{}reconciled-", json_prefix(hour))
}

/// Key of an object of an hour with lines that a repair fetched from Auth0: `logs/2026/11/20/13/reconciled-<digest>.gz`.
pub fn reconciled_key(hour: Hour, digest: &str) -> String {
    format!("{}{digest}.gz", reconciled_prefix(hour))
}

/// Key of what is known of the reconciliation with a tenant of Auth0: `reconciled/acme.eu.auth0.com.json`.
pub fn reconciliation_key(tenant: &str) -> String {
    format!("{RECONCILED}{tenant}.json")
}

/// The tenant of a reconciliation, by its key. `None` if `key` is not the key of one.
pub fn tenant_of_reconciliation(key: &str) -> Option<&str> {
    key.strip_prefix(RECONCILED)?.strip_suffix(".json").filter(|tenant| !tenant.is_empty() && !tenant.contains('/'))
}

/// The hour and the attempt that wrote a file, by its key. `None` if `key` is neither a Parquet file of an attempt nor
/// its rejected lines.
pub fn attempt_of(key: &str) -> Option<(Hour, String)> {
    let below = key.strip_prefix(PARQUET).or_else(|| key.strip_prefix(REJECTED))?;
    let (hour, name) = (Hour::from_path(below.get(..13)?)?, below.get(13..)?.strip_prefix('/')?);
    let attempt = match key.starts_with(PARQUET) {
        true => name.split_once('/')?.0,
        false => name.strip_suffix(".ndjson.gz").filter(|name| !name.contains('/'))?,
    };
    (!attempt.is_empty()).then(|| (hour, attempt.to_string()))
}

/// The hour whose manifest has this key. `None` if `key` is not the key of a manifest.
pub fn hour_of_manifest(key: &str) -> Option<Hour> {
    Hour::from_path(key.strip_prefix(MANIFESTS)?.strip_suffix(".json")?)
}

/// Where an unreadable object of `key` is kept before another takes its place.
pub fn unreadable_key(key: &str, nonce: &str) -> String {
    format!("{key}.broken-{nonce}")
}

/// True for a key that [`unreadable_key`] makes.
pub fn is_kept_unreadable(key: &str) -> bool {
    key.contains(".json.broken-")
}

/// The hour that an object of the event log belongs to, by its key. `None` if `key` is not below the prefix of an hour.
pub fn hour_of_log(key: &str) -> Option<Hour> {
    let below = key.strip_prefix(LOGS)?;
    let (path, name) = (below.get(..13)?, below.get(13..)?);
    if name.len() < 2 || !name.starts_with('/') {
        return None;
    }
    Hour::from_path(path)
}

/// The hour that an object is an input of: Athena reads the object as JSON of that hour.
///
/// `None` if the object does not lie directly under the prefix of an hour, because folders below a partition are not
/// read, or if its name begins with `_` or `.`, because Hive-style readers take that for hidden.
pub fn hour_of_input(key: &str) -> Option<Hour> {
    let hour = hour_of_log(key)?;
    let name = &key[json_prefix(hour).len()..];
    let read = !name.contains('/') && !name.starts_with(['_', '.']);
    read.then_some(hour)
}

/// Why nobody reads an object under `logs/` that holds `size` bytes, although its name does not hide it. `None` if it is an
/// input, if its name begins with `_` or `.`, or if it stands for a folder.
pub fn why_unread(key: &str, size: u64) -> Option<&'static str> {
    if hour_of_input(key).is_some() || (size == 0 && key.ends_with('/')) {
        return None;
    }
    let Some(hour) = hour_of_log(key) else { return Some("there is no hour of that name") };
    let hidden = key[json_prefix(hour).len()..].starts_with(['_', '.']);
    (!hidden).then_some("it lies in a folder below its hour")
}

/// Decodes an object's key as S3 writes it in a notification, and in a listing with `encoding-type=url`: like a form field, `+`
/// for a blank and `%2B` for a plus.
///
/// # Errors
///
/// If the decoded key is not UTF-8.
pub fn decode_key(encoded: &str) -> Result<String, Utf8Error> {
    let spaced = encoded.replace('+', " ");
    Ok(percent_decode_str(&spaced).decode_utf8()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_the_keys_of_notifications() {
        let cases = [
            ("logs/2026/11/20/13/a+b%2Bc%3D1%C3%A9.gz", "logs/2026/11/20/13/a b+c=1é.gz"),
            ("", ""),
            ("%", "%"),
            ("%2", "%2"),
            ("%zz", "%zz"),
            ("%2525", "%25"),
            ("é", "é"),
        ];
        for (encoded, key) in cases {
            assert_eq!(decode_key(encoded).unwrap(), key, "{encoded}");
        }
        assert!(decode_key("logs/%FF").is_err());
    }

    #[test]
    fn an_object_that_nobody_reads_is_hidden_or_told() {
        let (none, below) = (Some("there is no hour of that name"), Some("it lies in a folder below its hour"));
        let cases = [
            ("logs/2026/11/20/13/a.gz", None),
            ("logs/2026/11/20/13/_SUCCESS", None),
            ("logs/2026/11/20/13/.part/a.gz", None),
            ("logs/2026/11/20/13/b/a.gz", below),
            ("logs/2026/11/20/7/a.gz", none),
            ("logs/2026/11/20/24/a.gz", none),
            ("logs/1969/12/31/23/a.gz", none),
            ("logs/year=2026/a.gz", none),
            ("logs/a.gz", none),
        ];
        for (key, expected) in cases {
            assert_eq!(why_unread(key, 1), expected, "{key}");
        }
        assert_eq!((why_unread("logs/2026/11/", 0), why_unread("logs/2026/11/", 1)), (None, none));
    }

    #[test]
    fn names_an_hours_places() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        assert_eq!(json_prefix(hour), "logs/2026/11/20/13/");
        assert_eq!(parquet_folder(hour, "a1"), "parquet/2026/11/20/13/a1/");
        assert_eq!(manifest_key(hour), "manifests/2026/11/20/13.json");
        assert_eq!(rejected_key(hour, "a1"), "rejected/2026/11/20/13/a1.ndjson.gz");
        assert_eq!(hour_of_manifest(&manifest_key(hour)), Some(hour));
        assert_eq!(hour_of_manifest(WATERMARK), None);
        let day = Day::of(hour);
        assert_eq!(daily_folder(day, "a1"), "daily/2026/11/20/a1/");
        assert_eq!(day_manifest_key(day), "manifests/2026/11/20/day.json");
        assert_eq!(day_of_manifest(&day_manifest_key(day)), Some(day));
        assert_eq!((hour_of_manifest(&day_manifest_key(day)), day_of_manifest(&manifest_key(hour))), (None, None));
    }

    #[test]
    fn names_the_results_of_replays() {
        let hour: Hour = "2026-11-20T13".parse().unwrap();
        assert_eq!(replayed_key("error/a/b"), "replayed/error/a/b.json");
        assert_eq!(source_of_replayed("replayed/error/a/b.json"), Some("error/a/b"));
        assert_eq!(source_of_replayed("replayed/.json"), None);
        assert_eq!(source_of_replayed("replayed/a.gz"), None);
        assert_eq!(source_of_replayed("error/a.json"), None);
        assert_eq!(replay_key(hour, "00ff"), "logs/2026/11/20/13/replay-00ff.gz");
        assert_eq!(hour_of_input(&replay_key(hour, "00ff")), Some(hour));
        assert_eq!(import_key(hour, "00ff"), "logs/2026/11/20/13/import-00ff.gz");
        assert_eq!(hour_of_input(&import_key(hour, "00ff")), Some(hour));
        assert_eq!(reconciled_key(hour, "00ff"), "logs/2026/11/20/13/reconciled-00ff.gz");
        assert_eq!(hour_of_input(&reconciled_key(hour, "00ff")), Some(hour));
        assert_eq!(tenant_of_reconciliation(&reconciliation_key("acme.example.com")), Some("acme.example.com"));
        assert_eq!(tenant_of_reconciliation("reconciled/a/b.json"), None);
    }

    #[test]
    fn tells_which_attempt_wrote_a_file() {
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

    #[test]
    fn tells_which_attempt_wrote_a_file_of_a_day() {
        let cases = [
            ("daily/2026/11/20/a1/00000.parquet", Some("a1")),
            ("daily/2026/11/20/00000.parquet", None),
            ("daily/2026/11/20//x", None),
            ("daily/2026/11/31/a1/x", None),
            ("parquet/2026/11/20/13/a1/x", None),
        ];
        for (key, attempt) in cases {
            let expected = attempt.map(|attempt| ("2026-11-20".parse().unwrap(), attempt.to_string()));
            assert_eq!(day_attempt_of(key), expected, "{key}");
        }
    }

    /// Each key with two facts: whether it is an object of the event log, and whether it is an input of its hour.
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
