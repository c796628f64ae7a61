//! Values outside `weir` that are of a kind that flagd does not know there, and loads all the same.

use super::super::entries::{Listed, entries, flags};
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;

pub(super) fn run(json: &Json, findings: &mut Findings) {
    let root = Path::Root;
    if let Some(schema) = json.field("$schema").filter(|schema| schema.as_str().is_none()) {
        findings.add(Code::Kind, &root.key("$schema"), schema, "a string");
    }
    if let Some(evaluators) = json.field("$evaluators").filter(|json| !matches!(json, Json::Object(_))) {
        findings.add(Code::Kind, &root.key("$evaluators"), evaluators, "an object of rules by name");
    }
    let place = root.key("$evaluators");
    for (name, rule) in entries(json.field("$evaluators")) {
        let path = place.key(name);
        if name.is_empty() {
            findings.add(Code::EmptyName, &path.name(), "an empty name", "a name");
        }
        if !matches!(rule, Json::Object(_)) {
            findings.add(Code::Kind, &path, rule, "a rule: {OPERATOR: [OPERAND, ...]}");
        }
    }
    metadata(json.field("metadata"), &root, findings);
    if json.field("flags").is_none() {
        findings.add(Code::NoFlags, &root.key("flags"), "nothing", "an object of flags by key");
    }
    let place = root.key("flags");
    flags(json.field("flags")).iter().for_each(|listed| flag(listed, &listed.path(&place), findings));
}

fn flag(flag: &Listed<'_>, path: &Path<'_>, findings: &mut Findings) {
    if flag.key.is_empty() {
        findings.add(Code::EmptyName, &path.name(), "an empty key", "a key");
    }
    metadata(flag.json.field("metadata"), path, findings);
    match flag.json.field("targeting") {
        None | Some(Json::Null | Json::Object(_)) => {}
        Some(other) => {
            findings.add(Code::Kind, &path.key("targeting"), other, "a rule: {OPERATOR: [OPERAND, ...]}, {} or null");
        }
    }
    if matches!(flag.json, Json::Object(_)) {
        variants(flag.json.field("variants"), &path.key("variants"), findings);
    }
}

fn metadata(json: Option<&Json>, path: &Path<'_>, findings: &mut Findings) {
    let path = path.key("metadata");
    match json {
        None => {}
        Some(Json::Object(_)) => {
            let scalar = |json: &Json| matches!(json, Json::Bool(_) | Json::Number(_) | Json::String(_));
            for (key, value) in entries(json).into_iter().filter(|(_, value)| !scalar(value)) {
                findings.add(Code::Metadata, &path.key(key), value, "a string, number or boolean");
            }
        }
        Some(other) => findings.add(Code::Metadata, &path, other, "an object of strings, numbers and booleans"),
    }
}

fn variants(json: Option<&Json>, path: &Path<'_>, findings: &mut Findings) {
    const ALLOWED: &str = "an object of at least one variant";
    let variants = match json {
        None => return findings.add(Code::Variants, path, "nothing", ALLOWED),
        Some(Json::Object(_)) => entries(json),
        Some(other) => return findings.add(Code::Variants, path, other, ALLOWED),
    };
    if variants.is_empty() {
        findings.add(Code::Variants, path, "no variant", ALLOWED);
    }
    let mut kinds: Vec<&str> = Vec::new();
    for (name, value) in variants {
        if name.is_empty() {
            findings.add(Code::EmptyName, &path.key(name).name(), "an empty name", "a name");
        }
        match kind(value) {
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => kinds.push(kind),
            None => findings.add(Code::Variants, &path.key(name), value, "a boolean, string, number, object or array"),
        }
    }
    if kinds.len() > 1 {
        findings.add(Code::Mixed, path, kinds.join(" and "), "values of one kind");
    }
}

const fn kind(json: &Json) -> Option<&'static str> {
    match json {
        Json::Null => None,
        Json::Bool(_) => Some("booleans"),
        Json::Number(_) => Some("numbers"),
        Json::String(_) => Some("strings"),
        // An application asks for either as an object.
        Json::Array(_) | Json::Object(_) => Some("objects"),
    }
}
