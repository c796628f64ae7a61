//! Methods on whole samples: mismatches, distributions, pairs, cells, many looks at once.

use serde_json::{Value, json};

use super::Method;
use super::input::{AMOUNT, Allowed, COUNT, INNER, Input, POSITIVE, REAL, SHARE};
use crate::observation::{Bin, Bins};
use crate::stats::mean::{CellRatio, dispersion};
use crate::stats::multiple::{benjamini_hochberg, e_bh, holm, ln_mean};
use crate::stats::paired::{mcnemar, mcnemar_corrected};
use crate::stats::quantile::quantile;
use crate::stats::rank::{binned, drift, exact_ranks, ranks};
use crate::stats::sequence::always_valid_p;
use crate::stats::{Side, mismatch, real_to_count};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "sample-ratio",
        what: "are counts of users what the weights promise: once (p), and at any time (p_any_time)",
        example: r#"{"counts": [821588, 815482], "shares": [0.5, 0.5]}"#,
        run: ratio,
    },
    Method {
        name: "drift",
        what: "Kolmogorov-Smirnov of two histograms with the same bins, or of values",
        example: r#"{"first": [120, 340, 900, 1500], "second": [100, 300, 820, 1450]}"#,
        run: distance,
    },
    Method {
        name: "ranks",
        what: "Mann-Whitney of two histograms with the same bins, or of values; side: two (usual), greater, less",
        example: r#"{"first": [19, 22, 16, 29, 24], "second": [20, 11, 17, 12], "values": true}"#,
        run: compared,
    },
    Method {
        name: "quantile",
        what: "a quantile of a histogram of [lower, width, count], whole numbers, with its interval, 95 %",
        example: r#"{"bins": [[100, 10, 50], [200, 10, 45], [1000, 100, 5]], "quantile": 0.95}"#,
        run: place,
    },
    Method {
        name: "mcnemar",
        what: "pairs that differ on the first side only, and on the second only",
        example: r#"{"first": 30, "second": 10}"#,
        run: pairs,
    },
    Method {
        name: "cells",
        what: "ratios of sums over cells of users, each [errors, requests], with the variance between; side: two (usual), greater, less",
        example: r#"{"first": [[9, 1000], [11, 1000], [8, 990]], "second": [[12, 900], [30, 1010], [14, 1000]]}"#,
        run: cells,
    },
    Method {
        name: "holm",
        what: "p values of several looks, corrected so that not one false alarm is to be expected",
        example: r#"{"p": [0.005, 0.83, 0.19, 0.002]}"#,
        run: |input| json!({ "p": holm(&input.list("p", SHARE)) }),
    },
    Method {
        name: "benjamini-hochberg",
        what: "p values corrected for the share of false alarms among alarms",
        example: r#"{"p": [0.005, 0.83, 0.19, 0.002]}"#,
        run: |input| json!({ "p": benjamini_hochberg(&input.list("p", SHARE)) }),
    },
    Method {
        name: "e-bh",
        what: "which of several evidences (natural logarithms) count together at alpha, and ln of their mean",
        example: r#"{"ln_evidence": [5.2, -0.4, 3.9], "alpha": 0.05}"#,
        run: evidences,
    },
];

fn ratio(input: &mut Input<'_>) -> Value {
    let (counts, shares) = (input.list("counts", AMOUNT), input.list("shares", POSITIVE));
    let weight = input.number_or("weight", 10_000.0, POSITIVE);
    if counts.len() != shares.len() || counts.len() < 2 {
        input.refuse(
            "shares",
            format!("{} for {} counts", shares.len(), counts.len()),
            "one for each of at least two counts",
        );
        return Value::Null;
    }
    let test = mismatch::chi_square(&counts, &shares);
    let ln = mismatch::ln_evidence(&counts, &shares, weight);
    json!({ "chi_square": test.statistic, "p": test.p, "ln_evidence": ln, "p_any_time": always_valid_p(ln) })
}

