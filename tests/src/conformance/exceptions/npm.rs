//! npm `@openfeature/flagd-core` 4.0.1, on `json-logic-engine` 5.0.7: rules are compiled to JavaScript, with that engine's own coercions, and what is
//! constant in them is computed when they are loaded.

use serde_json::Value;
use weir_core::json::Json;

use super::alike;
use crate::conformance::exception::{At, Exception};
use crate::conformance::plain::{Instead, Step, value};

pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "a-rule-without-keys",
        why: "targeting that is a number, a truth or empty, as an evaluator may make it, is none: STATIC",
        always: false,
        at: At::Rule(|rule, _| {
            let none = match rule {
                Json::Array(items) => items.is_empty(),
                Json::String(text) => text.is_empty(),
                Json::Object(fields) => fields.is_empty(),
                Json::Null | Json::Bool(_) | Json::Number(_) => true,
            };
            none.then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "unknown-anywhere",
        why: "an object of several keys is taken for an operator, and an operator that is unknown for an error, in a branch that is never taken too",
        always: false,
        at: At::Rule(|rule, _| contains(rule, &is_unknown).then_some(Instead::SomeError)),
    },
    Exception {
        name: "constants-when-loaded",
        why: "an operation on constants is done when the rule is loaded, in a branch that is never taken too; where that is an error, the flag's rule is",
        always: false,
        at: At::Rule(|rule, _| contains(rule, &is_constant_operation).then_some(Instead::Error("PARSE_ERROR"))),
    },
    Exception {
        name: "own-operators-in-lists",
        why: "starts_with, ends_with, sem_ver and fractional end in an error within some, all, none, map, filter and reduce",
        always: true,
        at: At::Step(|step| (is_own(step.name) && step.item.is_some()).then_some(Instead::SomeError)),
    },
    Exception {
        name: "constant-bodies",
        why: "a list operator whose body is a constant ends in an error, or does not",
        always: false,
        at: At::Step(|step| {
            let constant =
                |body: &Json| !contains(body, &|json| matches!(json, Json::Object(fields) if fields.len() == 1));
            (alike::is_list(step.name) && step.operands.get(1).is_none_or(constant)).then_some(Instead::SomeError)
        }),
    },
    Exception {
        name: "lists-that-are-none",
        why: "list operators over a text, a number or an object end in an error",
        always: true,
        at: At::Step(|step| {
            let odd = |list: &Json| !matches!(list, Json::Array(_)) && value::truthy(list);
            (alike::is_list(step.name) && step.arguments.first().is_some_and(odd)).then_some(Instead::SomeError)
        }),
    },
    Exception {
        name: "all-of-none",
        why: "all over a list that is missing or empty is true; JSONLogic says false",
        always: false,
        at: At::Step(|step| {
            let none = |list: &Json| !value::truthy(list);
            (step.name == "all" && step.arguments.first().is_some_and(none)).then_some(Instead::Value(Json::Bool(true)))
        }),
    },
    Exception {
        name: "extreme-of-no-number",
        why: "min and max with a null, a text or a truth are errors, or are not",
        always: true,
        at: At::Step(|step| {
            let odd = step.arguments.is_empty() || step.arguments.iter().any(|json| !matches!(json, Json::Number(_)));
            (matches!(step.name, "min" | "max") && odd).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "operations-on-the-right",
        why: "a comparison whose right side is an operation such as if or reduce may end in an error",
        always: false,
        at: At::Step(|step| {
            let operation =
                |json: &Json| matches!(json, Json::Object(fields) if fields.len() == 1 && fields[0].0 != "var");
            let compares = is_comparison(step.name) || matches!(step.name, "===" | "!==");
            (compares && step.operands.iter().skip(1).any(operation)).then_some(Instead::SomeError)
        }),
    },
    Exception {
        name: "cat-of-one-null",
        why: "cat of a single null is no text, and what takes a text ends in an error",
        always: false,
        at: At::Step(|step| (step.name == "cat" && step.arguments == [Json::Null]).then_some(Instead::SomeError)),
    },
    Exception {
        name: "in-what-is-no-list",
        why: "in what is neither a list nor a text ends in an error",
        always: true,
        at: At::Step(|step| {
            let odd = |json: &Json| !matches!(json, Json::Array(_) | Json::String(_)) && value::truthy(json);
            (step.name == "in" && step.arguments.get(1).is_some_and(odd)).then_some(Instead::SomeError)
        }),
    },
    Exception {
        name: "cat-of-one",
        why: "cat of a single operand is that operand, a number too",
        always: false,
        at: At::Step(|step| match (step.name, step.arguments) {
            ("cat", [one]) => Some(Instead::Value(one.clone())),
            _ => None,
        }),
    },
    Exception {
        name: "no-number-is-an-error",
        why: "what is no number ends the evaluation where a number is wanted; JSONLogic goes on, and compares it with nothing",
        always: false,
        at: At::Step(|step| (wants_numbers(step) && some_is_none(step)).then_some(Instead::SomeError)),
    },
    Exception {
        name: "sum-of-null",
        why: "+ and * read null as 0, true as 1, as Number() does; JSONLogic reads as parseFloat(), for which they are no numbers",
        always: true,
        at: At::Step(|step| {
            let numbers = step.arguments.iter().map(value::number);
            let odd = step.arguments.len() < 2 || step.arguments.iter().any(|json| !matches!(json, Json::Number(_)));
            match step.name {
                "+" if odd => Some(Instead::Value(Json::Number(numbers.sum()))),
                "*" if odd => Some(Instead::Value(Json::Number(numbers.product()))),
                _ => None,
            }
        }),
    },
    Exception {
        name: "equality-of-two-kinds",
        why: "== of two kinds is not JavaScript's: null is 0 beside what is no text, and false is not -0",
        always: false,
        at: At::Step(|step| {
            let kinds: std::collections::BTreeSet<_> = step.arguments.iter().map(kind).collect();
            (matches!(step.name, "==" | "!=") && kinds.len() > 1).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "null-in-cat",
        why: "cat writes null as \"null\"",
        always: false,
        at: At::Step(|step| {
            let text = |json: &Json| value::text(json);
            let null = step.name == "cat" && step.arguments.contains(&Json::Null);
            null.then(|| Instead::Value(Json::String(step.arguments.iter().map(text).collect())))
        }),
    },
    Exception {
        name: "empty-object-is-false",
        why: "{} counts as false; in JavaScript, and so in JSONLogic, it is true",
        always: false,
        at: alike::EMPTY_OBJECT_IS_FALSE,
    },
    Exception {
        name: "missing-takes-null",
        why: "missing and missing_some count null and \"\" as there",
        always: true,
        at: At::Step(|step| alike::missing(step, |value| value.is_none())),
    },
    alike::DEFAULT_FOR_NULL,
    Exception {
        name: "null-as-a-key",
        why: "fractional of a null is null; Weir, as flagd's own Go, takes the implicit key in dialect v2",
        always: true,
        at: At::Step(|step| {
            let null = step.name == "fractional" && step.arguments.first() == Some(&Json::Null);
            null.then_some(Instead::Value(Json::Null))
        }),
    },
    Exception {
        name: "hash-of-char-codes",
        why: "dialect v2 is hashed by UTF-16 char codes instead of UTF-8 bytes: for a key that is not ASCII another place",
        always: true,
        at: At::Step(|step| (step.name == "fractional" && hashes_more_than_ascii(step)).then_some(Instead::Anything)),
    },
    Exception {
        name: "any-targeting-key",
        why: "a targetingKey that is no text is hashed as JavaScript writes it",
        always: true,
        at: At::Step(|step| {
            let odd = step.context.field("targetingKey").is_some_and(|key| !matches!(key, Json::String(_)));
            (step.name == "fractional" && odd).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "lenient-versions",
        why: "blanks around a version and a second v are taken, leading zeros in a short one too; 1.0-rc is no version",
        always: true,
        at: At::Step(|step| {
            let odd = |json: &Json| matches!(json, Json::String(text) if is_odd_version(text));
            (step.name == "sem_ver" && step.arguments.iter().any(odd)).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "versions-of-anything",
        why: "a version is whatever it is as a text: [1] is 1",
        always: true,
        at: At::Step(|step| {
            let odd = |json: &Json| !matches!(json, Json::String(_) | Json::Number(_));
            (step.name == "sem_ver" && step.arguments.iter().any(odd)).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "part-of-nothing",
        why: "\"\" is in \"\"; for JSONLogic nothing is in \"\"",
        always: true,
        at: At::Step(|step| {
            let nothing = step.name == "in" && step.arguments.get(1) == Some(&Json::String(String::new()));
            nothing.then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "substr-of-any",
        why: "substr of what is no text, or with odd positions",
        always: true,
        at: At::Step(|step| {
            let plain = matches!(step.arguments, [Json::String(_), Json::Number(_), ..]);
            (step.name == "substr" && !plain).then_some(Instead::Anything)
        }),
    },
    Exception {
        name: "no-number-as-a-name",
        why: "a result that is no number, or beyond all numbers, is GENERAL; Weir's is PARSE_ERROR, as Go's",
        always: true,
        at: At::Result(|_, result| {
            matches!(result, Json::Number(number) if !number.is_finite()).then_some(Instead::SomeError)
        }),
    },
    Exception {
        name: "array-as-a-name",
        why: "a result that is an array names the variant of its joined text; flagd's others end in an error",
        always: true,
        at: At::Result(|_, result| {
            matches!(result, Json::Array(_)).then(|| Instead::Value(Json::String(value::text(result))))
        }),
    },
    Exception {
        name: "one-accessor-of-numbers",
        why: "it has no accessor of integers: a number with a fraction is not refused",
        always: true,
        at: At::Answer(|ask, _, answer| match (ask.kind, &answer.value) {
            ("integer", Some(Value::Number(_))) => Some(answer.clone()),
            _ => None,
        }),
    },
];

/// Whether some operation or value in the rule is so.
fn contains(rule: &Json, is: &dyn Fn(&Json) -> bool) -> bool {
    is(rule)
        || match rule {
            Json::Array(items) => items.iter().any(|item| contains(item, is)),
            Json::Object(fields) => fields.iter().any(|(_, json)| contains(json, is)),
            _ => false,
        }
}

fn is_unknown(json: &Json) -> bool {
    matches!(json, Json::Object(fields) if fields.len() > 1)
}

/// Or one that has a constant where a number is wanted, which is made a number then.
fn is_constant_operation(json: &Json) -> bool {
    let Json::Object(fields) = json else { return false };
    let [(name, operand)] = fields.as_slice() else { return false };
    let odd =
        |json: &Json| !matches!(json, Json::Number(_)) && !contains(json, &|json| matches!(json, Json::Object(_)));
    let items = if let Json::Array(items) = operand { items.as_slice() } else { std::slice::from_ref(operand) };
    if (is_comparison(name) || matches!(name.as_str(), "+" | "-" | "*" | "/" | "%")) && items.iter().any(odd) {
        return true;
    }
    name != "var"
        && !contains(
            operand,
            &|json| matches!(json, Json::Object(fields) if fields.iter().any(|(key, _)| key == "var")),
        )
}

fn is_own(name: &str) -> bool {
    matches!(name, "starts_with" | "ends_with" | "sem_ver" | "fractional")
}

/// Two texts are compared as texts; `===` compares as it is.
fn wants_numbers(step: &Step<'_>) -> bool {
    let texts = step.arguments.len() > 1 && step.arguments.iter().all(|json| matches!(json, Json::String(_)));
    matches!(step.name, "+" | "-" | "*" | "/" | "%") || (is_comparison(step.name) && !texts)
}

/// JavaScript's, as far as it tells what is compared how.
fn kind(json: &Json) -> u8 {
    match json {
        Json::Null => 0,
        Json::Bool(_) => 1,
        Json::Number(_) => 2,
        Json::String(_) => 3,
        Json::Array(_) | Json::Object(_) => 4,
    }
}

fn is_comparison(name: &str) -> bool {
    matches!(name, "<" | "<=" | ">" | ">=" | "==" | "!=")
}

/// Also the result: 0/0 is no number.
fn some_is_none(step: &Step<'_>) -> bool {
    let none = |json: &Json| match json {
        Json::Array(_) | Json::Object(_) => true,
        // What an item has not is not null here, but undefined.
        Json::Null => step.item.is_some(),
        scalar => !value::number(scalar).is_finite(),
    };
    let divided = matches!(step.name, "/" | "%") && step.arguments.get(1).is_none_or(|json| value::number(json) == 0.0);
    let too_few = step.arguments.is_empty() || (is_comparison(step.name) && step.arguments.len() < 2);
    let kinds: std::collections::BTreeSet<_> = step.arguments.iter().map(kind).collect();
    too_few || divided || kinds.len() > 1 || step.arguments.iter().any(none)
}

/// The value, or else flag key and targetingKey.
fn hashes_more_than_ascii(step: &Step<'_>) -> bool {
    let ascii = |json: Option<&Json>| json.and_then(Json::as_str).is_none_or(str::is_ascii);
    match step.arguments.first() {
        Some(key @ Json::String(_)) => !ascii(Some(key)),
        _ => !step.flag.is_ascii() || !ascii(step.context.field("targetingKey")),
    }
}

fn is_odd_version(text: &str) -> bool {
    let core = text.trim_start_matches(['v', 'V']).split(['-', '+']).next().unwrap_or_default();
    let short = core.split('.').count() < 3;
    text.trim() != text
        || text.starts_with("vv")
        || (short && (core.starts_with('0') || core.len() < text.len() || core.contains(".0")))
}
