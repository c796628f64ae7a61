//! The two incomplete gamma integrals in logarithms, for parameters of either sign, and without differences of large
//! logarithms: a tail of e^-4000 stays a number. Owns these functions; knows no boundary.
//!
//! `statrs`'s regularised ones give 0 below 1e-308, and ask for parameters above 0; both matter here.
//!
//! Sources: DLMF 8.9 (Legendre's continued fraction), 8.7 (series), 8.8 (recurrence), 8.12 (uniform expansion, first
//! term); Perron's fraction of Kummer's function M(1; a + 1; x).

use statrs::function::gamma::ln_gamma;

use super::beta::{beyond_stirling, deviance, ln_1m_exp};
use super::normal::{LN_ROOT_TAU, ln_below};

/// ln of the integral of `t^(a - 1) e^(x (1 - t))` over t from 0 to 1, for `a` above 0 and any `x`: `e^x x^-a` times
/// the lower incomplete gamma function. It grows with `x`.
#[must_use]
pub(super) fn ln_lower(a: f64, x: f64) -> f64 {
    if let Some(z) = normal(a, x) {
        return ln_whole(a, x) + ln_below(z);
    }
    if x > a.max(1.0) {
        let whole = ln_whole(a, x);
        return whole + ln_1m_exp(ln_upper(a, x) - whole);
    }
    if a >= 1.0 || x < -700.0 {
        return lower_by_fraction(a, x).ln();
    }
    // Sums of positive terms.
    if x < 0.0 {
        series(x.exp(), a.recip(), |n| (-x / n, (a + n).recip())).ln()
    } else {
        series(a.recip(), 1.0, |n| (x / (a + n), 1.0)).ln()
    }
}

/// ln of the integral of `t^(k - 1) e^(x (1 - t))` over t from 1 on, for `x` above 0 and any `k`: `e^x x^-k` times the
/// upper incomplete gamma function. It grows with `k`.
#[must_use]
pub(super) fn ln_upper(k: f64, x: f64) -> f64 {
    if let Some(z) = normal(k, x) {
        return ln_whole(k, x) + ln_below(-z);
    }
    let most = if x < 1.0 { 0.5 } else { x + 1.0 };
    if k > most {
        let whole = ln_whole(k, x);
        return whole + ln_1m_exp(ln_lower(k, x) - whole);
    }
    // Legendre's fraction takes some 80 / x terms, but few where k is far below 0.
    if x < 1.0 && k > -40.0 { upper_near_zero(k, x).ln() } else { upper_by_fraction(k, x).ln() }
}

/// ln of both together: `e^x x^-a` times the gamma function.
fn ln_whole(a: f64, x: f64) -> f64 {
    deviance(a, x) - a.ln() / 2.0 + LN_ROOT_TAU + beyond_stirling(a)
}

/// Where fractions would take millions of terms the distribution is a normal one but for 1e-8: how many standard errors
/// `x` is above.
fn normal(a: f64, x: f64) -> Option<f64> {
    let near = a > 1e14 && (x - a).abs() < 30.0 * a.sqrt();
    near.then(|| (2.0 * deviance(a, x)).max(0.0).sqrt().copysign(x - a))
}

/// Terms after which a fraction is taken as it is; where `x` is near the parameter it needs about 14 times the cube
/// root: 140,000 for 1e12.
const TERMS: u32 = 1_000_000;

/// `1 / (a - x + x / (a + 1 - x + 2 x / (a + 2 - x + ...)))`, for `x` up to `a`.
fn lower_by_fraction(a: f64, x: f64) -> f64 {
    let inner = fraction(a + 1.0 - x, |n| ((n + 1.0) * x, a + n + 1.0 - x));
    (a - x + x / inner).recip()
}

/// `1 / (x + 1 - k - (1 - k) / (x + 3 - k - 2 (2 - k) / (x + 5 - k - ...)))`, for `k` up to `x + 1`.
fn upper_by_fraction(k: f64, x: f64) -> f64 {
    fraction(x + 1.0 - k, |n| (n * (k - n), x + 2.0 * n + 1.0 - k)).recip()
}

