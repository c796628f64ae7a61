//! Observe: reads every proxy's counters over Envoy's admin interface and turns them into one [`Observation`] a tick. Owns what a
//! counter's difference means; knows neither rollouts nor what is judged.
//!
//! - [`admin`]: the HTTP client
//! - [`stats`]: reads Envoy's answer, pure
//! - [`delta`]: differences, restarts, missing proxies, pure
//! - [`merge`]: the sum over proxies, pure
//! - [`directory`]: node ids and addresses, and how far configurations have got
//! - [`observer`]: the tick; [`sight`]: what it gives
//!
//! [`Observation`]: crate::observation::Observation
pub mod admin;
pub mod delta;
pub mod directory;
pub mod merge;
pub mod observer;
pub mod sight;
pub mod stats;

pub use delta::Cumulative;
pub use directory::Directory;
pub use observer::{Observer, ObserverSettings};
pub use sight::{ProxySight, Tick};
