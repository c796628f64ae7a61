//! From counts to real numbers. Owns the one place where precision could be lost.

/// A count as a real number: exact below 2^53, which no counter reaches.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub fn real(count: u64) -> f64 {
    count as f64
}

/// The length of a list as a real number.
#[must_use]
pub(crate) fn length<T>(list: &[T]) -> f64 {
    real(u64::try_from(list.len()).unwrap_or(u64::MAX))
}

/// The next whole number, at least 1, at most `most`; `most` for what is no number.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and most, and whole")]
pub(crate) fn whole(number: f64, most: u64) -> u64 {
    if number.is_nan() || number >= real(most) {
        return most;
    }
    number.ceil().max(1.0) as u64
}

/// A number from 0 that counts something, cut off to a whole one.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates; what is below 0 or no number is 0"
)]
pub fn real_to_count(number: f64) -> u64 {
    number as u64
}
