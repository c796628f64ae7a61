//! Sums what is new at each proxy into one [`Observation`]. Pure.

use std::collections::BTreeMap;

use crate::observation::{CellCounts, FlagCounts, Observation, ScoreCell, VariantCounts};

use super::delta::Counts;

/// Adds one proxy's counts to the tick's.
pub fn add(observation: &mut Observation, counts: Counts) {
    for (flag, counts) in counts {
        add_flag(observation.flags.entry(flag).or_default(), counts);
    }
}

fn add_flag(sum: &mut FlagCounts, counts: FlagCounts) {
    add_variants(&mut sum.variants, counts.variants);
    for (segment, counts) in counts.segments {
        add_variants(sum.segments.entry(segment).or_default(), counts);
    }
    for (reason, count) in counts.unassigned {
        let sum = sum.unassigned.entry(reason).or_default();
        *sum = sum.saturating_add(count);
    }
}

fn add_variants(sum: &mut BTreeMap<String, VariantCounts>, counts: BTreeMap<String, VariantCounts>) {
    for (variant, counts) in counts {
        add_variant(sum.entry(variant).or_default(), &counts);
    }
}

/// Adds counts of a variant: of another proxy, or of another part of the users.
pub fn add_variant(sum: &mut VariantCounts, counts: &VariantCounts) {
    sum.started = sum.started.saturating_add(counts.started);
    for (sum, count) in sum.results.iter_mut().zip(counts.results) {
        *sum = sum.saturating_add(count);
    }
    for (sum, count) in sum.cells.iter_mut().zip(counts.cells) {
        *sum = CellCounts {
            requests: sum.requests.saturating_add(count.requests),
            errors: sum.errors.saturating_add(count.errors),
        };
    }
    sum.duration.merge(&counts.duration);
    for (name, hits) in &counts.goals {
        for (sum, hits) in sum.goals.entry(name.clone()).or_default().iter_mut().zip(hits) {
            *sum = sum.saturating_add(*hits);
        }
    }
    for (name, score) in &counts.scores {
        let sum = sum.scores.entry(name.clone()).or_default();
        sum.bins.merge(&score.bins);
        for (sum, cell) in sum.cells.iter_mut().zip(&score.cells) {
            *sum = ScoreCell {
                count: sum.count.saturating_add(cell.count),
                sum: sum.sum + cell.sum,
                squares: sum.squares + cell.squares,
            };
        }
    }
}
