//! Numbers as texts and texts as numbers, as JavaScript reads and writes them. Knows no values.

use std::fmt::{self, Write as _};

/// What a text is as a number, as JavaScript's `Number()` reads it: blanks are 0, what is none is NaN.
pub(crate) fn number_of(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    let radix = |prefix: [&str; 2], radix| {
        let digits = text.strip_prefix(prefix[0]).or_else(|| text.strip_prefix(prefix[1]))?;
        if digits.starts_with(['+', '-']) { None } else { u32::from_str_radix(digits, radix).ok().map(f64::from) }
    };
    decimal(text)
        .or_else(|| infinity(text))
        .or_else(|| radix(["0x", "0X"], 16))
        .or_else(|| radix(["0o", "0O"], 8))
        .or_else(|| radix(["0b", "0B"], 2))
        .unwrap_or(f64::NAN)
}

fn infinity(text: &str) -> Option<f64> {
    match text {
        "Infinity" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

pub(crate) fn leading_number(text: &str) -> f64 {
    let text = text.trim_start();
    for infinite in ["-Infinity", "+Infinity", "Infinity"] {
        if text.starts_with(infinite) {
            return infinity(infinite).unwrap_or(f64::NAN);
        }
    }
    let plain = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    // A number that doubles hold is short; a longer run of digits is read from its first part.
    let longest = text.bytes().take(400).take_while(plain).count();
    (1..=longest).rev().find_map(|end| text.get(..end).and_then(decimal)).unwrap_or(f64::NAN)
}

/// Only these make a decimal number: Rust reads more words than JavaScript ("inf", "nan").
fn decimal(text: &str) -> Option<f64> {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    if text.bytes().all(plain) { text.parse().ok() } else { None }
}

/// A number as a text, without the heap.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Digits {
    /// The longest is 25: a sign, 0.00000 and 17 digits.
    bytes: [u8; 32],
    length: usize,
}

impl Digits {
    /// A number as JavaScript writes it: shortest digits that read back, an exponent from 1e21 on and below 1e-6.
    pub(crate) fn write(&mut self, number: f64) -> &str {
        self.length = 0;
        // It is long enough: nothing is cut.
        let _: fmt::Result = self.put(number);
        self.as_str()
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    fn put(&mut self, number: f64) -> fmt::Result {
        const WHOLE: f64 = 9_007_199_254_740_992.0;
        let size = number.abs();
        if size < WHOLE && number.fract() == 0.0 {
            write!(self, "{}", number as i64)
        } else if number.is_nan() {
            self.write_str("NaN")
        } else if number.is_infinite() {
            self.write_str(if number > 0.0 { "Infinity" } else { "-Infinity" })
        } else if (1e-6..1e21).contains(&size) {
            write!(self, "{number}")
        } else if size < 1.0 {
            write!(self, "{number:e}")
        } else {
            let mut plain = Self::default();
            write!(plain, "{number:e}")?;
            let (digits, exponent) = plain.as_str().split_once('e').ok_or(fmt::Error)?;
            write!(self, "{digits}e+{exponent}")
        }
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (number, expected) in [
            (1.0, "1"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (-2.0, "-2"),
            (-1.2345678901234567e-6, "-0.0000012345678901234567"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-7"),
            (-1e300, "-1e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(Digits::default().write(number), expected);
        }
    }

    #[test]
    fn texts_are_read_as_javascript_reads_them() {
        for (from, whole, leading) in [
            ("", 0.0, f64::NAN),
            (" 1.5 ", 1.5, 1.5),
            ("12px", f64::NAN, 12.0),
            ("0x1f", 31.0, 0.0),
            ("inf", f64::NAN, f64::NAN),
            ("Infinity", f64::INFINITY, f64::INFINITY),
            ("1e3", 1000.0, 1000.0),
            ("1e", f64::NAN, 1.0),
            ("abc", f64::NAN, f64::NAN),
            (".5", 0.5, 0.5),
        ] {
            let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
            assert!(same(number_of(from), whole), "{from}: {}", number_of(from));
            assert!(same(leading_number(from), leading), "{from}: {}", leading_number(from));
        }
    }
}
