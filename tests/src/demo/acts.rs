//! The three acts. Owns what is ordered when, and the moments that are measured; words are `watch`'s, arithmetic `summary`'s.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use weir_controller::clock::Clock;
use weir_controller::report::{Answer, RolloutStatus, Transition};

use super::site::Site;
use super::watch::Watch;
use crate::document::FLAG;
use crate::upstream::Faults;

/// The share of requests that the broken candidate fails.
pub(super) const FAULT: f64 = 0.2;

const HEALTHY: Duration = Duration::from_secs(45);
const STAGE: Duration = Duration::from_secs(15);
const DETECTION: Duration = Duration::from_secs(15);
/// After the last proxy has applied it, so long nobody may reach the candidate any more.
const SILENCE: Duration = Duration::from_secs(2);

/// The moments of the demo, in milliseconds since the Unix epoch.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Weights of the stages that the healthy attempt went through, parts per million.
    pub(super) stages: Vec<u32>,
    pub(super) fault_ms: u64,
    pub(super) rollback: Transition,
    /// When the candidate got its last request before the rollback, in microseconds.
    pub(super) rollback_last_us: u64,
    /// Requests that the candidate failed as ordered.
    pub(super) exposed: u64,
    pub(super) kill_called_ms: u64,
    pub(super) kill: Transition,
    pub(super) kill_last_us: u64,
}

pub(super) async fn play(site: &Site, watch: &mut Watch) -> Result<Played> {
    let mut played = Played::default();
    watch.act("Act 1. A healthy candidate goes through its stages.");
    healthy(site, watch, &mut played).await?;
    watch.act("Act 2. A second attempt; at 25 % the candidate begins to fail.");
    broken(site, watch, &mut played).await?;
    watch.act("Act 3. The kill switch.");
    killed(site, watch, &mut played).await?;
    Ok(played)
}

async fn healthy(site: &Site, watch: &mut Watch, played: &mut Played) -> Result<()> {
    site.fleet.controller.checkout("start").await?;
    let mut seen = BTreeSet::new();
    loop {
        let before = seen.len();
        let rollout = watch
            .until(site, "the healthy candidate goes on", HEALTHY, |rollout| {
                ended(rollout) || (rollout.phase == "running" && !seen.contains(&rollout.weight_ppm))
            })
            .await?;
        if rollout.phase == "running" {
            seen.insert(rollout.weight_ppm);
        }
        if rollout.phase == "done" {
            break;
        }
        if ended(&rollout) || seen.len() == before {
            bail!("the healthy candidate did not reach its users: {rollout:#?}");
        }
    }
    played.stages = seen.into_iter().collect();
    Ok(())
}

/// An attempt is over, one way or the other.
fn ended(rollout: &RolloutStatus) -> bool {
    matches!(rollout.phase.as_str(), "done" | "rolled_back" | "paused")
}

/// A new attempt from wherever the last has ended, up to the stage of 25 %.
async fn to_a_quarter(site: &Site, watch: &mut Watch) -> Result<()> {
    site.fleet.controller.checkout("start").await?;
    let quarter = |rollout: &RolloutStatus| rollout.weight_ppm == 250_000 && everywhere(rollout);
    watch.until(site, "the attempt reaches 25 %", STAGE, quarter).await?;
    Ok(())
}

/// All proxies have applied the weight that is wanted.
fn everywhere(rollout: &RolloutStatus) -> bool {
    !rollout.proxies.is_empty() && rollout.proxies.iter().all(|proxy| proxy.applied_ppm == Some(rollout.weight_ppm))
}

async fn broken(site: &Site, watch: &mut Watch, played: &mut Played) -> Result<()> {
    // The first attempt has ended at 100 %: whoever wants to try again takes it back first.
    site.fleet.controller.checkout("rollback").await?;
    let back = |rollout: &RolloutStatus| rollout.weight_ppm == 0 && everywhere(rollout);
    watch.until(site, "all are back on control", STAGE, back).await?;
    to_a_quarter(site, watch).await?;
    watch.second(site).await?;
    site.fleet.candidate.order(Faults::errors(FAULT));
    played.fault_ms = now_ms();
    watch.say(&format!("! the candidate fails {:.0} % of its requests from now on", FAULT * 100.0));
    let taken_back = |rollout: &RolloutStatus| {
        rollout.phase == "rolled_back" && rollout.last.as_ref().is_some_and(|last| last.applied_at_ms.is_some())
    };
    let rollout = watch.until(site, "everybody is taken back", DETECTION, taken_back).await?;
    played.rollback = rollout.last.context("a rollback has a transition")?;
    played.rollback_last_us = silence(site, watch, &played.rollback).await?;
    played.exposed = site.fleet.candidate.faulty();
    site.fleet.candidate.order(Faults::default());
    Ok(())
}

async fn killed(site: &Site, watch: &mut Watch, played: &mut Played) -> Result<()> {
    to_a_quarter(site, watch).await?;
    watch.second(site).await?;
    played.kill_called_ms = now_ms();
    let order = json!({ "flag": FLAG, "reason": "the demo's third act", "wait_ms": 5_000 });
    let answer: Answer = serde_json::from_value(site.fleet.controller.call("kill", &order).await?)?;
    if !answer.complete {
        bail!("the kill was not applied everywhere: {answer:#?}");
    }
    played.kill = answer.transition;
    played.kill_last_us = silence(site, watch, &played.kill).await?;
    Ok(())
}

/// Waits, and sees that the candidate gets nothing any more that was sent after the last proxy had applied it. When it got its last request.
async fn silence(site: &Site, watch: &mut Watch, transition: &Transition) -> Result<u64> {
    let applied_ms = transition.applied_at_ms.context("applied everywhere")?;
    let first = site.load.done();
    for _ in 0..SILENCE.as_secs() {
        watch.second(site).await?;
    }
    let after = |record: &crate::load::Record| record.sent_us > applied_ms * 1000 + 1000;
    let stray = site
        .load
        .records_from(first)
        .into_iter()
        .filter(after)
        .filter(|r| r.who == crate::load::Who::Candidate)
        .count();
    if stray > 0 {
        bail!("{stray} requests sent after the last proxy had applied it still reached the candidate");
    }
    Ok(site.fleet.candidate.last_request_us())
}

fn now_ms() -> u64 {
    Clock::system().now_ms()
}
