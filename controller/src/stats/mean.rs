//! Means and ratios of two variants: differences, relative lifts (delta method), and variances from 20 cells of users, which hold where
//! requests of one user resemble each other. Owns these; the always-valid intervals around them are `sequence`'s.
//!
//! Sources: the delta method (Oehlert 1992); linearised ratio estimators between clusters (Cochran 1977); Welch 1947.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::normal::{Side, quantile_above};
use super::real::length;

/// A mean with the variance of the single value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Mean of the values.
    pub mean: f64,
    /// Variance of one value, at least 0.
    pub variance: f64,
    /// How many, at least 1.
    pub n: f64,
}

/// An estimate and its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
}

impl Sample {
    /// From a sum and a sum of squares.
    #[must_use]
    pub fn of_sums(sum: f64, squares: f64, n: f64) -> Self {
        let variance = if n > 1.0 { ((squares - sum * sum / n) / (n - 1.0)).max(0.0) } else { 0.0 };
        Self { mean: sum / n, variance, n }
    }

    /// Of `hits` of `n`.
    #[must_use]
    pub fn of_share(hits: f64, n: f64) -> Self {
        let mean = hits / n;
        Self { mean, variance: mean * (1.0 - mean), n }
    }

    fn of_mean(self) -> f64 {
        self.variance / self.n
    }
}

/// Second minus first.
#[must_use]
pub fn difference(first: Sample, second: Sample) -> Estimate {
    Estimate { value: second.mean - first.mean, error: (first.of_mean() + second.of_mean()).sqrt() }
}

/// Second over first, minus 1. Variance by the delta method: `vB / (nB mA^2) + vA mB^2 / (nA mA^4)`. `None` where the first is 0.
#[must_use]
pub fn lift(first: Sample, second: Sample) -> Option<Estimate> {
    let (a, b) = (first.mean, second.mean);
    let variance = second.of_mean() / (a * a) + first.of_mean() * b * b / a.powi(4);
    let estimate = Estimate { value: b / a - 1.0, error: variance.sqrt() };
    (estimate.value.is_finite() && estimate.error.is_finite()).then_some(estimate)
}

/// Welch's degrees of freedom of two means, each of at least two values.
#[must_use]
pub fn freedom(first: Sample, second: Sample) -> f64 {
    welch_freedom([(first.of_mean(), first.n - 1.0), (second.of_mean(), second.n - 1.0)])
}

/// Of two squared errors with the degrees of freedom of each.
fn welch_freedom(parts: [(f64, f64); 2]) -> f64 {
    let pieces: f64 = parts.iter().map(|(variance, freedom)| variance * variance / freedom).sum();
    let (variance, freedom) = parts.iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
    if pieces > 0.0 { variance * variance / pieces } else { freedom }
}

/// What one look says of an estimate, at a sample size that was fixed before: a two-sided interval of 1 - `alpha`, and
/// p.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneLook {
    /// Lower and upper end, by Student's t.
    pub interval: (f64, f64),
    /// Two-sided, of none.
    pub p: f64,
}

/// One look at an estimate with these degrees of freedom, at least 1.
#[must_use]
pub fn one_look(estimate: Estimate, freedom: f64, alpha: f64) -> OneLook {
    let half = estimate.error * student_above(alpha / 2.0, freedom);
    let p = student(estimate, freedom, Side::Two);
    OneLook { interval: (estimate.value - half, estimate.value + half), p }
}

/// Two estimates compared by Welch's t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Welch {
    /// Second minus first.
    pub difference: Estimate,
    /// Degrees of freedom.
    pub freedom: f64,
    /// p on the side asked for: `Greater` and `Less` say what the first is thought to be.
    pub p: f64,
}

/// A ratio of sums over cells, such as errors over requests, with a variance that asks only that the *cells* be independent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellRatio {
    /// Sum over sum, and its standard error between the cells.
    pub ratio: Estimate,
    /// Cells with something in them, less one.
    pub freedom: f64,
}

impl CellRatio {
    /// From (numerator, denominator) of each cell; `None` with fewer than two cells that have anything. The variance is that of the
    /// linearised residuals `x - r n` over the cells.
    #[must_use]
    pub fn of(cells: &[(f64, f64)]) -> Option<Self> {
        let used: Vec<_> = cells.iter().copied().filter(|(_, n)| *n > 0.0).collect();
        let (x, n) = used.iter().fold((0.0, 0.0), |(x, n), cell| (x + cell.0, n + cell.1));
        let freedom = length(&used) - 1.0;
        if freedom < 1.0 {
            return None;
        }
        let value = x / n;
        let squares: f64 = used.iter().map(|(x, n)| (x - value * n).powi(2)).sum();
        let error = (squares * (freedom + 1.0) / freedom).sqrt() / n;
        Some(Self { ratio: Estimate { value, error }, freedom })
    }

