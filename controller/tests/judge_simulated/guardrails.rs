//! Every kind of guardrail decides what it is for, and one client decides none of them.

use weir_controller::judge::slower::Multiple;
use weir_controller::judge::{self, Bound, CheckState, Transition, Verdict, Why};
use weir_controller::rollout::Phase;
use weir_core::guardrail::{Counter, Guardrail, Inconclusive, Metric};
use weir_core::span::Span;

use crate::rollouts::{errors, guarded_by, rollout, run, share, started, until_stage};
use crate::world::{Behaviour, FALLBACK, HEALTHY, World};

fn counted(counter: Counter, ratio: Option<f64>, max: Option<&str>) -> Guardrail {
    Guardrail::on(Metric::Counted { counter, ratio, max: max.map(share) })
}

/// What the judge says of a fault in stage 1, with these guardrails.
fn rolled_back_by(guardrail: &Guardrail, before: Behaviour, fault: Behaviour) -> String {
    rolled_back_within(40, guardrail, before, fault)
}

/// The same, so many seconds after the fault at most.
fn rolled_back_within(most: u32, guardrail: &Guardrail, before: Behaviour, fault: Behaviour) -> String {
    for seed in 0..4 {
        let (mut state, mut world) = (started(&guarded_by(vec![guardrail.clone()])), World::new(seed));
        (world.candidate, world.control) = (before, before);
        until_stage(&mut state, &mut world, 1);
        world.candidate = fault;
        let (ruling, changes) = run(&mut state, &mut world, most + 20);
        assert_eq!((ruling.verdict, ruling.why), (Verdict::RollBack, Why::GuardrailBroken), "{}", ruling.sentence);
        assert!(changes[0].0 <= most, "{changes:?} {}", ruling.sentence);
        if seed == 3 {
            return ruling.sentence;
        }
    }
    String::new()
}

#[test]
fn timeouts_resets_server_errors_and_client_errors_roll_back_by_ratio_and_by_ceiling() {
    let hanging = Behaviour { errors: 0.0, timeouts: 0.005, ..HEALTHY };
    let fault = Behaviour { timeouts: 0.1, ..hanging };
    for guardrail in [counted(Counter::Timeouts, Some(2.0), None), counted(Counter::Timeouts, None, Some("2%"))] {
        let sentence = rolled_back_by(&guardrail, hanging, fault);
        println!("{sentence}");
        assert!(sentence.contains("timeouts") && sentence.contains("of 20 cells"), "{sentence}");
    }
    let breaking = Behaviour { errors: 0.0, resets: 0.005, ..HEALTHY };
    let fault = Behaviour { resets: 0.1, ..breaking };
    for guardrail in [counted(Counter::Resets, Some(2.0), None), counted(Counter::Resets, None, Some("2%"))] {
        let sentence = rolled_back_by(&guardrail, breaking, fault);
        assert!(sentence.contains("resets") && sentence.contains("of 20 cells"), "{sentence}");
    }
    let failing = Behaviour { errors: 0.1, ..HEALTHY };
    for guardrail in [counted(Counter::ServerErrors, Some(2.0), None), counted(Counter::ServerErrors, None, Some("3%"))]
    {
        let sentence = rolled_back_by(&guardrail, HEALTHY, failing);
        assert!(sentence.contains("server errors") && sentence.contains("of 20 cells"), "{sentence}");
    }
    let refusing = Behaviour { client_errors: 0.04, ..HEALTHY };
    for guardrail in [counted(Counter::ClientErrors, Some(2.0), None), counted(Counter::ClientErrors, None, Some("8%"))]
    {
        let sentence = rolled_back_by(&guardrail, refusing, Behaviour { client_errors: 0.4, ..HEALTHY });
        println!("{sentence}");
        assert!(sentence.contains("more than any one cell of users can have had"), "{sentence}");
    }
}

#[test]
fn latency_rolls_back_beside_control_without_any_ceiling() {
    let p95 = Guardrail::on(Metric::Latency { quantile: 0.95, ratio: Some(1.5), max_us: None });
    let sentence = rolled_back_by(&p95, HEALTHY, Behaviour { pace_ms: 60, ..HEALTHY });
    println!("{sentence}");
    assert!(sentence.contains("p95") && sentence.contains("1.5 times tolerated"), "{sentence}");
}

