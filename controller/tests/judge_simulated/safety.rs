//! A stage goes on by evidence of safety, not by the absence of alarm; and what hides a fault is never taken for health.

use std::collections::VecDeque;

use weir_controller::judge::analysis::Analysis;
use weir_controller::judge::{CheckState, Ruling, Transition, Verdict, Why};
use weir_controller::observation::{Bins, VariantCounts};
use weir_controller::rollout::{Phase, RolloutState};
use weir_controller::stats::power::Breach;
use weir_core::document::{Advance, Policy, Rollout, Stage};
use weir_core::guardrail::{Guardrail, Metric};
use weir_core::outcome::Outcome;
use weir_core::span::Span;

use crate::rollouts::{errors, guarded_by, latency, rollout, run, share, started, until_stage};
use crate::world::{Behaviour, HEALTHY, World};

fn stage(weight: &str, seconds: u64) -> Stage {
    Stage { weight: share(weight), lasts: Span::from_ms(seconds * 1_000), max_duration: None }
}

fn with(guardrails: Vec<Guardrail>, stages: Vec<Stage>) -> Rollout {
    Rollout { stages, ..guarded_by(guardrails) }
}

fn asking(rollout: Rollout, requests: u64, power: f64) -> Rollout {
    let advance = Advance { requests, power, ..rollout.policy.advance };
    Rollout { policy: Policy { advance, ..rollout.policy }, ..rollout }
}

fn reported(metric: Metric) -> Guardrail {
    Guardrail { dry_run: true, ..Guardrail::on(metric) }
}

/// Runs on observations that are changed before the judge sees them, variant by variant. Gives the last ruling.
fn run_changed(
    state: &mut RolloutState,
    world: &mut World,
    seconds: u32,
    mut change: impl FnMut(&str, &mut VariantCounts),
) -> Ruling {
    let mut last = None;
    for _ in 0..seconds {
        let mut observation = world.tick(f64::from(state.weight_ppm) / 1e6);
        let variants = &mut observation.flags.get_mut("checkout").unwrap().variants;
        variants.iter_mut().for_each(|(name, counts)| change(name, counts));
        let (next, ruling) = state.tick("checkout", &observation);
        (*state, last) = (next, Some(ruling));
    }
    last.unwrap()
}

/// Nobody was taken back, and the stage did not go on; why.
fn assert_held(state: &RolloutState, ruling: &Ruling, why: Why) {
    println!("{}", ruling.sentence);
    assert_eq!((state.phase, ruling.why), (Phase::Running { stage: 0 }, why), "{}", ruling.sentence);
}

#[test]
fn a_stage_waits_for_the_candidates_requests_also_where_no_deciding_limit_asks_for_them() {
    let reported = reported(Metric::Latency { quantile: 0.5, ratio: None, max_us: Some(200_000) });
    for guardrails in [vec![latency(0.95)], vec![reported]] {
        let rollout = asking(with(guardrails, vec![stage("5%", 10), stage("100%", 10)]), 2_000, 0.8);
        let (mut state, mut world) = (started(&rollout), World::new(1));
        world.rate = 200.0;
        let (ruling, _) = run(&mut state, &mut world, 120);
        assert_held(&state, &ruling, Why::NotEnoughRequests);
        assert!(ruling.sentence.contains("next has had ") && ruling.sentence.contains(" of 2,000 requests"));
        assert!(ruling.decides_in_ms.is_some_and(|ms| (30_000..150_000).contains(&ms)), "{ruling:?}");
        run(&mut state, &mut world, 200);
        assert_eq!(state.phase, Phase::Done);
    }
}

/// Whether the first ruling with requests enough lets the stage go on.
fn goes_on(rollout: &Rollout, world: &mut World) -> bool {
    let mut state = started(rollout);
    for _ in 0..600 {
        let (ruling, _) = run(&mut state, world, 1);
        match ruling.verdict {
            Verdict::Advance if ruling.transition == Some(Transition::Done) => return true,
            Verdict::Advance | Verdict::Hold if ruling.why != Why::Unclear => {}
            _ => return false,
        }
        let waits = ruling.why == Why::StageTime && ruling.checks[0].state == CheckState::Unclear;
        if waits {
            return false;
        }
    }
    panic!("no ruling: {:?}", state.phase);
}

