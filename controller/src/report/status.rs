//! [`Status`]: everything that the controller knows, at one moment. Times are milliseconds since the Unix epoch, weights parts per
//! million.

use serde::{Deserialize, Serialize};

use crate::judge::Ruling;
use crate::publish::{Counters, Mark, Refusal};
use crate::stale::Stale;

/// The answer to `GET /api/v1/status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Weir's version.
    pub version: String,
    /// When the controller began.
    pub started_at_ms: u64,
    /// When this was true.
    pub at_ms: u64,
    /// The whole in one sentence.
    pub sentence: String,
    /// The generation that all proxies should have; 0 before the first.
    pub generation: u64,
    /// The current document; absent before the first `apply`.
    pub document: Option<DocumentStatus>,
    /// The global kill.
    pub kill: bool,
    /// Killed flags that have no rollout.
    pub killed_flags: Vec<String>,
    /// The last tick; absent before the first.
    pub observed: Option<Observed>,
    /// Every expected proxy, and every other that is connected.
    pub proxies: Vec<ProxyStatus>,
    /// Every rollout of the document, or the one that was asked for.
    pub rollouts: Vec<RolloutStatus>,
    /// The last decision that concerned more than one flag: a document, a global kill.
    pub last: Option<Transition>,
    /// What a person should look at.
    pub alarms: Vec<Alarm>,
    /// Flags that only one variant is left of, or that nobody asks for.
    #[serde(default)]
    pub stale: Vec<Stale>,
    /// Totals since the controller began.
    pub totals: Totals,
}

/// The current document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentStatus {
    /// SHA-256 of its text, 64 hexadecimal digits.
    pub hash: String,
    /// How many flags it has.
    pub flags: usize,
    /// And rollouts.
    pub rollouts: usize,
}

/// The last tick.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// When its last answer was in.
    pub at_ms: u64,
    /// Proxies that should have answered.
    pub expected: u32,
    /// Proxies that did.
    pub seen: u32,
}

/// One proxy, as observed and as published to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyStatus {
    /// Its node id, or its admin address while that is not known.
    pub name: String,
    /// Node id.
    pub node: Option<String>,
    /// Admin address; absent for a proxy that is connected but not expected.
    pub admin: Option<String>,
    /// It answered in the last tick.
    pub seen: bool,
    /// Since when it has not.
    pub missing_since_ms: Option<u64>,
    /// Why not.
    pub error: Option<String>,
    /// Its process has been up for so long, in seconds.
    pub uptime_s: Option<u64>,
    /// Restarts noticed.
    pub restarts: u64,
    /// The generation that its workers report.
    pub worker_generation: Option<u64>,
    /// Its stream is up.
    pub connected: bool,
    /// Since when its stream has been up.
    pub connected_since_ms: Option<u64>,
    /// Since when it has been down; the proxy serves on what it has.
    pub gone_since_ms: Option<u64>,
    /// Another stream has the same node id.
    pub duplicate: bool,
    /// What it should have, and when that was published.
    pub wanted: Option<Mark>,
    /// Last sent.
    pub sent: Option<Mark>,
    /// Last acknowledged by its main thread.
    pub acked: Option<Mark>,
    /// Last applied by all its workers.
    pub applied: Option<Mark>,
    /// Refused by it, oldest first.
    pub refused: Vec<Refusal>,
}

/// One rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutStatus {
    /// Its flag.
    pub flag: String,
    /// Number of the attempt; 0 before the first start.
    pub attempt: u64,
    /// `idle`, `baseline`, `running`, `paused`, `rolled_back` or `done`.
    pub phase: String,
    /// Stage under way, counted from 0.
    pub stage: Option<usize>,
    /// All stages: the attempt's, or the document's before the first start.
    pub stages: Vec<StageStatus>,
    /// Variant that everybody had before.
    pub control: String,
    /// Variant that is to reach everybody.
    pub candidate: String,
    /// The candidate's weight as wanted now: 0 while killed or rolled back.
    pub weight_ppm: u32,
    /// Rolled back: whoever would get the candidate gets control.
    pub mask: bool,
    /// Killed, itself or with everything.
    pub killed: bool,
    /// When the phase or stage began.
    pub since_ms: u64,
    /// What the judge said in the last tick.
    pub ruling: Option<Ruling>,
    /// The weight at each proxy.
    pub proxies: Vec<ProxyWeight>,
    /// The last decision about it.
    pub last: Option<Transition>,
}

/// One stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageStatus {
    /// The candidate's weight.
    pub weight_ppm: u32,
    /// Observed time that it lasts at least, milliseconds.
    pub lasts_ms: u64,
}

/// A rollout's weight at one proxy; absent where this controller does not know (a generation from before its start).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyWeight {
    /// The proxy's name.
    pub proxy: String,
    /// Acknowledged.
    pub acked_ppm: Option<u32>,
    /// Applied by all workers.
    pub applied_ppm: Option<u32>,
}

/// A decision and its way to the proxies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// `apply`, `start`, `stage`, `done`, `rollback`, `pause`, `resume`, `kill`, `revive`, `kill-all`, `revive-all` or `republish`.
    pub kind: String,
    /// Its flag; absent if it concerns more than one.
    pub flag: Option<String>,
    /// The rollout's attempt.
    pub attempt: Option<u64>,
    /// `judge`, `api` or `weir`.
    pub actor: String,
    /// What happened, in words.
    pub sentence: String,
    /// When what it rests on was observed; absent for a person's order.
    pub detected_at_ms: Option<u64>,
    /// When it was decided and written to the ledger.
    pub decided_at_ms: u64,
    /// When it was given to the publisher; absent if it was before this controller began.
    pub published_at_ms: Option<u64>,
    /// The generation that carries it.
    pub generation: u64,
    /// When the last of the proxies below had applied it; absent while one has not, or none is connected.
    pub applied_at_ms: Option<u64>,
    /// Connected proxies that have applied it.
    pub applied: Vec<Applied>,
    /// Connected proxies that have not.
    pub waiting: Vec<String>,
    /// Expected proxies that are not connected: they serve what they had.
    pub absent: Vec<String>,
}

/// When a proxy took a generation or a later one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The proxy's name.
    pub proxy: String,
    /// Its main thread had it.
    pub acked_at_ms: Option<u64>,
    /// All its workers had it.
    pub applied_at_ms: u64,
}

/// What a person should look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// `refused`, `duplicate`, `store`, `ledger`, `check` or `drift`.
    pub kind: String,
    /// Since when.
    pub since_ms: u64,
    /// What, in words.
    pub sentence: String,
}

/// Totals since the controller began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Ticks observed.
    pub ticks: u64,
    /// Generations published.
    pub publications: u64,
    /// Writes to the database that failed.
    pub store_failures: u64,
    /// What the publisher did.
    #[serde(flatten)]
    pub publishing: Counters,
}
