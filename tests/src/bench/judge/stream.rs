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
    /// Few users send much ([`Users`]): the candidate's share is what its users send. And load jumps about from second to second.
    Heavy,
    /// In each round a proxy of three is gone for a sixth of it, and one restart loses a tick.
    Gaps,
    /// In each round one client of the candidate sends 50 failing requests a second for a thirtieth of it.
    Storm,
}

/// The longest round of gaps and storms, seconds. A short stream has two rounds, so that each of its rows meets what it is named after.
const ROUND: u64 = 1_800;

/// The longest time that load takes to rise, fall and rise again, seconds.
const DAY: u64 = 86_400;

/// Requests a second, where a row says nothing else.
pub(super) const RATE: f64 = 1_000.0;

/// Requests of one user in [`Shape::Clustered`].
const OF_USER: u32 = 20;

/// A seeded stream.
pub(super) struct Stream {
    rng: fastrand::Rng,
    /// Which cells control's errors are of; apart from the rest, for most rows don't look at it.
    of_control: fastrand::Rng,
    world: World,
    /// Share of each cell in the candidate's traffic; they sum to 1.
    cells: [f64; 20],
    /// Chances of 0, 1, 2, ... errors of one user.
    user: Vec<f64>,
    /// How long it lasts, seconds.
    length: u64,
}

impl Stream {
    /// `length`: seconds over which stages, rounds and the day are spread.
    pub(super) fn new(mut world: World, seed: u64, length: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        // So far into the seed's numbers the streams of the published rows begin.
        (0..40).for_each(|_| {
            rng.f64();
        });
        let mut cells = [1.0 / 20.0; 20];
        if world.shape == Shape::Heavy {
            Users { share: world.share, cells } = Users::draw(&mut rng, world.share);
        }
        let of_control = fastrand::Rng::with_seed(!seed);
        Self { rng, of_control, world, cells, user: beta_binomial(OF_USER, 0.1, 9.9), length: length.max(1) }
    }

    /// From now on the candidate fails so often.
    pub(super) fn fault(&mut self, errors: f64) {
        self.world.candidate = errors;
    }

    /// So many seconds that begin at `second`: the candidate's counts by cell, and control's.
    pub(super) fn next(&mut self, second: u64, span: u64) -> (Cells, Cells) {
        let World { rate, share, control, candidate, shape } = self.world;
        let round = (self.length / 2).clamp(1, ROUND);
        let of_round = second % round;
        let (mut rate, mut share, mut worse) = (rate * seconds(span), share, 1.0);
        match shape {
            Shape::Steady | Shape::Clustered | Shape::Storm => {}
            Shape::Day => {
                let wave = (seconds(second) / seconds(self.length.min(DAY)) * std::f64::consts::TAU).sin();
                rate *= 1.0 + 0.6 * wave;
                worse = 1.0 - 0.5 * wave;
            }
            Shape::Stages => {
                let quarter = usize::try_from(second * 4 / self.length).unwrap_or(3).min(3);
                share = [0.01, 0.05, 0.25, 0.5][quarter];
            }
            Shape::Heavy => rate *= (0.5 * normal(&mut self.rng) - 0.125).exp(),
            Shape::Gaps if of_round == round / 2 => return (Cells::default(), Cells::default()),
            Shape::Gaps if of_round < round / 6 => rate *= 2.0 / 3.0,
            Shape::Gaps => {}
        }
        let (of_candidate, of_control) = (rate * share, rate * (1.0 - share));
        if shape == Shape::Clustered {
            return (self.users(of_candidate), self.users(of_control));
        }
        let mut cells = self.requests(of_candidate, candidate * worse);
        if shape == Shape::Storm && (round * 2 / 3..round * 7 / 10).contains(&of_round) {
            cells.0[7].add(Tally::new(50 * span, 50 * span));
        }
        let errors = poisson(&mut self.rng, of_control * control * worse);
        let good = poisson(&mut self.rng, of_control * (1.0 - control * worse));
        let others = self.spread(good + errors, errors);
        (cells, others)
    }

