//! The two hashes: [`sha256_hex`] names texts, and [`Murmur3`] spreads users.
//!
//! MurmurHash3 x86 32-bit with seed 0, over bytes in parts. The hash of flagd's `fractional` in dialects v2 and v3 (Austin Appleby,
//! MurmurHash3.cpp, public domain). Integer arithmetic only, the same on every target.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;

/// A hash in progress: bytes may come in any number of parts, without being joined first. All of it is inlined, so that the state of a hash over three or four
/// short parts stays in registers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Murmur3 {
    state: u32,
    /// Up to three bytes that fill no block yet, from the lowest. Twice as wide as a block, so that four bytes more fit above them and no part needs to know
    /// where in a block it begins.
    pending: u64,
    length: u32,
}

impl Murmur3 {
    /// Takes more bytes.
    #[inline(always)]
    pub fn put(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<4>();
        for word in words {
            self.put_word(u64::from(u32::from_le_bytes(*word)));
        }
        // The last bytes are read with those before them, which are shifted out: one load instead of a branch for each count.
        let few = bits_of(low(rest.len()));
        let word = match bytes.last_chunk::<4>() {
            Some(last) => u64::from(u32::from_le_bytes(*last)) >> 32_u32.wrapping_sub(few),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        self.put_few(word, low(rest.len()));
    }

    /// Takes one byte more.
    #[inline(always)]
    pub fn put_byte(&mut self, byte: u8) {
        self.put_few(u64::from(byte), 1);
    }

    /// Four bytes.
    #[inline(always)]
    fn put_word(&mut self, word: u64) {
        self.pending |= word << bits_of(self.length);
        self.length = self.length.wrapping_add(4);
        self.mix();
    }

    /// Up to three bytes.
    #[inline(always)]
    fn put_few(&mut self, word: u64, count: u32) {
        let before = self.length & 3;
        self.pending |= word << bits_of(before);
        self.length = self.length.wrapping_add(count);
        if before.wrapping_add(count) > 3 {
            self.mix();
        }
    }

    /// The lower four of the pending bytes are a block.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is meant")]
    fn mix(&mut self) {
        let block = scramble(self.pending as u32);
        self.pending >>= 32;
        self.state = (self.state ^ block).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }

    /// The hash of all bytes so far.
    #[inline]
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "fewer than four bytes are pending")]
    pub fn finish(self) -> u32 {
        let mut h = self.state ^ scramble(self.pending as u32) ^ self.length;
        h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
        h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
        h ^ (h >> 16)
    }
}

/// The bits of so many bytes in a block.
#[inline]
const fn bits_of(bytes: u32) -> u32 {
    (bytes & 3) << 3
}

#[inline]
fn scramble(block: u32) -> u32 {
    block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

/// The length modulo 2^32, which is what the algorithm takes in.
#[expect(clippy::cast_possible_truncation, reason = "said above")]
const fn low(length: usize) -> u32 {
    length as u32
}

/// The hash of the parts as if they were one run of bytes.
#[must_use]
pub fn murmur3_32_parts(parts: &[&[u8]]) -> u32 {
    let mut hash = Murmur3::default();
    parts.iter().for_each(|part| hash.put(part));
    hash.finish()
}

/// A hash scaled to `0..total`, exactly in proportion: flagd's `(hash x total) >> 32`.
#[must_use]
pub fn scale(hash: u32, total: u32) -> u32 {
    // Two 32-bit factors can't overflow 64 bits, and the upper half of the product fits 32.
    let [a, b, c, d, ..] = u64::from(hash).saturating_mul(u64::from(total)).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// The SHA-256 of a text, 64 lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String can't fail.
        let _: Result<(), std::fmt::Error> = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Austin Appleby's file has it, byte by byte.
    fn plain(bytes: &[u8]) -> u32 {
        let (mut state, mut chunks) = (0_u32, bytes.chunks_exact(4));
        for chunk in &mut chunks {
            let block = u32::from_le_bytes(chunk.try_into().unwrap());
            state = (state ^ scramble(block)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        }
        let tail = chunks.remainder().iter().rev().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
        Murmur3 { state, pending: tail, length: u32::try_from(bytes.len()).unwrap() }.finish()
    }

    #[test]
    fn however_bytes_are_parted_the_hash_is_the_same() {
        let bytes: Vec<u8> = (0_u8..23).map(|i| i.wrapping_mul(97) ^ 0x80).collect();
        for length in 0..bytes.len() {
            let whole = &bytes[..length];
            let expected = plain(whole);
            assert_eq!(murmur3_32_parts(&[whole]), expected, "{length}");
            for first in 0..=length {
                for second in first..=length {
                    let parts = [&whole[..first], &whole[first..second], &whole[second..]];
                    assert_eq!(murmur3_32_parts(&parts), expected, "{first} {second} {length}");
                }
            }
        }
    }

    #[test]
    fn published_vectors() {
        for (text, hash) in [("", 0), ("a", 0x3c25_69b2), ("abc", 0xb3dd_93fa), ("Hello, world!", 0xc036_3e43)] {
            assert_eq!(murmur3_32_parts(&[text.as_bytes()]), hash, "{text}");
        }
    }
}
