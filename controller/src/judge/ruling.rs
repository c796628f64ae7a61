//! [`Ruling`]: what the judge says of one rollout in one tick, for a person and for the ledger. Owns the words of a verdict; knows
//! neither how evidence is computed nor what a rollout does with it.

use serde::{Deserialize, Serialize};

use super::analysis::{Remark, Scope};
use super::tally::Tally;

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The stage (or the wait for control's data) is over: the next begins, or the rollout is done.
    Advance,
    /// Stay: something is still missing, or a person must decide ([`Ruling::asks`]).
    Hold,
    /// Everybody back to control.
    RollBack,
    /// Nobody on the candidate until a person resumes: time is up without a decision, and the policy says so.
    Pause,
    /// Everything asked for is there, and the counts are beyond a limit without the evidence that a rollback needs; or time is up: stay.
    Inconclusive,
}

/// Why, as one word for machines. The sentence says it with numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The rollout is not under way (idle, paused, killed, rolled back, done).
    NotUnderWay,
    /// Too few of the expected proxies answered; the tick does not count for the stage's time.
    ProxiesMissing,
    /// Control has not had enough requests for the first stage.
    Baseline,
    /// No request of the candidate (or of control) in the stage.
    NoTraffic,
    /// The candidate begins requests that do not end.
    Hanging,
    /// Not enough requests in the stage.
    NotEnoughRequests,
    /// The stage's time is not over.
    StageTime,
    /// Latency is not judged yet: the stage began too recently.
    Settling,
    /// The candidate fails, and so does control, or control is gone: a person must decide.
    ControlSick,
    /// Candidate and control break the same absolute limit.
    BothFail,
    /// The variants' requests are not in the ratio of the weight: a person must decide.
    Mismatch,
    /// A custom check has no answer, an old one, or one that says nothing.
    NoAnswer,
    /// A goal is worse: a person must decide.
    GoalWorse,
    /// A goal is neither better nor worse nor a tie, with all that was planned for it.
    GoalUnclear,
    /// The candidate is worse in a segment, or the segments contradict the whole: a person must decide.
    Segments,
    /// Another distribution than the reference.
    Drift,
    /// Answers to mirrored requests are not good enough, or too few.
    Shadow,
    /// The counts are beyond a limit, without evidence enough.
    Unclear,
    /// The stage, or the attempt, has taken its longest without a decision.
    TimeIsUp,
    /// A guardrail is broken by the candidate.
    GuardrailBroken,
    /// All that the stage asks for is there.
    AllMet,
}

/// State of one check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// Enough seen, and the limit is kept.
    Pass,
    /// Evidence beyond its limit: the candidate breaks the guardrail.
    Fail,
    /// Broken by the candidate and by control alike: not the candidate's fault.
    Shared,
    /// Enough seen; the counts are beyond the limit, the evidence is not.
    Unclear,
    /// Requests are missing, or the settling time is not over.
    NotEnough,
    /// Nothing seen.
    #[default]
    NoData,
}

impl CheckState {
    /// Evidence is beyond its limit, whoever is at fault.
    #[must_use]
    pub fn is_broken(self) -> bool {
        matches!(self, Self::Fail | Self::Shared)
    }
}

