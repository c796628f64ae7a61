//! Publish: brings a configuration to every proxy, and says what became of it. Owns the ways down and their
//! reports; knows nothing of rollouts, and takes the configuration as opaque text that core has checked.
//!
//! - [`report`]: what a publisher is given and what it tells
//! - [`version`]: generation and hash of a configuration, as Envoy shows them
//! - [`resource`]: the configuration wrapped as Envoy's extension resource
pub mod applied;
pub mod report;
pub mod resource;
pub mod version;
pub mod xds;

use std::collections::BTreeMap;

use tokio::sync::watch;

pub use report::{Counters, Mark, ProxyReport, Publication, Refusal};
pub use resource::{FailurePolicy, FilterSettings};
pub use version::Version;
pub use xds::XdsPublisher;

/// A way down to the proxies.
///
/// Every method returns at once; what happens later is in [`Publisher::reports`], and [`Publisher::changes`] says when to look again.
pub trait Publisher: Send + Sync {
    /// Makes this the configuration of all proxies, connected now or later. A publication that is exactly the current one is sent
    /// to nobody who has it.
    fn publish(&self, publication: Publication);

    /// Every proxy that is connected, and the last state of those that were; by node, then stream.
    fn reports(&self) -> Vec<ProxyReport>;

    /// Everything refused that is still remembered, by node: to be stored, and given back after a restart.
    fn refusals(&self) -> BTreeMap<String, Vec<Refusal>>;

    /// The highest generation that any proxy ever reported of a version other than the current publication's.
    ///
    /// When it is not below the current generation (the database was replaced by an older copy), publish again at this + 1: two
    /// different configurations must never share a generation.
    fn highest_generation(&self) -> Option<u64>;

    /// Totals since the start, for alarms and metrics.
    fn counters(&self) -> Counters;

    /// Changes its value whenever a report or a counter has changed.
    fn changes(&self) -> watch::Receiver<u64>;
}
