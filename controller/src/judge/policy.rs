//! [`Policy`]: what the judge goes by, in the form that is stored with an attempt, so that the rule was fixed before the data came.
//! Owns the split of alpha over the limits (`limit`); knows no counts.

use serde::{Deserialize, Serialize};
use weir_core::document;
use weir_core::guardrail::{Counter, Inconclusive};
use weir_core::share::WHOLE;
use weir_core::span::Span;

use super::analysis::Analysis;
use super::limit::{Bound, Limit};
use crate::observation::Observation;

/// Of a document's policy, what an attempt is judged by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Policy {
    /// Tolerated probability that a healthy candidate is rolled back, over the whole attempt.
    pub alpha: f64,
    /// Requests of control before the first stage.
    pub baseline_requests: u64,
    /// Observed time before it, milliseconds.
    #[serde(default)]
    pub baseline_ms: u64,
    /// Both must have come within so long, milliseconds.
    #[serde(default = "day")]
    pub window_ms: u64,
    /// Requests of each variant in a stage, at least.
    pub requests: u64,
    /// Power to have seen a breach; 0 asks for none.
    pub power: f64,
    /// Error rate that power is computed for when control's own is lower.
    pub error_floor: f64,
    /// Share of the expected proxies that must be seen, parts per million.
    pub proxies_ppm: u32,
    /// Latency is not judged for so long after a stage began, milliseconds.
    pub settle_ms: u64,
    /// Every limit of every guardrail.
    pub limits: Vec<Limit>,
    /// How many stages the attempt has.
    pub stages: usize,
    /// Observed time that they last together at least, milliseconds; 0 in what earlier versions stored.
    #[serde(default)]
    pub planned_ms: u64,
    /// What is looked at beside the limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Box<Analysis>>,
    /// How long the attempt may take, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<u64>,
    /// What follows when it, or a stage, has taken its longest.
    #[serde(default)]
    pub when_unclear: WhenUnclear,
}

/// What follows when time is up without a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnclear {
    /// Stay and ask.
    #[default]
    Hold,
    /// Everybody back to control.
    RollBack,
    /// Weight 0 until a person resumes.
    Pause,
}

impl From<Inconclusive> for WhenUnclear {
    fn from(action: Inconclusive) -> Self {
        match action {
            Inconclusive::Hold => Self::Hold,
            Inconclusive::RollBack => Self::RollBack,
            Inconclusive::Pause => Self::Pause,
        }
    }
}

/// The window of an attempt that was stored before windows could be chosen.
fn day() -> u64 {
    86_400_000
}

impl Policy {
    /// The stored form of a document's rollout.
    #[must_use]
    pub fn of(rollout: &document::Rollout) -> Self {
        let policy = &rollout.policy;
        Self {
            alpha: policy.alpha,
            baseline_requests: policy.baseline.requests,
            baseline_ms: policy.baseline.lasts.ms(),
            window_ms: policy.baseline.window.ms(),
            requests: policy.advance.requests,
            power: policy.advance.power,
            error_floor: policy.advance.error_floor.fraction(),
            proxies_ppm: policy.advance.proxies.ppm(),
            settle_ms: policy.settle.ms(),
            limits: policy.guardrails.iter().flat_map(Limit::of).collect(),
            stages: rollout.stages.len(),
            planned_ms: rollout.stages.iter().fold(0, |sum, stage| stage.lasts.ms().saturating_add(sum)),
            analysis: policy.analysis.as_deref().map(|form| Box::new(form.clone().into())),
            longest_ms: policy.max_duration.map(Span::ms),
            when_unclear: policy.inconclusive.into(),
        }
    }

