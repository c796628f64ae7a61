//! [`Watch`]: the evidence against one limit, and whether it is put aside because control breaks the limit too. Owns that decision;
//! knows no stage and no verdict.
//!
//! A ceiling (of errors, or of a quantile) does not compare with control, so a fault of what both depend on breaks it for both. When
//! evidence reaches its limit while control breaks the ceiling as well, it is put aside: it decides nothing until control has kept the ceiling over
//! the last half minute, and then it begins afresh. Only a candidate that was far worse than control through all of that time is not shielded: a control just
//! above a ceiling is where users want to be then. Evidence is only held back, or begins anew, so alpha holds. A ratio is never put aside: it
//! compares with control already.

use serde::{Deserialize, Serialize};

use super::bursts::Around;
use super::counted::Sample;
use super::custom::Answers;
use super::evidence::Starts;
use super::guarded::{self, Guarded, Tolerated};
use super::latency::{Durations, Slow};
use super::limit::{Bound, Limit};
use super::recent::{Piece, Recent};
use super::slower::Slower;
use super::tally::{Cells, Tally};
use crate::observation::VariantCounts;
use crate::stats::normal::Z999;
use crate::stats::proportion::wilson;
use crate::stats::real;

/// The evidence against one limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Watch {
    /// The evidence.
    pub evidence: Evidence,
    /// Control breaks the limit too: it decides nothing.
    pub aside: bool,
}

/// Evidence against one limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// On what is counted, from the attempt's beginning to its end.
    Errors(Box<Guarded>),
    /// On slow requests, in the stage.
    Slow(Box<Slow>),
    /// On requests slower than control's, in the stage.
    Slower(Box<Slower>),
    /// What was answered in the stage; no evidence, and no tick of counts is taken in.
    Custom(Box<Answers>),
}

/// What a tick saw.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// Observed time.
    pub span_ms: u64,
    /// The candidate's counts.
    pub candidate: &'a VariantCounts,
    /// Control's counts.
    pub control: &'a VariantCounts,
    /// Everybody has the candidate: there is no control.
    pub whole: bool,
}

/// What a tick is held against.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Place of the limit in the policy.
    pub i: usize,
    /// The limit.
    pub limit: &'a Limit,
    /// What it tolerates in the stage.
    pub tolerated: Tolerated,
    /// What counts are divided by, at least 1.
    pub dispersion: f64,
    /// How much more control's hits vary between cells than independent ones would, at least 1, whatever is tolerated.
    pub clusters: f64,
    /// For a ratio of latencies: what control's quantile surely does not lie above, microseconds.
    pub edge: Option<u64>,
    /// Natural logarithm of the evidence at which the limit counts as broken.
    pub enough: f64,
    /// For how long evidence is to serve, milliseconds of observed time.
    pub planned_ms: u64,
}

impl Watch {
    /// Nothing seen yet. `planned_ms`: for how long evidence is to serve, observed time.
    #[must_use]
    pub fn new(limit: &Limit, planned_ms: u64) -> Self {
        let starts = Starts::planned(planned_ms);
        let evidence = match limit.bound {
            Bound::Ratio { .. } | Bound::Max { .. } => Evidence::Errors(Box::new(Guarded::new(starts))),
            Bound::Latency(_) => Evidence::Slow(Box::new(Slow::new(starts))),
            Bound::LatencyRatio(_) => Evidence::Slower(Box::new(Slower::new(starts))),
            Bound::Custom(_) => Evidence::Custom(Box::default()),
        };
        Self { evidence, aside: false }
    }

    /// Takes in a tick. `around` reaches to its end.
    pub fn step(&mut self, tick: &Tick<'_>, terms: &Terms<'_>, around: Around<'_>) {
        if self.aside && (tick.whole || terms.control_keeps(around.recent)) {
            *self = Self::new(terms.limit, terms.planned_ms);
        }
        self.take(tick, terms);
        let broken = || self.is_broken(terms.limit, terms.enough, tick.whole, around);
        let worse = || terms.is_worse(around.recent);
        self.aside = !tick.whole
            && if self.aside {
                !(broken() && worse())
            } else {
                broken() && self.is_shared(terms, around.recent) && !worse()
            };
    }

    fn take(&mut self, tick: &Tick<'_>, terms: &Terms<'_>) {
        let Tick { span_ms, whole, .. } = *tick;
        let cells = Cells::of(tick.candidate);
        let durations = Durations {
            span_ms,
            candidate: &tick.candidate.duration,
            control: &tick.control.duration,
            cells: &cells,
            whole,
        };
        match (&mut self.evidence, &terms.limit.bound) {
            (Evidence::Errors(guarded), Bound::Ratio { counter, .. } | Bound::Max { counter, .. }) => {
                let candidate = &Sample::of_tick(counter, tick.candidate);
                let control = Sample::of_tick(counter, tick.control).whole;
                let Terms { tolerated, dispersion, .. } = *terms;
                guarded.step(&guarded::Tick { span_ms, candidate, control, dispersion }, tolerated);
            }
            (Evidence::Slow(slow), Bound::Latency(ceiling)) => slow.step(&durations, *ceiling),
            (Evidence::Slower(slower), Bound::LatencyRatio(multiple)) => {
                if let Some(edge) = terms.edge {
                    slower.step(&durations, *multiple, edge);
                }
            }
            // Watches are made from the limits, in their order.
            (Evidence::Errors(_) | Evidence::Slow(_) | Evidence::Slower(_) | Evidence::Custom(_), _) => {}
        }
    }

