//! [`Guarded`]: evidence on errors that one bad client can't decide. The process of `evidence` runs over all cells and, for each of the
//! 20 cells, over the candidate without it; what decides is the least of them. Of what is not counted by cell, what a cell can have had at
//! most goes out with it (`counted`). Owns that, and what the evidence rests on; knows no stage and no verdict.

use serde::{Deserialize, Serialize};

use super::counted::{Outside, Sample};
use super::evidence::{Marks, Mixture, Starts};
use super::tally::{Cells, Tally};
use crate::observation::CELL_COUNT;
use crate::stats::real;

/// Errors that evidence must rest on before it decides.
const LEAST_ERRORS: u64 = 5;
/// Cells that they must come from.
const LEAST_CELLS: u32 = 3;

/// What is tolerated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerated {
    /// Errors at most so many times control's rate.
    Ratio(f64),
    /// Errors at most this rate, 0 to 1.
    Rate(f64),
}

/// What a tick saw.
#[derive(Clone, Copy, Debug)]
pub struct Tick<'a> {
    /// Observed time.
    pub span_ms: u64,
    /// The candidate's counts.
    pub candidate: &'a Sample,
    /// Control's counts.
    pub control: Tally,
    /// What counts are divided by, at least 1; known before the tick.
    pub dispersion: f64,
}

/// Evidence that the candidate's errors are beyond what is tolerated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Guarded {
    starts: Starts,
    all: Mixture,
    /// Without the candidate's i-th cell; control whole.
    without: [Mixture; CELL_COUNT],
    excursion: Excursion,
    #[serde(default, skip_serializing_if = "Outside::is_even")]
    outside: Outside,
}

/// What evidence rests on: the counts since it was last at or below 1 : 1. Counted like this, the least numbers of errors and cells are
/// those of the fault at hand, not of a day before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excursion {
    /// The candidate's, by cell; of what is not counted by cell, what each can have had at most.
    pub candidate: Cells,
    /// The candidate's, whole, if that is not the sum over the cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Tally>,
    /// Control's in the same ticks.
    pub control: Tally,
}

/// 1 : 1, with room for rounding: ticks without any error say nothing, and their sums are 1 but for the last digits.
const EVEN: f64 = 1e-9;

impl Guarded {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(starts: Starts) -> Self {
        Self { starts, ..Self::default() }
    }

    /// Takes in a tick. One without requests of the candidate, or of control where it is compared with, carries no information: not
    /// even its time counts.
    pub fn step(&mut self, tick: &Tick<'_>, tolerated: Tolerated) {
        let whole = tick.candidate.whole;
        if marks(whole, tick, tolerated).is_none() {
            return;
        }
        let begins = self.starts.pass(tick.span_ms);
        let parts = self.outside.step(tick.candidate);
        for (mixture, part) in self.without.iter_mut().zip(parts).chain([(&mut self.all, whole)]) {
            if let Some(weight) = begins {
                mixture.begin(weight);
            }
            if let Some(marks) = marks(part, tick, tolerated) {
                mixture.step(marks);
            }
        }
        self.excursion.add(tick);
        // What decides is at most the evidence over all cells, which costs a twentieth.
        if self.ln_evidence_of_all() <= EVEN || self.ln_evidence() <= EVEN {
            self.excursion = Excursion::default();
        }
    }

    /// Natural logarithm of the evidence that decides: the least of those with one cell of the candidate left out, so at most that
    /// without its worst. Each of them is valid by itself, so the least is.
    #[must_use]
    pub fn ln_evidence(&self) -> f64 {
        let without = self.without.iter().map(|mixture| mixture.ln_evidence(self.starts));
        without.fold(self.ln_evidence_of_all(), f64::min)
    }

    /// Natural logarithm of the evidence over all cells.
    #[must_use]
    pub fn ln_evidence_of_all(&self) -> f64 {
        self.all.ln_evidence(self.starts)
    }

    /// What the evidence rests on.
    #[must_use]
    pub fn excursion(&self) -> &Excursion {
        &self.excursion
    }
}

impl Excursion {
    fn add(&mut self, tick: &Tick<'_>) {
        let mut whole = self.sum();
        whole.add(tick.candidate.whole);
        self.candidate.add(&tick.candidate.cells);
        self.whole = (whole != self.candidate.sum()).then_some(whole);
        self.control.add(tick.control);
    }

    /// The candidate's counts, all cells together.
    #[must_use]
    pub fn sum(&self) -> Tally {
        self.whole.unwrap_or_else(|| self.candidate.sum())
    }

    /// Enough errors from enough cells to decide.
    #[must_use]
    pub fn is_broad(&self) -> bool {
        self.sum().errors >= LEAST_ERRORS && self.candidate.with_errors() >= LEAST_CELLS
    }
}

