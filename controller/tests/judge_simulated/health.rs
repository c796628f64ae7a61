//! The health of the evidence itself: what is missing, late, sick or strange is never taken for a fault of the candidate, nor for its
//! success. Where a case is tested elsewhere, its name says so.

use weir_controller::judge::analysis::{Analysis, RemarkState};
use weir_controller::judge::{CheckState, Transition, Verdict, Why};
use weir_controller::observation::{Bins, Observation};
use weir_controller::rollout::{Phase, RolloutState};
use weir_core::document::{Baseline, Policy, Rollout};
use weir_core::guardrail::Guardrail;
use weir_core::span::Span;

use crate::rollouts::{rollout, run, started, until_stage};
use crate::world::{Behaviour, HEALTHY, World};

fn with_baseline(baseline: Baseline) -> Rollout {
    let rollout = rollout();
    Rollout { policy: Policy { baseline, ..rollout.policy }, ..rollout }
}

/// One tick, stored and read back.
fn tick(state: &mut RolloutState, observation: &Observation) -> weir_controller::judge::Ruling {
    let (next, ruling) = state.tick("checkout", observation);
    *state = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
    ruling
}

#[test]
fn no_stage_begins_before_the_baseline_has_its_requests_and_its_time() {
    let rollout = with_baseline(Baseline { requests: 300, lasts: Span::from_ms(60_000), ..Baseline::default() });
    let (mut state, mut world) = (started(&rollout), World::new(1));
    let (ruling, changes) = run(&mut state, &mut world, 50);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why, changes.len()), (Verdict::Hold, Why::Baseline, 0));
    assert!(ruling.sentence.contains("in 50 s of 60 s") && ruling.decides_in_ms == Some(10_000), "{ruling:?}");
    world.rate = 0.0;
    run(&mut state, &mut world, 30);
    assert_eq!(state.phase, Phase::Baseline, "time without requests does not count");
    world.rate = 1_000.0;
    run(&mut state, &mut world, 10);
    assert_eq!(state.phase, Phase::Running { stage: 0 });
}

#[test]
fn a_baseline_older_than_its_window_is_forgotten() {
    let window = Span::from_ms(3_600_000);
    let (mut state, mut world) =
        (started(&with_baseline(Baseline { requests: 300, window, ..Baseline::default() })), World::new(1));
    world.rate = 100.0;
    run(&mut state, &mut world, 2);
    world.rate = 0.0;
    let (ruling, _) = run(&mut state, &mut world, 3_000);
    assert!(ruling.sentence.contains("has had 2") || ruling.sentence.contains("has had 1"), "{}", ruling.sentence);
    let (ruling, _) = run(&mut state, &mut world, 900);
    assert!(ruling.sentence.contains("has had 0 of 300"), "{}", ruling.sentence);
}

#[test]
fn a_sick_control_begins_no_rollout() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    world.control = Behaviour { errors: 0.3, ..HEALTHY };
    let (ruling, changes) = run(&mut state, &mut world, 100);
    assert_eq!((ruling.verdict, ruling.why, ruling.asks), (Verdict::Hold, Why::ControlSick, true));
    assert!(changes.is_empty());
}

#[test]
fn a_control_that_falls_sick_in_a_stage_holds_it() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    until_stage(&mut state, &mut world, 0);
    world.control = Behaviour { errors: 0.3, ..HEALTHY };
    let (ruling, changes) = run(&mut state, &mut world, 200);
    println!("{}", ruling.sentence);
    assert_eq!(
        (ruling.verdict, ruling.why, ruling.asks),
        (Verdict::Hold, Why::ControlSick, true),
        "{}",
        ruling.sentence
    );
    assert!(changes.is_empty());
    world.control = HEALTHY;
    run(&mut state, &mut world, 300);
    assert_eq!(state.phase, Phase::Done);
}

/// A restart: counters begin at 0 again, so a tick sees less than there was, or nothing.
#[test]
fn a_reset_of_counters_loses_a_tick_and_decides_nothing() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    until_stage(&mut state, &mut world, 0);
    for _ in 0..30 {
        let mut lost = world.tick(0.05);
        lost.flags.clear();
        tick(&mut state, &lost);
        let (ruling, changes) = run(&mut state, &mut world, 3);
        assert!(changes.iter().all(|(_, change)| *change != Transition::RolledBack), "{}", ruling.sentence);
    }
}

