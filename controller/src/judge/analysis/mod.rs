//! What is looked at beside the guardrails: goals and scores, segments, drift, shadow answers. None of it is needed; an attempt without an
//! [`Analysis`] is judged by its guardrails alone. Pure, as all of the judge.
//!
//! Reading order: `policy` (what is asked for), `gathered` (what is remembered), `goal` (better, worse, tie; `goal_words` says it), `segments` (each by
//! itself), `drift` (another distribution than the reference), `shadow` (answers compared), `remark` (what is said of each).
mod drift;
mod gathered;
mod goal;
mod goal_words;
mod policy;
mod remark;
mod segments;
mod shadow;

pub use drift::{DRIFT, Drifting};
pub use gathered::Gathered;
pub use goal::{Arm, Arms, Comparison, Kind, Outcome, compare, planned};
pub use policy::{Action, Analysis, Better, DriftPolicy, Goal, SegmentPolicy, ShadowPolicy, Source};
pub use remark::{Blocks, Remark, RemarkState};
pub use segments::{Scope, Segment};
pub use shadow::{Judged, ShadowState, WorstField, judged};

use super::memory::Memory;
use super::ruling::Why;
use super::situation::Situation;
use crate::judge::ruling::Verdict;

/// What there is to say of a stage, in the order in which it matters.
#[must_use]
pub fn remarks(situation: &Situation<'_>, memory: &Memory) -> (Vec<Remark>, Option<Scope>) {
    let Some(analysis) = &situation.policy.analysis else { return (Vec::new(), None) };
    let gathered = &memory.gathered;
    let mut remarks: Vec<Remark> = gathered.drift.remark(analysis).into_iter().collect();
    let (of_segments, scope) = segments::remarks(situation, analysis, memory);
    remarks.extend(of_segments);
    let whole = situation.stage.is_some_and(|stage| stage.is_whole());
    remarks.extend(goal::remarks(analysis, gathered, whole));
    (remarks, scope)
}

/// What there is to say after the last stage: only drift is looked for.
#[must_use]
pub fn after(situation: &Situation<'_>, memory: &Memory) -> Option<Remark> {
    memory.gathered.drift.remark(situation.policy.analysis.as_ref()?)
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