/// One limit and how the candidate stands to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Check {
    /// `errors-ratio`, `timeouts-max`, `latency-p95`, `latency-p95-ratio`, or a custom check's name with what it must keep: `gpu-oom/max`.
    pub name: String,
    /// `latency`, what is counted (`errors`, `timeouts`, ...), or who answers (`query`, `webhook`).
    pub metric: String,
    /// The candidate's value in the stage: a rate between 0 and 1, or microseconds; a query's last.
    pub value: Option<f64>,
    /// Where the true value lies with 95 % confidence (Wilson; order statistics for a quantile), were requests independent.
    pub interval: Option<(f64, f64)>,
    /// Control's value in the same time; at 100 % the stored reference, if the limit is a ratio.
    pub control: Option<f64>,
    /// The limit: times control's value (`errors-ratio`, `latency-p95-ratio`), a rate (`errors-max`) or microseconds.
    pub limit: f64,
    /// Natural logarithm of the evidence against "the limit is kept", the candidate's worst cell left out; 0 for what others answer.
    pub evidence: f64,
    /// Natural logarithm of the evidence that a rollback needs; 0 for what others answer.
    pub evidence_limit: f64,
    /// The evidence as odds: `4.1e6 : 1`; `-` for what others answer.
    pub odds: String,
    /// State.
    pub state: CheckState,
    /// In words, with numbers.
    pub sentence: String,
    /// The candidate's requests that count for this check in the stage.
    pub requests: u64,
    /// How many the stage needs.
    pub requests_needed: u64,
    /// Requests of control that are missing until its quantile is known, where the limit is held against that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub control_missing: u64,
    /// Errors (or slow requests) that the evidence rests on: those since it was last at or below 1 : 1; of a custom check answers in a row that
    /// were beyond the limit.
    pub errors: u64,
    /// Cells of users that these errors come from; 0 for latency and client errors, which are not counted by cell.
    pub cells: u32,
    /// Reported, never deciding.
    #[serde(default)]
    pub dry_run: bool,
    /// Its part in [`Ruling::score`].
    #[serde(default)]
    pub weight: f64,
    /// Requests of the candidate until it has enough, or, when it is unclear, until evidence is enough if it grows as it did. `None` when
    /// it has decided, or it can't be said.
    #[serde(default)]
    pub requests_missing: Option<u64>,
    /// How long these take at the present rate, settling included, milliseconds.
    #[serde(default)]
    pub decides_in_ms: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Check {
    /// Whether it takes part in the verdict.
    #[must_use]
    pub fn decides(&self) -> bool {
        !self.dry_run
    }

    /// It is what others answer: neither evidence nor requests. Told by the name, in which only these have a `/`: a document's own counter
    /// may well be called `query`.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        self.name.contains('/')
    }
}

/// Requests and errors that a ruling rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Numbers {
    /// The candidate's, in the stage.
    pub candidate: Tally,
    /// Control's, in the stage; before the first stage, since the attempt began.
    pub control: Tally,
    /// Observed time of the stage in milliseconds.
    pub observed_ms: u64,
    /// How long the stage lasts at least, in milliseconds.
    pub lasts_ms: u64,
    /// Proxies that answered in this tick.
    pub seen: u32,
    /// Proxies that should have.
    pub expected: u32,
}

/// What a tick changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Transition {
    /// A stage began, counted from 0; the first one after control's data were in.
    Stage { stage: usize },
    /// The last stage was over.
    Done,
    /// Everybody back to control.
    RolledBack,
    /// Weight 0 until a person resumes.
    Paused,
}

/// What the judge says of one rollout in one tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Ruling {
    /// What is to happen.
    pub verdict: Verdict,
    /// Why, for machines.
    pub why: Why,
    /// What a person needs to know, with numbers, in one sentence.
    pub sentence: String,
    /// A person must decide; nothing will happen by itself.
    pub asks: bool,
    /// Milliseconds until the stage can be decided, at the present rate of requests; `None` where that can't be said.
    pub decides_in_ms: Option<u64>,
    /// Each limit.
    pub checks: Vec<Check>,
    /// What was looked at beside the limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// For which segments the candidate can go on; absent where none are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The part of the checks that pass, by weight, 0 to 100: of those that have enough and are not dry runs. For people; never decides.
    #[serde(default)]
    pub score: Option<f64>,
    /// The counts.
    pub numbers: Numbers,
    /// What this tick changed; set by the rollout.
    pub transition: Option<Transition>,
}

impl Ruling {
    /// A verdict with its reason and nothing else yet.
    #[must_use]
    pub fn new(verdict: Verdict, why: Why, sentence: String) -> Self {
        Self {
            verdict,
            why,
            sentence,
            asks: false,
            decides_in_ms: None,
            checks: Vec::new(),
            remarks: Vec::new(),
            scope: None,
            score: None,
            numbers: Numbers::default(),
            transition: None,
        }
    }

    /// What raises an alarm in this tick.
    #[must_use]
    pub fn alarm(&self) -> Option<&Remark> {
        self.remarks.iter().find(|remark| remark.alarm)
    }

    /// A rollout that is not under way is not judged.
    #[must_use]
    pub fn not_under_way(sentence: String) -> Self {
        Self::new(Verdict::Hold, Why::NotUnderWay, sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_is_called_query_is_no_custom_check() {
        for (name, metric, is_custom) in [
            ("oom/max", "query", true),
            ("smoke/answer", "webhook", true),
            ("query-ratio", "query", false),
            ("webhook-max", "webhook", false),
        ] {
            let check = Check { name: name.to_owned(), metric: metric.to_owned(), ..Check::default() };
            assert_eq!(check.is_custom(), is_custom, "{name}");
        }
    }
}
