//! Methods on boundaries, and the rules of an analysis: goals, splits, fields of answers.

use serde_json::{Value, json};

use super::Method;
use super::input::{AMOUNT, INNER, Input, POSITIVE, QUANTILE, REAL};
use crate::judge::analysis::{Arm, Arms, Better, Goal, Kind, Outcome, compare};
use crate::judge::mismatch::split_p;
use crate::observation::CELL_COUNT;
use crate::stats::boundary::{Family, GammaMixture, distribution_band, quantile_ranks, stitched};
use crate::stats::paired::is_shown;
use crate::stats::sequence::always_valid_p;

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "gamma-mixture",
        what: "evidence that a sum drifts upwards, at any time, for increments with a heavy tail (or bounded ones: poisson)",
        example: r#"{"sum": 10, "variance": 100, "scale": 2, "tightest_at": 100, "poisson": false}"#,
        run: gamma,
    },
    Method {
        name: "stitching",
        what: "the stitched boundary of a sum, holding at every time from a least variance on",
        example: r#"{"variance": 100, "least": 10, "scale": 3}"#,
        run: |input| {
            let (variance, least) = (input.number("variance", AMOUNT), input.number("least", POSITIVE));
            let (scale, alpha) = (input.number_or("scale", 0.0, REAL), input.number_or("alpha", 0.05, INNER));
            json!({ "bound": stitched(variance, alpha, least, scale) })
        },
    },
    Method {
        name: "distribution-band",
        what: "the band around a whole distribution function, holding at every time from a least number of values on",
        example: r#"{"n": 1000, "least": 100}"#,
        run: |input| {
            let (n, least) = (input.number("n", POSITIVE), input.number("least", POSITIVE));
            json!({ "half_width": distribution_band(n, input.number_or("alpha", 0.05, INNER), least) })
        },
    },
    Method {
        name: "quantile-sequence",
        what: "between which quantiles of the sample a quantile lies, at every time at once",
        example: r#"{"quantile": 0.9, "n": 1000, "tightest_at": 100}"#,
        run: quantiles,
    },
    Method {
        name: "goal",
        what: "better, worse, tie, inconclusive, or no verdict yet: [hits, requests] of each of the 20 cells",
        example: GOAL,
        run: goal,
    },
    Method {
        name: "split",
        what: "are requests split by the weight, with the variance between cells: [candidate, control] of each cell",
        example: r#"{"cells": [[52, 948], [47, 960], [55, 1001], [49, 930]], "weight": 0.05}"#,
        run: split,
    },
    Method {
        name: "shown-field",
        what: "is a field of compared answers worth showing: differences, noise, all pairs (Diffy's rule)",
        example: r#"{"differs": 31, "noise": 20, "pairs": 1000}"#,
        run: |input| {
            let (differs, noise) = (input.count("differs"), input.count("noise"));
            json!({ "shown": is_shown(differs, noise, input.count("pairs")) })
        },
    },
];

pub(super) const GOAL: &str =
    r#"{"minimum_effect": 0.02, "candidate": [[5, 25], [6, 25]], "control": [[2, 25], [3, 25]]}"#;

fn gamma(input: &mut Input<'_>) -> Value {
    let (sum, variance) = (input.number("sum", REAL), input.number("variance", AMOUNT));
    let (best, alpha) = (input.number("tightest_at", POSITIVE), input.number_or("alpha", 0.05, INNER));
    let (scale, poisson) = (input.number("scale", POSITIVE), input.yes("poisson"));
    if input.is_faulty() || !in_units(input, scale, sum, variance, best) {
        return Value::Null;
    }
    let family = if poisson { Family::Poisson } else { Family::Exponential };
    let mixture = GammaMixture::tightest_at(family, best, alpha, scale);
    let ln = mixture.ln_evidence(sum, variance);
    json!({ "ln_evidence": ln, "p": always_valid_p(ln), "bound": mixture.bound(variance, alpha) })
}

