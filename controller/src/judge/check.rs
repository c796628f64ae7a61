//! [`Check`]: how the candidate stands to one limit. Owns when a limit is broken, shared, unclear or kept; knows no verdict.

use super::evidence::odds;
use super::guarded::{Guarded, Tolerated};
use super::latency::{Ceiling, LEAST_SLOW, Slow};
use super::memory::Memory;
use super::policy::{Limit, quantile_name};
use super::ruling::{Check, CheckState};
use super::situation::Situation;
use super::tally::Tally;
use super::watch::{Evidence, Watch, breaks_alike};
use super::words::{count, millis, percent, significant};
use crate::observation::Bins;
use crate::stats::normal::Z95_ONE_SIDED;
use crate::stats::power::{Comparison, without_failure};
use crate::stats::proportion::wilson;
use crate::stats::quantile::quantile;
use crate::stats::real;

/// Errors, or cells, below which counts beyond a limit say nothing yet.
const LEAST_ERRORS: u64 = 5;
const LEAST_CELLS: u32 = 3;

/// All checks of a stage, in the order of the policy.
#[must_use]
pub fn checks(situation: &Situation<'_>, memory: &Memory) -> Vec<Check> {
    let pairs = situation.policy.limits.iter().zip(&memory.watches);
    pairs
        .filter_map(|(limit, watch)| match (limit, &watch.evidence) {
            (Limit::ErrorsRatio { .. } | Limit::ErrorsMax { .. }, Evidence::Errors(guarded)) => {
                Some(errors(situation, memory, (limit, watch), guarded))
            }
            (Limit::Latency(ceiling), Evidence::Slow(slow)) => {
                Some(latency(situation, memory, (*ceiling, watch), slow))
            }
            // Watches are made from the limits, in their order.
            _ => None,
        })
        .collect()
}

fn errors(situation: &Situation<'_>, memory: &Memory, (limit, watch): (&Limit, &Watch), guarded: &Guarded) -> Check {
    let tolerated = memory.tolerated(situation, limit);
    let stage = &memory.stage;
    let (candidate, control) = (stage.candidate.sum(), stage.control.sum());
    let whole = situation.stage.is_some_and(|s| s.is_whole());
    let reference = if whole { stage.reference } else { control };
    let mut check = Check {
        name: limit.name(),
        metric: "errors".into(),
        value: candidate.rate(),
        interval: candidate.rate().map(|_| candidate.interval()),
        control: reference.rate(),
        limit: match *limit {
            Limit::ErrorsRatio { ratio } => ratio,
            Limit::ErrorsMax { max } => max,
            Limit::Latency(ceiling) => real(ceiling.max_us),
        },
        evidence: guarded.ln_evidence(),
        evidence_limit: situation.policy.evidence_limit(limit),
        odds: odds(guarded.ln_evidence()),
        state: CheckState::Pass,
        sentence: String::new(),
        requests: candidate.requests,
        requests_needed: errors_need(situation, memory, tolerated),
        errors: guarded.excursion().candidate.sum().errors,
        cells: guarded.excursion().candidate.with_errors(),
    };
    check.state = broken(watch, limit, check.evidence_limit)
        .unwrap_or_else(|| errors_state(situation, memory, tolerated, &check));
    check.sentence = errors_sentence(&check, tolerated, guarded, candidate);
    check
}

/// A limit that evidence says is broken, and by whom.
fn broken(watch: &Watch, limit: &Limit, enough: f64) -> Option<CheckState> {
    let state = if watch.aside { CheckState::Shared } else { CheckState::Fail };
    watch.is_broken(limit, enough).then_some(state)
}

fn errors_state(situation: &Situation<'_>, memory: &Memory, tolerated: Tolerated, check: &Check) -> CheckState {
    let whole = situation.stage.is_some_and(|s| s.is_whole());
    let reached = check.evidence >= check.evidence_limit;
    let control = memory.stage.control.sum().requests;
    if check.requests == 0 || (!whole && control == 0) {
        CheckState::NoData
    } else if check.requests < check.requests_needed || (!whole && control < situation.policy.requests) {
        CheckState::NotEnough
    } else if reached || errors_beyond(situation, memory, tolerated) {
        // Evidence beyond its limit that too few errors or cells carry is one client's until there is more.
        CheckState::Unclear
    } else {
        CheckState::Pass
    }
}

/// Requests of the candidate that a stage needs: at least the policy's, and enough to have seen a breach of this limit. At a ceiling
/// that is the rule of no failure.
fn errors_need(situation: &Situation<'_>, memory: &Memory, tolerated: Tolerated) -> u64 {
    let policy = situation.policy;
    if policy.power <= 0.0 {
        return policy.requests;
    }
    let by_power = match tolerated {
        Tolerated::Rate(ceiling) => without_failure(ceiling),
        Tolerated::Ratio(ratio) => {
            let (candidate, control) = (memory.stage.candidate.sum(), memory.stage.control.sum());
            let base = memory.control.sum().rate().unwrap_or(0.0).max(policy.error_floor);
            let control_per_request = real(control.requests.max(1)) / real(candidate.requests.max(1));
            Comparison { base, ratio, control_per_request, power: policy.power }.requests()
        }
    };
    policy.requests.max(by_power)
}