/// Histograms of five seconds come with the fifth tick.
#[test]
fn histograms_late_by_a_flush_decide_nothing() {
    let mut rollout = rollout();
    rollout.policy.guardrails = Guardrail::defaults();
    for seed in 0..5 {
        let (mut state, mut world) = (started(&rollout), World::new(seed));
        let mut held: Vec<(String, Bins)> = Vec::new();
        for second in 0..600 {
            world.storm_times_out = true;
            world.storm = if second % 100 > 96 { 40.0 } else { 0.0 };
            let mut seen = world.tick(f64::from(state.weight_ppm) / 1e6);
            for (name, counts) in &mut seen.flags.get_mut("checkout").unwrap().variants {
                let late = std::mem::take(&mut counts.duration);
                match held.iter_mut().find(|(of, _)| of == name) {
                    Some((_, bins)) => bins.merge(&late),
                    None => held.push((name.clone(), late)),
                }
                if second % 5 == 0 {
                    counts.duration =
                        held.iter_mut().find(|(of, _)| of == name).map(|(_, bins)| std::mem::take(bins)).unwrap();
                }
            }
            let ruling = tick(&mut state, &seen);
            assert!(ruling.verdict != Verdict::RollBack, "second {second}: {}", ruling.sentence);
        }
        assert_eq!(state.phase, Phase::Done);
    }
}

/// The time of an observation is told and stored, and decides nothing: spans come from a monotonic clock.
#[test]
fn a_clock_that_jumped_changes_no_verdict() {
    let verdicts = |jump: bool| {
        let (mut state, mut world) = (started(&rollout()), World::new(3));
        let rulings = (0..300u64).map(|second| {
            let mut seen = world.tick(f64::from(state.weight_ppm) / 1e6);
            if jump {
                seen.at_ms = if second % 7 == 3 { 0 } else { seen.at_ms + 86_400_000 * (second % 3) };
            }
            let ruling = tick(&mut state, &seen);
            (ruling.verdict, ruling.why, ruling.sentence, ruling.numbers)
        });
        rulings.collect::<Vec<_>>()
    };
    assert_eq!(verdicts(true), verdicts(false));
}

/// A cooldown is observed time: a clock that jumps on an hour does not end it, and one that jumps back does not stretch it.
#[test]
fn a_clock_that_jumped_neither_ends_nor_stretches_a_cooldown() {
    let drift =
        r#"{"drift":{"action":"notify","window":"10s","cooldown":"5m","values":100,"reference":{"1000":[1000,1000]}}}"#;
    let alarms = |jump_ms: i64| {
        let (mut state, mut world) = (started(&rollout()), World::new(3));
        state.plan.as_mut().unwrap().policy.analysis = Some(Box::new(Analysis::read(drift).unwrap()));
        until_stage(&mut state, &mut world, 1);
        let raised = (0..700u64).filter(|second| {
            let mut seen = world.tick(0.25);
            if *second >= 100 {
                seen.at_ms = seen.at_ms.saturating_add_signed(jump_ms);
            }
            let ruling = tick(&mut state, &seen);
            let drifts = ruling.remarks.iter().any(|r| r.name == "drift latency" && r.state == RemarkState::Fail);
            assert!(drifts || !state.phase.is_under_way(), "second {second}: {ruling:?}");
            ruling.alarm().is_some()
        });
        raised.collect::<Vec<_>>()
    };
    let steady = alarms(0);
    assert!(steady.windows(2).all(|pair| pair[1] - pair[0] == 300) && steady.len() >= 2, "{steady:?}");
    assert_eq!(alarms(3_600_000), steady);
    assert_eq!(alarms(-3_600_000), steady);
}

