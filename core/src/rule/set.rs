//! Sets of constants for `in`: a hasher for short texts and numbers, fast, the same on every target and without randomness. Its input comes from
//! documents, whose authors are trusted not to attack their own proxies; what comes with requests is only looked up.

use std::hash::{BuildHasherDefault, Hasher};

use super::node::Set;
use super::value::Value;
use crate::json::Json;

/// What sets and maps of names are hashed with.
pub(crate) type Hashed = BuildHasherDefault<Fold>;

/// Multiplies and folds eight bytes at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fold(u64);

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Fold {
    #[inline]
    fn mix(&mut self, word: u64) {
        let product = (self.0 ^ word).wrapping_mul(ODD);
        self.0 = product ^ (product >> 32);
    }
}

impl Hasher for Fold {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        self.mix(few(rest) ^ (bytes.len() as u64).rotate_left(56));
    }

    #[inline]
    fn write_u8(&mut self, _byte: u8) {
        // The end of a text: its length is in already.
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// Up to seven bytes in one word, without a loop; the length, which tells apart what looks alike, is mixed in beside it.
#[inline]
fn few(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    }
    match *bytes {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, ..] => u64::from(u32::from_le_bytes([a, b, c, 0])),
    }
}

impl Set {
    /// The constants as a set; containers are equal to nothing and stay out.
    pub(crate) fn new(items: &[Json]) -> Self {
        let mut set = Self::default();
        for item in items {
            match item {
                Json::Null => set.null = true,
                Json::Bool(true) => set.yes = true,
                Json::Bool(false) => set.no = true,
                Json::Number(number) => {
                    set.numbers.insert(bits(*number));
                }
                Json::String(text) => {
                    set.texts.insert(text.as_str().into());
                }
                Json::Array(_) | Json::Object(_) => {}
            }
        }
        set
    }

    /// Whether one of them is the same (`===`) as this.
    pub(crate) fn has(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Null => self.null,
            Value::Bool(true) => self.yes,
            Value::Bool(false) => self.no,
            Value::Number(number) => !number.is_nan() && self.numbers.contains(&bits(*number)),
            Value::Text(text) => self.texts.contains(&**text),
            Value::Json(_) | Value::List(_) | Value::Map(_) => false,
        }
    }
}

fn bits(number: f64) -> u64 {
    // Adding 0 turns -0 into 0.
    (number + 0.0).to_bits()
}
