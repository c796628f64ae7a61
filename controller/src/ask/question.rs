//! [`Question`]: one thing to ask for one rollout under way. Owns which there are; knows no server and no clock.
//!
//! They are those of the attempt's own plan, not of the present document: a document applied later does not change the rule under way.

use weir_core::share::WHOLE;

use crate::judge::custom::Source;
use crate::rollout::{Phase, RolloutState};

/// One thing to ask. It is another one in each stage: what was asked before says nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// Key of the flag.
    pub flag: String,
    /// Name of the check in the document.
    pub name: String,
    /// Number of the attempt.
    pub attempt: u64,
    /// The stage, counted from 0; `None` while control's data are awaited.
    pub stage: Option<usize>,
    /// The candidate's weight, parts per million.
    pub weight_ppm: u32,
    /// Name of control.
    pub control: String,
    /// Name of the candidate.
    pub candidate: String,
    /// Who is asked.
    pub source: Source,
    /// How often, milliseconds.
    pub every_ms: u64,
}

impl Question {
    /// All that a rollout asks: nothing unless it is under way.
    #[must_use]
    pub fn of(flag: &str, state: &RolloutState) -> Vec<Self> {
        let Some(plan) = state.plan.as_ref().filter(|_| state.is_judged()) else { return Vec::new() };
        let mut questions: Vec<Self> = Vec::new();
        for custom in plan.policy.limits.iter().filter_map(|limit| limit.custom()) {
            // Two limits of one check are two looks at one answer.
            if questions.iter().any(|question| question.name == custom.name) {
                continue;
            }
            questions.push(Self {
                flag: flag.to_owned(),
                name: custom.name.clone(),
                attempt: state.attempt,
                stage: match state.phase {
                    Phase::Running { stage } => Some(stage),
                    Phase::Idle | Phase::Baseline | Phase::Paused | Phase::RolledBack | Phase::Done => None,
                },
                weight_ppm: state.weight_ppm,
                control: plan.control.clone(),
                candidate: plan.candidate.clone(),
                source: custom.source.clone(),
                every_ms: custom.every_ms,
            });
        }
        questions
    }

    /// Everybody has the candidate.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.weight_ppm >= WHOLE
    }

    /// The word of the rollout's phase.
    #[must_use]
    pub fn phase(&self) -> &'static str {
        if self.stage.is_some() { "running" } else { "baseline" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::Command;

    const DOCUMENT: &str = r#"{"flags":{"f":{"state":"ENABLED","variants":{"stable":"v1","next":"v2"},"defaultVariant":"stable"}},
      "weir":{"version":1,"identity":[{"header":"x-user-id"}],"outputs":{"f":{"requestHeader":"x-f"}},
      "rollouts":{"f":{"control":"stable","candidate":"next","stages":[{"weight":"5%","for":"1m"},{"weight":"100%"}],
      "guardrails":[{"metric":"errors","ratio":2.0},{"query":"up","name":"up","min":1,"max":2,"every":"7s"},{"webhook":"smoke"}]}}}}"#;

    #[test]
    fn a_rollout_under_way_asks_each_check_once_and_any_other_nothing() {
        let document = weir_core::check::check(DOCUMENT).unwrap();
        let rollout = document.flags[0].rollout.as_ref().unwrap();
        let order = |state: &RolloutState, command| state.command(&command, rollout, Some("stable"), 1).unwrap();
        let idle = RolloutState::default();
        let waiting = order(&idle, Command::Start { force: false });
        let running = order(&idle, Command::Start { force: true });
        let killed = order(&running, Command::Kill);
        let told = |state: &RolloutState| -> Vec<(String, Option<usize>, u64, u32)> {
            let questions = Question::of("f", state).into_iter();
            questions.map(|q| (format!("{}/{}", q.phase(), q.name), q.stage, q.every_ms, q.weight_ppm)).collect()
        };
        assert_eq!(told(&idle), []);
        assert_eq!(told(&killed), []);
        let row = |name: &str, stage, every_ms, ppm| (name.to_owned(), stage, every_ms, ppm);
        assert_eq!(told(&waiting), [row("baseline/up", None, 7_000, 0), row("baseline/smoke", None, 30_000, 0)]);
        assert_eq!(
            told(&running),
            [row("running/up", Some(0), 7_000, 50_000), row("running/smoke", Some(0), 30_000, 50_000)]
        );
    }
}
