//! Goals and scores: what is promised of their sample, and that looking again and again is no mistake.

use weir_controller::judge::analysis::{Arm, Arms, Better, Goal, Kind, Outcome, compare, planned};
use weir_controller::observation::CELL_COUNT;

use crate::world::poisson;

const GOAL: Goal = Goal { minimum_effect: 0.02, better: Better::Higher, alpha: 0.05, power: 0.8 };

fn normal(rng: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
}

/// Independent requests in equal cells, each reaching the goal with that probability.
fn share(rng: &mut fastrand::Rng, requests: f64, hits: f64) -> Arm {
    let n = requests / CELL_COUNT as f64;
    let cells = [(); CELL_COUNT].map(|()| {
        let drawn = n * hits + (n * hits * (1.0 - hits)).sqrt() * normal(rng);
        (drawn.round().clamp(0.0, n), n)
    });
    let sum = cells.iter().map(|cell| cell.0).sum();
    Arm::new(cells, sum)
}

/// Numbers of mean and deviation 1 around it.
fn numbers(rng: &mut fastrand::Rng, count: f64, mean: f64) -> Arm {
    let n = count / CELL_COUNT as f64;
    let mut squares = 0.0;
    let cells = [(); CELL_COUNT].map(|()| {
        let sum = n * mean + n.sqrt() * normal(rng);
        squares += n * (1.0 + mean * mean) + 2.0 * mean * (sum - n * mean);
        (sum, n)
    });
    Arm::new(cells, squares)
}

fn arms(rng: &mut fastrand::Rng, (n, control): (f64, f64), (base, effect): (f64, f64)) -> Arms {
    Arms { candidate: share(rng, n, base + effect), control: share(rng, control, base) }
}

#[test]
fn the_planned_sample_sees_the_minimum_effect_as_often_as_promised() {
    for (base, control_per_value) in [(0.1, 1.0), (0.3, 19.0), (0.5, 3.0)] {
        for power in [0.8, 0.9] {
            let goal = Goal { power, ..GOAL };
            let n = planned(&goal, base, control_per_value).ceil();
            let mut rng = fastrand::Rng::with_seed(5);
            let sees = |_: &u32| {
                let found = compare(&goal, Kind::Share, &arms(&mut rng, (n, n * control_per_value), (base, 0.02)));
                found.interval.0 > 0.0
            };
            let reached = (0..4_000).filter(sees).count() as f64 / 4_000.0;
            println!("{base} with {n}: {reached} of {power}");
            assert!((reached - power).abs() <= 0.02, "{base} with {n}: {reached} of {power}");
        }
    }
}

/// Users with ten requests each, of whom most never reach the goal and some often do; looked at 200 times.
fn clustered(rng: &mut fastrand::Rng, users: f64) -> Arm {
    let mut cells = [(0.0, 0.0); CELL_COUNT];
    for _ in 0..poisson(rng, users) {
        let cell = &mut cells[rng.usize(..CELL_COUNT)];
        let hits = if rng.f64() < 0.15 { rng.u32(1..=10) } else { 0 };
        cell.0 += f64::from(hits);
        cell.1 += 10.0;
    }
    Arm::new(cells, cells.iter().map(|cell| cell.0).sum())
}

#[test]
fn no_difference_is_called_one_no_more_often_than_alpha_however_often_it_is_looked_at() {
    let run = |seed: &u64| {
        let mut rng = fastrand::Rng::with_seed(*seed);
        let mut sum = Arms::default();
        (0..200).any(|_| {
            sum.candidate.add(&clustered(&mut rng, 100.0));
            sum.control.add(&clustered(&mut rng, 100.0));
            let found = compare(&Goal { minimum_effect: 0.005, ..GOAL }, Kind::Share, &sum);
            assert_ne!(found.outcome, Outcome::NoData);
            found.outcome != Outcome::NotEnough && (found.interval.0 > 0.0 || found.interval.1 < 0.0)
        })
    };
    let alarms = (0..400).filter(run).count();
    println!("{alarms} of 400");
    assert!(alarms <= 20, "{alarms} of 400 at alpha 0.05");
}

#[test]
fn significant_and_large_enough_or_nothing() {
    // Cells as far apart as chance puts them.
    let arm = |share: f64, n: f64| {
        let n = n / CELL_COUNT as f64;
        let apart = (n * share * (1.0 - share)).sqrt();
        let mut sign = -1.0;
        let cells = [(); CELL_COUNT].map(|()| {
            sign = -sign;
            (n * share + sign * apart, n)
        });
        Arm::new(cells, cells.iter().map(|cell| cell.0).sum())
    };
    let said = |candidate: f64, control: f64, n: f64, better| {
        let arms = Arms { candidate: arm(candidate, n), control: arm(control, n) };
        compare(&Goal { better, ..GOAL }, Kind::Share, &arms).outcome
    };
    for (candidate, control, n, outcome) in [
        (0.13, 0.10, 40_000.0, Outcome::Better),
        (0.07, 0.10, 40_000.0, Outcome::Worse),
        // Significant by far, and smaller than the minimum effect.
        (0.11, 0.10, 4_000_000.0, Outcome::Tie),
        // No difference, and surely none that matters.
        (0.10, 0.10, 400_000.0, Outcome::Tie),
        // A difference that chance may have made, and that may be one that matters.
        (0.112, 0.10, 9_000.0, Outcome::Inconclusive),
        (0.30, 0.10, 60.0, Outcome::NotEnough),
    ] {
        assert_eq!(said(candidate, control, n, Better::Higher), outcome, "{candidate} {control} {n}");
        let mirrored = match outcome {
            Outcome::Better => Outcome::Worse,
            Outcome::Worse => Outcome::Better,
            other @ (Outcome::Tie | Outcome::Inconclusive | Outcome::NotEnough | Outcome::NoData) => other,
        };
        assert_eq!(said(candidate, control, n, Better::Lower), mirrored, "{candidate} {control} {n}, lower is better");
    }
    assert_eq!(compare(&GOAL, Kind::Share, &Arms::default()).outcome, Outcome::NoData);
}

#[test]
fn a_score_s_sample_follows_its_own_variance() {
    let goal = Goal { minimum_effect: 0.1, ..GOAL };
    let mut rng = fastrand::Rng::with_seed(3);
    let mut sees = 0;
    for _ in 0..2_000 {
        let pilot = Arms { candidate: numbers(&mut rng, 500.0, 5.0), control: numbers(&mut rng, 500.0, 5.0) };
        let n = compare(&goal, Kind::Mean, &pilot).needed as f64;
        assert!((2_500.0..3_700.0).contains(&n), "{n}");
        let arms = Arms { candidate: numbers(&mut rng, n, 5.1), control: numbers(&mut rng, n, 5.0) };
        sees += u32::from(compare(&goal, Kind::Mean, &arms).interval.0 > 0.0);
    }
    println!("{sees} of 2000");
    assert!((f64::from(sees) / 2_000.0 - 0.8).abs() <= 0.025, "{sees}");
}
