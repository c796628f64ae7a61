//! How many requests it takes to see a difference, how probable it is to see one, and how long that lasts. Owns plans; knows no stage.
//!
//! Sources: Cohen 1988 (effect size h); the normal approximation of two proportions with the variance pooled under equality (Fleiss 1981).

use super::normal::{Side, Z95_ONE_SIDED, above, below, quantile, quantile_above};
use super::real::{real, whole};

/// No stage ever asks for more than this.
const MOST: u64 = 1_000_000_000;

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
    /// Requests of the candidate, one-sided 5 %.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let base = self.base.clamp(1e-9, 0.999);
        let breach = (base * self.ratio).clamp(base, 0.999_9).max(base * (1.0 + 1e-6));
        let k = self.control_per_request.max(1e-3);
        let rates = Rates { first: base, second: breach, first_per_second: k };
        whole(rates.size(Z95_ONE_SIDED, quantile(self.power.clamp(0.01, 0.999))), MOST)
    }
}

/// Two rates to be told apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Within 0 to 1.
    pub first: f64,
    /// Within 0 to 1, another one.
    pub second: f64,
    /// So many of the first variant for one of the second, above 0.
    pub first_per_second: f64,
}

impl Rates {
    /// Size of the second variant: two proportions, variance pooled under equality. Infinite for equal rates.
    #[must_use]
    pub fn sample_size(&self, alpha: f64, power: f64, side: Side) -> f64 {
        self.size(critical(alpha, side), quantile(power))
    }

    fn size(&self, z_alpha: f64, z_power: f64) -> f64 {
        // Below 0 nothing at all has that power already.
        let spread = (z_alpha * self.spread_pooled() + z_power * self.spread_apart()).max(0.0);
        (spread / (self.second - self.first)).powi(2)
    }

    /// Probability to see the difference with `n` of the second variant, in its direction.
    #[must_use]
    pub fn power(&self, n: f64, alpha: f64, side: Side) -> f64 {
        let difference = match side {
            Side::Two => (self.second - self.first).abs(),
            Side::Greater => self.second - self.first,
            Side::Less => self.first - self.second,
        };
        let spread = self.spread_apart();
        if spread <= 0.0 {
            return if difference > 0.0 { 1.0 } else { 0.0 };
        }
        below((difference * n.max(0.0).sqrt() - critical(alpha, side) * self.spread_pooled()) / spread)
    }

    fn spread_pooled(&self) -> f64 {
        let k = self.first_per_second;
        let pooled = (self.second + k * self.first) / (1.0 + k);
        (pooled * (1.0 - pooled) * (1.0 + k.recip())).max(0.0).sqrt()
    }

    fn spread_apart(&self) -> f64 {
        let variance = |p: f64| p * (1.0 - p);
        (variance(self.second) + variance(self.first) / self.first_per_second).max(0.0).sqrt()
    }
}

/// The deviation in standard errors beyond which a test of level `alpha` speaks.
fn critical(alpha: f64, side: Side) -> f64 {
    match side {
        Side::Two => quantile_above(alpha / 2.0),
        Side::Greater | Side::Less => quantile_above(alpha),
    }
}

/// Cohen's effect size of two shares: `2 asin sqrt p1 - 2 asin sqrt p2`.
#[must_use]
pub fn cohen_h(first: f64, second: f64) -> f64 {
    2.0 * (first.clamp(0.0, 1.0).sqrt().asin() - second.clamp(0.0, 1.0).sqrt().asin())
}

/// Power of the z test of two samples of `n` and `n * ratio` for an effect of so many standard deviations. Two-sided counts both tails.
#[must_use]
pub fn normal_power(effect: f64, n: f64, ratio: f64, (alpha, side): (f64, Side)) -> f64 {
    let shift = effect * (n / (1.0 + ratio.recip())).sqrt();
    let z = critical(alpha, side);
    match side {
        Side::Two => above(z - shift) + above(z + shift),
        Side::Greater => above(z - shift),
        Side::Less => above(z + shift),
    }
}

