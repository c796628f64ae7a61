//! PyPI `openfeature-flagd-core` 2.0.0, on `panzi-json-logic` 1.0.1. What Python does with an operation is computed here, with Python's coercions; an
//! exception says for which operands that may differ.

use serde_json::Value;
use weir_core::json::Json;

use super::alike;
use crate::conformance::case::{Answer, Ask};
use crate::conformance::exception::{At, Exception};
use crate::conformance::plain::{Instead, Step, value};

pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "backslash-in-evaluators",
        why: "evaluators are put in with re.sub, whose replacements have escapes of their own: \\u, \\n and \\\\ break the document",
        always: true,
        at: At::Document(|document| document.get("$evaluators").is_some_and(has_escape)),
    },
    Exception {
        name: "reduce-start-is-not-evaluated",
        why: "the start of reduce is taken as it is written",
        always: true,
        at: At::Step(|step| {
            let start = step.operands.get(2)?;
            (step.name == "reduce" && !is_scalar(start)).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "exact-integers",
        why: "Python's integers are exact beyond 2^53, JSON's numbers as everybody else has them are doubles",
        always: true,
        at: At::Step(|step| step.arguments.iter().any(has_huge).then_some(Instead::Anything)),
    },
    alike::DEFAULT_FOR_NULL,
    Exception {
        name: "minus-null",
        why: "100 - null is -100: a null is taken for an operand that is not there",
        always: true,
        at: At::Step(|step| when(step, step.name == "-" && step.arguments.get(1) == Some(&Json::Null))),
    },
    Exception {
        name: "remainder-of-the-divisor",
        why: "Python's remainder has the sign of the divisor",
        always: true,
        at: At::Step(|step| when(step, step.name == "%" && step.arguments.iter().any(|n| python_number(n) < 0.0))),
    },
    Exception {
        name: "division-by-zero",
        why: "raises ZeroDivisionError out of the evaluator; JSON's numbers have no answer either, so Weir's is PARSE_ERROR or goes on with no number",
        always: true,
        at: At::Step(|step| {
            when(step, matches!(step.name, "/" | "%") && step.arguments.get(1).is_none_or(|n| python_number(n) == 0.0))
        }),
    },
    Exception {
        name: "sum-of-what-is-no-number",
        why: "+ and * read their operands as Number() does; JSONLogic as parseFloat(), for which null, true and \"\" are none, and \"12px\" is 12",
        always: true,
        at: At::Step(|step| {
            let differs = |json: &Json| !same_number(python_number(json), value::parse_float(json));
            when(
                step,
                matches!(step.name, "+" | "*") && (step.arguments.iter().any(differs) || step.arguments.len() < 2),
            )
        }),
    },
    Exception {
        name: "texts-as-numbers",
        why: "a text is read as float() does: \"\" is no number (JavaScript: 0), \"0x1f\" neither; [true] is 1",
        always: true,
        at: At::Step(|step| {
            let numeric = ["-", "/", "%", "min", "max", "==", "!=", "<", "<=", ">", ">=", "substr", "missing_some"];
            let differs = |json: &Json| !same_number(python_number(json), value::number(json));
            when(step, numeric.contains(&step.name) && step.arguments.iter().any(differs))
        }),
    },
    Exception {
        name: "no-operand-is-null",
        why: "an operand that is not there is null, and null is 0",
        always: true,
        at: At::Step(|step| when(step, matches!(step.name, "/" | "%" | "-") && step.arguments.len() < 2)),
    },
    Exception {
        name: "extreme-of-no-number",
        why: "min and max with what is no number depend on its place; of nothing at all they are no number",
        always: true,
        at: At::Step(|step| {
            let odd = step.arguments.is_empty() || step.arguments.iter().any(|n| python_number(n).is_nan());
            when(step, matches!(step.name, "min" | "max") && odd)
        }),
    },
    Exception {
        name: "null-equals-zero",
        why: "null == 0 and null == false, against JSONLogic",
        always: true,
        at: At::Step(|step| when(step, matches!(step.name, "==" | "!=") && step.arguments.contains(&Json::Null))),
    },
    Exception {
        name: "equal-containers",
        why: "=== and in compare arrays and objects by what is in them, == those that are one; Weir has no two that are one",
        always: false,
        at: At::Step(|step| when(step, is_equality(step.name) && step.arguments.iter().any(|json| !is_scalar(json)))),
    },
    Exception {
        name: "true-is-1",
        why: "1 === true and 0 === false, in lists too: Python's bool is a number",
        always: true,
        at: At::Step(|step| when(step, is_equality(step.name) && step.arguments.iter().any(has_bool))),
    },
    Exception {
        name: "order-of-text-and-null",
        why: "a text beside null or an array is compared as a text with \"null\"; two arrays are compared as numbers",
        always: true,
        at: At::Step(|step| {
            let odd = |json: &Json| matches!(json, Json::Null | Json::Array(_) | Json::Object(_));
            when(step, is_order(step.name) && step.arguments.iter().any(odd))
        }),
    },
    Exception {
        name: "part-of-nothing",
        why: "\"\" is in \"\"; for JSONLogic nothing is in \"\"",
        always: true,
        at: At::Step(|step| {
            when(step, step.name == "in" && step.arguments.get(1) == Some(&Json::String(String::new())))
        }),
    },
    Exception {
        name: "texts-of-values",
        why: "cat, substr and in write null as \"null\", true as \"True\", numbers in 15 digits",
        always: true,
        at: At::Step(|step| {
            let differs = |json: &Json| python_text(json) != Some(joined_text(json));
            when(step, matches!(step.name, "cat" | "substr" | "in") && step.arguments.iter().any(differs))
        }),
    },
    Exception {
        name: "length-null",
        why: "substr with the length null goes to the end; JavaScript's null is 0",
        always: true,
        at: At::Step(|step| when(step, step.name == "substr" && step.arguments.get(2) == Some(&Json::Null))),
    },
    Exception {
        name: "containers-as-variants",
        why: "a bucket's variant may be anything; the name of an array or object is then no variant",
        always: true,
        at: At::Step(|step| {
            let odd = |json: &Json| matches!(json, Json::Array(parts) if parts.first().is_some_and(|v| !is_scalar(v)));
            (step.name == "fractional" && step.arguments.iter().any(odd)).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "float-weights",
        why: "a weight must be written or computed as an integer: 50.0 is none, and makes the whole result null",
        always: false,
        at: At::Step(|step| {
            let odd = step.name == "fractional" && step.operands.iter().any(may_be_float_weight);
            odd.then_some(Instead::Value(Json::Null))
        }),
    },
    Exception {
        name: "numbers-of-versions",
        why: "a version's numbers have no greatest one, and -0.0 is none; Weir, as JavaScript's engine, takes a version beyond it for none",
        always: true,
        at: At::Step(|step| {
            let great = |json: &Json| match json {
                Json::String(text) => text.starts_with("99999999999999999999"),
                Json::Number(number) => *number == 0.0,
                _ => false,
            };
            (step.name == "sem_ver" && step.arguments.iter().any(great)).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "a-rule-is-an-object",
        why: "targeting that is no object, as an evaluator may make it, is PARSE_ERROR, and none at all if it is empty, 0 or false",
        always: true,
        at: At::Result(|rule, _| (!matches!(rule, Json::Object(_))).then_some(Instead::Anything)),
    },
    Exception {
        name: "number-as-a-name",
        why: "a result 2.0 names the variant \"2.0\", a result that is no number \"nan\"; flagd names variants as JSON writes numbers",
        always: false,
        at: At::Result(|_, result| {
            let odd = matches!(result, Json::Number(number) if number.fract() == 0.0 || !number.is_finite() || number.abs() < 1e-4);
            odd.then_some(Instead::Error("GENERAL"))
        }),
    },
    Exception {
        name: "boolean-as-a-float",
        why: "the accessor of floats gives 1.0 for true",
        always: true,
        at: At::Answer(|ask, _, answer| match (ask.kind, &answer.value) {
            ("float", Some(Value::Bool(bool))) => {
                let value = Some(Value::from(if *bool { 1.0 } else { 0.0 }));
                Some(Answer { value, ..answer.clone() })
            }
            _ => None,
        }),
    },
    Exception {
        name: "float-as-an-integer",
        why: "the accessor of integers refuses 1.0",
        always: false,
        at: At::Answer(integer_of_float),
    },
];

fn has_escape(json: &Value) -> bool {
    let odd = |text: &String| !text.is_ascii() || text.contains(['\\', '\n']);
    match json {
        Value::String(text) => odd(text),
        Value::Array(items) => items.iter().any(has_escape),
        Value::Object(fields) => fields.iter().any(|(key, json)| odd(key) || has_escape(json)),
        _ => false,
    }
}

fn has_huge(json: &Json) -> bool {
    match json {
        Json::Number(number) => number.is_finite() && number.abs() > 9_007_199_254_740_991.0,
        Json::Array(items) => items.iter().any(has_huge),
        Json::Object(fields) => fields.iter().any(|(_, json)| has_huge(json)),
        _ => false,
    }
}

fn has_bool(json: &Json) -> bool {
    match json {
        Json::Bool(_) => true,
        Json::Array(items) => items.iter().any(has_bool),
        _ => false,
    }
}

fn is_scalar(json: &Json) -> bool {
    !matches!(json, Json::Array(_) | Json::Object(_))
}

fn is_equality(name: &str) -> bool {
    matches!(name, "===" | "!==" | "==" | "!=" | "in")
}

fn is_order(name: &str) -> bool {
    matches!(name, "<" | "<=" | ">" | ">=")
}

/// A weight that Python may have as a float: a whole one written 1.0, or computed.
fn may_be_float_weight(operand: &Json) -> bool {
    let Json::Array(parts) = operand else { return !is_scalar(operand) };
    match parts.get(1) {
        Some(Json::Number(weight)) => weight.fract() == 0.0 && [0.0, 1.0, 2.0, 1000.0].contains(&weight.abs()),
        Some(computed) => !is_scalar(computed),
        None => false,
    }
}

fn integer_of_float(ask: &Ask, _: &Json, answer: &Answer) -> Option<Answer> {
    let whole = |value: &Value| value.as_f64().is_some_and(|number| number.fract() == 0.0);
    (ask.kind == "integer" && answer.value.as_ref().is_some_and(whole)).then(|| Answer::error("TYPE_MISMATCH"))
}

fn same_number(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

/// What Python does, if it is to be asked.
fn when(step: &Step<'_>, asked: bool) -> Option<Instead> {
    asked.then(|| python(step).unwrap_or(Instead::Anything))
}

/// `json_logic.builtins`; `None` where it is not copied.
fn python(step: &Step<'_>) -> Option<Instead> {
    let argument = |index: usize| step.arguments.get(index).unwrap_or(&Json::Null);
    let [a, b, c] = [0, 1, 2].map(argument);
    let (x, y) = (python_number(a), python_number(b));
    let between =
        |fits: fn(&Json, &Json) -> Option<bool>| Some(Json::Bool(fits(a, b)? && (*c == Json::Null || fits(b, c)?)));
    let value = match step.name {
        "+" => Json::Number(step.arguments.iter().map(python_number).sum()),
        "*" => Json::Number(step.arguments.iter().map(python_number).product()),
        "-" if *b == Json::Null => Json::Number(-x),
        "-" => Json::Number(x - y),
        "/" | "%" if y == 0.0 => return Some(Instead::Error("CRASH")),
        "/" => Json::Number(x / y),
        "%" => Json::Number(x - (x / y).floor() * y),
        "==" => Json::Bool(python_equals(a, b)?),
        "!=" => Json::Bool(!python_equals(a, b)?),
        "===" => Json::Bool(python_same(a, b)),
        "!==" => Json::Bool(!python_same(a, b)),
        "<" => between(|a, b| python_order(a, b).map(|order| order == Some(std::cmp::Ordering::Less)))?,
        "<=" => between(|a, b| python_order(a, b).map(|order| order.is_some_and(std::cmp::Ordering::is_le)))?,
        ">" => between(|a, b| python_order(a, b).map(|order| order == Some(std::cmp::Ordering::Greater)))?,
        ">=" => between(|a, b| python_order(a, b).map(|order| order.is_some_and(std::cmp::Ordering::is_ge)))?,
        "in" => match b {
            Json::Array(items) => Json::Bool(items.iter().any(|item| python_same(item, a))),
            Json::String(text) => Json::Bool(text.contains(&python_text(a)?)),
            _ => Json::Bool(false),
        },
        "cat" => Json::String(step.arguments.iter().map(python_text).collect::<Option<String>>()?),
        _ => return None,
    };
    Some(Instead::Value(value))
}

/// `to_number`.
fn python_number(json: &Json) -> f64 {
    match json {
        Json::Null => 0.0,
        Json::Bool(bool) => f64::from(u8::from(*bool)),
        Json::Number(number) => *number,
        Json::Array(items) => match items.as_slice() {
            [] => 0.0,
            [one] => python_number(one),
            _ => f64::NAN,
        },
        Json::Object(_) => f64::NAN,
        Json::String(text) => match text.trim() {
            "" => f64::NAN,
            text if text.starts_with("0x") => f64::NAN,
            text => value::number(&Json::String(text.to_owned())),
        },
    }
}

/// `to_string`; `None` where it depends on whether Python has an integer or a float.
fn python_text(json: &Json) -> Option<String> {
    Some(match json {
        Json::Null => "null".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) if number.fract() == 0.0 && *number == 0.0 && number.is_sign_negative() => return None,
        Json::Number(number) if number.abs() < 1e15 && (number.fract() == 0.0 || number.abs() > 1e-4) => {
            let text = value::text(json);
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            return (digits <= 15).then_some(text);
        }
        Json::Number(_) => return None,
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(python_text).collect::<Option<Vec<_>>>()?.join(","),
        Json::Object(_) => "[object Object]".to_owned(),
    })
}

/// As a part of `cat`.
fn joined_text(json: &Json) -> String {
    if *json == Json::Null { String::new() } else { value::text(json) }
}

/// `op_equals`.
fn python_equals(a: &Json, b: &Json) -> Option<bool> {
    Some(match (a, b) {
        (Json::Null, Json::Null) => true,
        (Json::String(a), Json::String(b)) => a == b,
        (Json::Array(_), Json::Array(_)) | (Json::Object(_), Json::Object(_)) => {
            // One and the same if both are the same variable.
            return if python_same(a, b) { None } else { Some(false) };
        }
        (Json::Number(_) | Json::Bool(_), _) | (_, Json::Number(_) | Json::Bool(_)) => {
            python_number(a) == python_number(b)
        }
        (Json::Null, _) | (_, Json::Null) => false,
        (Json::String(text), other) | (other, Json::String(text)) => *text == python_text(other)?,
        _ => false,
    })
}

/// `==` of Python.
fn python_same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(_) | Json::Bool(_), Json::Number(_) | Json::Bool(_)) => python_number(a) == python_number(b),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| python_same(a, b)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, a)| b.field(key).is_some_and(|b| python_same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// `less_than` and its kin; the inner `None` is no order.
fn python_order(a: &Json, b: &Json) -> Option<Option<std::cmp::Ordering>> {
    let numeric = |json: &Json| matches!(json, Json::Number(_) | Json::Bool(_));
    if !numeric(a) && !numeric(b) && (matches!(a, Json::String(_)) || matches!(b, Json::String(_))) {
        return Some(Some(python_text(a)?.cmp(&python_text(b)?)));
    }
    Some(python_number(a).partial_cmp(&python_number(b)))
}
