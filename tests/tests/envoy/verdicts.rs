//! What becomes of a candidate that fails, is slow, fails like control, has no traffic, or is healthy.

use std::time::Duration;

use serde_json::{Value, json};
use weir_tests::document::{self, rollout as rollout_of};
use weir_tests::upstream::Faults;

use crate::whole::{Whole, finish, requests, rollout, why};

const RATE: f64 = 400.0;

/// 5 % for two seconds, then 25 % for longer than a test.
fn at_a_quarter() -> Value {
    let mut document = document::checkout();
    rollout_of(&mut document)["stages"] =
        json!([{ "weight": "5%", "for": "2s" }, { "weight": "25%", "for": "10m" }, { "weight": "100%", "for": "1s" }]);
    document
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_fails_is_rolled_back_by_every_proxy() {
    let whole = Whole::start(3, &at_a_quarter()).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    whole.upstreams.candidate.order(Faults::errors(0.2));
    let rollout = whole.phase("rolled_back").await;
    assert_eq!((rollout.weight_ppm, rollout.mask, rollout.attempt), (0, true, 1));
    let last = rollout.last.expect("a decision");
    assert_eq!((last.kind.as_str(), last.actor.as_str()), ("rollback", "judge"), "{last:?}");
    assert!(last.sentence.contains("error"), "{}", last.sentence);
    whole.applied().await;
    requests(&load, 1_000).await;
    whole.assert_nobody_on_the_candidate_since_applied().await;
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_is_slow_is_rolled_back() {
    let whole = Whole::start(2, &at_a_quarter()).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    whole.upstreams.candidate.order(Faults::latency(Duration::from_millis(400)));
    let rollout = whole.phase("rolled_back").await;
    let last = rollout.last.expect("a decision");
    assert_eq!((last.kind.as_str(), last.actor.as_str()), ("rollback", "judge"), "{last:?}");
    assert!(last.sentence.contains("ms"), "{}", last.sentence);
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_fails_like_control_is_held_with_the_reason() {
    let whole = Whole::start(2, &at_a_quarter()).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    whole.upstreams.control.order(Faults::errors(0.2));
    whole.upstreams.candidate.order(Faults::errors(0.2));
    let known = |w: String| w == "ControlSick" || w == "BothFail";
    let status = whole.until("the judge sees that both fail", |status| known(why(rollout(status)))).await;
    let ruling = rollout(&status).ruling.clone().expect("a ruling");
    assert!(ruling.asks && ruling.sentence.contains("control"), "{ruling:?}");
    let held = |status: &weir_controller::report::Status| {
        let rollout = rollout(status);
        rollout.phase == "running" && rollout.weight_ppm == 250_000 && known(why(rollout))
    };
    whole.for_ticks(10, "held at 25 %", held).await;
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_traffic_nothing_moves() {
    let mut document = at_a_quarter();
    rollout_of(&mut document)["stages"] = json!([{ "weight": "5%", "for": "2s" }, { "weight": "100%", "for": "2s" }]);
    let whole = Whole::start(2, &document).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(5).await;
    load.set_rate(0.0);
    whole.until("the judge sees no traffic", |status| why(rollout(status)) == "NoTraffic").await;
    let held = |status: &weir_controller::report::Status| {
        let rollout = rollout(status);
        rollout.phase == "running" && rollout.weight_ppm == 50_000
    };
    whole.for_ticks(10, "held at 5 %", held).await;
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_candidate_goes_through_every_stage_and_is_done() {
    let mut document = document::checkout();
    for stage in rollout_of(&mut document)["stages"].as_array_mut().expect("stages") {
        stage["for"] = "2s".into();
    }
    let whole = Whole::start(3, &document).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    let rollout = whole.phase("done").await;
    assert_eq!(rollout.weight_ppm, 1_000_000);
    let kinds: Vec<String> = whole.ledger().await.into_iter().map(|row| row.entry.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "stage").count(), 4, "{kinds:?}");
    whole.applied().await;
    let before = whole.upstreams.control.requests();
    requests(&load, 400).await;
    let strays = whole.upstreams.control.requests() - before;
    assert!(strays <= 20, "{strays} requests on control after all had applied 100 %");
    finish(load).await;
}