/// With proxies missing the values that are left are some proxies' only; and a tick that sees nothing raises nothing again.
#[test]
fn drift_with_proxies_missing_or_nothing_seen_raises_no_alarm() {
    let drift = r#"{"drift":{"action":"rollback","window":"10s","values":100,"reference":{"1000":[1000,1000]}}}"#;
    let (mut state, mut world) = (started(&rollout()), World::new(3));
    state.plan.as_mut().unwrap().policy.analysis = Some(Box::new(Analysis::read(drift).unwrap()));
    while state.phase == Phase::Baseline {
        run(&mut state, &mut world, 1);
    }
    world.seen = 1;
    let (ruling, _) = run(&mut state, &mut world, 30);
    assert_eq!((state.phase, ruling.verdict), (Phase::Running { stage: 0 }, Verdict::Hold), "{}", ruling.sentence);
    assert!(ruling.alarm().is_none() && ruling.remarks.iter().any(|remark| remark.state == RemarkState::Fail));
    world.seen = 3;
    let (ruling, _) = run(&mut state, &mut world, 1);
    assert_eq!((state.phase, ruling.why), (Phase::RolledBack, Why::Drift), "{}", ruling.sentence);

    let (mut state, mut world) = (started(&rollout()), World::new(3));
    let notify = drift.replace("rollback", "notify");
    state.plan.as_mut().unwrap().policy.analysis = Some(Box::new(Analysis::read(&notify).unwrap()));
    let alarms = (0..60).filter(|_| {
        let seen = world.tick(f64::from(state.weight_ppm) / 1e6);
        let first = tick(&mut state, &seen).alarm().is_some();
        let nothing = Observation { flags: [].into(), ..seen };
        assert!(tick(&mut state, &nothing).alarm().is_none());
        first
    });
    assert_eq!(alarms.count(), 1);
}

/// No duration at all is not one of zero: nothing passes, nothing is broken, and the stage waits for them.
#[test]
fn histograms_that_never_come_are_not_taken_for_speed() {
    let mut rollout = rollout();
    rollout.policy.guardrails = Guardrail::defaults();
    for of_both in [false, true] {
        let (mut state, mut world) = (started(&rollout), World::new(1));
        for _ in 0..400 {
            let mut seen = world.tick(f64::from(state.weight_ppm) / 1e6);
            for (name, counts) in &mut seen.flags.get_mut("checkout").unwrap().variants {
                if of_both || name == "next" {
                    counts.duration = Bins::default();
                }
            }
            let ruling = tick(&mut state, &seen);
            let latency = ruling.checks.iter().filter(|check| check.metric == "latency");
            for check in latency {
                assert!(matches!(check.state, CheckState::NoData | CheckState::NotEnough), "{check:?}");
                assert_eq!(check.value, None);
            }
        }
        assert_eq!(state.phase, Phase::Running { stage: 0 }, "neither on nor back");
    }
}

#[test]
fn a_stage_too_short_for_its_limits_waits_for_them() {
    let mut rollout = rollout();
    rollout.policy.guardrails = Guardrail::defaults();
    rollout.policy.settle = Span::from_ms(30_000);
    for stage in &mut rollout.stages {
        stage.lasts = Span::from_ms(1_000);
    }
    let (mut state, mut world) = (started(&rollout), World::new(1));
    until_stage(&mut state, &mut world, 0);
    let (ruling, changes) = run(&mut state, &mut world, 5);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why, changes.len()), (Verdict::Hold, Why::Settling, 0), "{}", ruling.sentence);
    assert!(ruling.checks.iter().any(|c| c.state == CheckState::NotEnough && c.decides_in_ms.is_some()));
    run(&mut state, &mut world, 30);
    assert_eq!(state.phase, Phase::Running { stage: 1 });
}

/// Two clients in two cells fail whatever they do: errors from fewer than three cells decide nothing.
#[test]
fn errors_from_fewer_than_three_cells_decide_nothing() {
    let mut rollout = rollout();
    rollout.policy.guardrails = vec![crate::rollouts::errors(Some(2.0), Some(crate::rollouts::share("5%")))];
    let (mut state, mut world) = (started(&rollout), World::new(1));
    let quiet = Behaviour { errors: 0.0, ..HEALTHY };
    (world.candidate, world.control) = (quiet, quiet);
    until_stage(&mut state, &mut world, 1);
    for _ in 0..100 {
        let mut seen = world.tick(0.25);
        let candidate = seen.flags.get_mut("checkout").unwrap().variants.get_mut("next").unwrap();
        for cell in [3, 11] {
            candidate.cells[cell].requests += 20;
            candidate.cells[cell].errors += 20;
        }
        let ruling = tick(&mut state, &seen);
        assert!(ruling.transition != Some(Transition::RolledBack), "{}", ruling.sentence);
    }
}

#[test]
fn no_traffic_is_hold_also_at_100_percent() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    until_stage(&mut state, &mut world, 2);
    world.rate = 0.0;
    let (ruling, changes) = run(&mut state, &mut world, 600);
    assert_eq!((ruling.verdict, ruling.why, changes.len()), (Verdict::Hold, Why::NoTraffic, 0), "{}", ruling.sentence);
}
