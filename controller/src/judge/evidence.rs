//! [`Mixture`] and [`Starts`]: anytime-valid evidence that a share is above what is tolerated, as one number per ratio. Owns the
//! e-process; knows nothing of variants, cells or guardrails.
//!
//! # The process
//! In each tick, `x` of `n` marks fall on the side that is watched, and the tolerated share of that side is `q`:
//! - errors against control: `n` errors of both variants, `x` of them the candidate's, `q = r0 e / (r0 e + c)` with the tolerated ratio
//!   `r0` and the *observed* requests `e` (candidate) and `c` (control);
//! - a ceiling or a quantile: `n` requests, `x` of them errors (or slow), `q` the ceiling (or 1 - quantile).
//!
//! Against `q` stand the shares with `rho` times its odds, `rho q / (rho q + 1 - q)`, for 24 values of `rho`, log-uniform from 1.05 to
//! 64. The likelihood ratio of a tick is `rho^x / (1 + (rho - 1) q)^n`. Its expectation is at most 1 for every true share up to `q`,
//! because it grows with `x`; so is that of products over ticks, whatever the shares `q` were, since they are known before the errors are.
//! The 24 are weighted by `rho^-3/4`, together 1: a fault of 64 times the limit shows in a few errors whatever it weighs, and what is
//! gained are faults near the limit, which take long.
//!
//! One product that starts once goes deaf in a healthy time, so evidence is a weighted sum over start times, a new one every 10 s of
//! observed time. Six tenths of the weight are the first start's: what is broken is mostly broken from the beginning. The rest is spread
//! by a plan of `P` starts: `w_k = 0.4 (h(k) - h(k + 1))` where `h(k) = 1 / (1 + ln(1 + (k - 1) / P))`. While the plan lasts these are
//! `0.4 / P` to a sixth of it; beyond it they fall as `1 / (k ln^2 k)`, the slowest that still sum, so that an attempt which takes ten
//! times as long as planned is not deaf. All weights sum to 1; starts that have not begun contribute their weight times 1. Evidence of
//! 1 / alpha is reached with probability at most alpha, over all time, when the limit is kept (Ville's inequality).
//!
//! Against `1 / (k (k + 1))`, which knows no plan, the first start gains 0.2 in ln E and, under a plan of a day, the start after an hour
//! 1.7 and the one after a day 6.4: faults after a long health are found sooner.
//!
//! # Why no list of starts is kept
//! Every start is multiplied by the same ratio in a tick, and its weight never changes. So per `rho` the sum over all starts is one
//! number: when a start begins its weight is added, then the sum is multiplied: `M <- (M + w_k) L` (the form of Shiryaev and Roberts).
//! That is the sum itself, not an approximation. What falls below the smallest double counts as 0, which only lowers evidence.
//!
//! Sources: Lindon and Malek, arXiv 2011.03567 (counts); Shiryaev 1963, Roberts 1966 (sums over starts).

use std::num::NonZeroU32;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::stats::{real, real_to_count};

/// How many ratios are mixed.
pub const RATIOS: usize = 24;
/// The same as a real number.
const PARTS: f64 = 24.0;

const LOWEST: f64 = 1.05;
const HIGHEST: f64 = 64.0;

/// The weight of a ratio falls with this power of it.
const TILT: f64 = 0.75;

/// The first start's own part of the weight of all.
const AT_ONCE: f64 = 0.6;

/// What is taken for the plan where there is none, milliseconds.
const UNPLANNED_MS: u64 = 3_600_000;

/// A start begins when so much observed time has passed since the one before, milliseconds.
const START_EVERY_MS: u64 = 10_000;

/// Evidence is never kept above e to this (5e34). Lowering evidence never makes it invalid, and after a fault that control shared the
/// judge must not be deaf to the next for as long as the shared one lasted.
const MOST: f64 = 80.0;

/// A tick with at most so many marks is taken in by products alone: `64^120 e^80` and `64^-120` are within what a double can hold.
const FEW: f64 = 120.0;

struct Grid {
    ln: [f64; RATIOS],
    ratio: [f64; RATIOS],
    excess: [f64; RATIOS],
    /// They sum to 1.
    weight: [f64; RATIOS],
    /// Of each part of the sum.
    most: f64,
}

