//! Answers to orders: what was done and who has it, or why not.

use serde::{Deserialize, Serialize};
use weir_core::check::Fault;

use super::status::Transition;
use crate::lifecycle::Change;

/// The answer to an order that was obeyed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What was done, in words.
    pub sentence: String,
    /// False if everything was so already: nothing was decided and nothing published.
    pub changed: bool,
    /// The decision and its way to the proxies. If nothing was changed, the present generation's.
    pub transition: Transition,
    /// True when every connected proxy has applied it; waited for as long as `wait_ms` said.
    pub complete: bool,
    /// False if the database refused the write: the order is in force all the same and is written as soon as that is possible.
    pub stored: bool,
    /// `apply`: what differs from the document before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// The answer to what was refused or failed; nothing was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In one sentence.
    pub error: String,
    /// Every fault, if it was a document.
    #[serde(default)]
    pub faults: Vec<FaultText>,
}

/// A fault as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultText {
    /// JSON path.
    pub path: String,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl From<Fault> for FaultText {
    fn from(fault: Fault) -> Self {
        Self { path: fault.path, found: fault.found, allowed: fault.allowed }
    }
}

/// As core writes a fault.
impl std::fmt::Display for FaultText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: found {}, allowed {}", self.path, self.found, self.allowed)
    }
}
