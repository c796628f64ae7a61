use proptest::prelude::*;
use weir_core::document::{Advance, Baseline, Policy, Rollout, Stage};
use weir_core::guardrail::{Counter, Guardrail, Metric};
use weir_core::share::Share;
use weir_core::span::Span;

use super::{Command, Phase, Refusal, RolloutState};
use crate::judge::{Transition, Verdict};
use crate::observation::{CellCounts, FlagCounts, Observation, VariantCounts};
use weir_core::outcome::Outcome;

fn rollout() -> Rollout {
    let share = |percent| Share::from_percent(percent).unwrap();
    let stage = |weight| Stage { weight: share(weight), lasts: Span::from_ms(2_000), max_duration: None };
    Rollout {
        control: "stable".into(),
        candidate: "next".into(),
        salt: "weir/checkout".into(),
        stages: vec![stage("5%"), stage("25%"), stage("100%")],
        policy: Policy {
            alpha: 0.01,
            baseline: Baseline { requests: 100, ..Baseline::default() },
            advance: Advance { requests: 20, power: 0.0, error_floor: share("1%"), proxies: share("90%") },
            settle: Span::from_ms(0),
            guardrails: vec![Guardrail::on(Metric::Counted {
                counter: Counter::Errors,
                ratio: Some(2.0),
                max: Some(share("5%")),
            })],
            ..Policy::default()
        },
    }
}

const STAGES: [u32; 3] = [50_000, 250_000, 1_000_000];

fn counts(requests: u64, errors: u64) -> VariantCounts {
    let mut counts = VariantCounts { started: requests * 20, ..VariantCounts::default() };
    counts.results[Outcome::Ok.index()] = (requests - errors) * 20;
    counts.results[Outcome::ServerError.index()] = errors * 20;
    counts.cells.fill(CellCounts { requests, errors });
    counts
}

/// A second with 50 requests of the candidate in each cell, none or all of them errors, and as many of control as the weight asks for.
fn second(at_ms: u64, weight_ppm: u32, fails: bool) -> Observation {
    let candidate = counts(50, if fails { 50 } else { 0 });
    let of_control = match u64::from(weight_ppm) {
        0 => 50,
        ppm => 50 * (1_000_000 - ppm) / ppm,
    };
    let variants = [("next".to_owned(), candidate), ("stable".to_owned(), counts(of_control, 0))].into();
    let flags = [("checkout".to_owned(), FlagCounts { variants, ..FlagCounts::default() })].into();
    Observation { at_ms, span_ms: 1_000, expected: 1, seen: 1, flags }
}

fn command(state: &RolloutState, command: Command) -> Result<RolloutState, Refusal> {
    state.command(&command, &rollout(), Some("stable"), 5)
}

const START: Command = Command::Start { force: false };

/// By orders and healthy or failing seconds (`+`, `-`).
fn reached(path: &str) -> RolloutState {
    let mut state = RolloutState::default();
    for step in path.split_whitespace() {
        let order = match step {
            "start" => START,
            "force" => Command::Start { force: true },
            "resume" => Command::Resume,
            "rollback" => Command::Rollback,
            "kill" => Command::Kill,
            "revive" => Command::Revive,
            _ => {
                state = state.tick("checkout", &second(9, state.weight_ppm, step == "-")).0;
                continue;
            }
        };
        state = command(&state, order).unwrap();
    }
    state
}

/// Each state by a way to it: phase, weight, mask, killed.
const STATES: [(&str, Phase, u32, bool, bool); 11] = [
    ("", Phase::Idle, 0, false, false),
    ("kill", Phase::Idle, 0, false, true),
    ("start", Phase::Baseline, 0, false, false),
    ("start +", Phase::Running { stage: 0 }, 50_000, false, false),
    ("force", Phase::Running { stage: 0 }, 50_000, false, false),
    ("start + + +", Phase::Running { stage: 1 }, 250_000, false, false),
    ("start + + + -", Phase::RolledBack, 0, true, false),
    ("start + + + + + + +", Phase::Done, 1_000_000, false, false),
    ("start + + + kill", Phase::Running { stage: 1 }, 0, false, true),
    ("start + + + kill revive", Phase::Paused, 0, false, false),
    ("start + rollback kill", Phase::RolledBack, 0, true, true),
];

#[test]
fn states_are_reached_as_told() {
    for (path, phase, weight, mask, killed) in STATES {
        let state = reached(path);
        assert_eq!((state.phase, state.weight_ppm, state.mask, state.killed), (phase, weight, mask, killed), "{path}");
    }
}

