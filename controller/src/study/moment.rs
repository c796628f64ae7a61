//! A moment that people name: RFC 3339, or seconds since the Unix epoch.

use std::str::FromStr;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub u64);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        seconds(text)
            .or_else(|| rfc3339(text))
            .map(Self)
            .ok_or_else(|| "a time such as 2026-11-21T12:00:00Z, or seconds since 1970".to_owned())
    }
}

/// Up to the year 9999.
const MOST: u64 = 253_402_300_799;

fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let whole = number(whole, 1..=12).filter(|seconds| *seconds <= MOST)?;
    Some(whole * 1_000 + millis(fraction)?)
}

/// `2026-11-21T12:00:00Z`, `2026-11-21 12:00:00.25+01:00`.
fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = parts(date, '-', [4, 2, 2])?;
    let at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, offset) = time.split_at(at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = parts(clock, ':', [2, 2, 2])?;
    // A leap second is the next second, as in Unix time.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = days(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second;
    let utc = match offset {
        "Z" | "z" => local,
        _ => {
            let [hours, minutes] = parts(offset.get(1..)?, ':', [2, 2])?;
            let shift = hours * 3_600 + minutes * 60;
            if hours > 23 || minutes > 59 {
                return None;
            }
            if offset.starts_with('-') { local + shift } else { local.checked_sub(shift)? }
        }
    };
    Some(utc * 1_000 + millis(fraction)?)
}

fn parts<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut found = text.split(separator);
    let mut numbers = [0; N];
    for (into, digits) in numbers.iter_mut().zip(digits) {
        *into = number(found.next()?, digits..=digits)?;
    }
    found.next().is_none().then_some(numbers)
}

fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    if plain && digits.contains(&text.len()) { text.parse().ok() } else { None }
}

/// The first three decimals.
fn millis(fraction: &str) -> Option<u64> {
    number(fraction, 1..=18)?;
    format!("{fraction:0<3}").get(..3)?.parse().ok()
}

/// Days from 1970-01-01 on, in the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let index = usize::try_from(month).ok()?.checked_sub(1)?;
    if year < 1970 || !(1..=*lengths.get(index)?).contains(&day) {
        return None;
    }
    let before = year - 1;
    let leaps = |years: u64| years / 4 - years / 100 + years / 400;
    let years = (year - 1970) * 365 + leaps(before) - leaps(1969);
    Some(years + lengths.iter().take(index).sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_rfc_3339_and_as_unix_seconds() {
        for (text, ms) in [
            ("0", Some(0)),
            ("1790000000", Some(1_790_000_000_000)),
            ("1790000000.5", Some(1_790_000_000_500)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29t12:00:00z", Some(951_825_600_000)),
            ("2026-11-21T12:00:00.25Z", Some(1_795_262_400_250)),
            ("2026-11-21T13:00:00+01:00", Some(1_795_262_400_000)),
            ("2026-11-21 11:30:00-00:30", Some(1_795_262_400_000)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
            ("2026-02-29T12:00:00Z", None),
            ("1900-01-01T00:00:00Z", None),
            ("2026-11-21T24:00:00Z", None),
            ("2026-11-21", None),
            ("2026-11-21T12:00:00", None),
            ("now", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), ms.map(Moment), "{text}");
        }
    }
}
