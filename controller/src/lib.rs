//! Weir's decision plane: observe, judge, publish.
pub mod clock;
pub mod judge;
pub mod lifecycle;
pub mod observation;
pub mod observe;
pub mod publish;
pub mod rollout;
pub mod settings;
pub mod store;
