//! What a rule can give, without evaluating it: the names in all its branches. Owns that walk over the document's JSON; a rule that computes
//! a name can give anything.

use std::collections::BTreeSet;

use serde_json::Value;
use weir_core::document::Flag;

/// References are followed so deep.
const DEEPEST: usize = 16;

/// The one variant that a flag gives to everybody; `None` if it may give several, or its code's own default.
pub(super) fn only(flag: &Flag, definition: &Value, evaluators: &Value) -> Option<String> {
    let default = flag.default_name()?;
    let mut names = BTreeSet::new();
    if flag.enabled {
        let rule = definition.get("targeting").filter(|rule| rule.as_object().is_none_or(|rule| !rule.is_empty()));
        match rule {
            None | Some(Value::Null) => drop(names.insert(default.to_owned())),
            Some(rule) => collect(rule, evaluators, default, (&mut names, 0))?,
        }
    }
    let mut names = names.into_iter().filter(|name| flag.variant(name).is_some());
    match (names.next(), names.next()) {
        (Some(one), None) => Some(one),
        (None | Some(_), _) => None,
    }
}

/// `None` if the rule may give anything.
fn collect(
    rule: &Value,
    evaluators: &Value,
    default: &str,
    (names, depth): (&mut BTreeSet<String>, usize),
) -> Option<()> {
    if depth > DEEPEST {
        return None;
    }
    match rule {
        Value::String(name) => drop(names.insert(name.clone())),
        Value::Bool(yes) => drop(names.insert(yes.to_string())),
        Value::Null => drop(names.insert(default.to_owned())),
        Value::Object(operation) if operation.len() == 1 => {
            let (operator, arguments) = operation.iter().next()?;
            match (operator.as_str(), arguments) {
                ("if", Value::Array(arguments)) => {
                    for branch in branches(arguments) {
                        collect(branch, evaluators, default, (&mut *names, depth + 1))?;
                    }
                }
                ("fractional", Value::Array(arguments)) => {
                    let shares = arguments.iter().filter_map(Value::as_array);
                    for share in shares {
                        if share.get(1).is_none_or(|weight| weight.as_f64().is_none_or(|weight| weight > 0.0)) {
                            collect(share.first()?, evaluators, default, (&mut *names, depth + 1))?;
                        }
                    }
                    // Without an identity it gives none of them.
                    names.insert(default.to_owned());
                }
                ("$ref", Value::String(name)) => {
                    collect(evaluators.get(name)?, evaluators, default, (names, depth + 1))?;
                }
                _ => return None,
            }
        }
        Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
    }
    Some(())
}

/// What an `if` gives: every second argument, and the last; nothing, where there is no last, is null.
fn branches(arguments: &[Value]) -> impl Iterator<Item = &Value> {
    let even = arguments.len().is_multiple_of(2);
    let pairs = arguments.iter().skip(1).step_by(2);
    let last = if even { Some(&Value::Null) } else { arguments.last() };
    pairs.chain(last)
}
