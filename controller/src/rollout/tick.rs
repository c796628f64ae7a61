//! What a tick's observation makes of a rollout: the judge remembers, rules, and the state obeys. Nothing but a rollout that is under
//! way and not killed is ever changed here.

use super::plan::{Plan, PlanStage};
use super::state::{Phase, RolloutState};
use crate::judge::situation::{Situation, Stage};
use crate::judge::{self, Ruling, Transition, Verdict};
use crate::observation::Observation;

impl RolloutState {
    /// The state after a tick, and what the judge said. `flag` is the flag's key.
    #[must_use]
    pub fn tick(&self, flag: &str, observation: &Observation) -> (Self, Ruling) {
        let Some(plan) = self.plan.as_ref().filter(|_| self.is_judged()) else {
            return self.after(flag, observation);
        };
        let situation = self.situation(flag, plan);
        let mut next = self.clone();
        next.memory.absorb(&situation, observation);
        let mut ruling = judge::rule(&situation, &next.memory, observation);
        ruling.transition = next.obey(ruling.verdict, plan, observation.at_ms);
        if ruling.transition == Some(Transition::RolledBack) {
            ruling.sentence.push_str(&next.memory.gathered.stopped());
        }
        (next, ruling)
    }

    /// Nothing is judged any more, but for drift once everybody has the candidate.
    fn after(&self, flag: &str, observation: &Observation) -> (Self, Ruling) {
        let standing = self.standing(flag);
        let plan = self.plan.as_ref().filter(|plan| plan.policy.watches_after());
        let Some(plan) = plan.filter(|_| self.phase == Phase::Done && !self.killed) else {
            return (self.clone(), Ruling::not_under_way(standing));
        };
        let last = plan.stages.last().map(as_stage);
        let situation = Situation { stage: last, next_ppm: None, ..self.situation(flag, plan) };
        let mut next = self.clone();
        next.memory.gathered.absorb_after(&situation, observation);
        let mut ruling = judge::rule_after(&situation, &next.memory, standing);
        if ruling.verdict == Verdict::RollBack {
            ruling.transition = next.obey(ruling.verdict, plan, observation.at_ms);
        }
        (next, ruling)
    }

    fn situation<'a>(&self, flag: &'a str, plan: &'a Plan) -> Situation<'a> {
        let (current, next) = match self.phase {
            Phase::Running { stage } => (plan.stages.get(stage), plan.stages.get(stage.saturating_add(1))),
            Phase::Idle | Phase::Baseline | Phase::Paused | Phase::RolledBack | Phase::Done => {
                (None, plan.stages.first())
            }
        };
        Situation {
            flag,
            control: &plan.control,
            candidate: &plan.candidate,
            policy: &plan.policy,
            stage: current.map(as_stage),
            next_ppm: next.map(|s| s.weight_ppm),
            enough: None,
        }
    }

    fn obey(&mut self, verdict: Verdict, plan: &Plan, at_ms: u64) -> Option<Transition> {
        match verdict {
            Verdict::Hold | Verdict::Inconclusive => None,
            Verdict::RollBack => {
                *self = self.rolled_back(at_ms);
                if plan.policy.analysis.is_some() {
                    self.memory.gathered.stopped_at_ms = Some(at_ms);
                }
                Some(Transition::RolledBack)
            }
            Verdict::Pause => {
                (self.phase, self.weight_ppm, self.since_ms) = (Phase::Paused, 0, at_ms);
                Some(Transition::Paused)
            }
            Verdict::Advance => Some(self.advance(plan, at_ms)),
        }
    }

    fn advance(&mut self, plan: &Plan, at_ms: u64) -> Transition {
        let stage = match self.phase {
            Phase::Running { stage } => stage.saturating_add(1),
            Phase::Idle | Phase::Baseline | Phase::Paused | Phase::RolledBack | Phase::Done => 0,
        };
        self.since_ms = at_ms;
        let Some(next) = plan.stages.get(stage) else {
            self.phase = Phase::Done;
            return Transition::Done;
        };
        self.phase = Phase::Running { stage };
        self.weight_ppm = next.weight_ppm;
        self.memory.begin_stage(&plan.policy);
        Transition::Stage { stage }
    }

    fn standing(&self, flag: &str) -> String {
        if self.killed {
            return format!("{flag}: killed while {}; all on control until it is revived", self.phase.word());
        }
        match self.phase {
            Phase::Idle => format!("{flag}: not started"),
            Phase::Paused => format!("{flag}: attempt {} is paused at 0 %; it goes on when resumed", self.attempt),
            Phase::RolledBack => format!("{flag}: attempt {} is rolled back; all on control", self.attempt),
            Phase::Done => format!("{flag}: attempt {} is done; all on the candidate", self.attempt),
            Phase::Baseline | Phase::Running { .. } => {
                format!("{flag}: attempt {} is {}", self.attempt, self.phase.word())
            }
        }
    }
}

fn as_stage(stage: &PlanStage) -> Stage {
    let PlanStage { weight_ppm, lasts_ms, longest_ms } = *stage;
    Stage { weight_ppm, lasts_ms, longest_ms }
}
