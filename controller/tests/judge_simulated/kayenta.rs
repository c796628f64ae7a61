//! Four series that another judge passes, held against their control as distributions: each is named a drift here.

use weir_controller::judge::analysis::{Analysis, DriftPolicy};
use weir_controller::judge::{Ruling, Verdict, Why};
use weir_controller::observation::{Bin, Bins, CellCounts, FlagCounts, Observation, VariantCounts};
use weir_controller::rollout::{Command, RolloutState};
use weir_core::outcome::Outcome;

use crate::rollouts::rollout;

/// Each value as that many milliseconds and one, for a hundred requests.
fn bins(values: &[f64]) -> Bins {
    let mut bins = Bins::default();
    for value in values {
        let lower = 1_000 + (value * 1_000.0).round() as u64;
        bins.merge(&Bins([(lower, Bin { width: 100, count: 100 })].into()));
    }
    bins
}

fn counts(duration: Bins) -> VariantCounts {
    let requests = duration.count();
    let mut counts = VariantCounts { started: requests, duration, ..VariantCounts::default() };
    counts.results[Outcome::Ok.index()] = requests;
    counts.cells = [CellCounts { requests: requests / 20, errors: 0 }; 20];
    counts
}

fn judged(candidate: &[f64], control: &[f64]) -> Ruling {
    let rollout = rollout();
    let start = Command::Start { force: true };
    let mut state = RolloutState::default().command(&start, &rollout, Some("stable"), 0).unwrap();
    let drift = Some(DriftPolicy { reference: Some(bins(control)), ..DriftPolicy::default() });
    state.plan.as_mut().unwrap().policy.analysis = Some(Box::new(Analysis { drift, ..Analysis::default() }));
    let variants = [("next".to_owned(), counts(bins(candidate))), ("stable".to_owned(), counts(bins(control)))].into();
    let flags = [("checkout".to_owned(), FlagCounts { variants, ..FlagCounts::default() })].into();
    let observation = Observation { at_ms: 60_000, span_ms: 60_000, expected: 3, seen: 3, flags };
    state.tick("checkout", &observation).1
}

#[test]
fn what_a_tolerance_on_top_of_a_rank_test_lets_pass_is_held_here() {
    let spread: Vec<f64> = (0..12).map(|i| 10.0 + f64::from(i) * 0.7).collect();
    let steady: Vec<f64> = (0..12).map(|i| if i % 2 == 0 { 13.0 } else { 14.7 }).collect();
    let failing = [vec![100.0; 7], vec![1.0; 3]].concat();
    for (name, candidate, control) in [
        ("the same middle, another spread", spread.as_slice(), steady.as_slice()),
        ("few values", &[0.0, 1.0, 2.0, 1.0, 0.0, 0.0], &[0.0; 6]),
        ("control at nothing", &[1.0, 4.0, 2.0, 3.0, 1.0], &[0.0; 5]),
        ("seven of ten a hundred times", &failing, &[1.0; 10]),
    ] {
        let ruling = judged(candidate, control);
        println!("{name}: {}", ruling.sentence);
        assert_eq!((ruling.verdict, ruling.why, ruling.asks), (Verdict::Hold, Why::Drift, true), "{name}");
        assert!(ruling.sentence.contains("drift latency: distance "), "{name}: {}", ruling.sentence);
        assert_ne!(judged(control, control).why, Why::Drift, "{name}: control against itself");
    }
}
