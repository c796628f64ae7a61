//! What a person orders of a rollout. Owns which order is refused in which state, and why in plain words; knows no API.

use serde::{Deserialize, Serialize};
use weir_core::document::Rollout;
use weir_core::share::Share;

use super::plan::Plan;
use super::state::{Phase, RolloutState};
use crate::judge::Memory;

/// A person's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Command {
    /// A new attempt. Forced, it does not wait for control's data before the first stage.
    Start { force: bool },
    /// Goes on after a pause, from the beginning: control's data, then the first stage, with the judge's memory empty. Same attempt.
    Resume,
    /// All on control, from every state of a rollout that was started.
    Rollback,
    /// All on control, from every state.
    Kill,
    /// Takes the kill away. What was under way or done is paused at weight 0.
    Revive,
}

/// Why an order was not obeyed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Start while an attempt is under way.
    #[error("attempt {0} is under way: roll it back before starting another")]
    UnderWay(u64),
    /// Start while paused.
    #[error("attempt {0} is paused: resume it, or roll it back before starting another")]
    PausedAlready(u64),
    /// Start after the end.
    #[error("attempt {0} ended at 100 %: make the candidate the defaultVariant to finish it, or roll it back first")]
    Ended(u64),
    /// Start or resume while killed.
    #[error("the flag is killed: revive it first")]
    Killed,
    /// Control is not what users have now.
    #[error(
        "control is {control:?} but the flag's defaultVariant is {found}: starting would change the variant of everybody"
    )]
    ControlIsNotDefault {
        /// The rollout's control.
        control: String,
        /// The flag's defaultVariant, quoted, or `absent`.
        found: String,
    },
    /// The document has no stage (its check refuses that).
    #[error("the rollout has no stage")]
    NoStage,
    /// Start of a rollout whose first stage is everybody.
    #[error(
        "the first stage is 100 %: everybody at once, with no control to compare with; `force` with a reason does it all the same"
    )]
    StraightToAll,
    /// Resume of what is not paused.
    #[error("nothing to resume: the rollout is {0}")]
    NotPaused(&'static str),
    /// Resume of an attempt whose variants the document has changed since.
    #[error("the document names other variants than attempt {0} began with: roll it back and start another")]
    OtherVariants(u64),
    /// Rollback of what was never started.
    #[error("nothing to roll back: the rollout was never started")]
    NeverStarted,
    /// Revive of what is not killed.
    #[error("nothing to revive: the flag is not killed")]
    NotKilled,
}

impl RolloutState {
    /// Obeys a person's order at `now_ms` (milliseconds since the Unix epoch), with the rollout and the flag's defaultVariant as the
    /// document has them now. Rollback and kill repeated change nothing and are no error: whoever wants all on control has it.
    ///
    /// # Errors
    /// [`Refusal`], with nothing changed.
    pub fn command(
        &self,
        command: &Command,
        rollout: &Rollout,
        default_variant: Option<&str>,
        now_ms: u64,
    ) -> Result<Self, Refusal> {
        match command {
            Command::Start { force } => self.start(*force, rollout, default_variant, now_ms),
            Command::Resume => self.resume(rollout, default_variant, now_ms),
            Command::Rollback => self.rollback(now_ms),
            Command::Kill => Ok(self.kill()),
            Command::Revive => self.revive(now_ms),
        }
    }

    fn start(&self, force: bool, rollout: &Rollout, default: Option<&str>, now_ms: u64) -> Result<Self, Refusal> {
        if self.killed {
            return Err(Refusal::Killed);
        }
        match self.phase {
            Phase::Idle | Phase::RolledBack => {}
            Phase::Baseline | Phase::Running { .. } => return Err(Refusal::UnderWay(self.attempt)),
            Phase::Paused => return Err(Refusal::PausedAlready(self.attempt)),
            Phase::Done => return Err(Refusal::Ended(self.attempt)),
        }
        control_is_default(rollout, default)?;
        let first = rollout.stages.first().ok_or(Refusal::NoStage)?;
        if first.weight == Share::ALL && !force {
            return Err(Refusal::StraightToAll);
        }
        let plan = Plan::of(rollout);
        Ok(Self {
            attempt: self.attempt.saturating_add(1),
            phase: if force { Phase::Running { stage: 0 } } else { Phase::Baseline },
            weight_ppm: if force { first.weight.ppm() } else { 0 },
            mask: false,
            killed: false,
            since_ms: now_ms,
            memory: Memory::new(&plan.policy),
            plan: Some(plan),
        })
    }

    /// The judge starts afresh: what was seen before the pause was seen of another time, and perhaps of another candidate.
    fn resume(&self, rollout: &Rollout, default: Option<&str>, now_ms: u64) -> Result<Self, Refusal> {
        if self.killed {
            return Err(Refusal::Killed);
        }
        let plan = self.plan.as_ref().filter(|_| self.phase == Phase::Paused);
        let plan = plan.ok_or_else(|| Refusal::NotPaused(self.phase.word()))?;
        if plan.control != rollout.control || plan.candidate != rollout.candidate {
            return Err(Refusal::OtherVariants(self.attempt));
        }
        control_is_default(rollout, default)?;
        let memory = Memory::new(&plan.policy);
        Ok(Self { phase: Phase::Baseline, weight_ppm: 0, since_ms: now_ms, memory, ..self.clone() })
    }

    fn rollback(&self, now_ms: u64) -> Result<Self, Refusal> {
        match self.phase {
            Phase::Idle => Err(Refusal::NeverStarted),
            Phase::RolledBack => Ok(self.clone()),
            Phase::Baseline | Phase::Running { .. } | Phase::Paused | Phase::Done => Ok(self.rolled_back(now_ms)),
        }
    }

    fn kill(&self) -> Self {
        Self { killed: true, weight_ppm: 0, ..self.clone() }
    }

    fn revive(&self, now_ms: u64) -> Result<Self, Refusal> {
        if !self.killed {
            return Err(Refusal::NotKilled);
        }
        match self.phase {
            Phase::Idle | Phase::RolledBack | Phase::Paused => Ok(Self { killed: false, ..self.clone() }),
            Phase::Baseline | Phase::Running { .. } | Phase::Done => {
                Ok(Self { killed: false, phase: Phase::Paused, weight_ppm: 0, since_ms: now_ms, ..self.clone() })
            }
        }
    }
}

impl Phase {
    /// In one word or two.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "not started",
            Self::Baseline => "waiting for control's data",
            Self::Running { .. } => "running",
            Self::Paused => "paused",
            Self::RolledBack => "rolled back",
            Self::Done => "done",
        }
    }
}

fn control_is_default(rollout: &Rollout, default: Option<&str>) -> Result<(), Refusal> {
    if default == Some(rollout.control.as_str()) {
        return Ok(());
    }
    let found = default.map_or_else(|| "absent".to_owned(), |name| format!("{name:?}"));
    Err(Refusal::ControlIsNotDefault { control: rollout.control.clone(), found })
}
