//! Goals and scores: is the candidate better, worse, or does it make no difference that matters? Owns that rule and the sample that it
//! asks for; knows no stage.
//!
//! Better (or worse) is said only of a difference that is significant *and* at least the minimum effect; a significant one below it is a
//! tie, and so is one of which the whole interval is below it. "Not significant" is nothing at all. The interval is an asymptotic
//! confidence sequence, which may be looked at in every tick, around the variance between the cells of users (with Student's t for their
//! number): goals of one user go together.
//!
//! Before the planned sample is there nothing is said. It is that of two proportions (or means) for the minimum effect, times what a
//! sequence costs over one look.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::gathered::Gathered;
use super::goal_words;
use super::policy::{Analysis, Better, Goal};
use super::remark::{Remark, RemarkState};
use crate::judge::ruling::{Verdict, Why};
use crate::judge::tally::Cells;
use crate::observation::{CELL_COUNT, VariantCounts};
use crate::stats::mean::CellRatio;
use crate::stats::normal::{Side, Z95, below, quantile, quantile_above};
use crate::stats::power::Rates;
use crate::stats::proportion::{Hits, newcombe};
use crate::stats::sequence::Asymptotic;
use crate::stats::{real, real_to_count};

/// No verdict rests on less.
const LEAST: f64 = 300.0;

/// Sums of one variant: by cell of the user `(sum, count)`, and the sum of squares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Arm {
    cells: [(f64, f64); CELL_COUNT],
    squares: f64,
}

/// Both variants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Arms {
    /// The candidate's.
    pub candidate: Arm,
    /// Control's.
    pub control: Arm,
}

impl Arm {
    /// From `(sum, count)` by cell, and the sum of squares over all.
    #[must_use]
    pub fn new(cells: [(f64, f64); CELL_COUNT], squares: f64) -> Self {
        Self { cells, squares }
    }

    /// A tick's goal: hits among the cell's requests.
    #[must_use]
    pub fn of_goal(counts: &VariantCounts, name: &str) -> Self {
        let Some(hits) = counts.goals.get(name) else { return Self::default() };
        let mut arm = Self::default();
        for ((place, hits), cell) in arm.cells.iter_mut().zip(hits).zip(&counts.cells) {
            let hits = real((*hits).min(cell.requests));
            *place = (hits, real(cell.requests));
            arm.squares += hits;
        }
        arm
    }

    /// Errors among requests.
    #[must_use]
    pub fn of_errors(cells: &Cells) -> Self {
        Self { cells: cells.0.map(|cell| (real(cell.errors), real(cell.requests))), squares: real(cells.sum().errors) }
    }

    /// A tick's score. What is no finite number is left out.
    #[must_use]
    pub fn of_score(counts: &VariantCounts, name: &str) -> Self {
        let Some(score) = counts.scores.get(name) else { return Self::default() };
        let mut arm = Self::default();
        for (place, cell) in arm.cells.iter_mut().zip(&score.cells) {
            if cell.sum.abs() < 1e100 && cell.squares.abs() < 1e200 {
                *place = (cell.sum, real(cell.count));
                arm.squares += cell.squares;
            }
        }
        arm
    }

    /// Adds another's sums.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
        self.squares += other.squares;
    }

    /// Sum and count.
    #[must_use]
    pub fn sum(&self) -> (f64, f64) {
        self.cells.iter().fold((0.0, 0.0), |(x, n), cell| (x + cell.0, n + cell.1))
    }

    /// The mean; `None` of nothing.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let (x, n) = self.sum();
        (n > 0.0).then(|| x / n)
    }

    /// The mean with its variance between the cells.
    #[must_use]
    pub fn between_cells(&self) -> Option<CellRatio> {
        CellRatio::of(&self.cells)
    }

    fn variance(&self) -> f64 {
        let (x, n) = self.sum();
        if n > 1.0 { ((self.squares - x * x / n) / (n - 1.0)).max(0.0) } else { 0.0 }
    }
}

/// What can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Significantly, and by at least the minimum effect.
    Better,
    /// In the same way.
    Worse,
    /// No difference that matters.
    Tie,
    /// Enough seen for the plan, and none of these.
    Inconclusive,
    /// The planned sample is not there: no verdict.
    NotEnough,
    /// Nothing seen of one of them.
    NoData,
}

