//! How many requests a stage needs to have been able to see a breach. Owns sample sizes; knows no stage.

use statrs::distribution::{ContinuousCDF, Normal};

use super::interval::Z95_ONE_SIDED;

/// A comparison of two error rates to plan for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Control's rate, above 0 and below 1.
    pub base: f64,
    /// The breach to be seen: so many times control's rate, above 1.
    pub ratio: f64,
    /// Requests of control for one of the candidate, above 0.
    pub control_per_request: f64,
    /// Probability to see it, above 0 and below 1.
    pub power: f64,
}

impl Comparison {
    /// Requests of the candidate: two proportions, unequal numbers, variance pooled under equality, one-sided 5 %.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let base = self.base.clamp(1e-9, 0.999);
        let breach = (base * self.ratio).clamp(base, 0.999_9).max(base * (1.0 + 1e-6));
        let k = self.control_per_request.max(1e-3);
        let pooled = (breach + k * base) / (1.0 + k);
        let equal = (pooled * (1.0 - pooled) * (1.0 + 1.0 / k)).max(0.0).sqrt();
        let apart = (breach * (1.0 - breach) + base * (1.0 - base) / k).max(0.0).sqrt();
        let z = Normal::standard().inverse_cdf(self.power.clamp(0.01, 0.999));
        whole(((Z95_ONE_SIDED * equal + z * apart) / (breach - base)).powi(2))
    }
}

/// Requests without a single error that bound the rate below `ceiling` with one-sided confidence of 95 %: ln 0.05 / ln(1 - ceiling).
/// A ceiling of 0 can't be shown by any number: the most that is asked for.
#[must_use]
pub fn without_failure(ceiling: f64) -> u64 {
    whole(0.05f64.ln() / (-ceiling.clamp(0.0, 1.0)).ln_1p())
}

/// No more than this is ever asked for.
const MOST: u64 = 1_000_000_000;

/// The next whole number, at most [`MOST`], at least 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a billion, and whole")]
fn whole(number: f64) -> u64 {
    if number.is_nan() || number >= 1e9 {
        return MOST;
    }
    number.ceil().max(1.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_as_the_reference_has_them() {
        for (base, ratio, control_per_request, n) in [
            (0.01, 1.2, 19.0, 17_210),
            (0.01, 1.5, 19.0, 3_005),
            (0.01, 2.0, 19.0, 850),
            (0.01, 5.0, 19.0, 85),
            (0.001, 2.0, 19.0, 8_603),
            (0.001, 5.0, 19.0, 872),
        ] {
            let comparison = Comparison { base, ratio, control_per_request, power: 0.8 };
            assert_eq!(comparison.requests(), n, "{comparison:?}");
        }
    }

    #[test]
    fn no_plan_is_without_end() {
        for base in [0.0, 1e-12, 0.5, 0.9, 1.0] {
            for ratio in [1.0, 2.0, 1e6] {
                for control_per_request in [0.0, 1.0, 1e9] {
                    let n = Comparison { base, ratio, control_per_request, power: 0.8 }.requests();
                    assert!((1..=MOST).contains(&n));
                }
            }
        }
    }

    #[test]
    fn three_hundred_without_failure_bound_one_percent() {
        assert_eq!(without_failure(0.01), 299);
        assert_eq!(without_failure(0.05), 59);
        assert_eq!(without_failure(1.0), 1);
        assert_eq!(without_failure(0.0), MOST);
    }
}
