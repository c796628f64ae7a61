//! [`Counts`]: always-valid evidence from two counts. Owns the e-process of one start; what decides in a rollout is built of many
//! starts and ratios (see `judge::evidence`), for one start alone goes deaf in a long healthy time.
//!
//! Sources: Lindon and Malek, arXiv 2011.03567; Howard, Ramdas, McAuliffe and Sekhon, arXiv 1810.08240 (the beta-binomial mixture of
//! [`share_sequence`]).

use super::beta::{ln_dirichlet, ln_share};
use super::sequence::NormalMixture;

/// Errors of two variants, of which a known share should be the candidate's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    /// The candidate's errors.
    pub candidate: f64,
    /// Control's errors.
    pub control: f64,
    /// The candidate's tolerated share of all errors, above 0 and below 1; it must have been constant while they were counted.
    pub share: f64,
    /// Prior of the share: a beta distribution; (1, 1) is flat.
    pub prior: (f64, f64),
}

/// The tolerated share of errors where `exposure` is the candidate's share of requests and `ratio` the tolerated ratio of error rates.
#[must_use]
pub fn share_of(exposure: f64, ratio: f64) -> f64 {
    ratio * exposure / (ratio * exposure + 1.0 - exposure)
}

impl Counts {
    /// ln of the evidence that the share is another one, in either direction.
    #[must_use]
    pub fn ln_two_sided(&self) -> f64 {
        let (a, b) = self.prior;
        let against = |first, second| ln_dirichlet(&[(first, self.share), (second, 1.0 - self.share)]);
        against(a + self.candidate, b + self.control) - against(a, b)
    }

    /// ln of the evidence that the share is greater: the prior is cut off at the tolerated share. The logarithm of the posterior's part
    /// above it is taken as such, never of a number that has become 0: that would call a better candidate worse.
    #[must_use]
    pub fn ln_one_sided(&self) -> f64 {
        let (a, b) = self.prior;
        let above = |first: f64, second: f64| ln_share(second, first, 1.0 - self.share);
        self.ln_two_sided() + above(a + self.candidate, b + self.control) - above(a, b)
    }
}

/// Where a share lies, with confidence 1 - `alpha` at every time at once: lower and upper end for `hits` of `all`, tightest after
/// `best` values. Each share is given up when the evidence of a beta mixture around it reaches 1 / alpha.
#[must_use]
pub fn share_sequence(hits: f64, all: f64, alpha: f64, best: f64) -> (f64, f64) {
    if all <= 0.0 {
        return (0.0, 1.0);
    }
    let weight = mixture_weight(best, alpha);
    let kept = |share: f64| {
        let prior = (weight * share, weight * (1.0 - share));
        Counts { candidate: hits, control: all - hits, share, prior }.ln_two_sided() < -alpha.ln()
    };
    let seen = (hits / all).clamp(0.0, 1.0);
    // Evidence grows with the distance from what was seen.
    let end = |mut out: f64| {
        let mut within = seen;
        for _ in 0..100 {
            let middle = f64::midpoint(within, out);
            if middle <= 0.0 || middle >= 1.0 || kept(middle) { within = middle } else { out = middle }
        }
        within
    };
    (if hits <= 0.0 { 0.0 } else { end(0.0) }, if hits >= all { 1.0 } else { end(1.0) })
}

