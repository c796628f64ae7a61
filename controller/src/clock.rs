//! [`Clock`]: the one place that asks the machine for the time. Everything pure takes time as an argument; glue that has to stamp an
//! event carries a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall time for stamps, monotonic time for spans.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// The machine's clock; its monotonic part begins at 0 now.
    #[must_use]
    pub fn system() -> Self {
        Self { start: Instant::now() }
    }

    /// Milliseconds since the Unix epoch; may jump, in either direction.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| saturated(since.as_millis()))
    }

    /// Milliseconds since this clock was made; never goes back.
    #[must_use]
    pub fn monotonic_ms(&self) -> u64 {
        saturated(self.start.elapsed().as_millis())
    }
}

fn saturated(millis: u128) -> u64 {
    u64::try_from(millis).unwrap_or(u64::MAX)
}