    /// Control's requests evenly over the cells, its errors in any of them: they vary between cells as chance has it.
    fn spread(&mut self, requests: u64, errors: u64) -> Cells {
        let mut cells = Cells([Tally::new(requests / 20, 0); 20]);
        for _ in 0..requests % 20 {
            cells.0[self.of_control.usize(..20)].requests += 1;
        }
        for _ in 0..errors {
            cells.0[self.of_control.usize(..20)].errors += 1;
        }
        cells
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

/// The users of [`Shape::Heavy`], each in a cell and with a variant for as long as the rollout lasts.
struct Users {
    /// The candidate's share of requests.
    share: f64,
    /// Share of each cell in the candidate's.
    cells: [f64; 20],
}

/// How many they are.
const USERS: u32 = 10_000;

/// What one sends follows Pareto's law with this tail: one in a thousand sends a hundred times the least.
const TAIL: f64 = 1.5;

impl Users {
    /// Each gets the candidate with the probability `weight`.
    fn draw(rng: &mut fastrand::Rng, weight: f64) -> Self {
        let (mut cells, mut all) = ([0.0; 20], 0.0);
        for _ in 0..USERS {
            let sends = (1.0 - rng.f64()).powf(-1.0 / TAIL);
            all += sends;
            let cell = rng.usize(..20);
            if rng.f64() < weight {
                cells[cell] += sends;
            }
        }
        let candidate: f64 = cells.iter().sum();
        Self { share: candidate / all, cells: cells.map(|cell| cell / candidate) }
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

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: u64 = 600;

    fn stream(shape: Shape, seed: u64, length: u64) -> Stream {
        Stream::new(World { rate: RATE, share: 0.05, control: 0.01, candidate: 0.01, shape }, seed, length)
    }

    /// The candidate's counts and control's of each second.
    fn seconds_of(mut stream: Stream, length: u64) -> Vec<(Tally, Tally)> {
        let both = (0..length).map(|second| stream.next(second, 1));
        both.map(|(candidate, control)| (candidate.sum(), control.sum())).collect()
    }

    /// A change of these sums needs a new run of the rows in docs/statistics.md.
    #[test]
    fn the_streams_of_a_day_are_those_of_the_published_rows() {
        for (shape, expected) in [
            (Shape::Steady, 1_132_929_796_679_110_930),
            (Shape::Clustered, 13_926_206_000_689_692_715),
            (Shape::Day, 12_210_128_180_250_889_390),
            (Shape::Stages, 7_979_397_415_308_767_518),
            (Shape::Heavy, 9_497_521_243_151_100_334),
            (Shape::Gaps, 5_774_017_445_907_282_686),
            (Shape::Storm, 11_743_099_445_399_922_962),
        ] {
            let mut stream = stream(shape, 3, DAY);
            let mut sum = 0u64;
            for second in (0..DAY).step_by(10) {
                let (candidate, control) = stream.next(second, 1);
                for cell in candidate.0.iter().chain([&control.sum()]) {
                    sum = sum.wrapping_mul(31).wrapping_add(cell.requests * 1_009 + cell.errors);
                }
            }
            assert_eq!(sum, expected, "{shape:?}");
        }
    }

    /// Below a ratio of 1.5 counts are divided by the dispersion between control's cells: 1.13 on average where only chance is at work, however
    /// long.
    #[test]
    fn control_s_errors_differ_between_cells_by_chance_alone() {
        let dispersions = (0..100).map(|seed| {
            let mut stream = stream(Shape::Steady, seed, DAY);
            let mut control = Cells::default();
            (0..3_600).for_each(|second| control.add(&stream.next(second, 1).1));
            assert_eq!(control.with_errors(), 20);
            control.dispersion()
        });
        let mean = dispersions.sum::<f64>() / 100.0;
        assert!((1.05..1.2).contains(&mean), "{mean}");
    }

    #[test]
    fn ten_minutes_have_two_storms_two_restarts_two_gaps_a_whole_day_and_all_stages() {
        let storms = seconds_of(stream(Shape::Storm, 1, SHORT), SHORT);
        assert_eq!(storms.iter().filter(|(candidate, _)| candidate.errors >= 50).count(), 20);
        let gaps = seconds_of(stream(Shape::Gaps, 1, SHORT), SHORT);
        assert_eq!(gaps.iter().filter(|(_, control)| control.requests == 0).count(), 2);
        let fewer = |(_, control): &&(Tally, Tally)| (1..800).contains(&control.requests);
        assert_eq!(gaps.iter().filter(fewer).count(), 100);
        let day = seconds_of(stream(Shape::Day, 1, SHORT), SHORT);
        assert!(day[150].1.requests > 3 * day[450].1.requests, "{:?} {:?}", day[150], day[450]);
        let stages = seconds_of(stream(Shape::Stages, 1, SHORT), SHORT);
        let share = |at: usize| f64::from(u32::try_from(stages[at].0.requests).expect("few")) / RATE;
        assert!(share(0) < 0.03 && share(SHORT as usize - 1) > 0.4, "{} {}", share(0), share(SHORT as usize - 1));
    }

    /// Of ten rollouts at 5 % nine have between 0.78 and 1.34 times the weight in requests. Most have a cell in which one user or a few send
    /// as much as all of an even cell.
    #[test]
    fn few_users_send_much_and_the_candidate_s_share_is_what_its_users_send() {
        let drawn: Vec<Stream> = (0..300).map(|seed| stream(Shape::Heavy, seed, DAY)).collect();
        let sorted = |of: fn(&Stream) -> f64| {
            let mut values: Vec<f64> = drawn.iter().map(of).collect();
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        let shares = sorted(|stream| stream.world.share / 0.05);
        assert!(
            (0.75..0.80).contains(&shares[15]) && (1.3..1.4).contains(&shares[284]),
            "{} {}",
            shares[15],
            shares[284]
        );
        let busiest = sorted(|stream| stream.cells.iter().copied().fold(0.0, f64::max));
        assert!(busiest[150] > 2.0 / 20.0 && busiest[284] > 6.0 / 20.0, "{} {}", busiest[150], busiest[284]);
        assert!(drawn.iter().all(|stream| (stream.cells.iter().sum::<f64>() - 1.0).abs() < 1e-9));
    }
}
