//! From counts to a verdict: pure functions of what was observed, the policy and the stage; no clock, no randomness, no I/O.
//!
//! Reading order: `tally` (counts), `policy` and `limit` (limits and the split of alpha), `situation` (where a rollout stands), `evidence`
//! (the e-process), `counted` (what is known of which cell), `guarded` (evidence on what is counted), `latency`, `norm` and `slower`
//! (evidence on durations, alone and beside control's), `bursts` (one client's part in them), `watch` (evidence that control shares), `custom` (what others answer),
//! `recent` (the last half minute), `silence` (how long nobody has come), `mismatch` (the split of the requests), `baseline` (before the first stage), `memory` (what is kept from tick to tick), `check` (one limit), `analysis` (goals, segments, drift, shadow),
//! `verdict` (the rule), `time_up`, `score`, `ruling` (the answer). Beside them `words` for sentences. Intervals, quantiles and sample sizes are
//! `stats`'s.
pub mod analysis;
pub mod baseline;
pub mod bursts;
pub mod check;
pub mod counted;
pub mod custom;
pub mod evidence;
pub mod guarded;
pub mod latency;
pub mod limit;
pub mod memory;
pub mod mismatch;
pub mod norm;
pub mod policy;
pub mod recent;
pub mod ruling;
pub mod score;
pub mod silence;
pub mod situation;
pub mod slower;
pub mod tally;
mod time_up;
pub mod verdict;
pub mod watch;
pub mod words;

pub use limit::{Bound, Limit};
pub use memory::Memory;
pub use policy::Policy;
pub use ruling::{Check, CheckState, Numbers, Ruling, Transition, Verdict, Why};
pub use tally::{Cells, Tally};
pub use verdict::{rule, rule_after};
