//! Sets of constants for `in`: a hasher for short texts and numbers, fast, the same on every target and without randomness. Its input comes from
//! documents, whose authors are trusted not to attack their own proxies; what comes with requests is only looked up.

use std::hash::{BuildHasherDefault, Hasher};

use super::node::Set;
use super::value::Value;
use crate::json::Json;

/// What sets and maps of names are hashed with.
pub(crate) type Hashed = BuildHasherDefault<Fold>;

/// Multiplies and folds: what is in the upper half of a product is in the lower one too, by which a table chooses a place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fold(u64);

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

const fn fold(product: u64) -> u64 {
    product ^ (product >> 32)
}

impl Fold {
    #[inline]
    fn mix(&mut self, word: u64) {
        self.0 = fold((self.0 ^ word).wrapping_mul(ODD));
    }
}

impl Hasher for Fold {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.mix(digest(bytes) ^ (bytes.len() as u64).rotate_left(56));
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

/// A text in one word: each eight bytes times another power of an odd number. The products do not wait for each other, as they would if each word were mixed
/// into the one before; and the last eight bytes are read as they lie, over those before them, so that only texts shorter than that go by their length.
#[inline]
fn digest(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let (mut sum, mut power) = (bytes.last_chunk().map_or_else(|| few(rest), |last| u64::from_le_bytes(*last)), ODD);
    for word in words {
        sum = sum.wrapping_add(u64::from_le_bytes(*word).wrapping_mul(power));
        power = power.wrapping_mul(ODD);
    }
    fold(sum.wrapping_mul(ODD))
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
            Value::Text(text) => self.has_text(text),
            Value::Json(_) | Value::List(_) | Value::Map(_) => false,
        }
    }

    /// Whether one of them is this text.
    #[inline]
    pub(crate) fn has_text(&self, text: &str) -> bool {
        self.texts.contains(text)
    }
}

fn bits(number: f64) -> u64 {
    // Adding 0 turns -0 into 0.
    (number + 0.0).to_bits()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::BuildHasher as _;

    use super::*;

    fn place(text: &str, places: u64) -> u64 {
        Hashed::default().hash_one(text) % places
    }

    /// A table goes by the lowest bits: a letter must reach them from wherever it stands.
    #[test]
    fn texts_that_differ_in_one_letter_lie_apart() {
        for length in 1..50 {
            for at in 0..length {
                let mut text = vec![b'x'; length];
                let mut places = BTreeSet::new();
                for letter in b'a'..=b'z' {
                    text[at] = letter;
                    places.insert(place(std::str::from_utf8(&text).unwrap(), 1 << 10));
                }
                assert!(places.len() > 20, "{} places for letter {at} of {length}", places.len());
            }
        }
    }

    #[test]
    fn lists_of_users_spread_as_if_at_random() {
        const PLACES: u64 = 1 << 16;
        let shapes: [fn(u64) -> String; 5] = [
            |i| format!("user-{i}"),
            |i| format!("user-{i}@example.com"),
            |i| format!("{i:08}"),
            |i| format!("{:08x}-{:04x}-4000-8000-0123456789ab", i.wrapping_mul(0x9e37_79b1) & 0xffff_ffff, i % 7),
            |i| format!("urn:example:tenants:eu:users:{i:016}"),
        ];
        for shape in shapes {
            let taken: BTreeSet<u64> = (0..PLACES).map(|i| place(&shape(i), PLACES)).collect();
            // As many users as places: by chance 63 of 100 places are taken.
            let share = taken.len() as u64 * 100 / PLACES;
            assert!((60..=100).contains(&share), "{share} of 100 places for users such as {}", shape(4_711));
        }
    }
}
