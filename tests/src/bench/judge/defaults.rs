//! [`Defaults`]: what a document that says nothing about the judge asks of errors, read from such a document. Owns that document.

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;
use weir_controller::judge::Policy;
use weir_controller::judge::limit::Bound;
use weir_core::guardrail::Counter;

/// The limit on errors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Defaults {
    /// Tolerated ratio.
    pub(super) ratio: f64,
    /// Its part of the tolerated probability of a false alarm.
    pub(super) alpha: f64,
}

impl Defaults {
    /// # Errors
    /// None: the document is one, and errors are limited by default.
    pub(super) fn of_errors() -> Result<Self> {
        let policy = policy()?;
        let mut limits = policy.limits.iter();
        let found = limits.find_map(|limit| match &limit.bound {
            Bound::Ratio { counter: Counter::Errors, ratio } => {
                Some(Self { ratio: *ratio, alpha: (-policy.evidence_limit(limit)).exp() })
            }
            _ => None,
        });
        found.context("no limit on errors by default")
    }
}

/// Of a rollout that is planned to last a day, as those of every other row.
fn policy() -> Result<Policy> {
    let stages = json!([{ "weight": "1%", "for": "12h" }, { "weight": "5%", "for": "12h" }, { "weight": "100%" }]);
    let flag = json!({ "state": "ENABLED", "variants": { "stable": 1, "next": 2 }, "defaultVariant": "stable" });
    let weir = json!({
        "version": 1,
        "identity": [{ "header": "x-user" }],
        "outputs": { "checkout": { "requestHeader": "x-checkout" } },
        "rollouts": { "checkout": { "control": "stable", "candidate": "next", "stages": stages } },
    });
    let document = json!({ "flags": { "checkout": flag }, "weir": weir }).to_string();
    let document =
        weir_core::check::check(&document).map_err(|findings| anyhow!("the default policy: {findings:?}"))?;
    let rollout = document.flags.iter().find_map(|flag| flag.rollout.as_ref());
    Ok(Policy::of(rollout.context("no rollout in it")?))
}

#[cfg(test)]
mod tests {
    use super::super::deciders::{ALPHA, PLANNED_MS};
    use super::*;

    #[test]
    fn errors_have_a_quarter_of_alpha_and_a_day() {
        let Defaults { ratio, alpha } = Defaults::of_errors().expect("a limit on errors");
        assert_eq!(ratio, 2.0);
        assert!((alpha - ALPHA / 4.0).abs() < 1e-12, "{alpha}");
        assert_eq!(policy().expect("a policy").planned_ms, PLANNED_MS);
    }
}
