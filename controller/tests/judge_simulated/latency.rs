//! Latency against control: a candidate that is as slow as control, or as slow as is tolerated, stays; a slower one is found.

use weir_controller::judge::latency::Durations;
use weir_controller::judge::norm::{Norm, edge};
use weir_controller::judge::slower::{Multiple, Slower};
use weir_controller::judge::{Cells, Tally};
use weir_controller::observation::Bins;

use crate::pace::Pace;

const RATE: f64 = 1_000.0;
const MEDIAN_US: f64 = 40_000.0;
const SIGMA: f64 = 0.6;

struct Stream {
    rng: fastrand::Rng,
    slower: Slower,
    norm: Norm,
    multiple: Multiple,
    share: f64,
}

impl Stream {
    fn new(seed: u64, share: f64, multiple: Multiple) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { rng, slower: Slower::default(), norm: Norm::default(), multiple, share }
    }

    /// A second; the evidence after it.
    fn second(&mut self, candidate: &Pace, control: &Pace) -> f64 {
        let candidate = candidate.draw(&mut self.rng, RATE * self.share);
        let control = control.draw(&mut self.rng, RATE * (1.0 - self.share));
        let cells = Cells([Tally::new(candidate.count().div_ceil(20), 0); 20]);
        self.take(&candidate, &control, &cells);
        self.slower.ln_evidence(false)
    }

    fn take(&mut self, candidate: &Bins, control: &Bins, cells: &Cells) {
        if let Some(edge) = edge(&self.norm.bins(), self.multiple.quantile) {
            let tick = Durations { span_ms: 1_000, candidate, control, cells, whole: false };
            self.slower.step(&tick, self.multiple, edge);
        }
        self.norm.add(control, 1_000);
    }
}

/// Of so many runs of ten minutes, how many ever reach evidence of 100 : 1, the candidate being so many times as slow as control.
fn alarms(runs: u64, multiple: Multiple, times: f64) -> usize {
    let (candidate, control) = (Pace::new(MEDIAN_US * times, SIGMA), Pace::new(MEDIAN_US, SIGMA));
    let alarmed = |seed: &u64| {
        let mut stream = Stream::new(*seed, 0.05, multiple);
        (0..600).any(|_| stream.second(&candidate, &control) >= 100f64.ln())
    };
    (0..runs).filter(alarmed).count()
}

/// At most 3 of 60: with a probability of 1 % each, more have one of 0.3 %.
#[test]
fn a_candidate_as_slow_as_control_never_alarms_above_alpha() {
    for (quantile, ratio) in [(0.5, 1.05), (0.95, 1.05), (0.99, 1.05)] {
        let found = alarms(60, Multiple { quantile, ratio }, 1.0);
        println!("{quantile} at {ratio}: {found} of 60");
        assert!(found <= 3, "{quantile} at {ratio}: {found}");
    }
}

#[test]
fn a_candidate_as_slow_as_tolerated_never_alarms_above_alpha() {
    for (quantile, ratio) in [(0.5, 1.2), (0.95, 1.5), (0.99, 2.0)] {
        let found = alarms(60, Multiple { quantile, ratio }, ratio);
        println!("{quantile} at {ratio}: {found} of 60");
        assert!(found <= 3, "{quantile} at {ratio}: {found}");
    }
}

#[test]
fn what_slows_both_down_is_no_fault_of_the_candidate() {
    let (fast, slow) = (Pace::new(MEDIAN_US, SIGMA), Pace::new(MEDIAN_US * 3.0, SIGMA));
    for seed in 0..20 {
        let mut stream = Stream::new(seed, 0.05, Multiple { quantile: 0.95, ratio: 1.2 });
        for second in 0..600 {
            let pace = if (200..400).contains(&second) { &slow } else { &fast };
            assert!(stream.second(pace, pace) < 100f64.ln(), "seed {seed}, second {second}");
        }
    }
}

/// Seconds from the fault to evidence of 100 : 1 (median of 21), after ten healthy minutes.
fn found_after(multiple: Multiple, times: f64) -> u64 {
    let (candidate, control) = (Pace::new(MEDIAN_US * times, SIGMA), Pace::new(MEDIAN_US, SIGMA));
    let mut seconds: Vec<u64> = (0..21)
        .map(|seed| {
            let mut stream = Stream::new(seed, 0.05, multiple);
            for _ in 0..600 {
                stream.second(&control, &control);
            }
            (1..600).find(|_| stream.second(&candidate, &control) >= 100f64.ln()).unwrap_or(600)
        })
        .collect();
    seconds.sort_unstable();
    seconds[10]
}

#[test]
fn a_slower_candidate_is_found_in_seconds() {
    for (quantile, ratio, times, within) in
        [(0.95, 1.2, 1.5, 150), (0.95, 1.5, 2.0, 150), (0.5, 1.2, 1.5, 60), (0.99, 1.2, 2.0, 90), (0.95, 1.5, 4.0, 15)]
    {
        let seconds = found_after(Multiple { quantile, ratio }, times);
        println!("{quantile} at {ratio}, {times} times as slow: {seconds} s");
        assert!(seconds <= within, "{quantile} at {ratio}, {times} times as slow: {seconds} s");
    }
}

/// At 100 % the stage before gives the edge.
#[test]
fn without_control_the_reference_decides() {
    let control = Pace::new(MEDIAN_US, SIGMA);
    for (times, expected) in [(1.0, false), (1.2, false), (2.5, true)] {
        let candidate = Pace::new(MEDIAN_US * times, SIGMA);
        let mut rng = fastrand::Rng::with_seed(3);
        let mut reference = Bins::default();
        (0..100).for_each(|_| reference.merge(&control.draw(&mut rng, RATE)));
        let (multiple, mut slower) = (Multiple { quantile: 0.95, ratio: 1.5 }, Slower::default());
        let edge = edge(&reference, multiple.quantile).unwrap();
        let cells = Cells::default();
        for _ in 0..60 {
            let (candidate, control) = (&candidate.draw(&mut rng, RATE), &Bins::default());
            let tick = Durations { span_ms: 1_000, candidate, control, cells: &cells, whole: true };
            slower.step(&tick, multiple, edge);
        }
        assert_eq!(slower.ln_evidence(true) >= 100f64.ln(), expected, "{times}");
    }
}
