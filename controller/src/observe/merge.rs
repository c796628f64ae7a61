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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Bin, Bins, CELL_COUNT, ScoreCounts};

    fn bins(rng: &mut fastrand::Rng) -> Bins {
        let bin = |rng: &mut fastrand::Rng| (rng.u64(..6) * 100, Bin { width: rng.u64(1..4), count: rng.u64(..9) });
        Bins((0..rng.usize(..5)).map(|_| bin(rng)).collect())
    }

    /// Counts up to the largest there are, so that sums reach their end; scores in quarters, whose sums are exact.
    fn variant(rng: &mut fastrand::Rng) -> VariantCounts {
        let count = |rng: &mut fastrand::Rng| if rng.u8(..8) == 0 { u64::MAX / 2 } else { rng.u64(..1_000) };
        let mut counts = VariantCounts { started: count(rng), duration: bins(rng), ..VariantCounts::default() };
        counts.results.fill_with(|| count(rng));
        counts.cells.fill_with(|| CellCounts { requests: count(rng), errors: count(rng) });
        for name in ["purchase", "signup"] {
            if rng.bool() {
                let mut hits = [0; CELL_COUNT];
                hits.fill_with(|| count(rng));
                counts.goals.insert(name.to_owned(), hits);
            }
            if rng.bool() {
                let mut score = ScoreCounts { bins: bins(rng), ..ScoreCounts::default() };
                let quarters = |rng: &mut fastrand::Rng| f64::from(rng.i32(-1_000..1_000)) / 4.0;
                score.cells.fill_with(|| ScoreCell { count: count(rng), sum: quarters(rng), squares: quarters(rng) });
                counts.scores.insert(name.to_owned(), score);
            }
        }
        counts
    }

    fn variants(rng: &mut fastrand::Rng) -> BTreeMap<String, VariantCounts> {
        let mut some = BTreeMap::new();
        for name in ["old", "new"] {
            if rng.bool() {
                some.insert(name.to_owned(), variant(rng));
            }
        }
        some
    }

    fn proxy(rng: &mut fastrand::Rng) -> Counts {
        let mut counts = Counts::new();
        for flag in ["checkout", "search"] {
            if rng.bool() {
                let mut of_flag = FlagCounts { variants: variants(rng), ..FlagCounts::default() };
                of_flag.unassigned.insert(["override", "default"][rng.usize(..2)].to_owned(), rng.u64(..9));
                of_flag.segments.insert(["beta", "staff"][rng.usize(..2)].to_owned(), variants(rng));
                counts.insert(flag.to_owned(), of_flag);
            }
        }
        counts
    }

    fn merged<'a>(proxies: impl Iterator<Item = &'a Counts>) -> Observation {
        let mut sum = Observation::default();
        proxies.for_each(|counts| add(&mut sum, counts.clone()));
        sum
    }

    proptest::proptest! {
        #[test]
        fn proxies_in_any_order_give_the_same(seed: u64, proxies in 2usize..8) {
            let rng = &mut fastrand::Rng::with_seed(seed);
            let mut counts: Vec<Counts> = (0..proxies).map(|_| proxy(rng)).collect();
            let one = merged(counts.iter());
            rng.shuffle(&mut counts);
            proptest::prop_assert_eq!(&one, &merged(counts.iter()));
            // Nothing is lost: the sum has what each had at least.
            for (flag, counts) in counts.iter().flatten() {
                for (variant, counts) in &counts.variants {
                    proptest::prop_assert!(one.flags[flag].variants[variant].started >= counts.started);
                }
            }
        }
    }
}
