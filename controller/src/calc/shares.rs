//! Methods on shares: tests, intervals, plans.

use serde_json::{Value, json};

use super::Method;
use super::input::{AMOUNT, COUNT, INNER, Input, POSITIVE, SHARE};
use crate::stats::power::{Rates, cohen_h, normal_power, normal_size, time_to, without_failure};
use crate::stats::proportion::{binomial, newcombe, one_proportion, two_proportions, wilson, z_of_confidence};
use crate::stats::{Side, real, real_to_count};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "two-proportions",
        what: "z test of two shares, once at the end; side: two (usual), greater, less",
        example: r#"{"first": [30, 1000], "second": [10, 1000]}"#,
        run: two,
    },
    Method {
        name: "one-proportion",
        what: "z test and exact binomial test of one share",
        example: r#"{"seen": [51, 235], "expected": 0.1667}"#,
        run: one,
    },
    Method {
        name: "wilson",
        what: "interval of a share",
        example: r#"{"seen": [12, 1000], "confidence": 0.95}"#,
        run: interval,
    },
    Method {
        name: "newcombe",
        what: "interval of the difference of two shares",
        example: r#"{"first": [56, 70], "second": [48, 80]}"#,
        run: between,
    },
    Method {
        name: "sample-size",
        what: "requests to see a ratio to control's rate; side, of the candidate: greater or less as the ratio (usual), two",
        example: r#"{"base": 0.01, "ratio": 2, "control_per_request": 19, "alpha": 0.05, "power": 0.8}"#,
        run: size,
    },
    Method {
        name: "power",
        what: "probability to see a ratio to control's rate with so many requests",
        example: r#"{"base": 0.01, "ratio": 2, "requests": 850, "control_per_request": 19}"#,
        run: power,
    },
    Method {
        name: "time-to-decision",
        what: "when sample-size is reached at so many requests a second",
        example: r#"{"base": 0.01, "ratio": 1.5, "control_per_request": 19, "per_second": 47, "so_far": 1200}"#,
        run: time,
    },
    Method {
        name: "effect-size",
        what: "Cohen's h of two shares, the size of each sample that sees it, the power of n",
        example: r#"{"first": 0.5, "second": 0.4, "power": 0.8, "n": 80}"#,
        run: effect,
    },
    Method {
        name: "without-failure",
        what: "requests without an error that bound the rate, 95 % one-sided",
        example: r#"{"ceiling": 0.01}"#,
        run: failures,
    },
];

fn two(input: &mut Input<'_>) -> Value {
    let (first, second, side) = (input.hits("first"), input.hits("second"), input.side(Side::Two));
    let test = two_proportions(first, second, side);
    json!({ "difference": first.share() - second.share(), "z": test.statistic, "p": test.p })
}

fn one(input: &mut Input<'_>) -> Value {
    let (seen, expected, side) = (input.hits("seen"), input.number("expected", INNER), input.side(Side::Two));
    if seen.hits.fract() != 0.0 || seen.all.fract() != 0.0 {
        input.refuse("seen", format!("[{}, {}]", seen.hits, seen.all), "whole numbers");
    }
    let test = one_proportion(seen, expected, side);
    let exact = binomial(real_to_count(seen.hits), real_to_count(seen.all), expected, side);
    json!({ "share": seen.share(), "z": test.statistic, "p": test.p, "p_exact": exact })
}

fn interval(input: &mut Input<'_>) -> Value {
    let (seen, confidence) = (input.hits("seen"), input.number_or("confidence", 0.95, INNER));
    let (low, high) = wilson(seen.hits, seen.all, z_of_confidence(confidence));
    json!({ "share": seen.share(), "low": low, "high": high })
}

fn between(input: &mut Input<'_>) -> Value {
    let (first, second) = (input.hits("first"), input.hits("second"));
    let (low, high) = newcombe(first, second, z_of_confidence(input.number_or("confidence", 0.95, INNER)));
    json!({ "difference": first.share() - second.share(), "low": low, "high": high })
}

/// What to plan for: rates, alpha, side.
fn plan(input: &mut Input<'_>) -> (Rates, f64, Side) {
    let (base, ratio) = (input.number("base", INNER), input.number("ratio", POSITIVE));
    let first_per_second = input.number_or("control_per_request", 1.0, POSITIVE);
    let second = base * ratio;
    if (ratio - 1.0).abs() < 1e-9 || second >= 1.0 {
        input.refuse("ratio", ratio.to_string(), "another rate than control's, below 1 in all");
    }
    let usual = if ratio < 1.0 { Side::Less } else { Side::Greater };
    let (alpha, side) = (input.number_or("alpha", 0.05, INNER), input.side(usual));
    (Rates { first: base, second: second.min(0.999_999_999), first_per_second }, alpha, side)
}

fn sizes(input: &mut Input<'_>) -> (f64, f64) {
    let (rates, alpha, side) = plan(input);
    let power = input.number_or("power", 0.8, INNER);
    if power <= alpha {
        // No request at all has a power of alpha.
        input.refuse("power", power.to_string(), &format!("above alpha, {alpha}, and below 1"));
    }
    match side {
        Side::Less if rates.second > rates.first => {
            input.refuse("side", "\"less\"".to_owned(), "\"greater\" or \"two\": they find a ratio above 1");
        }
        Side::Greater if rates.second < rates.first => {
            input.refuse("side", "\"greater\"".to_owned(), "\"less\" or \"two\": they find a ratio below 1");
        }
        _ => {}
    }
    // A ratio of 1 has been refused; its size is infinite.
    let candidate = rates.sample_size(alpha, power, side).clamp(1.0, 9e15).ceil();
    (candidate, (candidate * rates.first_per_second).min(1e100).ceil())
}

fn size(input: &mut Input<'_>) -> Value {
    let (candidate, control) = sizes(input);
    json!({ "candidate": candidate, "control": control, "total": candidate + control })
}

fn power(input: &mut Input<'_>) -> Value {
    let (rates, alpha, side) = plan(input);
    json!({ "power": rates.power(input.number("requests", AMOUNT), alpha, side) })
}

fn time(input: &mut Input<'_>) -> Value {
    let (candidate, _) = sizes(input);
    let (rate, so_far) = (input.number("per_second", POSITIVE), input.number_or("so_far", 0.0, COUNT));
    let missing = (candidate - so_far).max(0.0);
    let ms = time_to(real_to_count(missing), rate).unwrap_or(u64::MAX);
    json!({ "candidate": candidate, "missing": missing, "seconds": real(ms) / 1_000.0 })
}

fn effect(input: &mut Input<'_>) -> Value {
    let (first, second) = (input.number("first", SHARE), input.number("second", SHARE));
    let h = cohen_h(first, second);
    let level = (input.number_or("alpha", 0.05, INNER), input.side(Side::Two));
    let power = input.number_or("power", 0.8, INNER);
    let mut answer = json!({ "h": h });
    if let Some(n) = normal_size(h, power, level) {
        answer["size_of_each"] = json!(n);
    }
    if input.has("n") {
        answer["power"] = json!(normal_power(h, input.number("n", POSITIVE), 1.0, level));
    }
    answer
}

fn failures(input: &mut Input<'_>) -> Value {
    let requests = without_failure(input.number("ceiling", INNER));
    // Whole numbers as such while they are exact.
    json!({ "requests": if requests < 9e15 { json!(real_to_count(requests)) } else { json!(requests) } })
}
