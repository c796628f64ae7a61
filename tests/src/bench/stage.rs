//! [`Stage`]: what a bench runs on: a fleet and 10,000 users.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;

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
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
