//! The sample sizes that plans promise are enough: the test that they are for finds the difference as often as it should.

use weir_controller::stats::Side;
use weir_controller::stats::power::{Comparison, Rates};
use weir_controller::stats::proportion::{Hits, two_proportions};

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
