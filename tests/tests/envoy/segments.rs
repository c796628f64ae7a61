//! Parts of the users on a real Envoy: counted by the document's rules with the numbers that users know, and judged live.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir_controller::judge::Verdict;
use weir_controller::judge::analysis::RemarkState;
use weir_controller::report::Status;
use weir_tests::document::{self, rollout as rollout_of};
use weir_tests::http;
use weir_tests::load::{Load, Plan, Record, Who};
use weir_tests::upstream::{FALLBACK_HEADER, Faults, SCORE_HEADER, TIER_HEADER};

use crate::counted::observed;
use crate::pusher::{Pusher, percent};
use crate::stage::Upstreams;
use crate::whole::{Whole, finish, rollout as rollout_status, why};

const RATE: f64 = 400.0;
const USERS: u32 = 2_000;
/// One user of ten is in `beta`, four are in `nz`, the rest in neither.
const TIERS: &[&str] = &["beta", "nz", "nz", "nz", "nz", "", "", "", "", ""];

/// A document with the segments `beta` and `nz`.
fn segmented() -> Value {
    let mut document = document::checkout();
    document["weir"]["attributes"] = json!({ "tier": { "header": TIER_HEADER } });
    document["$evaluators"] = json!({ "is-beta": { "==": [{ "var": "tier" }, "beta"] } });
    document["weir"]["segments"] = json!({ "beta": { "$ref": "is-beta" }, "nz": { "==": [{ "var": "tier" }, "nz"] } });
    rollout_of(&mut document)["analysis"] = json!({ "segments": { "requests": 100 } });
    document
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_are_observed_with_the_numbers_that_users_know() {
    let upstreams = Upstreams::start().await;
    let mut pusher = Pusher::start().await;
    let mut document = segmented();
    document["weir"]["segments"]["odd"] = json!({ "nope": [1] });
    document["weir"]["counters"] = json!({ "fallback": { "responseHeader": FALLBACK_HEADER } });
    document["weir"]["scores"] = json!({ "quality": { "responseHeader": SCORE_HEADER, "max": 2 } });
    upstreams.control.order(Faults { score: 750_000, ..Faults::fallbacks(1.0) });
    upstreams.candidate.order(Faults { tier_errors: Some(("beta", 0.5)), ..Faults::default() });
    let generation = pusher.push(percent(50), &document.to_string());
    let envoys = pusher.proxies(&upstreams, &["segments-1", "segments-2"]).await;
    pusher.applied(2, generation).await;
    let plan = Plan { tiers: TIERS, ..Plan::sticky(&envoys, USERS, RATE) };
    let (flag, records) = observed(&envoys, plan.clone(), 1_500).await;
    assert_eq!(flag.segments.keys().collect::<Vec<_>>(), ["beta", "nz"], "nobody is in a segment whose rule fails");
    for (segment, variants) in &flag.segments {
        for (variant, who) in [("stable", Who::Control), ("next", Who::Candidate)] {
            let inside = |r: &&Record| r.who == who && plan.tier(r.user) == Some(segment.as_str());
            let of: Vec<&Record> = records.iter().filter(inside).collect();
            let (seen, count) = (&variants[variant], of.len() as u64);
            let failed = of.iter().filter(|record| record.status == 500).count() as u64;
            let name = format!("{segment} {variant}");
            assert_eq!((seen.started, seen.requests(), seen.errors()), (count, count, failed), "{name}");
            assert_eq!(failed > 0, segment == "beta" && who == Who::Candidate, "{name}");
            let cells = seen.cells.iter().fold((0, 0), |(n, k), cell| (n + cell.requests, k + cell.errors));
            assert_eq!((cells, seen.duration.count()), ((count, failed), count), "{name}");
            let answered = if who == Who::Control { count } else { 0 };
            assert_eq!(seen.goals["fallback"].iter().sum::<u64>(), answered, "{name}");
            let scores = seen.scores.get("quality").map_or(0, |score| score.cells.iter().map(|cell| cell.count).sum());
            assert_eq!(scores, answered, "{name}");
        }
    }
    let mut faults = 0;
    for envoy in &envoys {
        let name = "wasmcustom.flag=.=checkout;.;segment=.=odd;.;reason=.=unknown_operator;.;weir_segment_faults";
        faults += envoy.stat(name).await.expect("a counter");
    }
    assert_eq!(faults, records.len() as u64);
    let metrics = http::get(envoys[0].admin(), "/stats/prometheus").await.expect("an answer").text();
    let started = r#"weir_segment_started{flag="checkout",variant="next",segment="beta"}"#;
    assert!(metrics.lines().any(|line| line.starts_with(started)), "labels are {:?}", labels(&metrics));
}

fn labels(metrics: &str) -> BTreeMap<&str, &str> {
    let lines = metrics.lines().filter(|line| line.starts_with("weir_segment"));
    lines.filter_map(|line| line.split_once('{')).collect()
}

/// The candidate fails for one user of ten. On the whole that is 1.65 times control's errors, within its limit of 2; for them it is 7.5 times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_fails_in_one_segment_is_held_and_the_segment_is_named() {
    let mut document = segmented();
    let rollout = rollout_of(&mut document);
    rollout["stages"] = json!([{ "weight": "50%", "for": "15s" }, { "weight": "100%", "for": "1s" }]);
    rollout["guardrails"] = json!([{ "metric": "errors", "ratio": 2.0 }]);
    let whole = Whole::start(2, &document).await;
    let everybody = Faults::errors(0.04);
    whole.upstreams.control.order(everybody);
    whole.upstreams.candidate.order(Faults { tier_errors: Some(("beta", 0.3)), ..everybody });
    let load = Load::start(Plan { tiers: TIERS, ..Plan::sticky(&whole.envoys, USERS, RATE) });
    whole.order("start").await;
    whole.weight(50).await;
    let held = |status: &Status| {
        let rollout = rollout_status(status);
        let scope = rollout.ruling.as_ref().and_then(|ruling| ruling.scope.as_ref());
        why(rollout) == "Segments" && scope.is_some_and(|scope| scope.held == ["beta"] && scope.good == ["nz"])
    };
    let status = whole.until("the candidate is worse for beta and good for nz", held).await;
    let ruling = rollout_status(&status).ruling.clone().expect("a ruling");
    assert!(ruling.asks && ruling.verdict == Verdict::Hold, "{}", ruling.sentence);
    for part in ["worse for beta", "segment beta: errors", "it could be rolled out for nz and held for the rest"] {
        assert!(ruling.sentence.contains(part), "{part} not in: {}", ruling.sentence);
    }
    let state = |name: &str| ruling.remarks.iter().find(|remark| remark.name == name).map(|remark| remark.state);
    assert_eq!(state("segment beta errors-ratio"), Some(RemarkState::Worse), "{:#?}", ruling.remarks);
    assert_eq!(state("segment nz errors-ratio"), Some(RemarkState::Pass), "{:#?}", ruling.remarks);
    let api = format!("http://{}", whole.controller.api());
    let told = whole.controller.weir(&["status", "--api", &api]).await.expect("weir runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    for part in ["worse for beta", "segment beta", "WORSE", "could go on for nz · held for beta"] {
        assert!(told.contains(part), "{part} not in:\n{told}");
    }

    let mut without = document.clone();
    without["weir"]["segments"]["beta"] = json!({ "==": [{ "var": "tier" }, "gamma"] });
    let refused = whole.controller.apply(&without.to_string()).await.expect_err("beta is another one");
    assert!(format!("{refused:#}").contains("$.weir.segments.beta"), "{refused:#}");

    whole.for_ticks(4, "the stage is over, and held", |status| rollout_status(status).weight_ppm == 500_000).await;
    finish(load).await;
}
