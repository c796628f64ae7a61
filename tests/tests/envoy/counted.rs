//! What answers are counted for on a real Envoy: the document's counters and scores, observed with the numbers that upstreams and users know, and judged.

use std::time::Duration;

use serde_json::json;
use weir_controller::clock::Clock;
use weir_controller::judge::Verdict;
use weir_controller::judge::analysis::RemarkState;
use weir_controller::observation::{FlagCounts, Observation};
use weir_controller::observe::{Cumulative, Directory, Observer, ObserverSettings, merge};
use weir_controller::report::Status;
use weir_tests::document::{self, FLAG, rollout as rollout_of};
use weir_tests::envoy::Envoy;
use weir_tests::load::{Load, Plan, Record, Who};
use weir_tests::upstream::{FALLBACK_HEADER, Faults, SCORE_HEADER};

use crate::pusher::{Pusher, percent};
use crate::stage::Upstreams;
use crate::whole::{Whole, finish, requests, rollout as rollout_status, why};

const RATE: f64 = 400.0;
const USERS: u32 = 500;
/// Until all that was counted is seen.
const LIMIT: Duration = Duration::from_secs(30);

/// What a controller would see of a load: all of it, and the records of its requests.
pub(crate) async fn observed(envoys: &[Envoy], plan: Plan, load_for: usize) -> (FlagCounts, Vec<Record>) {
    let proxies = envoys.iter().map(|envoy| format!("http://{}", envoy.admin())).collect();
    let settings = ObserverSettings { proxies, timeout: Duration::from_secs(2) };
    let mut observer = Observer::new(&settings, Clock::system(), Directory::default(), Cumulative::default())
        .expect("the addresses are good");
    observer.tick().await;
    let load = Load::start(plan);
    requests(&load, load_for).await;
    let records = load.finish().await.expect("all requests end");
    // Histograms are a flush behind counters.
    let mut sum = Observation::default();
    let started = std::time::Instant::now();
    loop {
        merge::add(&mut sum, observer.tick().await.observation.flags);
        let flag = sum.flags.get(FLAG).cloned().unwrap_or_default();
        let ended: u64 = flag.variants.values().map(|variant| variant.duration.count()).sum();
        if usize::try_from(ended).is_ok_and(|ended| ended >= records.len()) {
            return (flag, records);
        }
        assert!(started.elapsed() < LIMIT, "{ended} of {} are seen", records.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counters_are_observed_with_the_numbers_that_upstreams_know() {
    let upstreams = Upstreams::start().await;
    let mut pusher = Pusher::start().await;
    let mut document = document::checkout();
    document["weir"]["counters"] = json!({
        "fallback": { "responseHeader": FALLBACK_HEADER, "equals": "1" },
        "another": { "responseHeader": FALLBACK_HEADER, "equals": "2" },
        "broken": { "status": [500, 501] },
    });
    upstreams.control.order(Faults::fallbacks(0.05));
    upstreams.candidate.order(Faults { errors: 0.1, ..Faults::fallbacks(0.5) });
    let generation = pusher.push(percent(50), &document.to_string());
    let envoys = pusher.proxies(&upstreams, &["counted-1", "counted-2"]).await;
    pusher.applied(2, generation).await;
    let (flag, records) = observed(&envoys, Plan::sticky(&envoys, USERS, RATE), 1_000).await;
    let sides = [("stable", Who::Control, &upstreams.control), ("next", Who::Candidate, &upstreams.candidate)];
    for (variant, who, upstream) in sides {
        let of = |wanted: &dyn Fn(&Record) -> bool| records.iter().filter(|r| r.who == who && wanted(r)).count() as u64;
        let seen = &flag.variants[variant];
        assert_eq!(seen.requests(), of(&|_| true), "{variant}");
        let hits = |name: &str| seen.goals[name].iter().sum::<u64>();
        assert_eq!(hits("fallback"), upstream.fallbacks(), "{variant}");
        assert_eq!(hits("another"), 0, "{variant}");
        assert_eq!(hits("broken"), of(&|record| record.status == 500), "{variant}");
        assert!(upstream.fallbacks() > 0, "{variant}");
        let within = seen.goals["fallback"].iter().zip(&seen.cells).all(|(hits, cell)| *hits <= cell.requests);
        assert!(within, "a cell's hits are of its requests: {seen:?}");
    }
    assert!(flag.variants["next"].goals["broken"].iter().sum::<u64>() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_of_the_document_rolls_back_by_its_name() {
    let mut document = document::checkout();
    document["weir"]["counters"] = json!({ "fallback": { "responseHeader": FALLBACK_HEADER } });
    let rollout = rollout_of(&mut document);
    rollout["stages"] = json!([{ "weight": "25%", "for": "10m" }, { "weight": "100%", "for": "1s" }]);
    rollout["guardrails"] =
        json!([{ "metric": "errors", "ratio": 2.0 }, { "metric": "fallback", "ratio": 1.5, "max": "40%" }]);
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
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_that_is_worse_and_a_score_that_is_a_tie_are_told_live_and_hold_the_stage() {
    let mut document = document::checkout();
    document["weir"]["counters"] = json!({ "fallback": { "responseHeader": FALLBACK_HEADER } });
    document["weir"]["scores"] = json!({ "quality": { "responseHeader": SCORE_HEADER, "max": 2 } });
    let rollout = rollout_of(&mut document);
    rollout["stages"] = json!([{ "weight": "50%", "for": "2s" }, { "weight": "100%", "for": "1s" }]);
    rollout["analysis"] = json!({
        "goals": { "fallback": { "minimumEffect": "5%", "better": "lower" } },
        "scores": { "quality": { "minimumEffect": 0.1 } },
    });
    let whole = Whole::start(2, &document).await;
    let same = Faults { score: 1_000_000, ..Faults::fallbacks(0.02) };
    whole.upstreams.control.order(same);
    whole.upstreams.candidate.order(Faults { score: 1_000_000, ..Faults::fallbacks(0.3) });
    let load = whole.load(RATE);
    whole.order("start").await;
    let worse = |status: &Status| why(rollout_status(status)) == "GoalWorse";
    let status = whole.until("a goal is worse", worse).await;
    let ruling = rollout_status(&status).ruling.clone().expect("a ruling");
    assert!(ruling.asks && ruling.verdict == Verdict::Hold, "{}", ruling.sentence);
    let state = |name: &str| ruling.remarks.iter().find(|remark| remark.name == name).map(|remark| remark.state);
    assert_eq!(state("goal fallback"), Some(RemarkState::Worse), "{:#?}", ruling.remarks);
    assert_eq!(state("score quality"), Some(RemarkState::Tie), "{:#?}", ruling.remarks);
    whole.for_ticks(4, "a person is asked", |status| rollout_status(status).weight_ppm == 500_000).await;
    finish(load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scores_are_observed_with_their_sums_and_squares() {
    let upstreams = Upstreams::start().await;
    let mut pusher = Pusher::start().await;
    let mut document = document::checkout();
    document["weir"]["scores"] = json!({
        "quality": { "responseHeader": SCORE_HEADER, "max": 2 }, "narrow": { "responseHeader": SCORE_HEADER, "max": 1 },
    });
    upstreams.control.order(Faults { score: 750_000, ..Faults::default() });
    upstreams.candidate.order(Faults { score: 1_250_000, ..Faults::default() });
    let generation = pusher.push(percent(50), &document.to_string());
    let envoys = pusher.proxies(&upstreams, &["scores-1", "scores-2"]).await;
    pusher.applied(2, generation).await;
    let (flag, records) = observed(&envoys, Plan::sticky(&envoys, USERS, RATE), 600).await;
    for (variant, who, value) in [("stable", Who::Control, 0.75), ("next", Who::Candidate, 1.25)] {
        let requests = records.iter().filter(|record| record.who == who).count();
        let score = &flag.variants[variant].scores["quality"];
        let sum = score.cells.iter().fold((0, 0.0, 0.0), |(n, x, xx), c| (n + c.count, x + c.sum, xx + c.squares));
        let of = |each: f64| requests as f64 * each;
        assert_eq!(sum, (requests as u64, of(value), of(value * value)), "{variant}: these are exact in binary");
        let bins: Vec<_> = score.bins.0.iter().map(|(lower, bin)| (*lower..lower + bin.width, bin.count)).collect();
        let micros = (value * 1e6) as u64;
        assert!(bins.len() == 1 && bins[0].0.contains(&micros) && bins[0].1 == requests as u64, "{variant}: {bins:?}");
    }
    let narrow = |variant: &str| flag.variants[variant].scores.get("narrow").map(|score| score.bins.count());
    assert!(narrow("stable") > Some(0) && narrow("next").is_none(), "1.25 is out of its range");
    let mut bad = 0;
    for envoy in &envoys {
        let name =
            "wasmcustom.flag=.=checkout;.;variant=.=next;.;score=.=narrow;.;reason=.=out_of_range;.;weir_bad_scores";
        bad += envoy.stat(name).await.expect("a counter");
    }
    assert_eq!(bad, records.iter().filter(|record| record.who == Who::Candidate).count() as u64);
}