#[test]
fn a_candidate_at_twice_its_ceiling_is_stopped_with_the_promised_power() {
    for power in [0.8, 0.9] {
        // One stage with a control beside it, and as short as a tick.
        let by_errors = Breach { ceiling: 0.01, power, least: 5.0, guarded: true };
        let by_latency = Breach { ceiling: 0.05, power, least: 20.0, guarded: false };
        let rollouts = [
            (with(vec![errors(None, Some(share("1%")))], vec![stage("90%", 1)]), by_errors),
            (with(vec![latency(0.95)], vec![stage("90%", 1)]), by_latency),
        ];
        for (rollout, breach) in rollouts {
            let rollout = Rollout { policy: Policy { settle: Span::from_ms(0), ..rollout.policy }, ..rollout };
            let rollout = asking(rollout, 40, power);
            let stopped = |rate: f64| {
                let runs = 400;
                let stops = (0..runs).filter(|seed| {
                    let mut world = World::new(*seed);
                    // A tick is a small part of what is needed.
                    world.rate = breach.requests() as f64 / 20.0;
                    world.control = Behaviour { errors: 0.001, slow: 0.001, ..HEALTHY };
                    world.candidate = Behaviour { errors: rate, slow: rate, ..HEALTHY };
                    !goes_on(&rollout, &mut world)
                });
                stops.count() as f64 / runs as f64
            };
            let (broken, healthy) = (stopped(breach.rate()), stopped(breach.ceiling / 4.0));
            println!("{breach:?}: {} requests, {broken} of {power}; healthy {healthy}", breach.requests());
            assert!(broken > power - 0.04, "{breach:?}: {broken}");
            assert!(healthy < 0.01, "{breach:?}: {healthy}");
        }
    }
}

#[test]
fn nothing_is_slower_than_a_quantile_of_controls_that_is_not_known() {
    let p99 = Guardrail::on(Metric::Latency { quantile: 0.99, ratio: Some(1.5), max_us: None });
    let rollout = asking(with(vec![p99], vec![stage("90%", 30), stage("100%", 30)]), 100, 0.0);
    let (mut state, mut world) = (started(&rollout), World::new(1));
    let fast = Behaviour { slow: 0.0, ..HEALTHY };
    (world.rate, world.control, world.candidate) = (60.0, fast, fast);
    until_stage(&mut state, &mut world, 0);
    world.candidate = Behaviour { pace_ms: 200, ..fast };
    let (ruling, _) = run(&mut state, &mut world, 60);
    assert_held(&state, &ruling, Why::NotEnoughRequests);
    assert!(ruling.sentence.contains("more requests of stable"), "{}", ruling.sentence);
    assert!(ruling.checks[0].control_missing > 0);
    let (ruling, changes) = run(&mut state, &mut world, 600);
    println!("{}", ruling.sentence);
    assert!(!changes.iter().any(|(_, change)| matches!(change, Transition::Stage { .. })), "{changes:?}");
    // A healthy one takes as long to be known, and then goes on; at 100 % the same reference serves.
    let (mut state, mut world) = (started(&rollout), World::new(2));
    (world.rate, world.control, world.candidate) = (60.0, fast, fast);
    run(&mut state, &mut world, 900);
    assert_eq!(state.phase, Phase::Done);
}

#[test]
fn requests_of_one_cell_alone_let_no_stage_go_on() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    until_stage(&mut state, &mut world, 0);
    world.storm = 500.0;
    let (ruling, changes) = run(&mut state, &mut world, 300);
    assert_held(&state, &ruling, Why::Unclear);
    assert!(changes.is_empty() && ruling.verdict == Verdict::Inconclusive, "one client takes nobody back");
    assert!(ruling.sentence.contains("most of its requests come from one of 20 cells"), "{}", ruling.sentence);
}

#[test]
fn one_bad_client_of_control_hides_no_fault() {
    let rollout = with(vec![errors(Some(2.0), None)], vec![stage("5%", 30), stage("100%", 30)]);
    let (mut state, mut world) = (started(&rollout), World::new(1));
    world.control_storm = 60.0;
    world.candidate = Behaviour { errors: 0.05, ..HEALTHY };
    let (ruling, _) = run(&mut state, &mut world, 300);
    assert_held(&state, &ruling, Why::Unclear);
    assert!(ruling.sentence.contains("without the worst cell of each"), "{}", ruling.sentence);
    world.candidate = HEALTHY;
    let mut state = started(&rollout);
    run(&mut state, &mut world, 300);
    assert_eq!(state.phase, Phase::Done, "a healthy candidate is not held for it");
}

#[test]
fn a_fault_of_both_that_is_over_is_no_reference_at_100_percent() {
    let rollout = with(vec![errors(Some(2.0), None)], vec![stage("5%", 60), stage("100%", 60)]);
    let (mut state, mut world) = (started(&rollout), World::new(1));
    until_stage(&mut state, &mut world, 0);
    let failing = Behaviour { errors: 0.4, ..HEALTHY };
    (world.candidate, world.control) = (failing, failing);
    run(&mut state, &mut world, 100);
    (world.candidate, world.control) = (HEALTHY, HEALTHY);
    until_stage(&mut state, &mut world, 1);
    world.candidate = Behaviour { errors: 0.05, ..HEALTHY };
    let (ruling, _) = run(&mut state, &mut world, 30);
    assert_eq!(ruling.verdict, Verdict::RollBack, "{}", ruling.sentence);
}

