//! The hash space: 2^32 hashes for each value that is hashed. Intersects ranges and multiplies what is independent; integer arithmetic only.

use std::collections::BTreeMap;

use super::budget::Budget;
use super::tree::{Source, Tree};
use super::{Flow, Outcome};

/// A share is a number of parts of 2^96: three independent splits, each of 2^32 hashes, are exact.
pub const WHOLE_BITS: u32 = 96;
const WHOLE: u128 = 1 << WHOLE_BITS;

/// A share of users: so many parts of 2^96.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(pub u128);

impl Share {
    /// As a fraction in lowest powers of two, with a denominator of at least 2^32: numerator, and bits of the denominator.
    #[must_use]
    pub fn fraction(self) -> (u128, u32) {
        let (mut numerator, mut bits) = (self.0, WHOLE_BITS);
        while bits > 32 && numerator.trailing_zeros() > 0 {
            numerator >>= 1;
            bits = bits.saturating_sub(1);
        }
        (numerator, bits)
    }

    /// In percent, in billionths at most. Boundaries lie on whole hashes, so that 4 % is a hash more or less than 4 %: what is within two hashes of fewer
    /// decimals is written with these.
    #[must_use]
    pub fn percent(self) -> String {
        // The numerator stays below 2^88 * 10^11 < 2^125.
        let billionths = (self.0 >> 8).saturating_mul(100_000_000_000).saturating_add(1 << 87) >> 88;
        if self.0 > 0 && billionths == 0 {
            return "less than 0.000000001 %".to_owned();
        }
        let rounded = (2..=9_u32).find_map(|decimals| {
            let unit = 10_u128.pow(9_u32.saturating_sub(decimals));
            let units = billionths.saturating_add(unit / 2).checked_div(unit).unwrap_or(0);
            let near =
                billionths.abs_diff(units.saturating_mul(unit)) <= TWO_HASHES && (billionths >= SMALL || unit == 1);
            near.then_some((units, decimals))
        });
        let (units, decimals) = rounded.unwrap_or((billionths, 9));
        let one = 10_u128.pow(decimals);
        let (whole, part) = (units.checked_div(one).unwrap_or(0), units.checked_rem(one).unwrap_or(0));
        let width = usize::try_from(decimals).unwrap_or(9);
        format!("{whole}.{part:0width$} %")
    }
}

/// In billionths of a percent.
const TWO_HASHES: u128 = 50;
/// Below that a hash more or less is seen.
const SMALL: u128 = 10_000;

/// How many different values are hashed.
pub(super) fn sources(old: &Tree, new: &Tree) -> usize {
    let mut all = old.sources();
    all.extend(new.sources());
    all.sort();
    all.dedup();
    all.len()
}

/// Who moves from what to what.
pub(super) fn spread(old: &Tree, new: &Tree, budget: &Budget) -> Result<Vec<Flow>, &'static str> {
    let mut found = Found { shares: BTreeMap::new(), budget };
    found.add(old, new, WHOLE)?;
    let flows = found.shares.into_iter().map(|((from, to), share)| Flow { from, to, share: Share(share) });
    Ok(flows.collect())
}

struct Found<'b> {
    shares: BTreeMap<(Outcome, Outcome), u128>,
    budget: &'b Budget,
}

impl Found<'_> {
    /// A step is a node of what is left of the trees in this piece of the hash space.
    fn add(&mut self, old: &Tree, new: &Tree, weight: u128) -> Result<(), &'static str> {
        if self.budget.spend(old.size().saturating_add(new.size())).is_err() {
            return Err("there are too many ranges: give a list of users");
        }
        let Some(source) = old.root().or_else(|| new.root()).cloned() else {
            if let (Tree::End(from), Tree::End(to)) = (old, new)
                && from != to
            {
                let sum = self.shares.entry((from.clone(), to.clone())).or_default();
                *sum = sum.saturating_add(weight);
            }
            return Ok(());
        };
        let part = weight >> 32;
        if part == 0 {
            return Err("more than three independent splits meet: give a list of users");
        }
        let mut from: u64 = 0;
        for to in ends(old, new, &source) {
            let piece = part.saturating_mul(u128::from(to.saturating_sub(from)));
            self.add(&old.within(&source, from), &new.within(&source, from), piece)?;
            from = to;
        }
        Ok(())
    }
}

/// Where ranges of this value end, on either side.
fn ends(old: &Tree, new: &Tree, source: &Source) -> Vec<u64> {
    let mut all = old.ends(source);
    all.extend(new.ends(source));
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_have_the_digits_that_they_need() {
        let of = |numerator: u128| Share(numerator << 64).percent();
        for (numerator, percent) in [
            (0, "0.000000000 %"),
            (1 << 32, "100.00 %"),
            (1 << 31, "50.00 %"),
            // 4 % of 2^32, rounded up.
            (171_798_692, "4.00 %"),
            (1, "0.000000023 %"),
            (1_431_655_766, "33.3333333 %"),
            // One part in a million.
            (4_295, "0.0001 %"),
        ] {
            assert_eq!(of(numerator), percent, "{numerator}");
        }
        assert_eq!(Share(1).percent(), "less than 0.000000001 %");
        assert_eq!(Share(3 << 64).fraction(), (3, 32));
        assert_eq!(Share((3 << 64) | 1).fraction(), ((3 << 64) | 1, 96));
    }
}
