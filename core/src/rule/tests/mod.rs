//! Rules by table, and the compiled form against a plain evaluator that walks the JSON as JSONLogic's reference does.

#[cfg(not(target_arch = "wasm32"))]
mod compared;
#[cfg(not(target_arch = "wasm32"))]
mod reference;

use super::*;

fn json(text: &str) -> Json {
    Json::read(text).unwrap()
}

fn run(rule: &str, data: &str) -> Result<Json, RuleError> {
    let (rule, data) = (Rule::compile(&json(rule)).unwrap(), json(data));
    let found = rule.evaluate(&Question::new("flag", &data).at(1_700_000_000_999))?;
    assert!(found.weight() < 1_000_000, "nobody can write that down");
    Ok(found.owned())
}

#[track_caller]
fn check(rule: &str, data: &str, expected: &str) {
    assert_eq!(run(rule, data), Ok(json(expected)), "{rule} on {data}");
}

#[test]
fn operators_do_what_jsonlogics_reference_does() {
    for (rule, data, expected) in [
        // Two rows of jsonlogic.com/tests.json that the registry's copy lacks.
        (r#"[1, {"var": "x"}, 3]"#, r#"{"x": 2}"#, "[1, 2, 3]"),
        (r#"{"if": [{"var": "x"}, [{"var": "y"}], 99]}"#, r#"{"x": true, "y": 42}"#, "[42]"),
        (r#"{"var": ["a", 7]}"#, r#"{"a": null}"#, "null"),
        (r#"{"var": ["a.b", 7]}"#, r#"{"a": null}"#, "7"),
        (r#"{"var": {"cat": ["a", ".b"]}}"#, r#"{"a": {"b": 3}}"#, "3"),
        (r#"{"var": ""}"#, r#"{"a": 1}"#, r#"{"a": 1}"#),
        (r#"{"var": "a.1"}"#, r#"{"a": [4, 5]}"#, "5"),
        // As JavaScript, and so flagd's engines there and in Python.
        (r#"{"var": "a.length"}"#, r#"{"a": [4, 5]}"#, "2"),
        (r#"{"var": "a.length"}"#, r#"{"a": {"length": 7}}"#, "7"),
        (r#"{"var": "a.length"}"#, r#"{"a": "größe"}"#, "5"),
        (r#"{"var": "a.2"}"#, r#"{"a": "größe"}"#, r#""ö""#),
        (r#"{"var": ["a.5", "none"]}"#, r#"{"a": "größe"}"#, r#""none""#),
        (r#"{"missing": ["a.0", "a.x"]}"#, r#"{"a": "b"}"#, r#"["a.x"]"#),
        (r#"{"cat": ["x", {"var": "gone"}, 1.0, true, [1, null, 2]]}"#, "{}", r#""x1true1,,2""#),
        (r#"{"-": [100, {"var": "gone"}]}"#, "{}", "100"),
        (r#"{"<": [{"var": "gone"}, 18]}"#, "{}", "true"),
        (r#"{"<": [1, 2, 2]}"#, "{}", "false"),
        (r#"{"<=": [1, "2", 2]}"#, "{}", "true"),
        (r#"{"==": [null]}"#, "{}", "true"),
        (r#"{">": [1]}"#, "{}", "false"),
        (r#"{"max": []}"#, "{}", "null"),
        (r#"{"max": [1, "3", null]}"#, "{}", "3"),
        (r#"{"*": ["2"]}"#, "{}", r#""2""#),
        (r#"{"%": [-7, 3]}"#, "{}", "-1"),
        (r#"{"+": ["3 apples", 1]}"#, "{}", "4"),
        (r#"{"substr": ["jsonlogic", -5, -2]}"#, "{}", r#""log""#),
        (r#"{"substr": ["äöü", 1, 1]}"#, "{}", r#""ö""#),
        (r#"{"in": [1, "x1"]}"#, "{}", "true"),
        (r#"{"in": ["", {"var": "gone"}]}"#, "{}", "false"),
        (r#"{"in": [1.0, [1, 2]]}"#, "{}", "true"),
        (r#"{"in": ["1", [1, 2]]}"#, "{}", "false"),
        (r#"{"all": [{"var": "gone"}, true]}"#, "{}", "false"),
        (r#"{"none": [{"var": "gone"}, true]}"#, "{}", "true"),
        (r#"{"some": [[1, 2], {">": [{"var": ""}, {"var": "least"}]}]}"#, r#"{"least": 1}"#, "true"),
        (r#"{"!": [{}]}"#, "{}", "false"),
        (r#"{"!!": "0"}"#, "{}", "true"),
        (r#"{"starts_with": [1, "1"]}"#, "{}", "null"),
        (r#"{"ends_with": ["abc", {"var": "end"}]}"#, r#"{"end": "bc"}"#, "true"),
        (r#"{"sem_ver": [{"var": "v"}, ">=", "1.2"]}"#, r#"{"v": 2}"#, "true"),
        (r#"{"sem_ver": ["1.0.0", {"var": "op"}, "1.0.0"]}"#, r#"{"op": "?"}"#, "null"),
        (r#"{"var": "$flagd.flagKey"}"#, r#"{"$flagd": {"flagKey": "forged"}}"#, r#""flag""#),
        (r#"{"var": {"cat": "$flagd.timestamp"}}"#, "{}", "1700000000"),
        (r#"{"missing": ["a", "b", "$flagd.flagKey"]}"#, r#"{"a": ""}"#, r#"["a", "b"]"#),
        (r#"{"fractional": []}"#, r#"{"targetingKey": "u"}"#, "null"),
        (r#"{"fractional": [["a", 0], ["b", 0]]}"#, r#"{"targetingKey": "u"}"#, "null"),
        (r#"{"fractional": [{"var": "bucket"}, ["b", 0]]}"#, r#"{"targetingKey": "u", "bucket": ["a", 1]}"#, r#""a""#),
        (r#"{"fractional": [["a", -5], ["b", 1]]}"#, r#"{"targetingKey": "u"}"#, r#""b""#),
        (r#"{"fractional": [["a", null]]}"#, r#"{"targetingKey": "u"}"#, "null"),
        (r#"{"fractional": [["a"]]}"#, r#"{"targetingKey": 5}"#, "null"),
    ] {
        match expected {
            "null" if rule.contains("max") => assert_eq!(run(rule, data), Ok(Json::Number(f64::NEG_INFINITY))),
            _ => check(rule, data, expected),
        }
    }
}

#[test]
fn an_unknown_operator_is_an_error_only_where_it_is_met() {
    let unknown = |name: &str| Err(RuleError::UnknownOperator(name.to_owned()));
    assert_eq!(run(r#"{"if": [true, {"nope": 1}, 2]}"#, "{}"), unknown("nope"));
    assert_eq!(run(r#"{"if": [{"var": "x"}, {"nope": 1}, 2]}"#, "{}"), Ok(Json::Number(2.0)));
    assert_eq!(run(r#"{"$ref": "gone"}"#, "{}"), unknown("$ref"));
}

#[test]
fn what_would_never_end_ends_with_an_error() {
    let list = format!("[{}]", vec!["1"; 1_000].join(","));
    let data = format!(r#"{{"a": {list}, "long": "{}"}}"#, "x".repeat(100_000));
    let all = r#"{"var": "a"}"#;
    for rule in [
        // Each with each.
        format!(r#"{{"map": [{list}, {{"map": [{list}, {{"var": ""}}]}}]}}"#),
        format!(r#"{{"reduce": [{all}, {{"cat": [{{"var": "accumulator"}}, {{"var": "accumulator"}}]}}, "x"]}}"#),
        format!(r#"{{"reduce": [{all}, {{"merge": [{{"var": "accumulator"}}, {{"var": "accumulator"}}]}}, [1]]}}"#),
        format!(r#"{{"reduce": [{all}, [{{"var": "accumulator"}}, {{"var": "accumulator"}}], 1]}}"#),
        format!(r#"{{"map": [{all}, {{"cat": ["{}", {{"var": ""}}]}}]}}"#, "y".repeat(10_000)),
        format!(r#"{{"reduce": [{all}, [{{"var": "accumulator"}}], 1]}}"#),
        format!(r#"{{"reduce": [{all}, {{"var": ""}}, 1]}}"#),
        format!(r#"{{"reduce": [{all}, {{"cat": [{{"var": "accumulator"}}, "0123456789abcdef"]}}, ""]}}"#),
    ] {
        assert_eq!(run(&rule, &data), Err(RuleError::TooMuchWork), "{rule}");
    }
}

#[test]
fn a_document_may_allow_itself_less_work() {
    let list = vec!["1"; 50].join(",");
    for (work, reason) in [(1_000, "TARGETING_MATCH"), (40, "ERROR")] {
        let document = format!(
            r#"{{"flags": {{"f": {{"state": "ENABLED", "variants": {{"true": 1, "false": 2}}, "defaultVariant": "true",
                "targeting": {{"all": [[{list}], {{"==": [{{"var": ""}}, {{"var": ""}}]}}]}}}}}},
                "weir": {{"version": 1, "limits": {{"work": {work}}}}}}}"#
        );
        let flags = crate::evaluate::FlagSet::new(crate::check::check(&document).unwrap());
        assert_eq!(flags.evaluate("f", &json("{}"), 0).reason.name(), reason, "{work}");
    }
}

#[test]
fn a_context_laid_out_is_the_same_context() {
    let document = r#"{"flags": {"f": {"state": "ENABLED", "variants": {"ab": 1, "x": 2}, "targeting":
        {"cat": [{"var": "a.b"}, {"var": "gone"}, {"var": ["c", ""]}, {"substr": [{"var": {"cat": ["targeting", "Key"]}}, 0, {"var": "n"}]}]}}}}"#;
    let flags = crate::evaluate::FlagSet::new(crate::check::check(document).unwrap());
    for (context, variant) in [
        (r#"{"a": {"b": "a"}, "targetingKey": "bob", "n": 1}"#, Some("ab")),
        (r#"{"targetingKey": "xy", "c": "", "n": 1}"#, Some("x")),
        ("[]", None),
    ] {
        let context = json(context);
        assert_eq!(flags.evaluate("f", &flags.lay_out(&context), 0).variant, variant);
        assert_eq!(flags.evaluate("f", &context, 0).variant, variant);
    }
}

#[test]
fn the_deepest_rule_is_evaluated_and_a_deeper_one_refused() {
    // Beyond what JSON's own nesting allows in one text, by evaluators.
    let nested =
        |inner: &str, times: usize| (0..times).fold(inner.to_owned(), |rule, _| format!(r#"{{"!": [{rule}]}}"#));
    for (times, good) in [(40, true), (50, false)] {
        let (one, two) = (nested(r#"{"$ref": "two"}"#, times), nested(r#"{"var": "a"}"#, times));
        let document = format!(
            r#"{{"flags": {{"f": {{"state": "ENABLED", "variants": {{"true": 1, "false": 2}}, "targeting": {}}}}},
                "$evaluators": {{"one": {one}, "two": {two}}}}}"#,
            nested(r#"{"$ref": "one"}"#, times)
        );
        let outcome = crate::check::check(&document);
        assert_eq!(outcome.is_ok(), good, "{times}: {outcome:?}");
        if let Ok(document) = outcome {
            let flags = crate::evaluate::FlagSet::new(document);
            assert_eq!(flags.evaluate("f", &json("{}"), 0).variant, Some("false"));
        }
    }
}

#[test]
fn time_is_needed_only_by_rules_that_use_it() {
    let needs = |rule: &str| Rule::compile(&json(rule)).unwrap().needs_time();
    assert!(needs(r#"{">": [{"var": "$flagd.timestamp"}, 5]}"#));
    assert!(needs(r#"{"!": [{"var": ""}]}"#));
    assert!(!needs(r#"{"==": [{"var": "$flagd.flagKey"}, {"var": "a"}]}"#));
}
