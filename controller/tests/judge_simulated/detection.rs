//! A fault after a long healthy time is found as fast as promised: medians in seconds to evidence of 100 : 1, with 1,000 requests a second,
//! 1 % errors before and a tolerated ratio of 2. The times are what the same evidence takes with start weights `1 / (k (k + 1))`, measured
//! by simulation before this judge was written; ours must not be slower.

use weir_controller::judge::counted::Sample;
use weir_controller::judge::guarded::{Guarded, Tick, Tolerated};

use crate::world::cells;

const SEEDS: u64 = 41;
const RATE: f64 = 1_000.0;

/// What leaving out the worst cell and the least numbers of errors and cells may cost.
const GUARD: f64 = 1.5;

fn run(guarded: &mut Guarded, rng: &mut fastrand::Rng, share: f64, errors: f64, span_ms: u64) {
    let requests = RATE * span_ms as f64 / 1_000.0;
    let candidate = cells(rng, requests * share, errors);
    let control = cells(rng, requests * (1.0 - share), 0.01).sum();
    guarded.step(
        &Tick { span_ms, candidate: &Sample::of_errors(candidate), control, dispersion: 1.0 },
        Tolerated::Ratio(2.0),
    );
}

/// Seconds until the evidence over all cells, and the one that decides (with its least numbers), is 100 : 1.
fn find(mut guarded: Guarded, rng: &mut fastrand::Rng, share: f64, errors: f64) -> (u32, u32) {
    let (mut plain, mut decided) = (None, None);
    for second in 1..=3_600 {
        run(&mut guarded, rng, share, errors, 1_000);
        if guarded.ln_evidence_of_all() >= 100f64.ln() {
            plain = plain.or(Some(second));
        }
        if guarded.ln_evidence() >= 100f64.ln() && guarded.excursion().is_broad() {
            decided = decided.or(Some(second));
        }
        if let (Some(plain), Some(decided)) = (plain, decided) {
            return (plain, decided);
        }
    }
    (u32::MAX, u32::MAX)
}

fn median(mut times: Vec<u32>) -> f64 {
    times.sort_unstable();
    f64::from(times[times.len() / 2])
}

/// The table's medians in seconds: (errors, after 1 h, after 24 h).
fn check(share: f64, table: &[(f64, f64, f64)]) {
    let mut found = vec![[vec![], vec![], vec![], vec![]]; table.len()];
    for seed in 0..SEEDS {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut healthy = Guarded::default();
        for tick in 1..=8_640 {
            run(&mut healthy, &mut rng, share, 0.01, 10_000);
            assert!(healthy.ln_evidence() < 100f64.ln(), "false alarm of seed {seed}");
            let place = match tick {
                360 => 0,
                8_640 => 2,
                _ => continue,
            };
            for ((errors, ..), times) in table.iter().zip(&mut found) {
                let (plain, decided) = find(healthy.clone(), &mut rng, share, *errors);
                times[place].push(plain);
                times[place + 1].push(decided);
            }
        }
    }
    for ((errors, hour, day), times) in table.iter().zip(found) {
        let [hour_plain, hour_decided, day_plain, day_decided] = times.map(median);
        println!("1 % -> {errors}, share {share}: 1 h {hour_plain} ({hour_decided}), 24 h {day_plain} ({day_decided})");
        for (after, limit, plain, decided) in
            [("1 h", hour, hour_plain, hour_decided), ("24 h", day, day_plain, day_decided)]
        {
            assert!(plain <= *limit, "{after}: {plain} s instead of {limit} s");
            assert!(decided <= limit * GUARD, "{after}: decided after {decided} s instead of {} s", limit * GUARD);
        }
    }
}

#[test]
fn a_fault_after_hours_of_health_is_found_in_time_at_five_percent() {
    check(0.05, &[(0.20, 2.0, 3.0), (0.05, 26.0, 36.0)]);
}

#[test]
fn a_fault_after_hours_of_health_is_found_in_time_at_one_percent() {
    check(0.01, &[(0.20, 7.0, 10.0), (0.05, 104.0, 148.0)]);
}

#[test]
fn the_dispersion_of_independent_errors_is_one() {
    let mut rng = fastrand::Rng::with_seed(1);
    let spread = cells(&mut rng, 1e6, 0.01).dispersion();
    assert!(spread < 2.0, "{spread}");
}
