//! An independent reader of the world: what would Athena answer now?
//!
//! The view by its stored text, Glue's partitions, the objects where they point, the rows in these. It knows nothing of
//! manifests, reads Parquet with another reader than the compactor's, and the objects as the files that they are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use aws_sdk_glue::types::Partition;
use catalog::{Columns, DAILY, JSON, PARQUET, ParquetKey, view};
use flate2::read::MultiGzDecoder;
use local_aws::seam::{Call, Service};
use log_format::{COLUMNS, Day, Hour, layout};
use serde_json::{Map, Value};

use crate::world::{BUCKET, World, rows_by_hour, rows_of};

/// Rows by hour; a row that is there twice is there twice.
pub type Rows = BTreeMap<Hour, Vec<String>>;

impl World {
    /// `SELECT * FROM auth0_logs`, each row as its `column=value` pairs, in order.
    pub async fn athena(&self) -> Rows {
        let [view, _, _] = self.view_and_tables().await;
        view
    }

    /// The same, `SELECT * FROM auth0_logs_parquet` and `SELECT * FROM auth0_logs_daily`, which have an hour before the view
    /// takes it from there.
    async fn view_and_tables(&self) -> [Rows; 3] {
        let (watermark, mut view, mut parquet) = (self.view_watermark().await, Rows::new(), Rows::new());
        for (hour, prefix) in self.locations(PARQUET).await {
            let mut rows = self.rows_under(&prefix, true);
            rows.sort();
            parquet.insert(hour, rows);
        }
        let daily = self.daily_rows().await;
        let first = self.view_day().await.map_or(Hour::EPOCH, Day::end);
        view.extend(daily.range(..first).map(|(hour, rows)| (*hour, rows.clone())));
        view.extend(
            parquet.range(first..).filter(|(hour, _)| **hour <= watermark).map(|(hour, rows)| (*hour, rows.clone())),
        );
        for (hour, prefix) in self.locations(JSON).await.into_iter().filter(|(hour, _)| *hour > watermark) {
            let mut rows = self.rows_under(&prefix, false);
            rows.sort();
            // As the view says: SELECT DISTINCT.
            rows.dedup();
            view.insert(hour, rows);
        }
        [view, parquet, daily].map(|mut rows| {
            rows.retain(|_, rows| !rows.is_empty());
            rows
        })
    }

    /// The rows of the table of days, by the hour that each says.
    async fn daily_rows(&self) -> Rows {
        let mut rows = Rows::new();
        for (day, prefix) in self.locations::<Day>(DAILY).await {
            for key in self.files(&prefix) {
                for (hour, row) in rows_by_hour(self.content(&key)) {
                    rows.entry(Hour::from_parts(&day.date(), &hour).unwrap()).or_default().push(row);
                }
            }
        }
        rows.values_mut().for_each(|rows| rows.sort());
        rows
    }

    /// Where the partitions of a table point, as prefixes of keys. A table that is gone has none.
    async fn locations<K: ParquetKey>(&self, table: &str) -> Vec<(K, String)> {
        let partitions = match self.catalog.partitions::<K>(table, .., Columns::Compared).await {
            Err(_) if self.catalog.table(table).await.unwrap().is_none() => return Vec::new(),
            found => found.unwrap(),
        };
        let location = |partition: &Partition| {
            let key = K::of_values(partition.values()).unwrap();
            let location = partition.storage_descriptor().unwrap().location().unwrap();
            (key, location.strip_prefix(&format!("s3://{BUCKET}/")).unwrap().to_owned())
        };
        partitions.iter().map(location).collect()
    }

    /// The hours that a table has partitions of.
    pub async fn hours(&self, table: &str) -> Vec<Hour> {
        self.locations(table).await.into_iter().map(|(hour, _)| hour).collect()
    }

    /// The days that the table of days has partitions of.
    pub async fn days(&self) -> Vec<Day> {
        self.locations(DAILY).await.into_iter().map(|(day, _)| day).collect()
    }

