//! Each segment by itself: a candidate that is better on the whole may be worse for those who matter. Owns what is remembered of a segment
//! and for whom a candidate can go on; knows no stage.
//!
//! A segment has a [`Memory`] of its own: every guardrail is held against its users with the very evidence that decides about everybody
//! (`limits`; e-BH over segments and limits, which needs no independence). Goals and scores have their sequences (`goals`; Holm over segments
//! and goals). Both may be looked at in every tick. `reversal` is Simpson's.
mod goals;
mod limits;
mod reversal;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gathered::add;
use super::goal::Arms;
use super::policy::{Analysis, SegmentPolicy};
use super::remark::{Remark, RemarkState};
use crate::judge::memory::Memory;
use crate::judge::policy::Policy;
use crate::judge::ruling::{Verdict, Why};
use crate::judge::situation::Situation;
use crate::observation::{Observation, VariantCounts};

/// What is remembered of a segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Segment {
    /// What the judge remembers of its users.
    pub memory: Memory,
    /// Goals in the stage, by name.
    pub goals: BTreeMap<String, Arms>,
    /// Scores in the stage, by name.
    pub scores: BTreeMap<String, Arms>,
}

/// Segments with their names.
type Named<'a> = [(&'a String, &'a Segment)];

/// For whom a candidate can go on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Scope {
    /// Segments in which nothing speaks against it, with enough seen.
    pub good: Vec<String>,
    /// Segments in which it is worse.
    pub held: Vec<String>,
    /// Segments of which too little was seen, or in which a limit is unclear.
    pub unknown: Vec<String>,
}

impl Segment {
    pub(super) fn new(policy: &Policy) -> Self {
        Self { memory: Memory::new(policy), ..Self::default() }
    }

    pub(super) fn begin_stage(&mut self, policy: &Policy) {
        self.memory.begin_stage(policy);
        self.goals.clear();
        self.scores.clear();
    }

    /// Takes in a tick's counts of its users (candidate, control).
    pub(super) fn absorb(
        &mut self,
        situation: &Situation<'_>,
        (analysis, policy): (&Analysis, SegmentPolicy),
        observation: &Observation,
        pair: (&VariantCounts, &VariantCounts),
    ) {
        self.memory.take(&limits::least(situation, policy), observation, pair);
        if situation.stage.is_some() {
            add(analysis, &mut self.goals, &mut self.scores, pair);
        }
    }

    /// Requests of both in the stage.
    fn requests(&self) -> u64 {
        let stage = &self.memory.stage;
        stage.candidate.sum().requests.saturating_add(stage.control.sum().requests)
    }

    /// Enough was seen of both; of the candidate where there is no control.
    fn is_enough(&self, situation: &Situation<'_>, policy: SegmentPolicy) -> bool {
        let (candidate, control) = (self.memory.stage.candidate.sum(), self.memory.stage.control.sum());
        let alone = situation.stage.is_some_and(|stage| stage.is_whole());
        candidate.requests >= policy.requests && (alone || control.requests >= policy.requests)
    }
}

/// What there is to say of every segment, and for whom the candidate can go on.
pub(super) fn remarks(situation: &Situation<'_>, analysis: &Analysis, memory: &Memory) -> (Vec<Remark>, Option<Scope>) {
    let Some(policy) = analysis.segments else { return (Vec::new(), None) };
    let segments: Vec<(&String, &Segment)> = memory.gathered.segments.iter().collect();
    if segments.is_empty() {
        return (Vec::new(), None);
    }
    let limits = limits::remarks(situation, policy, &segments);
    let goals = goals::remarks(analysis, policy, &segments);
    let mut scope = Scope::default();
    for (name, segment) in &segments {
        let of_limits = |state| has(&limits, name, state);
        let list = if of_limits(RemarkState::Worse) || has(&goals, name, RemarkState::Worse) {
            &mut scope.held
        } else if segment.is_enough(situation, policy) && !of_limits(RemarkState::Inconclusive) {
            &mut scope.good
        } else {
            &mut scope.unknown
        };
        list.push((*name).clone());
    }
    let mut remarks: Vec<Remark> = limits.into_iter().chain(goals).collect();
    if !scope.held.is_empty() {
        remarks.insert(0, held(&segments, &scope, &remarks));
    }
    let strata: Vec<_> = segments.iter().filter(|(_, segment)| segment.is_enough(situation, policy)).copied().collect();
    remarks.extend(reversal::remarks(analysis, memory, &strata));
    (remarks, Some(scope))
}

fn has(remarks: &[Remark], segment: &str, state: RemarkState) -> bool {
    remarks.iter().any(|remark| remark.segment.as_deref() == Some(segment) && remark.state == state)
}

/// The one sentence on those in whom it is worse.
fn held(segments: &Named<'_>, scope: &Scope, remarks: &[Remark]) -> Remark {
    let largest = segments.iter().max_by_key(|(_, segment)| segment.requests()).map(|(name, _)| *name);
    let worse = remarks.iter().filter(|remark| remark.state == RemarkState::Worse);
    let worse: Vec<&str> = worse.map(|remark| remark.sentence.as_str()).collect();
    let most =
        if largest.is_some_and(|name| scope.held.contains(name)) { " (the largest segment is among them)" } else { "" };
    let good = match scope.good.as_slice() {
        [] => "for no segment it could be rolled out".to_owned(),
        good => format!("it could be rolled out for {} and held for the rest", good.join(", ")),
    };
    let sentence = format!("worse for {}{most}: {}; {good}", scope.held.join(", "), worse.join("; "));
    let seen = segments.iter().map(|(_, segment)| segment.memory.stage.candidate.sum().requests);
    blocking("segments".to_owned(), None, seen.fold(0, u64::saturating_add), sentence)
}

/// A remark that holds the stage and asks.
fn blocking(name: String, value: Option<f64>, seen: u64, sentence: String) -> Remark {
    Remark {
        name,
        segment: None,
        state: RemarkState::Fail,
        value,
        interval: None,
        limit: 0.0,
        seen,
        needed: 0,
        sentence,
        blocks: super::blocks(Verdict::Hold, Why::Segments, true),
        alarm: false,
    }
}