/// The stage's counts, the candidate's worst cell left out, are beyond the limit with confidence of 95 %: too little for a rollback,
/// too much to go on. A ceiling that control's counts break alike (after a fault of both that is over) says nothing of the candidate.
fn errors_beyond(situation: &Situation<'_>, memory: &Memory, tolerated: Tolerated) -> bool {
    let stage = &memory.stage;
    let candidate = stage.candidate.without_worst();
    if candidate.errors < LEAST_ERRORS || stage.candidate.with_errors() < LEAST_CELLS {
        return false;
    }
    let control = stage.control.sum();
    let whole = situation.stage.is_some_and(|s| s.is_whole());
    let (x, e) = (real(candidate.errors), real(candidate.requests));
    let (hits, all, share) = match tolerated {
        Tolerated::Rate(limit) if !whole && breaks_alike(limit, candidate, control) => return false,
        Tolerated::Rate(limit) => (x, e, limit),
        Tolerated::Ratio(ratio) => (x, x + real(control.errors), ratio * e / (ratio * e + real(control.requests))),
    };
    let dispersion = memory.control_between_cells().dispersion(tolerated);
    wilson(hits / dispersion, all / dispersion, Z95_ONE_SIDED).0 > share
}

/// A broken limit tells the time of the fault, any other the stage.
fn errors_sentence(check: &Check, tolerated: Tolerated, guarded: &Guarded, stage: Tally) -> String {
    let excursion = guarded.excursion();
    let broken = check.state.is_broken();
    let candidate = if broken { excursion.candidate.sum() } else { stage };
    let control = if broken { excursion.control.rate().or(check.control) } else { check.control };
    let rate = |rate: Option<f64>| rate.map_or_else(|| "unknown".to_owned(), percent);
    let against = match tolerated {
        Tolerated::Ratio(ratio) => {
            format!("against {} in control ({} times tolerated)", rate(control), significant(ratio))
        }
        Tolerated::Rate(limit) => match control {
            Some(control) => format!("against {} in control ({} tolerated)", percent(control), percent(limit)),
            None => format!("({} tolerated)", percent(limit)),
        },
    };
    let tail =
        if broken { format!(", {} errors in {} of 20 cells", count(check.errors), check.cells) } else { String::new() };
    format!("errors {} {against}, {}{tail}", rate(candidate.rate()), evidence_words(check))
}

fn evidence_words(check: &Check) -> String {
    format!("evidence {} against a limit of {}", check.odds, odds(check.evidence_limit))
}

fn latency(situation: &Situation<'_>, memory: &Memory, (ceiling, watch): (Ceiling, &Watch), slow: &Slow) -> Check {
    let stage = &memory.stage;
    let seen = ceiling.slow_of(&stage.candidate_durations);
    let found = quantile(&stage.candidate_durations, ceiling.quantile);
    let limit = Limit::Latency(ceiling);
    let mut check = Check {
        name: limit.name(),
        metric: "latency".into(),
        value: found.map(|q| q.value),
        interval: found.map(|q| q.interval),
        control: quantile(&stage.control_durations, ceiling.quantile).map(|q| q.value),
        limit: real(ceiling.max_us),
        evidence: slow.ln_evidence(),
        evidence_limit: situation.policy.evidence_limit(&limit),
        odds: odds(slow.ln_evidence()),
        state: CheckState::Pass,
        sentence: String::new(),
        requests: seen.requests,
        requests_needed: if situation.policy.power > 0.0 { without_failure(ceiling.tolerated()) } else { 1 },
        errors: ceiling.slow_of(&slow.excursion().candidate).errors,
        cells: 0,
    };
    check.state = broken(watch, &limit, check.evidence_limit)
        .unwrap_or_else(|| latency_state(situation, memory, ceiling, &check));
    check.sentence = latency_sentence(&check, ceiling, slow);
    check
}

fn latency_state(situation: &Situation<'_>, memory: &Memory, ceiling: Ceiling, check: &Check) -> CheckState {
    let reached = check.evidence >= check.evidence_limit;
    let seen = ceiling.slow_of(&memory.stage.candidate_durations);
    if !memory.is_settled(situation.policy) || (1..check.requests_needed).contains(&seen.requests) {
        CheckState::NotEnough
    } else if seen.requests == 0 {
        CheckState::NoData
    } else if reached || slow_beyond(situation, memory, ceiling) {
        CheckState::Unclear
    } else {
        CheckState::Pass
    }
}

/// As [`errors_beyond`].
fn slow_beyond(situation: &Situation<'_>, memory: &Memory, ceiling: Ceiling) -> bool {
    let seen = ceiling.slow_of(&memory.stage.candidate_durations);
    let control = ceiling.slow_of(&memory.stage.control_durations);
    let whole = situation.stage.is_some_and(|s| s.is_whole());
    let beyond = wilson(real(seen.errors), real(seen.requests), Z95_ONE_SIDED).0 > ceiling.tolerated();
    seen.errors >= LEAST_SLOW && beyond && (whole || !breaks_alike(ceiling.tolerated(), seen, control))
}

fn latency_sentence(check: &Check, ceiling: Ceiling, slow: &Slow) -> String {
    let broken = check.state.is_broken();
    let at_fault = |bins: &Bins| quantile(bins, ceiling.quantile).map(|q| q.value).filter(|_| broken);
    let words = |value: Option<f64>| value.map_or_else(|| "unknown".to_owned(), millis);
    let excursion = slow.excursion();
    let candidate = words(at_fault(&excursion.candidate).or(check.value));
    let control = match at_fault(&excursion.control).or(check.control) {
        Some(us) => format!("against {} in control ({} tolerated)", millis(us), millis(check.limit)),
        None => format!("({} tolerated)", millis(check.limit)),
    };
    let tail = if broken {
        format!(", {} of {} requests slower", count(check.errors), count(excursion.candidate.count()))
    } else {
        String::new()
    };
    format!("{} {candidate} {control}, {}{tail}", quantile_name(ceiling.quantile), evidence_words(check))
}