/// One request in 125 is slow: p99 and below don't see it, p99.9 does. It takes some 50 slow requests, for the busiest cell's chance excess
/// is left out as one client's.
#[test]
fn a_fault_of_the_slowest_hundredth_is_found_by_p999_alone() {
    let (before, fault) = (Behaviour { slow: 0.0002, ..HEALTHY }, Behaviour { slow: 0.008, ..HEALTHY });
    let p = |quantile, ratio, max_us| Guardrail::on(Metric::Latency { quantile, ratio, max_us });
    for guardrail in [p(0.999, Some(1.5), None), p(0.999, None, Some(200_000))] {
        let sentence = rolled_back_within(60, &guardrail, before, fault);
        println!("{sentence}");
        assert!(sentence.contains("p99.9"), "{sentence}");
    }
    let others = [0.5, 0.95, 0.99].map(|quantile| p(quantile, Some(1.5), Some(200_000)));
    let (mut state, mut world) = (started(&guarded_by(others.into())), World::new(1));
    (world.candidate, world.control) = (before, before);
    until_stage(&mut state, &mut world, 1);
    world.candidate = fault;
    let (ruling, changes) = run(&mut state, &mut world, 300);
    assert!(changes.iter().all(|(_, change)| *change != Transition::RolledBack), "{}", ruling.sentence);
}

#[test]
fn a_document_that_says_nothing_of_guardrails_has_four_limits_with_these_numbers() {
    let document = r#"{
        "flags": { "checkout": { "state": "ENABLED", "variants": { "a": 1, "b": 2 }, "defaultVariant": "a" } },
        "weir": {
            "version": 1,
            "identity": [{ "header": "x-user" }],
            "outputs": { "checkout": { "requestHeader": "x-checkout" } },
            "rollouts": { "checkout": { "control": "a", "candidate": "b", "stages": [{ "weight": "100%" }] } }
        }
    }"#;
    let document = weir_core::check::check(document).unwrap();
    let limits = judge::Policy::of(document.flags.iter().find_map(|flag| flag.rollout.as_ref()).unwrap()).limits;
    let counted = |counter| Bound::Ratio { counter, ratio: 2.0 };
    let latency = |quantile, ratio| Bound::LatencyRatio(Multiple { quantile, ratio });
    let bounds: Vec<Bound> = limits.iter().map(|limit| limit.bound.clone()).collect();
    let expected = [counted(Counter::Errors), counted(Counter::Timeouts), latency(0.95, 1.5), latency(0.5, 1.2)];
    assert_eq!(bounds, expected);
    assert!(limits.iter().all(|limit| !limit.dry_run && limit.weight == 1.0));
}

/// The average since the stage began would be above the ceiling after 45 minutes of the fault.
#[test]
fn a_ceiling_is_not_kept_by_averaging_an_hour_of_health() {
    let (below, above) = (Behaviour { errors: 0.005, ..HEALTHY }, Behaviour { errors: 0.04, ..HEALTHY });
    for weight in ["5%", "25%"] {
        let mut rollout = guarded_by(vec![errors(None, Some(share("2%")))]);
        rollout.stages.retain(|stage| [share(weight), share("100%")].contains(&stage.weight));
        rollout.stages[0].lasts = Span::from_ms(2 * 3_600_000);
        for seed in 0..4 {
            let (mut state, mut world) = (started(&rollout), World::new(seed));
            (world.candidate, world.control) = (below, below);
            let (ruling, _) = run(&mut state, &mut world, 3_600);
            assert_eq!(state.phase, Phase::Running { stage: 0 }, "{}", ruling.sentence);
            world.candidate = above;
            let (ruling, changes) = run(&mut state, &mut world, 120);
            println!("{weight}: {changes:?} {}", ruling.sentence);
            assert_eq!((ruling.verdict, ruling.why), (Verdict::RollBack, Why::GuardrailBroken), "{}", ruling.sentence);
        }
    }
}

