//! Confidence that may be looked at at any time: normal-mixture boundaries, asymptotic confidence sequences, mSPRT. Owns these; the
//! evidence of rare errors is `count`'s, for all of these lean on the normal distribution.
//!
//! Sources: Howard, Ramdas, McAuliffe and Sekhon, arXiv 1810.08240 (mixtures); Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
//! arXiv 2103.06476 (asymptotic sequences); Johari, Pekelis and Walsh, arXiv 1512.04922 (mSPRT).

use super::normal::ln_below;

/// A normal mixture for a sum of deviations with known variance: evidence, and the boundary that it stays below with 1 - alpha forever.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalMixture {
    /// Variance of the mixture, above 0.
    pub rho: f64,
    /// Only sums above 0 count.
    pub one_sided: bool,
}

impl NormalMixture {
    /// The mixture whose boundary of level `alpha` is tightest where the variance is `best`.
    #[must_use]
    pub fn tightest_at(best: f64, alpha: f64, one_sided: bool) -> Self {
        let alpha = if one_sided { 2.0 * alpha } else { alpha };
        let twice = -2.0 * alpha.clamp(1e-300, 0.999).ln();
        Self { rho: best / (twice + twice.ln_1p()), one_sided }
    }

    /// ln of the evidence that the sum drifts, when it is `sum` after a variance of `variance`.
    #[must_use]
    pub fn ln_evidence(&self, sum: f64, variance: f64) -> f64 {
        let all = variance.max(0.0) + self.rho;
        let two_sided = (self.rho / all).ln() / 2.0 + sum / all * sum / 2.0;
        if self.one_sided { two_sided + std::f64::consts::LN_2 + ln_below(sum / all.sqrt()) } else { two_sided }
    }

    /// The boundary: a sum without drift never crosses it with probability at least 1 - `alpha`.
    #[must_use]
    pub fn bound(&self, variance: f64, alpha: f64) -> f64 {
        let all = variance.max(0.0) + self.rho;
        let enough = -alpha.clamp(1e-300, 1.0).ln();
        let two_sided = (all * ((all / self.rho).ln() + 2.0 * enough)).max(0.0).sqrt();
        if !self.one_sided {
            return two_sided;
        }
        // Evidence grows with the sum; the one-sided boundary lies below the two-sided one.
        let (mut low, mut high) = (-two_sided - all.sqrt(), two_sided);
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if self.ln_evidence(middle, variance) >= enough { high = middle } else { low = middle }
        }
        high
    }
}

/// An asymptotic confidence sequence: an interval for a mean (or anything asymptotically normal) that may be looked at after each value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asymptotic {
    /// Root of the mixture's variance, above 0.
    pub rho: f64,
}

impl Asymptotic {
    /// The sequence of level `alpha` that is tightest after `best` values. One-sided ones take twice their alpha here.
    #[must_use]
    pub fn tightest_at(best: f64, alpha: f64) -> Self {
        let twice = -2.0 * alpha.clamp(1e-300, 0.999).ln();
        Self { rho: ((twice + twice.ln_1p()) / best.max(1.0)).sqrt() }
    }

    /// Half the width of the two-sided sequence after `n` values, with that standard error of the estimate.
    #[must_use]
    pub fn half_width(&self, error: f64, n: f64, alpha: f64) -> f64 {
        self.width(error, n, |root| root.ln() - alpha.clamp(1e-300, 1.0).ln())
    }

    /// Distance of the one-sided bound from the estimate.
    #[must_use]
    pub fn one_sided_width(&self, error: f64, n: f64, alpha: f64) -> f64 {
        let twice = 2.0 * alpha.clamp(1e-300, 1.0);
        // Beyond the largest number the 1 that is added is nothing.
        let ln = |root: f64| if root / twice < 1e300 { (root / twice).ln_1p() } else { root.ln() - twice.ln() };
        self.width(error, n, ln)
    }

    fn width(&self, error: f64, n: f64, ln: impl Fn(f64) -> f64) -> f64 {
        let n = n.max(1.0);
        let all = n * self.rho * self.rho + 1.0;
        error * (2.0 * all / (n * self.rho * self.rho) * ln(all.sqrt())).max(0.0).sqrt()
    }
}