#[test]
fn a_candidate_that_gets_worse_in_a_fault_of_both_is_taken_back() {
    let faults: [(Behaviour, Behaviour); 2] = [
        (Behaviour { errors: 0.07, ..HEALTHY }, Behaviour { errors: 0.4, ..HEALTHY }),
        (Behaviour { slow: 0.2, ..HEALTHY }, Behaviour { slow: 0.8, ..HEALTHY }),
    ];
    for (both, worse) in faults {
        for seed in 0..5 {
            let rollout = with(vec![errors(None, Some(share("5%"))), latency(0.95)], vec![stage("25%", 600)]);
            let (mut state, mut world) = (started(&rollout), World::new(seed));
            until_stage(&mut state, &mut world, 0);
            (world.candidate, world.control) = (both, both);
            let (ruling, _) = run(&mut state, &mut world, 120);
            assert_held(&state, &ruling, Why::BothFail);
            world.candidate = worse;
            let (ruling, changes) = run(&mut state, &mut world, 60);
            assert_eq!(ruling.verdict, Verdict::RollBack, "{}", ruling.sentence);
            assert!(changes[0].0 <= 45, "{changes:?}");
        }
    }
}

/// Both fail from second 60 on; control's fault ends after 100 s, the candidate's so many seconds later.
fn after_a_fault_of_both(seed: u64, fault: Behaviour, late: u32) -> (RolloutState, Ruling) {
    let rollout = with(vec![errors(None, Some(share("1%"))), latency(0.95)], vec![stage("5%", 300), stage("100%", 60)]);
    let (mut state, mut world) = (started(&rollout), World::new(seed));
    let well = Behaviour { errors: 0.003, slow: 0.003, ..HEALTHY };
    (world.candidate, world.control) = (well, well);
    run(&mut state, &mut world, 60);
    (world.candidate, world.control) = (fault, fault);
    run(&mut state, &mut world, 100);
    world.control = well;
    run(&mut state, &mut world, late.max(1));
    world.candidate = well;
    let (ruling, _) = run(&mut state, &mut world, 900);
    (state, ruling)
}

#[test]
fn a_fault_of_both_that_ends_a_little_later_for_the_candidate_takes_nobody_back() {
    let faults = [
        Behaviour { errors: 0.5, ..HEALTHY },
        Behaviour { errors: 0.05, ..HEALTHY },
        Behaviour { slow: 0.3, ..HEALTHY },
    ];
    for fault in faults {
        for late in [1, 2, 5, 8] {
            for seed in 0..10 {
                let (state, ruling) = after_a_fault_of_both(seed, fault, late);
                assert_ne!(state.phase, Phase::RolledBack, "{fault:?} {late} s late: {}", ruling.sentence);
                // Eight seconds more of many errors are counted, and may leave the stage unclear.
                assert!(late > 2 || state.phase == Phase::Done, "{fault:?} {late} s late: {}", ruling.sentence);
            }
        }
    }
}

#[test]
fn durations_that_come_late_make_no_fault_of_both_one_of_the_candidates() {
    for seed in 0..10 {
        let rollout = with(vec![latency(0.95)], vec![stage("25%", 300), stage("100%", 60)]);
        let (mut state, mut world) = (started(&rollout), World::new(seed));
        let mut late = VecDeque::from(vec![Bins::default(); 5]);
        for (seconds, slow) in [(60, 0.01), (100, 0.3), (1_040, 0.01)] {
            (world.candidate, world.control) = (Behaviour { slow, ..HEALTHY }, Behaviour { slow, ..HEALTHY });
            run_changed(&mut state, &mut world, seconds, |name, counts| {
                if name == "next" {
                    late.push_back(std::mem::take(&mut counts.duration));
                    counts.duration = late.pop_front().unwrap();
                }
            });
        }
        assert_eq!(state.phase, Phase::Done);
    }
}

#[test]
fn whoever_is_no_worse_than_a_control_above_its_ceiling_is_not_taken_back() {
    let rollout = with(vec![errors(None, Some(share("2%")))], vec![stage("50%", 3_600)]);
    for seed in 0..20 {
        let (mut state, mut world) = (started(&rollout), World::new(seed));
        until_stage(&mut state, &mut world, 0);
        let above = Behaviour { errors: 0.03, ..HEALTHY };
        (world.candidate, world.control) = (above, above);
        // One bad client of each, too.
        (world.storm, world.control_storm) = (20.0, 20.0);
        let (ruling, changes) = run(&mut state, &mut world, 1_200);
        assert!(changes.is_empty(), "{}", ruling.sentence);
    }
}