/// `first + n1 / (d1 + n2 / (d2 + ...))` by Lentz's method.
fn fraction(first: f64, term: impl Fn(f64) -> (f64, f64)) -> f64 {
    let keep = |v: f64| if v.abs() < 1e-100 { 1e-100 } else { v };
    let (mut value, mut c, mut d) = (keep(first), keep(first), 0.0);
    for n in 1..TERMS {
        let (above, below) = term(f64::from(n));
        d = keep(below + above * d).recip();
        c = keep(below + above / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// Sum of terms that are each a product's next step times a weight of their own.
fn series(first: f64, weight: f64, step: impl Fn(f64) -> (f64, f64)) -> f64 {
    let (mut product, mut sum) = (first, first * weight);
    for n in 1..TERMS {
        let (factor, weight) = step(f64::from(n));
        product *= factor;
        let next = sum + product * weight;
        // Terms rise before they fall.
        if factor < 0.5 && next.to_bits() == sum.to_bits() {
            break;
        }
        sum = next;
    }
    sum
}

/// For `x` below 1 and `k` from -40 to 1/2: the power series at the parameter next to 0, and from there downwards.
fn upper_near_zero(k: f64, x: f64) -> f64 {
    let steps = (-k).round().max(0.0);
    let near = k + steps;
    // ln Gamma(1 + near) / near, by its own series where the division would lose digits.
    let slope = if near.abs() < 0.01 {
        const SERIES: [f64; 7] = [
            -0.577_215_664_901_532_9,
            0.822_467_033_424_113_2,
            -0.400_685_634_386_531_4,
            0.270_580_808_427_784_5,
            -0.207_385_551_028_673_98,
            0.169_557_176_997_408_2,
            -0.144_049_896_768_846_1,
        ];
        SERIES.iter().rev().fold(0.0, |sum, c| sum * near + c)
    } else {
        ln_gamma(1.0 + near) / near
    };
    let rate = slope - x.ln();
    let exponent = rate * near;
    let front = if exponent == 0.0 { rate } else { rate * (exponent.exp_m1() / exponent) };
    let (mut power, mut rest) = (1.0, 0.0);
    for n in 1..30 {
        let n = f64::from(n);
        power *= -x / n;
        rest += power / (near + n);
    }
    let mut value = x.exp() * (front - rest);
    let mut at = near;
    while at - k > 0.5 {
        at -= 1.0;
        value = (1.0 - x * value) / -at;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numerical integration with 40 digits.
    const LOWER: &[(f64, f64, f64)] = &[
        (10_000.0, 4_000.0, -8.699_625_809_977_067),
        (10_100.0, 4_100.0, -8.699_628_585_731_694),
        (10_000.0, 9_999.0, -4.384_654_123_619_478),
        (10_000.0, 10_000.0, -4.376_714_413_852_06),
        (10_000.0, 10_300.0, 0.724_282_687_970_797_7),
        (10_000.0, 30_000.0, 9_010.190_889_999_453),
        (1e9, 1e9, -10.135_833_155_338_77),
        (1e9, 1.00005e9, -8.251_345_469_917_904),
        (5.0, -3.0, -2.033_434_463_347_187),
        (5.0, -1e6, -13.815_514_557_960_27),
        (2.0, -60.0, -4.111_151_680_538_482),
        (1e6, -1e6, -14.508_657_488_524_19),
        (1.0, 1e-5, 0.000_005_000_004_166_666_667),
        (1.0, 5.0, 3.383_801_338_116_411),
        (1.5, 1.4, 0.223_729_612_035_947_8),
        (30.0, -40.0, -4.240_282_226_832_571),
        (30.0, 400.0, 291.513_102_553_928_5),
        (0.001, -20.0, -2.941_303_119_350_457),
        (0.3, -36.0, -3.563_285_322_377_687),
        (1e-9, -1.0, 19.723_265_838_264_31),
        (1e-7, -37.0, -3.582_698_536_792_168),
        (0.5, 0.9, 1.326_944_816_579_568),
        (1e-9, 0.9, 21.623_265_836_214_37),
        (1e-9, 3.0, 23.723_265_835_257_53),
        (0.5, 20.0, 19.074_498_805_893_74),
        (0.999, 1.001, 0.543_167_955_896_484_6),
        (0.2, -300.0, -5.701_103_249_066_17),
    ];
    const UPPER: &[(f64, f64, f64)] = &[
        (10_000.0, 10_000.0, -4.382_033_659_753_908),
        (4_000.0, 10_000.0, -8.699_792_379_539_111),
        (10_300.0, 10_000.0, 0.753_226_732_434_667_6),
        (30_000.0, 10_000.0, 12_954.133_125_023_95),
        (1e9, 1e9, -10.135_849_976_222_25),
        (1.00005e9, 1e9, -8.251_350_595_214_45),
        (-3.3, 2.0, -1.738_389_526_372_031),
        (-50.0, 0.01, -3.912_227_065_371_651),
        (-1e6, 0.001, -13.815_510_558_964_28),
        (-40.5, 1e-6, -3.701_301_999_428_949),
        (-39.5, 1e-6, -3.676_300_697_881_102),
        (-20.0, 1e-6, -2.995_732_326_185_568),
        (0.0, 1e-6, 2.583_114_833_241_955),
        (1e-5, 0.3, 0.200_935_123_173_241_4),
        (-0.5, 0.3, -0.161_905_339_099_046_8),
        (0.5, 0.999, -0.276_420_713_925_729_8),
        (0.5, 1.0, -0.277_240_567_008_548_2),
        (0.51, 0.99, -0.263_820_631_602_871),
        (2.5, 0.9, 1.315_773_051_085_852),
        (0.0, 1.0, -0.516_931_959_002_045_6),
        (-1.0, 1.0, -0.907_200_578_598_345_5),
        (40.0, 0.001, 382.942_971_419_928_9),
        (9.0, 100.0, -4.522_711_789_917_071),
        (-300.0, 100.0, -5.992_090_131_169_463),
    ];

    #[test]
    fn the_two_integrals_are_exact_for_parameters_of_either_sign() {
        for (lower, table) in [(true, LOWER), (false, UPPER)] {
            for &(a, x, exact) in table {
                let found = if lower { ln_lower(a, x) } else { ln_upper(a, x) };
                let within = 1e-12 * f64::max(exact.abs(), 1.0);
                assert!((found - exact).abs() < within, "{lower} {a} {x}: {found} instead of {exact}");
            }
        }
    }

    #[test]
    fn where_fractions_end_the_normal_distribution_goes_on() {
        for (a, x, lower, upper) in [
            (9e13, 9e13, -15.839_624_012_449_87, -15.839_624_068_519_48),
            (1e15, 1e15, -17.043_596_836_400_17, -17.043_596_853_221_06),
            (1e15, 1.000_000_06e15, -14.579_765_049_128_33, -18.094_716_860_798_84),
            (1e15, 0.999_999_94e15, -18.094_716_841_916_25, -14.579_764_901_406_18),
        ] {
            for (found, exact) in [(ln_lower(a, x), lower), (ln_upper(a, x), upper)] {
                assert!((found / exact - 1.0).abs() < 1e-8, "{a} {x}: {found} instead of {exact}");
            }
        }
    }

    #[test]
    fn every_number_is_finite() {
        for a in [1e-300, 1e-12, 0.3, 1.0, 7.0, 1e12, 1e110] {
            for x in [1e-300, 1e-12, 0.3, 0.999, 1.0, 7.0, 1e12, 1e110] {
                for found in [ln_lower(a, x), ln_lower(a, -x), ln_upper(a, x), ln_upper(-a, x), ln_upper(0.0, x)] {
                    assert!(found.is_finite(), "{a} {x}");
                }
            }
        }
    }
}
