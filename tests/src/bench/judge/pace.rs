//! [`Paced`]: simulated durations, and five rules on their quantile beside control's. Owns chance and the rules for latency; knows no row.

use weir_controller::judge::bursts::Around;
use weir_controller::judge::latency::Durations;
use weir_controller::judge::norm::{Norm, edge};
use weir_controller::judge::recent::Recent;
use weir_controller::judge::slower::{Multiple, Slower};
use weir_controller::judge::{Cells, Tally};
use weir_controller::observation::{Bin, Bins};
use weir_controller::stats::count::{Counts, share_of};
use weir_controller::stats::proportion::{Hits, two_proportions};
use weir_controller::stats::quantile::{at_or_above, quantile};
use weir_controller::stats::{Side, real, real_to_count};

use super::deciders::{ALPHA, Alarms, COUNT, FAILURES, WINDOW};
use super::stream::{RATE, poisson};

/// What the durations are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// The candidate's share of requests.
    pub(super) share: f64,
    /// The quantile that is limited.
    pub(super) quantile: f64,
    /// So many times as slow as control the candidate is.
    pub(super) times: f64,
    /// In every second quarter of an hour, of a shorter stream in every second quarter of it, both are twice as slow.
    pub(super) waves: bool,
}

/// The longest that both are slow, seconds.
const WAVE: u64 = 900;

/// Control's median in microseconds, and the spread of logarithms.
const MEDIAN_US: f64 = 40_000.0;
const SIGMA: f64 = 0.6;

/// Chances of Envoy's bins: lower bound, width, chance.
type Shape = Vec<(u64, u64, f64)>;

/// Durations and the rules, fed with the same seconds.
pub(super) struct Paced {
    rng: fastrand::Rng,
    pace: Pace,
    /// How long both are slow, seconds.
    wave: u64,
    multiple: Multiple,
    control: [Shape; 2],
    candidate: [Shape; 2],
    norm: Norm,
    slower: Slower,
    cells: Cells,
    window: Bins,
    in_window: u64,
    failed: u32,
    usual_us: f64,
    slow: (Tally, Tally),
}

impl Paced {
    /// `length`: seconds that it lasts.
    pub(super) fn new(pace: Pace, ratio: f64, seed: u64, length: u64) -> Self {
        let control = [shape(1.0), shape(2.0)];
        let expected =
            Bins(control[0].iter().map(|(l, w, p)| (*l, Bin { width: *w, count: real_to_count(p * 1e9) })).collect());
        Self {
            rng: fastrand::Rng::with_seed(seed),
            pace,
            wave: (length / 4).clamp(1, WAVE),
            multiple: Multiple { quantile: pace.quantile, ratio },
            control,
            candidate: [shape(pace.times), shape(2.0 * pace.times)],
            norm: Norm::default(),
            slower: Slower::default(),
            cells: Cells::default(),
            window: Bins::default(),
            in_window: 0,
            failed: 0,
            usual_us: quantile(&expected, pace.quantile).map_or(0.0, |q| q.value),
            slow: (Tally::default(), Tally::default()),
        }
    }

    /// From now on the candidate is so many times as slow as control.
    pub(super) fn fault(&mut self, times: f64) {
        self.candidate = [shape(times), shape(2.0 * times)];
    }

    /// So many seconds that begin at `second`; says of each rule whether it rolls back now.
    pub(super) fn next(&mut self, second: u64, span: u64) -> Alarms {
        let wave = usize::from(self.pace.waves && (second / self.wave) % 2 == 1);
        let seconds = real(span);
        let candidate = draw(&mut self.rng, &self.candidate[wave], RATE * self.pace.share * seconds);
        let control = draw(&mut self.rng, &self.control[wave], RATE * (1.0 - self.pace.share) * seconds);
        let known = edge(&self.norm.bins(), self.pace.quantile);
        let Some(edge) = known else {
            self.norm.add(&control, span * 1_000);
            return [false; COUNT];
        };
        let requests = candidate.count();
        self.cells = Cells([(); 20].map(|()| Tally::new(requests / 20, 0)));
        let slow_from = real_to_count((self.multiple.ratio * real(edge)).ceil());
        self.slow.0.add(Tally::new(requests, at_or_above(&candidate, slow_from)));
        self.slow.1.add(Tally::new(control.count(), at_or_above(&control, edge)));
        let [weir, unguarded] = self.weir(&candidate, &control, span, edge);
        let told = [weir, unguarded, self.threshold(&candidate, span), self.z(), self.one()];
        self.norm.add(&control, span * 1_000);
        told
    }

    fn weir(&mut self, candidate: &Bins, control: &Bins, span: u64, edge: u64) -> [bool; 2] {
        let tick = Durations { span_ms: span * 1_000, candidate, control, cells: &self.cells, whole: false };
        self.slower.step(&tick, self.multiple, edge);
        let (recent, even) = (Recent::default(), Cells([Tally::new(1, 0); 20]));
        let around = Around { recent: &recent, control: &even };
        let unguarded = self.slower.ln_evidence(false) >= -ALPHA.ln();
        [unguarded && self.slower.is_broad(self.multiple, around), unguarded]
    }

    /// The quantile of a minute above ratio times the usual one, for the fifth time.
    fn threshold(&mut self, candidate: &Bins, span: u64) -> bool {
        self.window.merge(candidate);
        self.in_window += span;
        if self.in_window >= WINDOW {
            let found = quantile(&self.window, self.pace.quantile);
            self.failed += u32::from(found.is_some_and(|q| q.value > self.multiple.ratio * self.usual_us));
            (self.window, self.in_window) = (Bins::default(), 0);
        }
        self.failed >= FAILURES
    }

    /// One-sided z of the shares beyond the edges, p below alpha, looked at in every tick.
    fn z(&self) -> bool {
        let hits = |tally: Tally| Hits::new(real(tally.errors), real(tally.requests));
        two_proportions(hits(self.slow.0), hits(self.slow.1), Side::Greater).p < ALPHA
    }

    /// Evidence from the counts beyond the edges since the beginning: one start.
    fn one(&self) -> bool {
        let (x, y) = (real(self.slow.0.errors), real(self.slow.1.errors));
        let (e, c) = (real(self.slow.0.requests), real(self.slow.1.requests));
        let share = share_of(e / (e + c), 1.0);
        // Never so far below the limit.
        if x < (x + y) * share || x == 0.0 {
            return false;
        }
        Counts { candidate: x, control: y, share, prior: (1.0, 1.0) }.ln_one_sided() >= -ALPHA.ln()
    }
}

/// Lognormal durations, so many times as slow as control's, in bins of two significant digits.
fn shape(times: f64) -> Shape {
    let below = |us: f64| {
        let z = (us / (MEDIAN_US * times)).ln() / SIGMA;
        // Close to the normal distribution; any shape does that is the same for both.
        (1.0 + (-1.702 * z).exp()).recip()
    };
    let mut bins = Shape::new();
    for power in 1..6u32 {
        let width = 10u64.pow(power);
        for lower in (10..100u64).map(|digits| digits * width) {
            let chance = below(real(lower + width)) - below(real(lower));
            if chance > 1e-7 {
                bins.push((lower, width, chance));
            }
        }
    }
    bins
}

fn draw(rng: &mut fastrand::Rng, shape: &Shape, requests: f64) -> Bins {
    let bins = shape
        .iter()
        .map(|(lower, width, chance)| (*lower, Bin { width: *width, count: poisson(rng, requests * chance) }));
    Bins(bins.filter(|(_, bin)| bin.count > 0).collect())
}