#[test]
fn the_defaults_find_errors_timeouts_and_slowness() {
    for fault in [
        Behaviour { errors: 0.2, ..HEALTHY },
        Behaviour { timeouts: 0.2, ..HEALTHY },
        Behaviour { slow: 0.3, ..HEALTHY },
        Behaviour { pace_ms: 60, ..HEALTHY },
    ] {
        for stage in 0..3 {
            let (mut state, mut world) = (started(&guarded_by(Guardrail::defaults())), World::new(7));
            until_stage(&mut state, &mut world, stage);
            world.candidate = fault;
            let (ruling, changes) = run(&mut state, &mut world, 60);
            assert_eq!(ruling.verdict, Verdict::RollBack, "{fault:?} in stage {stage}: {}", ruling.sentence);
            assert!(changes[0].0 <= 40, "{fault:?} in stage {stage}: {changes:?}");
        }
    }
}

#[test]
fn a_healthy_candidate_completes_under_the_defaults() {
    let healthy = Behaviour { timeouts: 0.002, ..HEALTHY };
    for seed in 0..5 {
        let (mut state, mut world) = (started(&guarded_by(Guardrail::defaults())), World::new(seed));
        (world.candidate, world.control) = (healthy, healthy);
        let (ruling, _) = run(&mut state, &mut world, 900);
        assert_eq!(state.phase, Phase::Done, "{}", ruling.sentence);
        assert_eq!(ruling.score, Some(100.0));
    }
}

/// Timeouts, and so errors and slow requests, all of one client; then its client errors.
#[test]
fn one_clients_retry_storm_decides_no_guardrail() {
    let mut guardrails = Guardrail::defaults();
    guardrails.extend([
        counted(Counter::Timeouts, None, Some("1%")),
        counted(Counter::ClientErrors, Some(2.0), Some("5%")),
        Guardrail::on(Metric::Latency { quantile: 0.99, ratio: Some(1.5), max_us: Some(300_000) }),
    ]);
    for seed in 0..6 {
        let (mut state, mut world) = (started(&guarded_by(guardrails.clone())), World::new(seed));
        until_stage(&mut state, &mut world, 0);
        (world.storm_times_out, world.storm) = (seed % 2 == 0, 30.0);
        world.storm_of_client_errors = 30.0;
        let (ruling, changes) = run(&mut state, &mut world, 600);
        assert!(changes.iter().all(|(_, change)| *change != Transition::RolledBack), "{}", ruling.sentence);
    }
}

#[test]
fn a_dry_run_is_reported_and_never_decides() {
    let dry = Guardrail { dry_run: true, ..errors(Some(2.0), None) };
    let cancelled = Guardrail { dry_run: true, ..counted(Counter::Cancelled, Some(2.0), None) };
    let (mut state, mut world) =
        (started(&guarded_by(vec![counted(Counter::Resets, None, Some("5%")), dry, cancelled])), World::new(1));
    world.candidate = Behaviour { errors: 0.06, ..HEALTHY };
    let (ruling, _) = run(&mut state, &mut world, 100);
    let check = ruling.checks.iter().find(|check| check.name == "errors-ratio").unwrap();
    assert!(check.dry_run && check.state == CheckState::Fail, "{}", check.sentence);
    assert_eq!(ruling.checks[0].evidence_limit, 100f64.ln(), "it takes no part of alpha");
    assert_eq!(ruling.score, Some(100.0), "nor of the score");
    run(&mut state, &mut world, 300);
    assert_eq!(state.phase, Phase::Done);
}

#[test]
fn when_time_is_up_the_policy_says_what_follows() {
    for (action, verdict, phase) in [
        (Inconclusive::Hold, Verdict::Inconclusive, Phase::Running { stage: 0 }),
        (Inconclusive::Pause, Verdict::Pause, Phase::Paused),
        (Inconclusive::RollBack, Verdict::RollBack, Phase::RolledBack),
    ] {
        for of_stage in [true, false] {
            let mut rollout = rollout();
            rollout.policy.inconclusive = action;
            let longest = Some(Span::from_ms(120_000));
            if of_stage {
                rollout.stages[0].max_duration = longest;
            } else {
                rollout.policy.max_duration = longest;
            }
            let (mut state, mut world) = (started(&rollout), World::new(1));
            world.rate = 100.0;
            let (ruling, _) = run(&mut state, &mut world, 140);
            println!("{}", ruling.sentence);
            assert_eq!(
                (ruling.verdict, ruling.why, state.phase),
                (verdict, Why::TimeIsUp, phase),
                "{}",
                ruling.sentence
            );
            assert_eq!(ruling.asks, action == Inconclusive::Hold);
            assert_eq!(state.weight_ppm, if action == Inconclusive::Hold { 50_000 } else { 0 });
            if action == Inconclusive::Hold {
                world.rate = 2_000.0;
                // What was missing comes.
                until_stage(&mut state, &mut world, 1);
            }
        }
    }
}