    /// Second minus first.
    #[must_use]
    pub fn against(first: Self, second: Self, side: Side) -> Welch {
        let (va, vb) = (first.ratio.error.powi(2), second.ratio.error.powi(2));
        let difference = Estimate { value: second.ratio.value - first.ratio.value, error: (va + vb).sqrt() };
        let freedom = welch_freedom([(va, first.freedom), (vb, second.freedom)]);
        let first_beyond = Estimate { value: -difference.value, ..difference };
        Welch { difference, freedom, p: student(first_beyond, freedom, side) }
    }
}

fn student(difference: Estimate, freedom: f64, side: Side) -> f64 {
    let Ok(law) = StudentsT::new(0.0, 1.0, freedom) else { return 1.0 };
    if difference.error <= 0.0 {
        return 1.0;
    }
    let t = difference.value / difference.error;
    match side {
        Side::Two => (2.0 * law.sf(t.abs())).min(1.0),
        Side::Greater => law.sf(t),
        Side::Less => law.sf(-t),
    }
}

/// The quantile that leaves `p`, below a half, above it; found by halving, for `statrs`'s own panics in far tails.
fn student_above(p: f64, freedom: f64) -> f64 {
    let Some(law) = StudentsT::new(0.0, 1.0, freedom).ok().filter(|_| freedom < 1e7) else { return quantile_above(p) };
    let (mut low, mut high) = (0.0, 1.0);
    while law.sf(high) > p && high < 1e150 {
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if law.sf(middle) > p { low = middle } else { high = middle }
    }
    high
}

