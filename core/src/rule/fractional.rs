//! `fractional`: users into buckets, in proportion to whole weights, in flagd's dialects v3 and v2. Owns the bytes that are hashed and what makes a
//! bucket sound; integer arithmetic only, so every target and every engine gives the same user the same bucket.

use super::Question;
use super::cbor;
use super::look::SUBJECT;
use super::node::{Fractional, Node, Op};
use super::value::Value;
use crate::document::Hashing;
use crate::hash::{Murmur3, scale};
use crate::json::Json;

/// The greatest sum of weights: 2^31 - 1.
pub(crate) const MOST: u32 = i32::MAX.unsigned_abs();

/// Settles the buckets where they are constant and sound.
pub(crate) fn compile(arguments: Vec<Node>) -> Node {
    let explicit = match arguments.first() {
        Some(Node::Const(json)) => !matches!(json, Json::Array(_)),
        Some(Node::List(_)) | None => false,
        Some(_) => true,
    };
    let nodes = arguments.get(usize::from(explicit)..).unwrap_or_default();
    match nodes.iter().map(Node::constant).collect::<Option<Vec<_>>>().and_then(|buckets| constant(&buckets)) {
        Some((buckets, total)) => {
            let key = if explicit { arguments.first().cloned() } else { None };
            Node::Fractional(Box::new(Fractional { key, buckets, total, arguments }))
        }
        None => Node::Apply(Op::Fractional, arguments),
    }
}

/// Each bucket's end and variant, and the sum of weights.
fn constant(buckets: &[&Json]) -> Option<(Vec<(u32, Json)>, u32)> {
    let mut total: u32 = 0;
    let mut ends = Vec::with_capacity(buckets.len());
    for json in buckets {
        let (variant, weight) = bucket(&Value::from(*json))?;
        total = total.checked_add(weight).filter(|sum| *sum <= MOST)?;
        ends.push((total, variant.owned()));
    }
    (total > 0).then_some((ends, total))
}

/// The general form, all arguments evaluated. Null wherever flagd gives null.
pub(crate) fn apply<'a>(arguments: &[Value<'a>], question: &Question<'_>) -> Value<'a> {
    let (key, buckets) = match arguments.split_first() {
        None => return Value::Null,
        Some((first, _)) if first.len().is_some() => (None, arguments),
        Some((first, rest)) => (Some(first), rest),
    };
    let mut total: u32 = 0;
    let mut sound = Vec::with_capacity(buckets.len());
    for value in buckets {
        let Some((variant, weight)) = bucket(value) else { return Value::Null };
        match total.checked_add(weight) {
            Some(sum) if sum <= MOST => total = sum,
            _ => return Value::Null,
        }
        sound.push((total, variant));
    }
    match key.map_or_else(|| question.hash(), |key| question.hash_value(key)) {
        Some(hash) if total > 0 => {
            let place = scale(hash, total);
            sound.into_iter().find(|(end, _)| place < *end).map_or(Value::Null, |(_, variant)| variant)
        }
        _ => Value::Null,
    }
}

impl Fractional {
    /// The variant of a user with that hash; null for one who has none.
    pub(crate) fn at(&self, hash: Option<u32>) -> Value<'_> {
        let Some(hash) = hash else { return Value::Null };
        let place = scale(hash, self.total);
        self.buckets.iter().find(|(end, _)| place < *end).map_or(Value::Null, |(_, variant)| Value::from(variant))
    }
}

/// A bucket's variant and weight: an array of a scalar and, if it is not 1, a whole number up to 2^31 - 1. One below 0 counts as 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole and within u32")]
pub(crate) fn bucket<'a>(value: &Value<'a>) -> Option<(Value<'a>, u32)> {
    let count = value.len().filter(|count| (1..=2).contains(count))?;
    let variant = value.item(0)?;
    if matches!(variant, Value::Json(_) | Value::List(_) | Value::Map(_)) {
        return None;
    }
    if count == 1 {
        return Some((variant, 1));
    }
    match value.item(1)? {
        Value::Number(weight) if weight.fract() == 0.0 && weight <= f64::from(MOST) => {
            Some((variant, weight.max(0.0) as u32))
        }
        _ => None,
    }
}

/// Who is split, and so what is hashed.
impl Question<'_> {
    /// The hash of flagKey and targetingKey, which must be a text and not empty: what a `fractional` hashes that names no value of its own.
    pub(super) fn hash(&self) -> Option<u32> {
        // Looked at where it lies: moved, its two halves would be read as one before they are written, which takes five nanoseconds.
        let found = self.context.get(&SUBJECT);
        let Some(Value::Text(key)) = &found else { return None };
        if key.is_empty() {
            return None;
        }
        let mut hash = Murmur3::default();
        match self.hashing {
            Hashing::FlagdV3 => {
                cbor::array_head(&mut hash, 2);
                cbor::encode_text(&mut hash, &[self.flag]);
                cbor::encode_text(&mut hash, &[key]);
            }
            Hashing::FlagdV2 => {
                hash.put(self.flag.as_bytes());
                hash.put(key.as_bytes());
            }
        }
        Some(hash.finish())
    }

    /// The hash of an explicit value.
    ///
    /// The dialects differ where flagd's do: v3 hashes any value, and null gives null; v2 hashes texts only, and null counts as not given (as in flagd's
    /// own Go; its JavaScript gives null).
    pub(super) fn hash_value(&self, value: &Value<'_>) -> Option<u32> {
        match (self.hashing, value) {
            (_, Value::Text(text)) => Some(self.hash_parts(&[text])),
            (Hashing::FlagdV3, Value::Null) => None,
            (Hashing::FlagdV3, value) => {
                let mut hash = Murmur3::default();
                cbor::encode(&mut hash, value);
                Some(hash.finish())
            }
            (Hashing::FlagdV2, Value::Null) => self.hash(),
            (Hashing::FlagdV2, _) => None,
        }
    }

    /// The hash of a text in parts.
    pub(super) fn hash_parts(&self, parts: &[&str]) -> u32 {
        let mut hash = Murmur3::default();
        match self.hashing {
            Hashing::FlagdV3 => cbor::encode_text(&mut hash, parts),
            Hashing::FlagdV2 => parts.iter().for_each(|part| hash.put(part.as_bytes())),
        }
        hash.finish()
    }
}
