//! Keys outside `weir`: those that stand twice, of which flagd takes the last, and those that flagd passes over.

use super::super::entries::flags;
use super::super::fields::{again, nearest, suggest};
use crate::code::Code;
use crate::finding::{Findings, Path};
use crate::json::Json;

const DOCUMENT: [&str; 5] = ["$schema", "flags", "$evaluators", "metadata", "weir"];
const FLAG: [&str; 5] = ["state", "variants", "defaultVariant", "targeting", "metadata"];
/// What flagd itself writes into flags that it passes on, and the key of the array form.
const SILENT: [&str; 3] = ["key", "source", "selector"];

pub(super) fn run(json: &Json, findings: &mut Findings) {
    let root = Path::Root;
    twice(json, &root, findings);
    flags_twice(json.field("flags"), &root.key("flags"), findings);
    let Json::Object(fields) = json else { return };
    for (key, _) in fields.iter().filter(|(key, _)| !DOCUMENT.contains(&key.as_str())) {
        // A near miss loses what stands under it; anything else is probably somebody else's.
        let code = if nearest(key, &DOCUMENT).is_some() { Code::LostKey } else { Code::StrangeKey };
        findings.add(code, &root.key(key).name(), "an unknown key", suggest(key, &DOCUMENT));
    }
    for flag in flags(json.field("flags")) {
        let path = root.key("flags");
        let path = flag.path(&path);
        let Json::Object(fields) = flag.json else { continue };
        let known = |key: &str| FLAG.contains(&key) || SILENT.contains(&key);
        for (key, _) in fields.iter().filter(|(key, _)| !known(key)) {
            findings.add(Code::LostKey, &path.key(key).name(), "an unknown key", suggest(key, &FLAG));
        }
    }
}

fn twice(json: &Json, path: &Path<'_>, findings: &mut Findings) {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        Json::Array(items) => items.iter().enumerate().for_each(|(i, item)| twice(item, &path.index(i), findings)),
        Json::Object(fields) => {
            repeated(fields, path, findings);
            let within = |key: &str| !(matches!(path, Path::Root) && key == "weir");
            for (key, json) in fields.iter().filter(|(key, _)| within(key)) {
                twice(json, &path.key(key), findings);
            }
        }
    }
}

fn repeated(fields: &[(String, Json)], path: &Path<'_>, findings: &mut Findings) {
    for (key, nth) in again(fields) {
        findings.add(Code::RepeatedKey, &path.key(key).nth_name(nth), "the key again", "each key once");
    }
}

/// In the daemon's array form.
fn flags_twice(json: Option<&Json>, path: &Path<'_>, findings: &mut Findings) {
    let Some(Json::Array(items)) = json else { return };
    let mut seen = std::collections::HashSet::new();
    for (i, item) in items.iter().enumerate() {
        if let Some(key) = item.field("key").and_then(Json::as_str)
            && !seen.insert(key)
        {
            findings.add(
                Code::RepeatedKey,
                &path.index(i).key("key"),
                format_args!("the flag {key:?} again"),
                "each key once",
            );
        }
    }
}
