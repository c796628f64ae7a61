//! [`Plan`]: the part of a document's rollout that is fixed while an attempt runs. It is copied into the state when the attempt
//! starts, so that a document applied later changes neither the stages nor the rule of decision under way.

use serde::{Deserialize, Serialize};
use weir_core::document::{self, Rollout};
use weir_core::span::Span;

use crate::judge::Policy;

/// What an attempt goes by, from its start to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Plan {
    /// Name of the variant that everybody had before.
    pub control: String,
    /// Name of the variant that is to reach everybody.
    pub candidate: String,
    /// Weights rise; the last is 100 %.
    pub stages: Vec<PlanStage>,
    /// How it is judged.
    pub policy: Policy,
}

/// One stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct PlanStage {
    /// The candidate's weight, parts per million.
    pub weight_ppm: u32,
    /// Observed time that it lasts at least, milliseconds.
    pub lasts_ms: u64,
    /// How long it may take, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<u64>,
}

impl PlanStage {
    fn of(stage: &document::Stage) -> Self {
        let longest_ms = stage.max_duration.map(Span::ms);
        Self { weight_ppm: stage.weight.ppm(), lasts_ms: stage.lasts.ms(), longest_ms }
    }
}

impl Plan {
    /// The stored form of a document's rollout.
    #[must_use]
    pub fn of(rollout: &Rollout) -> Self {
        Self {
            control: rollout.control.clone(),
            candidate: rollout.candidate.clone(),
            stages: rollout.stages.iter().map(PlanStage::of).collect(),
            policy: Policy::of(rollout),
        }
    }
}
