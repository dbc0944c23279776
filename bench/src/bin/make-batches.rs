//! Writes the payloads that Firehose invokes the transform with, one in each line of a file.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use log_format::Hour;
use serde_json::{Value, json};

/// Bytes of records, before base64, in one invocation: the template's BufferSizeInMBs.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Write events in Firehose's batches, one invocation's payload a line, and say how many there are, as JSON
#[derive(Debug, Parser)]
#[command(name = "make-batches")]
struct Args {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    events: u64,
    /// Their hour
    #[arg(long, value_name = "HOUR", default_value = "2025-11-20T13")]
    hour: Hour,
    /// The same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let file = File::create(&args.file).with_context(|| format!("failed to make {}", args.file.display()))?;
    let mut batches = Batches { file: BufWriter::new(file), records: Vec::new(), bytes: 0, written: 0 };
    let mut record_bytes = 0;
    for (number, sent) in bench::events(args.events, args.hour, 1, args.seed).enumerate() {
        record_bytes += sent.envelope.len();
        batches.push(number, &sent.envelope)?;
    }
    batches.write()?;
    batches.file.flush()?;
    let made = json!({"events": args.events, "batches": batches.written, "record_bytes": record_bytes});
    Ok(writeln!(stdout(), "{made}")?)
}

/// The file of batches, and the batch that is being filled.
struct Batches {
    file: BufWriter<File>,
    records: Vec<Value>,
    bytes: usize,
    written: u64,
}

impl Batches {
    fn push(&mut self, number: usize, envelope: &[u8]) -> anyhow::Result<()> {
        if self.bytes + envelope.len() > BATCH_BYTES_MAX {
            self.write()?;
        }
        self.bytes += envelope.len();
        self.records.push(json!({
            "recordId": format!("{number:056}"),
            "approximateArrivalTimestamp": 0,
            "data": STANDARD.encode(envelope),
        }));
        Ok(())
    }

    fn write(&mut self) -> anyhow::Result<()> {
        if self.records.is_empty() {
            return Ok(());
        }
        let event = json!({
            "invocationId": "2c4bc2b5-6f0b-4b1c-a34c-5b9d2a0a9f6e",
            "deliveryStreamArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/auth0-logs",
            "region": "us-east-1",
            "records": std::mem::take(&mut self.records),
        });
        serde_json::to_writer(&mut self.file, &event)?;
        self.file.write_all(b"\n")?;
        self.written += 1;
        self.bytes = 0;
        Ok(())
    }
}
