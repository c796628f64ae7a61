//! [`Slower`]: evidence that a quantile of the candidate's duration is more than so many times control's. Fresh in each stage. Owns that;
//! knows no stage.
//!
//! Before a tick an edge is known that control's quantile surely does not lie above (`norm`; upper confidence, upper edge of its bin). The
//! candidate's requests that take at least `ratio` times the edge are slow; so are control's that take at least the edge. Two processes of
//! `evidence` run on these, and what decides is the lesser:
//! - of the candidate's requests more than `1 - quantile` are slow: valid while the edge holds;
//! - they are a larger share than control's in the same tick, by the hits of both (candidate's, of both together, at most `e / (e + c)`):
//!   valid for a candidate that is `ratio` times as slow at most at every share, *whatever* the edge is. So a load or a dependency that
//!   slows both down is no fault of the candidate's, although the edge is then too low.
//!
//! The lesser of two is valid if one of them is. The count of hits is binomial here, not rare; the process is valid all the same: with
//! `m = 1 + (rho - 1) q`, the expectation is `(1 + p (rho/m - 1))^e (1 + p (1/m - 1))^c <= exp(p (e (rho/m - 1) + c (1/m - 1))) = 1`.
//! A bin that the edge cuts counts as fast for the candidate. At 100 % there is no control: the stored reference gives the edge, and the
//! first process alone decides.

use serde::{Deserialize, Serialize};

use super::bursts::Around;
use super::evidence::{Marks, Mixture, Starts};
use super::latency::Durations;
use super::tally::{Cells, Tally};
use crate::observation::Bins;
use crate::stats::power::Comparison;
use crate::stats::quantile::{at_or_above, share_above, upper_edge};
use crate::stats::{real, whole};

/// A quantile that is to stay below so many times control's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Multiple {
    /// 0 to 1.
    pub quantile: f64,
    /// Above 1.
    pub ratio: f64,
}

impl Multiple {
    /// The share of slow requests that it tolerates.
    #[must_use]
    pub fn tolerated(self) -> f64 {
        1.0 - self.quantile
    }

    /// The candidate's requests, those that take at least `ratio` times an edge of control's as errors.
    #[must_use]
    pub fn slow_of(self, durations: &Bins, edge: u64) -> Tally {
        let limit = whole(self.ratio * real(edge), u64::MAX);
        Tally::new(durations.count(), at_or_above(durations, limit))
    }

    /// Requests of the candidate with which one look (one-sided, 5 %) tells, with that power, a candidate that is just `ratio` times as
    /// slow from one that is as slow as control: by the share beyond the bin of control's quantile, which is then that of control's own
    /// requests beyond `1 / ratio` of it. `control_per_request`: requests of control for one of the candidate.
    #[must_use]
    pub fn requests(self, control: &Bins, control_per_request: f64, power: f64) -> u64 {
        let edge = upper_edge(control, self.quantile, 0.0).map_or(0.0, real);
        let base = share_above(control, edge).max(LEAST_SHARE * self.tolerated());
        let ratio = (share_above(control, edge / self.ratio) / base).max(LEAST_TIMES);
        let by_power = Comparison { base, ratio, control_per_request, power }.requests();
        by_power.max(whole(LEAST_BEYOND / self.tolerated(), u64::MAX))
    }
}

/// Nothing may be beyond a last, wide bin: then it is counted as so much of what is tolerated.
const LEAST_SHARE: f64 = 0.1;

/// A ratio that bins hardly resolve asks for no more than it takes to see a quarter more slow requests.
const LEAST_TIMES: f64 = 1.25;

/// So many requests must be expected beyond the quantile: with fewer their number is not near to normal.
const LEAST_BEYOND: f64 = 5.0;

/// Evidence that too many requests are slow beside control's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Slower {
    starts: Starts,
    share: Mixture,
    beside: Mixture,
    excursion: SlowerExcursion,
}

/// What the evidence rests on: since it was last at or below 1 : 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct SlowerExcursion {
    /// The candidate's durations.
    pub candidate: Bins,
    /// Control's in the same ticks.
    pub control: Bins,
    /// The candidate's requests, slow ones as errors.
    pub slow: Tally,
    /// Control's.
    pub control_slow: Tally,
    /// The candidate's requests by cell.
    pub cells: Cells,
}

impl Slower {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(starts: Starts) -> Self {
        Self { starts, ..Self::default() }
    }

    /// Takes in a tick with an edge that was known before it. One without durations of the candidate, or of control unless `whole` says
    /// that there is none, carries no information.
    pub fn step(&mut self, tick: &Durations<'_>, multiple: Multiple, edge: u64) {
        let slow = multiple.slow_of(tick.candidate, edge);
        let control = Tally::new(tick.control.count(), at_or_above(tick.control, edge));
        if slow.requests == 0 || (control.requests == 0 && !tick.whole) {
            return;
        }
        if let Some(weight) = self.starts.pass(tick.span_ms) {
            self.share.begin(weight);
            self.beside.begin(weight);
        }
        let (hits, e, c) = (real(slow.errors), real(slow.requests), real(control.requests));
        self.share.step(Marks { hits, all: e, tolerated: multiple.tolerated(), dispersion: 1.0 });
        if !tick.whole {
            let all = hits + real(control.errors);
            self.beside.step(Marks { hits, all, tolerated: e / (e + c), dispersion: 1.0 });
        }
        self.excursion.add(tick, slow, control);
        if self.ln_evidence(tick.whole) <= 0.0 {
            self.excursion = SlowerExcursion::default();
        }
    }

    /// Natural logarithm of the evidence that decides. `whole`: there is no control.
    #[must_use]
    pub fn ln_evidence(&self, whole: bool) -> f64 {
        let share = self.share.ln_evidence(self.starts);
        if whole { share } else { share.min(self.beside.ln_evidence(self.starts)) }
    }

    /// It rests on enough, one client's burst left out, to decide: beyond the tolerated share, and beyond control's.
    #[must_use]
    pub fn is_broad(&self, multiple: Multiple, around: Around<'_>) -> bool {
        let tolerated = multiple.tolerated().max(self.excursion.control_slow.rate().unwrap_or(0.0));
        around.is_broad(self.excursion.slow, &self.excursion.cells, tolerated)
    }

    /// What the evidence rests on.
    #[must_use]
    pub fn excursion(&self) -> &SlowerExcursion {
        &self.excursion
    }
}

impl SlowerExcursion {
    fn add(&mut self, tick: &Durations<'_>, slow: Tally, control: Tally) {
        self.candidate.merge(tick.candidate);
        self.control.merge(tick.control);
        self.slow.add(slow);
        self.control_slow.add(control);
        self.cells.add(tick.cells);
    }
}
