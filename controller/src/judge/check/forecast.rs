//! When a check will be able to say more, if things go on as they do.

use super::super::ruling::{Check, CheckState};
use super::Case;
use crate::stats::{real, whole};

/// No forecast reaches beyond so many requests.
const MOST: u64 = 1_000_000_000;

/// Fills in how many requests are missing until the check decides, and how long they take.
pub(super) fn forecast(case: Case<'_>, check: &mut Check) {
    let missing = match check.state {
        CheckState::NotEnough | CheckState::NoData => Some(check.requests_needed.saturating_sub(check.requests)),
        CheckState::Unclear => evidence_missing(case, check),
        CheckState::Pass | CheckState::Fail | CheckState::Shared => return,
    };
    check.requests_missing = missing;
    let policy = case.situation.policy;
    let settling = match case.limit.settles() {
        true => policy.settle_ms.saturating_sub(case.memory.stage.elapsed_ms),
        false => 0,
    };
    check.decides_in_ms = missing
        .and_then(|missing| case.memory.recent.time_for(missing, |piece| piece.candidate))
        .map(|ms| ms.saturating_add(settling));
}

/// Evidence grows with the requests of the time that it rests on: so many more until it is enough for a rollback. `None` if it does not
/// grow.
fn evidence_missing(case: Case<'_>, check: &Check) -> Option<u64> {
    let requests = case.watch.evidence.rests_on();
    let left = check.evidence_limit - check.evidence;
    (check.evidence > 0.0 && left > 0.0 && requests > 0).then(|| whole(left / check.evidence * real(requests), MOST))
}