fn marks(candidate: Tally, tick: &Tick<'_>, tolerated: Tolerated) -> Option<Marks> {
    let (x, e) = (real(candidate.errors), real(candidate.requests));
    let (y, c) = (real(tick.control.errors), real(tick.control.requests));
    let dispersion = tick.dispersion;
    match tolerated {
        Tolerated::Ratio(ratio) => (e > 0.0 && c > 0.0).then(|| {
            let tolerated = ratio * e / (ratio * e + c);
            Marks { hits: x, all: x + y, tolerated, dispersion }
        }),
        Tolerated::Rate(tolerated) => (e > 0.0).then_some(Marks { hits: x, all: e, tolerated, dispersion }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(requests: u64, errors: u64) -> Cells {
        Cells([Tally::new(requests, errors); CELL_COUNT])
    }

    fn stepped(candidate: &Cells, control: Tally, tolerated: Tolerated) -> Guarded {
        let mut guarded = Guarded::default();
        let candidate = &Sample::of_errors(candidate.clone());
        guarded.step(&Tick { span_ms: 1_000, candidate, control, dispersion: 1.0 }, tolerated);
        guarded
    }

    #[test]
    fn what_decides_is_the_evidence_without_the_worst_cell() {
        let mut storm = even(10, 0);
        storm.0[3] = Tally::new(500, 500);
        let control = Tally::new(4_000, 40);
        for tolerated in [Tolerated::Ratio(2.0), Tolerated::Rate(0.01)] {
            let guarded = stepped(&storm, control, tolerated);
            assert!(guarded.ln_evidence_of_all() > 20.0 && guarded.ln_evidence() < 0.0, "{tolerated:?}");
            let guarded = stepped(&even(10, 3), control, tolerated);
            assert!(guarded.ln_evidence() > 20.0 && guarded.ln_evidence() < guarded.ln_evidence_of_all());
            assert!(guarded.excursion().is_broad());
        }
    }

    #[test]
    fn a_tick_without_either_side_says_nothing() {
        let none = Tally::default();
        assert_eq!(stepped(&even(10, 10), none, Tolerated::Ratio(2.0)), Guarded::default());
        assert_eq!(stepped(&even(0, 0), Tally::new(100, 1), Tolerated::Ratio(2.0)), Guarded::default());
        assert_eq!(stepped(&even(0, 0), none, Tolerated::Rate(0.01)), Guarded::default());
        assert!(stepped(&even(10, 10), none, Tolerated::Rate(0.01)).ln_evidence() > 10.0);
    }

    #[test]
    fn health_clears_what_evidence_rests_on() {
        let mut guarded = stepped(&even(10, 1), Tally::new(4_000, 40), Tolerated::Ratio(2.0));
        assert_eq!(guarded.excursion().candidate.sum(), Tally::new(200, 20));
        for _ in 0..60 {
            let tick = Tick {
                span_ms: 1_000,
                candidate: &Sample::of_errors(even(10, 0)),
                control: Tally::new(4_000, 40),
                dispersion: 1.0,
            };
            guarded.step(&tick, Tolerated::Ratio(2.0));
        }
        assert_eq!(guarded.excursion(), &Excursion::default());
    }

    #[test]
    fn ticks_without_any_error_leave_nothing_to_rest_on() {
        let mut guarded = Guarded::default();
        for _ in 0..100 {
            let tick = Tick {
                span_ms: 1_000,
                candidate: &Sample::of_errors(even(10, 0)),
                control: Tally::new(4_000, 0),
                dispersion: 1.0,
            };
            guarded.step(&tick, Tolerated::Ratio(2.0));
            assert_eq!(guarded.excursion(), &Excursion::default());
        }
    }

    #[test]
    fn dispersion_takes_the_root_of_a_tick() {
        let tick = |dispersion| {
            let mut guarded = Guarded::default();
            guarded.step(
                &Tick {
                    span_ms: 1_000,
                    candidate: &Sample::of_errors(even(10, 2)),
                    control: Tally::new(4_000, 40),
                    dispersion,
                },
                Tolerated::Ratio(1.2),
            );
            guarded.ln_evidence()
        };
        assert!(tick(2.7) < tick(1.0) && tick(2.7) > 0.0);
    }

    #[test]
    fn four_errors_or_two_cells_are_not_broad() {
        let broad = |cells: &[(usize, u64)]| {
            let mut excursion = Excursion::default();
            for (cell, errors) in cells {
                excursion.candidate.0[*cell] = Tally::new(100, *errors);
            }
            excursion.is_broad()
        };
        assert!(broad(&[(0, 2), (1, 2), (2, 1)]));
        assert!(!broad(&[(0, 2), (1, 1), (2, 1)]));
        assert!(!broad(&[(0, 50), (1, 50)]));
    }
}
