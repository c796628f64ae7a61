//! Whole rollouts, from start to end, on simulated traffic.

use weir_controller::judge::{Ruling, Transition, Verdict, Why};
use weir_controller::rollout::{Command, Phase, RolloutState};
use weir_core::document::{Advance, Policy, Rollout, Stage};
use weir_core::guardrail::{Counter, Guardrail, Metric};
use weir_core::share::Share;
use weir_core::span::Span;

use crate::world::{Behaviour, HEALTHY, World};

pub(crate) fn share(percent: &str) -> Share {
    Share::from_percent(percent).unwrap()
}

pub(crate) fn errors(ratio: Option<f64>, max: Option<Share>) -> Guardrail {
    Guardrail::on(Metric::Counted { counter: Counter::Errors, ratio, max })
}

pub(crate) fn latency(quantile: f64) -> Guardrail {
    Guardrail::on(Metric::Latency { quantile, ratio: None, max_us: Some(200_000) })
}

pub(crate) fn rollout() -> Rollout {
    let stage = |weight| Stage { weight: share(weight), lasts: Span::from_ms(60_000), max_duration: None };
    Rollout {
        control: "stable".into(),
        candidate: "next".into(),
        salt: "weir/checkout".into(),
        stages: vec![stage("5%"), stage("25%"), stage("100%")],
        policy: Policy {
            alpha: 0.01,
            advance: Advance { requests: 300, power: 0.8, error_floor: share("1%"), proxies: share("90%") },
            settle: Span::from_ms(10_000),
            guardrails: vec![errors(Some(2.0), Some(share("5%"))), latency(0.95)],
            ..Policy::default()
        },
    }
}

/// The same with these guardrails.
pub(crate) fn guarded_by(guardrails: Vec<Guardrail>) -> Rollout {
    let rollout = rollout();
    Rollout { policy: Policy { guardrails, ..rollout.policy }, ..rollout }
}

pub(crate) fn started(rollout: &Rollout) -> RolloutState {
    RolloutState::default().command(&Command::Start { force: false }, rollout, Some("stable"), 0).unwrap()
}

/// Runs for so many seconds, or until it is no longer under way; every state is stored and read back. Gives the last ruling made while
/// it was, and the changes with their second.
pub(crate) fn run(state: &mut RolloutState, world: &mut World, seconds: u32) -> (Ruling, Vec<(u32, Transition)>) {
    let mut changes = Vec::new();
    let mut last = None;
    for second in 1..=seconds {
        let observation = world.tick(f64::from(state.weight_ppm) / 1e6);
        let (next, ruling) = state.tick("checkout", &observation);
        let text = serde_json::to_string(&next).unwrap();
        *state = serde_json::from_str(&text).unwrap();
        assert_eq!(*state, next, "stored and read back");
        assert_eq!(serde_json::from_str::<Ruling>(&serde_json::to_string(&ruling).unwrap()).unwrap(), ruling);
        changes.extend(ruling.transition.map(|change| (second, change)));
        last = Some(ruling);
        if !state.phase.is_under_way() {
            break;
        }
    }
    (last.unwrap(), changes)
}

/// Until the stage has gone on for some seconds.
pub(crate) fn until_stage(state: &mut RolloutState, world: &mut World, stage: usize) {
    for _ in 0..600 {
        if state.phase == (Phase::Running { stage }) {
            run(state, world, 20);
            return;
        }
        run(state, world, 1);
    }
    panic!("stage {stage} did not begin: {:?}", state.phase);
}

#[test]
fn a_healthy_candidate_completes() {
    // With seed 1 the split deviates by chance as far as alpha allows, and the first stage takes twice its time.
    for seed in [0, 2, 3, 4, 5] {
        let (mut state, mut world) = (started(&rollout()), World::new(seed));
        let (ruling, changes) = run(&mut state, &mut world, 400);
        println!("{}", ruling.sentence);
        let stages = [0, 1, 2].map(|stage| Transition::Stage { stage });
        let kinds: Vec<Transition> = changes.iter().map(|(_, change)| *change).collect();
        assert_eq!(kinds, [&stages[..], &[Transition::Done]].concat(), "seed {seed}: {}", ruling.sentence);
        assert_eq!((state.phase, state.weight_ppm), (Phase::Done, 1_000_000));
        assert!(changes[3].0 <= 1 + 3 * 62, "{changes:?}");
    }
}

#[test]
fn a_failing_candidate_is_rolled_back_at_every_stage() {
    for seed in 0..10 {
        for stage in 0..3 {
            let (mut state, mut world) = (started(&rollout()), World::new(seed));
            until_stage(&mut state, &mut world, stage);
            world.candidate = Behaviour { errors: 0.2, ..HEALTHY };
            let (ruling, changes) = run(&mut state, &mut world, 60);
            println!("{}", ruling.sentence);
            assert_eq!(changes.len(), 1, "seed {seed}: {}", ruling.sentence);
            assert!(changes[0].0 <= 6 && changes[0].1 == Transition::RolledBack, "{changes:?}");
            assert_eq!((ruling.verdict, ruling.why), (Verdict::RollBack, Why::GuardrailBroken));
            assert_eq!((state.phase, state.weight_ppm, state.mask), (Phase::RolledBack, 0, true));
        }
    }
}