    /// Evidence is at its limit and rests on enough. `whole`: there is no control.
    #[must_use]
    pub fn is_broken(&self, limit: &Limit, enough: f64, whole: bool, around: Around<'_>) -> bool {
        // What evidence rests on costs more to ask for, and is asked for where it matters.
        self.evidence.ln(whole) >= enough
            && match (&self.evidence, &limit.bound) {
                (Evidence::Errors(guarded), _) => guarded.excursion().is_broad(),
                (Evidence::Slow(slow), Bound::Latency(ceiling)) => slow.is_broad(*ceiling, around),
                (Evidence::Slower(slower), Bound::LatencyRatio(multiple)) => slower.is_broad(*multiple, around),
                (Evidence::Slow(_) | Evidence::Slower(_) | Evidence::Custom(_), _) => false,
            }
    }

    fn is_shared(&self, terms: &Terms<'_>, recent: &Recent) -> bool {
        let alike = match (&self.evidence, &terms.limit.bound) {
            (Evidence::Errors(guarded), Bound::Max { max, .. }) => {
                let excursion = guarded.excursion();
                breaks_alike(*max, excursion.sum(), excursion.control)
            }
            (Evidence::Slow(slow), Bound::Latency(ceiling)) => {
                let of = |bins| ceiling.slow_of(bins);
                let excursion = slow.excursion();
                breaks_alike(ceiling.tolerated(), of(&excursion.candidate), of(&excursion.control))
            }
            (Evidence::Errors(_) | Evidence::Slow(_) | Evidence::Slower(_) | Evidence::Custom(_), _) => return false,
        };
        alike || terms.control_breaks(recent)
    }
}

impl Terms<'_> {
    fn control_keeps(&self, recent: &Recent) -> bool {
        match &self.limit.bound {
            Bound::Ratio { .. } | Bound::LatencyRatio(_) | Bound::Custom(_) => true,
            Bound::Max { counter, max } if counter.is_by_cell() => recent.control_keeps(counter, *max),
            Bound::Max { max, .. } => recent.control_keeps_ceiling(self.i, *max),
            Bound::Latency(ceiling) => recent.control_keeps_ceiling(self.i, ceiling.tolerated()),
        }
    }

    fn control_breaks(&self, recent: &Recent) -> bool {
        let sick = match &self.limit.bound {
            Bound::Ratio { .. } | Bound::LatencyRatio(_) | Bound::Custom(_) => None,
            Bound::Max { counter, max } if counter.is_by_cell() => recent.control_above(counter, *max),
            Bound::Max { max, .. } => recent.control_beyond_ceiling(self.i, *max),
            Bound::Latency(ceiling) => recent.control_beyond_ceiling(self.i, ceiling.tolerated()),
        };
        sick.is_some()
    }

    /// The candidate is far above control in the last half minute, and was in each third of it: not for the seconds by which a fault of both
    /// ends later for one of them.
    fn is_worse(&self, recent: &Recent) -> bool {
        let sides = |piece: &Piece| match &self.limit.bound {
            Bound::Ratio { .. } | Bound::LatencyRatio(_) | Bound::Custom(_) => (Tally::default(), Tally::default()),
            Bound::Max { counter, .. } if counter.is_by_cell() => {
                (piece.candidate_beyond(self.i), piece.of_control(counter))
            }
            Bound::Max { .. } | Bound::Latency(_) => (piece.candidate_beyond(self.i), piece.beyond(self.i)),
        };
        let far = |(candidate, control): (Tally, Tally)| {
            let rate = |tally: Tally| tally.rate().unwrap_or(0.0);
            candidate.errors >= LEAST_HITS && rate(candidate) > FAR * rate(control)
        };
        let (candidate, control) = sides(&recent.sum());
        // Hits that come in clusters tell as much as fewer independent ones.
        let ends =
            |tally: Tally| wilson(real(tally.errors) / self.clusters, real(tally.requests) / self.clusters, Z999);
        ends(candidate).0 > FAR * ends(control).1
            && recent.thirds().is_some_and(|thirds| thirds.iter().all(|third| far(sides(third))))
    }
}

/// A candidate is far worse than control from so many times its rate on.
const FAR: f64 = 2.0;

/// Fewer hits in ten seconds show nothing.
const LEAST_HITS: u64 = 5;

impl Evidence {
    /// Natural logarithm of the evidence that decides. `whole`: there is no control.
    #[must_use]
    pub fn ln(&self, whole: bool) -> f64 {
        match self {
            Self::Errors(guarded) => guarded.ln_evidence(),
            Self::Slow(slow) => slow.ln_evidence(),
            Self::Slower(slower) => slower.ln_evidence(whole),
            Self::Custom(_) => 0.0,
        }
    }

    /// The candidate's requests that it rests on: those since it was last at or below 1 : 1.
    #[must_use]
    pub fn rests_on(&self) -> u64 {
        match self {
            Self::Errors(guarded) => guarded.excursion().sum().requests,
            Self::Slow(slow) => slow.excursion().candidate.count(),
            Self::Slower(slower) => slower.excursion().slow.requests,
            Self::Custom(_) => 0,
        }
    }
}

/// Control's rate is above a ceiling too, and the candidate's is not clearly (99.9 %) above control's.
#[must_use]
pub fn breaks_alike(ceiling: f64, candidate: Tally, control: Tally) -> bool {
    let ends = |tally: Tally| wilson(real(tally.errors), real(tally.requests), Z999);
    control.rate().is_some_and(|rate| rate > ceiling) && ends(candidate).0 <= ends(control).1
}
