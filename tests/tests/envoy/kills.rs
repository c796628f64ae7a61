//! The kill switch.

use serde_json::{Value, json};
use weir_controller::report::Status;
use weir_tests::document::{self, rollout as rollout_of};

use crate::whole::{Whole, finish, requests, rollout};

const RATE: f64 = 400.0;

fn ramping() -> Value {
    let mut document = document::checkout();
    rollout_of(&mut document)["stages"] =
        json!([{ "weight": "25%", "for": "2s" }, { "weight": "50%", "for": "10m" }, { "weight": "100%", "for": "1s" }]);
    document
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_the_rollout_ramps_takes_everybody_back_and_after_revive_nobody_is_on_the_candidate_until_resume()
{
    let whole = Whole::start(2, &ramping()).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    let answer = whole.order("kill").await;
    assert_eq!(answer["complete"], true, "{answer:#}");
    requests(&load, 800).await;
    whole.assert_nobody_on_the_candidate_since_applied().await;
    assert!(whole.rollout().await.killed);

    let before = whole.upstreams.candidate.requests();
    whole.order("revive").await;
    let paused = |status: &Status| {
        let rollout = rollout(status);
        rollout.phase == "paused" && rollout.weight_ppm == 0 && !rollout.killed
    };
    whole.for_ticks(6, "paused at weight 0", paused).await;
    requests(&load, 800).await;
    assert_eq!(whole.upstreams.candidate.requests(), before, "nobody is on the candidate until resume");

    whole.order("resume").await;
    whole.weight(50).await;
    assert_eq!(whole.rollout().await.attempt, 1);
    assert!(whole.upstreams.candidate.requests() > before);
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_holds_though_the_controller_has_just_restarted() {
    let mut whole = Whole::start(2, &ramping()).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(50).await;
    whole.crash().await;
    whole.controller.checkout("kill").await.expect("a kill is taken at once");
    whole.applied().await;
    whole
        .until("the kill is applied", |status| {
            // Also by the proxy that was the last to find the restarted controller.
            rollout(status).last.as_ref().is_some_and(|last| last.applied_at_ms.is_some() && last.absent.is_empty())
        })
        .await;
    requests(&load, 800).await;
    whole.assert_nobody_on_the_candidate_since_applied().await;
    whole.crash().await;
    assert!(whole.rollout().await.killed, "a restart revives nothing");
    requests(&load, 400).await;
    whole.assert_nobody_on_the_candidate_since_applied().await;
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_global_kill_takes_everybody_back_and_is_lifted_by_itself_alone() {
    let whole = Whole::start(2, &ramping()).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    let all = json!({ "all": true, "reason": "a test", "wait_ms": 20_000 });
    let answer = whole.controller.call("kill", &all).await.expect("taken");
    assert_eq!(answer["complete"], true, "{answer:#}");
    assert!(whole.status().await.kill);
    let refused = whole
        .controller
        .try_call("revive", &json!({ "flag": "checkout", "reason": "a test" }))
        .await
        .expect("an answer");
    let before = whole.upstreams.candidate.requests();
    requests(&load, 800).await;
    assert_eq!(whole.upstreams.candidate.requests(), before, "after: {}", refused.text());
    whole.controller.call("revive", &all).await.expect("taken");
    assert_eq!(whole.phase("paused").await.weight_ppm, 0);
    finish(load).await;
}
