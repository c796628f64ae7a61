//! [`rule`]: a rule in a line for people: `country == "NZ" and targetingKey in ["alice", "bob"]`. Owns words only; whoever wants to know what a rule gives
//! asks `rule`.

use crate::json::Json;
use crate::rule::operation;

/// So many items of a list are written out.
const ITEMS: usize = 4;
/// A line is cut here, in characters.
const LONGEST: usize = 160;
/// Rules that lie deeper are cut.
const DEEPEST: usize = 8;

/// The rule in a line.
#[must_use]
pub fn rule(json: &Json) -> String {
    let text = written(json, 0);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// An operator's arguments: one that is no array stands for itself.
pub(crate) fn arguments(operand: &Json) -> &[Json] {
    match operand {
        Json::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

fn written(json: &Json, depth: usize) -> String {
    let deeper = depth.saturating_add(1);
    if depth > DEEPEST {
        return "…".to_owned();
    }
    match (json, operation(json)) {
        (_, Some((name, operand))) => operator(name, operand, deeper),
        (Json::Array(items), _) => {
            let mut parts: Vec<String> = items.iter().take(ITEMS).map(|item| written(item, deeper)).collect();
            if items.len() > ITEMS {
                parts.push(format!("… {} in all", items.len()));
            }
            format!("[{}]", parts.join(", "))
        }
        _ => json.compact(),
    }
}

fn operator(name: &str, operand: &Json, depth: usize) -> String {
    let arguments = arguments(operand);
    match (name, arguments) {
        ("var", [path]) if operation(path).is_none() => variable(path),
        ("var", [path, default]) if operation(path).is_none() => {
            format!("({}, or else {})", variable(path), written(default, depth))
        }
        ("$ref", [Json::String(evaluator)]) => format!("${evaluator}"),
        ("!", [one]) => format!("not {}", part(one, depth)),
        ("!!", [one]) => format!("there is {}", part(one, depth)),
        ("and" | "or", [_, _, ..]) => {
            arguments.iter().map(|argument| part(argument, depth)).collect::<Vec<_>>().join(&format!(" {name} "))
        }
        _ if infix(name) && arguments.len() == 2 => {
            arguments.iter().map(|argument| part(argument, depth)).collect::<Vec<_>>().join(&format!(" {name} "))
        }
        _ => {
            let parts: Vec<String> = arguments.iter().map(|argument| written(argument, depth)).collect();
            format!("{name}({})", parts.join(", "))
        }
    }
}

fn infix(name: &str) -> bool {
    let all =
        ["==", "===", "!=", "!==", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in", "starts_with", "ends_with"];
    all.contains(&name)
}

/// In brackets where it would not be clear what belongs together.
fn part(json: &Json, depth: usize) -> String {
    let text = written(json, depth);
    match operation(json) {
        Some((name, operand)) if (infix(name) || matches!(name, "and" | "or")) && arguments(operand).len() > 1 => {
            format!("({text})")
        }
        _ => text,
    }
}

fn variable(path: &Json) -> String {
    match path {
        Json::String(name) if name.is_empty() => "it".to_owned(),
        Json::String(name) => name.clone(),
        other => format!("var({})", other.compact()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_said_as_people_say_them() {
        for (json, words) in [
            (r#"{"==": [{"var": "country"}, "NZ"]}"#, r#"country == "NZ""#),
            (
                r#"{"and": [{"!": {"var": "a.b"}}, {"in": [{"var": ["targetingKey"]}, ["u1", "u2"]]}]}"#,
                r#"not a.b and (targetingKey in ["u1", "u2"])"#,
            ),
            (r#"{"in": [1, [1, 2, 3, 4, 5, 6]]}"#, "1 in [1, 2, 3, 4, … 6 in all]"),
            (r#"{"if": [{"$ref": "vip"}, "on", null]}"#, r#"if($vip, "on", null)"#),
            (r#"{"var": ["x", 3]}"#, "(x, or else 3)"),
            (r#"{"<": [1, {"var": "x"}, 3]}"#, "<(1, x, 3)"),
            (r#"{"a": 1, "b": 2}"#, r#"{"a":1,"b":2}"#),
            (r#"{"!!": {"var": "x"}}"#, "there is x"),
        ] {
            assert_eq!(rule(&Json::read(json).unwrap()), words);
        }
        assert_eq!(rule(&Json::String("x".repeat(500))).chars().count(), LONGEST + 1);
    }
}
