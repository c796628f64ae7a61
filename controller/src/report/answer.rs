//! Answers to orders: what was done and who has it, or why not.

use serde::{Deserialize, Serialize};
use weir_core::check::Finding;

use super::status::Transition;
use crate::lifecycle::Change;
use crate::stale::Stale;

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
    /// What should be known before going on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// `apply`: what differs from the document before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// `apply`: the document's warnings, and the defects that were allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingText>,
    /// How many findings there are beside those: at most 1,000 of a severity are named.
    #[serde(default, skip_serializing_if = "none_left_out")]
    pub left_out: usize,
}

pub(crate) const fn none_left_out(count: &usize) -> bool {
    *count == 0
}

/// The answer to `GET /api/v1/flags/stale`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleFlags {
    /// In the order of the document.
    pub stale: Vec<Stale>,
}

/// The answer to what was refused or failed; nothing was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In one sentence.
    pub error: String,
    /// Every finding, if it was a document, in the order of its text.
    #[serde(default)]
    pub findings: Vec<FindingText>,
}

/// A finding as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingText {
    /// Its stable name, such as `E-STATE`.
    pub code: String,
    /// `error`, `defect` or `warning`.
    pub severity: String,
    /// JSON path.
    pub path: String,
    /// Line of the text, from 1; 0 if there is no text.
    pub line: u32,
    /// Column in characters, from 1; 0 if there is no text.
    pub column: u32,
    /// What stands there.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

impl From<Finding> for FindingText {
    fn from(finding: Finding) -> Self {
        Self {
            code: finding.code.to_string(),
            severity: finding.severity.to_string(),
            path: finding.path,
            line: finding.line,
            column: finding.column,
            found: finding.found,
            allowed: finding.allowed,
        }
    }
}

/// As core writes a finding.
impl std::fmt::Display for FindingText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: found {}, allowed {}", self.path, self.found, self.allowed)?;
        match self.line {
            0 => Ok(()),
            line => write!(f, " ({}, line {line}, column {})", self.code, self.column),
        }
    }
}
