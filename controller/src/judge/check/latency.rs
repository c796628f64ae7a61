//! Ceilings of a quantile of the duration.

use super::super::bursts::LEAST_SLOW;
use super::super::latency::{Ceiling, Slow};
use super::super::limit::quantile_name;
use super::super::ruling::{Check, CheckState};
use super::super::watch::breaks_alike;
use super::super::words::{count, millis};
use super::{Case, at_fault, evidence_words, is_too_often};
use crate::stats::power::Breach;
use crate::stats::quantile::quantile;
use crate::stats::real;

pub(super) fn check(case: Case<'_>, ceiling: Ceiling, slow: &Slow) -> Check {
    let stage = &case.memory.stage;
    let found = quantile(&stage.candidate_durations, ceiling.quantile);
    let mut check = Check {
        value: found.map(|q| q.value),
        interval: found.map(|q| q.interval),
        control: quantile(&stage.control_durations, ceiling.quantile).map(|q| q.value),
        limit: real(ceiling.max_us),
        requests: stage.candidate_durations.count(),
        requests_needed: need(case, ceiling),
        errors: ceiling.slow_of(&slow.excursion().candidate).errors,
        ..case.blank()
    };
    check.state = case.broken(&check).unwrap_or_else(|| state(case, ceiling, &check));
    check.sentence = sentence(&check, ceiling, slow);
    check
}

/// Requests with which the stage could have seen, with the policy's power, twice as many slow ones as tolerated.
fn need(case: Case<'_>, ceiling: Ceiling) -> u64 {
    let power = case.situation.policy.power;
    let breach = Breach { ceiling: ceiling.tolerated(), power, least: real(LEAST_SLOW), guarded: false };
    if power > 0.0 { breach.requests() } else { 1 }
}

fn state(case: Case<'_>, ceiling: Ceiling, check: &Check) -> CheckState {
    let reached = check.evidence >= check.evidence_limit;
    if !case.memory.is_settled(case.situation.policy) || (1..check.requests_needed).contains(&check.requests) {
        CheckState::NotEnough
    } else if check.requests == 0 {
        CheckState::NoData
    } else if reached || beyond(case, ceiling) {
        CheckState::Unclear
    } else {
        CheckState::Pass
    }
}

/// The stage's durations are beyond the limit with confidence of 95 %, and not alike for both.
fn beyond(case: Case<'_>, ceiling: Ceiling) -> bool {
    let seen = ceiling.slow_of(&case.memory.stage.candidate_durations);
    let control = ceiling.slow_of(&case.memory.stage.control_durations);
    is_too_often(seen, ceiling.tolerated()) && (case.whole || !breaks_alike(ceiling.tolerated(), seen, control))
}

fn sentence(check: &Check, ceiling: Ceiling, slow: &Slow) -> String {
    let words = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), millis);
    let excursion = slow.excursion();
    let candidate = words(at_fault(&excursion.candidate, ceiling.quantile, check).or(check.value));
    let control = match at_fault(&excursion.control, ceiling.quantile, check).or(check.control) {
        Some(us) => format!("against {} in control ({} tolerated)", millis(us), millis(check.limit)),
        None => format!("({} tolerated)", millis(check.limit)),
    };
    let tail = if check.state.is_broken() {
        format!(", {} of {} requests slower", count(check.errors), count(excursion.candidate.count()))
    } else {
        String::new()
    };
    format!("{} {candidate} {control}, {}{tail}", quantile_name(ceiling.quantile), evidence_words(check))
}