#[test]
fn time_up_never_takes_anybody_back_onto_a_sick_control() {
    let mut rollout = rollout();
    rollout.policy.inconclusive = Inconclusive::RollBack;
    rollout.stages[0].max_duration = Some(Span::from_ms(120_000));
    let (mut state, mut world) = (started(&rollout), World::new(1));
    world.rate = 40.0;
    run(&mut state, &mut world, 100);
    world.control = Behaviour { errors: 0.5, ..HEALTHY };
    let (ruling, _) = run(&mut state, &mut world, 60);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.asks), (Verdict::Hold, true), "{}", ruling.sentence);
    assert_eq!(state.phase, Phase::Running { stage: 0 });
}

#[test]
fn each_check_says_when_it_decides() {
    let (mut state, mut world) = (started(&guarded_by(Guardrail::defaults())), World::new(1));
    world.rate = 100.0;
    until_stage(&mut state, &mut world, 0);
    let (ruling, _) = run(&mut state, &mut world, 1);
    let check = &ruling.checks[0];
    assert_eq!(check.state, CheckState::NotEnough);
    let missing = check.requests_missing.unwrap();
    assert_eq!(missing, check.requests_needed - check.requests);
    let ms = check.decides_in_ms.unwrap();
    // Five requests a second.
    assert!(ms.abs_diff(missing * 200) < missing * 80, "{missing} requests in {ms} ms");
    world.rate = 5_000.0;
    let (ruling, _) = run(&mut state, &mut world, 30);
    assert!(
        ruling.checks.iter().all(|c| c.state == CheckState::Pass && c.decides_in_ms.is_none()),
        "{:?}",
        ruling.checks
    );
}

#[test]
fn a_named_counter_is_judged_as_errors_are() {
    let fallback = || Counter::Named(FALLBACK.into());
    for guardrail in [counted(fallback(), Some(2.0), None), counted(fallback(), None, Some("3%"))] {
        let sentence = rolled_back_by(&guardrail, HEALTHY, Behaviour { errors: 0.1, ..HEALTHY });
        assert!(sentence.contains("fallback") && sentence.contains("of 20 cells"), "{sentence}");
    }
    // Close to 1 too, where hits that cluster by user would break it by chance.
    let (mut state, mut world) = (started(&guarded_by(vec![counted(fallback(), Some(1.1), None)])), World::new(3));
    until_stage(&mut state, &mut world, 0);
    world.candidate = Behaviour { errors: 0.2, ..HEALTHY };
    let (ruling, _) = run(&mut state, &mut world, 60);
    assert_eq!((ruling.verdict, ruling.why), (Verdict::RollBack, Why::GuardrailBroken), "{}", ruling.sentence);
}

#[test]
fn one_client_that_hits_a_counter_decides_nothing() {
    let limits = [
        counted(Counter::Named(FALLBACK.into()), Some(2.0), None),
        counted(Counter::Named(FALLBACK.into()), None, Some("3%")),
    ];
    for guardrail in limits {
        let (mut state, mut world) = (started(&guarded_by(vec![guardrail])), World::new(5));
        until_stage(&mut state, &mut world, 1);
        world.storm = 200.0;
        let (ruling, changes) = run(&mut state, &mut world, 300);
        assert_ne!(ruling.verdict, Verdict::RollBack, "{changes:?} {}", ruling.sentence);
    }
}

#[test]
fn a_counter_that_nobody_counts_lets_no_stage_go_on() {
    let guardrail = counted(Counter::Named("another".into()), Some(2.0), None);
    let (mut state, mut world) = (started(&guarded_by(vec![guardrail])), World::new(6));
    until_stage(&mut state, &mut world, 0);
    let (ruling, _) = run(&mut state, &mut world, 300);
    assert_eq!(ruling.checks[0].state, CheckState::NoData, "{}", ruling.sentence);
    assert_ne!(ruling.verdict, Verdict::Advance, "{}", ruling.sentence);
}
