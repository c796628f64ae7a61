//! Texts beyond ASCII under the dialect v2: flagd's engines hash different bytes of them, so the same user may have another bucket elsewhere.

use super::super::entries::Listed;
use super::Facts;
use super::walk::Operation;
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::rule::operation;

const REMEDY: &str = "ASCII, or \"hashing\": \"flagd-v3\", in which all engines hash the same bytes";

/// The constants of what `fractional` hashes.
pub(super) fn check(operation: &Operation<'_>, findings: &mut Findings) {
    if operation.name == "fractional"
        && operation.facts.v2
        && let Some(key) = operation.operands().first().filter(|json| !matches!(json, Json::Array(_)))
    {
        constants(key, &operation.at(0), findings);
    }
}

fn constants(json: &Json, path: &Path<'_>, findings: &mut Findings) {
    match json {
        Json::String(text) if !text.is_ascii() => findings.add(Code::NonAscii, path, json, REMEDY),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        Json::Array(items) => items.iter().enumerate().for_each(|(i, json)| constants(json, &path.index(i), findings)),
        // What an attribute is called is not hashed.
        Json::Object(_) => match operation(json) {
            None | Some(("var" | "$ref", _)) => {}
            Some((name, operand)) => constants(operand, &path.key(name), findings),
        },
    }
}

/// The key of a flag whose `fractional` hashes it: where it names no value of its own, or `$flagd.flagKey`.
pub(super) fn flag(flag: &Listed<'_>, facts: &Facts<'_>, findings: &mut Findings, path: &Path<'_>) {
    if !facts.v2 || flag.key.is_ascii() {
        return;
    }
    let mut open: Vec<&Json> = flag.json.field("targeting").into_iter().collect();
    let mut followed: Vec<&str> = Vec::new();
    while let Some(json) = open.pop() {
        match (json, operation(json)) {
            (_, Some(("$ref", Json::String(name)))) if !followed.contains(&name.as_str()) => {
                followed.push(name);
                open.extend(facts.evaluators.get(name.as_str()).copied());
            }
            (_, Some(("fractional", _))) => {
                findings.add(
                    Code::NonAscii,
                    path,
                    format_args!("the flag key {:?}, which is hashed", flag.key),
                    REMEDY,
                );
                return;
            }
            (Json::Array(items), _) => open.extend(items),
            (Json::Object(fields), _) => open.extend(fields.iter().map(|(_, json)| json)),
            _ => {}
        }
    }
}
