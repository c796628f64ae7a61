//! One rollout's state machine: what a person's commands and the judge's verdicts make of it. Pure: time is an argument.
//!
//! Reading order: `plan` (what is fixed when an attempt starts), `state` (where it stands), `command` (what persons order),
//! `tick` (what observation brings about).
mod command;
mod plan;
mod state;
mod tick;

pub use command::{Command, Refusal};
pub use plan::{Plan, PlanStage};
pub use state::{Phase, RolloutState};

#[cfg(test)]
mod custom_tests;
#[cfg(test)]
mod tests;
