//! [`Span`]: a length of time as a document writes it ("90s", "2h"). Owns the spelling; core has no clock.

use std::fmt;

/// A length of time in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The longest that is taken: 366 days.
const LONGEST_MS: u64 = 366 * 86_400_000;

impl Span {
    /// So many milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Reads a whole number and a unit of `ms`, `s`, `m`, `h`, `d`, at most 366 days: `"250ms"`, `"90s"`, `"2h"`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at_checked(digits)?;
        let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        let ms = number.parse::<u64>().ok()?.checked_mul(factor)?;
        (ms <= LONGEST_MS).then_some(Self(ms))
    }

    /// In milliseconds.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }
}

/// In the largest unit that leaves a whole number: `2h`, `90s`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        for (unit, factor) in UNITS.iter().rev() {
            if let (Some(number), Some(0)) = (self.0.checked_div(*factor), self.0.checked_rem(*factor)) {
                return write!(f, "{number}{unit}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_unit_and_nothing_else() {
        for (text, ms) in [
            ("250ms", Some(250)),
            ("90s", Some(90_000)),
            ("2h", Some(7_200_000)),
            ("0s", Some(0)),
            ("366d", Some(LONGEST_MS)),
            ("367d", None),
            ("2", None),
            ("h", None),
            ("1.5h", None),
            ("-1s", None),
            ("2 h", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(Span::parse(text).map(Span::ms), ms, "{text}");
        }
    }

    #[test]
    fn display_is_read_back() {
        for ms in [0, 1, 1_000, 1_500, 60_000, 90_000, 3_600_000, 86_400_000] {
            assert_eq!(Span::parse(&Span(ms).to_string()), Some(Span(ms)));
        }
    }
}