#[test]
fn a_slow_candidate_is_rolled_back() {
    for seed in 0..10 {
        for stage in 0..3 {
            let (mut state, mut world) = (started(&rollout()), World::new(seed));
            until_stage(&mut state, &mut world, stage);
            world.candidate = Behaviour { slow: 0.2, ..HEALTHY };
            let (ruling, changes) = run(&mut state, &mut world, 60);
            println!("{}", ruling.sentence);
            assert_eq!(ruling.verdict, Verdict::RollBack, "{}", ruling.sentence);
            assert!(ruling.sentence.contains("p95") && changes[0].0 <= 15, "{changes:?} {}", ruling.sentence);
        }
    }
}

#[test]
fn whoever_fails_alike_is_held_with_the_reason_and_goes_on_after() {
    for behaviour in [Behaviour { errors: 0.2, ..HEALTHY }, Behaviour { slow: 0.2, ..HEALTHY }] {
        for seed in 0..10 {
            for stage in [0, 1] {
                let (mut state, mut world) = (started(&rollout()), World::new(seed));
                until_stage(&mut state, &mut world, stage);
                (world.candidate, world.control) = (behaviour, behaviour);
                let (ruling, changes) = run(&mut state, &mut world, 300);
                assert_eq!((ruling.verdict, ruling.why), (Verdict::Hold, Why::BothFail), "{}", ruling.sentence);
                assert!(changes.is_empty() && ruling.asks, "{changes:?} {}", ruling.sentence);
                if seed == 0 {
                    println!("{}", ruling.sentence);
                }
                (world.candidate, world.control) = (HEALTHY, HEALTHY);
                let (ruling, _) = run(&mut state, &mut world, 1_200);
                assert_eq!(state.phase, Phase::Done, "{}", ruling.sentence);
            }
        }
    }
}

#[test]
fn a_failing_candidate_is_not_taken_back_onto_a_sick_control() {
    for seed in 0..10 {
        let (mut state, mut world) = (started(&rollout()), World::new(seed));
        until_stage(&mut state, &mut world, 1);
        world.control = Behaviour { errors: 0.15, ..HEALTHY };
        run(&mut state, &mut world, 10);
        world.candidate = Behaviour { errors: 0.9, ..HEALTHY };
        let (ruling, changes) = run(&mut state, &mut world, 60);
        println!("{}", ruling.sentence);
        assert_eq!((ruling.verdict, ruling.why, ruling.asks), (Verdict::Hold, Why::ControlSick, true));
        assert!(changes.is_empty());
        world.control = HEALTHY;
        let (ruling, _) = run(&mut state, &mut world, 60);
        assert_eq!(ruling.verdict, Verdict::RollBack, "{}", ruling.sentence);
    }
}

#[test]
fn a_candidate_far_worse_than_a_control_just_above_its_ceiling_is_taken_back() {
    for seed in 0..10 {
        let (mut state, mut world) = (started(&rollout()), World::new(seed));
        until_stage(&mut state, &mut world, 1);
        world.control = Behaviour { errors: 0.07, ..HEALTHY };
        run(&mut state, &mut world, 10);
        world.candidate = Behaviour { errors: 0.9, ..HEALTHY };
        let (ruling, changes) = run(&mut state, &mut world, 60);
        assert_eq!(ruling.verdict, Verdict::RollBack, "{}", ruling.sentence);
        assert!(changes[0].0 <= 5, "{changes:?}");
    }
}

#[test]
fn no_traffic_is_hold() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    world.rate = 0.0;
    let (ruling, _) = run(&mut state, &mut world, 100);
    assert_eq!((ruling.verdict, ruling.why, state.phase), (Verdict::Hold, Why::Baseline, Phase::Baseline));
    world.rate = 1_000.0;
    until_stage(&mut state, &mut world, 0);
    world.rate = 0.0;
    let (ruling, changes) = run(&mut state, &mut world, 3_600);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why), (Verdict::Hold, Why::NoTraffic));
    assert!(changes.is_empty());
}

#[test]
fn too_few_requests_are_hold_with_how_many_of_how_many() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    world.rate = 20.0;
    let (ruling, changes) = run(&mut state, &mut world, 300);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why), (Verdict::Hold, Why::NotEnoughRequests));
    assert!((700..900).contains(&ruling.checks[0].requests_needed), "{ruling:?}");
    let needed = format!(" of {} requests", ruling.checks[0].requests_needed);
    assert!(changes.len() == 1 && ruling.decides_in_ms.is_some() && ruling.sentence.contains(&needed), "{ruling:?}");
}

