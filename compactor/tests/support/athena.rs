//! An independent reader of the world: what would Athena answer now?
//!
//! The view by its stored text, Glue's partitions, the objects where they point, the rows in these. It knows nothing of
//! manifests, reads Parquet with another reader than the compactor's, and the objects as the files that they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use catalog::{JSON, PARQUET, view};
use flate2::read::MultiGzDecoder;
use log_format::{COLUMNS, Hour, layout};
use serde_json::{Map, Value};

use super::{BUCKET, World, rows_of};

/// Rows by hour; a row that is there twice is there twice.
pub(crate) type Rows = BTreeMap<Hour, Vec<String>>;

impl World {
    /// `SELECT * FROM auth0_logs`, each row as its `column=value` pairs, in order.
    pub(crate) async fn athena(&self) -> Rows {
        let cut = self.view_cut().await;
        let mut rows = Rows::new();
        for (table, is_parquet) in [(PARQUET, true), (JSON, false)] {
            for partition in self.catalog.partitions(table, Hour::EPOCH..).await.unwrap() {
                let hour = Hour::from_partition_values(partition.values()).unwrap();
                if (hour <= cut) != is_parquet {
                    continue;
                }
                let location = partition.storage_descriptor().unwrap().location().unwrap();
                let prefix = location.strip_prefix(&format!("s3://{BUCKET}/")).unwrap();
                let mut found = self.rows_under(prefix, is_parquet);
                found.sort();
                if !is_parquet {
                    // As the view says: SELECT DISTINCT.
                    found.dedup();
                }
                rows.insert(hour, found);
            }
        }
        rows.retain(|_, rows| !rows.is_empty());
        rows
    }

    /// Every row that lies under `logs/`, once, by the hour of its object.
    pub(crate) fn delivered(&self) -> Rows {
        let mut rows = Rows::new();
        for key in self.files(layout::LOGS) {
            let hour = layout::hour_of_input(&key).unwrap();
            let of_hour: &mut Vec<String> = rows.entry(hour).or_default();
            of_hour.extend(json_rows(&self.content(&key)));
            of_hour.sort();
            of_hour.dedup();
        }
        rows
    }

    /// How many inputs the live folder of `hour` has.
    pub(crate) fn live_inputs(&self, hour: Hour) -> usize {
        let Ok(bytes) = std::fs::read(self.data.path().join(BUCKET).join(layout::manifest_key(hour))) else { return 0 };
        let manifest: Value = serde_json::from_slice(&bytes).unwrap();
        manifest["live"]["inputs"].as_array().map_or(0, Vec::len)
    }

    /// The keys under `prefix`, which ends in a slash.
    pub(crate) fn files(&self, prefix: &str) -> Vec<String> {
        let mut keys = Vec::new();
        self.walk(prefix, &mut keys);
        keys
    }

    fn walk(&self, prefix: &str, keys: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(self.data.path().join(BUCKET).join(prefix)) else { return };
        for entry in entries {
            let entry = entry.unwrap();
            let key = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() { self.walk(&format!("{key}/"), keys) } else { keys.push(key) }
        }
    }

    fn content(&self, key: &str) -> Vec<u8> {
        std::fs::read(self.data.path().join(BUCKET).join(key)).unwrap()
    }

    /// The cut that the view in Glue has; the first hour of all where there is no view yet.
    pub(crate) async fn view_cut(&self) -> Hour {
        let Some(view) = self.catalog.view().await.unwrap() else { return Hour::EPOCH };
        let stored = view::stored_sql(&view).unwrap();
        let date = stored.split("DATE '").nth(2).unwrap().get(..10).unwrap();
        let hour = stored.split("\"hour\" <= '").nth(1).unwrap().get(..2).unwrap();
        Hour::from_parts(date, hour).unwrap()
    }

    fn rows_under(&self, prefix: &str, is_parquet: bool) -> Vec<String> {
        let mut rows = Vec::new();
        for key in self.files(prefix) {
            let bytes = self.content(&key);
            rows.extend(if is_parquet { rows_of(bytes) } else { json_rows(&bytes) });
        }
        rows
    }

    /// What must hold in every state, whatever crashed: each file under `parquet/` is in a folder that its hour's
    /// manifest knows (C5), and each live file is there.
    pub(crate) fn check_folders(&self, when: &str) {
        let files: BTreeSet<String> = self.files(layout::PARQUET).into_iter().collect();
        let mut known = BTreeSet::new();
        for key in self.files(layout::MANIFESTS) {
            let Some(hour) = layout::hour_of_manifest(&key) else { continue };
            let manifest: Value = serde_json::from_slice(&self.content(&key)).unwrap();
            let attempts = |list: &str| manifest[list].as_array().unwrap().clone();
            let all = attempts("claims").into_iter().chain(attempts("retired")).chain([manifest["live"].clone()]);
            let names = all.filter_map(|it| it["attempt"].as_str().map(str::to_owned));
            known.extend(names.map(|attempt| layout::parquet_folder(hour, &attempt)));
            for file in manifest["live"]["files"].as_array().into_iter().flatten() {
                let key = file["key"].as_str().unwrap();
                assert!(files.contains(key), "{when}: the live file {key} is missing");
            }
        }
        for file in &files {
            let folder = &file[..=file.rfind('/').unwrap()];
            assert!(known.contains(folder), "{when}: no manifest knows {file}");
        }
    }
}

/// The rows of gzipped lines, by a reader of its own.
fn json_rows(object: &[u8]) -> Vec<String> {
    let mut text = String::new();
    MultiGzDecoder::new(object).read_to_string(&mut text).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Map<String, Value>>(line).ok());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |line: Map<String, Value>| {
        let values = COLUMNS.iter().filter_map(|column| Some((column.name, line.get(column.name)?)));
        values.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" ")
    };
    lines.map(row).filter(|row| !row.is_empty()).collect()
}
