//! [`Share`]: a part of the whole in parts per million. Owns its two spellings ("5%" and a plain number of parts) and its arithmetic.

use std::fmt;

/// How many parts make the whole: 1,000,000.
pub const WHOLE: u32 = 1_000_000;

/// A share of traffic or of requests in parts per million, between 0 and [`WHOLE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything, 100 %.
    pub const ALL: Self = Self(WHOLE);

    /// A share of `ppm` parts per million; `None` beyond 100 %.
    #[must_use]
    pub const fn from_ppm(ppm: u32) -> Option<Self> {
        if ppm <= WHOLE { Some(Self(ppm)) } else { None }
    }

    /// Reads `"5%"`, `"0.01%"` or `"2.5 %"`: at most 100, at most four decimals (one part per million). Only digits count, no rounding.
    #[must_use]
    pub fn from_percent(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?.trim_end();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || whole.len() > 3 || fraction.len() > 4 {
            return None;
        }
        let whole: u32 = whole.parse().ok()?;
        let parts: u32 = format!("{fraction:0<4}").parse().ok()?;
        Self::from_ppm(whole.checked_mul(10_000)?.checked_add(parts)?)
    }

    /// Parts per million.
    #[must_use]
    pub const fn ppm(self) -> u32 {
        self.0
    }

    /// What is missing to the whole.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(WHOLE.saturating_sub(self.0))
    }

    /// As a fraction between 0 and 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }
}

/// In percent, with the decimals that it needs: `5%`, `0.01%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0 / 10_000;
        let parts = self.0 % 10_000;
        if parts == 0 {
            return write!(f, "{whole}%");
        }
        let fraction = format!("{parts:04}");
        write!(f, "{whole}.{}%", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_read_exactly_or_not_at_all() {
        for (text, ppm) in [
            ("5%", Some(50_000)),
            ("100%", Some(1_000_000)),
            ("0%", Some(0)),
            ("0.0001%", Some(1)),
            ("2.5 %", Some(25_000)),
            ("33.3333%", Some(333_333)),
            ("100.0001%", None),
            ("101%", None),
            ("5", None),
            ("-5%", None),
            ("%", None),
            (".5%", None),
            ("5.%", None),
            ("0.00001%", None),
            ("1e1%", None),
        ] {
            assert_eq!(Share::from_percent(text).map(Share::ppm), ppm, "{text}");
        }
    }

    #[test]
    fn display_is_read_back() {
        for ppm in [0, 1, 10, 999, 10_000, 25_000, 333_333, 999_999, 1_000_000] {
            let share = Share(ppm);
            assert_eq!(Share::from_percent(&share.to_string()), Some(share));
        }
    }
}
