//! How numbers read in a sentence: three significant digits, a space before the unit, thousands set apart. Owns nothing else.

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

/// A length of time: `40 s`, `12 min`, `3.5 h`.
#[must_use]
pub fn time(ms: u64) -> String {
    match ms {
        0..120_000 => format!("{} s", ms.div_ceil(1_000)),
        120_000..7_200_000 => format!("{} min", ms.div_ceil(60_000)),
        _ => format!("{} h", tenths(ms.div_ceil(360_000))),
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

/// Three significant digits at least, without trailing zeros; 0.001 is the least that is told from 0.
#[must_use]
pub fn significant(number: f64) -> String {
    let decimals = match number.abs() {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        n if n >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{number:.decimals$}");
    if decimals == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

/// Any number, of whatever size: `0.031`, `12.5`, `4e-6`.
#[must_use]
pub fn number(number: f64) -> String {
    match number.abs() {
        n if n == 0.0 || (0.001..1e9).contains(&n) => significant(number),
        _ => {
            let text = format!("{number:.2e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
    }
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
            (count(0), "0"),
            (count(999), "999"),
            (count(1_204), "1,204"),
            (count(1_234_567), "1,234,567"),
        ] {
            assert_eq!(found, expected);
        }
    }
}
