//! Go `github.com/open-feature/flagd/core` v0.17.0, on `diegoholiveira/jsonlogic` v3.9.1: what Go does with an operation is computed here where it can be
//! told; where it asserts a type that the value has not, it panics, which the evaluator answers with PARSE_ERROR.

use serde_json::{Value, json};
use weir_core::json::Json;

use super::alike;
use crate::conformance::case::{Answer, value as serde_value};
use crate::conformance::exception::{At, Exception};
use crate::conformance::plain::{Instead, Step, value};

const PANIC: Instead = Instead::Error("PARSE_ERROR");

pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "short-evaluators",
        why: "an evaluator of fewer than three bytes counts as empty, and the document is refused",
        always: true,
        at: At::Document(|document| {
            let short = |json: &Value| json.to_string().len() < 3;
            document.get("$evaluators").and_then(Value::as_object).is_some_and(|all| all.values().any(short))
        }),
    },
    Exception {
        name: "nested-evaluators",
        why: "references are replaced once each, in no fixed order: one within an evaluator may stay",
        always: true,
        at: At::Rule(|_, document| {
            let nested =
                document.field("$evaluators").is_some_and(|all| serde_value(all).to_string().contains("\"$ref\""));
            nested.then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "arithmetic-of-no-number",
        why: "arithmetic on null, true or an array panics; a text that is no number is 0",
        always: true,
        at: At::Step(arithmetic),
    },
    Exception {
        name: "order-and-equality",
        why: "null <= 0 is false, arrays and objects are no numbers, blanks around a number are not taken off, > and >= know a third operand",
        always: true,
        at: At::Step(comparison),
    },
    Exception {
        name: "cat",
        why: "blanks at both ends are taken off, numbers are written without an exponent, true and arrays panic",
        always: true,
        at: At::Step(cat),
    },
    Exception {
        name: "substr",
        why: "a start before the beginning gives the whole text, an end before the start panics",
        always: true,
        at: At::Step(substr),
    },
    Exception {
        name: "in",
        why: "only a text is looked for in a text, \"\" is in \"\", a list's arrays are ranges, and a number is looked for by the numbers that texts are",
        always: true,
        at: At::Step(|step| (step.name == "in" && odd_in(step)).then_some(Instead::Anything)),
    },
    Exception {
        name: "bodies-see-outer-attributes",
        why: "in some, none and filter a var that the outer context has is put in before the item is looked at",
        always: true,
        at: At::Step(|step| {
            let reads = step.operands.get(1).is_some_and(|body| reads_any(body, step.item.unwrap_or(step.context)));
            (matches!(step.name, "some" | "none" | "filter") && reads).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "bodies-and-items",
        why: "a body must be an operation, items are put into it as if they were part of the rule, reduce keeps the kind of its start and leaves null out",
        always: true,
        at: At::Step(|step| (alike::is_list(step.name) && odd_list(step)).then_some(Instead::Anything)),
    },
    Exception {
        name: "own-operators-in-lists",
        why: "within a list's body the flag key and the targetingKey are not known",
        always: true,
        at: At::Step(|step| (step.name == "fractional" && step.item.is_some()).then_some(Instead::Anything)),
    },
    Exception {
        name: "empty-text-is-there",
        why: "missing and missing_some count \"\" as there",
        always: true,
        at: At::Step(|step| alike::missing(step, |value| value.is_none_or(|value| *value == Json::Null))),
    },
    alike::DEFAULT_FOR_NULL,
    Exception {
        name: "paths-into-texts-and-lists",
        why: "var finds nothing in a text, not even its length, and so gives its default; and it finds a list's first item under what is no index",
        always: true,
        at: At::Step(odd_path),
    },
    Exception {
        name: "weight-null",
        why: "a weight that is null counts as 1, and a bucket may have more than two parts",
        always: true,
        at: At::Step(|step| {
            let odd = |json: &Json| matches!(json, Json::Array(parts) if parts.len() > 2 || parts.get(1) == Some(&Json::Null));
            (step.name == "fractional" && step.arguments.iter().any(odd)).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "weight-beyond-64-bits",
        why: "a weight that 64 bits do not hold makes the result null, below 0 too; below 0 it counts as 0",
        always: true,
        at: At::Step(|step| {
            let great = |json: &Json| matches!(json, Json::Array(parts) if matches!(parts.get(1), Some(Json::Number(weight)) if weight.abs() > 9.2e18));
            (step.name == "fractional" && step.arguments.iter().any(great)).then_some(Instead::Value(Json::Null))
        }),
    },
    Exception {
        name: "versions",
        why: "a short version has no prerelease and no build, a version's numbers have no greatest one, and numbers are written as Go writes them, 4.294967296e+09 and -0",
        always: true,
        at: At::Step(|step| {
            let odd = |json: &Json| match json {
                Json::String(text) => is_odd_version(text),
                Json::Number(number) => number.abs() >= 1e6 || *number == 0.0,
                _ => false,
            };
            (step.name == "sem_ver" && step.arguments.iter().any(odd)).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "empty-object-is-false",
        why: "{} counts as false; in JavaScript, and so in JSONLogic, it is true",
        always: true,
        at: alike::EMPTY_OBJECT_IS_FALSE,
    },
    Exception {
        name: "not-of-an-array",
        why: "! and !! of an operand that is an array and stands without one look at its first item",
        always: false,
        at: At::Step(|step| match (step.name, step.arguments.first()) {
            ("!" | "!!", Some(Json::Array(items))) => {
                let truth = items.first().is_some_and(value::truthy);
                Some(Instead::Value(Json::Bool(truth == (step.name == "!!"))))
            }
            _ => None,
        }),
    },
    Exception {
        name: "minus-zero",
        why: "a result -0 names the variant \"-0\"; in JSON as JavaScript writes it, it is 0",
        always: false,
        at: At::Result(|_, result| (*result == Json::Number(0.0)).then_some(Instead::Error("GENERAL"))),
    },
    Exception {
        name: "targeting-null",
        why: "targeting null is a rule that gives null, so DEFAULT; in PyPI's and npm's, and in the words of the description, there is none: STATIC",
        always: true,
        at: At::Rule(|rule, _| (*rule == Json::Null).then_some(Instead::Value(Json::Null))),
    },
    Exception {
        name: "whole-part-of-a-number",
        why: "the accessor of integers gives the whole part of 2.5, and of what 64 bits do not hold the least",
        always: true,
        at: At::Answer(|ask, _, answer| match (ask.kind, &answer.value) {
            ("integer", Some(Value::Number(number))) => {
                let within = |number: &f64| number.abs() < 9_223_372_036_854_775_808.0;
                let value = number
                    .as_f64()
                    .map(|number| Some(number.trunc()).filter(within).map_or_else(|| json!(i64::MIN), Value::from));
                Some(Answer { value, ..answer.clone() })
            }
            _ => None,
        }),
    },
    Exception {
        name: "no-metadata-of-no-flag",
        why: "for a flag that is not there it gives no metadata; Python's and JavaScript's give the flag set's",
        always: true,
        at: At::Answer(|_, _, answer| {
            let gone = answer.error.as_deref() == Some("FLAG_NOT_FOUND");
            gone.then(|| Answer::error("FLAG_NOT_FOUND"))
        }),
    },
    Exception {
        name: "array-is-no-object",
        why: "the accessor of objects refuses arrays",
        always: true,
        at: At::Answer(|ask, _, answer| {
            (ask.kind == "object" && matches!(answer.value, Some(Value::Array(_))))
                .then(|| Answer::error("TYPE_MISMATCH"))
        }),
    },
];

/// `typing.ToNumber`; `None` panics.
fn number(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => Some(*number),
        Json::String(text) => Some(parsed(text).unwrap_or(0.0)),
        _ => None,
    }
}

/// `strconv.ParseFloat`.
fn parsed(text: &str) -> Option<f64> {
    if text.trim() != text || text.is_empty() || text.starts_with("0x") {
        return None;
    }
    Some(value::number(&Json::String(text.to_owned()))).filter(|number| !number.is_nan())
}

fn arithmetic(step: &Step<'_>) -> Option<Instead> {
    if !matches!(step.name, "+" | "-" | "*" | "/" | "%" | "min" | "max") {
        return None;
    }
    if matches!(step.name, "min" | "max") && step.arguments.is_empty() {
        return Some(Instead::Value(Json::Null));
    }
    let Some(numbers) = step.arguments.iter().map(number).collect::<Option<Vec<_>>>() else { return Some(PANIC) };
    let of =
        |fold: fn(f64, f64) -> f64| Instead::Value(Json::Number(numbers.iter().copied().reduce(fold).unwrap_or(0.0)));
    Some(match (step.name, numbers.as_slice()) {
        ("+", _) => of(|a, b| a + b),
        ("*", [] | [_]) => Instead::Value(Json::Number(numbers.iter().product())),
        ("*", _) => of(|a, b| a * b),
        ("-", [one]) => Instead::Value(Json::Number(-one)),
        ("-", _) => of(|a, b| a - b),
        ("/", _) => of(|a, b| a / b),
        ("%", [a, b, ..]) => Instead::Value(Json::Number(a % b)),
        ("%", _) => PANIC,
        ("min", _) => of(|least, n| if least > n { n } else { least }),
        _ => of(|most, n| if n > most { n } else { most }),
    })
}

/// `javascript.ToNumber`.
fn loose(json: &Json) -> f64 {
    match json {
        Json::Null => 0.0,
        Json::Bool(bool) => f64::from(u8::from(*bool)),
        Json::Number(number) => *number,
        Json::String(text) if text.trim().is_empty() => 0.0,
        Json::String(text) => parsed(text).unwrap_or(f64::NAN),
        Json::Array(_) | Json::Object(_) => f64::NAN,
    }
}

fn less(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::String(a), Json::String(b)) => a < b,
        (a, b) => loose(a) < loose(b),
    }
}

fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Null, b) => *b == Json::Null,
        (_, Json::Null) => false,
        (Json::String(a), Json::String(b)) => a == b,
        (a, b) => loose(a) == loose(b),
    }
}

fn comparison(step: &Step<'_>) -> Option<Instead> {
    let at_most = |a: &Json, b: &Json| less(a, b) || equal(a, b);
    let holds = match (step.name, step.arguments) {
        ("<", [a, b, c]) => less(a, b) && less(b, c),
        ("<=", [a, b, c]) => at_most(a, b) && at_most(b, c),
        ("<", [a, b, ..]) => less(a, b),
        ("<=", [a, b, ..]) => at_most(a, b),
        (">" | ">=", _) if step.operands.len() > 2 => return Some(Instead::Anything),
        (">", [a, b, ..]) => less(b, a),
        (">=", [a, b, ..]) => less(b, a) || equal(b, a),
        ("==", [a, b, ..]) => equal(a, b),
        ("!=", [a, b, ..]) => !equal(a, b),
        ("==" | "===", _) => false,
        ("!=" | "!==", [_] | []) => true,
        _ => return None,
    };
    Some(Instead::Value(Json::Bool(holds))).filter(|_| !(step.name == "===" && step.arguments.len() > 1))
}

/// `typing.ToString`; `None` panics.
fn text(json: &Json) -> Option<String> {
    match json {
        Json::Null => Some(String::new()),
        Json::String(text) => Some(text.clone()),
        // Like 'f' with the shortest precision: digits without an exponent.
        Json::Number(number) => Some(format!("{number}")),
        _ => None,
    }
}

fn cat(step: &Step<'_>) -> Option<Instead> {
    if step.name != "cat" {
        return None;
    }
    let Some(joined) = step.arguments.iter().map(text).collect::<Option<String>>() else { return Some(PANIC) };
    let trimmed = if step.arguments.len() > 1 { joined.trim().to_owned() } else { joined };
    Some(Instead::Value(Json::String(trimmed)))
}

fn substr(step: &Step<'_>) -> Option<Instead> {
    if step.name != "substr" {
        return None;
    }
    let Some(all) = step.arguments.first().and_then(text) else { return Some(PANIC) };
    let Some(start) = step.arguments.get(1).and_then(number) else { return Some(PANIC) };
    let runes: Vec<char> = all.chars().collect();
    let count = runes.len() as i64;
    let start = start.trunc() as i64;
    let from = if start < 0 { count + start } else { start };
    if from < 0 || from > count {
        return Some(Instead::Value(Json::String(all)));
    }
    let length = match step.arguments.get(2) {
        Some(length) => match number(length) {
            Some(length) => length.trunc() as i64,
            None => return Some(PANIC),
        },
        None => count,
    };
    let to = if length < 0 { count + length } else { from.saturating_add(length) }.min(count);
    if to < from {
        return Some(PANIC);
    }
    Some(Instead::Value(Json::String(runes[from as usize..to as usize].iter().collect())))
}

fn odd_in(step: &Step<'_>) -> bool {
    let is_text = |json: &Json| matches!(json, Json::String(_));
    match step.arguments {
        [needle, Json::String(text)] => !is_text(needle) || text.is_empty(),
        [needle, Json::Array(items)] => {
            let odd = |item: &Json| matches!(item, Json::Array(_) | Json::Object(_));
            odd(needle)
                || items.iter().any(odd)
                || (matches!(needle, Json::Number(_)) && !items.iter().all(|item| matches!(item, Json::Number(_))))
        }
        _ => false,
    }
}

/// Whether the body reads something that the data around the list has.
fn reads_any(body: &Json, data: &Json) -> bool {
    match body {
        Json::Array(items) => items.iter().any(|item| reads_any(item, data)),
        Json::Object(fields) => fields.iter().any(|(name, operand)| match (name.as_str(), operand) {
            ("var", Json::String(path)) => path.split('.').next().is_some_and(|first| data.field(first).is_some()),
            ("var", Json::Array(_)) => true,
            _ => reads_any(operand, data),
        }),
        _ => false,
    }
}

/// A list or a body for which Go's way is not JSONLogic's.
fn odd_list(step: &Step<'_>) -> bool {
    let Some(Json::Array(items)) = step.arguments.first() else { return true };
    let body = step.operands.get(1);
    let is_operation = matches!(body, Some(Json::Object(fields)) if fields.len() == 1 && fields[0].0 != "var");
    // What is put into a rule as it is must not read as a rule itself.
    let plain = |item: &Json| match item {
        Json::Object(fields) => {
            fields.iter().all(|(_, json)| !matches!(json, Json::Null | Json::Array(_) | Json::Object(_)))
        }
        Json::Null | Json::Array(_) => false,
        _ => true,
    };
    let numbers = items.iter().all(|item| matches!(item, Json::Number(_)));
    !is_operation || !items.iter().all(plain) || (step.name == "reduce" && !numbers)
}

fn odd_path(step: &Step<'_>) -> Option<Instead> {
    let (Some(Json::String(path)), "var") = (step.arguments.first(), step.name) else { return None };
    let mut found = step.item.unwrap_or(step.context);
    if path.is_empty() {
        return None;
    }
    for part in path.split('.') {
        match found {
            Json::String(_) => {
                return Some(match step.operands.get(1) {
                    None => Instead::Value(Json::Null),
                    Some(Json::Array(_) | Json::Object(_)) => Instead::Anything,
                    Some(default) => Instead::Value(default.clone()),
                });
            }
            Json::Array(items) => match part.parse::<usize>() {
                Ok(index) => found = items.get(index)?,
                Err(_) => return Some(Instead::Anything),
            },
            _ => found = found.field(part)?,
        }
    }
    None
}

fn is_odd_version(text: &str) -> bool {
    let core = text.trim_start_matches(['v', 'V']).split(['-', '+']).next().unwrap_or_default();
    let short = core.split('.').count() < 3;
    (short && text.contains(['-', '+'])) || text.starts_with("99999999999999999999")
}
