//! Pairs of answers to the same request: does the candidate disagree more often than noise does? Owns McNemar's test.
//!
//! Source: McNemar 1947; the exact form is the binomial test of the discordant pairs.

use super::beta::ln_share;
use super::proportion::Test;
use super::real::real;

/// Exact McNemar, two-sided: of pairs that differ on one side only, `first` on the first and `second` on the second.
#[must_use]
pub fn mcnemar(first: u64, second: u64) -> f64 {
    let all = first.saturating_add(second);
    let most = first.max(second);
    if all == 0 || first == second {
        return 1.0;
    }
    // P(X >= most) of a binomial of 1/2.
    (2.0 * ln_share(real(most), real(all - most) + 1.0, 0.5).exp()).min(1.0)
}

/// McNemar's chi-square with continuity corrected; its p is good from some 25 discordant pairs on.
#[must_use]
pub fn mcnemar_corrected(first: u64, second: u64) -> Test {
    let all = real(first) + real(second);
    if all <= 0.0 {
        return Test::NONE;
    }
    let apart = (real(first.abs_diff(second)) - 1.0).max(0.0);
    let statistic = apart * apart / all;
    Test { statistic, p: super::normal::Side::Two.p(statistic.sqrt()) }
}

/// Diffy's rule: of `total` pairs a field differed in `raw`, and in `noise` between control and control; it is worth showing if raw is the
/// greater, by more than 20 % of both together and by more than 0.03 % of all pairs. A rule of thumb for lists, no test.
#[must_use]
pub fn is_shown(raw: u64, noise: u64, total: u64) -> bool {
    let more = u128::from(raw.saturating_sub(noise));
    // In whole numbers: the limits themselves are not beyond.
    raw > noise && more * 5 > u128::from(raw) + u128::from(noise) && more * 10_000 > 3 * u128::from(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diffys_rule_as_its_code_has_it() {
        for (raw, noise, total, shown) in [
            (100, 100, 100, false),
            (100, 0, 100, true),
            (30, 20, 1_000, false),
            (31, 20, 1_000, true),
            (3, 0, 10_000, false),
            (4, 0, 10_000, true),
            (20, 31, 1_000, false),
            (u64::MAX, 0, u64::MAX, true),
        ] {
            assert_eq!(is_shown(raw, noise, total), shown, "{raw} {noise} {total}");
        }
    }

    #[test]
    fn mcnemar_as_the_literature_has_it() {
        for (b, c, p) in [
            (10, 2, 0.038_574_218_8),
            (30, 10, 0.002_221_433_8),
            (121, 59, 4.434_449e-6),
            (0, 5, 0.062_5),
            (3, 0, 0.25),
            (400, 380, 0.496_333_547_4),
            (0, 0, 1.0),
        ] {
            assert!((mcnemar(b, c) / p - 1.0).abs() < 1e-6, "{b} {c}: {}", mcnemar(b, c));
            assert_eq!(mcnemar(b, c), mcnemar(c, b));
        }
        let corrected = mcnemar_corrected(121, 59);
        assert!((corrected.statistic - 20.672_222).abs() < 1e-6 && (corrected.p / 5.450_095e-6 - 1.0).abs() < 1e-6);
        assert_eq!(mcnemar_corrected(0, 0).p, 1.0);
        assert!(mcnemar(1_000_000_000, 999_900_000) < 0.1 && mcnemar(1_000_000_000, 1) >= 0.0);
    }
}
