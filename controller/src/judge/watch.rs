//! [`Watch`]: the evidence against one limit, and whether it is put aside because control breaks the limit too. Owns that decision;
//! knows no stage and no verdict.
//!
//! A ceiling (of errors, or of a quantile) does not compare with control, so a fault of what both depend on breaks it for both. When
//! evidence reaches its limit while control breaks the ceiling as well, it is put aside: nothing more is taken in until control has
//! kept the ceiling over the last half minute, and then it begins afresh. Both can only lower evidence, or leave out ticks that were
//! chosen before they were seen, so alpha holds. A ratio is never put aside: it compares with control already.

use serde::{Deserialize, Serialize};

use super::guarded::{self, Guarded, Tolerated};
use super::latency::{LEAST_SLOW, Slow};
use super::policy::Limit;
use super::recent::Recent;
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
    /// Control breaks the limit too: nothing is taken in.
    pub aside: bool,
}

/// Evidence against one limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// On errors, from the attempt's beginning to its end.
    Errors(Box<Guarded>),
    /// On slow requests, in the stage.
    Slow(Box<Slow>),
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
    /// What counts of errors are divided by, at least 1.
    pub dispersion: f64,
    /// Natural logarithm of the evidence at which the limit counts as broken.
    pub enough: f64,
}

impl Watch {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(limit: &Limit) -> Self {
        let evidence = match limit {
            Limit::ErrorsRatio { .. } | Limit::ErrorsMax { .. } => Evidence::Errors(Box::default()),
            Limit::Latency(_) => Evidence::Slow(Box::default()),
        };
        Self { evidence, aside: false }
    }

    /// Takes in a tick. `recent` reaches to its end.
    pub fn step(&mut self, tick: &Tick<'_>, terms: &Terms<'_>, recent: &Recent) {
        if self.aside {
            if !tick.whole && !terms.control_keeps(recent) {
                return;
            }
            *self = Self::new(terms.limit);
        }
        match (&mut self.evidence, terms.limit) {
            (Evidence::Errors(guarded), Limit::ErrorsRatio { .. } | Limit::ErrorsMax { .. }) => {
                let (candidate, control) = (&Cells::of(tick.candidate), Cells::of(tick.control).sum());
                let Terms { tolerated, dispersion, .. } = *terms;
                guarded.step(&guarded::Tick { span_ms: tick.span_ms, candidate, control, dispersion }, tolerated);
            }
            (Evidence::Slow(slow), Limit::Latency(ceiling)) => {
                slow.step(&tick.candidate.duration, &tick.control.duration, *ceiling, tick.span_ms);
            }
            // Watches are made from the limits, in their order.
            (Evidence::Errors(_), Limit::Latency(_))
            | (Evidence::Slow(_), Limit::ErrorsRatio { .. } | Limit::ErrorsMax { .. }) => {}
        }
        self.aside = !tick.whole && self.is_broken(terms.limit, terms.enough) && self.is_shared(terms, recent);
    }

    /// Evidence is at its limit and rests on enough.
    #[must_use]
    pub fn is_broken(&self, limit: &Limit, enough: f64) -> bool {
        let broad = match (&self.evidence, limit) {
            (Evidence::Errors(guarded), _) => guarded.excursion().is_broad(),
            (Evidence::Slow(slow), Limit::Latency(ceiling)) => {
                ceiling.slow_of(&slow.excursion().candidate).errors >= LEAST_SLOW
            }
            (Evidence::Slow(_), Limit::ErrorsRatio { .. } | Limit::ErrorsMax { .. }) => false,
        };
        broad && self.evidence.ln() >= enough
    }

    fn is_shared(&self, terms: &Terms<'_>, recent: &Recent) -> bool {
        match (&self.evidence, terms.limit) {
            (Evidence::Errors(guarded), Limit::ErrorsMax { max }) => {
                let excursion = guarded.excursion();
                breaks_alike(*max, excursion.candidate.sum(), excursion.control) || recent.control_above(*max).is_some()
            }
            (Evidence::Slow(slow), Limit::Latency(ceiling)) => {
                let of = |bins| ceiling.slow_of(bins);
                let excursion = slow.excursion();
                let tolerated = ceiling.tolerated();
                breaks_alike(tolerated, of(&excursion.candidate), of(&excursion.control))
                    || recent.control_slow_above(terms.i, tolerated).is_some()
            }
            (Evidence::Errors(_), Limit::ErrorsRatio { .. } | Limit::Latency(_))
            | (Evidence::Slow(_), Limit::ErrorsRatio { .. } | Limit::ErrorsMax { .. }) => false,
        }
    }
}

impl Terms<'_> {
    fn control_keeps(&self, recent: &Recent) -> bool {
        match self.limit {
            Limit::ErrorsRatio { .. } => true,
            Limit::ErrorsMax { max } => recent.control_keeps(*max),
            Limit::Latency(ceiling) => recent.control_slow_keeps(self.i, ceiling.tolerated()),
        }
    }
}

impl Evidence {
    /// Natural logarithm of the evidence that decides.
    #[must_use]
    pub fn ln(&self) -> f64 {
        match self {
            Self::Errors(guarded) => guarded.ln_evidence(),
            Self::Slow(slow) => slow.ln_evidence(),
        }
    }
}

/// Control's rate is above a ceiling too, and the candidate's is not clearly (99.9 %) above control's.
#[must_use]
pub fn breaks_alike(ceiling: f64, candidate: Tally, control: Tally) -> bool {
    let ends = |tally: Tally| wilson(real(tally.errors), real(tally.requests), Z999);
    control.rate().is_some_and(|rate| rate > ceiling) && ends(candidate).0 <= ends(control).1
}
