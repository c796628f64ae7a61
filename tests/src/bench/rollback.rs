//! Fault to applied by the last of three proxies: 1,000 requests/s, candidate at 5 %, 1 % errors everywhere, then 20 % in the candidate.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use weir_controller::report::{RolloutStatus, Status};

use super::report::{Report, median};
use super::stage::{Stage, now_ms};
use crate::document;
use crate::upstream::Faults;

const PROXIES: usize = 3;
const RATE: f64 = 1_000.0;
const BASE: f64 = 0.01;
const FAULT: f64 = 0.20;
const LIMIT: Duration = Duration::from_secs(60);

pub(super) async fn measure(runs: usize) -> Result<Report> {
    let stage = Stage::set(PROXIES, &document_at_5_percent(), RATE).await?;
    stage.fleet.control.order(Faults::errors(BASE));
    stage.fleet.candidate.order(Faults::errors(BASE));
    let mut times = Vec::with_capacity(runs);
    let mut exposed = Vec::with_capacity(runs);
    for run in 1..=runs {
        let (time, failed) = one(&stage).await.with_context(|| format!("run {run}"))?;
        eprintln!("run {run} of {runs}: {time} ms, {failed} requests failed");
        times.push(time);
        exposed.push(failed);
    }
    let report = Report::of("rollback", "fault to applied by the last proxy", times)?;
    Ok(report
        .with("proxies", PROXIES)
        .with("requests_per_second", RATE)
        .with("candidate_weight", 0.05)
        .with("base_errors", BASE)
        .with("fault_errors", FAULT)
        .with("exposed_requests_median", median(exposed)))
}

async fn one(stage: &Stage) -> Result<(u64, u64)> {
    stage.fleet.controller.checkout("start").await?;
    until(stage, "5 % are on the candidate", |rollout| {
        rollout.weight_ppm == 50_000 && rollout.proxies.iter().all(|proxy| proxy.applied_ppm == Some(50_000))
    })
    .await?;
    // A fault begins at any moment of a tick.
    tokio::time::sleep(Duration::from_millis(2_000 + fastrand::u64(0..1_000))).await;
    let before = stage.fleet.candidate.faulty();
    stage.fleet.candidate.order(Faults::errors(FAULT));
    let fault = now_ms();
    let rollout = until(stage, "everybody is taken back", |rollout| {
        rollout.phase == "rolled_back" && rollout.last.as_ref().is_some_and(|last| last.applied_at_ms.is_some())
    })
    .await?;
    stage.fleet.candidate.order(Faults::errors(BASE));
    let applied = rollout.last.and_then(|last| last.applied_at_ms).context("applied")?;
    Ok((applied.saturating_sub(fault), stage.fleet.candidate.faulty().saturating_sub(before)))
}

async fn until(stage: &Stage, what: &str, wanted: impl Fn(&RolloutStatus) -> bool) -> Result<RolloutStatus> {
    let of_flag = |rollout: &RolloutStatus| rollout.flag == document::FLAG;
    let there = |status: &Status| status.rollouts.iter().any(|rollout| of_flag(rollout) && wanted(rollout));
    let status = stage.fleet.controller.status_until(what, LIMIT, there).await?;
    status.rollouts.into_iter().find(of_flag).context("just found")
}

/// [`document::checkout`] whose first stage lasts longer than any run.
fn document_at_5_percent() -> String {
    let mut value = document::checkout();
    let rollout = document::rollout(&mut value);
    rollout["stages"] = json!([{ "weight": "5%", "for": "1h" }, { "weight": "100%" }]);
    rollout["guardrails"] = json!([{ "metric": "errors", "ratio": 2.0 }]);
    value.to_string()
}
