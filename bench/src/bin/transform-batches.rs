//! Runs the transform without Lambda: from payload to response, on one thread.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use transform::event::Event;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Answer every batch of a file, as often as asked
#[derive(Debug, Parser)]
#[command(name = "transform-batches")]
struct Args {
    /// The payloads of invocations, one a line
    #[arg(value_name = "FILE")]
    batches: PathBuf,
    /// How often all of them are answered
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,
    /// Write the responses of the last time to this file, one a line
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let batches = fs::read(&args.batches).with_context(|| format!("failed to read {}", args.batches.display()))?;
    let payloads: Vec<&[u8]> = batches.split(|byte| *byte == b'\n').filter(|payload| !payload.is_empty()).collect();
    for _ in 0..args.repeat {
        for payload in &payloads {
            std::hint::black_box(respond(payload)?);
        }
    }
    let Some(out) = args.out else { return Ok(()) };
    let mut out = BufWriter::new(File::create(&out).with_context(|| format!("failed to make {}", out.display()))?);
    for payload in &payloads {
        out.write_all(&respond(payload)?)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

/// Does what lambda_runtime does with a payload between its two HTTP messages.
fn respond(payload: &[u8]) -> anyhow::Result<Vec<u8>> {
    let event: Event = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(payload))?;
    let (response, _) = transform::handler::handle(&event);
    Ok(serde_json::to_vec(&response)?)
}
