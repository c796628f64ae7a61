//! From counts to a verdict: pure functions of what was observed, the policy and the stage; no clock, no randomness, no I/O.
//!
//! Reading order: `tally` (counts), `policy` (limits and the split of alpha), `situation` (where a rollout stands), `memory` (what is
//! kept from tick to tick), `verdict` (the rule), `ruling` (the answer).
pub mod memory;
pub mod policy;
pub mod ruling;
pub mod situation;
pub mod tally;
pub mod verdict;

pub use memory::Memory;
pub use policy::{Limit, Policy};
pub use ruling::{Check, CheckState, Numbers, Ruling, Transition, Verdict, Why};
pub use tally::{Cells, Tally};
pub use verdict::rule;