/// Size of each of two samples with which the z test sees an effect, both tails counted; found by halving. `None` if no size does.
#[must_use]
pub fn normal_size(effect: f64, power: f64, (alpha, side): (f64, Side)) -> Option<f64> {
    let reaches = |n: f64| normal_power(effect, n, 1.0, (alpha, side)) >= power;
    let (mut low, mut high) = (1e-9, 1e18);
    if !reaches(high) || reaches(low) {
        return None;
    }
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if reaches(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// Requests without a single error that bound the rate below `ceiling` with one-sided confidence of 95 %: ln 0.05 / ln(1 - ceiling).
/// A ceiling of 0 can't be shown by any number: infinite.
#[must_use]
pub fn without_failure(ceiling: f64) -> f64 {
    let rate = ceiling.clamp(0.0, 1.0);
    if rate > 0.0 { (0.05f64.ln() / (-rate).ln_1p()).ceil().max(1.0) } else { f64::INFINITY }
}

/// A breach of a ceiling to plan for: a rate of twice the ceiling's odds, which is twice a small one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    /// The highest rate that is tolerated, above 0 and below 1.
    pub ceiling: f64,
    /// Probability to find it, above 0 and below 1.
    pub power: f64,
    /// Hits with fewer of which nothing is found.
    pub least: f64,
    /// The worst of 20 cells of users is left out of what is looked at.
    pub guarded: bool,
}

/// The largest of 20 counts lies about so many standard deviations above their mean (1.87 were they normal).
const LARGEST_OF_20: f64 = 2.0;

impl Breach {
    fn tolerated(self) -> f64 {
        self.ceiling.clamp(1e-9, 0.999)
    }

    /// The rate that is to be found.
    #[must_use]
    pub fn rate(self) -> f64 {
        2.0 * self.tolerated() / (1.0 + self.tolerated())
    }

    /// Requests with which one look (one-sided 5 %) finds it beyond the ceiling: the normal approximation of one proportion, with what leaving
    /// out the worst cell costs. At least those of [`without_failure`].
    #[must_use]
    pub fn requests(self) -> u64 {
        let (tolerated, rate) = (self.tolerated(), self.rate());
        let spread = |p: f64| (p * (1.0 - p)).sqrt();
        let power = quantile(self.power.clamp(0.01, 0.999));
        let (worst, rest) = if self.guarded { (LARGEST_OF_20 * (rate / 19.0).sqrt(), 19.0 / 20.0) } else { (0.0, 1.0) };
        let apart = Z95_ONE_SIDED * spread(tolerated) + power * spread(rate) + worst;
        let by_power = (apart / (rate - tolerated)).powi(2) / rest;
        // So many hits are expected that fewer than the least come with what power leaves.
        let hits = f64::midpoint(power, (power * power + 4.0 * self.least).sqrt()).powi(2);
        whole(by_power.max(hits / rate).max(without_failure(self.ceiling)), MOST)
    }
}

/// Milliseconds until `missing` more have come at so many a second; `None` if none come.
#[must_use]
pub fn time_to(missing: u64, per_second: f64) -> Option<u64> {
    if missing == 0 {
        return Some(0);
    }
    (per_second > 0.0).then(|| whole(real(missing) / per_second * 1_000.0, u64::MAX))
}

/// What the literature has and Weir does not: sizes by the *unpooled* variance (42,690.056875 for 0.01 to 0.012). Every
/// comparison of two shares here pools it, so a plan must as well.
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
    fn sizes_as_the_literature_has_them() {
        for (first, second, side, n) in [
            (0.01, 0.012, Side::Two, 42_692.802_359),
            (0.01, 0.012, Side::Greater, 33_628.973_713),
            (0.01, 0.02, Side::Two, 2_318.164_676),
            (0.01, 0.02, Side::Greater, 1_825.899_034),
            (0.001, 0.002, Side::Two, 23_510.140_273),
            (0.10, 0.12, Side::Two, 3_840.847_482),
            (0.05, 0.055, Side::Two, 31_233.437_940),
        ] {
            let rates = Rates { first, second, first_per_second: 1.0 };
            let found = rates.sample_size(0.05, 0.8, side);
            assert!((found - n).abs() < 2e-6, "{first} -> {second}: {found}");
            assert!((rates.power(found, 0.05, side) - 0.8).abs() < 1e-9);
        }
    }

    /// The sum of both quantiles is below 0 where no request at all has that power; its square is no size.
    #[test]
    fn what_nothing_has_already_takes_nothing() {
        let rates = Rates { first: 0.01, second: 0.02, first_per_second: 1.0 };
        assert_eq!(rates.sample_size(0.05, 0.04, Side::Greater), 0.0);
        assert!(rates.power(0.0, 0.05, Side::Greater) > 0.04);
        assert!(rates.sample_size(0.05, 0.06, Side::Greater) > 0.0);
    }

    #[test]
    fn effect_sizes_and_powers_as_the_literature_has_them() {
        assert!((cohen_h(0.5, 0.4) - 0.201_357_920_79).abs() < 1e-11);
        let n = normal_size(cohen_h(0.5, 0.4), 0.8, (0.05, Side::Two)).unwrap();
        assert!((n - 387.167_746_857_8).abs() < 1e-6, "{n}");
        for (h, side, power) in [
            (0.3, Side::Two, 0.475_100_870_573),
            (0.01, Side::Two, 0.050_458_329_27),
            (0.01, Side::Greater, 0.056_869_534_873),
            (0.01, Side::Less, 0.043_808_970_5),
        ] {
            let found = normal_power(h, 80.0, 1.0, (0.05, side));
            assert!((found - power).abs() < 1e-9, "{h} {side:?}: {found}");
        }
        let r = Rates { first: 0.5, second: 0.75, first_per_second: 1.0 };
        assert!((r.power(76.706_92, 0.05, Side::Two) - 0.9).abs() < 1e-6);
        assert_eq!(normal_size(0.0, 0.8, (0.05, Side::Two)), None);
        // Stata's power of a two-sided test counts the wrong direction too.
        let stata = Rates { first: 0.001, second: 0.015, first_per_second: 1.0 };
        let right = stata.power(550.0, 0.05, Side::Two);
        let wrong = stata.power(550.0, 0.025, Side::Less);
        assert!((right + wrong - 0.741_560_0).abs() < 1e-7, "{right} {wrong}");
    }

    #[test]
    fn power_grows_with_size_and_difference() {
        let rates = |second| Rates { first: 0.01, second, first_per_second: 19.0 };
        let mut before = 0.0;
        for n in [10.0, 100.0, 1e3, 1e4, 1e9] {
            let power = rates(0.02).power(n, 0.05, Side::Greater);
            assert!(power >= before && power <= rates(0.03).power(n, 0.05, Side::Greater) + 1e-12);
            before = power;
        }
        assert!(rates(0.01).sample_size(0.05, 0.8, Side::Two).is_infinite());
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
        for (ceiling, n) in [(0.01, 299.0), (0.05, 59.0), (1.0, 1.0), (1e-9, 2_995_732_273.0), (0.0, f64::INFINITY)] {
            assert_eq!(without_failure(ceiling), n, "{ceiling}");
        }
        // A stage asks for no more than this.
        let stage = Breach { ceiling: 0.0, power: 0.8, least: 0.0, guarded: false };
        assert_eq!(stage.requests(), MOST);
        // By Wilson's two-sided interval it takes 381.
        let wilson = |n: f64| super::super::proportion::wilson(0.0, n, super::super::normal::Z95).1;
        assert!(wilson(381.0) < 0.01 && wilson(380.0) >= 0.01);
    }

    #[test]
    fn time_to_the_last_request() {
        for (missing, rate, ms) in [(0, 0.0, Some(0)), (10, 0.0, None), (4_200, 47.0, Some(89_362)), (1, 1e9, Some(1))]
        {
            assert_eq!(time_to(missing, rate), ms);
        }
    }
}