#[test]
fn traffic_of_a_few_requests_a_minute_is_judged_in_its_time_and_silence_counts_for_nothing() {
    let rollout = asking(with(vec![errors(Some(2.0), None)], vec![stage("50%", 600), stage("100%", 60)]), 20, 0.0);
    let (mut state, mut world) = (started(&rollout), World::new(1));
    until_stage(&mut state, &mut world, 0);
    world.rate = 0.1;
    run(&mut state, &mut world, 5_000);
    assert_eq!(state.phase, Phase::Done);

    let (mut state, mut world) = (started(&rollout), World::new(2));
    until_stage(&mut state, &mut world, 0);
    world.rate = 0.0;
    let (ruling, _) = run(&mut state, &mut world, 3_000);
    assert_held(&state, &ruling, Why::NoTraffic);
    assert!(ruling.numbers.observed_ms < 60_000, "{}", ruling.numbers.observed_ms);
}

#[test]
fn traffic_that_ends_is_not_said_to_be_cancelled() {
    let (mut state, mut world) =
        (started(&with(vec![errors(Some(2.0), None)], vec![stage("50%", 600)])), World::new(1));
    until_stage(&mut state, &mut world, 0);
    world.rate = 0.0;
    let mut sentences = Vec::new();
    for _ in 0..40 {
        sentences.push(run(&mut state, &mut world, 1).0.sentence);
    }
    assert!(sentences.iter().any(|sentence| sentence.contains("no request of next in the last 30 s")), "{sentences:?}");
    assert!(sentences.iter().all(|sentence| !sentence.contains("cancelled")), "{sentences:?}");
}

#[test]
fn a_stage_whose_time_is_not_over_does_not_read_as_if_it_were() {
    let (mut state, mut world) =
        (started(&with(vec![errors(Some(2.0), None)], vec![stage("50%", 600)])), World::new(1));
    until_stage(&mut state, &mut world, 0);
    let (ruling, _) = run(&mut state, &mut world, 575);
    assert_held(&state, &ruling, Why::StageTime);
    assert!(ruling.sentence.contains("9 min of 10 min observed"), "{}", ruling.sentence);
}

#[test]
fn requests_that_are_all_cancelled_are_said_to_be() {
    let rollout = with(vec![errors(Some(2.0), None)], vec![stage("50%", 60)]);
    let (mut state, mut world) = (started(&rollout), World::new(1));
    let ruling = run_changed(&mut state, &mut world, 60, |name, counts| {
        if name == "next" {
            let mut cancelled = VariantCounts { started: counts.started, ..VariantCounts::default() };
            cancelled.results[Outcome::Cancelled.index()] = counts.started;
            *counts = cancelled;
        }
    });
    assert_held(&state, &ruling, Why::NoTraffic);
    assert!(
        ruling.sentence.contains("every request of next in the last ") && ruling.sentence.contains("was cancelled")
    );
}

#[test]
fn at_100_percent_a_control_without_errors_asks_for_no_more_than_the_floor_does() {
    let rollout = with(vec![errors(Some(2.0), None)], vec![stage("5%", 3_600), stage("100%", 60)]);
    let (mut state, mut world) = (started(&rollout), World::new(1));
    let flawless = Behaviour { errors: 0.0, ..HEALTHY };
    (world.candidate, world.control) = (flawless, flawless);
    run(&mut state, &mut world, 3_800);
    assert_eq!(state.phase, Phase::Done);
}

#[test]
fn a_goal_has_had_its_say_before_100_percent() {
    let rollout = with(vec![errors(Some(2.0), None)], vec![stage("50%", 60), stage("100%", 60)]);
    let (mut state, mut world) = (started(&rollout), World::new(1));
    world.rate = 20_000.0;
    let goals = r#"{"goals":{"fallback":{"minimumEffect":0.01,"better":"lower"}}}"#;
    state.plan.as_mut().unwrap().policy.analysis = Some(Box::new(Analysis::read(goals).unwrap()));
    let (ruling, _) = run(&mut state, &mut world, 300);
    assert_eq!(state.phase, Phase::Done, "{}", ruling.sentence);
    let said = "goal fallback: nobody to compare with at 100 %";
    assert!(ruling.remarks.iter().any(|remark| remark.sentence == said && remark.blocks.is_none()), "{ruling:?}");
}

#[test]
fn durations_that_never_come_are_said_to_be_missing() {
    let rollout = with(vec![latency(0.95)], vec![stage("50%", 60)]);
    let (mut state, mut world) = (started(&rollout), World::new(1));
    let ruling = run_changed(&mut state, &mut world, 200, |_, counts| counts.duration = Bins::default());
    assert_held(&state, &ruling, Why::NotEnoughRequests);
    assert!(ruling.sentence.ends_with("no duration of next has come yet, and latency-p95 needs them"));
}
