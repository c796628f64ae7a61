//! Boundaries for sums that are no normal ones, and sequences for quantiles and whole distributions: each holds at every time at once.
//! Owns these formulas; the normal mixture is `sequence`'s, the binomial one `count`'s.
//!
//! Sources: Howard, Ramdas, McAuliffe and Sekhon, arXiv 1810.08240 (gamma mixtures, polynomial stitching); Howard and Ramdas,
//! arXiv 1906.09712 (the empirical process, double stitching).

use super::gamma::{ln_lower, ln_upper};
use super::sequence::NormalMixture;

/// What the increments of a sum are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Sub-exponential: bounded on one side, heavy on the other.
    Exponential,
    /// Sub-Poisson: bounded above.
    Poisson,
}

/// A gamma mixture for a sum of deviations with known variance; one-sided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaMixture {
    family: Family,
    rho: f64,
    scale: f64,
}

impl GammaMixture {
    /// The mixture tightest (at `alpha`) where the variance is `best`; `scale`, above 0, is that of the increments' tail.
    #[must_use]
    pub fn tightest_at(family: Family, best: f64, alpha: f64, scale: f64) -> Self {
        Self { family, rho: NormalMixture::tightest_at(best, alpha, true).rho, scale: scale.max(1e-6) }
    }

    /// ln of the evidence that the sum drifts upwards, when it is `sum` after a variance of `variance`. It grows with
    /// the sum, without end in either direction, and is at most 0 for sums below 0.
    #[must_use]
    pub fn ln_evidence(&self, sum: f64, variance: f64) -> f64 {
        self.ln_integral(sum, variance.max(0.0)) - self.ln_integral(0.0, 0.0)
    }

    /// ln of the mixture's integral, which the same of nothing seen normalises.
    fn ln_integral(&self, sum: f64, variance: f64) -> f64 {
        let weight = ((variance + self.rho) / (self.scale * self.scale)).max(1e-300);
        let moved = sum / self.scale;
        match self.family {
            Family::Exponential => ln_lower(weight, moved + weight),
            Family::Poisson => ln_upper(moved + weight, weight),
        }
    }

    /// A sum without drift never crosses it with probability at least 1 - `alpha`.
    #[must_use]
    pub fn bound(&self, variance: f64, alpha: f64) -> f64 {
        let enough = -alpha.clamp(1e-300, 1.0).ln();
        let mut high = (variance + self.rho).sqrt();
        while self.ln_evidence(high, variance) < enough && high < 1e300 {
            high *= 2.0;
        }
        let mut low = 0.0;
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                break;
            }
            if self.ln_evidence(middle, variance) >= enough { high = middle } else { low = middle }
        }
        high
    }
}

/// Powers of the stitched epochs: how their probabilities fall, and how fast the epochs grow.
const POWER: f64 = 1.4;
const GROWTH: f64 = 2.0;

/// The polynomial stitched bound of a sum with known variance, from a variance of `least` on; `scale` as in [`GammaMixture`], may be negative.
#[must_use]
pub fn stitched(variance: f64, alpha: f64, least: f64, scale: f64) -> f64 {
    let used = variance.max(least);
    let ell = POWER * (GROWTH * used / least).ln().ln() + (zeta(POWER) / (alpha * GROWTH.ln().powf(POWER))).ln();
    widened(used * ell, scale * ell)
}

/// `sqrt(k1^2 a + (k2 b)^2) + k2 b`.
fn widened(a: f64, b: f64) -> f64 {
    let k1 = (GROWTH.powf(0.25) + GROWTH.powf(-0.25)) / std::f64::consts::SQRT_2;
    let linear = f64::midpoint(GROWTH.sqrt(), 1.0) * b;
    (k1 * k1 * a + linear * linear).sqrt() + linear
}

/// Riemann's zeta for arguments above 1, by Euler and Maclaurin.
fn zeta(s: f64) -> f64 {
    let n = 50.0f64;
    let mut k = 1.0f64;
    let mut sum = 0.0;
    while k < n {
        sum += k.powf(-s);
        k += 1.0;
    }
    sum + n.powf(1.0 - s) / (s - 1.0) + n.powf(-s) / 2.0 + s * n.powf(-s - 1.0) / 12.0
        - s * (s + 1.0) * (s + 2.0) * n.powf(-s - 3.0) / 720.0
}

/// Half the width of the band around a whole distribution function after `n` values, holding from `least` values on. Iterated logarithm with
/// the constant 0.85.
#[must_use]
pub fn distribution_band(n: f64, alpha: f64, least: f64) -> f64 {
    const A: f64 = 0.85;
    let n = n.max(least);
    // The least constant whose probability of error is alpha.
    let (mut low, mut high) = (1.0, 2_000.0);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if band_error(A, middle) <= alpha { high = middle } else { low = middle }
    }
    A * (((n / least).ln().ln_1p() + high) / n).sqrt()
}

/// Probability that the band with constant `c` ever fails: the least over the growth of its epochs.
fn band_error(a: f64, c: f64) -> f64 {
    const STEPS: u32 = 2_000;
    let of = |i: u32| {
        let growth = 1.0 + (2.0 * a * a - 1.0) * f64::from(i) / f64::from(STEPS);
        let gamma = (2.0 / growth).sqrt() * (a - (2.0 * (growth - 1.0) / c).sqrt());
        let error = || 4.0 * (-gamma * gamma * c).exp() * (1.0 + 1.0 / ((gamma * gamma - 1.0) * growth.ln()));
        if gamma > 1.0 { error() } else { f64::MAX }
    };
    (1..STEPS).map(of).fold(f64::MAX, f64::min)
}