static GRID: LazyLock<Grid> = LazyLock::new(|| {
    let step = (HIGHEST / LOWEST).ln() / (PARTS - 1.0);
    let mut at = LOWEST.ln() - step;
    let ln = [(); RATIOS].map(|()| {
        at += step;
        at
    });
    let weight = ln.map(|ln| (-TILT * ln).exp());
    let sum: f64 = weight.iter().sum();
    Grid {
        ln,
        ratio: ln.map(f64::exp),
        excess: ln.map(f64::exp_m1),
        weight: weight.map(|weight| weight / sum),
        most: MOST.exp() / PARTS,
    }
});

/// The clock of starts, common to all mixtures that are watched together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starts {
    /// How many have begun.
    begun: u32,
    /// Observed time since the last began, milliseconds.
    since_ms: u64,
    /// Over how many their weight is spread.
    #[serde(default = "no_plan")]
    planned: NonZeroU32,
}

/// Earlier versions planned nothing. From any start on their weights sum to more than those of this plan, so that evidence which goes on
/// with it stays valid.
fn no_plan() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl Default for Starts {
    /// Without a plan.
    fn default() -> Self {
        Self::planned(0)
    }
}

impl Starts {
    /// None has begun; they are to serve for about so much observed time, milliseconds. 0 is no plan: an hour is taken.
    #[must_use]
    pub fn planned(span_ms: u64) -> Self {
        let span_ms = if span_ms == 0 { UNPLANNED_MS } else { span_ms };
        let planned = NonZeroU32::new(u32::try_from(span_ms / START_EVERY_MS).unwrap_or(u32::MAX));
        Self { begun: 0, since_ms: 0, planned: planned.unwrap_or(NonZeroU32::MIN) }
    }

    /// To be called once before each tick that carries information, with the time that the tick covers: the natural logarithm of the
    /// new start's weight if one begins. Whether it does depends on time and exposure only, never on errors.
    pub fn pass(&mut self, span_ms: u64) -> Option<f64> {
        let begins = self.begun == 0 || self.since_ms >= START_EVERY_MS;
        if begins {
            self.begun = self.begun.saturating_add(1);
            self.since_ms = 0;
        }
        self.since_ms = self.since_ms.saturating_add(span_ms);
        begins.then(|| self.weight(self.begun).ln())
    }

    /// The k-th start's weight, k at least 1: `h(k) - h(k + 1)` is `ln(1 + 1 / (P + k - 1)) h(k) h(k + 1)`, without the cancellation.
    fn weight(self, k: u32) -> f64 {
        let slice = (f64::from(self.planned.get()) + f64::from(k) - 1.0).recip().ln_1p();
        let spread = (1.0 - AT_ONCE) * slice * self.tail(f64::from(k)) * self.tail(f64::from(k) + 1.0);
        if k == 1 { AT_ONCE + spread } else { spread }
    }

    /// The weight of all starts that have not begun.
    fn waiting(self) -> f64 {
        if self.begun == 0 { 1.0 } else { (1.0 - AT_ONCE) * self.tail(f64::from(self.begun) + 1.0) }
    }

    /// Of the weight that is spread, that of the k-th start and all that follow it.
    fn tail(self, k: f64) -> f64 {
        (1.0 + ((k - 1.0) / f64::from(self.planned.get())).ln_1p()).recip()
    }
}

/// What a tick says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Marks {
    /// Marks on the side that is watched, at most `all`.
    pub hits: f64,
    /// All marks.
    pub all: f64,
    /// The share of hits that is tolerated, 0 to 1.
    pub tolerated: f64,
    /// What counts are divided by for errors that come in clusters, at least 1. Evidence stays valid whatever it is, if it is known
    /// before the tick: the root of a likelihood ratio has a smaller expectation.
    pub dispersion: f64,
}

impl Marks {
    /// The tick's counts if they are whole, few, and count as they are.
    fn few(&self) -> Option<(u32, u32)> {
        let fits = self.dispersion == 1.0 && self.all <= FEW && self.hits <= self.all;
        fits.then(|| Some((whole(self.hits)?, whole(self.all)?))).flatten()
    }
}

