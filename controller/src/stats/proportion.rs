//! Two error rates, or one: z tests, Wilson's and Newcombe's intervals, the exact binomial test. For reports and for gates that are
//! looked at once, never as a trigger in every tick: looking again and again at p finds something in the end.

use super::beta::ln_share_apart;
use super::normal::{Side, quantile};

/// `hits` of `all`. May be fractional, where counts were divided by a dispersion.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hits {
    /// 0 to `all`.
    pub hits: f64,
    /// At least 0.
    pub all: f64,
}

impl Hits {
    /// `hits` of `all`.
    #[must_use]
    pub fn new(hits: f64, all: f64) -> Self {
        Self { hits, all }
    }

    /// The share; 0 of nothing.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.all > 0.0 { self.hits / self.all } else { 0.0 }
    }

    fn is_empty(self) -> bool {
        self.all <= 0.0
    }
}

/// A deviation in standard errors, and how probable one at least as great is without a difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// Standard errors, or the test's own statistic.
    pub statistic: f64,
    /// Probability, 0 to 1.
    pub p: f64,
}

impl Test {
    /// Nothing to be seen.
    pub(crate) const NONE: Self = Self { statistic: 0.0, p: 1.0 };
}

/// Two shares, variance pooled: `(p1 - p2) / sqrt(p (1 - p) (1/n1 + 1/n2))`. No difference where there is nothing to tell them by (no
/// data, or all alike). Far off at small counts: 3 of 50 against 0 of 5,000 gives z = 17.
#[must_use]
pub fn two_proportions(first: Hits, second: Hits, side: Side) -> Test {
    if first.is_empty() || second.is_empty() {
        return Test::NONE;
    }
    let pooled = (first.hits + second.hits) / (first.all + second.all);
    let variance = pooled * (1.0 - pooled) * (first.all.recip() + second.all.recip());
    deviation(first.share() - second.share(), variance, side)
}

/// One share against a given one, with the variance of what was seen: `(p - p0) / sqrt(p (1 - p) / n)`.
#[must_use]
pub fn one_proportion(seen: Hits, expected: f64, side: Side) -> Test {
    if seen.is_empty() {
        return Test::NONE;
    }
    deviation(seen.share() - expected, seen.share() * (1.0 - seen.share()) / seen.all, side)
}

fn deviation(difference: f64, variance: f64, side: Side) -> Test {
    if variance <= 0.0 {
        return Test::NONE;
    }
    let statistic = difference / variance.sqrt();
    Test { statistic, p: side.p(statistic) }
}

/// Wilson's score interval: lower and upper end for `hits` of `all`, within 0 to 1; 0 to 1 when there is nothing. `z` standard errors.
///
/// Source: Wilson 1927.
#[must_use]
pub fn wilson(hits: f64, all: f64, z: f64) -> (f64, f64) {
    if all <= 0.0 {
        return (0.0, 1.0);
    }
    let share = hits / all;
    let z2 = z * z;
    let middle = hits + z2 / 2.0;
    let half = z * (hits * (1.0 - share) + z2 / 4.0).max(0.0).sqrt();
    let low = if hits <= 0.0 { 0.0 } else { (middle - half) / (all + z2) };
    let high = if hits >= all { 1.0 } else { (middle + half) / (all + z2) };
    (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0))
}

/// Newcombe's interval of the difference of two shares, first minus second, from Wilson's of each: within -1 to 1. `z` standard errors.
///
/// Source: Newcombe 1998, Stat. Med. 17:873, method 10.
#[must_use]
pub fn newcombe(first: Hits, second: Hits, z: f64) -> (f64, f64) {
    if first.is_empty() || second.is_empty() {
        return (-1.0, 1.0);
    }
    let (l1, u1) = wilson(first.hits, first.all, z);
    let (l2, u2) = wilson(second.hits, second.all, z);
    let (p1, p2) = (first.share(), second.share());
    let difference = p1 - p2;
    ((difference - (p1 - l1).hypot(u2 - p2)).max(-1.0), (difference + (u1 - p1).hypot(p2 - l2)).min(1.0))
}

/// Normal quantile for a two-sided interval of that confidence (0 to 1).
#[must_use]
pub fn z_of_confidence(confidence: f64) -> f64 {
    -quantile((1.0 - confidence.clamp(0.0, 1.0)) / 2.0)
}

/// Probability of a count at least as far off as `hits` of `all` (whole numbers) if each hits with probability `share`. Exact; two-sided
/// by the sum of all outcomes at most as probable.
#[must_use]
pub fn binomial(hits: u64, all: u64, share: f64, side: Side) -> f64 {
    if all == 0 || hits > all {
        return 1.0;
    }
    let at_least = |k: u64| at_least(k, all, (share, 1.0 - share));
    // The misses are at least the rest: 1 less the other tail would lose what is below 1e-16.
    let at_most = |k: u64| self::at_least(all - k, all, (1.0 - share, share));
    match side {
        Side::Greater => at_least(hits),
        Side::Less => at_most(hits),
        Side::Two => {
            let mean = super::real(all) * share;
            let density = |k: u64| super::beta::ln_choose(all, k) + ln_power(k, share) + ln_power(all - k, 1.0 - share);
            // Outcomes equally probable but for rounding count as equal.
            let limit = density(hits) + 1e-9;
            let other = if super::real(hits) > mean {
                let far = last(0, hits, |k| super::real(k) <= mean && density(k) <= limit);
                far.map_or(0.0, at_most)
            } else {
                let far = last(0, all - hits, |k| super::real(all - k) >= mean && density(all - k) <= limit);
                far.map_or(0.0, |k| at_least(all - k))
            };
            let own = if super::real(hits) > mean { at_least(hits) } else { at_most(hits) };
            (own + other).min(1.0)
        }
    }
}