    /// Natural logarithm of the evidence at which a limit counts as broken. Alpha is divided evenly over the limits (Bonferroni), and
    /// a latency limit's part again over the stages, because its evidence is fresh in each: so the probability that any of them ever
    /// rolls back a candidate that keeps them all is at most alpha for the attempt. What never decides takes no part, and what others answer
    /// (which has no probability) neither.
    #[must_use]
    pub fn evidence_limit(&self, limit: &Limit) -> f64 {
        let deciding = |limit: &&Limit| !limit.dry_run && limit.is_statistical();
        let parts = self.limits.iter().filter(deciding).count().max(1);
        let parts = u32::try_from(parts).unwrap_or(u32::MAX);
        enough(self.alpha, f64::from(parts)) + self.ln_stages(limit)
    }

    /// Natural logarithm of the stages that a limit's part of alpha is divided over: all of them, if its evidence is fresh in each.
    #[must_use]
    pub fn ln_stages(&self, limit: &Limit) -> f64 {
        let stages = if limit.settles() { self.stages.max(1) } else { 1 };
        f64::from(u32::try_from(stages).unwrap_or(u32::MAX)).ln()
    }

    /// Observed time that a limit's evidence is planned to serve for, milliseconds: the attempt's, or a stage's even part of it if the
    /// evidence is fresh in each.
    #[must_use]
    pub fn planned_ms(&self, limit: &Limit) -> u64 {
        let stages = if limit.settles() { self.stages.max(1) } else { 1 };
        self.planned_ms / u64::try_from(stages).unwrap_or(u64::MAX)
    }

    /// Drift is looked for after the last stage too.
    #[must_use]
    pub fn watches_after(&self) -> bool {
        self.analysis.as_ref().is_some_and(|analysis| analysis.drift.is_some())
    }

    /// Enough of the expected proxies answered for the tick to count.
    #[must_use]
    pub fn is_observed(&self, observation: &Observation) -> bool {
        let (seen, expected) = (u64::from(observation.seen), u64::from(observation.expected));
        seen > 0 && seen * u64::from(WHOLE) >= expected * u64::from(self.proxies_ppm)
    }

    /// Above this error rate a variant is sick whatever the other does: the lowest ceiling of the policy, or 10 % without one.
    #[must_use]
    pub fn sick_above(&self) -> f64 {
        let ceilings = self.limits.iter().filter(|limit| !limit.dry_run).filter_map(|limit| match limit.bound {
            Bound::Max { counter: Counter::Errors, max } => Some(max),
            Bound::Max { .. } | Bound::Ratio { .. } | Bound::Latency(_) | Bound::LatencyRatio(_) | Bound::Custom(_) => {
                None
            }
        });
        ceilings.reduce(f64::min).unwrap_or(SICK)
    }

    /// Above this error rate control is nothing to go back to. Not the ceiling itself when that is tight: a control at 1.5 % with a
    /// ceiling of 1 % does not begin a rollout, but it is where users want to be when the candidate fails by the ratio to it.
    #[must_use]
    pub fn unfit_above(&self) -> f64 {
        self.sick_above().max(SICK)
    }
}

/// Natural logarithm of the evidence that is enough where `alpha` is divided over so many parts.
#[must_use]
pub fn enough(alpha: f64, parts: f64) -> f64 {
    (parts / alpha.clamp(LEAST_ALPHA, 1.0)).ln()
}

#[cfg(test)]
impl Policy {
    /// Without limits, for tests of what lies beside them.
    pub fn plain() -> Self {
        Self {
            alpha: 0.01,
            baseline_requests: 0,
            baseline_ms: 0,
            window_ms: day(),
            requests: 300,
            power: 0.0,
            error_floor: 0.01,
            proxies_ppm: 900_000,
            settle_ms: 30_000,
            limits: Vec::new(),
            stages: 1,
            planned_ms: 0,
            analysis: None,
            longest_ms: None,
            when_unclear: WhenUnclear::Hold,
        }
    }
}

/// What counts as a sick variant when no guardrail has a ceiling.
const SICK: f64 = 0.1;

/// A smaller alpha is taken as this: evidence is kept up to 5e34 : 1 only.
const LEAST_ALPHA: f64 = 1e-12;
