//! What dialect v3 of `fractional` hashes: a value in deterministic CBOR (RFC 8949, section 4.2.1), straight into the hasher.

use super::value::Value;
use crate::hash::Murmur3;
use crate::json::Json;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;

/// Takes the bytes of an encoding, in order.
pub(crate) trait Sink {
    /// Takes these bytes.
    fn put(&mut self, bytes: &[u8]);

    /// Takes one byte.
    fn put_byte(&mut self, byte: u8) {
        self.put(&[byte]);
    }
}

impl Sink for Murmur3 {
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        Self::put(self, bytes);
    }

    #[inline(always)]
    fn put_byte(&mut self, byte: u8) {
        Self::put_byte(self, byte);
    }
}

/// The bytes themselves, for people to see.
impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Adds the value's encoding to the hash.
pub(crate) fn encode(hash: &mut impl Sink, value: &Value<'_>) {
    match value {
        Value::Null => hash.put_byte(0xf6),
        Value::Bool(true) => hash.put_byte(0xf5),
        Value::Bool(false) => hash.put_byte(0xf4),
        Value::Number(number) => encode_number(hash, *number),
        Value::Text(text) => encode_text(hash, &[text]),
        Value::Json(Json::Object(_)) | Value::Map(_) => encode_map(hash, value.fields().unwrap_or_default()),
        Value::Json(_) | Value::List(_) => {
            head(hash, ARRAY, value.len().unwrap_or(0) as u64);
            value.items().into_iter().flatten().for_each(|item| encode(hash, &item));
        }
    }
}

/// One text, given in parts.
#[inline(always)]
pub(crate) fn encode_text(hash: &mut impl Sink, parts: &[&str]) {
    let length = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
    head(hash, TEXT, length as u64);
    parts.iter().for_each(|part| hash.put(part.as_bytes()));
}

/// The head of an array of so many items.
#[inline(always)]
pub(crate) fn array_head(hash: &mut impl Sink, items: u64) {
    head(hash, ARRAY, items);
}

/// Keys in the order of their encodings, which is by length and then by bytes; of a key that stands twice the last.
fn encode_map(hash: &mut impl Sink, mut fields: Vec<(&str, Value<'_>)>) {
    fields.reverse();
    fields.sort_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.as_bytes().cmp(b.as_bytes())));
    fields.dedup_by(|(later, _), (kept, _)| later == kept);
    head(hash, MAP, fields.len() as u64);
    for (key, value) in &fields {
        encode_text(hash, &[key]);
        encode(hash, value);
    }
}

