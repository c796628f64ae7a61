//! The two hashes: [`sha256_hex`] names texts, and [`Murmur3`] spreads users.
//!
//! MurmurHash3 x86 32-bit with seed 0, over bytes in parts. The hash of flagd's `fractional` in dialects v2 and v3 (Austin Appleby,
//! MurmurHash3.cpp, public domain). Integer arithmetic only, the same on every target.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

const C1: u32 = 0xcc9e_2d51;
const C2: u32 = 0x1b87_3593;

/// A hash in progress: bytes may come in any number of parts, without being joined first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Murmur3 {
    state: u32,
    tail: u32,
    length: u32,
}

impl Murmur3 {
    /// Takes more bytes.
    #[must_use]
    pub fn update(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            let shift = (self.length & 3) << 3;
            self.tail |= u32::from(byte) << shift;
            self.length = self.length.wrapping_add(1);
            if self.length & 3 == 0 {
                self.state =
                    (self.state ^ scramble(self.tail)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
                self.tail = 0;
            }
        }
        self
    }

    /// The hash of all bytes so far.
    #[must_use]
    pub fn finish(self) -> u32 {
        let mut h = self.state ^ scramble(self.tail) ^ self.length;
        h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
        h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
        h ^ (h >> 16)
    }
}

fn scramble(block: u32) -> u32 {
    block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

/// The hash of the parts as if they were one run of bytes.
#[must_use]
pub fn murmur3_32_parts(parts: &[&[u8]]) -> u32 {
    parts.iter().fold(Murmur3::default(), |hash, part| hash.update(part)).finish()
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