/// How much more errors vary between cells than independent requests would let them, from (errors, requests) of each: Pearson's
/// chi-square over its degrees of freedom, at least 1; 1 where it can't be said.
#[must_use]
pub fn dispersion(cells: &[(f64, f64)]) -> f64 {
    let (errors, requests) = cells.iter().fold((0.0, 0.0), |(x, n), cell| (x + cell.0, n + cell.1));
    let rate = errors / requests;
    if !(rate > 0.0 && rate < 1.0) {
        return 1.0;
    }
    let (mut square, mut freedom) = (0.0, -1.0);
    for (x, n) in cells.iter().filter(|(_, n)| *n > 0.0) {
        let expected = n * rate;
        square += (x - expected).powi(2) / (expected * (1.0 - rate));
        freedom += 1.0;
    }
    if freedom < 1.0 { 1.0 } else { f64::max(square / freedom, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::super::beta::ln_share;
    use super::super::normal::quantile;
    use super::super::proportion::{Hits, two_proportions};
    use super::super::real_to_count;
    use super::super::sequence::Asymptotic;
    use super::*;

    #[test]
    fn lifts_and_differences_as_the_literature_has_them() {
        let lifted = lift(Sample::of_share(1_396.0, 3_000.0), Sample::of_share(2_422.0, 3_461.0)).unwrap();
        assert!((lifted.value - 0.503_863_351_7).abs() < 1e-9 && (lifted.error - 0.033_860_214_8).abs() < 1e-9);
        let first = Sample::of_sums(1_396.87, 52_377.976_7, 3_000.0);
        let second = Sample::of_sums(2_422.7, 134_698.29, 3_461.0);
        let apart = difference(first, second);
        assert!((apart.value - 0.234_376_666_7).abs() < 1e-9, "{apart:?}");
        assert!((apart.error - 0.129_830_812_5).abs() < 1e-9, "{apart:?}");
        let lifted = lift(first, second).unwrap();
        let half = Asymptotic::tightest_at(1_000.0, 0.05).half_width(lifted.error, 6_461.0, 0.05);
        assert!((lifted.value - half + 0.558_44).abs() < 1e-5 && (lifted.value + half - 1.565_16).abs() < 1e-5);
        // At a sample size that was fixed before: Welch's interval, 14 of 28 against 16 of 30.
        let (first, second) = (Sample::of_share(14.0, 28.0), Sample::of_share(16.0, 30.0));
        let fixed = lift(first, second).unwrap();
        assert!((fixed.value - 0.066_67).abs() < 1e-5);
        let found = one_look(fixed, freedom(first, second), 0.05);
        let (low, high) = found.interval;
        assert!((low + 0.477_67).abs() < 1e-5 && (high - 0.611_01).abs() < 1e-5, "{found:?}");
        assert!((found.p - 0.807_07).abs() < 1e-5, "{found:?}");
        assert_eq!(lift(Sample::of_share(0.0, 10.0), Sample::of_share(3.0, 10.0)), None);
    }

    #[test]
    fn cells_that_differ_widen_the_error_and_equal_ones_do_not() {
        let even: Vec<_> = (0..20).map(|i| (10.0 + f64::from(i % 2), 1_000.0)).collect();
        let mut uneven = vec![(0.0, 1_000.0); 20];
        uneven[3].0 = 210.0;
        let (even, uneven) = (CellRatio::of(&even).unwrap(), CellRatio::of(&uneven).unwrap());
        assert!((even.ratio.value - uneven.ratio.value).abs() < 1e-12);
        assert!(uneven.ratio.error > 10.0 * even.ratio.error && even.freedom == 19.0);
        let welch = CellRatio::against(even, uneven, Side::Two);
        assert!((welch.p - 1.0).abs() < 1e-9 && (19.0..20.0).contains(&welch.freedom), "{welch:?}");
        assert_eq!(CellRatio::of(&[(1.0, 10.0), (0.0, 0.0)]), None);
    }

    /// By hand: rates .1 and .3 in equal cells: ratio .2, residuals -1 and 1, error sqrt(2 * 2 / 1) / 20.
    #[test]
    fn a_ratio_of_two_cells_by_hand() {
        let ratio = CellRatio::of(&[(1.0, 10.0), (3.0, 10.0)]).unwrap().ratio;
        assert!((ratio.value - 0.2).abs() < 1e-15 && (ratio.error - 0.1).abs() < 1e-15, "{ratio:?}");
    }

    #[test]
    fn even_cells_have_no_dispersion_and_uneven_ones_do() {
        assert_eq!(dispersion(&[(10.0, 100.0); 20]), 1.0);
        assert_eq!(dispersion(&[(0.0, 0.0); 20]), 1.0);
        let mut uneven = [(0.0, 100.0); 20];
        uneven[3].0 = 100.0;
        // 20 cells, rate 0.05, expected 5 each: (95^2 + 19 * 5^2) / (5 * 0.95) / 19.
        assert!((dispersion(&uneven) - (9025.0 + 475.0) / 4.75 / 19.0).abs() < 1e-9);
    }

    /// How often a test of nominal 5 % rejects where both variants are alike: of cells, and of requests. Each user has
    /// 20 requests in the mean, and one of twenty has the second variant; activity is lognormal (sigma 1.2), proneness
    /// to errors Beta(0.1, 9.9).
    fn false_alarms(users: u32, runs: u32) -> (f64, f64) {
        let quantile_of_errors = |i: u32| {
            let (mut low, mut high) = (0.0, 1.0);
            for _ in 0..60 {
                let middle = f64::midpoint(low, high);
                let below = ln_share(0.1, 9.9, middle).exp() < (f64::from(i) + 0.5) / 1_000.0;
                if below { low = middle } else { high = middle }
            }
            high
        };
        let proneness: Vec<f64> = (0..1_000).map(quantile_of_errors).collect();
        let (mut by_cells, mut by_requests) = (0.0, 0.0);
        let rng = &mut fastrand::Rng::with_seed(310);
        for _ in 0..runs {
            let mut cells = [[(0.0, 0.0); 20]; 2];
            for _ in 0..users {
                let cell = &mut cells[usize::from(rng.u8(..20) == 0)][rng.usize(..20)];
                let (rate, activity) = (proneness[rng.usize(..1_000)], 1.2 * quantile(rng.f64()) - 0.72);
                let requests = (20.0 * activity.exp()).min(5_000.0).ceil();
                cell.0 += (0..real_to_count(requests)).fold(0.0, |x, _| if rng.f64() < rate { x + 1.0 } else { x });
                cell.1 += requests;
            }
            let [first, second] = cells.map(|cells| CellRatio::of(&cells).unwrap());
            let hits = |cells: &[(f64, f64)]| {
                let (x, n) = cells.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
                Hits::new(x, n)
            };
            let once = two_proportions(hits(&cells[0]), hits(&cells[1]), Side::Two).p;
            for (alarms, p) in
                [(&mut by_cells, CellRatio::against(first, second, Side::Two).p), (&mut by_requests, once)]
            {
                *alarms += if p < 0.05 { f64::from(runs).recip() } else { 0.0 };
            }
        }
        (by_cells, by_requests)
    }

    /// The numbers of docs/statistics.md: what a test of requests does, and that of cells with few users in each and
    /// with many.
    #[test]
    fn a_test_of_cells_nearly_keeps_its_level_where_one_of_requests_does_not() {
        let (cells, requests) = false_alarms(2_000, 1_000);
        assert!(
            (0.12..0.20).contains(&cells) && requests > 0.35,
            "5 users of the second variant a cell: {cells} {requests}"
        );
        let (cells, requests) = false_alarms(10_000, 1_000);
        assert!((0.07..0.12).contains(&cells) && requests > 0.4, "25 users: {cells} {requests}");
        let (cells, requests) = false_alarms(50_000, 300);
        assert!((0.02..0.08).contains(&cells) && requests > 0.4, "125 users: {cells} {requests}");
    }
}