/// P(X >= k), by the incomplete beta function; of a hit's probability and a miss's.
fn at_least(k: u64, all: u64, (hit, miss): (f64, f64)) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > all {
        return 0.0;
    }
    ln_share_apart(super::real(k), super::real(all - k) + 1.0, (hit, miss)).exp()
}

fn ln_power(count: u64, base: f64) -> f64 {
    if count == 0 { 0.0 } else { super::real(count) * base.max(1e-300).ln() }
}

/// The last of `from..to` that still holds, where what holds comes first.
fn last(from: u64, to: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if !holds(from) {
        return None;
    }
    let (mut low, mut high) = (from, to);
    while high > low + 1 {
        let middle = low + (high - low) / 2;
        if holds(middle) { low = middle } else { high = middle }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::super::normal::{Z95, Z999};
    use super::*;

    fn hits(hits: f64, all: f64) -> Hits {
        Hits::new(hits, all)
    }

    #[test]
    fn two_proportions_as_the_literature_has_them() {
        for (x1, n1, x2, n2, z, p) in [
            (5.0, 83.0, 12.0, 99.0, -1.407_830_415_1, 0.159_181_291_8),
            (30.0, 1_000.0, 10.0, 1_000.0, 3.194_382_825_0, 0.001_401_301_6),
            (120.0, 10_000.0, 100.0, 10_000.0, 1.355_877_673_4, 0.175_138_092_3),
            (12.0, 1_000.0, 500.0, 100_000.0, 3.101_463_290_3, 0.001_925_667_5),
            (15.0, 20.0, 10.0, 20.0, 1.632_993_161_9, 0.102_470_434_9),
            (150.0, 20_000.0, 100.0, 20_000.0, 3.172_206_342_9, 0.001_512_854_7),
            (0.0, 1_000.0, 0.0, 1_000.0, 0.0, 1.0),
            (0.0, 0.0, 3.0, 10.0, 0.0, 1.0),
        ] {
            let test = two_proportions(hits(x1, n1), hits(x2, n2), Side::Two);
            assert!((test.statistic - z).abs() < 1e-9 && (test.p - p).abs() < 1e-9, "{x1}/{n1} {x2}/{n2}: {test:?}");
            let back = two_proportions(hits(x2, n2), hits(x1, n1), Side::Two);
            assert!((back.statistic + z).abs() < 1e-9 && (back.p - p).abs() < 1e-9);
        }
        let absurd = two_proportions(hits(3.0, 50.0), hits(0.0, 5_000.0), Side::Two);
        assert!((absurd.statistic - 17.33).abs() < 0.005 && (2.5e-67..3.5e-67).contains(&absurd.p), "{absurd:?}");
        let one = one_proportion(hits(5.0, 83.0), 0.05, Side::Two);
        assert!((one.statistic - 0.392_126_026_3).abs() < 1e-9 && (one.p - 0.694_965_098_1).abs() < 1e-9, "{one:?}");
    }

    #[test]
    fn wilson_as_the_literature_has_it() {
        for (hits, all, low, high) in [
            (18.0, 20.0, 0.698_966_354_772, 0.972_133_518_786),
            (4.0, 20.0, 0.080_657_662_580, 0.416_017_432_252),
            (4.0, 200.0, 0.007_804_426_416, 0.050_287_086_906),
            (190.0, 200.0, 0.910_421_851_861, 0.972_617_354_399),
            (1.0, 30.0, 0.005_908_590_382, 0.166_703_909_914),
            (0.0, 30.0, 0.0, 0.113_513_393_174),
            (19.0, 38.0, 0.348_499_283_644, 0.651_500_716_356),
            (38.0, 38.0, 0.908_190_131_774, 1.0),
            (0.0, 77.0, 0.0, 0.047_518_425_282),
            (0.0, 1000.0, 0.0, 0.003_826_758_486),
            (12.0, 1000.0, 0.006_877_647_806, 0.020_857_268_475),
            (5.0, 10_000.0, 0.000_213_588_426, 0.001_170_025_946),
            (0.0, 1.0, 0.0, 0.793_450_685_623),
            (0.0, 0.0, 0.0, 1.0),
        ] {
            let found = wilson(hits, all, Z95);
            assert!((found.0 - low).abs() < 1e-11 && (found.1 - high).abs() < 1e-11, "{hits}/{all}: {found:?}");
        }
        let (low, high) = wilson(12.0, 1000.0, z_of_confidence(0.99));
        assert!((low - 0.005_809_541_615).abs() < 1e-11 && (high - 0.024_623_435_331).abs() < 1e-11);
    }

    #[test]
    fn newcombe_as_the_literature_has_it() {
        for (x1, n1, x2, n2, low, high) in [
            (56.0, 70.0, 48.0, 80.0, 0.052_431_472_4, 0.333_872_654_0),
            (9.0, 10.0, 3.0, 10.0, 0.170_522_723_9, 0.809_017_973_5),
            (10.0, 10.0, 0.0, 20.0, 0.679_086_037_1, 1.0),
            (10.0, 10.0, 0.0, 10.0, 0.607_509_350_4, 1.0),
            (5.0, 56.0, 0.0, 29.0, -0.038_137_147_9, 0.192_560_013_9),
            (0.0, 10.0, 0.0, 10.0, -0.277_532_799_8, 0.277_532_799_8),
            (7.0, 34.0, 1.0, 34.0, 0.018_921_443_9, 0.340_368_687_0),
            (120.0, 10_000.0, 100.0, 10_000.0, -0.000_903_393_9, 0.004_925_904_7),
            (12.0, 1_000.0, 500.0, 100_000.0, 0.001_857_339_1, 0.015_867_152_5),
        ] {
            let (l, h) = newcombe(hits(x1, n1), hits(x2, n2), Z95);
            assert!((l - low).abs() < 1e-9 && (h - high).abs() < 1e-9, "{x1}/{n1} - {x2}/{n2}: {l} {h}");
            let (back_l, back_h) = newcombe(hits(x2, n2), hits(x1, n1), Z95);
            assert!((back_l + h).abs() < 1e-12 && (back_h + l).abs() < 1e-12, "mirrored");
        }
        assert_eq!(newcombe(hits(0.0, 0.0), hits(1.0, 2.0), Z95), (-1.0, 1.0));
    }

    #[test]
    fn binomial_as_the_literature_has_it() {
        for (x, n, share, side, p) in [
            (51, 235, 1.0 / 6.0, Side::Two, 0.043_747_970_2),
            (51, 235, 1.0 / 6.0, Side::Greater, 0.026_544_245_7),
            (10, 12, 0.5, Side::Two, 0.038_574_218_8),
            (2, 12, 0.5, Side::Two, 0.038_574_218_8),
            (0, 0, 0.5, Side::Two, 1.0),
            (6, 12, 0.5, Side::Two, 1.0),
            (0, 300, 0.01, Side::Less, 0.99f64.powi(300)),
        ] {
            let found = binomial(x, n, share, side);
            assert!((found - p).abs() < 1e-9, "{x}/{n} {share}: {found}");
        }
        // Far out, where 1 less the other tail is 0: summed with 60 digits.
        for (x, n, share, side, p) in [
            (0, 1_000, 0.5, Side::Two, 1.866_527_237_006_438e-301),
            (1_000, 1_000, 0.5, Side::Two, 1.866_527_237_006_438e-301),
            (0, 1_000, 0.5, Side::Less, 9.332_636_185_032_189e-302),
            (1_000, 1_000, 0.5, Side::Greater, 9.332_636_185_032_189e-302),
            (1, 1_000, 0.1, Side::Two, 3.268_835_160_124_194e-44),
            (1, 1_000, 0.1, Side::Less, 1.959_557_881_097_939e-44),
            (260, 1_000, 0.1, Side::Greater, 4.339_376_342_669_719e-47),
            (20, 1_000, 0.1, Side::Two, 1.420_036_179_191_055e-23),
            (700, 1_000, 0.9, Side::Two, 6.823_349_107_844_565e-69),
        ] {
            let found = binomial(x, n, share, side);
            assert!((found / p - 1.0).abs() < 1e-9, "{x}/{n} {share} {side:?}: {found}");
        }
        // Three hundred without a failure bound the rate below 1 % with 95 %.
        assert!(binomial(0, 300, 0.01, Side::Less) < 0.05 && binomial(0, 298, 0.01, Side::Less) > 0.05);
    }

    #[test]
    fn more_data_narrow_and_no_number_is_lost_at_a_billion() {
        let mut before = 1.0;
        for scale in [1.0, 10.0, 1e3, 1e6] {
            let (low, high) = newcombe(hits(12.0 * scale, 1e3 * scale), hits(9.0 * scale, 1e3 * scale), Z999);
            assert!(high - low < before && low < 0.003 && high > 0.003);
            before = high - low;
        }
        for (x, n) in [(0.0, 1e9), (1.0, 1e9), (1e9, 1e9), (5e8, 1e9)] {
            let (low, high) = wilson(x, n, Z95);
            assert!(low <= x / n && x / n <= high && high - low < 1e-4, "{x}");
            let test = two_proportions(hits(x, n), hits(1e3, 1e6), Side::Two);
            assert!(test.p.is_finite() && test.statistic.is_finite());
        }
        for k in [0, 1, 500_000_000, 999_999_999] {
            assert!((0.0..=1.0).contains(&binomial(k, 1_000_000_000, 0.5, Side::Two)), "{k}");
        }
    }
}
