//! Weir's decision plane: observe, judge, publish.
pub mod observation;
