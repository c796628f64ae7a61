//! [`Slow`]: evidence that a quantile of the candidate's duration is above its limit. It is the process of `evidence` on the count of
//! requests that took at least the limit, of which at most 1 - quantile are tolerated. Fresh in each stage. Owns that; knows no stage.

use serde::{Deserialize, Serialize};

use super::evidence::{Marks, Mixture, Starts};
use super::tally::Tally;
use crate::observation::Bins;
use crate::stats::quantile::at_or_above;
use crate::stats::real;

/// Slow requests that evidence must rest on before it decides: durations are not counted by cell, and a handful may be one user's.
pub const LEAST_SLOW: u64 = 20;

/// Evidence that too many requests are slow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Slow {
    starts: Starts,
    mixture: Mixture,
    excursion: SlowExcursion,
}

/// What the evidence rests on: durations since it was last at or below 1 : 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowExcursion {
    /// The candidate's.
    pub candidate: Bins,
    /// Control's in the same ticks.
    pub control: Bins,
}

/// A quantile that is to stay below a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Ceiling {
    /// 0 to 1.
    pub quantile: f64,
    /// Microseconds.
    pub max_us: u64,
}

impl Ceiling {
    /// The share of slow requests that it tolerates.
    #[must_use]
    pub fn tolerated(self) -> f64 {
        1.0 - self.quantile
    }

    /// Requests, slow ones as errors.
    #[must_use]
    pub fn slow_of(self, durations: &Bins) -> Tally {
        Tally::new(durations.count(), at_or_above(durations, self.max_us))
    }
}

impl Slow {
    /// Takes in a tick's durations. One without any of the candidate carries no information.
    pub fn step(&mut self, candidate: &Bins, control: &Bins, ceiling: Ceiling, span_ms: u64) {
        let tally = ceiling.slow_of(candidate);
        if tally.requests == 0 {
            return;
        }
        if let Some(weight) = self.starts.pass(span_ms) {
            self.mixture.begin(weight);
        }
        let (hits, all) = (real(tally.errors), real(tally.requests));
        self.mixture.step(Marks { hits, all, tolerated: ceiling.tolerated(), dispersion: 1.0 });
        self.excursion.candidate.merge(candidate);
        self.excursion.control.merge(control);
        if self.ln_evidence() <= 0.0 {
            self.excursion = SlowExcursion::default();
        }
    }

    /// Natural logarithm of the evidence.
    #[must_use]
    pub fn ln_evidence(&self) -> f64 {
        self.mixture.ln_evidence(self.starts)
    }

    /// What the evidence rests on.
    #[must_use]
    pub fn excursion(&self) -> &SlowExcursion {
        &self.excursion
    }
}
