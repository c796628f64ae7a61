//! A quantile of the duration beside control's.

use super::super::bursts::LEAST_SLOW;
use super::super::limit::quantile_name;
use super::super::ruling::{Check, CheckState};
use super::super::slower::{Multiple, Slower};
use super::super::words::{count, millis, significant};
use super::{Case, at_fault, evidence_words};
use crate::observation::Bins;
use crate::stats::power::Comparison;
use crate::stats::quantile::{Quantile, quantile};
use crate::stats::real;

/// The breach that a stage must have been able to see: so many times the tolerated share of slow requests.
const BREACH: f64 = 2.0;

pub(super) fn check(case: Case<'_>, multiple: Multiple, slower: &Slower) -> Check {
    let stage = &case.memory.stage;
    let found = quantile(&stage.candidate_durations, multiple.quantile);
    let beside = quantile(reference(case), multiple.quantile);
    let mut check = Check {
        value: found.map(|q| q.value),
        interval: found.map(|q| q.interval),
        control: beside.map(|q| q.value),
        limit: multiple.ratio,
        requests: stage.candidate_durations.count(),
        requests_needed: need(case, multiple),
        errors: slower.excursion().slow.errors,
        ..case.blank()
    };
    check.state = case.broken(&check).unwrap_or_else(|| state(case, multiple, (found, beside), &check));
    check.sentence = sentence(&check, multiple, slower);
    check
}

/// Control's durations in the stage; at 100 % those of the stage before.
fn reference(case: Case<'_>) -> &Bins {
    let stage = &case.memory.stage;
    if case.whole { &stage.reference_durations } else { &stage.control_durations }
}

/// Requests with which the stage sees with the policy's power that twice as many as tolerated are slow.
fn need(case: Case<'_>, multiple: Multiple) -> u64 {
    let (power, stage) = (case.situation.policy.power, &case.memory.stage);
    if power <= 0.0 {
        return 1;
    }
    let control_per_request = real(reference(case).count().max(1)) / real(stage.candidate_durations.count().max(1));
    Comparison { base: multiple.tolerated(), ratio: BREACH, control_per_request, power }.requests()
}

fn state(case: Case<'_>, multiple: Multiple, both: (Option<Quantile>, Option<Quantile>), check: &Check) -> CheckState {
    let unsettled = !case.memory.is_settled(case.situation.policy);
    if unsettled || (1..check.requests_needed).contains(&check.requests) {
        return CheckState::NotEnough;
    }
    match both {
        (Some(candidate), Some(control)) => {
            // The intervals are of 95 % each, and reach to the edges of their bins.
            let beyond = candidate.interval.0 > multiple.ratio * control.interval.1;
            let slow = real(check.requests) * multiple.tolerated() >= real(LEAST_SLOW);
            let unclear = check.evidence >= check.evidence_limit || (beyond && slow);
            if unclear { CheckState::Unclear } else { CheckState::Pass }
        }
        _ => CheckState::NoData,
    }
}

fn sentence(check: &Check, multiple: Multiple, slower: &Slower) -> String {
    let words = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), millis);
    let excursion = slower.excursion();
    let candidate = words(at_fault(&excursion.candidate, multiple.quantile, check).or(check.value));
    let control = words(at_fault(&excursion.control, multiple.quantile, check).or(check.control));
    let tail = if check.state.is_broken() {
        format!(", {} of {} requests slower", count(check.errors), count(excursion.slow.requests))
    } else {
        String::new()
    };
    format!(
        "{} {candidate} against {control} in control ({} times tolerated), {}{tail}",
        quantile_name(multiple.quantile),
        significant(multiple.ratio),
        evidence_words(check)
    )
}
