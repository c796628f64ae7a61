//! From counts to a verdict: pure functions of what was observed, the policy and the stage; no clock, no randomness, no I/O.
//!
//! Reading order: `tally` (counts), `policy` (limits and the split of alpha), `situation` (where a rollout stands), `evidence` (the
//! e-process), `guarded` and `latency` (evidence on errors and on slow requests), `watch` (evidence that control shares), `recent` (the
//! last half minute), `mismatch` (the split of the requests), `memory` (what is kept from tick to tick), `check` (one limit), `analysis` (goals, segments, drift, shadow),
//! `verdict` (the rule), `ruling` (the answer).
//! Beside them `words` for sentences. Intervals, quantiles and sample sizes are `stats`'s.
pub mod analysis;
pub mod check;
pub mod evidence;
pub mod guarded;
pub mod latency;
pub mod memory;
pub mod mismatch;
pub mod policy;
pub mod recent;
pub mod ruling;
pub mod situation;
pub mod tally;
pub mod verdict;
pub mod watch;
pub mod words;

pub use memory::Memory;
pub use policy::{Limit, Policy};
pub use ruling::{Check, CheckState, Numbers, Ruling, Transition, Verdict, Why};
pub use tally::{Cells, Tally};
pub use verdict::{rule, rule_after};
