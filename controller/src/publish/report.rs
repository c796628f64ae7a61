//! What a publisher is given, and what it tells about each proxy. Plain values, serialized into status answers.

use serde::{Deserialize, Serialize};

use super::version::Version;

/// A configuration for all proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its number; rises with every publication.
    pub generation: u64,
    /// What the filter gets as plugin configuration, checked by core.
    pub configuration: String,
}

impl Publication {
    /// Generation and hash.
    #[must_use]
    pub fn version(&self) -> Version {
        Version::of(self.generation, &self.configuration)
    }
}

/// That something happened with a generation, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which configuration.
    pub generation: u64,
    /// When the controller learned it, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A configuration that a proxy refused. That very configuration is never sent to that node again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// SHA-256 of the configuration, 64 hexadecimal digits.
    pub hash: String,
    /// Its generation.
    pub generation: u64,
    /// What the proxy said, shortened.
    pub error: String,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// One proxy as a publisher sees it: a (node, resource, stream).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProxyReport {
    /// Envoy's `--service-node`; empty when it gave none.
    pub node: String,
    /// The resource that it asked for.
    pub resource: String,
    /// Number of the stream, rising; never used twice by a process.
    pub stream: u64,
    /// Address that the stream comes from.
    pub peer: Option<String>,
    /// When the stream began, milliseconds since the Unix epoch.
    pub connected_since_ms: u64,
    /// When the stream ended; absent while it is up. The proxy goes on serving what it has.
    pub gone_since_ms: Option<u64>,
    /// Whether another stream with the same node id is up.
    pub duplicate: bool,
    /// The version that it reported last, as text; also one that is not ours.
    pub reported: Option<String>,
    /// Last sent.
    pub sent: Option<Mark>,
    /// Last acknowledged: its main thread has taken it.
    pub acked: Option<Mark>,
    /// Last applied: all its workers serve it. Absent for ever if the admin address of the node is not known.
    pub applied: Option<Mark>,
    /// Refused by this node and still remembered, oldest first.
    pub refused: Vec<Refusal>,
}

impl ProxyReport {
    /// Whether the stream is up.
    #[must_use]
    pub fn connected(&self) -> bool {
        self.gone_since_ms.is_none()
    }

    /// Whether the node refused the configuration with that hash.
    #[must_use]
    pub fn has_refused(&self, hash: &str) -> bool {
        self.refused.iter().any(|refusal| refusal.hash == hash)
    }
}

/// Totals since the process started. Each but `streams` and `sent` is an alarm when it grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Streams opened.
    pub streams: u64,
    /// Configurations sent.
    pub sent: u64,
    /// Configurations refused by a proxy: a defect, for core had accepted them.
    pub refused: u64,
    /// Streams that came with the node id of another that was up.
    pub duplicate_nodes: u64,
    /// Acknowledgements of a version that the node had refused; they counted for nothing.
    pub silent_acks_ignored: u64,
    /// Requests that ended in an error: other type, other resource, other method.
    pub rejected_requests: u64,
}
