//! The insides of JSON strings by blocks: special bytes are found 64 bytes at a time, plain text is copied 16 at a
//! time.

use wide::{i8x16, u8x16};

/// Bytes that are copied at once.
pub(crate) const BLOCK_BYTES: usize = 16;
/// Bytes that are examined at once: one for each bit of a word.
const WINDOW_BYTES: usize = u64::BITS as usize;

/// The block at `at`. Past the end of the text it holds zeros.
pub(crate) fn block<const BYTES: usize>(text: &[u8], at: usize) -> [u8; BYTES] {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(block) => *block,
        None => {
            let mut block = [0; BYTES];
            block[..rest.len()].copy_from_slice(rest);
            block
        }
    }
}

/// Copies `length` bytes at `from` of `text` to `at` of `out`. It may also copy what follows them, up to a whole block.
#[inline]
pub(crate) fn copy(text: &[u8], from: usize, length: usize, out: &mut [u8], at: usize) {
    let (text, out) = (&text[from..], &mut out[at..]);
    // Mostly there is little between two escapes, and one block holds it.
    if length <= BLOCK_BYTES
        && let (Some(text), Some(out)) = (text.first_chunk::<BLOCK_BYTES>(), out.first_chunk_mut())
    {
        *out = *text;
    } else {
        out[..length].copy_from_slice(&text[..length]);
    }
}

/// Finds the special bytes inside of JSON strings: quotes, backslashes and control characters.
#[derive(Debug)]
pub(crate) struct Specials<'a> {
    text: &'a [u8],
    /// Where the window begins.
    begin: usize,
    /// One bit for each byte of the window: 1 if it is special.
    bits: u64,
    /// The union of such bits over all windows so far: 1 if the byte is not ASCII.
    not_ascii: u64,
}

impl<'a> Specials<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Specials<'a> {
        let mut specials = Specials { text, begin: 0, bits: 0, not_ascii: 0 };
        specials.examine(0);
        specials
    }

    /// The position of the first special byte from `at` on. The end of the text if there is none.
    #[inline]
    pub(crate) fn next(&mut self, mut at: usize) -> usize {
        loop {
            let within = at.wrapping_sub(self.begin);
            if within < WINDOW_BYTES {
                let bits = self.bits >> within;
                if bits != 0 {
                    return at + bits.trailing_zeros() as usize;
                }
                at = self.begin + WINDOW_BYTES;
            }
            if at >= self.text.len() {
                return self.text.len();
            }
            self.examine(at);
        }
    }

    /// True if everything examined so far was ASCII. At least the text up to the last find has been examined.
    pub(crate) fn was_ascii(&self) -> bool {
        self.not_ascii == 0
    }

    fn examine(&mut self, at: usize) {
        let window: [u8; WINDOW_BYTES] = block(self.text, at);
        let (blocks, _) = window.as_chunks::<BLOCK_BYTES>();
        (self.begin, self.bits) = (at, 0);
        for (number, block) in blocks.iter().enumerate() {
            let (special, not_ascii) = bits(*block);
            self.bits |= u64::from(special) << (number * BLOCK_BYTES);
            self.not_ascii |= u64::from(not_ascii);
        }
    }
}

/// Two bits for each byte: whether it is special, and whether it is not ASCII.
fn bits(block: [u8; BLOCK_BYTES]) -> (u32, u32) {
    let bytes = u8x16::from(block);
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    let special = control | bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
    (special.to_bitmask(), i8x16::from(block.map(u8::cast_signed)).to_bitmask())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The positions of all special bytes, found one by one.
    fn found(text: &[u8]) -> Vec<usize> {
        let (mut specials, mut found) = (Specials::of(text), Vec::new());
        let mut at = specials.next(0);
        while at < text.len() {
            found.push(at);
            at = specials.next(at + 1);
        }
        assert_eq!(at, text.len());
        assert_eq!(specials.was_ascii(), text.is_ascii());
        found
    }

    #[test]
    fn tells_special_bytes_from_plain_ones() {
        for position in 0..BLOCK_BYTES {
            for byte in 0..=u8::MAX {
                let mut text = [b'x'; BLOCK_BYTES];
                text[position] = byte;
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(found(&text), if special { vec![position] } else { vec![] }, "{byte} at {position}");
            }
        }
    }

    #[test]
    fn finds_all_in_texts_of_any_length() {
        for length in 0..200 {
            for every in [1, 2, 3, 17, 64, 65, 100] {
                let text: Vec<u8> = (0..length).map(|at| if at % every == 0 { b'"' } else { b'x' }).collect();
                assert_eq!(found(&text), (0..length).step_by(every).collect::<Vec<_>>(), "{length} {every}");
            }
        }
    }

    #[test]
    fn goes_back_when_asked() {
        let text = ["x".repeat(100), "\"".repeat(2)].concat();
        let mut specials = Specials::of(text.as_bytes());
        assert_eq!([100, 0, 101, 50, 102].map(|at| specials.next(at)), [100, 100, 101, 100, 102]);
    }

    #[test]
    fn a_block_reaches_over_the_end_as_zeros() {
        let text: Vec<u8> = (1..=20).collect();
        assert_eq!(block::<16>(&text, 4).to_vec(), text[4..]);
        assert_eq!(block::<16>(&text, 18), [19, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((block::<16>(&text, 20), block::<16>(&text, 21)), ([0; 16], [0; 16]));
    }

    #[test]
    fn copies_by_blocks() {
        let text: Vec<u8> = (1..=40).collect();
        for length in 0..=40 {
            let mut out = [0; 60];
            copy(&text, 40 - length, length, &mut out, 3);
            assert_eq!(out[3..3 + length], text[40 - length..]);
        }
    }
}
