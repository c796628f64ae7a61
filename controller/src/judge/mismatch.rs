//! [`Split`]: do the variants' requests stand in the ratio of the weight? A candidate that loses its users' requests, or makes them
//! retry, shows here first. Owns the test and when it is looked at; a mismatch holds and asks, and never rolls back.
//!
//! # The test
//! Requests of one user go together, so requests are no independent marks and Pearson's chi-square would see a mismatch whenever a busy
//! user falls on one side. Users are independent, and cells are made of users: so `d = (1 - w) e - w c` of each cell (`e` requests of the
//! candidate, `c` of control, `w` the weight), of mean 0 if the split is kept, is held against its variance between the cells by Student's
//! t. At small weights few busy users make `d` skew: its variance is small just when its sum is, so the greater of two variances is taken,
//! that of `d` itself and `w (1 - w)` times that of `e + c` (what a split of the same users at random has).
//!
//! # When it is looked at
//! At the end of the stage's time and each time that the observed time has doubled, the k-th time with `alpha / (stages k (k + 1))`. These
//! sum to alpha over the attempt, whatever depends on what. Between looks the last one stands.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::policy::Policy;
use super::situation::Stage;
use super::tally::Cells;
use super::words::{count, percent};
use crate::observation::CELL_COUNT;
use crate::stats::real;

/// A smaller deviation, as a part of the smaller variant's share, is none that anybody needs to look for: requests in flight when a
/// stage begins are as many.
const LEAST: f64 = 0.01;

/// Requests of a stage by cell, and what the last look at their ratio found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Split {
    candidate: Cells,
    control: Cells,
    looks: u32,
    last: Option<Look>,
}

/// What a look found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Look {
    /// The candidate's part of the requests.
    pub share: f64,
    /// What it should be: the stage's weight.
    pub expected: f64,
    /// Requests of both.
    pub requests: u64,
    /// Probability of such a deviation if the split is kept.
    pub p: f64,
    /// Below which it is called a mismatch.
    pub level: f64,
}

impl Look {
    /// The split is not kept.
    #[must_use]
    pub fn is_mismatch(&self) -> bool {
        let least = LEAST * self.expected.min(1.0 - self.expected);
        self.p < self.level && (self.share - self.expected).abs() >= least
    }

    /// In words, with numbers.
    #[must_use]
    pub fn sentence(&self) -> String {
        let state = if self.is_mismatch() { "sample-ratio mismatch: the" } else { "the" };
        format!(
            "{state} candidate has {} of {} requests where {} are expected (p {:.1e}, limit {:.1e})",
            percent(self.share),
            count(self.requests),
            percent(self.expected),
            self.p,
            self.level
        )
    }
}

impl Split {
    /// Counting begins when the new weight has reached the proxies: after the settling time, and after a quarter of a short stage.
    #[must_use]
    pub fn counts_from_ms(policy: &Policy, stage: &Stage) -> u64 {
        policy.settle_ms.min(stage.lasts_ms / 4)
    }

    /// Adds a tick.
    pub fn add(&mut self, candidate: &Cells, control: &Cells) {
        self.candidate.add(candidate);
        self.control.add(control);
    }

    /// Looks, if it is time to.
    pub fn look(&mut self, policy: &Policy, stage: &Stage, observed_ms: u64) {
        let due = stage.lasts_ms.max(1).saturating_mul(1u64.checked_shl(self.looks).unwrap_or(u64::MAX));
        if stage.is_whole() || observed_ms < due {
            return;
        }
        let Some(found) = self.found(f64::from(stage.weight_ppm) / f64::from(weir_core::share::WHOLE)) else { return };
        self.looks = self.looks.saturating_add(1);
        let stages = u32::try_from(policy.stages.max(1)).unwrap_or(u32::MAX);
        let level = policy.alpha / f64::from(stages) / (f64::from(self.looks) * (f64::from(self.looks) + 1.0));
        self.last = Some(Look { level, ..found });
    }

    /// What the last look found; `None` before the first.
    #[must_use]
    pub fn last(&self) -> Option<&Look> {
        self.last.as_ref()
    }

    /// The test; `None` where fewer than two cells have requests.
    fn found(&self, expected: f64) -> Option<Look> {
        let (candidate, control) = (self.candidate.sum().requests, self.control.sum().requests);
        let requests = candidate.saturating_add(control);
        if requests == 0 {
            return None;
        }
        let cells = self.candidate.0.iter().zip(&self.control.0);
        let cells: Vec<_> = cells.map(|(e, c)| (real(e.requests), real(c.requests))).collect();
        let p = split_p(&cells, expected)?;
        Some(Look { share: real(candidate) / real(requests), expected, requests, p, level: 0.0 })
    }
}

/// Two-sided p of (candidate, control) requests by cell against the candidate's share; `None` where fewer than two cells have any.
#[must_use]
pub fn split_p(cells: &[(f64, f64)], share: f64) -> Option<f64> {
    let used: Vec<_> = cells.iter().filter(|(e, c)| e + c > 0.0).collect();
    let apart: Vec<f64> = used.iter().map(|(e, c)| (1.0 - share) * e - share * c).collect();
    let whole: Vec<f64> = used.iter().map(|(e, c)| e + c).collect();
    let n = real(u64::try_from(used.len()).unwrap_or_default());
    if n < 2.0 {
        return None;
    }
    let variance = variance(&apart).max(share * (1.0 - share) * variance(&whole));
    let sum: f64 = apart.iter().sum();
    if variance <= 0.0 {
        // All cells alike to the last request: either exactly the share, or never by chance.
        return Some(if sum == 0.0 { 1.0 } else { 0.0 });
    }
    let law = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    Some((2.0 * law.sf((sum / (n * variance).sqrt()).abs())).min(1.0))
}

