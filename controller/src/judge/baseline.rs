//! [`Baseline`]: what control has shown before the first stage, forgotten when it is older than the policy's window. Owns the window;
//! knows no verdict.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use crate::observation::{Observation, VariantCounts};

/// The window is forgotten in so many steps.
const STEPS: u64 = 24;

/// Requests of control, and observed time with any, of the last window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Baseline(VecDeque<Piece>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    span_ms: u64,
    observed_ms: u64,
    requests: u64,
}

impl Baseline {
    /// Takes in a tick, and forgets what lies too far back. Time counts when enough proxies were seen and control had a request.
    pub fn add(&mut self, policy: &Policy, observation: &Observation, control: &VariantCounts) {
        let requests = control.cells.iter().fold(0u64, |sum, cell| sum.saturating_add(cell.requests));
        let counts = requests > 0 && policy.is_observed(observation);
        let observed_ms = if counts { observation.span_ms } else { 0 };
        let step = policy.window_ms.div_ceil(STEPS);
        if self.0.back().is_none_or(|last| last.span_ms >= step) {
            self.0.push_back(Piece::default());
        }
        if let Some(last) = self.0.back_mut() {
            last.span_ms = last.span_ms.saturating_add(observation.span_ms);
            last.observed_ms = last.observed_ms.saturating_add(observed_ms);
            last.requests = last.requests.saturating_add(requests);
        }
        while self.sum(|piece| piece.span_ms) > policy.window_ms && self.0.len() > 1 {
            self.0.pop_front();
        }
    }

    /// Control's requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.sum(|piece| piece.requests)
    }

    /// Time in which it had them, milliseconds.
    #[must_use]
    pub fn observed_ms(&self) -> u64 {
        self.sum(|piece| piece.observed_ms)
    }

    fn sum(&self, of: impl Fn(&Piece) -> u64) -> u64 {
        self.0.iter().fold(0, |sum, piece| sum.saturating_add(of(piece)))
    }
}
