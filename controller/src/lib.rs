//! Weir's decision plane: observe, judge, publish.
pub mod api;
pub mod clock;
pub mod judge;
pub mod lifecycle;
pub mod observation;
pub mod observe;
pub mod publish;
pub mod report;
pub mod rollout;
pub mod run;
pub mod settings;
pub mod store;
