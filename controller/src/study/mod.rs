//! What documents say, asked without a proxy. Pure: documents, contexts and the time come in, answers go out; the command line and the API say
//! the same with them. What a rule means is core's.
//!
//! - [`eval`]: what a flag is for whom; [`explained`]: and why; [`batch`]: the same for many, a line each

pub mod batch;
pub mod eval;
pub mod explained;