/// A small count as what it is; `None` where it has a fraction.
fn whole(count: f64) -> Option<u32> {
    let whole = real_to_count(count);
    (real(whole) == count).then(|| u32::try_from(whole).ok()).flatten()
}

/// The weighted sum over the starts that have begun, for each ratio; together between 0 and e^80.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Mixture([f64; RATIOS]);

/// How a [`Mixture`] is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    /// As it is.
    Parts { parts: [f64; RATIOS] },
    /// As an earlier version did: each ratio weighs the same, and its weight is not in its sum.
    Sums { sums: [f64; RATIOS] },
    /// The same as natural logarithms, as those before it did; -1e300 stood for that of 0.
    Logarithms([f64; RATIOS]),
}

impl From<Stored> for Mixture {
    fn from(stored: Stored) -> Self {
        Self(match stored {
            Stored::Parts { parts } => parts,
            Stored::Sums { sums } => sums.map(|sum| sum / PARTS),
            Stored::Logarithms(logarithms) => logarithms.map(|ln| ln.exp() / PARTS),
        })
    }
}

impl From<Mixture> for Stored {
    fn from(Mixture(parts): Mixture) -> Self {
        Self::Parts { parts }
    }
}

impl Mixture {
    /// A start of that weight (natural logarithm) begins.
    pub fn begin(&mut self, ln_weight: f64) {
        let weight = ln_weight.exp();
        for (part, of_ratio) in self.0.iter_mut().zip(&GRID.weight) {
            *part += weight * of_ratio;
        }
    }

    /// Multiplies every start by the tick's likelihood ratio. At least one must have begun.
    pub fn step(&mut self, marks: Marks) {
        match marks.few() {
            Some((hits, all)) => self.multiply(hits, all, marks.tolerated),
            None => self.multiply_by_logarithm(marks),
        }
    }

    /// Without a logarithm: a judge takes 21 of these steps for each limit in each tick.
    fn multiply(&mut self, hits: u32, all: u32, tolerated: f64) {
        let for_hits = power(GRID.ratio, hits);
        let for_all = power(GRID.excess.map(|excess| 1.0 + excess * tolerated), all);
        for ((part, up), down) in self.0.iter_mut().zip(for_hits).zip(for_all) {
            *part = (*part * up / down).min(GRID.most);
        }
    }

    fn multiply_by_logarithm(&mut self, marks: Marks) {
        let Marks { hits, all, tolerated, dispersion } = marks;
        for ((part, ln), excess) in self.0.iter_mut().zip(&GRID.ln).zip(&GRID.excess) {
            let ratio = hits * ln - all * (excess * tolerated).ln_1p();
            *part = (part.ln() + ratio / dispersion).min(MOST).exp().min(GRID.most);
        }
    }

    /// Natural logarithm of the evidence: all ratios, and the starts that are yet to come.
    #[must_use]
    pub fn ln_evidence(&self, starts: Starts) -> f64 {
        let begun: f64 = self.0.iter().sum();
        (begun + starts.waiting()).ln()
    }
}

/// Each to the same power, by squaring.
fn power(mut base: [f64; RATIOS], mut exponent: u32) -> [f64; RATIOS] {
    let mut product = [1.0; RATIOS];
    while exponent > 0 {
        if exponent % 2 == 1 {
            product.iter_mut().zip(base).for_each(|(product, base)| *product *= base);
        }
        base.iter_mut().for_each(|base| *base *= *base);
        exponent /= 2;
    }
    product
}

