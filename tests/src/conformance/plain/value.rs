//! Values as JSONLogic's reference sees them, which is JavaScript: truth, numbers, texts, equality, order. Written from the language's specification
//! (ECMA-262, section 7.1), and on purpose not with core's code.

use std::cmp::Ordering;

use weir_core::json::Json;

/// `!!value`, but for JSONLogic's own rule that an empty array is false.
pub(in crate::conformance) fn truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(bool) => *bool,
        Json::Number(number) => !(*number == 0.0 || number.is_nan()),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(_) => true,
    }
}

/// `Number(value)`.
pub(in crate::conformance) fn number(value: &Json) -> f64 {
    match value {
        Json::Null | Json::Bool(false) => 0.0,
        Json::Bool(true) => 1.0,
        Json::Number(number) => *number,
        Json::String(text) => number_of(text),
        Json::Array(_) | Json::Object(_) => number_of(&text(value)),
    }
}

/// `parseFloat(value)`.
pub(in crate::conformance) fn parse_float(value: &Json) -> f64 {
    if let Json::Number(number) = value {
        return *number;
    }
    let text = text(value);
    let text = text.trim_start();
    literal(&text[..decimal(text)])
}

/// `String(value)`.
pub(in crate::conformance) fn text(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(bool) => bool.to_string(),
        Json::Number(number) => number_text(*number),
        Json::String(text) => text.clone(),
        Json::Array(items) => joined(items, ","),
        Json::Object(_) => "[object Object]".to_owned(),
    }
}

/// `Array.prototype.join`: null is nothing.
pub(in crate::conformance) fn joined(items: &[Json], separator: &str) -> String {
    let part = |item: &Json| if *item == Json::Null { String::new() } else { text(item) };
    items.iter().map(part).collect::<Vec<_>>().join(separator)
}

/// `a === b`, where no array or object is another.
pub(in crate::conformance) fn same(a: &Json, b: &Json) -> bool {
    !is_container(a) && a == b
}

/// `a == b`, where no array or object is another.
pub(in crate::conformance) fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Null, Json::Null) => true,
        (Json::Null, _) | (_, Json::Null) => false,
        (a, b) if is_container(a) && is_container(b) => false,
        (Json::String(a), Json::String(b)) => a == b,
        (Json::String(_), b) if is_container(b) => equal(a, &Json::String(text(b))),
        (a, Json::String(_)) if is_container(a) => equal(&Json::String(text(a)), b),
        (a, b) => number(a) == number(b),
    }
}

/// How two values are ordered by `<`; `None` if they are not.
pub(in crate::conformance) fn order(a: &Json, b: &Json) -> Option<Ordering> {
    let primitive = |value: &Json| if is_container(value) { Json::String(text(value)) } else { value.clone() };
    match (primitive(a), primitive(b)) {
        (Json::String(a), Json::String(b)) => Some(a.cmp(&b)),
        (a, b) => number(&a).partial_cmp(&number(&b)),
    }
}

fn is_container(value: &Json) -> bool {
    matches!(value, Json::Array(_) | Json::Object(_))
}

fn number_of(text: &str) -> f64 {
    let text = text.trim();
    let digits = |radix| text.get(2..).filter(|digits| !digits.is_empty()).map_or(f64::NAN, |d| whole(d, radix));
    match text.get(..2) {
        _ if text.is_empty() => 0.0,
        Some("0x" | "0X") => digits(16),
        Some("0o" | "0O") => digits(8),
        Some("0b" | "0B") => digits(2),
        _ if decimal(text) == text.len() => literal(text),
        _ => f64::NAN,
    }
}

fn whole(digits: &str, radix: u32) -> f64 {
    let add = |sum: f64, digit: char| digit.to_digit(radix).map(|digit| sum * f64::from(radix) + f64::from(digit));
    digits.chars().try_fold(0.0, add).unwrap_or(f64::NAN)
}

fn literal(text: &str) -> f64 {
    match text.trim_start_matches(['+', '-']) {
        "" => f64::NAN,
        "Infinity" if text.starts_with('-') => f64::NEG_INFINITY,
        "Infinity" => f64::INFINITY,
        _ => text.parse().unwrap_or(f64::NAN),
    }
}

/// The length of the longest beginning that is a StrDecimalLiteral; 0 if there is none.
fn decimal(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    if text[sign..].starts_with("Infinity") {
        return sign + "Infinity".len();
    }
    let before = digits(sign);
    let mut end = sign + before;
    if bytes.get(end) == Some(&b'.') {
        let after = digits(end + 1);
        if before + after == 0 {
            return 0;
        }
        end += 1 + after;
    } else if before == 0 {
        return 0;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let power = digits((end + 1 + sign).min(bytes.len()));
        if power > 0 {
            end += 1 + sign + power;
        }
    }
    end
}

/// `Number::toString`: from the shortest digits and their exponent.
pub(in crate::conformance) fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    if number < 0.0 {
        return format!("-{}", number_text(-number));
    }
    if number.is_infinite() {
        return "Infinity".to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = digits.replace('.', "");
    let point = power.parse::<i32>().unwrap_or(0) + 1;
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |many: i32| "0".repeat(usize::try_from(many).unwrap_or(0));
    if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        format!("{whole}.{fraction}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let sign = if point > 0 { "+" } else { "-" };
        format!("{first}{dot}{rest}e{sign}{}", (point - 1).abs())
    }
}
