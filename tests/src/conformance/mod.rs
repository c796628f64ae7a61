//! Weir's evaluator beside others, on generated documents and contexts: beside flagd's own in Python, JavaScript and Go, and beside a plain one of ours.
//!
//! | module | owns |
//! |---|---|
//! | `case` | questions and answers, and Weir's |
//! | `generate` | documents and contexts from a seed |
//! | `plain` | flagd's semantics walked plainly |
//! | `peer` | another evaluator as a program |
//! | `exception`, `exceptions` | what each peer is known to do otherwise |
//! | `compare` | agreed, excepted or different |
//! | `exported` | what `weir export` writes, asked of the peers |
//! | `minimise` | a difference made small |

pub mod case;
pub mod compare;
pub mod exception;
pub mod exceptions;
pub mod exported;
pub mod generate;
mod minimise;
pub mod peer;
pub mod plain;
#[cfg(test)]
mod tests;
