//! Rules by table, and the compiled form against a plain evaluator that walks the JSON as JSONLogic's reference does.

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

#[cfg(not(target_arch = "wasm32"))]
mod compared {
    use proptest::prelude::*;

    use super::reference;
    use super::*;

    fn scalar() -> impl Strategy<Value = Json> {
        prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            (-3..4_i8).prop_map(|n| Json::Number(f64::from(n) / 2.0)),
            prop::sample::select(vec!["", "a", "ab", "1", "2.5", "1.2.3", "v2", "$flagd.flagKey", "x.y", "0"])
                .prop_map(|text| Json::String(text.to_owned())),
        ]
    }

    fn data() -> impl Strategy<Value = Json> {
        scalar().prop_recursive(2, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
                prop::collection::vec(("[xy]", inner), 0..3).prop_map(|fields| {
                    let mut seen = std::collections::BTreeMap::new();
                    seen.extend(fields);
                    Json::Object(seen.into_iter().collect())
                }),
            ]
        })
    }

    fn context() -> impl Strategy<Value = Json> {
        let names = ["a", "ab", "x", "0", "targetingKey"];
        prop::collection::vec((0..names.len(), data()), 0..5).prop_map(move |fields| {
            let mut seen = std::collections::BTreeMap::new();
            seen.extend(fields.into_iter().map(|(i, json)| (names[i].to_owned(), json)));
            Json::Object(seen.into_iter().collect())
        })
    }

    const NAMES: [&str; 38] = [
        "var",
        "var",
        "missing",
        "missing_some",
        "if",
        "?:",
        "==",
        "===",
        "!=",
        "!==",
        ">",
        ">=",
        "<",
        "<=",
        "%",
        "/",
        "*",
        "+",
        "-",
        "min",
        "max",
        "map",
        "filter",
        "reduce",
        "all",
        "none",
        "some",
        "merge",
        "in",
        "in",
        "cat",
        "substr",
        "!",
        "!!",
        "and",
        "or",
        "starts_with",
        "ends_with",
    ];
    const MORE: [&str; 3] = ["sem_ver", "fractional", "nope"];

    const VARS: [&str; 9] =
        ["a", "ab", "x.y", "", "targetingKey", "$flagd.flagKey", "$flagd.timestamp", "accumulator", "current"];

    fn rule() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            3 => data(),
            3 => prop::sample::select(VARS.to_vec())
                .prop_map(|name| Json::Object(vec![("var".to_owned(), Json::String(name.to_owned()))])),
            1 => ("[<=>~!]=?", "[12][.][01]").prop_map(|(op, version)| {
                let version = Json::String(version);
                let a = Json::Object(vec![("var".to_owned(), Json::String("a".to_owned()))]);
                Json::Object(vec![("sem_ver".to_owned(), Json::Array(vec![a, Json::String(op), version]))])
            }),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            let names: Vec<&str> = NAMES.iter().chain(&MORE).copied().collect();
            let bucket = (scalar(), -1..4_i8).prop_map(|(v, w)| Json::Array(vec![v, Json::Number(f64::from(w))]));
            prop_oneof![
                8 => (prop::sample::select(names), prop::collection::vec(inner.clone(), 0..4))
                    .prop_map(|(name, items)| Json::Object(vec![(name.to_owned(), Json::Array(items))])),
                1 => inner.clone().prop_map(|item| Json::Object(vec![("!".to_owned(), item)])),
                1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Json::Array),
                1 => (inner, prop::collection::vec(bucket, 1..4)).prop_map(|(key, mut items)| {
                    items.insert(0, key);
                    Json::Object(vec![("fractional".to_owned(), Json::Array(items))])
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn the_compiled_rule_says_what_the_plain_one_says(rule in rule(), context in context(), v2 in any::<bool>()) {
            let hashing = if v2 { Hashing::FlagdV2 } else { Hashing::FlagdV3 };
            let compiled = Rule::compile(&rule).unwrap();
            let found = compiled.evaluate(&Question::new("flag", &context).at(5_000).hashing(hashing));
            let found = found.map(|value| value.owned());
            if found != Err(RuleError::TooMuchWork) {
                let expected = reference::evaluate(&rule, &context, hashing);
                // Written down, because NaN is equal to nothing. Of several errors either may be the one that is met.
                let written = |outcome: Result<Json, RuleError>| outcome.map_or_else(|_| "an error".to_owned(), |json| format!("{json:?}"));
                prop_assert_eq!(written(found), written(expected));
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod reference {
    //! JSONLogic as its reference reads: no compiling, no sets, no folding; everything owned.

    use super::super::fractional::{self, User};
    use super::super::number::Digits;
    use super::super::operators;
    use super::super::semver::{Operator, Version};
    use super::*;

    type Outcome = Result<Json, RuleError>;

    struct Data<'a> {
        root: &'a Json,
        datum: Option<Json>,
        hashing: Hashing,
    }

    pub(super) fn evaluate(rule: &Json, context: &Json, hashing: Hashing) -> Outcome {
        apply(rule, &Data { root: context, datum: None, hashing })
    }

    fn value(json: &Json) -> Value<'_> {
        Value::from(json)
    }

    fn truthy(json: &Json) -> bool {
        value(json).truthy()
    }

    fn apply(rule: &Json, data: &Data<'_>) -> Outcome {
        let fields = match rule {
            Json::Array(items) => {
                return items.iter().map(|item| apply(item, data)).collect::<Result<_, _>>().map(Json::Array);
            }
            Json::Object(fields) if fields.len() == 1 => fields,
            other => return Ok(other.clone()),
        };
        let (name, operand) = &fields[0];
        let operands = match operand {
            Json::Array(items) => items.clone(),
            single => vec![single.clone()],
        };
        // Operands that an operator does not look at are not evaluated: what is wrong in them is not met.
        let looked_at = match name.as_str() {
            "!" | "!!" => 1,
            "<" | "<=" | ">" | ">=" if operands.len() < 2 => 0,
            "==" | "!=" | "===" | "!==" | ">" | ">=" | "in" => 2,
            "<" | "<=" => 3,
            _ => usize::MAX,
        };
        let operands = &operands[..operands.len().min(looked_at)];
        lazy(name, operands, data).unwrap_or_else(|| {
            let arguments = operands.iter().map(|operand| apply(operand, data)).collect::<Result<Vec<_>, _>>()?;
            eager(name, &arguments, data)
        })
    }

    fn lazy(name: &str, operands: &[Json], data: &Data<'_>) -> Option<Outcome> {
        Some(match name {
            "if" | "?:" => branch(operands, data),
            "and" | "or" => {
                let mut last = Json::Null;
                for operand in operands {
                    last = match apply(operand, data) {
                        Ok(json) => json,
                        error => return Some(error),
                    };
                    if truthy(&last) == (name == "or") {
                        break;
                    }
                }
                Ok(last)
            }
            "map" | "filter" | "reduce" | "all" | "none" | "some" => over(name, operands, data),
            // Its default is not needed where something is found, and an error there not met.
            "var" => {
                let path = match operands.first().map(|path| apply(path, data)) {
                    Some(Ok(path)) => path,
                    Some(error) => return Some(error),
                    None => Json::Null,
                };
                let constant = !matches!(operands.first(), Some(Json::Array(_) | Json::Object(_)));
                let default = |data| operands.get(1).map_or(Ok(Json::Null), |default| apply(default, data));
                let eager = if constant { Ok(Json::Null) } else { default(data) };
                eager.and_then(|_| look_up(&path, data).map_or_else(|| default(data), Ok))
            }
            _ => return None,
        })
    }

    fn branch(operands: &[Json], data: &Data<'_>) -> Outcome {
        match operands {
            [] => Ok(Json::Null),
            [otherwise] => apply(otherwise, data),
            [condition, then, rest @ ..] => {
                if truthy(&apply(condition, data)?) {
                    apply(then, data)
                } else {
                    branch(rest, data)
                }
            }
        }
    }

    fn over(name: &str, operands: &[Json], data: &Data<'_>) -> Outcome {
        let list = operands.first().map_or(Ok(Json::Null), |list| apply(list, data))?;
        let body = |datum: Json| {
            let data = Data { root: data.root, datum: Some(datum), hashing: data.hashing };
            operands.get(1).map_or(Ok(Json::Null), |body| apply(body, &data))
        };
        let items = if let Json::Array(items) = list { items } else { Vec::new() };
        if name == "reduce" {
            let mut accumulator = operands.get(2).map_or(Ok(Json::Null), |first| apply(first, data))?;
            for item in items {
                accumulator =
                    body(Json::Object(vec![("current".to_owned(), item), ("accumulator".to_owned(), accumulator)]))?;
            }
            return Ok(accumulator);
        }
        let mut results = Vec::new();
        for item in &items {
            let result = body(item.clone())?;
            let held = truthy(&result);
            results.push((item.clone(), result));
            if (name == "all" && !held) || (matches!(name, "some" | "none") && held) {
                break;
            }
        }
        let held = results.iter().filter(|(_, result)| truthy(result)).count();
        Ok(match name {
            "map" => Json::Array(results.into_iter().map(|(_, result)| result).collect()),
            "filter" => Json::Array(results.into_iter().filter(|(_, r)| truthy(r)).map(|(item, _)| item).collect()),
            "all" => Json::Bool(!items.is_empty() && held == items.len()),
            "none" => Json::Bool(held == 0),
            _ => Json::Bool(held > 0),
        })
    }

    fn look_up(path: &Json, data: &Data<'_>) -> Option<Json> {
        let path = value(path).part();
        let mut found = match &data.datum {
            Some(datum) => datum.clone(),
            None if path.split('.').next() == Some("$flagd") => Json::Object(vec![(
                "$flagd".to_owned(),
                Json::Object(vec![
                    ("flagKey".to_owned(), Json::String("flag".to_owned())),
                    ("timestamp".to_owned(), Json::Number(5.0)),
                ]),
            )]),
            None => data.root.clone(),
        };
        for part in path.split('.').filter(|_| !path.is_empty()) {
            found = value(&found).child(part)?.owned();
        }
        Some(found)
    }

    fn eager(name: &str, arguments: &[Json], data: &Data<'_>) -> Outcome {
        let values: Vec<Value<'_>> = arguments.iter().map(value).collect();
        let pair = || [0, 1].map(|i| values.get(i).cloned().unwrap_or(Value::Null));
        let number = |i: usize| values.get(i).map_or(f64::NAN, Value::number);
        let ordered = |holds: fn(std::cmp::Ordering) -> bool| {
            values.len() > 1 && values[..2].windows(2).all(|two| two[0].order(&two[1]).is_some_and(holds))
        };
        let between = |holds: fn(std::cmp::Ordering) -> bool| {
            let three = &values[..values.len().min(3)];
            values.len() > 1 && three.windows(2).all(|two| two[0].order(&two[1]).is_some_and(holds))
        };
        let [a, b] = pair();
        Ok(match name {
            "==" => Json::Bool(a.loosely_equals(&b)),
            "!=" => Json::Bool(!a.loosely_equals(&b)),
            "===" => Json::Bool(a.strictly_equals(&b)),
            "!==" => Json::Bool(!a.strictly_equals(&b)),
            ">" => Json::Bool(ordered(std::cmp::Ordering::is_gt)),
            ">=" => Json::Bool(ordered(std::cmp::Ordering::is_ge)),
            "<" => Json::Bool(between(std::cmp::Ordering::is_lt)),
            "<=" => Json::Bool(between(std::cmp::Ordering::is_le)),
            "!" => Json::Bool(!a.truthy()),
            "!!" => Json::Bool(a.truthy()),
            "+" => Json::Number(values.iter().map(Value::parse_float).fold(0.0, |sum, n| sum + n)),
            "*" if values.len() == 1 => arguments[0].clone(),
            "*" if values.is_empty() => Json::Number(f64::NAN),
            "*" => Json::Number(values.iter().map(Value::parse_float).product()),
            "-" if values.len() == 1 => Json::Number(-number(0)),
            "-" => Json::Number(number(0) - number(1)),
            "/" => Json::Number(number(0) / number(1)),
            "%" => Json::Number(number(0) % number(1)),
            "min" => Json::Number(extreme(&values, f64::INFINITY, f64::min)),
            "max" => Json::Number(extreme(&values, f64::NEG_INFINITY, f64::max)),
            "merge" => Json::Array(
                arguments
                    .iter()
                    .flat_map(|json| if let Json::Array(items) = json { items.clone() } else { vec![json.clone()] })
                    .collect(),
            ),
            "in" => match &b {
                Value::Text(text) => Json::Bool(!text.is_empty() && text.contains(&*a.text())),
                list => Json::Bool(list.items().is_some_and(|mut items| items.any(|item| item.strictly_equals(&a)))),
            },
            "cat" => Json::String(values.iter().map(|value| value.part().to_string()).collect()),
            "substr" => substr(arguments),
            "starts_with" | "ends_with" => match values.as_slice() {
                [Value::Text(text), Value::Text(part)] if name == "starts_with" => {
                    Json::Bool(text.starts_with(&**part))
                }
                [Value::Text(text), Value::Text(part)] => Json::Bool(text.ends_with(&**part)),
                _ => Json::Null,
            },
            "sem_ver" => match values.as_slice() {
                [version, Value::Text(operator), target] => {
                    let (mut one, mut two) = (Digits::default(), Digits::default());
                    match (Version::of(version, &mut one), Operator::parse(operator), Version::of(target, &mut two)) {
                        (Some(version), Some(operator), Some(target)) => Json::Bool(operator.holds(&version, &target)),
                        _ => Json::Null,
                    }
                }
                _ => Json::Null,
            },
            "missing" => match arguments.first() {
                Some(Json::Array(keys)) => missing(keys, data),
                _ => missing(arguments, data),
            },
            "missing_some" => {
                let keys = if let Some(Json::Array(keys)) = arguments.get(1) { keys.clone() } else { Vec::new() };
                let Json::Array(absent) = missing(&keys, data) else { return Ok(Json::Null) };
                let there = f64::from(u8::try_from(keys.len() - absent.len()).unwrap());
                Json::Array(if there >= number(0) { Vec::new() } else { absent })
            }
            "fractional" => {
                fractional::apply(&values, &User { flag: "flag", context: data.root, hashing: data.hashing }).owned()
            }
            other => return Err(RuleError::UnknownOperator(other.to_owned())),
        })
    }

    fn extreme(values: &[Value<'_>], start: f64, better: fn(f64, f64) -> f64) -> f64 {
        let numbers: Vec<f64> = values.iter().map(Value::number).collect();
        if numbers.iter().any(|n| n.is_nan()) { f64::NAN } else { numbers.into_iter().fold(start, better) }
    }

    fn missing(keys: &[Json], data: &Data<'_>) -> Json {
        let absent = |key: &&Json| {
            look_up(key, data).is_none_or(|found| found == Json::Null || found == Json::String(String::new()))
        };
        Json::Array(keys.iter().filter(absent).cloned().collect())
    }

    /// Shares the arithmetic of positions, which a table tests.
    fn substr(arguments: &[Json]) -> Json {
        let values: Vec<Value<'_>> = arguments.iter().map(Value::from).collect();
        operators::substr(&values).owned()
    }
}