/// Evidence as odds: `340 : 1`, `4.1e6 : 1`, `0.02 : 1`. Takes the natural logarithm.
#[must_use]
pub fn odds(ln_evidence: f64) -> String {
    let tens = ln_evidence / std::f64::consts::LN_10;
    if (-2.0..4.0).contains(&tens) {
        let value = ln_evidence.exp();
        return match value {
            v if v >= 99.95 => format!("{v:.0} : 1"),
            v if v >= 0.995 => format!("{v:.1} : 1"),
            v => format!("{v:.2} : 1"),
        };
    }
    let mut power = tens.floor();
    let mut mantissa = format!("{:.1}", 10f64.powf(tens - power));
    if mantissa == "10.0" {
        mantissa = "1.0".into();
        power += 1.0;
    }
    format!("{mantissa}e{power:.0} : 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(hits: f64, all: f64, tolerated: f64) -> Marks {
        Marks { hits, all, tolerated, dispersion: 1.0 }
    }

    /// The definition, start by start.
    fn by_definition(ticks: &[(f64, f64, f64, f64, u64)], r0: f64) -> f64 {
        let ratios: Vec<f64> = (0..24).map(|j| r0 * 1.05 * (64.0f64 / 1.05).powf(f64::from(j) / 23.0)).collect();
        let mut starts: Vec<Vec<f64>> = Vec::new();
        let mut since = u64::MAX;
        for (x, y, e, c, span) in ticks {
            if since >= 10_000 {
                starts.push(vec![0.0; 24]);
                since = 0;
            }
            since += span;
            for sums in &mut starts {
                for (sum, r) in sums.iter_mut().zip(&ratios) {
                    let theta = |r: f64| r * e / (r * e + c);
                    *sum += x * (theta(*r) / theta(r0)).ln() + y * ((1.0 - theta(*r)) / (1.0 - theta(r0))).ln();
                }
            }
        }
        let of_ratio = |r: f64| (r / r0).powf(-0.75);
        let all_ratios: f64 = ratios.iter().map(|r| of_ratio(*r)).sum();
        // A plan of an hour.
        let weight_from = |k: usize| if k == 1 { 1.0 } else { 0.4 / (1.0 + (1.0 + (k as f64 - 1.0) / 360.0).ln()) };
        let mut evidence = weight_from(starts.len() + 1);
        for (k, sums) in (1..).zip(&starts) {
            let mixed: f64 = sums.iter().zip(&ratios).map(|(s, r)| s.exp() * of_ratio(*r) / all_ratios).sum();
            evidence += mixed * (weight_from(k) - weight_from(k + 1));
        }
        evidence.ln()
    }

    #[test]
    fn one_number_per_ratio_is_the_sum_over_all_starts() {
        let mut rng = fastrand::Rng::with_seed(7);
        let ticks: Vec<_> = (0..400)
            .map(|_| {
                let (e, c) = (f64::from(rng.u32(20..80)), f64::from(rng.u32(500..1500)));
                (f64::from(rng.u32(0..4)), f64::from(rng.u32(0..25)), e, c, rng.u64(200..1800))
            })
            .collect();
        let (mut starts, mut mixture) = (Starts::default(), Mixture::default());
        for (i, (x, y, e, c, span)) in ticks.iter().enumerate() {
            if let Some(weight) = starts.pass(*span) {
                mixture.begin(weight);
            }
            mixture.step(marks(*x, x + y, 2.0 * e / (2.0 * e + c)));
            let expected = by_definition(&ticks[..=i], 2.0);
            let found = mixture.ln_evidence(starts);
            assert!((found - expected).abs() < 1e-9, "tick {i}: {found} instead of {expected}");
        }
    }

    /// Few counts are multiplied, many taken by logarithms; both are the same.
    #[test]
    fn products_and_logarithms_agree() {
        let mut rng = fastrand::Rng::with_seed(3);
        let (mut starts, mut products, mut logarithms) = (Starts::default(), Mixture::default(), Mixture::default());
        for tick in 0..5_000 {
            let all = f64::from(rng.u32(0..=120));
            let hits = (all * rng.f64() * 0.3).floor();
            let marks = marks(hits, all, rng.f64() * 0.4);
            if let Some(weight) = starts.pass(1_000) {
                products.begin(weight);
                logarithms.begin(weight);
            }
            products.step(marks);
            logarithms.multiply_by_logarithm(marks);
            let (found, expected) = (products.ln_evidence(starts), logarithms.ln_evidence(starts));
            assert!((found - expected).abs() < 1e-9, "tick {tick}: {found} instead of {expected}");
        }
    }

    #[test]
    fn what_earlier_versions_wrote_says_what_it_said() {
        let mut logarithms = [-1e300; RATIOS];
        logarithms[3] = 2.0;
        let sums = logarithms.map(f64::exp);
        for written in [serde_json::json!(logarithms), serde_json::json!({ "sums": sums })] {
            let read: Mixture = serde_json::from_value(written).unwrap();
            assert_eq!((read.0[0], read.0[3]), (0.0, 2f64.exp() / 24.0));
        }
        // Its weights that were left, 1 / (1 + ln(k + 1)) after k starts, are more than those that follow now.
        for begun in [1, 2, 50, 8_640] {
            let read: Starts = serde_json::from_value(serde_json::json!({ "begun": begun, "since_ms": 0 })).unwrap();
            assert!(read.waiting() <= 1.0 / (1.0 + (f64::from(begun) + 1.0).ln()), "{begun}");
        }
    }

    #[test]
    fn before_the_first_tick_evidence_is_one() {
        assert_eq!(Mixture::default().ln_evidence(Starts::default()), 0.0);
    }

    #[test]
    fn every_number_stays_finite_and_is_restored_exactly() {
        for (hits, all, tolerated) in
            [(0.0, 1e19, 0.5), (1e19, 1e19, 1e-9), (5.0, 5.0, 0.0), (0.0, 0.0, 0.0), (7.0, 7.0, 1.0), (0.0, 1e19, 1.0)]
        {
            let (mut starts, mut mixture) = (Starts::default(), Mixture::default());
            for _ in 0..50 {
                if let Some(weight) = starts.pass(3_000) {
                    mixture.begin(weight);
                }
                mixture.step(marks(hits, all, tolerated));
                let text = serde_json::to_string(&(starts, &mixture)).unwrap();
                assert_eq!(
                    serde_json::from_str::<(Starts, Mixture)>(&text).unwrap(),
                    (starts, mixture.clone()),
                    "{text}"
                );
                assert!(mixture.ln_evidence(starts).is_finite(), "{hits} of {all} at {tolerated}");
            }
        }
    }

    /// Under the limit itself the expectation is 1: summed exactly over all outcomes of two ticks of binomial counts.
    #[test]
    fn evidence_is_fair_at_the_limit() {
        let (n, q) = (12u32, 0.2f64);
        let chance = |x: u32| {
            let choose = (0..x).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
            choose * q.powi(x.cast_signed()) * (1.0 - q).powi((n - x).cast_signed())
        };
        let mut mean = 0.0;
        for (first, second) in (0..=n).flat_map(|a| (0..=n).map(move |b| (a, b))) {
            let (mut starts, mut mixture) = (Starts::default(), Mixture::default());
            for x in [first, second] {
                if let Some(weight) = starts.pass(10_000) {
                    mixture.begin(weight);
                }
                mixture.step(marks(f64::from(x), f64::from(n), q));
            }
            mean += chance(first) * chance(second) * mixture.ln_evidence(starts).exp();
        }
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn a_start_begins_with_the_first_tick_and_after_each_ten_seconds() {
        let mut starts = Starts::default();
        let begun: Vec<usize> = (0..25).filter(|_| starts.pass(1_000).is_some()).collect();
        assert_eq!(begun, [0, 10, 20]);
    }

    #[test]
    fn the_weights_of_all_starts_are_one() {
        for planned_ms in [0, 10_000, 3_600_000, 86_400_000] {
            let mut starts = Starts::planned(planned_ms);
            let begun: f64 = (0..20_000).filter_map(|_| starts.pass(10_000)).map(f64::exp).sum();
            assert!((begun + starts.waiting() - 1.0).abs() < 1e-12, "{begun} under {planned_ms}");
        }
    }

    /// Within the plan no start has less than a sixth of an even part.
    #[test]
    fn weights_suit_the_plan() {
        let starts = Starts::planned(86_400_000);
        assert!(starts.weight(1) > 0.6);
        for k in 2..=8_640 {
            let even = 0.4 / 8_640.0;
            assert!((even / 6.0..=even).contains(&starts.weight(k)), "{k}: {}", starts.weight(k));
        }
    }

    #[test]
    fn odds_are_short() {
        for (evidence, text) in [
            (1.0, "1.0 : 1"),
            (0.02, "0.02 : 1"),
            (0.0004, "4.0e-4 : 1"),
            (7.3, "7.3 : 1"),
            (100.0, "100 : 1"),
            (9_999.0, "9999 : 1"),
            (4.1e6, "4.1e6 : 1"),
            (9.99e5, "1.0e6 : 1"),
        ] {
            assert_eq!(odds(f64::ln(evidence)), text);
        }
        assert_eq!(odds(80.0), "5.5e34 : 1");
    }
}
