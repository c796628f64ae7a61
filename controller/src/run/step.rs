//! [`Step`]: one change with everything that is written beside it. Owns how a decision becomes a row of the ledger and a line of the
//! status.

use super::model::Change;
use crate::report::Transition;
use crate::store::{Batch, Entry};

/// One decision, for the ledger and the status.
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    pub(super) kind: &'static str,
    pub(super) flag: Option<String>,
    pub(super) attempt: Option<u64>,
    pub(super) actor: &'static str,
    pub(super) reason: Option<String>,
    pub(super) sentence: String,
    /// JSON object.
    pub(super) numbers: serde_json::Value,
    /// When what it rests on was observed.
    pub(super) detected_at_ms: Option<u64>,
}

/// A change with what is written beside it.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) change: Change,
    /// What is decided; each begins a way to the proxies.
    pub(super) decisions: Vec<Decision>,
    /// Observations, cumulative values, refusals, and ledger rows that are events.
    pub(super) beside: Batch,
    /// What can't come again (a tick) is kept in memory and written later if the database refuses it now; an order is refused then.
    pub(super) keep: bool,
    /// Publish even if proxies would get what they have: its generation has been used for something else.
    pub(super) anew: bool,
}

impl Decision {
    pub(super) fn entry(&self, generation: u64, at_ms: u64) -> Entry {
        let mut numbers = self.numbers.clone();
        if let (Some(detected), serde_json::Value::Object(numbers)) = (self.detected_at_ms, &mut numbers) {
            numbers.insert("detected_at_ms".to_owned(), detected.into());
        }
        Entry {
            at_ms,
            kind: self.kind.to_owned(),
            flag: self.flag.clone(),
            attempt: self.attempt,
            actor: self.actor.to_owned(),
            reason: self.reason.clone(),
            sentence: self.sentence.clone(),
            numbers: numbers.to_string(),
            generation,
        }
    }

    pub(super) fn transition(self, generation: u64, decided_at_ms: u64) -> Transition {
        Transition {
            kind: self.kind.to_owned(),
            flag: self.flag,
            attempt: self.attempt,
            actor: self.actor.to_owned(),
            sentence: self.sentence,
            detected_at_ms: self.detected_at_ms,
            decided_at_ms,
            generation,
            ..Transition::default()
        }
    }
}
