//! Parts of a rule that nobody reaches, since what stands before them, or their own condition, always comes out the same.

use super::walk::Operation;
use crate::code::Code;
use crate::finding::Findings;
use crate::json::Json;
use crate::rule::operation;
use crate::rule::{Rule, Value};

pub(super) fn check(operation: &Operation<'_>, findings: &mut Findings) {
    match operation.name {
        "if" | "?:" => branches(operation, findings),
        "and" => until(operation, false, findings),
        "or" => until(operation, true, findings),
        _ => {}
    }
}

fn branches(operation: &Operation<'_>, findings: &mut Findings) {
    let operands = operation.operands();
    for (i, pair) in operands.chunks(2).enumerate() {
        let [condition, _] = pair else { return };
        let first = i.saturating_mul(2);
        match constant(condition) {
            None => {}
            Some(false) => unreached(operation, first.saturating_add(1), "a condition that is never true", findings),
            Some(true) => {
                let next = first.saturating_add(2);
                if next < operands.len() {
                    unreached(operation, next, "a condition that is always true", findings);
                }
                return;
            }
        }
    }
}

/// `and` ends with the first that is false, `or` with the first that is true.
fn until(operation: &Operation<'_>, truth: bool, findings: &mut Findings) {
    let operands = operation.operands();
    let Some(end) = operands.iter().position(|json| constant(json) == Some(truth)) else { return };
    let next = end.saturating_add(1);
    if next < operands.len() {
        unreached(operation, next, if truth { "what is always true" } else { "what is always false" }, findings);
    }
}

fn unreached(operation: &Operation<'_>, index: usize, after: &str, findings: &mut Findings) {
    let found = format_args!("a part that nobody reaches, after {after}");
    findings.add(
        Code::Unreachable,
        &operation.at(index),
        found,
        "a condition that depends on somebody, or nothing here",
    );
}

/// Whether it is true or false for everybody.
fn constant(json: &Json) -> Option<bool> {
    match json {
        Json::Array(_) | Json::Object(_) if !is_fixed(json) => None,
        Json::Array(_) | Json::Object(_) => Rule::compile(json).ok()?.constant().map(|json| Value::from(json).truthy()),
        _ => Some(Value::from(json).truthy()),
    }
}

/// Nothing in it depends on who asks.
fn is_fixed(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
        Json::Array(items) => items.iter().all(is_fixed),
        Json::Object(_) => operation(json).is_none_or(|(name, operand)| {
            !matches!(name, "var" | "missing" | "missing_some" | "$ref" | "fractional") && is_fixed(operand)
        }),
    }
}
