//! What documents say, asked without a proxy. Pure: documents, contexts and the time come in, answers go out; the command line and the API say
//! the same with them. What a rule means is core's.
//!
//! - [`eval`]: what a flag is for whom; [`explained`]: and why; [`batch`]: the same for many, a line each
//! - [`diff`]: what two documents make different, and [`moved`]: who moves, in words
//! - [`given`]: the state of a document's rollouts, as it is given; [`moment`]: a time, as people name it

pub mod batch;
pub mod diff;
pub mod eval;
pub mod explained;
pub mod given;
pub mod moment;
pub mod moved;
