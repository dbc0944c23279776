//! Counts the calls of a tick that finds nothing to do, over buckets of some years in which every hour has an object.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use aws_sdk_s3::Client;
use catalog::{Catalog, Pointer};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use compactor::bucket::Bucket;
use compactor::clock::{Clock, Run};
use compactor::config::Limits;
use compactor::hour::Compactor;
use compactor::listing::digests_of_live;
use compactor::request::Request;
use futures::{StreamExt, TryStreamExt, stream};
use local_aws::LocalAws;
use local_aws::seam::Faults;
use log_format::{Hour, layout};
use projection::manifest::{Counts, File, Live, Manifest, ObjectMeta};
use serde_json::json;
use tokio::time::Duration;

/// The bucket and the database.
const BUCKET: &str = "auth0-logs";
const DATABASE: &str = "auth0_event_logs";
/// Hours that are written at once.
const HOURS_AT_ONCE: usize = 16;
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
    let mut first = args.end;
    for years in args.years {
        let from = Hour::of(args.end.start() - TimeDelta::days(365 * i64::from(years)));
        let hours = stream::iter(from.until(first).collect::<Vec<_>>());
        let written = hours.map(|hour| write_hour(&s3, &catalog, hour)).buffer_unordered(HOURS_AT_ONCE);
        written.try_collect::<()>().await?;
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

/// Writes what a compacted hour has: an object, its Parquet, its manifest, and both partitions. A tick that finds nothing to do
/// opens neither object nor Parquet, so these hold nothing of use.
async fn write_hour(s3: &Client, catalog: &Catalog, hour: Hour) -> anyhow::Result<()> {
    let put = async |key: &str, body: Vec<u8>| {
        let put = s3.put_object().bucket(BUCKET).key(key).body(body.into()).send().await?;
        anyhow::Ok(put.e_tag.unwrap_or_default())
    };
    let key = format!("{}auth0-logs-1.gz", layout::json_prefix(hour));
    let etag = put(&key, b"object".to_vec()).await?;
    let file = File {
        key: format!("{}00000.parquet", layout::parquet_folder(hour, "a")),
        size: 4,
        rows: 1,
        sha256: String::new(),
    };
    put(&file.key, b"file".to_vec()).await?;
    let committed_at = hour.end() + TimeDelta::minutes(25);
    let live = Live {
        attempt: "a".to_string(),
        committed_at,
        inputs: vec![ObjectMeta { key, etag, size: 6 }],
        input_rows: vec![1],
        replaced: Vec::new(),
        files: vec![file],
        rejected_file: None,
        counts: Counts { lines: 1, rows: 1, ..Counts::default() },
        timestamps: None,
        writer_version: projection::WRITER_VERSION,
    };
    let manifest = Manifest::new(hour).claimed("a", committed_at).committed(live.clone());
    let manifest_etag = put(&layout::manifest_key(hour), manifest.to_json()?).await?;
    let location = format!("s3://{BUCKET}/{}", live.folder(hour));
    let (inputs, files) = digests_of_live(&live, &location);
    let pointer = Pointer {
        location,
        manifest_etag,
        since: Some(committed_at),
        inputs: Some(inputs),
        files: Some(files),
        ..Pointer::default()
    };
    catalog.ensure_json_partition(hour).await?;
    catalog.point_parquet(hour, &pointer, &|| true).await?;
    Ok(())
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
    let totals = tick.totals();
    ensure!(tick.failures().is_empty() && totals.compacted == 0 && totals.deferred == 0, "not idle: {totals:?}");
    Ok(())
}