    /// The files that a query on the view or on a Parquet table would read, were it planned now: it asks Glue for the
    /// view and for the partitions, lists their folders, and reads later.
    pub async fn plan(&self) -> Vec<String> {
        let watermark = self.view_watermark().await;
        let mut locations = self.locations::<Hour>(PARQUET).await;
        locations.extend(self.locations(JSON).await.into_iter().filter(|(hour, _)| *hour > watermark));
        let days = self.locations::<Day>(DAILY).await.into_iter().map(|(_, prefix)| prefix);
        let prefixes = locations.into_iter().map(|(_, prefix)| prefix).chain(days);
        prefixes.flat_map(|prefix| self.files(&prefix)).collect()
    }

    /// Is there such an object?
    pub fn has(&self, key: &str) -> bool {
        self.data.path().join(BUCKET).join(key).is_file()
    }

    /// Every row that lies under `logs/`, once, by the hour of its object.
    pub fn delivered(&self) -> Rows {
        let mut rows = Rows::new();
        for key in self.files(layout::LOGS) {
            // A key that is in no hour is in no partition either.
            let Some(hour) = layout::hour_of_input(&key) else { continue };
            let of_hour: &mut Vec<String> = rows.entry(hour).or_default();
            of_hour.extend(json_rows(&self.content(&key)));
            of_hour.sort();
            of_hour.dedup();
        }
        rows
    }

    /// How many inputs the live folder of `hour` has.
    pub fn live_inputs(&self, hour: Hour) -> usize {
        let manifest = self.manifest_of(hour);
        manifest["live"]["inputs"].as_array().map_or(0, Vec::len)
    }

    /// The rows of the live folder of `hour`, whatever Glue names. `None` if none is live.
    pub fn live_rows(&self, hour: Hour) -> Vec<String> {
        let manifest = self.manifest_of(hour);
        let Some(attempt) = manifest["live"]["attempt"].as_str() else { return Vec::new() };
        let mut rows = self.rows_under(&layout::parquet_folder(hour, attempt), true);
        rows.sort();
        rows
    }

    /// How many folders of `hour` are claimed, and how many retired.
    pub fn claimed_and_retired(&self, hour: Hour) -> (usize, usize) {
        let manifest = self.manifest_of(hour);
        let count = |list: &str| manifest[list].as_array().map_or(0, Vec::len);
        (count("claims"), count("retired"))
    }

