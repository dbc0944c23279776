//! Objects that are odd as a whole, and what becomes of each.

use std::io::Write;

use fixtures::{gzip, noise};
use flate2::Compression;
use flate2::write::GzEncoder;
use projection::read::lines::{PIECE_BYTES_MAX, RATIO_BYTES_MIN, RATIO_MAX};

use crate::odd::input::{Odd, kept, odd, row_of_good};

pub(super) type MakeObject = fn(&[String]) -> Odd;

/// In the order of the table.
pub(super) const OBJECTS: &[(&str, MakeObject)] = &[
    ("mark-at-object", |good| whole(gzip([b"\xef\xbb\xbf", text(good).as_slice()].concat()), good)),
    ("end-without-line-feed", |good| whole(gzip(good.join("\n").as_bytes()), good)),
    ("zero-bytes", |_| nothing("NAME.gz", Vec::new())),
    ("zero-bytes-plain", |_| nothing("NAME.json", Vec::new())),
    ("gzip-of-nothing", |_| nothing("NAME.gz", gzip(b""))),
    ("gzip-members", |good| whole([gzip(text(&good[..1])), gzip(text(&good[1..]))].concat(), good)),
    ("gzip-truncated", gzip_truncated),
    ("gzip-corrupt", gzip_corrupt),
    ("gzip-checksum", gzip_checksum),
    ("gzip-then-garbage", |good| broken([gzip(text(good)).as_slice(), b"garbage"].concat(), good, b"")),
    ("gzip-then-zeros", |good| broken([gzip(text(good)), vec![0; 512]].concat(), good, b"")),
    ("plain-under-gz", |good| whole(text(good), good)),
    ("garbage-under-gz", |_| unread("NAME.gz", noise(1000), "BrokenGzip")),
    ("gzip-under-plain-name", |good| unread("NAME", gzip(text(good)), "UnnamedGzip")),
    ("bomb-of-one-line", bomb_of_one_line),
    ("bomb-of-lines", bomb_of_lines),
    ("codec-bz2", |_| other_codec("NAME.bz2")),
    ("codec-deflate", |_| other_codec("NAME.deflate")),
    ("codec-lz4", |_| other_codec("NAME.lz4")),
    ("codec-lzo", |_| other_codec("NAME.lzo")),
    ("codec-lzo_deflate", |_| other_codec("NAME.lzo_deflate")),
    ("codec-snappy", |_| other_codec("NAME.snappy")),
    ("codec-xz", |_| unread("NAME.xz", b"\xfd7zXZ\0 and more".to_vec(), "UnsupportedCodec")),
    ("plain-under-xz", |good| odd("NAME.xz", text(good), good.iter().map(|line| row_of_good(line)).collect())),
    ("codec-zst", |_| other_codec("NAME.zst")),
    ("name-with-control-character", |good| named("NAME\u{1b}.gz", good)),
    ("name-with-signs", |good| named("NAME +%2B&<é>.gz", good)),
    ("name-with-underscore", |good| no_input("_NAME.gz", gzip(text(good)))),
    ("name-with-dot", |good| no_input(".NAME.gz", gzip(text(good)))),
    ("subfolder", |good| no_input("sub/NAME.gz", gzip(text(good)))),
    ("folder-marker", |_| no_input("", Vec::new())),
];

fn text(good: &[String]) -> Vec<u8> {
    good.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

fn whole(body: Vec<u8>, good: &[String]) -> Odd {
    odd("NAME.gz", body, good.iter().map(|line| row_of_good(line)).collect())
}

/// An object whose name is what is odd.
fn named(name: &str, good: &[String]) -> Odd {
    Odd { name: name.to_owned(), ..whole(gzip(text(good)), good) }
}

fn nothing(name: &str, body: Vec<u8>) -> Odd {
    odd(name, body, Vec::new())
}

fn no_input(name: &str, body: Vec<u8>) -> Odd {
    Odd { is_input: false, ..odd(name, body, Vec::new()) }
}

fn unread(name: &str, body: Vec<u8>, reason: &str) -> Odd {
    Odd { rejected: vec![kept(1, 0, reason, b"")], ..odd(name, body, Vec::new()) }
}

/// The bytes are none of the codec's, but nobody looks.
fn other_codec(name: &str) -> Odd {
    unread(name, noise(1000), "UnsupportedCodec")
}

/// An object that breaks after `good` and a line begun.
fn broken(body: Vec<u8>, good: &[String], begun: &[u8]) -> Odd {
    let offset = text(good).len() as u64;
    Odd { rejected: vec![kept(good.len() as u64 + 1, offset, "BrokenGzip", begun)], ..whole(body, good) }
}

/// A gzip member of uncompressed blocks, and an offset in it. Before the offset are the lines `good` and the beginning
/// `begun` of another; from there on is a block that the caller cuts off or corrupts, so that no reader gets it.
fn stored(good: &[String], begun: &[u8]) -> (Vec<u8>, usize) {
    let mut file = GzEncoder::new(Vec::new(), Compression::none());
    file.write_all(&text(good)).unwrap();
    file.write_all(begun).unwrap();
    file.flush().unwrap();
    let at = file.get_ref().len();
    file.write_all(b"never").unwrap();
    (file.finish().unwrap(), at)
}

const BEGUN: &[u8] = br#"{"log_id":"#;

fn gzip_truncated(good: &[String]) -> Odd {
    let (mut body, at) = stored(good, BEGUN);
    body.truncate(at);
    broken(body, good, BEGUN)
}

fn gzip_corrupt(good: &[String]) -> Odd {
    let (mut body, at) = stored(good, BEGUN);
    // A block of a kind that does not exist.
    body[at] = 0xff;
    broken(body, good, BEGUN)
}

fn gzip_checksum(good: &[String]) -> Odd {
    let mut body = gzip(text(good));
    let checksum = body.len() - 8;
    body[checksum] ^= 1;
    broken(body, good, b"")
}

fn bomb_of_one_line(_: &[String]) -> Odd {
    let body = gzip(vec![b'x'; 2 * RATIO_BYTES_MIN as usize]);
    let stopped = 2 * PIECE_BYTES_MAX;
    let rejected = vec![kept(1, 0, "TooLong", &vec![b'x'; stopped]), kept(1, stopped as u64, "ZipBomb", b"")];
    Odd { rejected, ..nothing("NAME.gz", body) }
}

fn bomb_of_lines(_: &[String]) -> Odd {
    let line = format!(r#"{{"log_id":"odd","description":"{}"}}"#, "x".repeat(1000)) + "\n";
    let line_bytes = line.len() as u64;
    let body = gzip(line.repeat(2 * (RATIO_BYTES_MIN / line_bytes) as usize).as_bytes());
    let read = RATIO_BYTES_MIN.max(RATIO_MAX * body.len() as u64) / line_bytes + 1;
    let row = format!("log_id=odd description={}", "x".repeat(1000));
    let rejected = vec![kept(read + 1, read * line_bytes, "ZipBomb", b"")];
    Odd { duplicates: read - 1, rejected, ..odd("NAME.gz", body, vec![row]) }
}
