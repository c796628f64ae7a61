//! Simulated durations: lognormal, in Envoy's bins of two significant digits.

use weir_controller::observation::{Bin, Bins};

use crate::world::poisson;

/// How long requests take.
pub(crate) struct Pace(Vec<(u64, u64, f64)>);

impl Pace {
    /// With that median in microseconds and spread of logarithms.
    pub(crate) fn new(median_us: f64, sigma: f64) -> Self {
        let below = |us: f64| {
            let z = (us / median_us).ln() / sigma;
            // Logistic approximation of the normal distribution: any shape does, if it is the same for both.
            1.0 / (1.0 + (-1.702 * z).exp())
        };
        let mut bins = Vec::new();
        for power in 1..6u32 {
            let width = 10u64.pow(power);
            for digits in 10..100u64 {
                let lower = digits * width;
                let share = below((lower + width) as f64) - below(lower as f64);
                if share > 1e-9 {
                    bins.push((lower, width, share));
                }
            }
        }
        Self(bins)
    }

    /// So many requests, on average.
    pub(crate) fn draw(&self, rng: &mut fastrand::Rng, requests: f64) -> Bins {
        let drawn = self
            .0
            .iter()
            .map(|(lower, width, share)| (*lower, Bin { width: *width, count: poisson(rng, requests * share) }));
        Bins(drawn.filter(|(_, bin)| bin.count > 0).collect())
    }
}