/// How many values the prior is worth.
fn mixture_weight(best: f64, alpha: f64) -> f64 {
    (NormalMixture::tightest_at(best, alpha, false).rho - 1.0).max(1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sum of 10 of a variance of 100 where steps are -0.2 or 0.8: 135 up, 490 down, prior worth (rho - g h) / (g h).
    #[test]
    fn beta_binomial_mixture_as_the_literature_has_it() {
        for (one_sided, ln) in [(false, -0.694_101_2), (true, -0.071_340_19)] {
            let worth = (NormalMixture::tightest_at(100.0, 0.05, one_sided).rho - 0.16) / 0.16;
            let counts = Counts { candidate: 135.0, control: 490.0, share: 0.2, prior: (0.2 * worth, 0.8 * worth) };
            let found = if one_sided { counts.ln_one_sided() } else { counts.ln_two_sided() };
            assert!((found - ln).abs() < 1e-7, "{found}");
            // At the published bound evidence is 20 : 1.
            let at = |sum: f64| {
                let (up, down) = (sum + 125.0, 500.0 - sum);
                let counts = Counts { candidate: up, control: down, ..counts };
                if one_sided { counts.ln_one_sided() } else { counts.ln_two_sided() }
            };
            let bound = if one_sided { 28.412_38 } else { 31.430_8 };
            assert!((at(bound) - 20f64.ln()).abs() < 1e-4, "{}", at(bound));
        }
    }

    #[test]
    fn share_sequences_as_the_literature_has_them() {
        for (hits, all, best, low, high) in [
            (700.0, 1_000.0, 100.0, 0.651_629, 0.745_949),
            (15.0, 50.0, 50.0, 0.129_556, 0.511_896),
            (5.0, 50.0, 50.0, 0.013_021, 0.269_264),
            (1.0, 50.0, 50.0, 0.0, 0.134_89),
            (100.0, 200.0, 1.0, 0.328_923, 0.671_076),
            (0.0, 0.0, 50.0, 0.0, 1.0),
        ] {
            let (l, h) = share_sequence(hits, all, 0.05, best);
            assert!((l - low).abs() < 1e-5 && (h - high).abs() < 1e-5, "{hits}/{all}: {l} {h}");
        }
        let (low, high) = share_sequence(1e7, 1e9, 0.05, 1e9);
        assert!(low < 0.01 && high > 0.01 && high - low < 1e-4);
    }

    fn counts(candidate: f64, control: f64, share: f64) -> Counts {
        Counts { candidate, control, share, prior: (1.0, 1.0) }
    }

    #[test]
    fn evidence_as_the_literature_has_it() {
        for (x, y, share, two, one) in [
            (10.0, 90.0, 0.05, -0.523_724_648_7, -0.484_815_931_9),
            (30.0, 970.0, 0.01, 8.860_096_271_0, 8.870_146_541_2),
            (8.0, 10.0, 0.05, 10.847_922_420_9, 10.899_215_601_3),
            (50.0, 50.0, 0.5, -2.084_244_112_9, -2.084_244_112_9),
            (70.0, 30.0, 0.5, 6.057_501_898_2, 6.750_621_413_0),
            (0.0, 100.0, 0.05, 0.514_208_921_9, -4.615_120_516_8),
            (3.0, 2.0, 0.01, 9.741_266_667_4, 9.751_316_855_7),
            (5.0, 0.0, 0.05, 13.186_901_898_5, 13.238_195_177_3),
            (20.0, 980.0, 0.01, -0.584_263_866_2, -0.575_729_078_5),
        ] {
            let counts = counts(x, y, share);
            assert!((counts.ln_two_sided() - two).abs() < 1e-9, "{counts:?}: {}", counts.ln_two_sided());
            assert!((counts.ln_one_sided() - one).abs() < 1e-9, "{counts:?}: {}", counts.ln_one_sided());
        }
    }

    /// Computed with 60 digits.
    #[test]
    fn large_counts_and_tiny_tails_are_exact() {
        for (x, y, share, two, one) in [
            (0.0, 14_400.0, 0.05, 729.048_386_253_13, -9.575_052_927_597_38),
            (0.0, 1e9, 0.05, 51_293_273.664_284_7, -20.723_265_837_946_4),
            (1e9, 1e9, 0.5, -10.482_415_156_483_5, -10.482_415_156_483_5),
            (500_050_000.0, 499_950_000.0, 0.5, -5.135_841_563_245_14, -4.443_477_390_282_53),
            (499_950_000.0, 500_050_000.0, 0.5, -5.135_841_563_245_14, -11.595_454_020_110_3),
            (50_000_000.0, 950_000_000.0, 0.05, -10.966_207_168_568_3, -11.607_991_595_597_6),
            (50_020_000.0, 949_980_000.0, 0.05, -6.756_023_168_495_6, -6.706_586_671_450_88),
            (49_900_000.0, 950_100_000.0, 0.05, 94.362_551_104_603_8, -14.513_343_735_526),
            (1e9, 0.0, 0.999, 1_000_479.610_317_7, 1_000_486.518_072_98),
            (3.0, 1e9, 1e-9, -17.931_506_377_218_4, -17.950_677_123_394_1),
            (100_000.0, 900_000.0, 0.5, 368_057.014_378_79, -13.592_368_569_147_1),
            (7.0, 100.0, 0.9, 202.329_621_546_723, -4.607_474_927_380_15),
        ] {
            let counts = counts(x, y, share);
            let close = |found: f64, exact: f64| (found / exact - 1.0).abs() < 1e-7;
            assert!(close(counts.ln_two_sided(), two), "{counts:?}: {}", counts.ln_two_sided());
            assert!(close(counts.ln_one_sided(), one), "{counts:?}: {}", counts.ln_one_sided());
        }
    }

    #[test]
    fn tolerated_shares_follow_exposure_and_ratio() {
        for (ratio, exposure, share) in
            [(1.5, 0.05, 0.073_170_731_7), (2.0, 0.01, 0.019_801_980_2), (1.2, 0.5, 0.545_454_545_5)]
        {
            assert!((share_of(exposure, ratio) - share).abs() < 1e-9);
        }
    }

    /// A flat prior with no error of control trips at 100 : 1 after so few: why a guardrail needs least numbers too.
    #[test]
    fn a_flat_prior_is_quick_to_believe() {
        for (share, errors) in [(0.005, 1.0), (0.05, 2.0), (0.25, 5.0), (0.5, 9.0)] {
            let enough = |x: f64| counts(x, 0.0, share).ln_one_sided() >= 100f64.ln();
            assert!(enough(errors) && !enough(errors - 1.0), "{share}");
        }
    }

    proptest::proptest! {
        #[test]
        fn evidence_grows_with_the_candidates_errors_and_mirrors(x in 0u32..5_000, y in 0u32..5_000, share in 0.001f64..0.999) {
            let (x, y) = (f64::from(x), f64::from(y));
            let here = counts(x, y, share);
            proptest::prop_assert!(here.ln_one_sided().is_finite());
            proptest::prop_assert!(counts(x + 1.0, y, share).ln_one_sided() > here.ln_one_sided() - 1e-9);
            proptest::prop_assert!(counts(x, y + 1.0, share).ln_one_sided() < here.ln_one_sided() + 1e-9);
            let mirrored = counts(y, x, 1.0 - share).ln_two_sided();
            proptest::prop_assert!((here.ln_two_sided() - mirrored).abs() < 1e-9 * mirrored.abs().max(1.0));
        }
    }
}
