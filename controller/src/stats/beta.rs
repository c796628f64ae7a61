//! The beta and Dirichlet functions where counts are large or tails tiny: everything in logarithms, so that a probability of e^-800 stays a
//! number, and without differences of large logarithms, so that counts of 10^9 keep their digits. Owns these functions; knows no test.
//!
//! `statrs`'s `beta_reg` gives 0 for tails below 1e-308 and stops its continued fraction after 140 terms; both matter here.
//!
//! Sources: Loader 2000 (saddle-point form of the binomial density); the continued fraction of DiDonato and Morris 1992 by Lentz's method.

use statrs::function::gamma::ln_gamma;

use super::normal::LN_ROOT_TAU;
use super::real::{length, real};

/// ln I_x(a, b), the logarithm of the regularised incomplete beta function: ln P(Beta(a, b) <= x). `a`, `b` above 0.
#[must_use]
pub fn ln_share(a: f64, b: f64, x: f64) -> f64 {
    ln_share_apart(a, b, (x, 1.0 - x))
}

/// The same where 1 - x is known in full precision: x and it are given.
#[must_use]
pub fn ln_share_apart(a: f64, b: f64, (x, y): (f64, f64)) -> f64 {
    if y <= 0.0 {
        return 0.0;
    }
    let x = x.max(1e-300);
    if x < (a + 1.0) / (a + b + 2.0) { ln_tail(a, b, x, y).min(0.0) } else { ln_1m_exp(ln_tail(b, a, y, x)) }
}

/// ln(1 - e^z) for z at or below 0; finite.
pub(super) fn ln_1m_exp(z: f64) -> f64 {
    if z > -1e-300 { LEAST } else { (-z.exp()).ln_1p().max(LEAST) }
}

/// Below every logarithm that can matter, and finite.
const LEAST: f64 = -1e300;

/// The tail in which the continued fraction converges: `x` below the mean. `y` is 1 - x, in full precision.
fn ln_tail(a: f64, b: f64, x: f64, y: f64) -> f64 {
    // x^a y^b / (a B(a, b))
    let front = -ln_dirichlet(&[(a, x), (b, y)]) - a.ln();
    front + fraction(a, b, x).ln()
}

/// Terms after which the fraction is taken as it is; near the mean it needs about the root of the counts: 30,000 for 10^9.
const TERMS: u32 = 1_000_000;

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let keep = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let (mut c, mut d) = (1.0, keep(1.0 - (a + b) * x / (a + 1.0)).recip());
    let mut h = d;
    for m in 1..TERMS {
        let m = f64::from(m);
        let at = a + 2.0 * m;
        let even = m * (b - m) * x / ((at - 1.0) * at);
        d = keep(1.0 + even * d).recip();
        c = keep(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / (at * (at + 1.0));
        d = keep(1.0 + odd * d).recip();
        c = keep(1.0 + odd / c);
        h *= d * c;
        if (d * c - 1.0).abs() < 1e-15 {
            break;
        }
    }
    h.max(1e-300)
}

/// ln of B(alpha) / product of p^alpha, for pairs (alpha, p) with alpha above 0 and p that sum to 1: the Dirichlet normaliser against the
/// probability of the same counts under the shares p. Written as Stirling's formula and deviances, so nothing large cancels.
#[must_use]
pub fn ln_dirichlet(pairs: &[(f64, f64)]) -> f64 {
    let total: f64 = pairs.iter().map(|(alpha, _)| alpha).sum();
    let of_parts: f64 =
        pairs.iter().map(|(alpha, p)| deviance(*alpha, total * p) - alpha.ln() / 2.0 + beyond_stirling(*alpha)).sum();
    of_parts + total.ln() / 2.0 - beyond_stirling(total) + (length(pairs) - 1.0) * LN_ROOT_TAU
}

/// x ln(x / mean) + mean - x without cancellation near x = mean.
pub(super) fn deviance(x: f64, mean: f64) -> f64 {
    let mean = mean.max(1e-300);
    let v = (x - mean) / (x + mean);
    if v.abs() >= 0.1 {
        let ratio = x / mean;
        return x * if ratio.is_normal() { ratio.ln() } else { x.ln() - mean.ln() } + mean - x;
    }
    let mut sum = (x - mean) * v;
    let (mut power, mut odd) = (2.0 * x * v, 1.0);
    loop {
        power *= v * v;
        odd += 2.0;
        let next = sum + power / odd;
        if next.to_bits() == sum.to_bits() || odd > 1_000.0 {
            return next;
        }
        sum = next;
    }
}

/// ln Gamma(z) minus Stirling's (z - 1/2) ln z - z + ln(2 pi) / 2.
pub(super) fn beyond_stirling(z: f64) -> f64 {
    if z < 16.0 {
        return ln_gamma(z) - ((z - 0.5) * z.ln() - z + LN_ROOT_TAU);
    }
    let w = (z * z).recip();
    (1.0 / 12.0 - w * (1.0 / 360.0 - w * (1.0 / 1_260.0 - w * (1.0 / 1_680.0 - w / 1_188.0)))) / z
}

/// ln of the number of ways to choose `k` of `n`; 0 where k is 0 or n.
#[must_use]
pub fn ln_choose(n: u64, k: u64) -> f64 {
    if k == 0 || k >= n {
        return 0.0;
    }
    let ln_factorial = |m: u64| ln_gamma(real(m) + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[cfg(test)]
mod tests {
    use statrs::function::beta::{beta_reg, ln_beta};

    use super::*;

    #[test]
    fn agrees_with_plain_formulas_where_those_are_good() {
        for (a, b) in [(1.0, 1.0), (0.3, 7.0), (2.5, 40.0), (300.0, 12.0), (15.9, 16.1)] {
            for x in [1e-6, 0.02, 0.3, 0.5, 0.77, 0.999] {
                let plain = beta_reg(a, b, x);
                if plain > 1e-280 {
                    assert!((ln_share(a, b, x) - plain.ln()).abs() < 1e-9 * plain.ln().abs().max(1.0), "{a} {b} {x}");
                }
                let normaliser = ln_beta(a, b) - a * x.ln() - b * (1.0 - x).ln();
                assert!((ln_dirichlet(&[(a, x), (b, 1.0 - x)]) - normaliser).abs() < 1e-10 * normaliser.abs().max(1.0));
            }
        }
    }

    #[test]
    fn symmetric_and_finite_everywhere() {
        // The middle of equal counts is a half; statrs's capped fraction gives 0.4912.
        assert!((ln_share(1e6 + 1.0, 1e6 + 1.0, 0.5) - 0.5f64.ln()).abs() < 1e-9);
        for (a, b, x) in [(1.0, 1e9, 0.5), (1e9, 1.0, 0.5), (1e9, 1e9, 1e-9), (1e9, 1e9, 1.0 - 1e-9), (1.0, 1.0, 0.0)] {
            let (below, above) = (ln_share(a, b, x), ln_share(b, a, 1.0 - x));
            assert!(below.is_finite() && above.is_finite() && below <= 0.0 && above <= 0.0, "{a} {b} {x}");
        }
    }
}
