use serde_json::{Value, json};

use super::{calculate, methods, no_number};

fn run(name: &str, text: &str) -> Value {
    calculate(name, text).unwrap_or_else(|findings| panic!("{name} {text}: {findings:?}"))
}

fn numbers(value: &Value) -> usize {
    match value {
        Value::Null => panic!("null where a number should be"),
        Value::Object(map) => map.values().map(numbers).sum(),
        Value::Array(list) => list.iter().map(numbers).sum(),
        Value::Number(_) | Value::Bool(_) => 1,
        Value::String(_) => 0,
    }
}

#[test]
fn every_example_runs_and_says_numbers() {
    for method in methods() {
        let answer = run(method.name, method.example);
        assert!(numbers(&answer) > 0, "{}: {answer}", method.name);
        assert_eq!(answer["method"], method.name);
    }
    let mut names: Vec<_> = methods().map(|m| m.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), methods().count(), "two methods of one name");
}

#[test]
fn answers_are_those_of_the_literature() {
    for (name, text, key, expected) in [
        ("two-proportions", r#"{"first": [30, 1000], "second": [10, 1000]}"#, "/p", 0.001_401_301_6),
        ("two-proportions", r#"{"first": [0, 1000], "second": [0, 1000]}"#, "/p", 1.0),
        ("one-proportion", r#"{"seen": [51, 235], "expected": 0.16666666666666666}"#, "/p_exact", 0.043_747_970_2),
        ("wilson", r#"{"seen": [12, 1000], "confidence": 0.99}"#, "/low", 0.005_809_541_615),
        ("newcombe", r#"{"first": [56, 70], "second": [48, 80]}"#, "/high", 0.333_872_654_0),
        ("sample-size", r#"{"base": 0.01, "ratio": 2, "control_per_request": 19}"#, "/candidate", 850.0),
        ("sample-size", r#"{"base": 0.01, "ratio": 1.2, "side": "two"}"#, "/candidate", 42_693.0),
        ("power", r#"{"base": 0.5, "ratio": 1.5, "requests": 76.70692, "side": "two"}"#, "/power", 0.9),
        ("effect-size", r#"{"first": 0.5, "second": 0.4}"#, "/size_of_each", 387.167_746_857_8),
        ("sample-size", r#"{"base": 0.01, "ratio": 0.5, "side": "less"}"#, "/candidate", 3_681.0),
        ("without-failure", r#"{"ceiling": 0.01}"#, "/requests", 299.0),
        (
            "time-to-decision",
            r#"{"base": 0.01, "ratio": 2, "control_per_request": 19, "per_second": 50}"#,
            "/seconds",
            17.0,
        ),
        ("count-evidence", r#"{"candidate": 0, "control": 14400, "share": 0.05}"#, "/ln_evidence", -9.575_052_927_6),
        ("count-evidence", r#"{"candidate": 3, "control": 2, "share": 0.01}"#, "/ln_evidence", 9.751_316_855_7),
        ("normal-mixture", r#"{"sum": 10, "variance": 100, "tightest_at": 100}"#, "/bound", 30.352_09),
        ("asymptotic", r#"{"value": 0.5038633517, "error": 0.0338602148, "n": 6461}"#, "/low", 0.400_98),
        (
            "means",
            r#"{"first": [0.5, 0.25, 28], "second": [0.53333333, 0.24888889, 30]}"#,
            "/lift/one_look/p",
            0.807_07,
        ),
        ("msprt", r#"{"first": [500, 5000], "second": [600, 5000], "tau2": 1e-4}"#, "/p", 0.047_810_255_9),
        (
            "gamma-mixture",
            r#"{"sum": 10, "variance": 100, "scale": 2, "tightest_at": 100}"#,
            "/ln_evidence",
            -0.249_016_5,
        ),
        (
            "gamma-mixture",
            r#"{"sum": -6000, "variance": 10000, "scale": 1, "tightest_at": 100}"#,
            "/ln_evidence",
            -7.615_450_041_801_528,
        ),
        (
            "gamma-mixture",
            r#"{"sum": 1, "variance": 100, "scale": 2, "tightest_at": 100, "poisson": true}"#,
            "/bound",
            30.194_9,
        ),
        ("stitching", r#"{"variance": 100, "least": 10, "scale": 3}"#, "/bound", 64.487_55),
        ("distribution-band", r#"{"n": 1000, "least": 100}"#, "/half_width", 0.082_047_69),
        ("quantile-sequence", r#"{"quantile": 0.9, "n": 1000, "tightest_at": 100}"#, "/ranks_above", 43.721_19),
        ("quantile-sequence", r#"{"quantile": 0.9, "n": 1000, "tightest_at": 100}"#, "/ranks_below", 59.965_21),
        ("goal", super::boundaries::GOAL, "/seen", 50.0),
        ("split", r#"{"cells": [[50, 950], [50, 950]], "weight": 0.05}"#, "/p", 1.0),
        ("sample-ratio", r#"{"counts": [600, 400], "shares": [1, 1]}"#, "/ln_evidence", 1.770_789_970_7),
        ("drift", r#"{"first": [1, 2], "second": [1, 2]}"#, "/distance", 0.0),
        (
            "ranks",
            r#"{"first": [19, 22, 16, 29, 24], "second": [20, 11, 17, 12], "values": true}"#,
            "/p_exact",
            1.0 / 9.0,
        ),
        ("quantile", r#"{"bins": [[100, 10, 50], [200, 10, 45], [1000, 100, 5]], "quantile": 0.95}"#, "/value", 210.0),
        ("mcnemar", r#"{"first": 30, "second": 10}"#, "/p", 0.002_221_433_8),
        ("cells", r#"{"first": [[1, 10], [3, 10]], "second": [[1, 10], [3, 10]]}"#, "/first/error", 0.1),
        ("holm", r#"{"p": [0.01, 0.04]}"#, "/p/0", 0.02),
    ] {
        let answer = run(name, text);
        let found = answer.pointer(key).and_then(Value::as_f64).unwrap();
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(1e-3), "{name} {text}: {answer}");
    }
}

#[test]
fn all_faults_are_named_at_once_with_path_found_and_allowed() {
    for (name, text, expected) in [
        (
            "wilson",
            r#"{"seen": [3, "x"], "confidence": 2, "what": 1}"#,
            &[
                "$.seen[1]: found a string, allowed a number from 0 to 9e15",
                "$.confidence: found 2, allowed a number between 0 and 1, both excluded",
                "$.what: found an unknown key, allowed confidence, seen",
            ][..],
        ),
        (
            "wilson",
            r#"{"seen": [30, 20]}"#,
            &["$.seen: found [30, 20], allowed [hits, all] with hits at most all, and all above 0"],
        ),
        (
            "wilson",
            r#"{"seen": [1]}"#,
            &["$.seen: found a list of 1, allowed [hits, all] with hits at most all, and all above 0"],
        ),
        ("wilson", "{}", &["$.seen: found nothing, allowed a list of at least one and at most 100,000"]),
        (
            "mcnemar",
            r#"{"first": 1.5, "second": -1}"#,
            &["$.first: found 1.5, allowed a whole", "$.second: found -1, allowed a whole"],
        ),
        (
            "two-proportions",
            r#"{"first": [1, 2], "second": [1, 2], "side": "left"}"#,
            &["$.side: found \"left\", allowed \"two\""],
        ),
        ("sample-size", r#"{"base": 0.6, "ratio": 2}"#, &["$.ratio: found 2, allowed another rate"]),
        ("sample-size", r#"{"base": 0.6, "ratio": 1}"#, &["$.ratio: found 1, allowed another rate"]),
        ("sample-ratio", r#"{"counts": [1], "shares": [1, 2]}"#, &["$.shares: found 2 for 1 counts"]),
        ("drift", r#"{"first": [0, 0], "second": [1]}"#, &["$.second: found 1 bins"]),
        (
            "quantile",
            r#"{"bins": [[1, 2], [1, 2, 0]], "quantile": 0.5}"#,
            &["$.bins[0]: found [1,2], allowed a list of 3", "$.bins: found nothing counted"],
        ),
        (
            "quantile",
            r#"{"bins": [[0.1, 0.01, 50], [1, 1, 2.5]], "quantile": 0.5}"#,
            &[
                "$.bins[0][0]: found 0.1, allowed a whole number from 0 to 9e15",
                "$.bins[0][1]: found 0.01, allowed a whole number from 0 to 9e15",
                "$.bins[1][2]: found 2.5, allowed a whole number from 0 to 9e15",
            ],
        ),
        (
            "sample-size",
            r#"{"base": 0.01, "ratio": 2, "side": "less"}"#,
            &["$.side: found \"less\", allowed \"greater\" or \"two\": they find a ratio above 1"],
        ),
        (
            "time-to-decision",
            r#"{"base": 0.01, "ratio": 0.5, "side": "greater", "per_second": 1}"#,
            &["$.side: found \"greater\", allowed \"less\" or \"two\": they find a ratio below 1"],
        ),
        (
            "sample-size",
            r#"{"base": 0.01, "ratio": 2, "power": 0.05}"#,
            &["$.power: found 0.05, allowed above alpha, 0.05, and below 1"],
        ),
        (
            "gamma-mixture",
            r#"{"sum": 10, "variance": 1e11, "scale": 2, "tightest_at": 1e16}"#,
            &[
                "$.variance: found 100000000000, allowed at most 1e10 times the square of scale",
                "$.tightest_at: found 10000000000000000, allowed from 1e-6 to 1e10 times the square of scale",
            ],
        ),
        (
            "gamma-mixture",
            r#"{"sum": 1e9, "variance": 0, "scale": 1e-7, "tightest_at": 1e-14}"#,
            &[
                "$.scale: found 0.0000001, allowed from 1e-6 to 1e6",
                "$.sum: found 1000000000, allowed at most 1e12 times scale, in either direction",
            ],
        ),
        (
            "gamma-mixture",
            r#"{"sum": 10, "variance": 1e11, "scale": 2, "tightest_at": 5e-324}"#,
            &["$.tightest_at: found 5e-324, allowed a number above 0, at least 1e-100"],
        ),
        (
            "quantile-sequence",
            r#"{"quantile": 1e-300, "n": 9}"#,
            &["$.quantile: found 1e-300, allowed a number from 1e-9"],
        ),
        ("holm", r#"{"p": 3}"#, &["$.p: found a number, allowed a list"]),
        ("holm", "[]", &["$: found a list, allowed an object such as"]),
        ("holm", "{", &["$: found no JSON"]),
        ("median", "{}", &["METHOD: found \"median\", allowed two-proportions"]),
    ] {
        let findings = calculate(name, text).unwrap_err();
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        for start in expected {
            assert!(lines.iter().any(|line| line.starts_with(start)), "{start} not in {lines:?}");
        }
        assert_eq!(lines.len(), expected.len(), "{lines:?}");
    }
}

#[test]
fn a_plan_without_failure_is_exact_however_long() {
    assert_eq!(run("without-failure", r#"{"ceiling": 1e-9}"#)["requests"], json!(2_995_732_273u64));
    let requests = run("without-failure", r#"{"ceiling": 1e-20}"#)["requests"].as_f64().unwrap();
    assert!((requests / 2.995_732_273_553_991e20 - 1.0).abs() < 1e-12, "{requests}");
}

/// Everywhere: `greater` says that the first is.
#[test]
fn a_side_is_the_firsts() {
    let few = "[[9, 1000], [11, 1000], [10, 1000]]";
    let many = "[[29, 1000], [31, 1000], [30, 1000]]";
    for (name, first, second) in
        [("cells", many, few), ("two-proportions", "[90, 3000]", "[30, 3000]"), ("ranks", "[0, 30]", "[30, 3]")]
    {
        let p = |side: &str, first: &str, second: &str| {
            let input = format!(r#"{{"first": {first}, "second": {second}, "side": "{side}"}}"#);
            run(name, &input)["p"].as_f64().unwrap()
        };
        assert!(p("greater", first, second) < 0.001 && p("less", second, first) < 0.001, "{name}");
        assert!(p("greater", second, first) > 0.99 && p("less", first, second) > 0.99, "{name}");
        assert!(p("two", first, second) < 0.001, "{name}");
    }
}

#[test]
fn extremes_stay_finite() {
    for (name, text) in [
        ("wilson", r#"{"seen": [1e9, 1e9]}"#),
        ("two-proportions", r#"{"first": [1e15, 9e15], "second": [0, 1]}"#),
        ("one-proportion", r#"{"seen": [0, 1000000000], "expected": 0.5}"#),
        ("count-evidence", r#"{"candidate": 9e15, "control": 0, "share": 1e-300}"#),
        ("count-evidence", r#"{"candidate": 0, "control": 1e9, "exposure": 0.999999}"#),
        ("normal-mixture", r#"{"sum": -1e90, "variance": 0, "tightest_at": 1e-90, "side": "greater"}"#),
        ("gamma-mixture", r#"{"sum": -9e17, "variance": 9e15, "scale": 1e6, "tightest_at": 9e21}"#),
        ("gamma-mixture", r#"{"sum": 9e5, "variance": 0, "scale": 1e-6, "tightest_at": 2e-18, "poisson": true}"#),
        ("asymptotic", r#"{"value": 1, "error": 1, "n": 1e99, "alpha": 1e-300}"#),
        ("asymptotic", r#"{"value": 1, "error": 1, "n": 1e99, "alpha": 1e-300, "side": "less"}"#),
        ("means", r#"{"first": [0, 0, 1], "second": [0, 0, 1]}"#),
        ("means", r#"{"first": [1, 0, 2], "second": [1, 1e-300, 1e99]}"#),
        ("means", r#"{"first": [1e-9, 1e99, 2], "second": [1, 1e90, 1e9], "alpha": 1e-300}"#),
        (
            "evidence",
            r#"{"max": 1e-300, "limits": 1e99, "alpha": 1e-300, "ticks": [[9e15, 9e15, 9e15, 0, 0], [0, 1, 1, 1, 1]]}"#,
        ),
        ("evidence", r#"{"ratio": 1e99, "planned_seconds": 9e15, "ticks": [[0, 0, 9e15, 0, 9e15]]}"#),
        ("msprt", r#"{"first": [0, 5], "second": [0, 5], "tau2": 0}"#),
        ("sample-ratio", r#"{"counts": [0, 0], "shares": [1e-90, 1e90]}"#),
        ("ranks", r#"{"first": [9e15, 0], "second": [0, 9e15]}"#),
        ("drift", r#"{"first": [9e15, 0], "second": [0, 9e15]}"#),
        ("mcnemar", r#"{"first": 9000000000000000, "second": 0}"#),
        ("cells", r#"{"first": [[0, 1], [0, 1]], "second": [[0, 1], [0, 1]]}"#),
        ("e-bh", r#"{"ln_evidence": [-1e90, 1e90]}"#),
        ("effect-size", r#"{"first": 0, "second": 0, "n": 1e90}"#),
        ("time-to-decision", r#"{"base": 1e-9, "ratio": 1.000001, "per_second": 1e-90}"#),
    ] {
        let answer = run(name, text);
        assert!(numbers(&answer) > 0, "{name}: {answer}");
    }
    assert_eq!(run("e-bh", r#"{"ln_evidence": [-1e90, 1e90]}"#)["counts"], json!([false, true]));
}

#[test]
fn a_null_is_found_wherever_it_stands() {
    assert_eq!(no_number(&json!({ "p": 1, "bound": [1, { "low": null }] })), Some("bound"));
    assert_eq!(no_number(&json!({ "p": [f64::NAN] })), Some("p"));
    assert_eq!(no_number(&Value::Null), Some("the answer"));
    assert_eq!(no_number(&json!({ "p": 1, "outcome": "tie", "shown": false })), None);
}
