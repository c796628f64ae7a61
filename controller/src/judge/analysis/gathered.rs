//! [`Gathered`]: what is remembered for an analysis. Owns which counts go where; says nothing of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::drift::Drifting;
use super::goal::{Arm, Arms};
use super::policy::Analysis;
use super::segments::Segment;
use crate::judge::policy::Policy;
use crate::judge::situation::Situation;
use crate::observation::{FlagCounts, Observation, ShadowCounts, VariantCounts};

/// So many segments are remembered; a history with more is cut off, by name. Proxies count fewer, with room for those that came and went.
const MOST_SEGMENTS: usize = 32;

const _: () = assert!(MOST_SEGMENTS >= weir_core::segment::MAX_SEGMENTS);

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct Gathered {
    /// Of the stage, by name of the goal or score.
    pub goals: BTreeMap<String, Arms>,
    /// As goals.
    pub scores: BTreeMap<String, Arms>,
    /// By name.
    pub segments: BTreeMap<String, Segment>,
    /// Of the attempt.
    pub shadow: ShadowCounts,
    /// Of the attempt, and of the time after it.
    pub drift: Drifting,
    /// When the attempt was taken back, milliseconds since the Unix epoch: what it was to find out is left as it was then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at_ms: Option<u64>,
}

impl Gathered {
    /// A stage begins: goals of another time and weight must not be mixed.
    pub fn begin_stage(&mut self, policy: &Policy) {
        self.goals.clear();
        self.scores.clear();
        for segment in self.segments.values_mut() {
            segment.begin_stage(policy);
        }
    }

    /// Takes in a tick.
    pub fn absorb(&mut self, situation: &Situation<'_>, observation: &Observation) {
        let Some(analysis) = &situation.policy.analysis else { return };
        // A tick without any request is one all the same.
        let nothing = FlagCounts::default();
        let flag = observation.flags.get(situation.flag).unwrap_or(&nothing);
        let empty = VariantCounts::default();
        let pair = sides(situation, &flag.variants, &empty);
        self.drift.absorb(analysis, situation, pair, observation);
        match (&flag.shadow, situation.stage) {
            (_, Some(_)) => add(analysis, &mut self.goals, &mut self.scores, pair),
            (Some(shadow), None) => super::shadow::add(&mut self.shadow, shadow),
            (None, None) => {}
        }
        let Some(policy) = analysis.segments else { return };
        for name in flag.segments.keys().take(MOST_SEGMENTS) {
            self.segments.entry(name.clone()).or_insert_with(|| Segment::new(situation.policy));
        }
        // Idle ones are left out of a tick; their time goes on.
        let nobody = BTreeMap::new();
        for (name, segment) in &mut self.segments {
            let variants = flag.segments.get(name).unwrap_or(&nobody);
            segment.absorb(situation, (analysis, policy), observation, sides(situation, variants, &empty));
        }
    }

    /// What becomes of the tests that were under way, for the end of a sentence; nothing if there were none.
    #[must_use]
    pub fn stopped(&self) -> String {
        let tests: Vec<&str> = self.goals.keys().chain(self.scores.keys()).map(String::as_str).collect();
        match tests.as_slice() {
            [] => String::new(),
            tests => format!("; the test of {} is stopped; its counts are kept", tests.join(", ")),
        }
    }

    /// A tick after the last stage: only drift is looked for.
    pub fn absorb_after(&mut self, situation: &Situation<'_>, observation: &Observation) {
        let Some(analysis) = &situation.policy.analysis else { return };
        let nothing = FlagCounts::default();
        let flag = observation.flags.get(situation.flag).unwrap_or(&nothing);
        let empty = VariantCounts::default();
        self.drift.absorb(analysis, situation, sides(situation, &flag.variants, &empty), observation);
    }
}

/// Adds a tick's goals and scores of both variants.
pub(super) fn add(
    analysis: &Analysis,
    goals: &mut BTreeMap<String, Arms>,
    scores: &mut BTreeMap<String, Arms>,
    (candidate, control): (&VariantCounts, &VariantCounts),
) {
    for name in analysis.goals.keys() {
        let arms = goals.entry(name.clone()).or_default();
        arms.candidate.add(&Arm::of_goal(candidate, name));
        arms.control.add(&Arm::of_goal(control, name));
    }
    for name in analysis.scores.keys() {
        let arms = scores.entry(name.clone()).or_default();
        arms.candidate.add(&Arm::of_score(candidate, name));
        arms.control.add(&Arm::of_score(control, name));
    }
}

fn sides<'a>(
    situation: &Situation<'_>,
    variants: &'a BTreeMap<String, VariantCounts>,
    empty: &'a VariantCounts,
) -> (&'a VariantCounts, &'a VariantCounts) {
    let of = |name: &str| variants.get(name).unwrap_or(empty);
    (of(situation.candidate), of(situation.control))
}
