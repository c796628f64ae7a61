//! The sample sizes that plans promise are enough: the test that they are for finds the difference as often as it should.

use weir_controller::judge::slower::Multiple;
use weir_controller::observation::Bins;
use weir_controller::stats::Side;
use weir_controller::stats::power::{Comparison, Rates};
use weir_controller::stats::proportion::{Hits, two_proportions};
use weir_controller::stats::quantile::{at_or_above, upper_edge};

use crate::pace::Pace;
use crate::world::poisson;

const DRAWS: u32 = 6_000;

/// How often the one-sided test of 5 % speaks with `n` requests of the candidate.
fn found(rates: Rates, n: f64) -> f64 {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut draw = |rate: f64, n: f64| Hits::new((poisson(&mut rng, rate * n) as f64).min(n), n);
    let speaks = (0..DRAWS).filter(|_| {
        let candidate = draw(rates.second, n);
        let control = draw(rates.first, n * rates.first_per_second);
        two_proportions(candidate, control, Side::Greater).p < 0.05
    });
    speaks.count() as f64 / f64::from(DRAWS)
}

#[test]
fn promised_sizes_reach_their_power() {
    for (base, ratio, control_per_request) in
        [(0.01, 1.2, 19.0), (0.01, 1.5, 19.0), (0.01, 2.0, 3.0), (0.001, 1.5, 9.0)]
    {
        let rates = Rates { first: base, second: base * ratio, first_per_second: control_per_request };
        for power in [0.8, 0.9] {
            let n = Comparison { base, ratio, control_per_request, power }.requests();
            let reached = found(rates, n as f64);
            assert!((reached - power).abs() < 0.02, "{base} x {ratio}: {reached} of {power} with {n}");
        }
    }
}

/// How often the one-sided test of 5 % finds more requests of a candidate than of control beyond control's quantile, with what a stage
/// asks for; and what that is.
fn slower_found(multiple: Multiple, times: f64, (control_per_request, power): (f64, f64)) -> (f64, u64) {
    const STAGES: u32 = 3_000;
    let (control, candidate) = (Pace::new(40_000.0, 0.6), Pace::new(40_000.0 * times, 0.6));
    let mut rng = fastrand::Rng::with_seed(5);
    let reference = control.draw(&mut rng, 1e6);
    let n = multiple.requests(&reference, control_per_request, power);
    let edge = upper_edge(&reference, multiple.quantile, 0.0).expect("a quantile");
    let beyond = |bins: &Bins| Hits::new(at_or_above(bins, edge) as f64, bins.count() as f64);
    let speaks = (0..STAGES).filter(|_| {
        let slow = beyond(&candidate.draw(&mut rng, n as f64));
        two_proportions(slow, beyond(&control.draw(&mut rng, n as f64 * control_per_request)), Side::Greater).p < 0.05
    });
    (speaks.count() as f64 / f64::from(STAGES), n)
}

#[test]
fn a_candidate_at_its_limit_of_latency_is_told_from_control_with_the_promised_power() {
    // (quantile, ratio, whether more is asked for than power needs, so that it is surpassed)
    for (quantile, ratio, more) in [(0.95, 1.5, true), (0.99, 1.5, true), (0.95, 1.2, false), (0.5, 1.2, false)] {
        let multiple = Multiple { quantile, ratio };
        for power in [0.8, 0.9] {
            let (found, n) = slower_found(multiple, ratio, (19.0, power));
            let (alike, _) = slower_found(multiple, 1.0, (19.0, power));
            println!("{quantile} at {ratio}: {found} of {power} with {n}; as slow as control: {alike}");
            assert!(found > power - 0.02, "{quantile} at {ratio}: {found} of {power} with {n}");
            assert!(more || found < power + 0.02, "{quantile} at {ratio}: {found} of {power} with {n}");
            assert!(alike < 0.065, "{quantile} at {ratio}: {alike}");
        }
    }
}
