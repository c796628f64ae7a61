//! Where an attribute that may be missing is computed with: it is null then, which counts as 0 in comparisons and arithmetic, as nothing or "null" in
//! texts, and equals what else is missing.

use super::walk::Operation;
use crate::code::Code;
use crate::finding::Findings;
use crate::json::Json;
use crate::rule::operation;

const REMEDY: &str = "a default, {\"var\": [NAME, DEFAULT]}, or a condition before it that asks for the attribute";

pub(super) fn check(operation: &Operation<'_>, findings: &mut Findings) {
    match operation.name {
        "<" | "<=" | ">" | ">=" => compared(operation, findings),
        "+" | "-" | "*" | "/" | "%" | "min" | "max" => each(operation, Code::NullArithmetic, findings),
        "cat" => each(operation, Code::NullText, findings),
        "==" | "!=" => equal(operation, findings),
        _ => {}
    }
}

/// With a text there is no order: then what is missing is not below it.
fn compared(operation: &Operation<'_>, findings: &mut Findings) {
    let operands = operation.operands();
    if operands.iter().any(|json| matches!(json, Json::String(_))) {
        return;
    }
    for (i, json) in operands.iter().enumerate() {
        if let Some(name) = operation.missing(json) {
            let found = format_args!("{name:?} in {}, which counts as 0 when it is missing", operation.name);
            findings.add(Code::NullCompared, &operation.at(i), found, REMEDY);
        }
    }
}

fn each(operation: &Operation<'_>, code: Code, findings: &mut Findings) {
    for (i, json) in operation.operands().iter().enumerate() {
        if *json == Json::Null {
            findings.add(code, &operation.at(i), format_args!("null in {}", operation.name), REMEDY);
        } else if let Some(name) = operation.missing(json) {
            let found = format_args!("{name:?} in {}, which is null when it is missing", operation.name);
            findings.add(code, &operation.at(i), found, REMEDY);
        }
    }
}

/// Null equals null and nothing else; with a constant that is what was meant.
fn equal(of: &Operation<'_>, findings: &mut Findings) {
    let may_be_null = |json: &&Json| **json == Json::Null || of.missing(json).is_some();
    let operands = of.operands();
    if operands.len() == 2 && operands.iter().filter(may_be_null).count() == 2 {
        let computed = |json: &Json| operation(json).is_some();
        let found = if operands.iter().all(computed) {
            "two attributes that are equal when both are missing"
        } else {
            "an attribute against null"
        };
        findings.add(Code::NullEqual, of.path, found, "=== or !== with null, \"missing\", or a default");
    }
}
