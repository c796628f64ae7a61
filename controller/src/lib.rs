//! Weir's decision plane: observe, judge, publish.
//!
//! One tick: `observe` reads every proxy's counters, `run` hands the differences to each rollout under way, whose judge rules; what
//! follows is written to `store` and then goes out through `publish`. One order: `cli` -> `api` -> `run`, and from there the same way.
//!
//! In reading order:
//! - [`settings`]: `weir.toml`, checked; [`clock`]: the time, asked for in one place
//! - [`observation`]: what one tick saw; [`observe`]: how it is read from the proxies
//! - [`ask`]: what custom checks ask of a Prometheus and of webhooks
//! - [`stats`]: statistics, pure; [`calc`]: the same by hand; [`judge`]: from counts to a verdict, pure; [`rollout`]: what verdicts and persons make of a rollout, pure
//! - [`replay`]: what a policy would have done to a recorded history, pure; `history`: the file of it, read line by line and checked
//! - [`study`]: what documents say, asked without a proxy, pure
//! - [`stale`]: flags that only one variant is left of, pure
//! - [`lifecycle`]: which document may follow which while rollouts hold users, pure
//! - [`store`]: the database and its ledger; [`publish`]: the ways down to the proxies
//! - [`run`]: the loop that owns all state
//! - [`report`]: what is told of it; [`api`]: over HTTP; [`cli`]: to people
pub mod api;
pub mod ask;
pub mod calc;
pub mod cli;
pub mod clock;
mod history;
pub mod judge;
pub mod lifecycle;
pub mod observation;
pub mod observe;
pub mod publish;
pub mod replay;
pub mod report;
pub mod rollout;
pub mod run;
pub mod settings;
pub mod stale;
pub mod stats;
pub mod store;
pub mod study;
#[cfg(test)]
mod ten_situations;