/// A comparison of two variants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What can be said.
    pub outcome: Outcome,
    /// The candidate's mean.
    pub candidate: f64,
    /// Control's.
    pub control: f64,
    /// Candidate minus control.
    pub difference: f64,
    /// Where it lies, at every time at once.
    pub interval: (f64, f64),
    /// Newcombe's interval of 95 % for a share, for one look and independent requests.
    pub newcombe: Option<(f64, f64)>,
    /// Values of the candidate.
    pub seen: u64,
    /// What the verdict takes.
    pub needed: u64,
}

/// A goal is a share, a score a mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0 or 1 each.
    Share,
    /// Any number.
    Mean,
}

/// Values of the candidate for the minimum effect, with so many of control for each: two proportions of which one is `base`, seen by the
/// sequence at that size with the goal's power.
#[must_use]
pub fn planned(goal: &Goal, base: f64, control_per_value: f64) -> f64 {
    let base = base.clamp(1e-6, 1.0 - 1e-6);
    let away = |effect: f64| Rates {
        first: base,
        second: (base + effect).clamp(1e-9, 1.0 - 1e-9),
        first_per_second: control_per_value,
    };
    // The side on which it takes more.
    let size = |effect: f64| away(effect).sample_size(goal.alpha, goal.power, Side::Two);
    let once = [goal.minimum_effect, -goal.minimum_effect].map(size).into_iter().filter(|n| n.is_finite());
    let (z, power) = (quantile_above(goal.alpha / 2.0), quantile(goal.power));
    let cost = (reach(goal, freedom(control_per_value)) / (z + power)).powi(2);
    (once.fold(0.0, f64::max) * cost).clamp(LEAST, 1e9)
}

/// Standard errors that the minimum effect must be for the goal's power, at the planned sample: to the sequence's edge, and from there for
/// the spread of the difference and of the measured error (1 / sqrt(2 freedom) of itself).
fn reach(goal: &Goal, freedom: f64) -> f64 {
    let edge = multiple(goal.alpha, 1.0, freedom);
    edge + quantile(goal.power) * (1.0 + edge * edge / (2.0 * freedom)).sqrt()
}

/// Welch's degrees of freedom of two variants with all their cells and alike values.
fn freedom(control_per_value: f64) -> f64 {
    let part = control_per_value.max(1e-9).recip();
    (CELL_COUNT as f64 - 1.0) * (1.0 + part).powi(2) / (1.0 + part * part)
}

/// Half the width of the sequence in standard errors, at `times` the planned sample.
fn multiple(alpha: f64, times: f64, freedom: f64) -> f64 {
    let normal = Asymptotic::tightest_at(1e6, alpha).half_width(1.0, 1e6 * times, alpha);
    let law = StudentsT::new(0.0, 1.0, freedom.max(2.0));
    law.map_or(normal, |law| law.inverse_cdf(below(normal).min(1.0 - 1e-12))).max(normal)
}

/// Compares.
#[must_use]
pub fn compare(goal: &Goal, kind: Kind, arms: &Arms) -> Comparison {
    let ((x, n), (y, m)) = (arms.candidate.sum(), arms.control.sum());
    let nothing = Comparison {
        outcome: Outcome::NoData,
        candidate: 0.0,
        control: 0.0,
        difference: 0.0,
        interval: (f64::MIN, f64::MAX),
        newcombe: None,
        seen: real_to_count(n),
        needed: real_to_count(LEAST),
    };
    if n <= 0.0 || m <= 0.0 {
        return nothing;
    }
    let plan = match kind {
        Kind::Share => planned(goal, (y + 1.0) / (m + 2.0), m / n),
        Kind::Mean => planned_mean(goal, arms),
    };
    let means = Comparison {
        outcome: Outcome::NotEnough,
        candidate: x / n,
        control: y / m,
        difference: x / n - y / m,
        newcombe: (kind == Kind::Share).then(|| newcombe(Hits::new(x, n), Hits::new(y, m), Z95)),
        needed: real_to_count(plan.ceil()),
        ..nothing
    };
    let (Some(candidate), Some(control)) = (arms.candidate.between_cells(), arms.control.between_cells()) else {
        return means;
    };
    let welch = CellRatio::against(control, candidate, Side::Two);
    let independent = (arms.candidate.variance() / n + arms.control.variance() / m).sqrt();
    // Cells that are far more alike than independent requests can be are no measurement.
    let error = welch.difference.error.max(independent / 2.0);
    let half = error * multiple(goal.alpha, n / plan, welch.freedom);
    let interval = (means.difference - half, means.difference + half);
    let found = Comparison { interval, ..means };
    if n < plan {
        return found;
    }
    let outcome = outcome(goal, found.difference, interval);
    let needed = if outcome == Outcome::Inconclusive {
        let reach =
            (error * (multiple(goal.alpha, 1.0, welch.freedom) + quantile(goal.power)) / goal.minimum_effect).powi(2);
        // At least what there is already, or it would not be inconclusive.
        (n * reach.max(1.1)).min(1e12)
    } else {
        plan
    };
    Comparison { outcome, needed: real_to_count(needed.ceil()), ..found }
}

