//! `sem_ver` by the letter of flagd's description and of Semantic Versioning 2.0.0, section 11.

use std::cmp::Ordering;

use weir_core::json::Json;

use super::value::number_text;

struct Version {
    core: [u64; 3],
    prerelease: Vec<String>,
}

/// Null for whatever is no version, no operator or not three.
pub(super) fn sem_ver(arguments: &[Json]) -> Json {
    let [version, Json::String(operator), target] = arguments else { return Json::Null };
    let (Some(a), Some(b)) = (version_of(version), version_of(target)) else { return Json::Null };
    let order = compare(&a, &b);
    Json::Bool(match operator.as_str() {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "^" => a.core[0] == b.core[0],
        "~" => a.core[..2] == b.core[..2],
        _ => return Json::Null,
    })
}

fn version_of(json: &Json) -> Option<Version> {
    let text = match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => number_text(*number),
        _ => return None,
    };
    let text = text.strip_prefix(['v', 'V']).unwrap_or(&text);
    let (text, build) = text.split_once('+').unwrap_or((text, "0"));
    let (core, prerelease) = text.split_once('-').map_or((text, None), |(core, rest)| (core, Some(rest)));
    let prerelease: Vec<String> = prerelease.map_or(Vec::new(), |p| p.split('.').map(str::to_owned).collect());
    let sound = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let padded = |part: &str| part.len() > 1 && part.starts_with('0') && is_number(part);
    if !build.split('.').all(sound) || !prerelease.iter().all(|part| sound(part) && !padded(part)) {
        return None;
    }
    let numbers: Vec<&str> = core.split('.').collect();
    if numbers.len() > 3 || numbers.iter().any(|part| !is_number(part) || padded(part)) {
        return None;
    }
    let mut core = [0; 3];
    for (place, part) in core.iter_mut().zip(numbers) {
        *place = part.parse().ok()?;
    }
    Some(Version { core, prerelease })
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.chars().all(|c| c.is_ascii_digit())
}

fn compare(a: &Version, b: &Version) -> Ordering {
    let by_core = a.core.cmp(&b.core);
    match (by_core, a.prerelease.is_empty(), b.prerelease.is_empty()) {
        (Ordering::Equal, true, true) => Ordering::Equal,
        (Ordering::Equal, true, false) => Ordering::Greater,
        (Ordering::Equal, false, true) => Ordering::Less,
        (Ordering::Equal, false, false) => by_prerelease(&a.prerelease, &b.prerelease),
        (other, ..) => other,
    }
}

fn by_prerelease(a: &[String], b: &[String]) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = match (is_number(a), is_number(b)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Of numbers without leading zeros the longer is the greater.
            (true, true) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (false, false) => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}
