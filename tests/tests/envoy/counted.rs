//! What answers are counted for on a real Envoy: the counters of the document, judged and stored with the right numbers.

use serde_json::{Value, json};
use weir_controller::observation::VariantCounts;
use weir_tests::document::{self, FLAG, rollout as rollout_of};
use weir_tests::upstream::{FALLBACK_HEADER, Faults};

use crate::whole::{Whole, finish, requests};

const RATE: f64 = 400.0;

/// 25 % for longer than a test.
fn at_a_quarter() -> Value {
    let mut document = document::checkout();
    rollout_of(&mut document)["stages"] = json!([{ "weight": "25%", "for": "10m" }, { "weight": "100%", "for": "1s" }]);
    document
}

/// A variant's counts, all stored observations of the attempt added up.
fn stored(whole: &Whole, variant: &str) -> VariantCounts {
    let mut sum = VariantCounts::default();
    for counts in whole.observations().iter().filter_map(|seen| seen.flags.get(FLAG)?.variants.get(variant)) {
        for (mine, theirs) in sum.cells.iter_mut().zip(&counts.cells) {
            mine.requests += theirs.requests;
        }
        for (name, hits) in &counts.goals {
            for (mine, theirs) in sum.goals.entry(name.clone()).or_default().iter_mut().zip(hits) {
                *mine += theirs;
            }
        }
    }
    sum
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_of_the_document_rolls_back_by_its_name() {
    let mut document = at_a_quarter();
    document["weir"]["counters"] =
        json!({ "fallback": { "responseHeader": FALLBACK_HEADER, "equals": "1" }, "refused": { "status": 429 } });
    rollout_of(&mut document)["guardrails"] = json!([
        { "metric": "errors", "ratio": 2.0 }, { "metric": "fallback", "ratio": 1.5, "max": "40%" }, { "metric": "refused", "max": "5%" },
    ]);
    let whole = Whole::start(2, &document).await;
    whole.upstreams.control.order(Faults::fallbacks(0.02));
    whole.upstreams.candidate.order(Faults::fallbacks(0.02));
    let load = whole.load(RATE);
    whole.order("start").await;
    whole.weight(25).await;
    requests(&load, 1_000).await;
    whole.upstreams.candidate.order(Faults::fallbacks(0.3));
    let rollout = whole.phase("rolled_back").await;
    let last = rollout.last.expect("a decision");
    assert_eq!((last.kind.as_str(), last.actor.as_str()), ("rollback", "judge"), "{last:?}");
    assert!(last.sentence.contains("fallback") && last.sentence.contains("of 20 cells"), "{}", last.sentence);
    whole.applied().await;
    finish(load).await;

    let (control, candidate) = (stored(&whole, "stable"), stored(&whole, "next"));
    let hits = |counts: &VariantCounts, name: &str| counts.goals[name].iter().sum::<u64>();
    // Counted are all of the candidate's but those of the last tick, and of control those since the start.
    let (counted, answered) = (hits(&candidate, "fallback"), whole.upstreams.candidate.fallbacks());
    assert!(counted <= answered && counted * 10 >= answered * 7, "{counted} of {answered}");
    let rate = |counts: &VariantCounts| {
        let requests: u64 = counts.cells.iter().map(|cell| cell.requests).sum();
        f64::from(u32::try_from(hits(counts, "fallback")).expect("few")) / f64::from(u32::try_from(requests).expect("few"))
    };
    assert!((0.005..0.05).contains(&rate(&control)) && rate(&candidate) > 0.05, "{} {}", rate(&control), rate(&candidate));
    assert_eq!((hits(&control, "refused"), hits(&candidate, "refused")), (0, 0));
}
