//! [`Recent`]: counts of the last half minute, to tell how things are now. Owns the window; knows no limit of a policy.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use weir_core::guardrail::Counter;

use super::counted::Named;
use super::tally::{Cells, Tally};
use crate::stats::normal::Z999;
use crate::stats::proportion::wilson;
use crate::stats::real;

/// How far back it reaches, in observed time, milliseconds.
pub const REACH_MS: u64 = 30_000;

/// Ticks are put together until they cover so much, milliseconds.
const GRAIN_MS: u64 = 3_000;

/// Errors without which nobody is called sick.
const LEAST_ERRORS: u64 = 5;

/// Requests begun and not ended without which nobody is said to hang.
const LEAST_PENDING: u64 = 20;

/// The last half minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recent(VecDeque<Piece>);

/// A few seconds of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Piece {
    /// Observed time.
    pub span_ms: u64,
    /// The candidate's counts.
    pub candidate: Tally,
    /// Control's counts.
    pub control: Cells,
    /// The candidate's requests by cell; errors are left out.
    #[serde(default)]
    pub busy: Cells,
    /// For each ceiling control's requests, those beyond it as errors; in the order of the policy's limits, empty for others.
    #[serde(alias = "control_slow")]
    pub control_beyond: Vec<Tally>,
    /// The same of the candidate; of what is counted by cell the worst cell left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidate_beyond: Vec<Tally>,
    /// Control's hits of named counters.
    #[serde(default, skip_serializing_if = "Named::is_empty")]
    pub control_named: Named,
    /// Requests of the candidate begun.
    pub begun: u64,
    /// Requests of the candidate ended, however they did.
    pub ended: u64,
}

/// An error rate that is too high.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sickness {
    /// The counts that show it.
    pub tally: Tally,
    /// The time that they are of, up to now.
    pub span_ms: u64,
}

impl Piece {
    /// Control's hits of a counter that is known by cell, the worst cell left out.
    pub(super) fn of_control(&self, counter: &Counter) -> Tally {
        match counter {
            Counter::Named(name) => self.control_named.cells(name).without_worst(),
            _ => self.control.without_worst(),
        }
    }

    /// Control's requests, those beyond the policy's i-th limit as errors.
    pub(super) fn beyond(&self, i: usize) -> Tally {
        self.control_beyond.get(i).copied().unwrap_or_default()
    }

    /// The same of the candidate.
    pub(super) fn candidate_beyond(&self, i: usize) -> Tally {
        self.candidate_beyond.get(i).copied().unwrap_or_default()
    }

    fn add(&mut self, other: &Self) {
        self.span_ms = self.span_ms.saturating_add(other.span_ms);
        self.candidate.add(other.candidate);
        self.control.add(&other.control);
        self.busy.add(&other.busy);
        add_each(&mut self.control_beyond, &other.control_beyond);
        add_each(&mut self.candidate_beyond, &other.candidate_beyond);
        self.control_named.merge(&other.control_named);
        self.begun = self.begun.saturating_add(other.begun);
        self.ended = self.ended.saturating_add(other.ended);
    }
}

fn add_each(mine: &mut Vec<Tally>, theirs: &[Tally]) {
    mine.resize(mine.len().max(theirs.len()), Tally::default());
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        mine.add(*theirs);
    }
}

impl Recent {
    /// Takes in a tick and forgets what lies too far back.
    pub fn add(&mut self, tick: &Piece) {
        match self.0.back_mut().filter(|last| last.span_ms < GRAIN_MS) {
            Some(last) => last.add(tick),
            None => self.0.push_back(tick.clone()),
        }
        while self.0.front().is_some_and(|first| self.span_ms().saturating_sub(first.span_ms) >= REACH_MS) {
            self.0.pop_front();
        }
    }

    fn span_ms(&self) -> u64 {
        self.0.iter().fold(0, |sum, piece| sum.saturating_add(piece.span_ms))
    }

    /// All of it.
    #[must_use]
    pub fn sum(&self) -> Piece {
        let mut sum = Piece::default();
        for piece in &self.0 {
            sum.add(piece);
        }
        sum
    }

    /// The oldest, the middle and the newest third, if it reaches all the way back.
    #[must_use]
    pub fn thirds(&self) -> Option<[Piece; 3]> {
        (self.span_ms() >= REACH_MS).then(|| {
            let mut thirds = [Piece::default(), Piece::default(), Piece::default()];
            for (place, piece) in self.0.iter().enumerate() {
                if let Some(third) = thirds.get_mut(place.saturating_mul(3) / self.0.len().max(1)) {
                    third.add(piece);
                }
            }
            thirds
        })
    }

    /// The candidate's requests by cell in the last so many milliseconds, or a few seconds more.
    #[must_use]
    pub fn busy(&self, reach_ms: u64) -> Cells {
        let (mut cells, mut span_ms) = (Cells::default(), 0u64);
        for piece in self.0.iter().rev() {
            cells.add(&piece.busy);
            span_ms = span_ms.saturating_add(piece.span_ms);
            if span_ms >= reach_ms {
                break;
            }
        }
        cells
    }

    /// Control's sickness, if its rate of what is counted by cell is above `limit`, the cell with most of it left out: one bad client does
    /// not make control sick.
    #[must_use]
    pub fn control_above(&self, counter: &Counter, limit: f64) -> Option<Sickness> {
        self.above(limit, |piece| piece.of_control(counter))
    }

