//! Confidence in a share: Wilson's score interval (Wilson 1927), and the dispersion between cells. For reports and
//! for gates that are looked at seldom, never as a per-tick trigger.

use super::tally::{Cells, Tally, real};

/// Two-sided 95 %: the 0.975 quantile of the normal distribution.
pub const Z95: f64 = 1.959_963_984_540_054;
/// Two-sided 99.9 %.
pub const Z999: f64 = 3.290_526_731_491_926;
/// One-sided 95 %.
pub const Z95_ONE_SIDED: f64 = 1.644_853_626_951_472_2;

/// Lower and upper end for `hits` of `all` (may be fractional), within 0 to 1; 0 to 1 when there is nothing.
#[must_use]
pub fn wilson(hits: f64, all: f64, z: f64) -> (f64, f64) {
    if all <= 0.0 {
        return (0.0, 1.0);
    }
    let share = hits / all;
    let z2 = z * z;
    let middle = hits + z2 / 2.0;
    let half = z * (hits * (1.0 - share) + z2 / 4.0).max(0.0).sqrt();
    let low = if hits <= 0.0 { 0.0 } else { (middle - half) / (all + z2) };
    let high = if hits >= all { 1.0 } else { (middle + half) / (all + z2) };
    (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0))
}

/// 95 % interval of an error rate.
#[must_use]
pub fn of_rate(tally: Tally) -> (f64, f64) {
    wilson(real(tally.errors), real(tally.requests), Z95)
}

/// How much more the cells' errors vary than independent requests would let them: Pearson's chi-square over its degrees of freedom, at
/// least 1; 1 where it can't be said.
#[must_use]
pub fn dispersion(cells: &Cells) -> f64 {
    let Some(rate) = cells.sum().rate().filter(|rate| *rate > 0.0 && *rate < 1.0) else { return 1.0 };
    let (mut square, mut freedom) = (0.0, -1.0);
    for cell in cells.0.iter().filter(|cell| cell.requests > 0) {
        let expected = real(cell.requests) * rate;
        square += (real(cell.errors) - expected).powi(2) / (expected * (1.0 - rate));
        freedom += 1.0;
    }
    if freedom < 1.0 { 1.0 } else { f64::max(square / freedom, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_as_the_reference_has_it() {
        for (hits, all, low, high) in [
            (18.0, 20.0, 0.698_966_354_772, 0.972_133_518_786),
            (4.0, 20.0, 0.080_657_662_580, 0.416_017_432_252),
            (4.0, 200.0, 0.007_804_426_416, 0.050_287_086_906),
            (190.0, 200.0, 0.910_421_851_861, 0.972_617_354_399),
            (1.0, 30.0, 0.005_908_590_382, 0.166_703_909_914),
            (0.0, 30.0, 0.0, 0.113_513_393_174),
            (19.0, 38.0, 0.348_499_283_644, 0.651_500_716_356),
            (38.0, 38.0, 0.908_190_131_774, 1.0),
            (0.0, 77.0, 0.0, 0.047_518_425_282),
            (0.0, 1000.0, 0.0, 0.003_826_758_486),
            (12.0, 1000.0, 0.006_877_647_806, 0.020_857_268_475),
            (5.0, 10_000.0, 0.000_213_588_426, 0.001_170_025_946),
            (0.0, 1.0, 0.0, 0.793_450_685_623),
            (0.0, 0.0, 0.0, 1.0),
        ] {
            let found = wilson(hits, all, Z95);
            assert!((found.0 - low).abs() < 1e-11 && (found.1 - high).abs() < 1e-11, "{hits}/{all}: {found:?}");
        }
        let (low, high) = wilson(12.0, 1000.0, 2.575_829_303_548_901);
        assert!((low - 0.005_809_541_615).abs() < 1e-11 && (high - 0.024_623_435_331).abs() < 1e-11);
    }

    #[test]
    fn even_cells_have_no_dispersion_and_uneven_ones_do() {
        let even = Cells([Tally::new(100, 10); 20]);
        assert_eq!(dispersion(&even), 1.0);
        assert_eq!(dispersion(&Cells::default()), 1.0);
        let mut uneven = Cells([Tally::new(100, 0); 20]);
        uneven.0[3] = Tally::new(100, 100);
        // 20 cells, rate 0.05, expected 5 each: (95^2 + 19 * 5^2) / (5 * 0.95) / 19.
        assert!((dispersion(&uneven) - (9025.0 + 475.0) / 4.75 / 19.0).abs() < 1e-9);
    }
}
