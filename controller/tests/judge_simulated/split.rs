//! Requests that do not follow the weight hold a stage, in words with numbers, and roll nothing back.

use weir_controller::judge::{Ruling, Transition, Verdict, Why};
use weir_controller::rollout::{Command, RolloutState};

use crate::rollouts::rollout;
use crate::world::World;

/// Ten minutes; the candidate gets `kept` of its requests.
fn run(seed: u64, kept: f64) -> (RolloutState, Vec<Ruling>) {
    let rollout = rollout();
    let start = Command::Start { force: false };
    let mut state = RolloutState::default().command(&start, &rollout, Some("stable"), 0).unwrap();
    let (mut world, mut rulings) = (World::new(seed), Vec::new());
    for _ in 0..600 {
        let observation = world.tick(f64::from(state.weight_ppm) / 1e6 * kept);
        let (next, ruling) = state.tick("checkout", &observation);
        state = serde_json::from_str(&serde_json::to_string(&next).unwrap()).unwrap();
        rulings.push(ruling);
        if !state.phase.is_under_way() {
            break;
        }
    }
    (state, rulings)
}

#[test]
fn a_candidate_that_loses_requests_is_held_and_named_and_not_rolled_back() {
    for seed in 0..5 {
        let (state, rulings) = run(seed, 0.7);
        let changes: Vec<Transition> = rulings.iter().filter_map(|ruling| ruling.transition).collect();
        let ruling = rulings.last().unwrap();
        println!("{}", ruling.sentence);
        assert_eq!((ruling.verdict, ruling.why, ruling.asks), (Verdict::Hold, Why::Mismatch, true));
        assert_eq!(changes, [Transition::Stage { stage: 0 }], "seed {seed}");
        assert!(ruling.sentence.contains("checkout: holds at 5 % for a person to decide: sample-ratio mismatch"));
        assert!(ruling.sentence.contains("where 5 % are expected"));
        assert_eq!(state.weight_ppm, 50_000);
    }
}

/// At alpha 0.01 more than 3 of 100 have a probability of 2 %.
#[test]
fn a_split_that_is_kept_is_held_no_more_often_than_alpha_and_goes_on() {
    let mut held = 0;
    for seed in 0..100 {
        let (_, rulings) = run(seed, 1.0);
        held += u32::from(rulings.iter().any(|ruling| ruling.why == Why::Mismatch));
        let last = rulings.last().unwrap();
        assert_eq!(last.transition, Some(Transition::Done), "seed {seed}: {}", last.sentence);
    }
    println!("{held} of 100");
    assert!(held <= 3, "{held}");
}
