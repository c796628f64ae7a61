//! What a flag document means and what it decides: the pure heart of Weir. No clock, no randomness, no I/O, no proxy and no async; the same
//! input gives the same output on wasm32 and x86-64.
//!
//! In reading order:
//! - [`document`]: a flag document, checked; [`check`]: the only way to one, or every [`check::Finding`] of the file, by [`check::Code`]
//! - [`guardrail`]: what a rollout's candidate must keep; [`custom`]: what others answer for it; [`analysis`]: what is looked at beside that
//! - [`share`], [`span`]: shares of traffic and lengths of time, as documents spell them; [`json`]: JSON as written (`json_text`: written again)
//! - [`rule`]: targeting, compiled; [`segment`]: named parts of the users by such rules; [`evaluate`]: what a flag is for whom, as flagd answers
//! - [`snapshot`]: the wire contract down, envelope or bare document, and the cache of compiled documents
//! - [`plan`]: a document compiled for the request path; [`hash`]: what `fractional` hashes with
//! - [`decide`]: one request (`asked`: what is read of it), one decision per flag, with its [`reason`]; [`cell`]: the user's cell for the analysis
//! - [`served`]: the same for a context instead of a request, in flagd's words
//! - [`explain`]: why it is that, node by node and hash by hash; [`words`]: rules in a line for people
//! - [`export`]: the same as a plain flagd document
//! - [`moves`]: which share of users changes variant between two documents, exactly
//! - [`outcome`]: how a request ended; [`measure`]: what its answer is looked at for beside; [`bits`]: which of a few, without the heap
//! - [`name`]: the wire contract up, names of metrics, built and parsed
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unreachable,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

pub mod analysis;
mod asked;
pub mod bits;
pub mod cell;
pub mod check;
mod code;
pub mod custom;
pub mod decide;
pub mod document;
pub mod evaluate;
pub mod explain;
pub mod export;
mod finding;
pub mod guardrail;
pub mod hash;
pub mod json;
mod json_text;
mod locate;
pub mod measure;
pub mod moves;
pub mod name;
pub mod outcome;
pub mod plan;
pub mod reason;
pub mod rule;
pub mod segment;
pub mod served;
pub mod share;
pub mod snapshot;
pub mod span;
pub mod words;
