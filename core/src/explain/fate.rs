//! [`Fate`]: how one user fares in one `fractional`: the bytes that are hashed, the hash, the bucket and its range; or why there is none. The same formula as
//! `rule::fractional`'s, told step by step; a test holds the two against each other.

use crate::document::{Flag, Hashing};
use crate::hash::{murmur3_32_parts, scale};
use crate::json::Json;
use crate::rule::Value;
use crate::rule::cbor;
use crate::rule::fractional::{MOST, bucket};
use crate::share::{Share, WHOLE};

/// How a user fares in a split.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// One bucket has the user.
    Bucket(Hashed),
    /// The split gives null, and why.
    Null(String),
}

/// From the value to the bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Hashed {
    /// What is hashed, before it is bytes.
    pub value: Json,
    /// The bytes: deterministic CBOR of the value (v3), or its UTF-8 (v2).
    pub bytes: Vec<u8>,
    /// MurmurHash3 x86 32 bit of the bytes, seed 0.
    pub hash: u32,
    /// The sum of weights.
    pub total: u32,
    /// `(hash x total) >> 32`: below the total.
    pub place: u32,
    /// All buckets, in order.
    pub buckets: Vec<Bucket>,
    /// Which of them has the user.
    pub chosen: usize,
}

/// A bucket: the places `from..to` of the total.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// What it gives.
    pub variant: Json,
    /// Its first place.
    pub from: u32,
    /// The first place after it.
    pub to: u32,
}

/// Who is split, and in which dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct User<'u> {
    pub(super) flag: &'u str,
    /// A text that is not empty, or none.
    pub(super) targeting_key: Option<&'u str>,
    pub(super) hashing: Hashing,
}

impl Fate {
    /// Of `fractional` with these arguments, all evaluated.
    pub(super) fn of(arguments: &[Json], user: &User<'_>) -> Self {
        let (key, buckets) = match arguments.split_first() {
            None => return Self::Null("it has no arguments".to_owned()),
            Some((Json::Array(_), _)) => (None, arguments),
            Some((first, rest)) => (Some(first), rest),
        };
        let (value, bytes) = match user.hashed(key) {
            Ok(hashed) => hashed,
            Err(why) => return Self::Null(why.to_owned()),
        };
        match sound(buckets) {
            Ok(buckets) => Self::place(value, bytes, buckets),
            Err(why) => Self::Null(why),
        }
    }

    /// Of a rollout's split.
    pub(super) fn rollout(flag: &Flag, weight: Share, user: &User<'_>) -> Option<Self> {
        let rollout = flag.rollout.as_ref()?;
        let Some(key) = user.targeting_key else {
            return Some(Self::Null("there is no targetingKey that a proxy takes: control".to_owned()));
        };
        let value = Json::String(format!("{}/{key}", rollout.salt));
        let end = |from, to, name: &String| Bucket { variant: Json::String(name.clone()), from, to };
        let buckets = vec![end(0, weight.ppm(), &rollout.candidate), end(weight.ppm(), WHOLE, &rollout.control)];
        let bytes = user.encoded(&value);
        Some(Self::place(value, bytes, buckets))
    }

    fn place(value: Json, bytes: Vec<u8>, buckets: Vec<Bucket>) -> Self {
        let total = buckets.last().map_or(0, |bucket| bucket.to);
        let hash = murmur3_32_parts(&[&bytes]);
        let place = scale(hash, total);
        match buckets.iter().position(|bucket| place < bucket.to) {
            Some(chosen) => Self::Bucket(Hashed { value, bytes, hash, total, place, buckets, chosen }),
            None => Self::Null("the weights are all 0".to_owned()),
        }
    }
}

fn sound(arguments: &[Json]) -> Result<Vec<Bucket>, String> {
    let mut from: u32 = 0;
    let mut buckets = Vec::with_capacity(arguments.len());
    for (i, argument) in arguments.iter().enumerate() {
        let value = Value::from(argument);
        let Some((variant, weight)) = bucket(&value) else {
            return Err(format!("bucket {i} is malformed: {}", argument.compact()));
        };
        let Some(to) = from.checked_add(weight).filter(|sum| *sum <= MOST) else {
            return Err(format!("the weights add up to more than {MOST}"));
        };
        buckets.push(Bucket { variant: variant.owned(), from, to });
        from = to;
    }
    if buckets.is_empty() { Err("it has no buckets".to_owned()) } else { Ok(buckets) }
}

impl User<'_> {
    /// The explicit value, or flagKey and targetingKey; and its bytes.
    fn hashed(&self, key: Option<&Json>) -> Result<(Json, Vec<u8>), &'static str> {
        let missing = "there is no targetingKey, and no value of its own to hash";
        match (self.hashing, key) {
            (Hashing::FlagdV3, Some(Json::Null)) => Err("the value to hash is null"),
            (Hashing::FlagdV2, Some(Json::String(_))) | (Hashing::FlagdV3, Some(_)) => {
                let value = key.cloned().unwrap_or(Json::Null);
                let bytes = self.encoded(&value);
                Ok((value, bytes))
            }
            (Hashing::FlagdV3, None) => {
                let texts = [self.flag, self.targeting_key.ok_or(missing)?];
                let value = Json::Array(texts.map(|text| Json::String(text.to_owned())).to_vec());
                let bytes = self.encoded(&value);
                Ok((value, bytes))
            }
            (Hashing::FlagdV2, None | Some(Json::Null)) => {
                let value = Json::String(format!("{}{}", self.flag, self.targeting_key.ok_or(missing)?));
                let bytes = self.encoded(&value);
                Ok((value, bytes))
            }
            (Hashing::FlagdV2, Some(_)) => Err("the value to hash is no text, and dialect v2 hashes texts only"),
        }
    }

    fn encoded(&self, value: &Json) -> Vec<u8> {
        match (self.hashing, value) {
            (Hashing::FlagdV2, Json::String(text)) => text.as_bytes().to_vec(),
            _ => {
                let mut bytes = Vec::new();
                cbor::encode(&mut bytes, &Value::from(value));
                bytes
            }
        }
    }
}

impl Hashed {
    /// The bucket that has the user.
    #[must_use]
    pub fn bucket(&self) -> Option<&Bucket> {
        self.buckets.get(self.chosen)
    }

    /// The bytes in hexadecimal.
    #[must_use]
    pub fn hex(&self) -> String {
        self.bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