/// The mixture's integrals are exact and quick for these sums and variances, in units of the scale.
fn in_units(input: &mut Input<'_>, scale: f64, sum: f64, variance: f64, best: f64) -> bool {
    let square = scale * scale;
    let ranges = [
        ("scale", scale, (1e-6..=1e6).contains(&scale), "from 1e-6 to 1e6"),
        ("sum", sum, (sum / scale).abs() <= 1e12, "at most 1e12 times scale, in either direction"),
        ("variance", variance, variance / square <= 1e10, "at most 1e10 times the square of scale"),
        ("tightest_at", best, (1e-6..=1e10).contains(&(best / square)), "from 1e-6 to 1e10 times the square of scale"),
    ];
    for (name, found, _, words) in ranges.iter().filter(|(_, _, within, _)| !within) {
        input.refuse(name, found.to_string(), words);
    }
    ranges.iter().all(|(_, _, within, _)| *within)
}

fn quantiles(input: &mut Input<'_>) -> Value {
    let (p, n) = (input.number("quantile", QUANTILE), input.number("n", POSITIVE));
    let (alpha, best) = (input.number_or("alpha", 0.05, INNER), input.number_or("tightest_at", 1_000.0, POSITIVE));
    let (below, above) = (quantile_ranks(1.0 - p, n, alpha, best), quantile_ranks(p, n, alpha, best));
    json!({ "low": (p - below / n).max(0.0), "high": (p + above / n).min(1.0), "ranks_below": below, "ranks_above": above })
}

fn goal(input: &mut Input<'_>) -> Value {
    let effect = input.number("minimum_effect", INNER);
    let better = if input.yes("lower_is_better") { Better::Lower } else { Better::Higher };
    let (alpha, power) = (input.number_or("alpha", 0.05, INNER), input.number_or("power", 0.8, INNER));
    let (Some(candidate), Some(control)) = (arm(input, "candidate"), arm(input, "control")) else { return Value::Null };
    let goal = Goal { minimum_effect: effect, better, alpha, power };
    let found = compare(&goal, Kind::Share, &Arms { candidate, control });
    if found.outcome == Outcome::NoData {
        input.refuse("candidate", "nothing counted".to_owned(), "requests of both");
        return Value::Null;
    }
    let mut answer = json!({
        "outcome": found.outcome,
        "candidate": found.candidate,
        "control": found.control,
        "difference": found.difference,
        "needed": found.needed,
        "seen": found.seen,
    });
    if found.interval.0.abs() < 1e300 {
        answer["interval"] = json!(found.interval);
    }
    answer["newcombe"] = json!(found.newcombe.unwrap_or((-1.0, 1.0)));
    answer
}

fn arm(input: &mut Input<'_>, name: &'static str) -> Option<Arm> {
    let rows = input.rows::<2>(name, AMOUNT);
    if rows.len() > CELL_COUNT || rows.iter().any(|[hits, all]| hits > all) {
        input.refuse(
            name,
            format!("{} cells", rows.len()),
            "at most 20 cells of [hits, requests], hits at most requests",
        );
        return None;
    }
    let mut cells = [(0.0, 0.0); CELL_COUNT];
    for (place, [hits, all]) in cells.iter_mut().zip(&rows) {
        *place = (*hits, *all);
    }
    Some(Arm::new(cells, rows.iter().map(|row| row[0]).sum()))
}

fn split(input: &mut Input<'_>) -> Value {
    let rows = input.rows::<2>("cells", AMOUNT);
    let weight = input.number("weight", INNER);
    let cells: Vec<(f64, f64)> = rows.into_iter().map(|[candidate, control]| (candidate, control)).collect();
    let (candidate, control) = cells.iter().fold((0.0, 0.0), |(e, c), cell| (e + cell.0, c + cell.1));
    match split_p(&cells, weight) {
        Some(p) => json!({ "share": candidate / (candidate + control), "expected": weight, "p": p }),
        None => {
            input.refuse("cells", format!("{} cells", cells.len()), "at least two cells with requests");
            Value::Null
        }
    }
}
