//! Simulated traffic: Poisson requests in 20 equal cells, errors and slow requests by chance.

use weir_controller::judge::{Cells, Tally};
use weir_controller::observation::{Bin, Bins, CELL_COUNT, CellCounts, FlagCounts, Observation, VariantCounts};
use weir_core::outcome::Outcome;

/// A counter of the document that is hit with each error.
pub(crate) const FALLBACK: &str = "fallback";

/// How a variant behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    /// Probability of an error.
    pub(crate) errors: f64,
    /// Probability to take 400 ms in place of 20 ms.
    pub(crate) slow: f64,
    /// Probability of a timeout, beside other errors.
    pub(crate) timeouts: f64,
    /// Probability of a reset, beside other errors.
    pub(crate) resets: f64,
    /// Probability of a client error.
    pub(crate) client_errors: f64,
    /// The 20 ms are so many.
    pub(crate) pace_ms: u64,
}

pub(crate) const HEALTHY: Behaviour =
    Behaviour { errors: 0.01, slow: 0.01, timeouts: 0.0, resets: 0.0, client_errors: 0.0, pace_ms: 20 };

/// A service under load.
pub(crate) struct World {
    pub(crate) rng: fastrand::Rng,
    /// Requests a second, of both variants.
    pub(crate) rate: f64,
    pub(crate) candidate: Behaviour,
    pub(crate) control: Behaviour,
    pub(crate) now_ms: u64,
    /// Errors a second that one client of the candidate adds, all in cell 7.
    pub(crate) storm: f64,
    /// These errors are timeouts that took 400 ms.
    pub(crate) storm_times_out: bool,
    /// Client errors a second that one client of the candidate adds, all in cell 7.
    pub(crate) storm_of_client_errors: f64,
    /// The same for control.
    pub(crate) control_storm: f64,
    /// The candidate begins requests and ends none.
    pub(crate) hangs: bool,
    pub(crate) seen: u32,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            rate: 1_000.0,
            candidate: HEALTHY,
            control: HEALTHY,
            now_ms: 1_700_000_000_000,
            storm: 0.0,
            storm_times_out: false,
            storm_of_client_errors: 0.0,
            control_storm: 0.0,
            hangs: false,
            seen: 3,
        }
    }

    /// What a tick of a second sees with that share of requests on the candidate.
    pub(crate) fn tick(&mut self, share: f64) -> Observation {
        self.now_ms += 1_000;
        let (storm, refused) = if share > 0.0 { (self.storm, self.storm_of_client_errors) } else { (0.0, 0.0) };
        let mut candidate = self.variant(self.rate * share, self.candidate, storm);
        let refused = poisson(&mut self.rng, refused);
        candidate.cells[7].requests += refused;
        candidate.results[Outcome::ClientError.index()] += refused;
        let control = self.variant(self.rate * (1.0 - share), self.control, self.control_storm);
        if self.hangs {
            candidate = VariantCounts { started: candidate.started, ..VariantCounts::default() };
        }
        let variants = [("next".to_owned(), candidate), ("stable".to_owned(), control)].into();
        Observation {
            at_ms: self.now_ms,
            span_ms: 1_000,
            expected: 3,
            seen: self.seen,
            flags: [("checkout".to_owned(), FlagCounts { variants, ..FlagCounts::default() })].into(),
        }
    }

    fn variant(&mut self, requests: f64, behaviour: Behaviour, storm: f64) -> VariantCounts {
        let failing = behaviour.errors + behaviour.timeouts + behaviour.resets;
        let mut cells = cells(&mut self.rng, requests, failing);
        let mut part = |whole: u64, share: f64| (0..whole).filter(|_| self.rng.f64() < share).count() as u64;
        let of = |kind: f64, all: f64| if all > 0.0 { kind / all } else { 0.0 };
        let timeouts = part(cells.sum().errors, of(behaviour.timeouts, failing));
        // No chance is drawn for what never comes: the streams of the other tests stay as they are.
        let resets = match of(behaviour.resets, failing - behaviour.timeouts) {
            0.0 => 0,
            share => part(cells.sum().errors - timeouts, share),
        };
        let refused = part(cells.sum().requests - cells.sum().errors, behaviour.client_errors);
        let storm = poisson(&mut self.rng, storm);
        cells.0[7].add(Tally::new(storm, storm));
        let (of_storm, slow_of_storm) = if self.storm_times_out { (storm, storm) } else { (0, 0) };
        let sum = cells.sum();
        let mut counts = VariantCounts { started: sum.requests, ..VariantCounts::default() };
        counts.results[Outcome::Ok.index()] = sum.requests - sum.errors - refused;
        counts.results[Outcome::ClientError.index()] = refused;
        counts.results[Outcome::Timeout.index()] = timeouts + of_storm;
        counts.results[Outcome::Reset.index()] = resets;
        counts.results[Outcome::ServerError.index()] = sum.errors - timeouts - resets - of_storm;
        counts.cells = cells.0.map(|cell| CellCounts { requests: cell.requests, errors: cell.errors });
        counts.goals.insert(FALLBACK.to_owned(), cells.0.map(|cell| cell.errors));
        let usual = sum.requests - slow_of_storm;
        let slow = poisson(&mut self.rng, usual as f64 * behaviour.slow).min(usual) + slow_of_storm;
        let fast = Bin { width: 1_000, count: sum.requests - slow };
        counts.duration =
            Bins([(behaviour.pace_ms * 1_000, fast), (400_000, Bin { width: 10_000, count: slow })].into());
        counts
    }
}

/// Poisson requests over equal cells, each an error with that probability.
pub(crate) fn cells(rng: &mut fastrand::Rng, requests: f64, errors: f64) -> Cells {
    Cells([(); CELL_COUNT].map(|()| {
        let mean = requests / CELL_COUNT as f64;
        let bad = poisson(rng, mean * errors);
        Tally::new(poisson(rng, mean * (1.0 - errors)) + bad, bad)
    }))
}

/// A Poisson number; from a mean of 50 on a rounded normal one, which no test here can tell apart.
pub(crate) fn poisson(rng: &mut fastrand::Rng, mean: f64) -> u64 {
    if mean >= 50.0 {
        let normal = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
        return (mean + mean.sqrt() * normal).round().max(0.0) as u64;
    }
    let (limit, mut product, mut number) = ((-mean).exp(), rng.f64(), 0);
    while product > limit {
        product *= rng.f64();
        number += 1;
    }
    number
}
