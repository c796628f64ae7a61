//! Operators that do not exist, operands of the wrong number or kind, and versions that are none: each of these gives an error or null for everybody.

use super::super::fields::suggest;
use super::walk::Operation;
use crate::code::Code;
use crate::finding::Findings;
use crate::json::Json;
use crate::rule::operation;
use crate::rule::{is_version, is_version_operator};

/// Every operator with the fewest and the most operands that flagd's schema takes.
const OPERATORS: [(&str, usize, usize); 37] = [
    ("$ref", 1, 1),
    ("var", 0, 2),
    ("missing", 0, MANY),
    ("missing_some", 2, 2),
    ("if", 1, MANY),
    ("?:", 3, 3),
    ("==", 2, 2),
    ("===", 2, 2),
    ("!=", 2, 2),
    ("!==", 2, 2),
    (">", 2, 2),
    (">=", 2, 2),
    ("<", 2, 3),
    ("<=", 2, 3),
    ("!", 1, 1),
    ("!!", 1, 1),
    ("and", 1, MANY),
    ("or", 1, MANY),
    ("%", 2, 2),
    ("/", 2, 2),
    ("*", 2, MANY),
    ("+", 1, MANY),
    ("-", 1, MANY),
    ("min", 1, MANY),
    ("max", 1, MANY),
    ("map", 2, 2),
    ("filter", 2, 2),
    ("reduce", 3, 3),
    ("all", 2, 2),
    ("none", 2, 2),
    ("some", 2, 2),
    ("merge", 1, MANY),
    ("in", 2, 2),
    ("cat", 1, MANY),
    ("substr", 2, 3),
    ("starts_with", 2, 2),
    ("ends_with", 2, 2),
];
const MANY: usize = usize::MAX;

pub(super) fn check(operation: &Operation<'_>, findings: &mut Findings) {
    match operation.name {
        // What a list comes from by reference can't be counted here.
        _ if is_reference(operation.operand) => {}
        "sem_ver" => sem_ver(operation, findings),
        // Their operands are other files' business.
        "fractional" => {}
        name => match OPERATORS.iter().find(|(known, _, _)| *known == name) {
            Some((_, fewest, most)) => count(operation, *fewest, *most, findings),
            None => {
                let mut known: Vec<&str> = OPERATORS.iter().map(|(name, _, _)| *name).collect();
                known.extend(["sem_ver", "fractional"]);
                let found = format_args!("the operator {name:?}, which does not exist");
                findings.add(Code::Operator, &operation.path.name(), found, suggest(name, &known));
            }
        },
    }
    if matches!(operation.name, "starts_with" | "ends_with") {
        for (i, json) in operation.operands().iter().enumerate() {
            if matches!(json, Json::Bool(_) | Json::Number(_) | Json::Null | Json::Array(_)) {
                findings.add(Code::Operands, &operation.at(i), json, "a text, for anything else gives null");
            }
        }
    }
}

fn is_reference(json: &Json) -> bool {
    operation(json).is_some_and(|(name, _)| name == "$ref")
}

fn count(operation: &Operation<'_>, fewest: usize, most: usize, findings: &mut Findings) {
    let count = operation.operands().len();
    if (fewest..=most).contains(&count) {
        return;
    }
    let allowed = match (fewest, most) {
        (_, MANY) => format!("at least {fewest}"),
        _ if fewest == most => format!("exactly {fewest}"),
        _ => format!("{fewest} to {most}"),
    };
    findings.add(Code::Operands, operation.path, format_args!("{count} operands of {}", operation.name), allowed);
}

fn sem_ver(operation: &Operation<'_>, findings: &mut Findings) {
    count(operation, 3, 3, findings);
    for (i, json) in operation.operands().iter().enumerate() {
        let (good, allowed) = match (i, json) {
            (_, Json::Object(_)) => continue,
            (1, json) => (json.as_str().is_some_and(is_version_operator), "one of =, !=, <, <=, >, >=, ^, ~"),
            (_, json) => (is_version(json), "a version such as \"1.2.3\""),
        };
        if !good {
            findings.add(Code::Version, &operation.at(i), json, allowed);
        }
    }
}