fn planned_mean(goal: &Goal, arms: &Arms) -> f64 {
    let ((_, n), (_, m)) = (arms.candidate.sum(), arms.control.sum());
    let variance = arms.candidate.variance() + arms.control.variance() * n / m;
    let reach = reach(goal, freedom(m / n)) / goal.minimum_effect;
    (variance * reach * reach).clamp(LEAST, 1e9)
}

fn outcome(goal: &Goal, difference: f64, (low, high): (f64, f64)) -> Outcome {
    let least = goal.minimum_effect;
    let higher = low > 0.0 && difference >= least;
    let lower = high < 0.0 && difference <= -least;
    match goal.better {
        Better::Higher if higher => Outcome::Better,
        Better::Higher if lower => Outcome::Worse,
        Better::Lower if lower => Outcome::Better,
        Better::Lower if higher => Outcome::Worse,
        Better::Higher | Better::Lower => {
            let small = low > -least && high < least;
            if low > 0.0 || high < 0.0 || small { Outcome::Tie } else { Outcome::Inconclusive }
        }
    }
}

/// What there is to say of every goal and score. `whole`: there is no control.
pub(super) fn remarks(analysis: &Analysis, gathered: &Gathered, whole: bool) -> Vec<Remark> {
    let empty = Arms::default();
    let goals = analysis.goals.iter().map(|(name, goal)| ("goal", name, goal, Kind::Share, gathered.goals.get(name)));
    let scores =
        analysis.scores.iter().map(|(name, goal)| ("score", name, goal, Kind::Mean, gathered.scores.get(name)));
    let all = goals.chain(scores);
    all.map(|(what, name, goal, kind, arms)| {
        let remark = remark(format!("{what} {name}"), goal, &compare(goal, kind, arms.unwrap_or(&empty)));
        if whole { without_control(remark) } else { remark }
    })
    .collect()
}

/// At 100 % there is nobody to compare with: the stage before has had its say.
fn without_control(remark: Remark) -> Remark {
    let sentence = format!("{}: nobody to compare with at 100 %", remark.name);
    Remark { sentence, state: RemarkState::NoData, value: None, interval: None, needed: 0, blocks: None, ..remark }
}

/// What a comparison says, and does to a stage.
pub(super) fn remark(name: String, goal: &Goal, found: &Comparison) -> Remark {
    let state = match found.outcome {
        Outcome::Better => RemarkState::Better,
        Outcome::Worse => RemarkState::Worse,
        Outcome::Tie => RemarkState::Tie,
        Outcome::Inconclusive => RemarkState::Inconclusive,
        Outcome::NotEnough => RemarkState::NotEnough,
        Outcome::NoData => RemarkState::NoData,
    };
    let blocks = match found.outcome {
        Outcome::Better | Outcome::Tie => None,
        Outcome::Worse => super::blocks(Verdict::Hold, Why::GoalWorse, true),
        Outcome::Inconclusive => super::blocks(Verdict::Inconclusive, Why::GoalUnclear, false),
        Outcome::NotEnough | Outcome::NoData => super::blocks(Verdict::Hold, Why::NotEnoughRequests, false),
    };
    let seen = found.outcome != Outcome::NoData;
    Remark {
        sentence: format!("{name}: {}", goal_words::words(goal, found)),
        name,
        segment: None,
        state,
        value: seen.then_some(found.difference),
        interval: (found.interval.0.abs() < 1e300).then_some(found.interval),
        limit: goal.minimum_effect,
        seen: found.seen,
        needed: found.needed,
        blocks,
        alarm: false,
    }
}
