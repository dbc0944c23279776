//! A world for tests: a bucket, a catalog and a compactor over the embedded AWS, at any time of day.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use catalog::{Catalog, Columns, PARQUET};
use chrono::{DateTime, Utc};
use compactor::bucket::Bucket;
use compactor::clock::{Clock, Run};
use compactor::config::{Limits, timeouts};
use compactor::hour::error::HourError;
use compactor::hour::{Compactor, Outcome, Visit};
use compactor::request::Request;
use compactor::tick::Tick;
use fixtures::gzip;
use futures::FutureExt;
use local_aws::LocalAws;
use log_format::{COLUMNS, Hour, layout};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use projection::manifest::Manifest;
use tempfile::TempDir;
use tokio::time::Duration;

pub const BUCKET: &str = "acme-logs";
pub const HOUR: &str = "2026-11-20T13";

/// What the schedule asks.
pub const TICK: Request = Request::TICK;

pub struct World {
    pub aws: LocalAws,
    pub s3: aws_sdk_s3::Client,
    pub glue: aws_sdk_glue::Client,
    pub catalog: Catalog,
    pub compactor: Arc<Compactor>,
    pub data: TempDir,
    ticks: std::cell::Cell<u32>,
}

pub fn hour(text: &str) -> Hour {
    text.parse().unwrap()
}

pub async fn world() -> World {
    let world = open(tempfile::tempdir().unwrap(), 0);
    world.aws.create_bucket(BUCKET).unwrap();
    world.catalog.ensure_tables().await.unwrap();
    world
}

/// The world in a folder, in which so many runs have been. What the tests themselves do there goes past the seam.
fn open(data: TempDir, ticks: u32) -> World {
    let aws = LocalAws::open(data.path(), Arc::new(|| "2026-11-20T13:00:00Z".parse().unwrap())).unwrap();
    let beside = aws.as_observer();
    let catalog = Catalog::new(beside.glue(), "logs", BUCKET);
    let compactor = compactor(&aws.as_caller("compactor"));
    World { s3: beside.s3(), glue: beside.glue(), aws, catalog, compactor, data, ticks: std::cell::Cell::new(ticks) }
}

/// A world as it was once, to be begun from many times.
pub struct Snapshot {
    data: TempDir,
    ticks: u32,
}

impl Snapshot {
    pub fn of(world: World) -> Snapshot {
        Snapshot { data: world.data, ticks: world.ticks.get() }
    }

    pub fn world(&self) -> World {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(self.data.path(), copy.path());
        // No run's nonce is ever used again.
        open(copy, self.ticks)
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if entry.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy_folder(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).unwrap();
        }
    }
}

/// A wall clock that the test sets.
#[derive(Clone)]
pub struct Wall(Arc<Mutex<DateTime<Utc>>>);

impl Wall {
    pub fn at(now: &str) -> Wall {
        Wall(Arc::new(Mutex::new(now.parse().unwrap())))
    }

    pub fn set(&self, now: &str) {
        *self.0.lock().unwrap() = now.parse().unwrap();
    }

    /// A run that begins now. When it sleeps, the clock is set on at once.
    pub fn run(&self, nonce: &str) -> Run {
        let wall = Arc::clone(&self.0);
        let clock = Clock::start(Arc::new(move || *wall.lock().unwrap()), Duration::from_secs(900));
        let wall = Arc::clone(&self.0);
        let sleep = move |time: Duration| {
            *wall.lock().unwrap() += time;
            std::future::ready(()).boxed()
        };
        Run { clock: clock.sleeping_by(Arc::new(sleep)), nonce: nonce.to_owned() }
    }
}

/// A compactor as it is deployed: its clients with their timeouts.
pub fn compactor(aws: &LocalAws) -> Arc<Compactor> {
    limited_compactor(aws, Limits::default())
}

/// One with other limits.
pub fn limited_compactor(aws: &LocalAws, limits: Limits) -> Arc<Compactor> {
    let config = aws.sdk_config().into_builder().timeout_config(timeouts()).build();
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let bucket = Bucket::new(aws_sdk_s3::Client::from_conf(s3), BUCKET);
    let catalog = Catalog::new(aws_sdk_glue::Client::new(&config), "logs", BUCKET);
    Arc::new(Compactor::new(bucket, catalog, limits))
}

/// A visit, and what a tick does after it: if the partition has to wait, it is written a minute later.
pub async fn visit_and_publish(compactor: &Compactor, visit: Visit, run: &Run) -> Result<Outcome, HourError> {
    let outcome = compactor.visit(visit, run).await?;
    let Outcome::Waits(_, waiting) = &outcome else { return Ok(outcome) };
    if let Some(until) = waiting.until() {
        run.clock.sleep_until(until).await;
    }
    compactor.repair_partition(visit.hour, Some(waiting), run).await
}

impl World {
    pub async fn put(&self, key: &str, body: Vec<u8>) {
        self.s3.put_object().bucket(BUCKET).key(key).body(body.into()).send().await.unwrap();
    }

