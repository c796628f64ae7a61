//! What is looked at beside the guardrails: goals and scores, segments, drift, shadow answers. None of it is needed; an attempt without an
//! [`Analysis`] is judged by its guardrails alone. Pure, as all of the judge.
//!
//! Reading order: `policy` (what is asked for), `gathered` (what is remembered), `goal` (better, worse, tie), `segments` (each by
//! itself), `drift` (another distribution than the reference), `shadow` (answers compared), `remark` (what is said of each).
mod drift;
mod gathered;
mod goal;
mod policy;
mod remark;
mod segments;
mod shadow;

pub use drift::Drifting;
pub use gathered::{Gathered, Seen};
pub use goal::{Arm, Arms, Comparison, Kind, Outcome, compare, planned};
pub use policy::{Action, Analysis, Better, DriftPolicy, Goal, Length, SegmentPolicy, ShadowPolicy, Source};
pub use remark::{Blocks, Remark, RemarkState};
pub use segments::{Scope, SegmentCounts};
pub use shadow::{Judged, ShadowState, WorstField, judged};

use super::ruling::Why;
use super::situation::Situation;
use crate::judge::ruling::Verdict;

/// What there is to say of a stage, in the order in which it matters.
#[must_use]
pub fn remarks(situation: &Situation<'_>, gathered: &Gathered) -> (Vec<Remark>, Option<Scope>) {
    let Some(analysis) = &situation.policy.analysis else { return (Vec::new(), None) };
    let mut remarks: Vec<Remark> = gathered.drift.remark(analysis).into_iter().collect();
    let (of_segments, scope) = segments::remarks(situation, analysis, gathered);
    remarks.extend(of_segments);
    remarks.extend(goal::remarks(analysis, gathered));
    (remarks, scope)
}

/// What the shadow says before the first stage; `None` where none is asked for.
#[must_use]
pub fn of_shadow(situation: &Situation<'_>, gathered: &Gathered) -> Option<Remark> {
    let policy = situation.policy.analysis.as_ref()?.shadow.as_ref()?;
    Some(shadow::remark(policy, &gathered.shadow))
}

/// What stands between a stage and the next.
fn blocks(verdict: Verdict, why: Why, asks: bool) -> Option<Blocks> {
    Some(Blocks { verdict, why, asks })
}
