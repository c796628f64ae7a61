//! A quantile of the duration beside control's.

use super::super::limit::quantile_name;
use super::super::norm::{edge, missing};
use super::super::ruling::{Check, CheckState};
use super::super::slower::{Multiple, Slower};
use super::super::words::{count, millis, significant};
use super::{Case, at_fault, evidence_words, is_too_often};
use crate::observation::Bins;
use crate::stats::quantile::quantile;
use crate::stats::real;

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
        control_missing: missing(reference(case), multiple.quantile),
        errors: slower.excursion().slow.errors,
        ..case.blank()
    };
    check.state = case.broken(&check).unwrap_or_else(|| state(case, multiple, &check));
    check.sentence = sentence(&check, multiple, slower);
    check
}

/// Control's durations in the stage; at 100 % those of the stage before.
fn reference(case: Case<'_>) -> &Bins {
    let stage = &case.memory.stage;
    if case.whole { &stage.reference_durations } else { &stage.control_durations }
}

/// Requests with which the stage could have seen, with the policy's power, a candidate at this limit.
fn need(case: Case<'_>, multiple: Multiple) -> u64 {
    let power = case.situation.policy.power;
    // While there are too few of this stage, those of the stage before are as good for a plan.
    let durations = [reference(case), &case.memory.stage.reference_durations];
    let known = durations.into_iter().find(|durations| edge(durations, multiple.quantile).is_some());
    // What control lacks is asked for first.
    let Some(control) = known.filter(|_| power > 0.0) else { return 1 };
    let of_candidate = case.memory.stage.candidate_durations.count();
    multiple.requests(control, real(control.count().max(1)) / real(of_candidate.max(1)), power)
}

fn state(case: Case<'_>, multiple: Multiple, check: &Check) -> CheckState {
    let unsettled = !case.memory.is_settled(case.situation.policy);
    if unsettled || (1..check.requests_needed).contains(&check.requests) {
        CheckState::NotEnough
    } else if check.value.is_none() || check.control.is_none() {
        CheckState::NoData
    } else if check.control_missing > 0 {
        CheckState::NotEnough
    } else if check.evidence >= check.evidence_limit || beyond(case, multiple) {
        CheckState::Unclear
    } else {
        CheckState::Pass
    }
}

/// More of the stage's requests than tolerated take so many times as long as control's quantile: too little for a rollback, too much to go
/// on.
fn beyond(case: Case<'_>, multiple: Multiple) -> bool {
    let Some(edge) = edge(reference(case), multiple.quantile) else { return false };
    is_too_often(multiple.slow_of(&case.memory.stage.candidate_durations, edge), multiple.tolerated())
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
