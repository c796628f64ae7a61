//! Every guardrail by segment. Owns the correction for looking at all of them in all segments; evidence and words are the guardrails' own.
//!
//! e-BH asks for n / (alpha k) where the k-th largest of n evidences reaches that. Evidence that is fresh in each stage counts by its part
//! of the stages, so that the whole attempt is one look. Dry runs take no part, and what others answer is not known by segment.

use super::super::policy::SegmentPolicy;
use super::super::remark::{Remark, RemarkState};
use super::{Named, Segment};
use crate::judge::check::checks;
use crate::judge::limit::Limit;
use crate::judge::ruling::{Check, CheckState};
use crate::judge::situation::Situation;
use crate::stats::multiple::e_bh;
use crate::stats::real;

/// Where a segment stands while it is observed. Evidence is put aside, as control breaks a ceiling as well, from where it can count at all:
/// if every other look counts too.
pub(super) fn least<'a>(situation: &Situation<'a>, policy: SegmentPolicy) -> Situation<'a> {
    Situation { enough: Some(-policy.alpha.ln()), ..*situation }
}

/// What every deciding limit says of every segment.
pub(super) fn remarks(situation: &Situation<'_>, policy: SegmentPolicy, segments: &Named<'_>) -> Vec<Remark> {
    let looks = looks(situation, segments);
    let counted = e_bh(&looks, policy.alpha).into_iter().filter(|counted| *counted).count();
    let size = |n: usize| real(u64::try_from(n.max(1)).unwrap_or(u64::MAX));
    let enough = (size(looks.len()) / size(counted) / policy.alpha).ln();
    let situation = &Situation { enough: Some(enough), ..*situation };
    let of = |(name, segment): &(&String, &Segment)| -> Vec<Remark> {
        let is_enough = segment.is_enough(situation, policy);
        let checks = checks(situation, &segment.memory).into_iter();
        checks
            .filter(|check| check.decides() && !check.is_custom())
            .map(|check| remark(name, check, is_enough, policy))
            .collect()
    };
    segments.iter().flat_map(of).collect()
}

/// All evidences, as natural logarithms.
fn looks(situation: &Situation<'_>, segments: &Named<'_>) -> Vec<f64> {
    let whole = situation.stage.is_some_and(|stage| stage.is_whole());
    let deciding = |(limit, _): &(&Limit, _)| !limit.dry_run && limit.is_statistical();
    let pairs = segments.iter().flat_map(|(_, segment)| situation.policy.limits.iter().zip(&segment.memory.watches));
    pairs.filter(deciding).map(|(limit, watch)| watch.evidence.ln(whole) - situation.policy.ln_stages(limit)).collect()
}

fn remark(segment: &str, check: Check, is_enough: bool, policy: SegmentPolicy) -> Remark {
    let state = match check.state {
        CheckState::Fail => RemarkState::Worse,
        CheckState::NoData => RemarkState::NoData,
        CheckState::NotEnough => RemarkState::NotEnough,
        CheckState::Shared | CheckState::Unclear | CheckState::Pass if !is_enough => RemarkState::NotEnough,
        CheckState::Shared | CheckState::Unclear => RemarkState::Inconclusive,
        CheckState::Pass => RemarkState::Pass,
    };
    Remark {
        name: format!("segment {segment} {}", check.name),
        sentence: format!("segment {segment}: {}", check.sentence),
        segment: Some(segment.to_owned()),
        state,
        value: check.value,
        interval: check.interval,
        limit: check.limit,
        seen: check.requests,
        needed: check.requests_needed.max(policy.requests),
        blocks: None,
        alarm: false,
    }
}
