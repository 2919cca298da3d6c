//! Sixty-four bytes at a time: which of them are letters, spaces and so on, as bits.
//!
//! In: 64 bytes in ASCII lower case. Out: [`Block`], one bit a byte and kind, the first byte in the lowest bit.
//!
//! **Invariant:** a byte is a word byte, soft or hard, never two of these.
//!
//! Rejected: a table of 256 kinds, which takes one look-up a byte; comparing all bytes at once needs no `unsafe`
//! when left to the compiler.

/// Bytes in a block.
pub(super) const BLOCK: usize = 64;

/// Kinds of the bytes of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// ASCII letters and digits.
    pub(super) word: u64,
    /// Spaces.
    pub(super) space: u64,
    /// White space, hyphen, apostrophe.
    pub(super) soft: u64,
    /// Not ASCII, or an underscore.
    pub(super) odd: u64,
}

impl Block {
    /// Kinds of `bytes`, which are in ASCII lower case.
    #[inline]
    pub(super) fn new(bytes: &[u8; BLOCK]) -> Self {
        Self {
            word: bits(bytes, |b| (b.wrapping_sub(b'a') < 26) | (b.wrapping_sub(b'0') < 10)),
            space: bits(bytes, |b| b == b' '),
            soft: bits(bytes, |b| is_white(b) | (b == b'-') | (b == b'\'')),
            odd: bits(bytes, |b| (b >= 0x80) | (b == b'_')),
        }
    }
}

#[inline]
fn is_white(b: u8) -> bool {
    (b == b' ') | (b.wrapping_sub(b'\t') < 5)
}

/// One bit a byte: whether it `is` of a kind.
#[inline(always)]
fn bits(bytes: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    let marked = bytes.map(|b| if is(b) { 0xff } else { 0 });
    let (eights, _) = marked.as_chunks::<8>();
    // Byte 8 k + n becomes bit k of byte n.
    let rows = (0..).zip(eights).fold(0, |rows, (k, eight)| rows | u64::from_le_bytes(*eight) & ONES << k);
    transposed(rows)
}

/// The lowest bit of each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// Bit k of byte n becomes bit n of byte k (Warren, Hacker's Delight, 7-3).
#[inline(always)]
fn transposed(rows: u64) -> u64 {
    let mut rows = rows;
    for (shift, mask) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0xf0f0_f0f0)] {
        let swap = (rows ^ rows >> shift) & mask;
        rows ^= swap ^ swap << shift;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_bit() {
        for at in 0..BLOCK {
            for (byte, expect) in [
                (b'a', [1, 0, 0, 0]),
                (b'9', [1, 0, 0, 0]),
                (b' ', [0, 1, 1, 0]),
                (b'\t', [0, 0, 1, 0]),
                (b'-', [0, 0, 1, 0]),
                (b'\'', [0, 0, 1, 0]),
                (b'_', [0, 0, 0, 1]),
                (0xff, [0, 0, 0, 1]),
                (b'/', [0, 0, 0, 0]),
            ] {
                let mut bytes = [b'!'; BLOCK];
                bytes[at] = byte;
                let block = Block::new(&bytes);
                let bits = [block.word, block.space, block.soft, block.odd];
                assert_eq!(bits, expect.map(|bit| bit << at), "{byte} at {at}");
            }
        }
    }
}
