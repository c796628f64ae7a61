//! The verdict: from what is remembered and the tick at hand to a [`Ruling`].

use super::memory::Memory;
use super::ruling::{Numbers, Ruling, Verdict, Why};
use super::situation::Situation;
use crate::observation::Observation;

/// Rules on a rollout that is under way.
#[must_use]
pub fn rule(situation: &Situation<'_>, memory: &Memory, observation: &Observation) -> Ruling {
    let had = memory.control().sum();
    let needed = situation.policy.baseline_requests;
    let enough = situation.stage.is_none() && had.requests >= needed;
    Ruling {
        verdict: if enough { Verdict::Advance } else { Verdict::Hold },
        why: if enough { Why::AllMet } else { Why::NotEnoughRequests },
        sentence: format!("{}: control has had {} of {needed} requests", situation.flag, had.requests),
        asks: false,
        decides_in_ms: None,
        checks: Vec::new(),
        numbers: Numbers { control: had, seen: observation.seen, expected: observation.expected, ..Numbers::default() },
        transition: None,
    }
}
