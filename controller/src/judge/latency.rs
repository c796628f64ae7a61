//! [`Slow`]: evidence that a quantile of the candidate's duration is above its limit. It is the process of `evidence` on the count of
//! requests that took at least the limit, of which at most 1 - quantile are tolerated. Fresh in each stage. Owns that; knows no stage.

use serde::{Deserialize, Serialize};

use super::bursts::Around;
use super::evidence::{Marks, Mixture, Starts};
use super::tally::{Cells, Tally};
use crate::observation::Bins;
use crate::stats::quantile::at_or_above;
use crate::stats::real;

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
    /// The candidate's requests by cell.
    #[serde(default)]
    pub cells: Cells,
}

/// How long a tick's requests took.
#[derive(Clone, Copy, Debug)]
pub struct Durations<'a> {
    /// Observed time.
    pub span_ms: u64,
    /// The candidate's.
    pub candidate: &'a Bins,
    /// Control's.
    pub control: &'a Bins,
    /// The candidate's requests by cell.
    pub cells: &'a Cells,
    /// Everybody has the candidate: there is no control.
    pub whole: bool,
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
    /// Nothing seen yet.
    #[must_use]
    pub fn new(starts: Starts) -> Self {
        Self { starts, ..Self::default() }
    }

    /// Takes in a tick's durations. One without any of the candidate carries no information.
    pub fn step(&mut self, tick: &Durations<'_>, ceiling: Ceiling) {
        let tally = ceiling.slow_of(tick.candidate);
        if tally.requests == 0 {
            return;
        }
        if let Some(weight) = self.starts.pass(tick.span_ms) {
            self.mixture.begin(weight);
        }
        let (hits, all) = (real(tally.errors), real(tally.requests));
        self.mixture.step(Marks { hits, all, tolerated: ceiling.tolerated(), dispersion: 1.0 });
        self.excursion.candidate.merge(tick.candidate);
        self.excursion.control.merge(tick.control);
        self.excursion.cells.add(tick.cells);
        if self.ln_evidence() <= 0.0 {
            self.excursion = SlowExcursion::default();
        }
    }

    /// Natural logarithm of the evidence.
    #[must_use]
    pub fn ln_evidence(&self) -> f64 {
        self.mixture.ln_evidence(self.starts)
    }

    /// It rests on enough, one client's burst left out, to decide.
    #[must_use]
    pub fn is_broad(&self, ceiling: Ceiling, around: Around<'_>) -> bool {
        around.is_broad(ceiling.slow_of(&self.excursion.candidate), &self.excursion.cells, ceiling.tolerated())
    }

    /// What the evidence rests on.
    #[must_use]
    pub fn excursion(&self) -> &SlowExcursion {
        &self.excursion
    }
}
