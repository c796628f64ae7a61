//! Methods that may be looked at at any time: evidence and confidence sequences.

use serde_json::{Value, json};

use super::Method;
use super::input::{AMOUNT, INNER, Input, POSITIVE, REAL, SHARE};
use crate::judge::evidence::odds;
use crate::stats::Side;
use crate::stats::count::{Counts, share_of, share_sequence};
use crate::stats::mean::{Estimate, Sample, difference, freedom, lift, one_look};
use crate::stats::sequence::{Asymptotic, NormalMixture, always_valid_p, ln_msprt};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "count-evidence",
        what: "evidence that the candidate has more errors than tolerated, from two counts; share, or exposure and ratio",
        example: r#"{"candidate": 30, "control": 570, "exposure": 0.01, "ratio": 2}"#,
        run: counts,
    },
    Method {
        name: "share-sequence",
        what: "where a share lies, at every time at once",
        example: r#"{"seen": [700, 1000], "tightest_at": 1000, "alpha": 0.05}"#,
        run: share,
    },
    Method {
        name: "normal-mixture",
        what: "evidence and boundary of a sum with known variance; side: two (usual), greater, less",
        example: r#"{"sum": 10, "variance": 100, "tightest_at": 100, "alpha": 0.05}"#,
        run: mixture,
    },
    Method {
        name: "asymptotic",
        what: "confidence sequence around an estimate with its standard error; side: two (usual), greater (low end), less (high end)",
        example: r#"{"value": 0.504, "error": 0.0339, "n": 6461, "tightest_at": 5000, "alpha": 0.05}"#,
        run: asymptotic,
    },
    Method {
        name: "means",
        what: "difference and lift of two means, each [mean, variance of a value, n], with confidence sequences and Welch's one look",
        example: r#"{"first": [0.4656, 17.25, 3000], "second": [0.7, 38.44, 3461]}"#,
        run: means,
    },
    Method {
        name: "msprt",
        what: "mixture likelihood ratio of two shares; tau2 is the variance of plausible differences",
        example: r#"{"first": [500, 5000], "second": [600, 5000], "tau2": 0.0001}"#,
        run: msprt,
    },
];

fn counts(input: &mut Input<'_>) -> Value {
    let (candidate, control) = (input.number("candidate", AMOUNT), input.number("control", AMOUNT));
    let share = if input.has("share") {
        input.number("share", INNER)
    } else {
        share_of(input.number("exposure", INNER), input.number_or("ratio", 2.0, POSITIVE))
    };
    let prior = (input.number_or("prior_candidate", 1.0, POSITIVE), input.number_or("prior_control", 1.0, POSITIVE));
    let counts = Counts { candidate, control, share, prior };
    let one = counts.ln_one_sided();
    json!({
        "tolerated_share": share,
        "ln_evidence": one,
        "odds": odds(one),
        "p": always_valid_p(one),
        "ln_evidence_two_sided": counts.ln_two_sided(),
    })
}

fn share(input: &mut Input<'_>) -> Value {
    let (seen, alpha) = (input.hits("seen"), input.number_or("alpha", 0.05, INNER));
    let (low, high) = share_sequence(seen.hits, seen.all, alpha, input.number_or("tightest_at", 1_000.0, POSITIVE));
    json!({ "share": seen.share(), "low": low, "high": high })
}

fn mixture(input: &mut Input<'_>) -> Value {
    let (sum, variance) = (input.number("sum", REAL), input.number("variance", AMOUNT));
    let (best, alpha) = (input.number("tightest_at", POSITIVE), input.number_or("alpha", 0.05, INNER));
    let side = input.side(Side::Two);
    let mixture = NormalMixture::tightest_at(best, alpha, side != Side::Two);
    // A sum that should be less is its mirror image.
    let sum = if side == Side::Less { -sum } else { sum };
    let ln = mixture.ln_evidence(sum, variance);
    let bound = mixture.bound(variance, alpha);
    json!({ "rho": mixture.rho, "ln_evidence": ln, "p": always_valid_p(ln), "bound": bound })
}

fn asymptotic(input: &mut Input<'_>) -> Value {
    let estimate = Estimate { value: input.number("value", REAL), error: input.number("error", AMOUNT) };
    let n = input.number("n", POSITIVE);
    sequence(input, estimate, n)
}

fn sequence(input: &mut Input<'_>, estimate: Estimate, n: f64) -> Value {
    let (best, alpha) = (input.number_or("tightest_at", 5_000.0, POSITIVE), input.number_or("alpha", 0.05, INNER));
    let Estimate { value, error } = estimate;
    match input.side(Side::Two) {
        Side::Two => {
            let half = Asymptotic::tightest_at(best, alpha).half_width(error, n, alpha);
            json!({ "value": value, "error": error, "low": value - half, "high": value + half })
        }
        side => {
            let width = Asymptotic::tightest_at(best, 2.0 * alpha).one_sided_width(error, n, alpha);
            let (end, bound) = if side == Side::Greater { ("low", value - width) } else { ("high", value + width) };
            json!({ "value": value, "error": error, end: bound })
        }
    }
}

fn means(input: &mut Input<'_>) -> Value {
    let (first, second) = (sample(input, "first"), sample(input, "second"));
    let mut answer = json!({ "difference": compared(input, difference(first, second), (first, second)) });
    if let Some(lift) = lift(first, second) {
        answer["lift"] = compared(input, lift, (first, second));
    }
    answer
}

/// At any time; and at a size that was fixed before, where each has two values.
fn compared(input: &mut Input<'_>, estimate: Estimate, (first, second): (Sample, Sample)) -> Value {
    let mut answer = sequence(input, estimate, first.n + second.n);
    if first.n >= 2.0 && second.n >= 2.0 {
        let found = one_look(estimate, freedom(first, second), input.number_or("alpha", 0.05, INNER));
        answer["one_look"] = json!({ "low": found.interval.0, "high": found.interval.1, "p": found.p });
    }
    answer
}

fn sample(input: &mut Input<'_>, name: &'static str) -> Sample {
    const WORDS: &str = "[mean, variance, n] with variance from 0 and n from 1";
    let harmless = Sample { mean: 1.0, variance: 1.0, n: 1.0 };
    let Some([mean, variance, n]) = input.list_of::<3>(name, REAL, WORDS) else { return harmless };
    if variance < 0.0 || n < 1.0 {
        input.refuse(name, format!("[{mean}, {variance}, {n}]"), WORDS);
        return harmless;
    }
    Sample { mean, variance, n }
}

fn msprt(input: &mut Input<'_>) -> Value {
    let (first, second) = (input.hits("first"), input.hits("second"));
    let tau2 = input.number("tau2", SHARE);
    let spread = |share: f64, n: f64| share * (1.0 - share) / n;
    let variance = spread(first.share(), first.all) + spread(second.share(), second.all);
    let apart = second.share() - first.share();
    let ln = ln_msprt(apart, variance, tau2);
    json!({ "difference": apart, "ln_evidence": ln, "p": always_valid_p(ln) })
}