    /// The manifest as the file that it is; null where there is none.
    fn manifest_of(&self, hour: Hour) -> Value {
        let file = std::fs::read(self.data.path().join(BUCKET).join(layout::manifest_key(hour)));
        file.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap())
    }

    /// The keys under `prefix`, which ends in a slash.
    pub fn files(&self, prefix: &str) -> Vec<String> {
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

    /// The watermark that the view in Glue has; the first hour of all where there is no view yet.
    pub async fn view_watermark(&self) -> Hour {
        let Some(view) = self.catalog.view().await.unwrap() else { return Hour::EPOCH };
        let stored = view::stored_sql(&view).unwrap();
        let date = stored.split("(\"date\" < DATE '").nth(1).unwrap().get(..10).unwrap();
        let hour = stored.split("\"hour\" <= '").nth(1).unwrap().get(..2).unwrap();
        Hour::from_parts(date, hour).unwrap()
    }

    /// The last day that the view takes from the table of days. `None` if it takes none.
    pub async fn view_day(&self) -> Option<Day> {
        let stored = view::stored_sql(&self.catalog.view().await.unwrap()?).unwrap();
        Some(stored.split("\"date\" <= DATE '").nth(1)?.get(..10).unwrap().parse().unwrap())
    }

    fn rows_under(&self, prefix: &str, is_parquet: bool) -> Vec<String> {
        let mut rows = Vec::new();
        for key in self.files(prefix) {
            let bytes = self.content(&key);
            rows.extend(if is_parquet { rows_of(bytes) } else { json_rows(&bytes) });
        }
        rows
    }

    /// What must hold in every state, whatever crashed: each file under `parquet/` and `daily/` is in a folder that the manifest of
    /// its hour or day knows (C5), and each live file is there.
    pub fn check_folders(&self, when: &str) {
        let files = [layout::PARQUET, layout::DAILY].into_iter().flat_map(|prefix| self.files(prefix));
        let files: BTreeSet<String> = files.collect();
        let mut known = BTreeSet::new();
        for key in self.files(layout::MANIFESTS) {
            let folder: Box<dyn Fn(&str) -> String> =
                match (layout::hour_of_manifest(&key), layout::day_of_manifest(&key)) {
                    (Some(hour), _) => Box::new(move |attempt| layout::parquet_folder(hour, attempt)),
                    (_, Some(day)) => Box::new(move |attempt| layout::daily_folder(day, attempt)),
                    (None, None) => continue,
                };
            let manifest: Value = serde_json::from_slice(&self.content(&key)).unwrap();
            let attempts = |list: &str| manifest[list].as_array().unwrap().clone();
            let all = attempts("claims").into_iter().chain(attempts("retired")).chain([manifest["live"].clone()]);
            let names = all.filter_map(|it| it["attempt"].as_str().map(str::to_owned));
            known.extend(names.map(|attempt| folder(&attempt)));
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

/// A reader that looks again and again, at the view and at the Parquet tables behind it.
#[derive(Default)]
pub struct Reader {
    /// What was ever seen of each.
    seen: [Rows; 3],
    pub looks: usize,
}

impl Reader {
    /// What is there now: no row twice, and none that was not delivered. Gives the rows that were seen once and are not
    /// there any more.
    pub async fn look(&mut self, world: &World, when: impl Fn() -> String) -> Vec<String> {
        self.looks += 1;
        let (delivered, mut gone) = (world.delivered(), Vec::new());
        for (seen, found) in self.seen.iter_mut().zip(world.view_and_tables().await) {
            for (hour, rows) in &found {
                let twice = rows.windows(2).any(|pair| pair[0] == pair[1]);
                assert!(!twice, "{}: {hour} shows a row twice: {rows:?}", when());
                let all = delivered.get(hour).map(Vec::as_slice).unwrap_or_default();
                assert!(rows.iter().all(|row| all.contains(row)), "{}: {hour} shows what never came: {rows:?}", when());
            }
            for (hour, rows) in seen.iter() {
                let now = found.get(hour).map(Vec::as_slice).unwrap_or_default();
                gone.extend(rows.iter().filter(|row| !now.contains(row)).cloned());
            }
            for (hour, rows) in found {
                let ever = seen.entry(hour).or_default();
                ever.extend(rows);
                ever.sort();
                ever.dedup();
            }
        }
        gone
    }

    /// Looks, and nothing that was seen once may be gone.
    pub async fn look_and_lose_nothing(&mut self, world: &World, when: impl Fn() -> String) {
        let gone = self.look(world, &when).await;
        assert!(gone.is_empty(), "{}: {gone:?} is gone", when());
    }
}

/// Is `call` a write?
pub fn writes(call: &Call) -> bool {
    !["Get", "List", "Head"].iter().any(|reading| call.name.starts_with(reading))
}

/// Can `call` change what a reader sees, who asks Glue and reads what lies under `logs/`, `parquet/` and `daily/`?
pub fn can_be_seen(call: &Call) -> bool {
    let read = [layout::LOGS, layout::PARQUET, layout::DAILY].map(|prefix| format!(":::{BUCKET}/{prefix}"));
    let is_read = |arn: &String| read.iter().any(|prefix| arn.contains(prefix));
    writes(call) && (call.service == Service::Glue || call.resources.iter().any(is_read))
}

/// May less be seen after `call` than before? Glue's update has no condition: one that was sent before another's commit
/// and comes after it names the older folder, until the run that sent it has read the manifest again.
pub fn may_show_less(call: &Call) -> bool {
    call.name == "UpdatePartition"
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
