//! Simpson's reversal: on the whole one way, and in every segment that has enough the other way. Owns when that is named, of errors, goals
//! and scores.

use super::super::goal::{Arm, Arms};
use super::super::goal_words::digits;
use super::super::policy::{Analysis, Better};
use super::super::remark::Remark;
use super::{Named, Segment, blocking};
use crate::judge::memory::Memory;
use crate::stats::real_to_count;

/// Standard errors that the differences within the segments, taken together, must be away from nothing.
const BEYOND_CHANCE: f64 = 2.0;

/// Every reversal; `strata` are the segments that have enough.
pub(super) fn remarks(analysis: &Analysis, memory: &Memory, strata: &Named<'_>) -> Vec<Remark> {
    let of = |read: &dyn Fn(&Segment) -> Option<Arms>| -> Vec<Arms> {
        strata.iter().filter_map(|(_, segment)| read(segment)).collect()
    };
    let errors = reversal("errors", Better::Lower, &of_errors(memory), &of(&|s| Some(of_errors(&s.memory))));
    let gathered = &memory.gathered;
    let goals = gathered.goals.iter().chain(&gathered.scores).filter_map(|(name, whole)| {
        let goal = analysis.goals.get(name).or_else(|| analysis.scores.get(name))?;
        let strata = of(&|segment| segment.goals.get(name).or_else(|| segment.scores.get(name)).cloned());
        reversal(name, goal.better, whole, &strata)
    });
    errors.into_iter().chain(goals).collect()
}

fn of_errors(memory: &Memory) -> Arms {
    let stage = &memory.stage;
    Arms { candidate: Arm::of_errors(&stage.candidate), control: Arm::of_errors(&stage.control) }
}

/// A difference of a stratum weighs by the harmonic mean of its sizes; together they must be beyond chance.
fn reversal(name: &str, better: Better, whole: &Arms, strata: &[Arms]) -> Option<Remark> {
    let difference = |arms: &Arms| Some(arms.candidate.mean()? - arms.control.mean()?);
    let on_the_whole = difference(whole)?;
    let parts: Vec<(&Arms, f64)> = strata.iter().filter_map(|arms| Some((arms, difference(arms)?))).collect();
    let against = parts.iter().all(|(_, part)| part * on_the_whole < 0.0);
    if parts.len() < 2 || !against {
        return None;
    }
    let (mut weights, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for (arms, part) in &parts {
        let (n, m) = (arms.candidate.sum().1, arms.control.sum().1);
        let weight = n * m / (n + m);
        let error = |arm: &Arm| arm.between_cells().map_or(f64::MAX, |cells| cells.ratio.error);
        weights += weight;
        sum += weight * part;
        squares += (weight * error(&arms.candidate)).powi(2) + (weight * error(&arms.control)).powi(2);
    }
    if sum.abs() < BEYOND_CHANCE * squares.sqrt() {
        return None;
    }
    let within = sum / weights;
    let sentence = format!(
        "Simpson's reversal in {name}: {} on the whole ({}), {} in each of {} segments ({} within them); \
         the variants' users are not alike",
        word(better, on_the_whole),
        digits(on_the_whole),
        word(better, within),
        parts.len(),
        digits(within)
    );
    Some(blocking(format!("segments {name}"), Some(within), real_to_count(whole.candidate.sum().1), sentence))
}

fn word(better: Better, difference: f64) -> &'static str {
    match better {
        Better::Higher if difference > 0.0 => "better",
        Better::Lower if difference < 0.0 => "better",
        Better::Higher | Better::Lower => "worse",
    }
}
