//! Weir's decision plane: observe, judge, publish.
pub mod clock;
pub mod observation;
pub mod observe;
pub mod publish;