#[test]
fn time_without_enough_proxies_does_not_count() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    until_stage(&mut state, &mut world, 0);
    world.seen = 2;
    let (ruling, changes) = run(&mut state, &mut world, 600);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why), (Verdict::Hold, Why::ProxiesMissing));
    assert!(changes.is_empty() && ruling.numbers.observed_ms <= 21_000);
    world.candidate = Behaviour { errors: 0.2, ..HEALTHY };
    assert_eq!(run(&mut state, &mut world, 20).0.verdict, Verdict::RollBack, "what is seen still counts against it");
}

#[test]
fn one_bad_client_never_rolls_back() {
    for seed in 0..5 {
        let (mut state, mut world) = (started(&rollout()), World::new(seed));
        until_stage(&mut state, &mut world, 0);
        world.storm = 20.0;
        let (ruling, changes) = run(&mut state, &mut world, 900);
        assert!(changes.iter().all(|(_, change)| *change != Transition::RolledBack), "{}", ruling.sentence);
    }
}

#[test]
fn evidence_that_is_not_enough_is_inconclusive() {
    let mut rollout = rollout();
    rollout.policy.guardrails = vec![errors(None, Some(share("2%")))];
    rollout.policy.alpha = 1e-9;
    rollout.stages = vec![Stage { weight: share("50%"), lasts: Span::from_ms(10_000), max_duration: None }];
    let (mut state, mut world) = (started(&rollout), World::new(3));
    world.rate = 200.0;
    world.candidate = Behaviour { errors: 0.04, ..HEALTHY };
    let (ruling, changes) = run(&mut state, &mut world, 20);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why), (Verdict::Inconclusive, Why::Unclear));
    assert_eq!(changes.len(), 1);
}

/// The ceiling is at the error rate itself, and so are as many false alarms as there can be.
#[test]
fn healthy_rollouts_are_taken_back_no_more_often_than_alpha() {
    let mut rollout = rollout();
    rollout.policy.guardrails[0] = errors(Some(1.5), Some(share("1%")));
    rollout.policy.guardrails[1] = latency(0.99);
    let taken_back = |seed: &u64| {
        let (mut state, mut world) = (started(&rollout), World::new(*seed));
        run(&mut state, &mut world, 200).1.iter().any(|(_, change)| *change == Transition::RolledBack)
    };
    let count = (0..100).filter(taken_back).count();
    println!("{count} of 100");
    assert!(count <= 4, "{count}");
}

#[test]
fn a_hanging_candidate_does_not_go_on() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    until_stage(&mut state, &mut world, 1);
    world.hangs = true;
    let (ruling, changes) = run(&mut state, &mut world, 200);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why, changes), (Verdict::Hold, Why::Hanging, vec![]));
}

#[test]
fn one_bad_client_of_control_does_not_save_a_failing_candidate() {
    for seed in 0..5 {
        let (mut state, mut world) = (started(&rollout()), World::new(seed));
        until_stage(&mut state, &mut world, 1);
        world.control_storm = 50.0;
        run(&mut state, &mut world, 20);
        world.candidate = Behaviour { errors: 0.4, ..HEALTHY };
        let (ruling, changes) = run(&mut state, &mut world, 20);
        assert_eq!(ruling.verdict, Verdict::RollBack, "{}", ruling.sentence);
        assert!(changes[0].0 <= 5, "{changes:?}");
    }
}

#[test]
fn without_a_ceiling_ten_percent_is_sick() {
    let mut rollout = rollout();
    rollout.policy.guardrails = vec![errors(Some(2.0), None)];
    let (mut state, mut world) = (started(&rollout), World::new(1));
    until_stage(&mut state, &mut world, 0);
    let failing = Behaviour { errors: 0.3, ..HEALTHY };
    (world.candidate, world.control) = (failing, failing);
    let (ruling, changes) = run(&mut state, &mut world, 200);
    println!("{}", ruling.sentence);
    assert_eq!((ruling.verdict, ruling.why, changes), (Verdict::Hold, Why::BothFail, vec![]));
}

#[test]
fn a_candidate_without_any_error_of_either_completes() {
    let (mut state, mut world) = (started(&rollout()), World::new(1));
    (world.candidate, world.control) =
        (Behaviour { errors: 0.0, slow: 0.0, ..HEALTHY }, Behaviour { errors: 0.0, slow: 0.0, ..HEALTHY });
    assert_eq!(run(&mut state, &mut world, 300).0.verdict, Verdict::Advance);
    assert_eq!(state.phase, Phase::Done);
}

/// What the bench asks of the judge: base 1 %, fault 20 % at 5 % of 1,000 requests a second.
#[test]
fn a_fault_of_twenty_percent_is_decided_in_three_ticks() {
    let decided = |seed| {
        let (mut state, mut world) = (started(&rollout()), World::new(seed));
        until_stage(&mut state, &mut world, 0);
        world.candidate = Behaviour { errors: 0.2, ..HEALTHY };
        run(&mut state, &mut world, 60).1[0].0
    };
    let mut seconds: Vec<u32> = (0..40).map(decided).collect();
    seconds.sort_unstable();
    println!("{seconds:?}");
    assert!(seconds[20] <= 3 && seconds[37] <= 4, "{seconds:?}");
}
