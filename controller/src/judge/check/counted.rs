//! Limits on what is counted: errors, timeouts, and the like.

use weir_core::guardrail::Counter;

use super::super::counted::Sample;
use super::super::guarded::{Guarded, Tolerated};
use super::super::limit::Bound;
use super::super::ruling::{Check, CheckState};
use super::super::tally::Tally;
use super::super::watch::breaks_alike;
use super::super::words::{count, percent, significant};
use super::{Case, evidence_words};
use crate::stats::normal::Z95_ONE_SIDED;
use crate::stats::power::{Breach, Comparison};
use crate::stats::proportion::wilson;
use crate::stats::real;

/// Errors, or cells, below which counts beyond a limit say nothing yet.
const LEAST_ERRORS: u64 = 5;
const LEAST_CELLS: u32 = 3;

/// A floor that is to be seen breached can't be as high as all requests.
const MOST_OF_A_FLOOR: f64 = 0.5;

pub(super) fn check(case: Case<'_>, counter: &Counter, guarded: &Guarded) -> Check {
    let tolerated = case.memory.tolerated(case.situation, case.limit);
    let (sample, beside) = case.memory.of_stage(counter);
    let (candidate, control) = (sample.whole, beside.whole);
    let reference = if case.whole { case.memory.reference(counter) } else { control };
    let mut check = Check {
        value: candidate.rate(),
        interval: candidate.rate().map(|_| candidate.interval()),
        control: reference.rate(),
        limit: match case.limit.bound {
            Bound::Ratio { ratio, .. } => ratio,
            Bound::Max { max, .. } => max,
            Bound::Latency(_) | Bound::LatencyRatio(_) | Bound::Custom(_) => 0.0,
        },
        requests: candidate.requests,
        requests_needed: need(case, (candidate, control), tolerated),
        errors: guarded.excursion().sum().errors,
        cells: if by_cell(counter) { guarded.excursion().candidate.with_errors() } else { 0 },
        ..case.blank()
    };
    check.state = case.broken(&check).unwrap_or_else(|| state(case, (&sample, &beside), tolerated, &check));
    check.sentence = sentence(&check, counter, tolerated, guarded, candidate);
    if check.state == CheckState::Unclear {
        if is_one_cells(&sample) {
            check.sentence.push_str("; most of its requests come from one of 20 cells of users");
        } else if !is_beyond(case, (&sample, control), tolerated) {
            check.sentence.push_str(&one_client(&sample, &beside));
        }
    }
    check
}

/// Cells say where these came from, or at least where they can have.
fn by_cell(counter: &Counter) -> bool {
    match counter {
        Counter::Errors | Counter::Named(_) | Counter::ServerErrors | Counter::Timeouts | Counter::Resets => true,
        Counter::ClientErrors | Counter::Cancelled => false,
    }
}

fn state(case: Case<'_>, counts: (&Sample, &Sample), tolerated: Tolerated, check: &Check) -> CheckState {
    let reached = check.evidence >= check.evidence_limit;
    let control = counts.1.whole.requests;
    if check.requests == 0 || (!case.whole && control == 0) {
        CheckState::NoData
    } else if check.requests < check.requests_needed || (!case.whole && control < case.situation.policy.requests) {
        CheckState::NotEnough
    } else if reached || beyond(case, counts, tolerated) {
        // Evidence beyond its limit that too few errors or cells carry is one client's until there is more.
        CheckState::Unclear
    } else {
        CheckState::Pass
    }
}

/// Requests of the candidate that a stage needs: at least the policy's, and enough to have seen a breach of this limit. At a ceiling
/// that is twice what it tolerates.
fn need(case: Case<'_>, (candidate, control): (Tally, Tally), tolerated: Tolerated) -> u64 {
    let policy = case.situation.policy;
    if policy.power <= 0.0 {
        return policy.requests;
    }
    let by_power = match tolerated {
        Tolerated::Rate(ceiling) => {
            // Where a control without errors is the reference, no number of requests would be enough.
            let ceiling = match case.limit.bound {
                Bound::Ratio { ratio, .. } => ceiling.max((ratio * policy.error_floor).min(MOST_OF_A_FLOOR)),
                Bound::Max { .. } | Bound::Latency(_) | Bound::LatencyRatio(_) | Bound::Custom(_) => ceiling,
            };
            Breach { ceiling, power: policy.power, least: real(LEAST_ERRORS), guarded: true }.requests()
        }
        Tolerated::Ratio(ratio) => {
            let base = case.memory.spread(case.limit).rate().max(policy.error_floor);
            let control_per_request = real(control.requests.max(1)) / real(candidate.requests.max(1));
            Comparison { base, ratio, control_per_request, power: policy.power }.requests()
        }
    };
    policy.requests.max(by_power)
}

