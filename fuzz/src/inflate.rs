//! Object → lines, against flate2's own reader and a plain split.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use projection::read::gzip::{Broken, Members};
use projection::read::gzip_whole::Inflater;
use projection::read::lines::{End, Lines, PIECE_BYTES_MAX, Text};

/// More of a text than this is not looked at.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// What flate2 reads, [`Members`] reads too; and what is intact is cut into the same lines as an uncompressed text.
pub fn gzip(bytes: &[u8]) {
    against_flate2(bytes);
    // A whole member, and what is no gzip behind it.
    let (text, behind) = bytes.split_at(bytes.len() / 2);
    let object = compressed(text);
    assert_eq!(inflated(&object), (text.to_vec(), true));
    against_flate2(&[object.as_slice(), behind].concat());
    cut(&compressed(bytes), bytes);
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    file.write_all(text).expect("memory takes all");
    file.finish().expect("memory takes all")
}

/// Everything up to the end or the break, and whether it was the end.
fn inflated(object: &[u8]) -> (Vec<u8>, bool) {
    let (mut members, mut text) = (Members::new(object), Vec::new());
    while text.len() < TEXT_BYTES_MAX {
        match members.fill() {
            Ok([]) => return (text, true),
            Ok(bytes) => {
                let length = bytes.len();
                text.extend_from_slice(bytes);
                members.consume(length);
            }
            Err(Broken) => return (text, false),
        }
    }
    (text, true)
}

fn against_flate2(object: &[u8]) {
    let mut expected = Vec::new();
    let read = MultiGzDecoder::new(object).take(TEXT_BYTES_MAX as u64).read_to_end(&mut expected);
    let (found, ended) = inflated(object);
    if let Some(text) = Inflater::new(TEXT_BYTES_MAX).inflate(object) {
        assert_eq!((text, true), (found.as_slice(), ended));
    }
    assert!(found.starts_with(&expected), "{} bytes found, {} expected", found.len(), expected.len());
    if read.is_ok() && !object.is_empty() {
        assert!(ended);
        assert!(found.len() == expected.len() || expected.len() >= TEXT_BYTES_MAX);
    }
}

/// The lines of `object` are those of `text`, with their numbers and places, whether it is decompressed at one go or
/// not.
fn cut(object: &[u8], text: &[u8]) {
    for text_bytes in [0, TEXT_BYTES_MAX] {
        cut_by(&mut Inflater::new(text_bytes), object, text);
    }
}

fn cut_by(inflater: &mut Inflater, object: &[u8], text: &[u8]) {
    let mut lines = Lines::new(Text::open("a.gz", object, inflater).expect("gzip is opened"));
    let (mut offset, mut number) = (0, 1);
    while let Some(piece) = lines.next_piece() {
        assert!(piece.begins && piece.end == End::Line && piece.bytes.len() <= PIECE_BYTES_MAX);
        if offset == 0 && text.starts_with(b"\xef\xbb\xbf") {
            offset = 3;
        }
        assert_eq!((piece.offset, piece.line), (offset as u64, number));
        let end = text[offset..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let end = end.map_or(text.len(), |end| offset + end);
        assert_eq!(piece.bytes, &text[offset..end]);
        number += u64::from(text.get(end) == Some(&b'\n'));
        offset = end + 1;
    }
    assert!(offset >= text.len());
}
