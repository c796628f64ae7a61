//! Constants, plain and odd.

use serde_json::{Value, json};

use super::Dice;

const TEXTS: [&str; 34] = [
    "",
    "a",
    "ab",
    "abc",
    "b",
    "ball",
    "gold",
    "silver",
    "NZ",
    "de",
    "user-1",
    "user-2",
    "1",
    "2",
    "2.5",
    " 3 ",
    "-4",
    "0x1f",
    "1e3",
    "0",
    "true",
    "false",
    "null",
    "Infinity",
    "12px",
    "a.b",
    "@example.com",
    "jon@example.com",
    "1.2.3",
    "ümlaut",
    "größe",
    "日本語",
    "😀 smile",
    "x\"y\\z\n",
];

const VERSIONS: [&str; 40] = [
    "1.0.0",
    "1.2.3",
    "1.2.4",
    "1.3.0",
    "2.0.0",
    "0.1.0",
    "0.2.0",
    "10.0.0",
    "1.10.0",
    "1.9.0",
    "v1.2.3",
    "V2.0.0",
    "1",
    "1.2",
    "2",
    "v1",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0-0",
    "1.0.0+build.1",
    "1.0.0+build.2",
    "1.0.0-rc.1+b",
    "1.0.0-x-y.z",
    "01.0.0",
    "1.02.0",
    "1.0.0-01",
    "1.2.3.4",
    "1.2.x",
    "",
    "abc",
    " 1.0.0",
    "1..0",
    "1.0.0-",
    "99999999999999999999.0.0",
    "vv1.0.0",
];

/// A text.
pub(super) fn text(dice: &mut Dice) -> Value {
    let plain = |text: &&str| text.is_ascii() && !text.contains('\\');
    let of = if dice.plain_texts { TEXTS.iter().copied().filter(plain).collect() } else { TEXTS.to_vec() };
    json!(dice.pick(&of))
}

/// A version, most of them sound.
pub(super) fn version(dice: &mut Dice) -> Value {
    json!(dice.pick(&VERSIONS))
}

/// A number as people write it, one time in eight an odd one.
pub(super) fn number(dice: &mut Dice) -> Value {
    if dice.one_in(8) { odd_number(dice) } else { json!(dice.pick(&[0, 1, 2, 3, 5, 10, 18, 50, 65, 100, -1, -7])) }
}

/// Fractions, 1.0 beside 1, -0, what a double can't hold, and the ends of what it can.
fn odd_number(dice: &mut Dice) -> Value {
    const ODD: [&str; 22] = [
        "1.0",
        "2.0",
        "0.0",
        "-0.0",
        "0.5",
        "2.5",
        "-2.5",
        "0.1",
        "1e3",
        "1e21",
        "1e20",
        "1e-7",
        "123456789.125",
        "2147483647",
        "2147483648",
        "4294967296",
        "-2147483648",
        "9007199254740991",
        "9007199254740993",
        "18446744073709551615",
        "1e300",
        "1.7976931348623157e308",
    ];
    let text = dice.pick(&ODD);
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// Anything.
pub(super) fn any(dice: &mut Dice, depth: u32) -> Value {
    match dice.below(if depth == 0 { 6 } else { 9 }) {
        0 => Value::Null,
        1 => json!(dice.one_in(2)),
        2 => odd_number(dice),
        3 => text(dice),
        4 => number(dice),
        5 => version(dice),
        6 => json!([]),
        7 => (0..=dice.below(3)).map(|_| any(dice, depth - 1)).collect(),
        // Two keys or none: an object of one key would be an operation. Of two it is an unknown one to some.
        _ if !dice.one_in(4) => json!({}),
        _ => json!({ "x": any(dice, depth - 1), "y": any(dice, depth - 1) }),
    }
}
