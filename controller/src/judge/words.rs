//! How numbers read in a sentence: three significant digits, a space before the unit, thousands set apart; and what others say, so that
//! it does no harm on a terminal. Owns nothing else.

use weir_core::share::Share;

/// A rate between 0 and 1: `21.3 %`.
#[must_use]
pub fn percent(rate: f64) -> String {
    format!("{} %", significant(rate * 100.0))
}

/// A weight in parts per million: `25 %`.
#[must_use]
pub fn weight(ppm: u32) -> String {
    Share::from_ppm(ppm).unwrap_or(Share::ALL).to_string().replace('%', " %")
}

/// Microseconds as milliseconds: `212 ms`.
#[must_use]
pub fn millis(us: f64) -> String {
    format!("{} ms", significant(us / 1_000.0))
}

/// A length of time, or what is left of one, rounded up: `40 s`, `12 min`, `3.5 h`.
#[must_use]
pub fn time(ms: u64) -> String {
    match ms {
        0..120_000 => format!("{} s", ms.div_ceil(1_000)),
        120_000..7_200_000 => format!("{} min", ms.div_ceil(60_000)),
        _ => format!("{} h", tenths(ms.div_ceil(360_000))),
    }
}

/// Time that has passed, rounded down, so that what is not over does not read as if it were.
#[must_use]
pub fn passed(ms: u64) -> String {
    match ms {
        0..120_000 => format!("{} s", ms / 1_000),
        120_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", tenths(ms / 360_000)),
    }
}

fn tenths(count: u64) -> String {
    if count.is_multiple_of(10) { (count / 10).to_string() } else { format!("{}.{}", count / 10, count % 10) }
}

/// A count: `1,204`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits, below 1 three decimals and two significant digits at least, without trailing zeros. Only 0 reads as 0.
#[must_use]
pub fn significant(number: f64) -> String {
    let decimals = match number.abs() {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        n if n >= 0.9995 => 2,
        n if n >= 0.01 => 3,
        n if n >= 0.001 => 4,
        n if n >= 0.000_1 => 5,
        n if n >= 0.000_01 => 6,
        n if n > 0.0 => return scientific(number, 3),
        _ => return "0".to_owned(),
    };
    trimmed(format!("{number:.decimals$}"))
}

/// Any number, of whatever size: `0.031`, `12.5`, `4e-6`.
#[must_use]
pub fn number(number: f64) -> String {
    match number.abs() {
        n if n == 0.0 || (0.001..1e9).contains(&n) => significant(number),
        _ => scientific(number, 3),
    }
}

/// As [`number`], with as many digits as it takes to tell these two apart, if they are not the same: how to write them and what belongs to
/// them. A value and the limit that it breaks must not read alike.
pub fn apart(one: f64, other: f64) -> impl Fn(f64) -> String {
    let alike = |write: &dyn Fn(f64) -> String| write(one) == write(other);
    let digits = (4..=17).find(|digits| !alike(&|n| precise(n, *digits)));
    let digits = digits.filter(|_| one != other && alike(&number));
    move |n| digits.map_or_else(|| number(n), |digits| precise(n, digits))
}

/// With so many significant digits.
fn precise(number: f64, digits: usize) -> String {
    let text = scientific(number, digits);
    match number.abs() {
        n if n == 0.0 || (0.001..1e9).contains(&n) => text.parse::<f64>().map_or(text, |rounded| rounded.to_string()),
        _ => text,
    }
}

fn scientific(number: f64, digits: usize) -> String {
    let text = format!("{number:.*e}", digits.saturating_sub(1));
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", trimmed(digits.to_owned())),
        // No number at all.
        None => text,
    }
}

/// Without the zeros that end its decimals.
#[must_use]
pub fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// So many characters of what others say are shown.
const SHOWN: usize = 200;

/// What others say, in a sentence of ours: at most 200 characters, and those that no terminal should get escaped: control characters, line
/// ends, and what turns the direction of writing.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(SHOWN) {
        match c {
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                shown.extend(c.escape_unicode());
            }
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (found, expected) in [
            (percent(0.2131), "21.3 %"),
            (percent(0.011), "1.1 %"),
            (percent(0.000_512), "0.051 %"),
            (percent(0.0), "0 %"),
            (percent(0.000_003), "0.0003 %"),
            (percent(0.000_000_123_4), "0.000012 %"),
            (percent(0.000_000_002), "2e-7 %"),
            (percent(0.05), "5 %"),
            (significant(0.005_12), "0.0051"),
            (significant(0.0), "0"),
            (significant(-0.000_061), "-0.000061"),
            (percent(1.0), "100 %"),
            (weight(250_000), "25 %"),
            (weight(1), "0.0001 %"),
            (millis(212_340.0), "212 ms"),
            (millis(430.0), "0.43 ms"),
            (millis(1_500_000.0), "1500 ms"),
            (time(39_001), "40 s"),
            (time(600_000), "10 min"),
            (time(12_600_000), "3.5 h"),
            (time(86_400_000), "24 h"),
            (number(0.0), "0"),
            (number(0.031), "0.031"),
            (number(-12.34), "-12.3"),
            (number(0.000_004), "4e-6"),
            (number(-2.5e12), "-2.5e12"),
            (passed(3_584_000), "59 min"),
            (passed(39_999), "39 s"),
            (passed(12_959_999), "3.5 h"),
            (passed(600_000), "10 min"),
            (count(0), "0"),
            (count(999), "999"),
            (count(1_204), "1,204"),
            (count(1_234_567), "1,234,567"),
        ] {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_value_and_the_limit_that_it_breaks_do_not_read_alike() {
        for (value, limit, expected) in [
            (5.0, 5.0, ["5", "5"]),
            (6.0, 5.0, ["6", "5"]),
            (5.000_1, 5.0, ["5.0001", "5"]),
            (4.999_9, 5.0, ["4.9999", "5"]),
            (100.2, 100.0, ["100.2", "100"]),
            (-0.123_46, -0.123_45, ["-0.12346", "-0.12345"]),
            (1.000_1e12, 1e12, ["1.0001e12", "1e12"]),
            (1e-9, 0.0, ["1e-9", "0"]),
            (f64::NAN, 5.0, ["NaN", "5"]),
        ] {
            let say = apart(value, limit);
            assert_eq!([say(value), say(limit)], expected);
        }
        assert_eq!(apart(5.000_1, 5.0)(2.5), "2.5");
        let next = f64::from_bits(5.0_f64.to_bits() + 1);
        assert_ne!(apart(next, 5.0)(next), "5");
    }

    #[test]
    fn what_others_say_does_nothing_to_a_terminal() {
        assert_eq!(quoted("x\n\u{1b}[31mred\u{7}\t"), "x\\n\\u{1b}[31mred\\u{7}\\t");
        assert_eq!(quoted("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(quoted("Grüße, 東京"), "Grüße, 東京");
        assert_eq!(quoted(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(quoted(&"é".repeat(201)), "é".repeat(200) + "…");
    }
}
