//! [`Stage`]: what a bench runs on: a fleet and 10,000 users.

use std::time::Duration;

use anyhow::Result;
use weir_controller::clock::Clock;

use crate::fleet::Fleet;
use crate::load::Load;
use crate::poll;

const READY: Duration = Duration::from_secs(30);

/// A fleet under load; gone when dropped.
pub(super) struct Stage {
    pub(super) load: Load,
    pub(super) fleet: Fleet,
}

impl Stage {
    /// `proxies` Envoys that serve `document` to users at `rate` requests a second.
    pub(super) async fn set(proxies: usize, document: &str, rate: f64) -> Result<Self> {
        let fleet = Fleet::start(proxies, document, "1s").await?;
        let load = fleet.load(10_000, rate);
        poll::until_true("requests are answered", READY, || load.done() > 100).await?;
        Ok(Self { load, fleet })
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    Clock::system().now_ms()
}
