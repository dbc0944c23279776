//! Gzip → bytes, window by window, up to the byte where it breaks.

use flate2::{Decompress, FlushDecompress, Status};

/// Bytes decompressed at once.
const WINDOW_BYTES: usize = 128 << 10;
/// Deflate's largest window, 32 KB, as a power of two.
const WINDOW_BITS: u8 = 15;

/// The object is no gzip, is cut short, or has a wrong checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("gzip is broken")]
pub struct Broken;

/// Reads consecutive gzip members.
///
/// flate2's own readers drop the bytes that they decompressed into a window before it broke, up to a whole object. This
/// reader returns them first.
#[derive(Debug)]
pub struct Members<'a> {
    rest: &'a [u8],
    member: Decompress,
    window: Vec<u8>,
    begin: usize,
    end: usize,
    between: bool,
    broken: bool,
}

impl<'a> Members<'a> {
    /// Reads `object`, one or more members.
    pub fn new(object: &'a [u8]) -> Members<'a> {
        Members {
            rest: object,
            member: Decompress::new_gzip(WINDOW_BITS),
            window: vec![0; WINDOW_BYTES],
            begin: 0,
            end: 0,
            between: false,
            broken: false,
        }
    }

    /// Decompressed bytes that were not consumed yet; decompresses more if there are none. Empty at the end of the object.
    pub fn fill(&mut self) -> Result<&[u8], Broken> {
        while self.begin == self.end {
            if self.broken {
                return Err(Broken);
            }
            if self.between && self.rest.is_empty() {
                break;
            }
            self.inflate();
        }
        Ok(&self.window[self.begin..self.end])
    }

    /// Marks bytes that [`Members::fill`] returned as consumed.
    pub fn consume(&mut self, bytes: usize) {
        self.begin = self.end.min(self.begin + bytes);
    }

    /// Decompresses the next window. Bytes before an error count.
    fn inflate(&mut self) {
        if self.between {
            self.member = Decompress::new_gzip(WINDOW_BITS);
        }
        let before = (self.member.total_in(), self.member.total_out());
        let status = self.member.decompress(self.rest, &mut self.window, FlushDecompress::None);
        let read = (self.member.total_in() - before.0) as usize;
        (self.begin, self.end) = (0, (self.member.total_out() - before.1) as usize);
        self.rest = self.rest.get(read..).unwrap_or_default();
        self.between = matches!(status, Ok(Status::StreamEnd));
        // No error and no progress: the object is cut short.
        let stuck = !self.between && read == 0 && self.end == 0;
        self.broken = status.is_err() || stuck;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8], level: u32) -> Vec<u8> {
        let mut file = GzEncoder::new(Vec::new(), Compression::new(level));
        file.write_all(text).unwrap();
        file.finish().unwrap()
    }

    fn read(object: &[u8]) -> (Vec<u8>, bool) {
        let (mut members, mut text) = (Members::new(object), Vec::new());
        loop {
            match members.fill() {
                Ok([]) => return (text, true),
                Ok(bytes) => text.extend_from_slice(bytes),
                Err(Broken) => return (text, false),
            }
            members.consume(WINDOW_BYTES);
        }
    }

    /// An object cut anywhere gives a prefix of the text, and a later cut no shorter one.
    #[test]
    fn gives_all_that_there_is_before_the_break() {
        let text: Vec<u8> = (0..3000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        for level in [0, 1, 6] {
            let whole = [gzip(&text, level), gzip(&text, level)].concat();
            assert_eq!(read(&whole), ([text.as_slice(), &text].concat(), true));
            let mut given = 0;
            for cut in (0..whole.len()).filter(|cut| *cut != whole.len() / 2) {
                let (found, ended) = read(&whole[..cut]);
                assert!(!ended, "{level} {cut}");
                assert!([text.as_slice(), &text].concat().starts_with(&found), "{level} {cut}");
                assert!(found.len() >= given, "{level} {cut}");
                given = found.len();
            }
            assert_eq!(given, 2 * text.len(), "only the checksum was cut off");
        }
    }

    #[test]
    fn a_block_that_is_none_costs_nothing_before_it() {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        file.write_all(b"all of this").unwrap();
        file.flush().unwrap();
        let broken = [file.get_ref().as_slice(), &[0xff; 20]].concat();
        assert_eq!(read(&broken), (b"all of this".to_vec(), false));
    }

    #[test]
    fn what_follows_the_members_breaks_them() {
        assert_eq!(read(b""), (Vec::new(), false));
        assert_eq!(read(&gzip(b"", 6)), (Vec::new(), true));
        assert_eq!(read(&[gzip(b"a", 6).as_slice(), b"g"].concat()), (b"a".to_vec(), false));
        let mut wrong = gzip(b"a", 6);
        let checksum = wrong.len() - 8;
        wrong[checksum] ^= 1;
        assert_eq!(read(&wrong), (b"a".to_vec(), false));
    }
}