    /// An object of lines in an hour, as Firehose would write it.
    pub async fn put_lines(&self, hour: &str, name: &str, lines: &[&str]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.put(&format!("{}{name}.gz", layout::json_prefix(hour.parse().unwrap())), gzip(text)).await;
    }

    pub async fn delete(&self, key: &str) {
        self.s3.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }

    pub fn run(&self, now: &str) -> Run {
        self.ticks.set(self.ticks.get() + 1);
        Wall::at(now).run(&format!("run{}", self.ticks.get()))
    }

    pub async fn tick(&self, now: &str) -> Tick {
        self.ask(now, TICK).await
    }

    /// A tick after which the view has every closed hour from Parquet, so that nothing hides what becomes of that.
    pub async fn tick_without_lag(&self, now: &str) -> Tick {
        self.ask_within(Limits { watermark_lag_hours: 0, ..Limits::default() }, now, TICK).await
    }

    /// A run of a compactor that has other limits.
    pub async fn ask_within(&self, limits: Limits, now: &str, request: Request) -> Tick {
        let compactor = limited_compactor(&self.aws.as_caller("compactor"), limits);
        compactor.tick(&Arc::new(self.run(now)), request, |_, _| {}).await.unwrap()
    }

    pub async fn ask(&self, now: &str, request: Request) -> Tick {
        self.compactor.tick(&Arc::new(self.run(now)), request, |_, _| {}).await.unwrap()
    }

    pub async fn manifest(&self, hour: &str) -> Manifest {
        let run = self.run("2026-11-20T14:30:00Z");
        self.compactor.manifest(hour.parse().unwrap(), &run.clock).await.unwrap().unwrap()
    }

    /// Every key in the bucket.
    pub async fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket(BUCKET).prefix(prefix).send().await.unwrap();
        listed.contents().iter().map(|object| object.key().unwrap().to_string()).collect()
    }

    pub async fn bytes(&self, key: &str) -> Vec<u8> {
        let found = self.s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        found.body.collect().await.unwrap().to_vec()
    }

    /// What Athena would answer now of an hour's Parquet: partition → location → listed objects → rows, each as
    /// `column=value` pairs, in order of the file.
    pub async fn parquet_rows(&self, hour: &str) -> Vec<String> {
        let hour: Hour = hour.parse().unwrap();
        let partitions = self.catalog.partitions::<Hour>(PARQUET, hour.., Columns::LeftOut).await.unwrap();
        let Some(partition) = partitions.iter().find(|it| it.values() == hour.partition_values()) else {
            return Vec::new();
        };
        let location = partition.storage_descriptor().unwrap().location().unwrap();
        assert!(location.ends_with('/'), "{location}");
        let prefix = location.strip_prefix(&format!("s3://{BUCKET}/")).unwrap();
        let mut rows = Vec::new();
        for key in self.keys(prefix).await {
            rows.extend(rows_of(self.bytes(&key).await));
        }
        rows
    }
}

/// The rows of a file of an hour.
pub fn rows_of(file: Vec<u8>) -> Vec<String> {
    rows_by_hour(file).into_iter().map(|(_, row)| row).collect()
}

/// The rows of a file of a day, each with the hour that it says. In a file of an hour that is empty.
pub fn rows_by_hour(file: Vec<u8>) -> Vec<(String, String)> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        let not_null = row.get_column_iter().filter(|(_, value)| **value != Field::Null);
        let (hour, mut values): (Vec<_>, Vec<_>) = not_null.partition(|(name, _)| *name == "hour");
        // A file has its columns in an order of its own.
        values.sort_by_key(|(name, _)| COLUMNS.iter().position(|column| column.name == **name).unwrap());
        let text = |value: &Field| match value {
            Field::Str(text) => text.clone(),
            other => panic!("a column is no text: {other}"),
        };
        let hour = hour.first().map(|(_, value)| text(value)).unwrap_or_default();
        (hour, values.iter().map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(" "))
    });
    rows.collect()
}

/// The outcomes of hours as one line each, for reading.
pub fn shown(tick: &Tick) -> Vec<String> {
    shown_of(&tick.outcomes)
}

/// The outcomes of days as one line each, for reading.
pub fn shown_days(tick: &Tick) -> Vec<String> {
    shown_of(&tick.days)
}

fn shown_of<P: fmt::Display>(outcomes: &BTreeMap<P, Outcome>) -> Vec<String> {
    let show = |outcome: &Outcome| match outcome {
        Outcome::Compacted { counts, .. } => format!(
            "{} lines, {} rows, {} duplicates, {} collisions, {} rejected",
            counts.lines, counts.rows, counts.duplicates, counts.collisions, counts.rejected
        ),
        Outcome::Nothing(reason) => format!("{reason:?}"),
        Outcome::Repaired => "repaired".to_owned(),
        waits if waits.waits_for_day() => "behind its day".to_owned(),
        Outcome::Waits(..) => "not published".to_owned(),
        Outcome::Deferred(reason) => format!("deferred: {reason}"),
        Outcome::Failed(why) => format!("failed: {why}"),
    };
    outcomes.iter().map(|(period, outcome)| format!("{period} {}", show(outcome))).collect()
}
