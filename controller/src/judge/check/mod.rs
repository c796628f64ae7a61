//! [`Check`]: how the candidate stands to one limit. Owns when a limit is broken, shared, unclear or kept; knows no verdict.
//!
//! - `counted`: limits on errors and whatever else is counted
//! - `latency`: ceilings of a quantile; `slower`: a quantile beside control's
//! - `custom`: what others answer
//! - `forecast`: when a check will be able to say more
mod counted;
mod custom;
mod forecast;
mod latency;
mod slower;

pub(super) use custom::unanswered;

use super::bursts::LEAST_SLOW;
use super::evidence::odds;
use super::limit::{Bound, Limit};
use super::memory::Memory;
use super::ruling::{Check, CheckState};
use super::situation::Situation;
use super::tally::Tally;
use super::watch::{Evidence, Watch};
use crate::observation::Bins;
use crate::stats::normal::Z95_ONE_SIDED;
use crate::stats::proportion::wilson;
use crate::stats::quantile::quantile;
use crate::stats::real;

/// One limit in its place.
#[derive(Clone, Copy)]
struct Case<'a> {
    situation: &'a Situation<'a>,
    memory: &'a Memory,
    limit: &'a Limit,
    watch: &'a Watch,
    /// There is no control.
    whole: bool,
}

/// All checks of a stage, in the order of the policy.
#[must_use]
pub fn checks(situation: &Situation<'_>, memory: &Memory) -> Vec<Check> {
    let whole = situation.stage.is_some_and(|stage| stage.is_whole());
    let pairs = situation.policy.limits.iter().zip(&memory.watches);
    pairs.filter_map(|(limit, watch)| Case { situation, memory, limit, watch, whole }.check()).collect()
}

impl Case<'_> {
    fn check(self) -> Option<Check> {
        let mut check = match (&self.limit.bound, &self.watch.evidence) {
            (Bound::Ratio { counter, .. } | Bound::Max { counter, .. }, Evidence::Errors(guarded)) => {
                counted::check(self, counter, guarded)
            }
            (Bound::Latency(ceiling), Evidence::Slow(slow)) => latency::check(self, *ceiling, slow),
            (Bound::LatencyRatio(multiple), Evidence::Slower(slower)) => slower::check(self, *multiple, slower),
            // Neither evidence nor requests: nothing to forecast.
            (Bound::Custom(limit), Evidence::Custom(answers)) => return Some(custom::check(self, limit, answers)),
            // Watches are made from the limits, in their order.
            _ => return None,
        };
        forecast::forecast(self, &mut check);
        Some(check)
    }

    /// What every check says.
    fn blank(self) -> Check {
        let evidence = self.watch.evidence.ln(self.whole);
        Check {
            name: self.limit.name(),
            metric: self.limit.counter().map_or("latency", |counter| counter.name()).into(),
            evidence,
            evidence_limit: self.situation.evidence_limit(self.limit),
            odds: odds(evidence),
            dry_run: self.limit.dry_run,
            weight: self.limit.weight,
            ..Check::default()
        }
    }

    /// A limit that evidence says is broken, and by whom.
    fn broken(self, check: &Check) -> Option<CheckState> {
        if self.watch.aside {
            return Some(CheckState::Shared);
        }
        let broken = self.watch.is_broken(self.limit, check.evidence_limit, self.whole, self.memory.around());
        broken.then_some(CheckState::Fail)
    }
}

fn evidence_words(check: &Check) -> String {
    format!("evidence {} against a limit of {}", check.odds, odds(check.evidence_limit))
}

/// A larger share of requests is slow than tolerated, with confidence of 95 %.
fn is_too_often(slow: Tally, tolerated: f64) -> bool {
    slow.errors >= LEAST_SLOW && wilson(real(slow.errors), real(slow.requests), Z95_ONE_SIDED).0 > tolerated
}

/// A quantile of the durations at fault, where a limit is broken.
fn at_fault(bins: &Bins, at: f64, check: &Check) -> Option<f64> {
    quantile(bins, at).map(|q| q.value).filter(|_| check.state.is_broken())
}
