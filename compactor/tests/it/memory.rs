//! What an object may hold takes no memory to speak of: a line of a gigabyte, a bomb, deep nesting. Measured on Linux, each
//! in a process of its own, as this one's greatest resident size.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use projection::read::lines::{RATIO_BYTES_MIN, RATIO_MAX};
use testkit::world::{BUCKET, HOUR, shown, world};

/// How much more than an hour of one line any of these may take.
const BYTES_MAX: u64 = 256 << 20;
/// Tells a child which object to compact.
const CASE: &str = "MEMORY_CASE";
const MEGABYTE: usize = 1_000_000;

/// An object, written piece by piece, and what becomes of its hour, given the object's size: lines, rows, rejected.
struct Case {
    name: &'static str,
    write: fn(&mut dyn Write) -> std::io::Result<()>,
    lines_rows_rejected: fn(u64) -> (u64, u64, u64),
}

const CASES: [Case; 6] = [
    Case { name: "one line", write: |file| file.write_all(LINE), lines_rows_rejected: |_| (1, 1, 0) },
    Case { name: "a line of 1 GB", write: line_of_a_gigabyte, lines_rows_rejected: |_| (2, 1, 1) },
    Case { name: "a line of 100 MB that hardly compresses", write: line_of_noise, lines_rows_rejected: |_| (2, 1, 1) },
    Case { name: "1 GB of one letter, 1000:1", write: letters, lines_rows_rejected: |_| (2, 0, 2) },
    Case {
        name: "40 MB of the shortest rows there are, 400:1",
        write: rows,
        lines_rows_rejected: rows_before_the_bomb,
    },
    Case { name: "nesting 100,000 deep", write: nesting, lines_rows_rejected: |_| (1, 1, 0) },
];

const LINE: &[u8] = b"{\"log_id\":\"1\"}\n";

/// Letters of the alphabet as they come; 1 MB of them takes 0.6 MB.
fn noise(state: &mut u64, length: usize) -> Vec<u8> {
    let letters = std::iter::repeat_with(|| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        b'a' + (*state >> 59) as u8 % 26
    });
    letters.take(length).collect()
}

/// As repetitive as it can be without being taken for a bomb.
fn line_of_a_gigabyte(file: &mut dyn Write) -> std::io::Result<()> {
    let (mut state, repeated) = (1, vec![b'x'; MEGABYTE - 10_000]);
    for _ in 0..1000 {
        file.write_all(&noise(&mut state, 10_000))?;
        file.write_all(&repeated)?;
    }
    file.write_all(b"\n")?;
    file.write_all(LINE)
}

fn line_of_noise(file: &mut dyn Write) -> std::io::Result<()> {
    let mut state = 1;
    for _ in 0..100 {
        file.write_all(&noise(&mut state, MEGABYTE))?;
    }
    file.write_all(b"\n")?;
    file.write_all(LINE)
}

fn letters(file: &mut dyn Write) -> std::io::Result<()> {
    let letters = vec![b'x'; MEGABYTE];
    (0..1000).try_for_each(|_| file.write_all(&letters))
}

fn rows(file: &mut dyn Write) -> std::io::Result<()> {
    let rows = ROW.repeat(MEGABYTE / ROW.len());
    (0..40).try_for_each(|_| file.write_all(&rows))
}

const ROW: &[u8] = b"{\"ip\":1}\n";

fn rows_before_the_bomb(object_bytes: u64) -> (u64, u64, u64) {
    let rows = RATIO_BYTES_MIN.max(RATIO_MAX * object_bytes) / ROW.len() as u64 + 1;
    (rows + 1, 1, 1)
}

fn nesting(file: &mut dyn Write) -> std::io::Result<()> {
    let nested = "[".repeat(100_000) + &"]".repeat(100_000);
    writeln!(file, r#"{{"log_id":"1","details":{nested}}}"#)
}

/// The greatest resident size of this process, in bytes.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// Compacts an hour of one object. Its file is put into the bucket's folder as it is written, past all memory.
async fn compact(case: &Case) {
    let world = world().await;
    let folder = world.data.path().join(BUCKET).join("logs/2026/11/20/13");
    std::fs::create_dir_all(&folder).unwrap();
    write_gzip(&folder.join("1.gz"), case);
    let tick = world.tick("2026-11-20T14:20:00Z").await;
    let object_bytes = std::fs::metadata(folder.join("1.gz")).unwrap().len();
    let (lines, rows, rejected) = (case.lines_rows_rejected)(object_bytes);
    let duplicates = lines - rows - rejected;
    let expected =
        format!("{HOUR} {lines} lines, {rows} rows, {duplicates} duplicates, 0 collisions, {rejected} rejected");
    assert_eq!(shown(&tick), [expected]);
}

fn write_gzip(path: &Path, case: &Case) {
    let file = BufWriter::new(File::create(path).unwrap());
    let mut file = GzEncoder::new(file, Compression::default());
    (case.write)(&mut file).unwrap();
    file.finish().unwrap().flush().unwrap();
}

/// The peak of a child that compacts `case`.
fn peak_bytes_of(case: &Case) -> u64 {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory::child_compacts_what_it_is_told", "--nocapture"])
        .env(CASE, case.name)
        .output()
        .unwrap();
    let out = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{}: {out}{}", case.name, String::from_utf8_lossy(&child.stderr));
    let peak = out.lines().find_map(|line| line.split_once("peak ")?.1.split_once(' ')?.0.parse().ok());
    peak.unwrap_or_else(|| panic!("{} told no peak: {out}", case.name))
}

/// Only as a child of the test below.
#[tokio::test]
async fn child_compacts_what_it_is_told() {
    let Some(name) = std::env::var_os(CASE) else { return };
    compact(CASES.iter().find(|case| case.name == name).unwrap()).await;
    println!("peak {} bytes", peak_bytes());
}

#[test]
fn no_object_takes_more_memory_than_there_is() {
    if !cfg!(target_os = "linux") {
        println!("SKIPPED: resident sizes are read from /proc, which only Linux has");
        return;
    }
    let peaks: Vec<u64> = CASES.iter().map(peak_bytes_of).collect();
    for (case, peak) in CASES.iter().zip(&peaks) {
        println!("{:4} MB above the first: {}", (peak.saturating_sub(peaks[0])) >> 20, case.name);
    }
    for (case, peak) in CASES.iter().zip(&peaks) {
        assert!(*peak <= peaks[0] + BYTES_MAX, "{} took {} MB, one line {}", case.name, peak >> 20, peaks[0] >> 20);
    }
}