    /// Control's rate over all of it, its worst cell left out, is at or below `limit`; so is none at all.
    #[must_use]
    pub fn control_keeps(&self, counter: &Counter, limit: f64) -> bool {
        self.sum().of_control(counter).rate().is_none_or(|rate| rate <= limit)
    }

    /// The share of control's requests beyond the policy's i-th limit is at or below `tolerated`; so is none at all.
    #[must_use]
    pub fn control_keeps_ceiling(&self, i: usize, tolerated: f64) -> bool {
        self.sum().beyond(i).rate().is_none_or(|rate| rate <= tolerated)
    }

    /// Control's sickness, if more than a share of `tolerated` of its requests are beyond the policy's i-th limit.
    #[must_use]
    pub fn control_beyond_ceiling(&self, i: usize, tolerated: f64) -> Option<Sickness> {
        self.above(tolerated, |piece| piece.beyond(i))
    }

    /// The candidate's sickness, if its error rate is above `limit`.
    #[must_use]
    pub fn candidate_above(&self, limit: f64) -> Option<Sickness> {
        self.above(limit, |piece| piece.candidate)
    }

    /// Above the limit with confidence (lower end of Wilson's 99.9 % interval) in the last few seconds, or longer: whatever shows it
    /// first, so that a young fault is not hidden by the health before it.
    fn above(&self, limit: f64, of: impl Fn(&Piece) -> Tally) -> Option<Sickness> {
        let mut sum = Piece::default();
        for piece in self.0.iter().rev() {
            sum.add(piece);
            let tally = of(&sum);
            if tally.errors >= LEAST_ERRORS && wilson(real(tally.errors), real(tally.requests), Z999).0 > limit {
                return Some(Sickness { tally, span_ms: sum.span_ms });
            }
        }
        None
    }

    /// Requests of the candidate begun and not ended, if they are a fifth or more of those begun: it hangs, and its time-outs are
    /// still to come.
    #[must_use]
    pub fn hanging(&self) -> Option<u64> {
        let sum = self.sum();
        let pending = sum.begun.saturating_sub(sum.ended);
        (pending >= LEAST_PENDING && pending >= sum.begun / 5).then_some(pending)
    }

    /// How long `missing` more requests take at the present rate of a variant, milliseconds; `None` if it has none.
    #[must_use]
    pub fn time_for(&self, missing: u64, of: impl Fn(&Piece) -> Tally) -> Option<u64> {
        if missing == 0 {
            return Some(0);
        }
        let sum = self.sum();
        let had = of(&sum).requests;
        let time = u128::from(missing) * u128::from(sum.span_ms) / u128::from((had > 0).then_some(had)?);
        u64::try_from(time).ok()
    }

    /// Control has had no request although its share of the candidate's traffic should have brought twenty.
    #[must_use]
    pub fn control_gone(&self, weight: f64) -> bool {
        let sum = self.sum();
        let due = real(sum.candidate.requests) * (1.0 - weight);
        sum.control.sum().requests == 0 && due >= 20.0 * weight && weight < 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(requests: u64, errors: u64) -> Piece {
        let mut control = Cells::default();
        for cell in &mut control.0 {
            cell.add(Tally::new(requests / 20, errors / 20));
        }
        Piece { span_ms: 1_000, control, ..Piece::default() }
    }

    #[test]
    fn it_reaches_half_a_minute_back_and_not_much_farther() {
        let mut recent = Recent::default();
        for i in 0..600 {
            recent.add(&second(100, 0));
            let span = recent.span_ms();
            assert!(span <= REACH_MS + GRAIN_MS && (i < 30 || span >= REACH_MS), "{i}: {span}");
        }
        assert_eq!(recent.0.len(), 10);
    }

    #[test]
    fn control_is_sick_soon_and_well_again_after_half_a_minute() {
        let mut recent = Recent::default();
        (0..60).for_each(|_| recent.add(&second(1_000, 0)));
        assert_eq!(recent.control_above(&Counter::Errors, 0.01), None);
        recent.add(&second(1_000, 200));
        assert_eq!(recent.control_above(&Counter::Errors, 0.01).unwrap().span_ms, 1_000);
        (0..2).for_each(|_| recent.add(&second(1_000, 200)));
        assert_eq!(recent.control_above(&Counter::Errors, 0.01).unwrap().span_ms, 3_000);
        (0..34).for_each(|_| recent.add(&second(1_000, 0)));
        assert_eq!(recent.control_above(&Counter::Errors, 0.01), None);
    }

    #[test]
    fn one_bad_cell_does_not_make_control_sick() {
        let mut recent = Recent::default();
        let mut piece = second(1_000, 0);
        piece.control.0[4] = Tally::new(800, 800);
        recent.add(&piece);
        assert_eq!(recent.control_above(&Counter::Errors, 0.01), None);
    }

    #[test]
    fn whoever_begins_and_does_not_end_hangs() {
        let mut recent = Recent::default();
        recent.add(&Piece { span_ms: 3_000, begun: 1_000, ended: 995, ..Piece::default() });
        assert_eq!(recent.hanging(), None);
        recent.add(&Piece { span_ms: 3_000, begun: 400, ended: 0, ..Piece::default() });
        assert_eq!(recent.hanging(), Some(405));
    }
}
