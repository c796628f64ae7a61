//! A candidate that everybody has and that slows down afterwards: the alarm, and the way back.

use std::time::Duration;

use serde_json::{Value, json};
use weir_controller::report::{Alarm, Status};
use weir_tests::document::{self, rollout as rollout_of};
use weir_tests::upstream::Faults;
use weir_tests::{http, poll};

use crate::whole::{Whole, finish, requests, rollout};

const RATE: f64 = 400.0;
/// Far from what a busy machine does to both variants, and far beyond it in distance.
const SLOW: Duration = Duration::from_millis(80);

/// Done within seconds, and watched from then on.
fn watched(action: &str) -> Value {
    let mut document = document::checkout();
    let rollout = rollout_of(&mut document);
    rollout["stages"] = json!([{ "weight": "25%", "for": "4s" }, { "weight": "100%", "for": "1s" }]);
    rollout["analysis"] = json!({ "drift": {
        "distance": 0.6, "window": "5s", "values": 300, "action": action, "cooldown": "10m"
    } });
    document
}

fn alarm(status: &Status) -> Option<&Alarm> {
    status.alarms.iter().find(|alarm| alarm.kind == "drift")
}

async fn alarms(whole: &Whole) -> Vec<String> {
    let rows = whole.ledger().await.into_iter().filter(|row| row.entry.kind == "alarm");
    rows.map(|row| row.entry.sentence).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_after_the_last_stage_alarms_once_within_the_cooldown_and_over_a_crash() {
    let mut whole = Whole::start(2, &watched("notify")).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.phase("done").await;
    whole.applied().await;
    whole.for_ticks(12, "no drift yet", |status| alarm(status).is_none()).await;

    whole.upstreams.candidate.order(Faults::latency(SLOW));
    let status = whole.until("the status has an alarm of drift", |status| alarm(status).is_some()).await;
    let told = alarm(&status).expect("an alarm").clone();
    assert!(told.sentence.starts_with("checkout: drift latency: distance ") && told.since_ms > 0, "{told:?}");
    assert!(status.sentence.ends_with("; alarms: drift"), "{}", status.sentence);
    let ruling = rollout(&status).ruling.clone().expect("a ruling");
    assert!(ruling.sentence.contains("is done; all on the candidate; but drift latency"), "{}", ruling.sentence);
    let metrics = http::get(whole.controller.api(), "/metrics").await.expect("an answer").text();
    for line in [
        "weir_controller_alarms{kind=\"drift\"} 1",
        "weir_controller_remark_bad{flag=\"checkout\",remark=\"drift latency\"} 1",
        "weir_controller_remark_limit{flag=\"checkout\",remark=\"drift latency\"} 0.6",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} not in\n{metrics}");
    }
    assert_eq!(alarms(&whole).await.len(), 1);

    whole.crash().await;
    let status = whole.until("the new controller looks", |status| status.totals.ticks >= 4).await;
    let again = alarm(&status).expect("it still drifts");
    assert_eq!(again.since_ms, told.since_ms, "{again:?}");
    assert!(again.sentence.contains("no other alarm for "), "{}", again.sentence);
    whole
        .for_ticks(10, "done, and drifting", |status| rollout(status).phase == "done" && alarm(status).is_some())
        .await;
    assert_eq!(alarms(&whole).await.len(), 1, "once within the cooldown, whoever watches");

    whole.upstreams.candidate.order(Faults::default());
    whole.until("it drifts no more", |status| alarm(status).is_none()).await;
    assert_eq!(rollout(&whole.status().await).weight_ppm, 1_000_000, "nobody was moved");
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_after_the_last_stage_takes_everybody_back_if_the_document_says_so() {
    let mut whole = Whole::start(2, &watched("rollback")).await;
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.phase("done").await;
    whole.applied().await;
    // What was learned of control, and that it is watched, is in the database.
    whole.crash().await;
    whole.until("the new controller looks", |status| status.totals.ticks >= 2).await;
    assert_eq!(whole.rollout().await.phase, "done");

    whole.upstreams.candidate.order(Faults::latency(SLOW));
    let rollout = whole.phase("rolled_back").await;
    assert_eq!((rollout.weight_ppm, rollout.mask), (0, true));
    let last = rollout.last.expect("a decision");
    assert_eq!((last.kind.as_str(), last.actor.as_str()), ("rollback", "judge"), "{last:?}");
    assert!(last.sentence.starts_with("checkout: rolled back at 100 %: drift latency: distance "), "{}", last.sentence);
    whole.applied().await;
    let before = whole.upstreams.control.requests();
    requests(&load, 1_000).await;
    let everybody = || whole.upstreams.control.requests() - before >= 900;
    poll::until_true("everybody is on control", Duration::from_secs(10), everybody).await.expect("in time");
    whole.assert_nobody_on_the_candidate_since_applied().await;
    assert_eq!(alarms(&whole).await, Vec::<String>::new(), "the decision tells it");
    assert!(alarm(&whole.status().await).is_none());
    finish(load).await;
}
