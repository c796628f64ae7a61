//! The normal distribution, and on which side a test looks. Owns quantiles that are used by name.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, Normal};

/// Two-sided 95 %: the 0.975 quantile.
pub const Z95: f64 = 1.959_963_984_540_054;
/// Two-sided 99.9 %.
pub const Z999: f64 = 3.290_526_731_491_926;
/// One-sided 95 %.
pub const Z95_ONE_SIDED: f64 = 1.644_853_626_951_472_2;

/// On which side a deviation counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Either.
    Two,
    /// The first is greater.
    Greater,
    /// The first is less.
    Less,
}

impl Side {
    /// Probability of a deviation at least as great as `z` if there is no difference. `z` must not be NaN.
    #[must_use]
    pub fn p(self, z: f64) -> f64 {
        match self {
            Self::Two => (2.0 * above(z.abs())).min(1.0),
            Self::Greater => above(z),
            Self::Less => above(-z),
        }
    }
}

/// P(Z > z), exact in the tail too: 7.6e-24 at 10, where 1 - P(Z <= z) is 0.
#[must_use]
pub fn above(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// P(Z <= z).
#[must_use]
pub fn below(z: f64) -> f64 {
    Normal::standard().sf(-z)
}

/// ln P(Z <= z), finite also where the probability itself is too small for a number: there by the asymptotic series
/// `phi(z)/|z| (1 - 1/z^2 + 3/z^4 - 15/z^6 + 105/z^8)`.
#[must_use]
pub fn ln_below(z: f64) -> f64 {
    if z > -30.0 {
        return if z > 5.0 { (-above(z)).ln_1p() } else { below(z).ln() };
    }
    let w = (z * z).recip();
    let series = -w * (1.0 - w * (3.0 - w * (15.0 - w * 105.0)));
    -z * z / 2.0 - (-z).ln() - LN_ROOT_TAU + series.ln_1p()
}

/// ln of the root of 2 pi.
pub(crate) const LN_ROOT_TAU: f64 = 0.918_938_533_204_672_7;

/// The quantile: where P(Z <= z) is `p`. Finite: `p` is taken as within 1e-300 and 1 - 1e-16.
#[must_use]
pub fn quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p.clamp(1e-300, 1.0 - 1e-16))
}

/// The quantile that leaves `p` above it, for tails smaller than 1e-16 too.
#[must_use]
pub fn quantile_above(p: f64) -> f64 {
    -quantile(p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_exact_far_out() {
        for (z, expected) in [(10.0, 7.619_853_024_160_527e-24), (0.0, 0.5), (1.959_963_984_540_054, 0.025)] {
            assert!((above(z) / expected - 1.0).abs() < 1e-9, "{z}: {}", above(z));
            assert!((below(-z) / expected - 1.0).abs() < 1e-9);
        }
        // The two ways to ln P meet, and go on without end.
        assert!((ln_below(-29.999_999_999) - ln_below(-30.0)).abs() < 1e-6);
        for (z, expected) in [(-10.0, -53.231_285_151_2), (-40.0, -804.608_442), (-1e5, -5.000_000_012_431_86e9)] {
            assert!((ln_below(z) / expected - 1.0).abs() < 1e-8, "{z}: {}", ln_below(z));
        }
        assert!(ln_below(40.0) <= 0.0 && ln_below(-1e150).is_finite());
    }

    #[test]
    fn quantiles_are_the_named_ones() {
        for (p, z) in [(0.975, Z95), (0.9995, Z999), (0.95, Z95_ONE_SIDED)] {
            assert!((quantile(p) - z).abs() < 1e-9, "{p}: {}", quantile(p));
            assert!((quantile_above(1.0 - p) - z).abs() < 1e-9);
        }
        assert!(quantile(0.0).is_finite() && quantile(1.0).is_finite());
    }

    #[test]
    fn sides_mirror_each_other() {
        for z in [-3.0, 0.0, 0.7, 12.0] {
            assert_eq!(Side::Greater.p(z), Side::Less.p(-z));
            assert_eq!(Side::Two.p(z), Side::Two.p(-z));
            assert!(Side::Two.p(z) <= 1.0);
        }
    }
}
