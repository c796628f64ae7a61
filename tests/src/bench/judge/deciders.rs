//! [`Deciders`]: Weir's evidence, with and without its guards, and three other rules, fed with the same seconds. Owns the rules; knows no stream.

use weir_controller::judge::counted::Sample;
use weir_controller::judge::evidence::Starts;
use weir_controller::judge::guarded::{Guarded, Tick, Tolerated};
use weir_controller::judge::{Cells, Tally};
use weir_controller::stats::count::{Counts, share_of};
use weir_controller::stats::proportion::Hits;
use weir_controller::stats::{Side, real, real_to_count};

/// How many rules there are.
pub(super) const COUNT: usize = 5;

/// The rules, in the order of every table.
pub(super) const RULES: [&str; COUNT] = ["weir", "weir without guards", "threshold", "repeated z", "one e-process"];

/// Of each rule, whether it rolls back.
pub(super) type Alarms = [bool; COUNT];

/// Each rollout is planned to last a day.
pub(super) const PLANNED_MS: u64 = 86_400_000;

/// Tolerated probability of a false alarm, where a row says nothing else.
pub(super) const ALPHA: f64 = 0.01;

/// A window of the fixed threshold, seconds, and how many of them may fail.
pub(super) const WINDOW: u64 = 60;
pub(super) const FAILURES: u32 = 5;

/// All of them.
#[derive(Clone)]
pub(super) struct Deciders {
    ratio: f64,
    /// Tolerated probability of a false alarm.
    alpha: f64,
    /// Control's error rate as a person knew it who set the threshold.
    expected: f64,
    weir: Guarded,
    tolerated: Tolerated,
    /// Control's, by cell, before the tick.
    cells: Cells,
    window: Tally,
    in_window: u64,
    failed: u32,
    candidate: Tally,
    control: Tally,
}

impl Deciders {
    /// `whole`: everybody has the candidate, and control's rate is that of a million requests before.
    pub(super) fn new((ratio, alpha): (f64, f64), expected: f64, whole: bool) -> Self {
        let million = Tally::new(1_000_000, real_to_count(1e6 * expected));
        let tolerated = if whole { Tolerated::Rate(ratio * million.interval().1) } else { Tolerated::Ratio(ratio) };
        Self {
            tolerated,
            cells: Cells::default(),
            ratio,
            alpha,
            expected,
            weir: Guarded::new(Starts::planned(PLANNED_MS)),
            window: Tally::default(),
            in_window: 0,
            failed: 0,
            candidate: Tally::default(),
            control: Tally::default(),
        }
    }

    /// Takes in so many seconds; says of each rule whether it rolls back now.
    pub(super) fn step(&mut self, candidate: &Cells, control: &Cells, span: u64) -> Alarms {
        let sum = candidate.sum();
        self.candidate.add(sum);
        self.control.add(control.sum());
        let [weir, unguarded] = self.weir(candidate, control, span);
        [weir, unguarded, self.threshold(sum, span), self.repeated_z(), self.one_start()]
    }

    /// Evidence at 1 / alpha with each cell left out in turn, resting on enough errors and cells; below 1.5 by the dispersion. And the
    /// same evidence over all cells at once, which one client can decide: what the guards cost.
    fn weir(&mut self, candidate: &Cells, control: &Cells, span: u64) -> [bool; 2] {
        let dispersion = if self.ratio < 1.5 { self.cells.dispersion() } else { 1.0 };
        let candidate = &Sample::of_errors(candidate.clone());
        let tick = Tick { span_ms: span * 1_000, candidate, control: control.sum(), dispersion };
        self.weir.step(&tick, self.tolerated);
        self.cells.add(control);
        let enough = -self.alpha.ln();
        // What decides is at most the evidence over all cells, which is cheaper to ask for.
        let unguarded = self.weir.ln_evidence_of_all() >= enough;
        [unguarded && self.weir.ln_evidence() >= enough && self.weir.excursion().is_broad(), unguarded]
    }

    /// Error rate of a minute above a fixed limit, for the fifth time. The limit is the ratio times the usual rate.
    fn threshold(&mut self, candidate: Tally, span: u64) -> bool {
        self.window.add(candidate);
        self.in_window += span;
        if self.in_window >= WINDOW {
            self.failed += u32::from(self.window.rate().is_some_and(|rate| rate > self.ratio * self.expected));
            (self.window, self.in_window) = (Tally::default(), 0);
        }
        self.failed >= FAILURES
    }

    /// One-sided z of the candidate's share of all errors, p below alpha, looked at in every second.
    fn repeated_z(&self) -> bool {
        let Some((seen, share)) = self.shares() else { return false };
        // By the variance under the limit, for that of no error at all is none.
        let z = (seen.hits - seen.all * share) / (seen.all * share * (1.0 - share)).sqrt();
        Side::Greater.p(z) < self.alpha
    }

    /// Evidence from the counts since the beginning: one start.
    fn one_start(&self) -> bool {
        let Some((seen, share)) = self.shares() else { return false };
        // Never so far below the limit.
        if seen.hits < seen.all * share {
            return false;
        }
        let counts = Counts { candidate: seen.hits, control: seen.all - seen.hits, share, prior: (1.0, 1.0) };
        counts.ln_one_sided() >= -self.alpha.ln()
    }

    /// The candidate's errors of all errors, and the share that is tolerated.
    fn shares(&self) -> Option<(Hits, f64)> {
        let (x, y) = (real(self.candidate.errors), real(self.control.errors));
        let (e, c) = (real(self.candidate.requests), real(self.control.requests));
        (x > 0.0 && c > 0.0).then(|| (Hits::new(x, x + y), share_of(e / (e + c), self.ratio)))
    }
}
