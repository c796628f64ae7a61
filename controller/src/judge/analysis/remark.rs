//! [`Remark`]: one thing that was looked at beside the guardrails, in words and numbers. Owns the shape.

use serde::{Deserialize, Serialize};

use crate::judge::ruling::{Verdict, Why};

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkState {
    /// Within its limit.
    Pass,
    /// Beyond it.
    Fail,
    /// The candidate is better, significantly and by at least the minimum effect.
    Better,
    /// Worse, in the same way.
    Worse,
    /// No difference as large as the minimum effect.
    Tie,
    /// Enough seen, and none of these can be said.
    Inconclusive,
    /// Not enough seen for any verdict.
    NotEnough,
    /// Nothing seen.
    NoData,
}

/// What it does to a stage that has everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Blocks {
    /// What is to happen in place of going on.
    pub verdict: Verdict,
    /// Why.
    pub why: Why,
    /// A person must decide.
    pub asks: bool,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Remark {
    /// `goal purchase`, `score accuracy`, `segment beta errors-ratio`, `segment beta purchase`, `segments`, `drift latency`, `shadow`.
    pub name: String,
    /// The segment that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// State.
    pub state: RemarkState,
    /// Candidate minus control of a goal or score; the candidate's rate or microseconds for a limit in a segment, a distance for drift, the
    /// agreement for a shadow.
    pub value: Option<f64>,
    /// Where it lies: at every time at once, with the check's confidence.
    pub interval: Option<(f64, f64)>,
    /// Minimum effect, limit, greatest distance, least agreement.
    pub limit: f64,
    /// What was seen of the candidate.
    pub seen: u64,
    /// What it takes.
    pub needed: u64,
    /// In words, with numbers.
    pub sentence: String,
    /// What it does to a stage; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Blocks>,
    /// An alarm is raised in this tick: it goes into the ledger once, and not again before its cooldown has passed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alarm: bool,
}