/// ln of the mixture likelihood ratio of two shares against none: `difference` of shares with `variance` of that difference (so
/// `p1 q1 / n1 + p2 q2 / n2`), mixed over true differences of variance `tau2`. A normal approximation: poor at rare errors in a small variant.
#[must_use]
pub fn ln_msprt(difference: f64, variance: f64, tau2: f64) -> f64 {
    if variance <= 0.0 {
        return 0.0;
    }
    let all = variance + tau2.max(0.0);
    (variance / all).ln() / 2.0 + difference * difference * tau2 / (2.0 * variance * all)
}

/// p that may be looked at at any time, from the largest ln evidence seen so far: 1 over the evidence, at most 1.
#[must_use]
pub fn always_valid_p(ln_evidence: f64) -> f64 {
    (-ln_evidence).min(0.0).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_mixture_as_the_literature_has_it() {
        let two = NormalMixture::tightest_at(100.0, 0.05, false);
        let one = NormalMixture::tightest_at(100.0, 0.05, true);
        for (found, expected, within) in [
            (two.rho, 12.600_56, 1e-5),
            (two.bound(100.0, 0.05), 30.352_09, 1e-5),
            (two.ln_evidence(10.0, 100.0), -0.651_005_2, 1e-7),
            (one.rho, 15.800_63, 1e-5),
            (one.ln_evidence(10.0, 100.0), -0.065_023_91, 1e-8),
            (one.bound(100.0, 0.05), 27.660_71, 1e-5),
        ] {
            assert!((found - expected).abs() < within, "{found} instead of {expected}");
        }
        assert_eq!(two.ln_evidence(7.0, 50.0), two.ln_evidence(-7.0, 50.0));
        assert!(
            (two.ln_evidence(two.bound(300.0, 0.01), 300.0) - 100f64.ln()).abs() < 1e-9,
            "bound and evidence agree"
        );
        assert!((one.ln_evidence(one.bound(300.0, 0.01), 300.0) - 100f64.ln()).abs() < 1e-9);
        assert!(one.ln_evidence(-1e9, 1e9).is_finite() && one.ln_evidence(1e9, 0.0).is_finite());
    }

    #[test]
    fn asymptotic_sequences_as_the_literature_has_them() {
        let two = Asymptotic::tightest_at(5_000.0, 0.05);
        assert!((two.rho - 0.039_840_066_77).abs() < 1e-10, "{}", two.rho);
        let one = Asymptotic::tightest_at(5_000.0, 0.10);
        assert!((one.rho - 0.035_577_688_53).abs() < 1e-10, "{}", one.rho);
        // Relative lift of 1,396 of 3,000 to 2,422 of 3,461.
        let half = two.half_width(0.033_860_214_8, 6_461.0, 0.05);
        assert!((0.503_863_351_7 - half - 0.400_98).abs() < 1e-5 && (0.503_863_351_7 + half - 0.606_75).abs() < 1e-5);
        // Difference of means, lower bound.
        let width = one.one_sided_width(0.129_830_812_5, 6_461.0, 0.05);
        assert!((0.234_376_666_7 - width + 0.126_568_441_7).abs() < 1e-9, "{}", 0.234_376_666_7 - width);
    }

    #[test]
    fn msprt_as_the_literature_has_it() {
        for (n, first, second, tau2, ln, p) in [
            (1_000.0, 0.10, 0.13, 1e-4, 0.530_816_625_4, 0.588_124_496_1),
            (5_000.0, 0.10, 0.12, 1e-4, 3.040_515_104_6, 0.047_810_255_9),
            (20_000.0, 0.010, 0.012, 1e-6, 0.554_650_317_7, 0.574_273_039_2),
            (10_000.0, 0.05, 0.05, 1e-4, -1.222_316_375_3, 1.0),
        ] {
            let variance = (first * (1.0 - first) + second * (1.0 - second)) / n;
            let found = ln_msprt(second - first, variance, tau2);
            assert!((found - ln).abs() < 1e-9, "{n}: {found}");
            assert!((always_valid_p(found) - p).abs() < 1e-9);
            assert_eq!(ln_msprt(first - second, variance, tau2), found, "symmetric");
        }
        assert_eq!(ln_msprt(0.5, 0.0, 1e-4), 0.0);
    }
}
