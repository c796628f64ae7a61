//! What the judge promises is in force where a rollout is judged, not in its parts alone: alpha divided over limits and stages, evidence planned for
//! the attempt, latency never pooled over stages, clustered errors divided out; and the same evidence from the same counts on any machine.

use weir_controller::judge::limit::Limit;
use weir_controller::judge::memory::Memory;
use weir_controller::judge::policy::Policy;
use weir_controller::judge::watch::Watch;
use weir_controller::judge::{Cells, Tally, Transition};
use weir_controller::observation::{CELL_COUNT, CellCounts, FlagCounts, Observation, VariantCounts};
use weir_controller::rollout::{Phase, RolloutState};
use weir_core::document;
use weir_core::guardrail::Guardrail;
use weir_core::span::Span;

use crate::rollouts::{errors, guarded_by, latency, rollout, run, share, started};
use crate::world::{Behaviour, HEALTHY, World, poisson};

fn policy_of(guardrails: Vec<Guardrail>) -> Policy {
    Policy::of(&guarded_by(guardrails))
}

#[test]
fn alpha_is_divided_over_the_limits_that_decide_and_latency_s_part_over_the_stages() {
    let dry = Guardrail { dry_run: true, ..latency(0.5) };
    let policy = policy_of(vec![errors(Some(2.0), Some(share("5%"))), latency(0.95), dry]);
    let limits: Vec<f64> = policy.limits.iter().map(|limit| policy.evidence_limit(limit).exp().round()).collect();
    // Three limits that decide, at alpha 0.01; three stages.
    assert_eq!(limits, [300.0, 300.0, 900.0, 900.0]);
}

fn fresh(policy: &Policy, limit: &Limit, ms: u64) -> Watch {
    assert_eq!(policy.planned_ms(limit), ms);
    Watch::new(limit, ms)
}

#[test]
fn evidence_is_planned_for_what_the_stages_last_and_that_of_latency_for_a_stage() {
    let policy = policy_of(vec![errors(Some(2.0), None), latency(0.95)]);
    let memory = Memory::new(&policy);
    let [counted, timed] = [&policy.limits[0], &policy.limits[1]];
    assert_eq!(memory.watches, [fresh(&policy, counted, 180_000), fresh(&policy, timed, 60_000)]);
    assert_ne!(memory.watches[0], Watch::new(counted, 0), "a plan makes a difference");
}

#[test]
fn evidence_of_latency_ends_with_its_stage_and_that_of_errors_goes_on() {
    let (mut state, mut world) = (started(&rollout()), World::new(3));
    // Slow and failing within what is tolerated, so that there is evidence of something.
    world.candidate = Behaviour { slow: 0.045, errors: 0.015, ..HEALTHY };
    let mut last = state.clone();
    while state.phase != (Phase::Running { stage: 1 }) {
        last = state.clone();
        run(&mut state, &mut world, 1);
    }
    let policy = &state.plan.as_ref().unwrap().policy;
    let all = policy.limits.iter().zip(&state.memory.watches).zip(&last.memory.watches);
    for ((limit, now), before) in all {
        let fresh = Watch::new(limit, policy.planned_ms(limit));
        assert_ne!(*before, fresh, "{}: the stage before had evidence", limit.name());
        assert_eq!(*now == fresh, limit.name().starts_with("latency"), "{}", limit.name());
    }
}

/// Errors come in bursts of this size, each in one cell.
const BURST: u64 = 8;

fn clustered(rng: &mut fastrand::Rng, requests: f64, rate: f64) -> VariantCounts {
    let mut cells = Cells([(); CELL_COUNT].map(|()| Tally::new(poisson(rng, requests / CELL_COUNT as f64), 0)));
    for _ in 0..poisson(rng, requests * rate / BURST as f64) {
        let cell = &mut cells.0[rng.usize(0..CELL_COUNT)];
        *cell = Tally::new(cell.requests.max(cell.errors + BURST), cell.errors + BURST);
    }
    let cells = cells.0.map(|cell| CellCounts { requests: cell.requests, errors: cell.errors });
    VariantCounts { started: cells.iter().map(|cell| cell.requests).sum(), cells, ..VariantCounts::default() }
}

fn taken_back(seed: u64) -> bool {
    let mut rng = fastrand::Rng::with_seed(seed);
    let stages = vec![document::Stage { weight: share("25%"), lasts: Span::from_ms(3_600_000), max_duration: None }];
    let rollout = document::Rollout { stages, ..guarded_by(vec![errors(Some(1.1), None)]) };
    let mut state: RolloutState = started(&rollout);
    for second in 0..900 {
        let weight = f64::from(state.weight_ppm) / 1e6;
        let [next, stable] = [weight, 1.0 - weight].map(|part| clustered(&mut rng, 4_000.0 * part, 0.02));
        let variants = [("next".to_owned(), next), ("stable".to_owned(), stable)].into();
        let flags = [("checkout".to_owned(), FlagCounts { variants, ..FlagCounts::default() })].into();
        let observation = Observation { at_ms: 1_000 * (second + 1), span_ms: 1_000, expected: 1, seen: 1, flags };
        let (after, ruling) = state.tick("checkout", &observation);
        state = after;
        if ruling.transition == Some(Transition::RolledBack) {
            return true;
        }
    }
    false
}

/// Without the division 51 of these 60 are taken back.
#[test]
fn errors_that_come_in_clusters_take_nobody_back_by_chance() {
    let count = (0..60).filter(|seed| taken_back(*seed)).count();
    println!("{count} of 60");
    assert!(count <= 2, "{count}");
}

/// Counts by a rule, without chance: the same everywhere.
fn counts(second: u64, requests: u64, errors_every: u64) -> VariantCounts {
    let mut counts = VariantCounts { started: requests * 20, ..VariantCounts::default() };
    for (cell, place) in (0..).zip(&mut counts.cells) {
        *place = CellCounts { requests, errors: u64::from((second * 7 + cell * 3).is_multiple_of(errors_every)) };
    }
    counts
}

#[test]
fn the_same_counts_give_the_same_evidence_to_a_billionth_on_any_machine() {
    let mut state = started(&rollout());
    let mut seen = Vec::new();
    for second in 0..40 {
        let variants =
            [("next".to_owned(), counts(second, 5, 17)), ("stable".to_owned(), counts(second, 95, 3))].into();
        let flags = [("checkout".to_owned(), FlagCounts { variants, ..FlagCounts::default() })].into();
        let at_ms = 1_700_000_000_000 + second * 1_000;
        let observation = Observation { at_ms, span_ms: 1_000, expected: 1, seen: 1, flags };
        let (next, ruling) = state.tick("checkout", &observation);
        // As an attempt is stored and read on another machine.
        state = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
        seen.push(ruling.checks.first().map_or(0.0, |check| check.evidence));
    }
    let evidence: Vec<f64> = [5, 10, 20].map(|second| seen[second]).to_vec();
    println!("{evidence:?} {:?}", state.phase);
    let expected = [1.048_062_901_320_375_3, 0.377_256_818_537_109_2, 1.347_213_332_475_898_1];
    for (evidence, expected) in evidence.into_iter().zip(expected) {
        assert!((evidence - expected).abs() <= 1e-9 * expected.abs(), "{evidence} is not {expected}");
    }
}
