//! Observe: reads every proxy's counters over Envoy's admin interface and turns them into one [`Observation`](crate::observation::Observation)
//! a tick. Owns what a counter's difference means; knows neither rollouts nor what is judged.
pub mod sight;

pub use sight::{ProxySight, Tick};