/// How many ranks beside its own the quantile `p` (between 0 and 1) lies at most after `n` values, for every quantile and time at once,
/// tightest at `best` values. The other side is that of `1 - p`.
#[must_use]
pub fn quantile_ranks(p: f64, n: f64, alpha: f64, best: f64) -> f64 {
    const DELTA: f64 = 0.5;
    let used = n.max(best);
    let logit = (p / (1.0 - p)).ln();
    let moved = logit + 2.0 * DELTA * (best * GROWTH / used).sqrt();
    let at = if p >= 0.5 { p } else { (1.0 / (1.0 + (-moved).exp())).min(0.5) };
    let variance = at * (1.0 - at);
    let far = (used / best).sqrt() * logit.abs() / (2.0 * DELTA) + 1.0;
    let zeta = zeta(POWER);
    let ell = POWER * (GROWTH * used / best).ln().ln()
        + POWER * far.ln()
        + (2.0 * zeta * (2.0 * zeta + 1.0) / (alpha * GROWTH.ln().powf(POWER))).ln();
    DELTA * (GROWTH * used * variance / best).sqrt() + widened(variance * used * ell, (1.0 - 2.0 * p) / 3.0 * ell)
}

/// What the literature has and Weir does not: p values of two samples' quantiles at any time (0.814704, 0.0838055,
/// 0.0054947, 0.0340463). Durations of two variants are compared by the slow requests beyond an edge, whose evidence
/// also holds where load changes.
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_as_the_literature_has_them() {
        let gamma = |family| GammaMixture::tightest_at(family, 100.0, 0.05, 2.0);
        for (found, expected) in [
            (gamma(Family::Exponential).ln_evidence(10.0, 100.0), -0.249_016_5),
            (gamma(Family::Exponential).bound(100.0, 0.05), 33.020_17),
            (gamma(Family::Poisson).ln_evidence(10.0, 100.0), -0.069_912_19),
            (gamma(Family::Poisson).bound(100.0, 0.05), 30.194_9),
            (stitched(100.0, 0.05, 10.0, 3.0), 64.487_55),
            (stitched(100.0, 0.05, 10.0, -1.0), 28.993_89),
            (distribution_band(1_000.0, 0.05, 100.0), 0.082_047_69),
            (quantile_ranks(0.5, 1_000.0, 0.05, 100.0), 68.628_03),
            (quantile_ranks(0.9, 1_000.0, 0.05, 100.0), 43.721_19),
            (quantile_ranks(0.1, 1_000.0, 0.05, 100.0), 59.965_21),
        ] {
            assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
        }
    }

    /// Against the mixture's definition, an integral over all drifts, computed with 40 digits.
    #[test]
    fn gamma_mixtures_are_exact_for_sums_far_to_either_side() {
        for (family, sum, variance, scale, exact) in [
            (Family::Exponential, -6_000.0, 10_000.0, 1.0, -7.615_450_041_801_528),
            (Family::Exponential, -1e6, 10_000.0, 1.0, -12.731_333_361_213_66),
            (Family::Exponential, 1e6, 10_000.0, 1.0, 953_788.926_584_163_8),
            (Family::Exponential, 500.0, 10_000.0, 1.0, 9.477_045_213_558_918),
            (Family::Exponential, -300.0, 100.0, 2.0, -4.690_843_436_993_011),
            (Family::Exponential, -10.0, 0.0, 2.0, -1.257_402_302_093_35),
            (Family::Poisson, -6_000.0, 10_000.0, 1.0, -7.481_558_784_453_09),
            (Family::Poisson, -1e6, 10_000.0, 1.0, -12.597_276_534_523_56),
            (Family::Poisson, 1e6, 10_000.0, 1.0, 3_659_761.039_421_812),
            (Family::Poisson, 500.0, 10_000.0, 1.0, 9.784_500_290_460_242),
            (Family::Poisson, -300.0, 100.0, 2.0, -4.428_141_267_052_834),
            (Family::Poisson, -10.0, 0.0, 2.0, -1.160_098_883_715_247),
        ] {
            let found = GammaMixture::tightest_at(family, 100.0, 0.05, scale).ln_evidence(sum, variance);
            assert!((found / exact - 1.0).abs() < 1e-12, "{family:?} {sum} {variance}: {found} instead of {exact}");
        }
    }

    proptest::proptest! {
        #[test]
        fn gamma_evidence_never_falls_with_the_sum_and_a_sum_below_0_is_none(
            sum in -1e6f64..1e6,
            more in 0.0f64..1e4,
            (variance, best) in (0.0f64..1e5, 0.1f64..1e4),
            scale in 1e-2f64..1e2,
        ) {
            for family in [Family::Exponential, Family::Poisson] {
                let mixture = GammaMixture::tightest_at(family, best, 0.05, scale);
                let (here, there) = (mixture.ln_evidence(sum, variance), mixture.ln_evidence(sum + more, variance));
                // Room for rounding only.
                let room = 1e-11 * here.abs().max(1.0);
                proptest::prop_assert!(here.is_finite() && there >= here - room, "{here} {there}");
                proptest::prop_assert!(sum >= 0.0 || here <= room, "{here}");
            }
        }
    }

    #[test]
    fn evidence_grows_with_the_sum_and_stays_finite() {
        for family in [Family::Exponential, Family::Poisson] {
            let mixture = GammaMixture::tightest_at(family, 100.0, 0.05, 2.0);
            let evidence = |sum: f64| mixture.ln_evidence(sum, 100.0);
            assert!((1..30).all(|i| evidence(f64::from(i)) > evidence(f64::from(i - 1))));
            for (sum, variance) in [(-1e6, 100.0), (0.0, 0.0), (1e4, 1.0)] {
                assert!(mixture.ln_evidence(sum, variance).is_finite(), "{family:?} {sum} {variance}");
            }
        }
    }
}
