//! What follows when a stage, or an attempt, has taken its longest without a decision. Owns that; knows no limit.

use super::memory::Memory;
use super::policy::WhenUnclear;
use super::ruling::{Ruling, Verdict, Why};
use super::situation::Situation;
use super::words::time;

/// Where a rollout stands when its time is looked at.
pub(super) struct Standing<'a> {
    pub(super) situation: &'a Situation<'a>,
    pub(super) memory: &'a Memory,
    /// Why nobody may be taken back to control now.
    pub(super) no_way_back: Option<String>,
}

/// The ruling, or what the policy says instead if it has not decided and time is up. What a person is asked already stays asked, and
/// what is decided stays decided.
pub(super) fn time_up(standing: &Standing<'_>, ruling: Ruling) -> Ruling {
    let undecided = matches!(ruling.verdict, Verdict::Hold | Verdict::Inconclusive) && !ruling.asks;
    let Some(over) = standing.over().filter(|_| undecided) else { return ruling };
    let Situation { flag, policy, .. } = standing.situation;
    let still = ruling.sentence.strip_prefix(flag).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&ruling.sentence);
    let (verdict, then) = match (policy.when_unclear, &standing.no_way_back) {
        (WhenUnclear::Hold, _) => (Verdict::Inconclusive, "a person must decide".to_owned()),
        (WhenUnclear::RollBack, Some(why_not)) => {
            (Verdict::Inconclusive, format!("a person must decide, for {why_not}"))
        }
        (WhenUnclear::RollBack, None) => (Verdict::RollBack, "rolled back".to_owned()),
        (WhenUnclear::Pause, _) => (Verdict::Pause, "paused at 0 %".to_owned()),
    };
    let sentence = format!("{flag}: inconclusive: {over} without a decision; {then} ({still})");
    Ruling { asks: verdict == Verdict::Inconclusive, ..Ruling::new(verdict, Why::TimeIsUp, sentence) }
}

impl Standing<'_> {
    fn over(&self) -> Option<String> {
        let is_over = |longest: &u64, elapsed: u64| elapsed >= *longest;
        let stage = self.situation.stage.and_then(|stage| stage.longest_ms);
        if let Some(longest) = stage.filter(|longest| is_over(longest, self.memory.stage.elapsed_ms)) {
            return Some(format!("the stage has taken its longest, {},", time(longest)));
        }
        let attempt = self.situation.policy.longest_ms.filter(|longest| is_over(longest, self.memory.elapsed_ms));
        attempt.map(|longest| format!("the attempt has taken its longest, {},", time(longest)))
    }
}
