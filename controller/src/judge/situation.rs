//! [`Situation`]: where a rollout stands when the judge looks at it. Owns nothing but the shape.

use super::limit::Limit;
use super::policy::Policy;

/// Where a rollout stands.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Key of the flag.
    pub flag: &'a str,
    /// Name of the variant that everybody had before.
    pub control: &'a str,
    /// Name of the variant that is to reach everybody.
    pub candidate: &'a str,
    /// What the attempt is judged by.
    pub policy: &'a Policy,
    /// The stage; `None` while control's data are awaited.
    pub stage: Option<Stage>,
    /// Weight of the stage that would be next, parts per million; `None` in the last.
    pub next_ppm: Option<u32>,
    /// Natural logarithm of the evidence that is enough, where it is not the policy's own: in a segment, one of many looks. It is before
    /// the division over the stages.
    pub enough: Option<f64>,
}

impl Situation<'_> {
    /// Natural logarithm of the evidence at which a limit counts as broken.
    #[must_use]
    pub fn evidence_limit(&self, limit: &Limit) -> f64 {
        let of_part = |enough| enough + self.policy.ln_stages(limit);
        self.enough.map_or_else(|| self.policy.evidence_limit(limit), of_part)
    }
}

/// The stage under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The candidate's weight, parts per million.
    pub weight_ppm: u32,
    /// Observed time that it lasts at least, milliseconds.
    pub lasts_ms: u64,
    /// How long it may take, milliseconds.
    pub longest_ms: Option<u64>,
}

impl Stage {
    /// Everybody has the candidate: there is no control to compare with.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.weight_ppm >= weir_core::share::WHOLE
    }
}
