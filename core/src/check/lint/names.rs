//! What rules name: `$flagd` fields that do not exist, references to no evaluator, and evaluators that nobody refers to.

use std::collections::HashSet;

use super::super::entries::{entries, flags};
use super::super::fields::nearest;
use super::Facts;
use super::walk::Operation;
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::rule::operation;

pub(super) fn check(operation: &Operation<'_>, findings: &mut Findings) {
    match operation.name {
        "var" => flagd(operation, findings),
        "$ref" => reference(operation, findings),
        _ => {}
    }
}

fn flagd(operation: &Operation<'_>, findings: &mut Findings) {
    let Some(name) = operation.operands().first().and_then(Json::as_str) else { return };
    if name.starts_with("$flagd.") && name != "$flagd.flagKey" && name != "$flagd.timestamp" {
        let allowed = "\"$flagd.flagKey\" or \"$flagd.timestamp\"";
        findings.add(Code::FlagdField, &operation.at(0), format_args!("{name:?}, which nobody sets"), allowed);
    }
}

fn reference(operation: &Operation<'_>, findings: &mut Findings) {
    let Some(name) = operation.operand.as_str() else {
        findings.add(Code::Reference, operation.path, operation.operand, "the name of an evaluator");
        return;
    };
    if !operation.facts.evaluators.contains_key(name) {
        let mut known: Vec<&str> = operation.facts.evaluators.keys().copied().collect();
        known.sort_unstable();
        let allowed = match nearest(name, &known) {
            Some(near) => format!("{near:?} (did you mean that?)"),
            None => format!("a name under $evaluators, which has {}", known.len()),
        };
        findings.add(Code::Reference, operation.path, format_args!("{name:?}, which is no evaluator"), allowed);
    }
}

/// Evaluators that no flag and no segment refers to, not even through others.
pub(super) fn unused(root: &Json, facts: &Facts<'_>, findings: &mut Findings) {
    let mut used: HashSet<&str> = HashSet::new();
    let mut open: Vec<&Json> = Vec::new();
    open.extend(flags(root.field("flags")).iter().filter_map(|flag| flag.json.field("targeting")));
    let segments = root.field("weir").and_then(|weir| weir.field("segments"));
    open.extend(entries(segments).into_iter().map(|(_, rule)| rule));
    while let Some(json) = open.pop() {
        match json {
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
            Json::Array(items) => open.extend(items),
            Json::Object(fields) => match operation(json) {
                Some(("$ref", Json::String(name))) => {
                    if let Some(rule) = facts.evaluators.get(name.as_str()).filter(|_| used.insert(name)) {
                        open.push(rule);
                    }
                }
                _ => open.extend(fields.iter().map(|(_, json)| json)),
            },
        }
    }
    let root_path = Path::Root;
    let place = root_path.key("$evaluators");
    for (name, _) in entries(root.field("$evaluators")).iter().filter(|(name, _)| !used.contains(name)) {
        let allowed = format!("a flag or a segment with {{\"$ref\": {name:?}}}");
        findings.add(
            Code::Unused,
            &place.key(name).name(),
            "an evaluator that no flag and no segment refers to",
            allowed,
        );
    }
}
