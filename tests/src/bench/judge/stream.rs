//! [`Stream`]: simulated traffic, a second at a time. Owns chance; knows no judge.

use weir_controller::judge::{Cells, Tally};

/// What the traffic is like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct World {
    /// Requests a second, of both variants.
    pub(super) rate: f64,
    /// The candidate's share of requests; at 1 nobody has control.
    pub(super) share: f64,
    /// Control's error rate.
    pub(super) control: f64,
    /// The candidate's error rate.
    pub(super) candidate: f64,
    /// What is not as in a textbook.
    pub(super) shape: Shape,
}

/// How traffic departs from independent requests at a steady rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Not at all.
    Steady,
    /// Users send 20 requests each, and differ: proneness to errors Beta(0.1, 9.9), mean 1 %.
    Clustered,
    /// Load swings by 60 % over a day, and the error rate of both variants by half.
    Day,
    /// The weight goes 1, 5, 25, 50 % in quarters.
    Stages,
    /// Cells differ in traffic (lognormal, sigma 1.2) and it jumps about from second to second.
    Heavy,
    /// Each half hour a proxy of three is gone for five minutes, and one restart loses a tick.
    Gaps,
    /// Each half hour one client of the candidate sends 50 failing requests a second for a minute.
    Storm,
}

/// Requests a second, where a row says nothing else.
pub(super) const RATE: f64 = 1_000.0;

/// Requests of one user in [`Shape::Clustered`].
const OF_USER: u32 = 20;

/// A seeded stream.
pub(super) struct Stream {
    rng: fastrand::Rng,
    world: World,
    /// Share of each cell in the traffic; they sum to 1.
    cells: [f64; 20],
    /// Chances of 0, 1, 2, ... errors of one user.
    user: Vec<f64>,
    /// How long the stages last, seconds.
    length: u64,
}

impl Stream {
    /// `length`: seconds over which stages are spread.
    pub(super) fn new(world: World, seed: u64, length: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let spread = if world.shape == Shape::Heavy { 1.2 } else { 0.0 };
        let raw = [(); 20].map(|()| (spread * normal(&mut rng)).exp());
        let sum: f64 = raw.iter().sum();
        Self {
            rng,
            world,
            cells: raw.map(|cell| cell / sum),
            user: beta_binomial(OF_USER, 0.1, 9.9),
            length: length.max(1),
        }
    }

    /// From now on the candidate fails so often.
    pub(super) fn fault(&mut self, errors: f64) {
        self.world.candidate = errors;
    }

    /// So many seconds that begin at `second`: the candidate's counts by cell, and control's.
    pub(super) fn next(&mut self, second: u64, span: u64) -> (Cells, Cells) {
        let World { rate, share, control, candidate, shape } = self.world;
        let (mut rate, mut share, mut worse) = (rate * seconds(span), share, 1.0);
        match shape {
            Shape::Steady | Shape::Clustered | Shape::Storm => {}
            Shape::Day => {
                let wave = (seconds(second) / 86_400.0 * std::f64::consts::TAU).sin();
                rate *= 1.0 + 0.6 * wave;
                worse = 1.0 - 0.5 * wave;
            }
            Shape::Stages => {
                let quarter = usize::try_from(second * 4 / self.length).unwrap_or(3).min(3);
                share = [0.01, 0.05, 0.25, 0.5][quarter];
            }
            Shape::Heavy => rate *= (0.5 * normal(&mut self.rng) - 0.125).exp(),
            Shape::Gaps if second % 1_800 == 900 => return (Cells::default(), Cells::default()),
            Shape::Gaps if second % 1_800 < 300 => rate *= 2.0 / 3.0,
            Shape::Gaps => {}
        }
        let (of_candidate, of_control) = (rate * share, rate * (1.0 - share));
        if shape == Shape::Clustered {
            return (self.users(of_candidate), self.users(of_control));
        }
        let mut cells = self.requests(of_candidate, candidate * worse);
        if shape == Shape::Storm && (1_200..1_260).contains(&(second % 1_800)) {
            cells.0[7].add(Tally::new(50 * span, 50 * span));
        }
        // Which cells control's are of matters only where they cluster.
        let errors = poisson(&mut self.rng, of_control * control * worse);
        let good = poisson(&mut self.rng, of_control * (1.0 - control * worse));
        let mut others = Cells::default();
        others.0[0] = Tally::new(good + errors, errors);
        (cells, others)
    }

    fn requests(&mut self, requests: f64, errors: f64) -> Cells {
        let rng = &mut self.rng;
        Cells(self.cells.map(|part| {
            let bad = poisson(rng, requests * part * errors);
            Tally::new(poisson(rng, requests * part * (1.0 - errors)) + bad, bad)
        }))
    }

    fn users(&mut self, requests: f64) -> Cells {
        let mut cells = Cells::default();
        for _ in 0..poisson(&mut self.rng, requests / f64::from(OF_USER)) {
            let mut left = self.rng.f64();
            let beyond = |chance: &&f64| {
                left -= **chance;
                left > 0.0
            };
            let errors = self.user.iter().take_while(beyond).count();
            let errors = u64::try_from(errors).unwrap_or(0).min(u64::from(OF_USER));
            cells.0[self.rng.usize(..20)].add(Tally::new(u64::from(OF_USER), errors));
        }
        cells
    }
}

/// Chances of 0 to `n` errors in `n` requests of a user whose proneness is Beta(a, b).
fn beta_binomial(n: u32, a: f64, b: f64) -> Vec<f64> {
    let rising = |start: f64, steps: u32| (0..steps).map(|i| start + f64::from(i)).product::<f64>();
    let choose = |k: u32| (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
    (0..=n).map(|k| choose(k) * rising(a, k) * rising(b, n - k) / rising(a + b, n)).collect()
}

fn seconds(second: u64) -> f64 {
    f64::from(u32::try_from(second).unwrap_or(u32::MAX))
}

fn normal(rng: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
}

/// A Poisson number; from a mean of 50 on a rounded normal one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 0, and a rate's worth")]
pub(super) fn poisson(rng: &mut fastrand::Rng, mean: f64) -> u64 {
    if mean >= 50.0 {
        return (mean + mean.sqrt() * normal(rng)).round().max(0.0) as u64;
    }
    let (limit, mut product, mut number) = ((-mean).exp(), rng.f64(), 0);
    while product > limit {
        product *= rng.f64();
        number += 1;
    }
    number
}