/// A whole number is an integer where 64 bits hold it, so 1.0 and 1 are one; any other is the shortest float that loses nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked: whole and within the range")]
fn encode_number(hash: &mut impl Sink, number: f64) {
    const TWO_64: f64 = 18_446_744_073_709_551_616.0;
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if number.fract() == 0.0 && (0.0..TWO_64).contains(&number) {
        head(hash, UNSIGNED, number as u64);
    } else if number.fract() == 0.0 && (-TWO_63..0.0).contains(&number) {
        head(hash, NEGATIVE, !(number as i64).cast_unsigned());
    } else {
        encode_float(hash, number);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the loss is what is looked for")]
fn encode_float(hash: &mut impl Sink, number: f64) {
    if number.is_nan() {
        return hash.put(&[0xf9, 0x7e, 0x00]);
    }
    let single = number as f32;
    if f64::from(single) != number {
        hash.put_byte(0xfb);
        return hash.put(&number.to_be_bytes());
    }
    match half(single) {
        Some(half) => {
            hash.put_byte(0xf9);
            hash.put(&half.to_be_bytes());
        }
        None => {
            hash.put_byte(0xfa);
            hash.put(&single.to_be_bytes());
        }
    }
}

/// The half-precision float that is exactly this (IEEE 754 binary16).
fn half(single: f32) -> Option<u16> {
    let bits = single.to_bits();
    let sign = u16::try_from(bits >> 16).ok()? & 0x8000;
    let fraction = bits & 0x007f_ffff;
    let exponent = i32::try_from((bits >> 23) & 0xff).ok()?.checked_sub(127)?;
    let magnitude = match exponent {
        128 if fraction == 0 => 0x7c00,
        -14..=15 if fraction.trailing_zeros() >= 13 => {
            let biased = u32::try_from(exponent.checked_add(15)?).ok()?;
            (biased << 10) | (fraction >> 13)
        }
        // Subnormal: the hidden one and the fraction, shifted right, with nothing lost.
        -24..=-15 => {
            let whole = fraction | 0x0080_0000;
            let shift = u32::try_from((-1_i32).checked_sub(exponent)?).ok()?;
            if whole.trailing_zeros() < shift {
                return None;
            }
            whole >> shift
        }
        _ => return None,
    };
    Some(sign | u16::try_from(magnitude).ok()?)
}

/// A head in its shortest form.
#[inline(always)]
fn head(hash: &mut impl Sink, kind: u8, number: u64) {
    match u8::try_from(number) {
        Ok(short @ 0..24) => hash.put_byte(kind << 5 | short),
        _ => long_head(hash, kind << 5, number),
    }
}

fn long_head(hash: &mut impl Sink, kind: u8, number: u64) {
    let [_, _, _, _, b3, b2, b1, b0] = number.to_be_bytes();
    match number {
        0..0x100 => hash.put(&[kind | 24, b0]),
        0x100..0x1_0000 => hash.put(&[kind | 25, b1, b0]),
        0x1_0000..0x1_0000_0000 => hash.put(&[kind | 26, b3, b2, b1, b0]),
        _ => {
            hash.put_byte(kind | 27);
            hash.put(&number.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::murmur3_32_parts;

    /// The hash of the bytes is as good as the bytes, and is what matters.
    fn check(json: &str, bytes: &[u8]) {
        let json = Json::read(json).unwrap();
        let mut found = Murmur3::default();
        encode(&mut found, &Value::from(&json));
        assert_eq!(found.finish(), murmur3_32_parts(&[bytes]), "{json:?}");
    }

    #[test]
    fn the_examples_of_rfc_8949_appendix_a() {
        check("0", &[0x00]);
        check("-0.0", &[0x00]);
        check("23", &[0x17]);
        check("24", &[0x18, 0x18]);
        check("1000", &[0x19, 0x03, 0xe8]);
        check("1000000", &[0x1a, 0x00, 0x0f, 0x42, 0x40]);
        check("1000000000000", &[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0]);
        check("-1", &[0x20]);
        check("-1000", &[0x39, 0x03, 0xe7]);
        check("1.1", &[0xfb, 0x3f, 0xf1, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]);
        check("1.5", &[0xf9, 0x3e, 0x00]);
        check("1.0e300", &[0xfb, 0x7e, 0x37, 0xe4, 0x3c, 0x88, 0x00, 0x75, 0x9c]);
        check("5.960464477539063e-8", &[0xf9, 0x00, 0x01]);
        check("0.00006103515625", &[0xf9, 0x04, 0x00]);
        check("-4.1", &[0xfb, 0xc0, 0x10, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66]);
        check("3.4028234663852886e+38", &[0xfa, 0x7f, 0x7f, 0xff, 0xff]);
        check("true", &[0xf5]);
        check("[]", &[0x80]);
        check("[1, [2, 3]]", &[0x82, 0x01, 0x82, 0x02, 0x03]);
        check(r#""ü""#, &[0x62, 0xc3, 0xbc]);
        check(r#"{"b": [2], "a": null}"#, &[0xa2, 0x61, 0x61, 0xf6, 0x61, 0x62, 0x81, 0x02]);
        check(r#"{"aa": 1, "b": 2, "b": 3}"#, &[0xa2, 0x61, 0x62, 0x03, 0x62, 0x61, 0x61, 0x01]);
    }
}
