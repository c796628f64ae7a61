//! A fault is found as fast as promised, fresh and after a long healthy time: medians in seconds to evidence of 100 : 1, with 1,000 requests
//! a second, 1 % errors before, a tolerated ratio of 2 and a rollout that is planned to last a day. The times are what the same evidence takes
//! with start weights `1 / (k (k + 1))` and even ratios, measured by simulation before this judge was written, with no cell left out: ours must
//! not be slower. What decides, with its guards, may take what leaving a cell out costs, which is measured here as well.

use weir_controller::judge::counted::Sample;
use weir_controller::judge::evidence::Starts;
use weir_controller::judge::guarded::{Guarded, Tick, Tolerated};

use crate::world::cells;

const SEEDS: u64 = 41;
const RATE: f64 = 1_000.0;

/// What leaving out the worst cell and the least numbers of errors and cells may cost after health: as much as it does with those weights.
const GUARD: f64 = 1.3;

fn planned() -> Guarded {
    Guarded::new(Starts::planned(86_400_000))
}

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
        let mut healthy = planned();
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
            // A second is the least that there is.
            let limit = (limit * GUARD).ceil();
            assert!(decided <= limit, "{after}: decided after {decided} s instead of {limit} s");
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

/// Seconds until a rule that knows the fault's second and size has 100 : 1 with each cell left out in turn.
fn find_knowing(rng: &mut fastrand::Rng, share: f64, errors: f64) -> u32 {
    // The cell's requests go out with it.
    let (e, c) = (RATE * share * 0.95, RATE * (1.0 - share));
    let theta = |ratio: f64| ratio * e / (ratio * e + c);
    let (known, tolerated) = (theta(errors / 0.01), theta(2.0));
    let (hit, miss) = ((known / tolerated).ln(), ((1.0 - known) / (1.0 - tolerated)).ln());
    let mut ln = [0.0; 20];
    for second in 1..=3_600 {
        let candidate = cells(rng, RATE * share, errors);
        let (all, control) = (candidate.sum().errors, cells(rng, c, 0.01).sum().errors);
        for (ln, cell) in ln.iter_mut().zip(&candidate.0) {
            *ln += (all - cell.errors) as f64 * hit + control as f64 * miss;
        }
        if ln.iter().all(|ln| *ln >= 100f64.ln()) {
            return second;
        }
    }
    u32::MAX
}

/// The table's medians when nothing was before the fault, and what leaving a cell out costs by itself: no rule that keeps alpha whatever one
/// client does can be much faster than one that knows the fault.
#[test]
fn a_fault_from_the_beginning_is_found_in_time() {
    for (share, errors, limit) in [(0.01, 0.05, 42.0), (0.01, 0.20, 4.0), (0.05, 0.05, 12.0), (0.05, 0.20, 1.0)] {
        let runs = (0..400).map(|seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (plain, decided) = find(planned(), &mut rng, share, errors);
            [plain, decided, find_knowing(&mut rng, share, errors)]
        });
        let runs: Vec<_> = runs.collect();
        let [plain, decided, knowing] = [0, 1, 2].map(|which| median(runs.iter().map(|run| run[which]).collect()));
        println!("1 % -> {errors}, share {share}: {plain} ({decided}), {knowing} by a rule that knows");
        assert!(plain <= limit, "{plain} s instead of {limit} s");
        assert!(decided <= knowing * 1.5, "decided after {decided} s, knowing the fault {knowing} s");
    }
}

#[test]
fn the_dispersion_of_independent_errors_is_one() {
    let mut rng = fastrand::Rng::with_seed(1);
    let spread = cells(&mut rng, 1e6, 0.01).dispersion();
    assert!(spread < 2.0, "{spread}");
}
