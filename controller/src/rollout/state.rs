//! [`RolloutState`]: where one rollout stands. Owns what is stored of it and what the proxies get of it; knows neither database nor
//! proxy.

use serde::{Deserialize, Serialize};
use weir_core::share::Share;
use weir_core::snapshot::FlagState;

use super::plan::Plan;
use crate::judge::Memory;

/// Where one rollout stands. Stored after every tick and every command; what is read back is exactly what was stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", default)]
pub struct RolloutState {
    /// Number of the attempt; 0 before the first start.
    pub attempt: u64,
    /// What it is doing. A kill leaves it as it was, to show what was killed.
    pub phase: Phase,
    /// The candidate's weight, parts per million; never above the stage's.
    pub weight_ppm: u32,
    /// Rolled back: whoever would get the candidate gets control.
    pub mask: bool,
    /// Killed, until revived.
    pub killed: bool,
    /// When the phase (or the stage) began, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// What the attempt goes by; `None` before the first start.
    pub plan: Option<Plan>,
    /// What the judge remembers of the attempt, from its start or the last resume on.
    pub memory: Memory,
}

/// What a rollout is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Phase {
    /// Never started.
    #[default]
    Idle,
    /// Started, at weight 0: control's data are awaited.
    Baseline,
    /// In a stage, counted from 0.
    Running { stage: usize },
    /// At weight 0 until a person resumes.
    Paused,
    /// At weight 0 and masked.
    RolledBack,
    /// At 100 %, all stages over.
    Done,
}

impl Phase {
    /// Started and not ended: it goes on by itself unless it is killed.
    #[must_use]
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Baseline | Self::Running { .. })
    }
}

impl RolloutState {
    /// What the proxies get.
    #[must_use]
    pub fn flag_state(&self) -> FlagState {
        FlagState { weight: Share::from_ppm(self.weight_ppm).unwrap_or_default(), mask: self.mask, kill: self.killed }
    }

    /// Ticks change it: it is under way and not killed.
    #[must_use]
    pub fn is_judged(&self) -> bool {
        self.phase.is_under_way() && !self.killed
    }

    /// The stage under way, counted from 0, and how many there are.
    #[must_use]
    pub fn stage(&self) -> Option<(usize, usize)> {
        let Phase::Running { stage } = self.phase else { return None };
        Some((stage, self.plan.as_ref()?.stages.len()))
    }

    /// All on control, in one step.
    pub(super) fn rolled_back(&self, now_ms: u64) -> Self {
        Self { phase: Phase::RolledBack, weight_ppm: 0, mask: true, since_ms: now_ms, ..self.clone() }
    }
}
