//! API call to applied by the last of eight proxies. The order goes in as a person's would, over HTTP; the end is when the last proxy's
//! workers have it, by the controller's own watch.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use weir_controller::report::Answer;

use super::report::{Report, median};
use super::stage::{Stage, now_ms};
use crate::document;

const PROXIES: usize = 8;
const FLAGS: usize = 100;
/// Requests a second while it is measured.
const RATE: f64 = 100.0;
/// Between runs, so that one does not feel the other.
const REST: Duration = Duration::from_millis(200);

pub(super) async fn measure(runs: usize) -> Result<Report> {
    let document = document_of(FLAGS);
    let stage = Stage::set(PROXIES, &document, RATE).await?;
    let mut times = Vec::with_capacity(runs);
    let (mut to_published, mut to_acked) = (Vec::new(), Vec::new());
    for run in 1..=runs {
        let called = now_ms();
        let answer = order(&stage, "kill").await?;
        let applied = answer.transition.applied_at_ms.context("applied everywhere")?;
        times.push(applied.saturating_sub(called));
        to_published.push(answer.transition.published_at_ms.unwrap_or(applied).saturating_sub(called));
        let acked = answer.transition.applied.iter().filter_map(|proxy| proxy.acked_at_ms).max();
        to_acked.push(acked.unwrap_or(applied).saturating_sub(called));
        eprintln!("run {run} of {runs}: {} ms", times.last().copied().unwrap_or_default());
        order(&stage, "revive").await?;
        tokio::time::sleep(REST).await;
    }
    let failed = stage.load.records_from(0).iter().filter(|record| record.failed_without_order()).count();
    let what = "API call of a kill to applied by the last proxy";
    let report = Report::of("kill", what, times)?;
    Ok(report
        .with("proxies", PROXIES)
        .with("flags", FLAGS)
        .with("document_bytes", document.len())
        .with("requests_per_second", RATE)
        .with("failed_requests", failed)
        .with("to_published_median_ms", median(to_published))
        .with("to_last_acknowledged_median_ms", median(to_acked)))
}

async fn order(stage: &Stage, verb: &str) -> Result<Answer> {
    let body = json!({ "flag": document::FLAG, "reason": "bench", "wait_ms": 5_000 });
    let answer: Answer = serde_json::from_value(stage.fleet.controller.call(verb, &body).await?)?;
    if !answer.complete {
        bail!("{verb} was not applied everywhere: {answer:#?}");
    }
    Ok(answer)
}

/// [`document::checkout`] with further flags, each with an output of its own.
fn document_of(flags: usize) -> String {
    let mut value = document::checkout();
    for number in 1..flags {
        let key = format!("flag-{number}");
        value["flags"][&key] =
            json!({ "state": "ENABLED", "variants": { "on": true, "off": false }, "defaultVariant": "off" });
        value["weir"]["outputs"][&key] =
            json!({ "match": { "pathPrefix": format!("/{key}") }, "requestHeader": format!("x-weir-{key}") });
    }
    value.to_string()
}
