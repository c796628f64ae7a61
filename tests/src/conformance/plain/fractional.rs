//! `fractional` by the letter of the description: CBOR bytes in a vector, a hash over the whole vector, buckets from the left. Nothing of core's is used.

use weir_core::json::Json;

/// The greatest sum of weights.
const MOST: f64 = 2_147_483_647.0;

/// Who is split.
pub(super) struct User<'a> {
    pub(super) flag: &'a str,
    pub(super) targeting_key: Option<&'a str>,
    /// Dialect v2.
    pub(super) raw: bool,
}

pub(super) fn fractional(arguments: &[Json], user: &User<'_>) -> Json {
    chosen(arguments, user).unwrap_or(Json::Null)
}

fn chosen(arguments: &[Json], user: &User<'_>) -> Option<Json> {
    let first = arguments.first()?;
    let explicit = !matches!(first, Json::Array(_));
    let bytes = if explicit { explicit_bytes(first, user)? } else { implicit_bytes(user)? };
    let buckets = if explicit { &arguments[1..] } else { arguments };
    let buckets = buckets.iter().map(bucket).collect::<Option<Vec<_>>>()?;
    let total: f64 = buckets.iter().map(|(_, weight)| weight).sum();
    if !(1.0..=MOST).contains(&total) {
        return None;
    }
    // Below 2^63: exact in integers.
    let place = (u64::from(murmur3(&bytes)) * total as u64) >> 32;
    let mut end = 0;
    buckets.into_iter().find_map(|(variant, weight)| {
        end += weight as u64;
        (place < end).then_some(variant)
    })
}

fn bucket(json: &Json) -> Option<(Json, f64)> {
    let Json::Array(parts) = json else { return None };
    let (variant, weight) = match parts.as_slice() {
        [variant] => (variant, 1.0),
        [variant, Json::Number(weight)] => (variant, *weight),
        _ => return None,
    };
    let sound = weight.fract() == 0.0 && weight <= MOST && !matches!(variant, Json::Array(_) | Json::Object(_));
    sound.then(|| (variant.clone(), weight.max(0.0)))
}

fn explicit_bytes(value: &Json, user: &User<'_>) -> Option<Vec<u8>> {
    match (value, user.raw) {
        (Json::Null, true) => implicit_bytes(user),
        (Json::Null, false) => None,
        (Json::String(text), true) => Some(text.clone().into_bytes()),
        (_, true) => None,
        (_, false) => Some(cbor(value)),
    }
}

fn implicit_bytes(user: &User<'_>) -> Option<Vec<u8>> {
    let key = user.targeting_key.filter(|key| !key.is_empty())?;
    let texts = || [user.flag, key].map(|text| Json::String(text.to_owned())).to_vec();
    Some(if user.raw { format!("{}{key}", user.flag).into_bytes() } else { cbor(&Json::Array(texts())) })
}

/// RFC 8949, section 4.2.1.
fn cbor(value: &Json) -> Vec<u8> {
    match value {
        Json::Null => vec![0xf6],
        Json::Bool(bool) => vec![0xf4 + u8::from(*bool)],
        Json::Number(number) => cbor_number(*number),
        Json::String(text) => [head(3, text.len() as u64), text.clone().into_bytes()].concat(),
        Json::Array(items) => {
            let items = items.iter().map(cbor).collect::<Vec<_>>().concat();
            let count = if let Json::Array(items) = value { items.len() } else { 0 };
            [head(4, count as u64), items].concat()
        }
        Json::Object(fields) => {
            let mut fields: std::collections::BTreeMap<Vec<u8>, Vec<u8>> =
                fields.iter().map(|(key, json)| (cbor(&Json::String(key.clone())), cbor(json))).collect();
            let mut bytes = head(5, fields.len() as u64);
            while let Some((key, json)) = fields.pop_first() {
                bytes.extend(key);
                bytes.extend(json);
            }
            bytes
        }
    }
}

fn head(major: u8, value: u64) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..=23 => vec![major | value as u8],
        24..=0xff => vec![major | 24, value as u8],
        0x100..=0xffff => [vec![major | 25], (value as u16).to_be_bytes().to_vec()].concat(),
        0x1_0000..=0xffff_ffff => [vec![major | 26], (value as u32).to_be_bytes().to_vec()].concat(),
        _ => [vec![major | 27], value.to_be_bytes().to_vec()].concat(),
    }
}

fn cbor_number(number: f64) -> Vec<u8> {
    if number.fract() == 0.0 && (-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(&number) {
        // The cast of a whole number within 128 bits is exact.
        let whole = number as i128;
        return if whole >= 0 { head(0, whole as u64) } else { head(1, (-1 - whole) as u64) };
    }
    // By trial: all 65,536 halves are few.
    if let Some(half) = (0..=u16::MAX).find(|half| from_half(*half) == number) {
        return [vec![0xf9], half.to_be_bytes().to_vec()].concat();
    }
    if number.is_nan() {
        return vec![0xf9, 0x7e, 0x00];
    }
    match number as f32 {
        single if f64::from(single) == number => [vec![0xfa], single.to_be_bytes().to_vec()].concat(),
        _ => [vec![0xfb], number.to_be_bytes().to_vec()].concat(),
    }
}

/// IEEE 754 binary16.
fn from_half(half: u16) -> f64 {
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1f), f64::from(half & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if half >> 15 == 1 { -size } else { size }
}

/// MurmurHash3, x86, 32 bits, seed 0.
fn murmur3(bytes: &[u8]) -> u32 {
    let mix = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = 0u32;
    for chunk in bytes.chunks(4) {
        let word = chunk.iter().rev().fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        hash ^= mix(word);
        if chunk.len() == 4 {
            hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
        }
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}
