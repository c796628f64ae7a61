//! A healthy candidate is not rolled back more often than alpha allows, one bad client never does it.

use weir_controller::judge::counted::Sample;
use weir_controller::judge::guarded::{Guarded, Tick, Tolerated};
use weir_controller::judge::{Cells, Tally};

use crate::world::poisson;

/// A user's errors in 20 requests where the proneness is Beta(0.1, 9.9): mean 1 %, most have none, a few have many.
fn beta_binomial() -> Vec<f64> {
    let (n, a, b) = (20, 0.1, 9.9);
    let rising = |start: f64, steps: i32| (0..steps).map(|i| start + f64::from(i)).product::<f64>();
    let choose = |k: i32| (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
    (0..=n).map(|k| choose(k) * rising(a, k) * rising(b, n - k) / rising(a + b, n)).collect()
}

fn clustered(rng: &mut fastrand::Rng, users: f64, chances: &[f64]) -> Cells {
    let mut cells = Cells::default();
    for _ in 0..poisson(rng, users) {
        let mut left = rng.f64();
        let errors = chances.iter().take_while(|chance| {
            left -= **chance;
            left > 0.0
        });
        let errors = errors.count() as u64;
        cells.0[rng.usize(..20)].add(Tally::new(20, errors.min(20)));
    }
    cells
}

/// Hours of A/A at 5 % with 1,000 requests a second from users with 20 requests each, in which the evidence ever reaches 100 : 1.
fn hours_with_alarm(ratio: f64, divide: bool) -> usize {
    let chances = beta_binomial();
    (0..100)
        .filter(|seed| {
            let mut rng = fastrand::Rng::with_seed(*seed);
            let (mut guarded, mut before) = (Guarded::default(), Cells::default());
            (0..720).any(|_| {
                let (candidate, control) = (clustered(&mut rng, 12.5, &chances), clustered(&mut rng, 237.5, &chances));
                let dispersion = if divide { before.dispersion() } else { 1.0 };
                let tick = Tick {
                    span_ms: 5_000,
                    candidate: &Sample::of_errors(candidate),
                    control: control.sum(),
                    dispersion,
                };
                guarded.step(&tick, Tolerated::Ratio(ratio));
                before.add(&control);
                guarded.ln_evidence() >= 100f64.ln() && guarded.excursion().is_broad()
            })
        })
        .count()
}

/// At most 4 of 100: with a probability of 1 % each, more have one of 0.3 %.
#[test]
fn a_hundred_hours_of_health_with_clustered_errors_stay_without_alarm() {
    let alarms = hours_with_alarm(2.0, false);
    println!("ratio 2: {alarms} of 100 hours");
    assert!(alarms <= 4, "{alarms}");
}

#[test]
fn a_small_ratio_is_safe_with_counts_divided_by_the_dispersion() {
    let (plain, divided) = (hours_with_alarm(1.1, false), hours_with_alarm(1.1, true));
    println!("ratio 1.1: {plain} of 100 hours, divided by the dispersion {divided}");
    assert!(divided <= 4 && divided <= plain, "{divided} of {plain}");
}

/// A client of the candidate retries 20 times a second for ten minutes, all errors.
#[test]
fn one_bad_client_never_decides() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut guarded = Guarded::default();
        let mut plain = f64::MIN;
        for second in 0..1_800 {
            let mut candidate = crate::world::cells(&mut rng, 50.0, 0.01);
            let control = crate::world::cells(&mut rng, 950.0, 0.01).sum();
            if (600..1_200).contains(&second) {
                let storm = poisson(&mut rng, 20.0);
                candidate.0[7].add(Tally::new(storm, storm));
            }
            let tick = Tick { span_ms: 1_000, candidate: &Sample::of_errors(candidate), control, dispersion: 1.0 };
            guarded.step(&tick, Tolerated::Ratio(2.0));
            plain = plain.max(guarded.ln_evidence_of_all());
            assert!(guarded.ln_evidence() < 100f64.ln(), "seed {seed}, second {second}");
        }
        assert!(plain > 100f64.ln(), "the storm shows over all cells");
    }
}
