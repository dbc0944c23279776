//! Writes hours of an event log as Firehose does: gzip objects of lines that the transform made.

use std::fs::{self, File};
use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use fixtures::Sent;
use flate2::Compression;
use flate2::write::GzEncoder;
use log_format::{Hour, layout};

/// Write hours of distinct events as gzip objects, and say how large they are, as JSON
#[derive(Debug, Parser)]
#[command(name = "make-hours")]
struct Args {
    /// The bucket's folder; objects are put under its logs/YYYY/MM/DD/HH/
    #[arg(value_name = "DIR")]
    bucket: PathBuf,
    /// How many events in all
    #[arg(long, value_name = "N", default_value_t = 400_000)]
    events: u64,
    /// In how many objects; more by one for each hour but the first, at most, since an object is of one hour
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u64).range(1..))]
    files: u64,
    /// Their first hour
    #[arg(long, value_name = "HOUR", default_value = "2025-11-20T13")]
    hour: Hour,
    /// How many hours
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    hours: u32,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut objects = Objects { bucket: args.bucket, hour: args.hour, lines: Vec::new(), written: Written::default() };
    let mut quota = 0;
    for (number, sent) in (0..).zip(bench::events(args.events, args.hour, args.hours, args.seed)) {
        while number >= args.events * (quota + 1) / args.files {
            quota += 1;
            objects.end()?;
        }
        objects.push(&sent)?;
    }
    objects.end()?;
    let Written { files, json_bytes, gzip_bytes } = objects.written;
    let made = serde_json::json!({
        "events": args.events, "files": files, "json_bytes": json_bytes, "gzip_bytes": gzip_bytes,
    });
    Ok(writeln!(stdout(), "{made}")?)
}

/// The objects that were written, and the lines of the next one.
struct Objects {
    bucket: PathBuf,
    hour: Hour,
    lines: Vec<u8>,
    written: Written,
}

/// How many objects were written, and how large they are.
#[derive(Default)]
struct Written {
    files: u64,
    json_bytes: u64,
    gzip_bytes: u64,
}

impl Objects {
    /// Adds the line of an event. An event of another hour begins another object.
    fn push(&mut self, sent: &Sent) -> anyhow::Result<()> {
        let hour = Hour::of(sent.arrival);
        if hour != self.hour {
            self.end()?;
            self.hour = hour;
        }
        self.lines.extend(transform::batch::line(&sent.envelope)?);
        Ok(())
    }

    /// Writes the object, unless it has no lines.
    fn end(&mut self) -> anyhow::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let folder = self.bucket.join(layout::json_prefix(self.hour));
        fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let (start, number) = (self.hour.start().format("%Y-%m-%d-%H"), self.written.files);
        let path = folder.join(format!("auth0-logs-1-{start}-00-00-{number:05}.gz"));
        let bytes = write_gzip(&path, &self.lines).with_context(|| format!("failed to write {}", path.display()))?;
        self.written.files += 1;
        self.written.json_bytes += self.lines.len() as u64;
        self.written.gzip_bytes += bytes;
        self.lines.clear();
        Ok(())
    }
}

/// Writes a gzip file with the compression level of the embedded Firehose, and returns its size in bytes.
fn write_gzip(path: &Path, lines: &[u8]) -> io::Result<u64> {
    let mut encoder = GzEncoder::new(File::create(path)?, Compression::default());
    encoder.write_all(lines)?;
    encoder.finish()?.metadata().map(|file| file.len())
}
