//! The text of a gzip file, in windows: it may be a thousand times as long as the file.

use std::io::{self, BufRead, BufReader};

use flate2::read::MultiGzDecoder;

/// Hands the text to `take`, piece by piece.
///
/// # Errors
///
/// The file is not gzip, or breaks. What came before the break was handed over.
pub(crate) fn windows(gzip: &[u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut text = BufReader::new(MultiGzDecoder::new(gzip));
    loop {
        let window = text.fill_buf()?;
        let bytes = window.len();
        if bytes == 0 {
            return Ok(());
        }
        take(window);
        text.consume(bytes);
    }
}

/// The number of line feeds.
pub(crate) fn line_feeds(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}
