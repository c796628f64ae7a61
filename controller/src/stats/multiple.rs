//! Many looks at once: fields, segments, metrics. Owns the corrections; knows nothing of what was looked at.
//!
//! Sources: Holm 1979; Benjamini and Hochberg 1995; Wang and Ramdas 2022 (e-BH, which needs no independence).

use super::real::length;

/// Holm's p values: the chance of even one false alarm stays below alpha if only those below alpha count.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let all = length(p);
    let mut most = 0.0f64;
    adjusted(p, ranked(p), |place, p| {
        most = most.max((all - place) * p);
        most.min(1.0)
    })
}

/// Benjamini and Hochberg's p values: of those below q, a share of at most q is expected to be false alarms.
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let all = length(p);
    let mut ranks = ranked(p);
    ranks.reverse();
    let mut least = 1.0f64;
    adjusted(p, ranks, |place, p| {
        least = least.min(all / (all - place) * p);
        least
    })
}

/// Which of these evidences (natural logarithms) count at level `alpha`: the most for which the k-th largest is at least n / (alpha k).
/// Valid whatever depends on what.
#[must_use]
pub fn e_bh(ln_evidence: &[f64], alpha: f64) -> Vec<bool> {
    let mut sorted = ln_evidence.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let enough = (length(ln_evidence) / alpha.max(1e-300)).ln();
    let mut k = 0.0f64;
    let passes = |ln: &&f64| {
        k += 1.0;
        **ln + k.ln() >= enough
    };
    let least = sorted.iter().filter(passes).last().copied();
    ln_evidence.iter().map(|ln| least.is_some_and(|least| *ln >= least)).collect()
}

/// ln of the mean of evidences (natural logarithms): one evidence for all of them together, whatever depends on what.
#[must_use]
pub fn ln_mean(ln_evidence: &[f64]) -> f64 {
    let Some(most) = ln_evidence.iter().copied().reduce(f64::max) else { return 0.0 };
    most + (ln_evidence.iter().map(|ln| (ln - most).exp()).sum::<f64>() / length(ln_evidence)).ln()
}

fn ranked(p: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..p.len()).collect();
    places.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    places
}

/// The values in the order of `ranks`, each with its place in it, put back where they came from.
fn adjusted(p: &[f64], ranks: Vec<usize>, mut adjust: impl FnMut(f64, f64) -> f64) -> Vec<f64> {
    let mut found = vec![1.0; p.len()];
    let mut place = 0.0;
    for i in ranks {
        found[i] = adjust(place, p[i]);
        place += 1.0;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: [f64; 6] = [
        0.005_338_248_865_031_31,
        0.832_757_484_975_357_6,
        0.188_057_372_671_951_6,
        0.002_026_764_254_350_234,
        0.130_948_751_633_431_8,
        0.107_611_873_063_173_1,
    ];

    #[test]
    fn corrections_as_the_literature_has_them() {
        let close = |found: &[f64], expected: [f64; 6]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
            }
        };
        let holms =
            [0.026_691_244_3, 0.832_757_485_0, 0.430_447_492_3, 0.012_160_585_5, 0.430_447_492_3, 0.430_447_492_3];
        close(&holm(&RAW), holms);
        let rates =
            [0.016_014_746_6, 0.832_757_485_0, 0.225_668_847_2, 0.012_160_585_5, 0.196_423_127_5, 0.196_423_127_5];
        close(&benjamini_hochberg(&RAW), rates);
        assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
    }

    #[test]
    fn evidences_count_together() {
        let ln = |e: f64| e.ln();
        for (evidences, counted) in [
            (&[ln(100.0), ln(1.0), ln(0.1)][..], &[true, false, false][..]),
            (&[ln(59.0), ln(1.0), ln(0.1)], &[false, false, false]),
            // Neither of the two would count alone among three; together they do.
            (&[ln(30.0), ln(0.1), ln(31.0)], &[true, false, true]),
            (&[], &[]),
        ] {
            assert_eq!(e_bh(evidences, 0.05), counted, "{evidences:?}");
        }
        assert!((ln_mean(&[ln(10.0), ln(20.0), ln(0.0001)]) - ln(30.0001 / 3.0)).abs() < 1e-12);
        assert!((ln_mean(&[800.0, 0.0]) - (800.0 - 2f64.ln())).abs() < 1e-9);
        assert_eq!(ln_mean(&[]), 0.0);
    }

    #[test]
    fn order_does_not_matter_and_no_correction_lowers_p() {
        let mut turned = RAW;
        turned.reverse();
        for method in [holm, benjamini_hochberg] {
            let mut back = method(&turned);
            back.reverse();
            assert_eq!(back, method(&RAW));
            assert!(method(&RAW).iter().zip(RAW).all(|(found, raw)| *found >= raw));
        }
    }
}