/// Two samples as bins; `values` says that the lists hold values. `None` after a finding.
fn two(input: &mut Input<'_>) -> Option<(Vec<f64>, Vec<f64>)> {
    let values = input.yes("values");
    let allowed: Allowed = if values { REAL } else { AMOUNT };
    let (first, second) = (input.list("first", allowed), input.list("second", allowed));
    if values {
        return Some(binned(&first, &second)).filter(|_| !first.is_empty() && !second.is_empty());
    }
    if first.len() != second.len() {
        input.refuse("second", format!("{} bins", second.len()), &format!("as many as first: {}", first.len()));
        return None;
    }
    for (name, list) in [("first", &first), ("second", &second)] {
        if !list.is_empty() && list.iter().sum::<f64>() <= 0.0 {
            input.refuse(name, "nothing counted".to_owned(), "at least one count above 0");
        }
    }
    Some((first, second))
}

fn distance(input: &mut Input<'_>) -> Value {
    let found = two(input).and_then(|(first, second)| drift((&first, &second)));
    found.map_or(Value::Null, |found| {
        json!({ "distance": found.distance, "p": found.p, "first_smaller_by": found.above, "p_first_smaller": found.p_above })
    })
}

fn compared(input: &mut Input<'_>) -> Value {
    let values = input.yes("values");
    let side = input.side(Side::Two);
    let Some((first, second)) = two(input) else { return Value::Null };
    let Some(found) = ranks((&first, &second), side) else { return Value::Null };
    let mut answer = json!({ "u": found.u, "first_greater": found.first_greater, "p": found.p });
    let tied = first.iter().zip(&second).any(|(x, y)| x + y > 1.0);
    let sizes = [&first, &second].map(|list| usize::try_from(real_to_count(list.iter().sum())).unwrap_or(usize::MAX));
    if let Some(p) = exact_ranks(found.u, (sizes[0], sizes[1])).filter(|_| values && !tied && side == Side::Two) {
        answer["p_exact"] = json!(p);
    }
    answer
}

fn place(input: &mut Input<'_>) -> Value {
    let rows = input.rows::<3>("bins", COUNT);
    let at = input.number("quantile", INNER);
    let mut bins = Bins::default();
    for [lower, width, count] in rows {
        let bin = Bin { width: real_to_count(width), count: real_to_count(count) };
        bins.merge(&Bins([(real_to_count(lower), bin)].into()));
    }
    let Some(found) = quantile(&bins, at) else {
        input.refuse("bins", "nothing counted".to_owned(), "at least one count above 0");
        return Value::Null;
    };
    json!({ "value": found.value, "low": found.interval.0, "high": found.interval.1, "count": bins.count() })
}

fn pairs(input: &mut Input<'_>) -> Value {
    let (first, second) = (input.count("first"), input.count("second"));
    let corrected = mcnemar_corrected(first, second);
    json!({ "p": mcnemar(first, second), "chi_square": corrected.statistic, "p_chi_square": corrected.p })
}

fn cells(input: &mut Input<'_>) -> Value {
    let side = input.side(Side::Two);
    let (Some(first), Some(second)) = (variant(input, "first"), variant(input, "second")) else { return Value::Null };
    let welch = CellRatio::against(first.0, second.0, side);
    let one = |(cells, dispersion): (CellRatio, f64)| json!({ "ratio": cells.ratio.value, "error": cells.ratio.error, "dispersion": dispersion });
    json!({
        "first": one(first),
        "second": one(second),
        "difference": welch.difference.value,
        "error": welch.difference.error,
        "freedom": welch.freedom,
        "p": welch.p,
    })
}

fn variant(input: &mut Input<'_>, name: &'static str) -> Option<(CellRatio, f64)> {
    let cells: Vec<_> = input.rows::<2>(name, AMOUNT).into_iter().map(|[x, n]| (x, n)).collect();
    let found = CellRatio::of(&cells);
    if found.is_none() && !cells.is_empty() {
        input.refuse(name, format!("{} cells", cells.len()), "at least two cells with requests");
    }
    Some((found?, dispersion(&cells)))
}

fn evidences(input: &mut Input<'_>) -> Value {
    let (ln, alpha) = (input.list("ln_evidence", REAL), input.number_or("alpha", 0.05, INNER));
    json!({ "counts": e_bh(&ln, alpha), "ln_mean": ln_mean(&ln) })
}