fn variance(values: &[f64]) -> f64 {
    let n = real(u64::try_from(values.len()).unwrap_or_default());
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)
}

const _: () = assert!(CELL_COUNT >= 2, "a variance between cells needs two");

#[cfg(test)]
mod tests {
    use super::super::tally::Tally;
    use super::*;

    fn stage(weight_ppm: u32) -> Stage {
        Stage { weight_ppm, lasts_ms: 60_000, longest_ms: None }
    }

    /// A standard normal number.
    fn normal(rng: &mut fastrand::Rng) -> f64 {
        (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
    }

    /// So many users fall on cells and sides by chance, each with requests of his own; `kept` of the candidate's are counted.
    fn world(rng: &mut fastrand::Rng, users: u32, share: f64, kept: f64, each: fn(&mut fastrand::Rng) -> f64) -> Split {
        let mut split = Split::default();
        for _ in 0..users {
            let (cell, requests) = (rng.usize(..CELL_COUNT), each(rng));
            let candidate = rng.f64() < share;
            let requests = crate::stats::real_to_count(if candidate { requests * kept } else { requests });
            let side = if candidate { &mut split.candidate } else { &mut split.control };
            side.0[cell].add(Tally::new(requests, 0));
        }
        split
    }

    fn alike(_: &mut fastrand::Rng) -> f64 {
        20.0
    }

    /// Activity of users as it is: the busiest of ten thousand has a hundred times the median.
    fn heavy(rng: &mut fastrand::Rng) -> f64 {
        10.0 * (1.2 * normal(rng)).exp()
    }

    /// One in a thousand has a thousand times the least.
    fn heavier(rng: &mut fastrand::Rng) -> f64 {
        (5.0 / (1.0 - rng.f64()).powf(1.0 / 1.5)).min(1e6)
    }

    fn alarms(users: u32, weight_ppm: u32, kept: f64, each: fn(&mut fastrand::Rng) -> f64, runs: u64) -> usize {
        let share = f64::from(weight_ppm) / 1e6;
        let one = |seed: &u64| {
            let mut split = world(&mut fastrand::Rng::with_seed(*seed), users, share, kept, each);
            // The same users go on for a day: six looks.
            [1, 2, 4, 8, 16, 32].iter().any(|times| {
                split.look(&Policy::plain(), &stage(weight_ppm), 60_000 * times);
                split.last().is_some_and(Look::is_mismatch)
            })
        };
        (0..runs).filter(one).count()
    }

    #[test]
    fn false_alarms_stay_below_alpha_also_with_heavy_tailed_users() {
        for (name, each) in [("alike", alike as fn(&mut fastrand::Rng) -> f64), ("heavy", heavy), ("heavier", heavier)]
        {
            for weight in [10_000, 50_000, 250_000, 500_000] {
                let found = alarms(5_000, weight, 1.0, each, 1_000);
                println!("{name} at {weight}: {found} of 1000");
                assert!(found <= 10, "{name} at {weight}: {found} of 1000, alpha is 10");
            }
        }
    }

    #[test]
    fn a_candidate_that_loses_a_fifth_of_its_users_requests_is_found() {
        for (weight, users) in [(50_000, 20_000), (500_000, 5_000)] {
            let found = alarms(users, weight, 0.8, alike, 100);
            println!("{weight}: {found} of 100");
            assert!(found >= 80, "{weight}: {found}");
        }
    }

    #[test]
    fn looks_are_at_the_end_of_the_stage_and_when_its_time_has_doubled() {
        let mut split = world(&mut fastrand::Rng::with_seed(1), 1_000, 0.5, 1.0, alike);
        let mut taken = Vec::new();
        for second in 1..=500 {
            split.look(&Policy::plain(), &stage(500_000), second * 1_000);
            taken.push(split.looks);
        }
        let at = |looks: u32| taken.iter().position(|l| *l == looks).map(|i| i + 1);
        assert_eq!((at(1), at(2), at(3), at(4), at(5)), (Some(60), Some(120), Some(240), Some(480), None));
        assert!((split.last().unwrap().level - 0.01 / 20.0).abs() < 1e-15);
        let mut whole = Split::default();
        whole.look(&Policy::plain(), &stage(1_000_000), u64::MAX);
        assert_eq!(whole, Split::default(), "at 100 % there is nothing to compare");
    }

    #[test]
    fn the_sentence_has_the_numbers_and_nothing_or_all_alike_is_no_mismatch() {
        let mut split = Split::default();
        split.look(&Policy::plain(), &stage(50_000), 60_000);
        assert_eq!(split.last(), None);
        for cell in 0..CELL_COUNT {
            split.candidate.0[cell] = Tally::new(100 + cell as u64, 0);
            split.control.0[cell] = Tally::new(1_000 + 3 * cell as u64, 0);
        }
        split.look(&Policy::plain(), &stage(50_000), 60_000);
        let look = *split.last().unwrap();
        assert!(look.is_mismatch());
        assert!(look.sentence().starts_with("sample-ratio mismatch: the candidate has 9.6"), "{}", look.sentence());
        assert!(look.sentence().contains("of 22,760 requests where 5 % are expected"), "{}", look.sentence());
        assert_eq!(split_p(&[(50.0, 950.0); 20], 0.05), Some(1.0));
        assert_eq!(split_p(&[(51.0, 949.0); 20], 0.05), Some(0.0));
        let near = Look { share: 0.0503, expected: 0.05, requests: 1, p: 0.0, level: 0.01 };
        assert!(!near.is_mismatch(), "a deviation of half a percent is no matter");
    }
}
