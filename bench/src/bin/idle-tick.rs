//! Counts the calls of a tick that finds nothing to do, over buckets of some years in which every hour has an object and every
//! day is rolled up.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use aws_sdk_s3::Client;
use catalog::{Catalog, Pointer};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use compactor::bucket::{Bucket, Condition, Put};
use compactor::clock::{Clock, Run};
use compactor::config::Limits;
use compactor::day::inputs_of;
use compactor::hour::{Compactor, Published, digests_of_live};
use compactor::request::Request;
use futures::{StreamExt, TryStreamExt, stream};
use local_aws::LocalAws;
use local_aws::seam::Faults;
use log_format::{Day, Hour, layout};
use projection::manifest::{Counts, File, Folder, Live, LiveDay, Manifest, ObjectMeta, Period};
use serde_json::json;
use tokio::time::Duration;

/// The bucket and the database.
const BUCKET: &str = "auth0-logs";
const DATABASE: &str = "auth0_event_logs";
/// The name of every live folder.
const ATTEMPT: &str = "a";
/// Days that are written at once.
const DAYS_AT_ONCE: usize = 16;
/// Ticks over which calls are counted: at each other days have their turn in the scrub.
const TICKS: i64 = 6;

/// Count the calls of an idle tick over 1, 5 and 10 years of hours, or make such a folder to run a tick over
#[derive(Debug, Parser)]
#[command(name = "idle-tick")]
struct Args {
    /// An empty folder; it becomes the embedded AWS's
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// After how many years to count, in rising order
    #[arg(long, value_name = "YEARS", num_args = 1.., default_values_t = [1, 5, 10])]
    years: Vec<u32>,
    /// The hour after the last one that has an object
    #[arg(long, value_name = "HOUR", default_value = "2026-11-20T13")]
    end: Hour,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // The hour before it has closed, and nothing is due.
    let now = args.end.start() + TimeDelta::minutes(25);
    let aws = open(&args.folder, now)?;
    aws.create_bucket(BUCKET).context("failed to make the bucket; is the folder empty?")?;
    let catalog = Catalog::new(aws.as_observer().glue(), DATABASE, BUCKET);
    catalog.ensure_tables().await?;
    let s3 = aws.as_observer().s3();
    let watermark = json!({"watermark": args.end.back(48), "shown": args.end.back(48)}).to_string();
    s3.put_object().bucket(BUCKET).key(layout::WATERMARK).body(watermark.into_bytes().into()).send().await?;
    let bucket = Bucket::new(s3, BUCKET);
    let mut first = Day::of(args.end).next();
    let unsettled = Limits::default().first_unsettled_day(now);
    for years in args.years {
        let from = Day::of(args.end).back(365 * years);
        let days = stream::iter(from.until(first).collect::<Vec<_>>());
        let written = days.map(|day| write_day(&bucket, &catalog, day, args.end, day < unsettled));
        written.buffer_unordered(DAYS_AT_ONCE).try_collect::<()>().await?;
        first = from;
        let (calls, seconds) = count(&aws, now).await?;
        writeln!(stdout(), "{}", json!({"years": years, "seconds": seconds, "calls": calls}))?;
    }
    Ok(())
}

fn open(folder: &Path, now: DateTime<Utc>) -> anyhow::Result<LocalAws> {
    let aws = LocalAws::open(folder, Arc::new(move || now));
    aws.with_context(|| format!("failed to open {}", folder.display()))
}

/// Writes the hours of a day before `end`, and the day if it is `rolled_up`.
async fn write_day(bucket: &Bucket, catalog: &Catalog, day: Day, end: Hour, rolled_up: bool) -> anyhow::Result<()> {
    let mut hours = Vec::new();
    for hour in day.first().until(day.end().min(end)) {
        hours.push(write_hour(bucket, catalog, hour).await?);
    }
    if rolled_up {
        let committed_at = day.end().end();
        let live = LiveDay {
            attempt: ATTEMPT.to_string(),
            committed_at,
            inputs: inputs_of(&hours),
            files: vec![write_file(bucket, day).await?],
            rows: hours.len() as u64,
            writer_version: projection::WRITER_VERSION,
        };
        publish(bucket, catalog, &Manifest::new(day).claimed(ATTEMPT, committed_at).committed(live)).await?;
    }
    Ok(())
}

