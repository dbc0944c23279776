//! Sixteen bytes of JSON text at a time.

use wide::u8x16;

/// How many bytes are looked at, and copied, at once.
pub(crate) const BLOCK_BYTES: usize = 16;

/// The block at `at`; behind the end of the text it holds zeros.
pub(crate) fn block(text: &[u8], at: usize) -> [u8; BLOCK_BYTES] {
    let rest = text.get(at..).unwrap_or_default();
    match rest.first_chunk() {
        Some(block) => *block,
        None => {
            let mut block = [0; BLOCK_BYTES];
            block[..rest.len()].copy_from_slice(rest);
            block
        }
    }
}

/// How many bytes of the block stand for themselves inside a JSON string: up to a quote, a backslash or a control character.
pub(crate) fn plain_bytes(block: [u8; BLOCK_BYTES]) -> usize {
    let bytes = u8x16::from(block);
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    let special = control | bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
    (special.to_bitmask() | 1 << BLOCK_BYTES).trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_stands_for_itself() {
        for position in 0..BLOCK_BYTES {
            for byte in 0..=u8::MAX {
                let mut text = [b'x'; BLOCK_BYTES];
                text[position] = byte;
                let special = byte < 0x20 || byte == b'"' || byte == b'\\';
                assert_eq!(plain_bytes(text), if special { position } else { BLOCK_BYTES }, "{byte} at {position}");
            }
        }
    }

    #[test]
    fn a_block_reaches_over_the_end_as_zeros() {
        let text: Vec<u8> = (1..=20).collect();
        assert_eq!(block(&text, 4).to_vec(), text[4..]);
        assert_eq!(block(&text, 18), [19, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((block(&text, 20), block(&text, 21)), ([0; 16], [0; 16]));
    }
}
