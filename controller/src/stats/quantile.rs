//! A quantile of merged bins with its confidence interval. For reports; what decides is the process of `latency`.

use super::normal::Z95;
use super::proportion::wilson;
use super::real::{real, whole};
use crate::observation::Bins;

/// A quantile in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// Linear within its bin.
    pub value: f64,
    /// 95 % interval by order statistics: the quantiles at the ends of Wilson's interval of the rank, outer edges of their bins.
    pub interval: (f64, f64),
}

/// The quantile (0 to 1) of bins; `None` without values.
#[must_use]
pub fn quantile(bins: &Bins, at: f64) -> Option<Quantile> {
    let all = real(bins.count());
    let (low, high) = wilson(at * all, all, Z95);
    Some(Quantile {
        value: place(bins, at * all)?.0,
        interval: (place(bins, low * all)?.1, place(bins, high * all)?.2),
    })
}

/// The upper edge of the bin at which Wilson's interval of the rank (of `z` standard errors) ends: the quantile lies above it only with
/// the probability of that error. `None` without values.
#[must_use]
pub fn upper_edge(bins: &Bins, at: f64, z: f64) -> Option<u64> {
    let all = real(bins.count());
    let (_, high) = wilson(at * all, all, z);
    place(bins, high * all).map(|(_, _, upper)| whole(upper, u64::MAX))
}

/// The value at a rank, and the edges of its bin.
fn place(bins: &Bins, rank: f64) -> Option<(f64, f64, f64)> {
    let (mut below, mut last) = (0.0, None);
    for (lower, bin) in bins.0.iter().filter(|(_, bin)| bin.count > 0) {
        let (lower, width, count) = (real(*lower), real(bin.width), real(bin.count));
        let inside = ((rank - below) / count).clamp(0.0, 1.0);
        last = Some((lower + inside * width, lower, lower + width));
        below += count;
        if below >= rank {
            break;
        }
    }
    last
}

/// How many values are surely at or above a limit: those in bins whose lower edge is. A bin that the limit cuts counts as below, in
/// favour of the variant.
#[must_use]
pub fn at_or_above(bins: &Bins, limit_us: u64) -> u64 {
    bins.0.range(limit_us..).map(|(_, bin)| bin.count).sum()
}

/// The share of values at or above a limit in microseconds, linear within the bin that the limit cuts; 0 without values. For plans.
#[must_use]
pub fn share_above(bins: &Bins, limit_us: f64) -> f64 {
    let above = bins.0.iter().map(|(lower, bin)| {
        let (lower, width) = (real(*lower), real(bin.width.max(1)));
        real(bin.count) * ((lower + width - limit_us) / width).clamp(0.0, 1.0)
    });
    above.sum::<f64>() / real(bins.count().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Bin;

    fn bins(counts: &[(u64, u64, u64)]) -> Bins {
        Bins(counts.iter().map(|&(lower, width, count)| (lower, Bin { width, count })).collect())
    }

    #[test]
    fn quantiles_lie_in_their_bin() {
        let bins = bins(&[(100, 10, 50), (110, 10, 0), (200, 10, 45), (1_000, 100, 5)]);
        assert_eq!(quantile(&bins, 0.5).unwrap().value, 110.0);
        assert_eq!(quantile(&bins, 0.25).unwrap().value, 105.0);
        let p95 = quantile(&bins, 0.95).unwrap();
        assert_eq!(p95.value, 210.0);
        assert_eq!(p95.interval, (200.0, 1_100.0));
        assert_eq!(quantile(&Bins::default(), 0.95), None);
    }

    #[test]
    fn a_bin_that_the_limit_cuts_counts_as_below() {
        let bins = bins(&[(190, 10, 7), (195, 10, 5), (200, 10, 3), (300, 10, 2)]);
        assert_eq!(at_or_above(&bins, 200), 5);
        assert_eq!(at_or_above(&bins, 201), 2);
        assert_eq!(at_or_above(&Bins::default(), 1), 0);
    }

    #[test]
    fn a_share_is_linear_within_the_bin_that_the_limit_cuts() {
        let bins = bins(&[(100, 10, 4), (200, 10, 6)]);
        for (limit, share) in [(0.0, 1.0), (105.0, 0.8), (150.0, 0.6), (205.0, 0.3), (210.0, 0.0)] {
            assert!((share_above(&bins, limit) - share).abs() < 1e-12, "{limit}");
        }
        assert_eq!(share_above(&Bins::default(), 1.0), 0.0);
    }
}
