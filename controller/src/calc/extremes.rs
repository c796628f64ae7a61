//! What every method of `weir calc` says at the ends of what numbers can be: an answer without a null or a refusal,
//! soon, and never a panic.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{calculate, methods};

const EXTREMES: [f64; 10] = [0.0, 1.0, -1.0, 1e-300, 1e300, 5e-324, 1e16, 1e-100, 9e15, 9e99];

/// Fields that need not be there, each with a value that some method takes.
const OPTIONAL: &str = r#"[
    {"alpha": 0.05}, {"tightest_at": 1000}, {"power": 0.8}, {"weight": 100}, {"confidence": 0.9}, {"max": 0.01},
    {"prior_candidate": 1}, {"prior_control": 1}, {"so_far": 1}, {"share": 0.05}, {"poisson": true}, {"values": true},
    {"side": "two"}, {"side": "greater"}, {"side": "less"}, {"lower_is_better": true},
    {"cells": [[[2, 50]], [[6, 40], [0, 8]]]}
]"#;

/// Where the numbers of an input are.
fn numbers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_owned()),
        Value::Array(list) => list.iter().enumerate().for_each(|(i, v)| numbers(v, &format!("{at}/{i}"), found)),
        Value::Object(map) => map.iter().for_each(|(key, v)| numbers(v, &format!("{at}/{key}"), found)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// The example of a method, and the same with each optional field that it takes.
fn inputs(name: &str, example: &str) -> Vec<Value> {
    let example: Value = serde_json::from_str(example).unwrap();
    let optional: Vec<Value> = serde_json::from_str(OPTIONAL).unwrap();
    let mut all = vec![example.clone()];
    for field in optional {
        let mut input = example.clone();
        input.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        if calculate(name, &input.to_string()).is_ok() {
            all.push(input);
        }
    }
    all
}

/// Runs; true if there was an answer.
fn holds(name: &str, input: &Value) -> bool {
    let start = Instant::now();
    let found = calculate(name, &input.to_string());
    assert!(start.elapsed() < Duration::from_secs(1), "{name} {input}: {:?}", start.elapsed());
    match found {
        Ok(answer) => {
            assert!(!has_null(&answer), "{name} {input}: {answer}");
            true
        }
        Err(findings) => {
            // Each method states what it takes: the net below all of them is not needed.
            let stated = |path: &str, allowed: &str| path != "$" && !allowed.is_empty();
            assert!(findings.iter().all(|f| stated(&f.path, &f.allowed)), "{name} {input}: {findings:?}");
            false
        }
    }
}

#[test]
fn every_number_of_every_method_may_be_an_extreme_one() {
    let mut answers = 0;
    for method in methods() {
        for input in inputs(method.name, method.example) {
            let mut places = Vec::new();
            numbers(&input, "", &mut places);
            for place in places {
                for extreme in EXTREMES {
                    let mut changed = input.clone();
                    *changed.pointer_mut(&place).unwrap() = json!(extreme);
                    answers += u32::from(holds(method.name, &changed));
                }
            }
        }
    }
    assert!(answers > 1_000, "{answers}: nearly all refused");
}

/// At the ends of its range, in units of the scale, the mixture's fractions are longest.
#[test]
fn gamma_mixtures_answer_within_their_range() {
    let units = [1.001e-6, 1e3, 0.999e10];
    for (scale, alpha) in [(1.0, 0.05), (1.0, 1e-300), (1e-5, 0.999), (100.0, 0.05)] {
        let square = scale * scale;
        for (variance, best) in units.iter().flat_map(|variance| units.map(|best| (variance * square, best * square))) {
            for sum in [0.0, 1e6, 0.999e12, -0.999e12].map(|sum| sum * scale) {
                for poisson in [false, true] {
                    let input = json!({
                        "sum": sum, "variance": variance, "tightest_at": best,
                        "scale": scale, "alpha": alpha, "poisson": poisson,
                    });
                    assert!(holds("gamma-mixture", &input), "{input}");
                }
            }
        }
    }
}
