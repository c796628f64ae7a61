//! Sample-ratio mismatch: are the variants' counts what their weights promise? Owns both tests, the fixed one and the one that may be
//! looked at at any time. What they count must be independent (users, cells), or the counts be divided by the dispersion between cells.
//!
//! Sources: Pearson 1900; Lindon and Malek, arXiv 2011.03567 (the sequential test).

use statrs::distribution::{ChiSquared, ContinuousCDF as _};

use super::beta::ln_dirichlet;
use super::proportion::Test;
use super::real::length;

/// Pearson's chi-square of counts against shares (in any unit); p with one degree of freedom less than there are counts. No mismatch
/// where nothing was counted or nothing expected.
#[must_use]
pub fn chi_square(counts: &[f64], shares: &[f64]) -> Test {
    let (total, whole): (f64, f64) = (counts.iter().sum(), shares.iter().sum());
    if total <= 0.0 || whole <= 0.0 || counts.len() != shares.len() {
        return Test::NONE;
    }
    let terms = counts.iter().zip(shares).map(|(count, share)| {
        let expected = total * share / whole;
        if expected > 0.0 { (count - expected).powi(2) / expected } else { 0.0 }
    });
    of(terms.sum(), length(counts) - 1.0)
}

/// Whether several shares are one: chi-square of (hits, all) against the pooled share.
#[must_use]
pub fn shares_equal(samples: &[(f64, f64)]) -> Test {
    let (hits, all) = samples.iter().fold((0.0, 0.0), |(x, n), s| (x + s.0, n + s.1));
    let share = hits / all;
    if !(share > 0.0 && share < 1.0) {
        return Test::NONE;
    }
    let terms =
        samples.iter().filter(|(_, n)| *n > 0.0).map(|(x, n)| (x - n * share).powi(2) / (n * share * (1.0 - share)));
    of(terms.sum(), length(samples) - 1.0)
}

fn of(statistic: f64, freedom: f64) -> Test {
    let Ok(law) = ChiSquared::new(freedom) else { return Test::NONE };
    Test { statistic, p: law.sf(statistic) }
}

/// ln of the evidence that counts so far do not follow `shares` (above 0), against a Dirichlet prior around them that is worth `weight`
/// counts: large weights look for small mismatches. p at any time is 1 over the largest evidence seen.
#[must_use]
pub fn ln_evidence(counts: &[f64], shares: &[f64], weight: f64) -> f64 {
    let whole: f64 = shares.iter().sum();
    let prior: Vec<_> = shares.iter().map(|share| weight * share / whole).collect();
    ln_evidence_with(counts, shares, &prior)
}

/// The same with any prior: one number above 0 for each count.
#[must_use]
pub fn ln_evidence_with(counts: &[f64], shares: &[f64], prior: &[f64]) -> f64 {
    let whole: f64 = shares.iter().sum();
    let p = || shares.iter().map(|share| share / whole);
    let before: Vec<_> = prior.iter().copied().zip(p()).collect();
    let after: Vec<_> = prior.iter().zip(counts).map(|(alpha, count)| alpha + count).zip(p()).collect();
    ln_dirichlet(&after) - ln_dirichlet(&before)
}

#[cfg(test)]
mod tests {
    use super::super::sequence::always_valid_p;
    use super::*;

    #[test]
    fn chi_square_as_the_literature_has_it() {
        let even = [1.0, 1.0];
        for (counts, shares, statistic, p, within) in [
            (&[600.0, 400.0][..], &even[..], 40.0, 2.539_628_589e-10, 1e-9),
            (&[550.0, 450.0], &even, 10.0, 0.001_565_402_258, 1e-9),
            (&[502.0, 498.0], &even, 0.016, 0.899_343_188_6, 1e-9),
            (&[44_000.0, 45_000.0], &even, 11.235_955_06, 0.000_802_278_1, 1e-7),
            (&[821_588.0, 815_482.0], &even, 22.774_368_84, 1.821_792_873e-6, 1e-8),
            (&[9_463.0, 7_681.0], &even, 185.226_55, 3.5e-42, 0.02),
            (&[10_400.0, 989_600.0], &[1.0, 99.0], 16.161_616_16, 5.816_078_642e-5, 1e-8),
            (&[10_120.0, 989_880.0], &[1.0, 99.0], 1.454_5, 0.227_8, 2e-4),
            (&[4_700.0, 4_900.0, 5_400.0], &[1.0, 1.0, 1.0], 52.0, 5.11e-12, 1e-3),
            (&[16.0, 18.0, 16.0, 14.0, 12.0, 12.0], &[1.0; 6], 2.0, 0.849_145_036_1, 1e-9),
        ] {
            let test = chi_square(counts, shares);
            assert!((test.statistic / statistic - 1.0).abs() < 1e-4, "{counts:?}: {test:?}");
            assert!((test.p / p - 1.0).abs() < within, "{counts:?}: {test:?}");
        }
        let test = shares_equal(&[(73.0, 86.0), (90.0, 93.0), (114.0, 136.0), (75.0, 82.0)]);
        assert!(
            (test.statistic - 11.119_387_686_3).abs() < 1e-9 && (test.p - 0.011_097_511_4).abs() < 1e-9,
            "{test:?}"
        );
        assert_eq!(chi_square(&[0.0, 0.0], &even).p, 1.0);
        assert_eq!(shares_equal(&[(0.0, 10.0), (0.0, 20.0)]).p, 1.0);
    }

    #[test]
    fn sequential_evidence_as_the_literature_has_it() {
        let mut sum = [0.0; 3];
        for (counts, ln) in [
            ([20.0, 17.0, 9.0], -2.950_560_785_5),
            ([18.0, 21.0, 8.0], -3.681_900_877_3),
            ([4.0, 6.0, 4.0], -3.860_658_430_7),
            ([18.0, 19.0, 11.0], -4.183_813_982_4),
        ] {
            for (sum, count) in sum.iter_mut().zip(counts) {
                *sum += count;
            }
            let found = ln_evidence_with(&sum, &[0.4, 0.4, 0.2], &[1.0; 3]);
            assert!((found - ln).abs() < 1e-9, "{sum:?}: {found}");
        }
        for (counts, shares, weight, ln, p) in [
            ([44_000.0, 45_000.0], [1.0, 1.0], 1e4, 3.904_352_10, 0.020_154_0),
            ([821_588.0, 815_482.0], [1.0, 1.0], 1e4, 8.765_972_292, 1.559_504_4e-4),
            ([10_400.0, 989_600.0], [1.0, 99.0], 1e4, 5.570_662_9, 0.003_807_955_3),
            ([600.0, 400.0], [1.0, 1.0], 1e4, 1.770_789_970_7, 0.170_198),
            ([600.0, 400.0], [1.0, 1.0], 100.0, 17.098_940_416_5, 3.75e-8),
        ] {
            let found = ln_evidence(&counts, &shares, weight);
            assert!((found - ln).abs() < 1e-7, "{counts:?}: {found}");
            assert!((always_valid_p(found) / p - 1.0).abs() < 1e-3, "{counts:?}: {}", always_valid_p(found));
        }
    }

    #[test]
    fn order_of_the_variants_does_not_matter_and_a_billion_stays_exact() {
        let there = ln_evidence(&[5e8, 5.0002e8], &[1.0, 1.0], 1e4);
        let back = ln_evidence(&[5.0002e8, 5e8], &[1.0, 1.0], 1e4);
        assert!((there - back).abs() < 1e-9 && there.is_finite());
        assert!(chi_square(&[1e9, 1.1e9], &[1.0, 1.0]).p >= 0.0);
    }
}