#[test]
fn orders_are_obeyed_or_refused_with_a_reason() {
    use Refusal::{Ended, Killed, NeverStarted, NotKilled, NotPaused, PausedAlready, UnderWay};
    let ok = |phase, attempt| Ok((phase, attempt));
    let not_paused = |phase: Phase| Err(NotPaused(phase.word()));
    let running = Phase::Running { stage: 1 };
    for (path, order, expected) in [
        ("", START, ok(Phase::Baseline, 1)),
        ("", Command::Resume, not_paused(Phase::Idle)),
        ("", Command::Rollback, Err(NeverStarted)),
        ("", Command::Kill, ok(Phase::Idle, 0)),
        ("", Command::Revive, Err(NotKilled)),
        ("kill", START, Err(Killed)),
        ("kill", Command::Revive, ok(Phase::Idle, 0)),
        ("start", START, Err(UnderWay(1))),
        ("start", Command::Revive, Err(NotKilled)),
        ("start + + +", START, Err(UnderWay(1))),
        ("start + + +", Command::Resume, not_paused(running)),
        ("start + + +", Command::Rollback, ok(Phase::RolledBack, 1)),
        ("start + + +", Command::Kill, ok(running, 1)),
        ("start + + + kill", Command::Resume, Err(Killed)),
        ("start + + + kill", Command::Kill, ok(running, 1)),
        ("start + + + kill", Command::Rollback, ok(Phase::RolledBack, 1)),
        ("start + + + kill", Command::Revive, ok(Phase::Paused, 1)),
        ("start + + + kill revive", START, Err(PausedAlready(1))),
        ("start + + + kill revive", Command::Resume, ok(Phase::Baseline, 1)),
        ("start + + + kill revive", Command::Rollback, ok(Phase::RolledBack, 1)),
        ("start + rollback", START, ok(Phase::Baseline, 2)),
        ("start + rollback", Command::Rollback, ok(Phase::RolledBack, 1)),
        ("start + rollback", Command::Resume, not_paused(Phase::RolledBack)),
        ("start + rollback kill", Command::Revive, ok(Phase::RolledBack, 1)),
        ("start + + + + + + +", START, Err(Ended(1))),
        ("start + + + + + + +", Command::Rollback, ok(Phase::RolledBack, 1)),
        ("start + + + + + + + kill", Command::Revive, ok(Phase::Paused, 1)),
    ] {
        let found = command(&reached(path), order).map(|state| (state.phase, state.attempt));
        assert_eq!(found, expected, "{path:?} {order:?}");
    }
}

#[test]
fn control_must_be_what_users_have() {
    let start = |default| RolloutState::default().command(&START, &rollout(), default, 0).unwrap_err().to_string();
    let tail = "starting would change the variant of everybody";
    assert_eq!(start(Some("next")), format!("control is \"stable\" but the flag's defaultVariant is \"next\": {tail}"));
    assert_eq!(start(None), format!("control is \"stable\" but the flag's defaultVariant is absent: {tail}"));
}

#[test]
fn the_rule_of_decision_is_that_of_the_start() {
    let mut changed = rollout();
    changed.stages.remove(1);
    changed.policy.alpha = 0.5;
    let state = reached("start + + + kill revive").command(&Command::Resume, &changed, Some("stable"), 0).unwrap();
    assert_eq!(state.plan, reached("start").plan);
    changed.candidate = "other".into();
    let refused = reached("start kill revive").command(&Command::Resume, &changed, Some("stable"), 0);
    assert_eq!(refused, Err(Refusal::OtherVariants(1)));
}

#[test]
fn transitions_are_told() {
    let (state, ruling) = reached("start").tick("checkout", &second(7, 0, false));
    assert_eq!((ruling.transition, ruling.verdict), (Some(Transition::Stage { stage: 0 }), Verdict::Advance));
    assert_eq!((state.since_ms, state.stage()), (7, Some((0, 3))));
    let (state, ruling) = state.tick("checkout", &second(8, 50_000, true));
    assert_eq!((ruling.transition, state.phase), (Some(Transition::RolledBack), Phase::RolledBack));
    let (next, ruling) = state.tick("checkout", &second(9, 0, true));
    assert_eq!((next, ruling.transition), (state, None));
}

fn steps() -> impl Strategy<Value = Vec<u8>> {
    // Seconds more often than orders, so that stages are reached.
    proptest::collection::vec(prop_oneof![6 => Just(0u8), 1 => 1u8..9], 0..60)
}

fn walk(state: &RolloutState, step: u8, at_ms: u64) -> RolloutState {
    let order = match step {
        0 => return state.tick("checkout", &second(at_ms, state.weight_ppm, false)).0,
        1 => return state.tick("checkout", &second(at_ms, state.weight_ppm, true)).0,
        2 => return state.tick("checkout", &Observation { at_ms, ..Observation::default() }).0,
        3 => START,
        4 => Command::Start { force: true },
        5 => Command::Resume,
        6 => Command::Rollback,
        7 => Command::Kill,
        _ => Command::Revive,
    };
    state.command(&order, &rollout(), Some("stable"), at_ms).unwrap_or_else(|_| state.clone())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn always_true_5_from_every_state_a_person_or_a_kill_reaches_all_on_control_in_one_step(path in steps()) {
        let mut state = RolloutState::default();
        for (i, step) in path.iter().enumerate() {
            let next = walk(&state, *step, i as u64);
            let allowed = match next.phase {
                Phase::Running { stage } if !next.killed => STAGES[stage],
                Phase::Done if !next.killed => STAGES[2],
                _ => 0,
            };
            prop_assert_eq!(next.weight_ppm, allowed);
            prop_assert_eq!(next.mask, next.phase == Phase::RolledBack);
            let taken_back = next.weight_ppm < state.weight_ppm;
            prop_assert!(!taken_back || next.killed || next.phase == Phase::RolledBack, "{:?} -> {:?}", state, next);
            if *step <= 2 && !state.is_judged() {
                prop_assert_eq!(&next, &state, "a tick changes nothing");
            }
            let stored: RolloutState = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
            prop_assert_eq!(&stored, &next);

            let killed = command(&next, Command::Kill).unwrap();
            prop_assert!(killed.weight_ppm == 0 && killed.flag_state().kill);
            let back = command(&next, Command::Rollback);
            if next.attempt == 0 {
                prop_assert_eq!(back, Err(Refusal::NeverStarted));
            } else {
                let back = back.unwrap();
                prop_assert!(back.weight_ppm == 0 && back.flag_state().mask && back.phase == Phase::RolledBack);
            }
            state = next;
        }
    }
}