/// Too little for a rollback, too much to go on: the stage's counts are beyond the limit, also beside control without its own worst cell,
/// for one bad client of control's must not hide a fault.
fn beyond(case: Case<'_>, (sample, control): (&Sample, &Sample), tolerated: Tolerated) -> bool {
    let beside = |control| is_beyond(case, (sample, control), tolerated);
    beside(control.whole) || (control.counter.is_by_cell() && beside(control.without_worst()))
}

/// Most of the requests come from one cell: what is left without it says little.
fn is_one_cells(sample: &Sample) -> bool {
    sample.without_worst().requests.saturating_mul(2) < sample.whole.requests
}

/// The stage's counts, the candidate's worst cell left out, are beyond the limit with confidence of 95 %. A ceiling that control's counts break
/// alike (after a fault of both that is over) says nothing of the candidate.
fn is_beyond(case: Case<'_>, (sample, control): (&Sample, Tally), tolerated: Tolerated) -> bool {
    let one_cells = is_one_cells(sample);
    let candidate = if one_cells { sample.whole } else { sample.without_worst() };
    if candidate.errors < LEAST_ERRORS || (!one_cells && sample.cells.with_errors() < LEAST_CELLS) {
        return false;
    }
    let (x, e) = (real(candidate.errors), real(candidate.requests));
    let (hits, all, share) = match tolerated {
        Tolerated::Rate(limit) if !case.whole && breaks_alike(limit, candidate, control) => return false,
        Tolerated::Rate(limit) => (x, e, limit),
        Tolerated::Ratio(ratio) => (x, x + real(control.errors), ratio * e / (ratio * e + real(control.requests))),
    };
    let dispersion = case.memory.spread(case.limit).dispersion(tolerated);
    wilson(hits / dispersion, all / dispersion, Z95_ONE_SIDED).0 > share
}

/// Beyond the limit only without control's worst cell.
fn one_client(sample: &Sample, control: &Sample) -> String {
    let (candidate, control) = (rate(sample.without_worst().rate()), rate(control.without_worst().rate()));
    format!("; without the worst cell of each {candidate} against {control}")
}

fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(|| "unknown".to_owned(), percent)
}

/// A broken limit tells the time of the fault, any other the stage.
fn sentence(check: &Check, counter: &Counter, tolerated: Tolerated, guarded: &Guarded, stage: Tally) -> String {
    let excursion = guarded.excursion();
    let broken = check.state.is_broken();
    let candidate = if broken { excursion.sum() } else { stage };
    let control = if broken { excursion.control.rate().or(check.control) } else { check.control };
    let against = match tolerated {
        Tolerated::Ratio(ratio) => {
            format!("against {} in control ({} times tolerated)", rate(control), significant(ratio))
        }
        Tolerated::Rate(limit) => match control {
            Some(control) => format!("against {} in control ({} tolerated)", percent(control), percent(limit)),
            None => format!("({} tolerated)", percent(limit)),
        },
    };
    let name = match counter {
        Counter::Named(name) => name.to_string(),
        built_in => built_in.name().replace('_', " "),
    };
    let tail = match (broken, by_cell(counter)) {
        (false, _) => String::new(),
        (true, true) => format!(", {} {name} in {} of 20 cells", count(check.errors), check.cells),
        (true, false) => format!(", {} {name} and more than any one cell of users can have had", count(check.errors)),
    };
    format!("{name} {} {against}, {}{tail}", rate(candidate.rate()), evidence_words(check))
}
