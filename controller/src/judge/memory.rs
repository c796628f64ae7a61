//! [`Memory`]: what the judge remembers of an attempt from tick to tick. Owns which counts go where; knows no verdict.

use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::situation::Situation;
use super::tally::Cells;
use crate::observation::{Observation, VariantCounts};

/// What the judge remembers. Default is empty, as before the first start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// Control's counts since the attempt began (or was resumed).
    control: Cells,
}

impl Memory {
    /// Empty, for an attempt that goes by `policy`.
    #[must_use]
    pub fn new(_policy: &Policy) -> Self {
        Self::default()
    }

    /// A stage begins: what is counted by stage begins with it.
    pub fn begin_stage(&mut self, _policy: &Policy) {}

    /// Takes in what a tick saw.
    pub fn absorb(&mut self, situation: &Situation<'_>, observation: &Observation) {
        let empty = VariantCounts::default();
        let flag = observation.flags.get(situation.flag);
        let variant = |name: &str| flag.and_then(|f| f.variants.get(name)).unwrap_or(&empty);
        self.control.add(&Cells::of(variant(situation.control)));
    }

    /// Control's counts since the attempt began.
    #[must_use]
    pub fn control(&self) -> &Cells {
        &self.control
    }
}
