//! What one tick gives: the observation, and how each proxy was seen. Plain values, serialized into status answers.

use serde::{Deserialize, Serialize};

use crate::observation::Observation;

/// One round over all proxies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tick {
    /// For the judge: differences since the tick before, summed over the proxies.
    pub observation: Observation,
    /// One for each configured proxy, in their order.
    pub proxies: Vec<ProxySight>,
}

/// How a proxy was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxySight {
    /// Its admin address, as configured.
    pub admin: String,
    /// Its node id, once it has told it; ties it to the publisher's reports.
    pub node: Option<String>,
    /// Whether it answered this tick in time, and readably.
    pub seen: bool,
    /// When it was first missed, milliseconds since the Unix epoch; absent while it is seen.
    pub missing_since_ms: Option<u64>,
    /// Why it was not seen.
    pub error: Option<String>,
    /// How long its process has been up, in seconds.
    pub uptime_s: Option<u64>,
    /// How many of its restarts were noticed.
    pub restarts: u64,
    /// Gauge `weir_generation`: the generation that its workers report.
    pub generation: Option<u64>,
}