/// Writes an object. Returns its ETag.
async fn put(bucket: &Bucket, key: &str, body: Vec<u8>) -> anyhow::Result<String> {
    match bucket.write_if(key, body.into(), &Condition::Absent).await? {
        Put::Written(etag) => Ok(etag),
        Put::Refused => bail!("{key} exists; is the folder empty?"),
    }
}

/// Writes the Parquet file of an hour or a day.
async fn write_file<P: Period>(bucket: &Bucket, period: P) -> anyhow::Result<File> {
    let key = format!("{}00000.parquet", period.folder(ATTEMPT));
    put(bucket, &key, b"file".to_vec()).await?;
    Ok(File { key, size: 4, rows: 1, sha256: String::new() })
}

/// Writes a manifest, and the partition that follows it.
async fn publish<P: Published>(bucket: &Bucket, catalog: &Catalog, manifest: &Manifest<P>) -> anyhow::Result<()> {
    let Some(live) = &manifest.live else { return Ok(()) };
    let manifest_etag = put(bucket, &manifest.period.manifest_key(), manifest.to_json()?).await?;
    let location = bucket.uri(&manifest.period.folder(ATTEMPT));
    let (inputs, files) = digests_of_live::<P>(live, &location, bucket);
    let (inputs, files, since) = (Some(inputs), Some(files), Some(live.committed_at()));
    let pointer = Pointer { location, manifest_etag, since, inputs, files, ..Pointer::default() };
    catalog.create_pointer(manifest.period, &pointer, Duration::from_secs(60)).await?;
    Ok(())
}

/// Writes what a compacted hour has: an object, its Parquet, its manifest, and both partitions. A tick that finds nothing to do
/// opens neither object nor Parquet, so these hold nothing of use.
async fn write_hour(bucket: &Bucket, catalog: &Catalog, hour: Hour) -> anyhow::Result<Manifest> {
    let key = format!("{}auth0-logs-1.gz", layout::json_prefix(hour));
    let etag = put(bucket, &key, b"object".to_vec()).await?;
    let committed_at = hour.end() + TimeDelta::minutes(25);
    let live = Live {
        attempt: ATTEMPT.to_string(),
        committed_at,
        inputs: vec![ObjectMeta { key, etag, size: 6 }],
        input_rows: vec![1],
        replaced: Vec::new(),
        files: vec![write_file(bucket, hour).await?],
        rejected_file: None,
        counts: Counts { lines: 1, rows: 1, ..Counts::default() },
        timestamps: None,
        writer_version: projection::WRITER_VERSION,
    };
    let manifest = Manifest::new(hour).claimed(ATTEMPT, committed_at).committed(live);
    publish(bucket, catalog, &manifest).await?;
    catalog.ensure_json_partition(hour).await?;
    Ok(manifest)
}

/// The calls of a tick, by name, and its seconds, both a mean of several. The tick before makes the view.
async fn count(aws: &LocalAws, now: DateTime<Utc>) -> anyhow::Result<(BTreeMap<String, u64>, f64)> {
    tick(aws, now).await?;
    aws.inject(Faults::none());
    let begun = Instant::now();
    for hour in 0..TICKS {
        // The hour shows which days' turn it is; all else stays as it is.
        tick(aws, now - TimeDelta::hours(TICKS - hour)).await?;
    }
    let seconds = begun.elapsed().as_secs_f64() / TICKS as f64;
    let mut calls = BTreeMap::new();
    for it in aws.trace() {
        *calls.entry(it.call.name.to_string()).or_insert(0) += 1;
    }
    calls.values_mut().for_each(|count: &mut u64| *count = count.div_ceil(TICKS as u64));
    Ok((calls, seconds))
}

async fn tick(aws: &LocalAws, now: DateTime<Utc>) -> anyhow::Result<()> {
    let config = aws.as_caller("compactor").sdk_config();
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let bucket = Bucket::new(Client::from_conf(s3), BUCKET);
    let catalog = Catalog::new(aws_sdk_glue::Client::new(&config), DATABASE, BUCKET);
    let compactor = Arc::new(Compactor::new(bucket, catalog, Limits::default()));
    let clock = Clock::start(Arc::new(move || now), Duration::from_secs(900));
    let run = Arc::new(Run { clock, nonce: now.timestamp().to_string() });
    let tick = compactor.tick(&run, Request::TICK, |_, _| {}).await?;
    for totals in [tick.totals(), tick.day_totals()] {
        ensure!(tick.failures().is_empty() && totals.compacted == 0 && totals.deferred == 0, "not idle: {totals:?}");
    }
    Ok(())
}
