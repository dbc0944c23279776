//! Writes one hour of an event log as Firehose does: gzip objects of lines that the transform made.

use std::fs::{self, File};
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;
use log_format::{Hour, layout};

/// Write one hour of distinct events as gzip objects, and say how large it is, as JSON
#[derive(Debug, Parser)]
#[command(name = "make-hour")]
struct Args {
    /// The bucket's folder; objects are put under its logs/YYYY/MM/DD/HH/
    #[arg(value_name = "DIR")]
    bucket: PathBuf,
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 400_000)]
    events: u64,
    /// In how many objects
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u64).range(1..))]
    files: u64,
    /// Their hour
    #[arg(long, value_name = "HOUR", default_value = "2025-11-20T13")]
    hour: Hour,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let folder = args.bucket.join(layout::json_prefix(args.hour));
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let mut envelopes = bench::envelopes(args.events, args.hour, args.seed);
    let (mut json_bytes, mut gzip_bytes) = (0, 0);
    for file in 0..args.files {
        let events = args.events * (file + 1) / args.files - args.events * file / args.files;
        let lines = lines(envelopes.by_ref().take(events as usize))?;
        let path = folder.join(format!("auth0-logs-1-{}-00-00-{file:05}.gz", args.hour.start().format("%Y-%m-%d-%H")));
        json_bytes += lines.len() as u64;
        gzip_bytes += write_gzip(&path, &lines).with_context(|| format!("failed to write {}", path.display()))?;
    }
    let made = serde_json::json!({
        "events": args.events, "files": args.files, "json_bytes": json_bytes, "gzip_bytes": gzip_bytes,
    });
    Ok(writeln!(stdout(), "{made}")?)
}

fn lines(envelopes: impl Iterator<Item = Vec<u8>>) -> anyhow::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for envelope in envelopes {
        lines.extend(transform::batch::line(&envelope)?);
    }
    Ok(lines)
}

/// Writes a gzip file with the compression level of the embedded Firehose, and returns its size in bytes.
fn write_gzip(path: &Path, lines: &[u8]) -> io::Result<u64> {
    let mut encoder = GzEncoder::new(File::create(path)?, Compression::default());
    encoder.write_all(lines)?;
    encoder.finish()?.metadata().map(|file| file.len())
}
