//! How long a tick takes: what is new at 1,000 proxies is added up, and 10 rollouts with the default guardrails are judged, on one core.

use std::time::Instant;

use anyhow::Result;
use serde_json::json;
use weir_controller::observation::{Bin, Bins, CellCounts, FlagCounts, Observation, VariantCounts};
use weir_controller::observe::merge;
use weir_controller::rollout::{Command, RolloutState};
use weir_core::document::{Document, Rollout};

use crate::bench::report::Report;

const PROXIES: u64 = 1_000;
const ROLLOUTS: usize = 10;

/// Measures so many ticks.
///
/// # Errors
/// The document is not one.
pub fn measure(runs: usize) -> Result<Report> {
    let document = document()?;
    let mut rollouts: Vec<(String, RolloutState)> =
        document.flags.iter().filter_map(|flag| Some((flag.key.clone(), started(flag.rollout.as_ref()?)?))).collect();
    let counts: std::collections::BTreeMap<String, FlagCounts> =
        rollouts.iter().map(|(flag, _)| (flag.clone(), of_proxy())).collect();
    let mut times_ms = Vec::with_capacity(runs);
    for tick in 0..runs + WARM {
        // What was parsed is owned already: the copies are not the judge's.
        let proxies: Vec<_> = (0..PROXIES).map(|_| counts.clone()).collect();
        let seen = u32::try_from(PROXIES)?;
        let at_ms = 1_000 * u64::try_from(tick)?;
        let began = Instant::now();
        let mut observation = Observation { at_ms, span_ms: 1_000, expected: seen, seen, ..Observation::default() };
        proxies.into_iter().for_each(|counts| merge::add(&mut observation, counts));
        for (flag, state) in &mut rollouts {
            *state = state.tick(flag, &observation).0;
        }
        if tick >= WARM {
            times_ms.push(u64::try_from(began.elapsed().as_micros().div_ceil(1_000))?);
        }
    }
    Report::of("judge-speed", "a tick: 1,000 proxies added up, 10 rollouts judged, on one core", times_ms)
}

/// Ticks before the first that counts, so that all are in a stage and settled.
const WARM: usize = 60;

fn started(rollout: &Rollout) -> Option<RolloutState> {
    RolloutState::default().command(&Command::Start { force: false }, rollout, Some(&rollout.control), 0).ok()
}

fn document() -> Result<Document> {
    let (mut flags, mut outputs, mut rollouts) = (json!({}), json!({}), json!({}));
    for i in 0..ROLLOUTS {
        let flag = format!("flag-{i}");
        flags[&flag] =
            json!({ "state": "ENABLED", "variants": { "stable": 1, "next": 2 }, "defaultVariant": "stable" });
        outputs[&flag] = json!({ "requestHeader": format!("x-weir-{i}") });
        let stages = json!([{ "weight": "5%", "for": "1h" }, { "weight": "100%" }]);
        rollouts[&flag] = json!({ "control": "stable", "candidate": "next", "stages": stages });
    }
    let weir = json!({ "version": 1, "identity": [{ "header": "x-user" }], "outputs": outputs, "rollouts": rollouts });
    let text = json!({ "flags": flags, "weir": weir }).to_string();
    weir_core::check::check(&text).map_err(|findings| anyhow::anyhow!("{findings:?}"))
}

/// One proxy's second of one flag: both variants in 20 cells, durations over 60 bins.
fn of_proxy() -> FlagCounts {
    let variant = |requests: u64| {
        let mut counts = VariantCounts { started: requests * 20, ..VariantCounts::default() };
        counts.results[0] = requests * 20;
        counts.cells = [CellCounts { requests, errors: 0 }; 20];
        counts.duration =
            Bins((20..80).map(|ms| (ms * 1_000, Bin { width: 1_000, count: requests / 3 + 1 })).collect());
        counts
    };
    let variants = [("stable".to_owned(), variant(95)), ("next".to_owned(), variant(5))].into();
    FlagCounts { variants, ..FlagCounts::default() }
}
