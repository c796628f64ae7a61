//! flagd's part of the document: keys, state, variants, defaultVariant, targeting with its evaluators, metadata. Knows nothing of what stands under `weir`.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::Fields;
use super::{MAX_FLAGS, MAX_NAME_BYTES, MAX_VARIANTS};
use crate::code::Code;
use crate::document::{Document, Flag, Variant};
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::rule::{Compiler, MAX_DEPTH, MAX_NODES, Refusal, Rule};

/// All flags, in the order of the file, and their rules' attributes.
pub(super) fn read(root: &Fields<'_>, document: &mut Document, findings: &mut Findings) {
    let evaluators = evaluators(root, findings);
    let mut compiler = Compiler::new(evaluators.iter().copied());
    let place = root.path.key("$evaluators");
    for (name, _) in &evaluators {
        if let Err(refusal) = compiler.evaluator(name) {
            refuse(&refusal, &place.key(name), findings);
        }
    }
    let path = root.path.key("flags");
    let flags = match root.get("flags") {
        Some(Json::Array(items)) => listed(items, &path, findings),
        Some(json) => Fields::last(json, &path, findings).unwrap_or_default(),
        None => {
            findings.add(Code::Document, &path, "nothing", "an object of flags by key");
            Vec::new()
        }
    };
    if flags.len() > MAX_FLAGS {
        findings.add(Code::Limit, &path, format_args!("{} flags", flags.len()), format!("at most {MAX_FLAGS} flags"));
        return;
    }
    let flags = flags.iter().filter_map(|(key, json)| flag(key, json, &path.key(key), &mut compiler, findings));
    document.flags = flags.collect();
    document.attributes = compiler.attributes();
    document.metadata = metadata(root, findings);
}

fn evaluators<'a>(root: &Fields<'a>, findings: &mut Findings) -> Vec<(&'a str, &'a Json)> {
    match root.get("$evaluators") {
        Some(json) => Fields::last(json, &root.path.key("$evaluators"), findings).unwrap_or_default(),
        None => Vec::new(),
    }
}

/// The daemon's form: an array of flags with their keys within. Of a key that comes twice the last counts, as in the object form.
fn listed<'a>(items: &'a [Json], path: &Path<'_>, findings: &mut Findings) -> Vec<(&'a str, &'a Json)> {
    let mut flags: Vec<(&str, &Json)> = Vec::with_capacity(items.len());
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let Some(key) = item.field("key").and_then(Json::as_str) else {
            findings.add(Code::Document, &path.index(i), item, "a flag with a key: {\"key\": NAME, \"state\": ...}");
            continue;
        };
        match places.get(key).and_then(|place| flags.get_mut(*place)) {
            Some(flag) => flag.1 = item,
            None => {
                places.insert(key, flags.len());
                flags.push((key, item));
            }
        }
    }
    flags
}

fn flag<'d>(
    key: &str,
    json: &'d Json,
    path: &Path<'_>,
    compiler: &mut Compiler<'d>,
    findings: &mut Findings,
) -> Option<Flag> {
    if key.is_empty() || key.len() > MAX_NAME_BYTES {
        findings.add(
            Code::Limit,
            &path.name(),
            format_args!("a key of {} bytes", key.len()),
            format!("a key of 1 to {MAX_NAME_BYTES} bytes"),
        );
    }
    let known = ["state", "variants", "defaultVariant", "targeting", "metadata", "key"];
    let targeting = targeting(json, path, compiler, findings);
    let fields = Fields::read(json, path, &known, findings)?;
    let metadata = metadata(&fields, findings);
    let enabled = match fields.get("state").and_then(Json::as_str) {
        Some("ENABLED") => true,
        Some("DISABLED") => false,
        _ => {
            // The flag is read on, so that its other findings are named too and whatever refers to it finds it.
            fields.refuse_as(Code::State, "state", "\"ENABLED\" or \"DISABLED\"", findings);
            true
        }
    };
    let variants = variants(&fields, findings)?;
    let default_variant = default_variant(&fields, &variants, findings);
    let key = key.to_owned();
    Some(Flag { key, enabled, variants, default_variant, targeting, metadata, output: None, rollout: None })
}

/// Absent, null and {} are no rule: everybody gets the defaultVariant.
fn targeting<'d>(
    flag: &'d Json,
    path: &Path<'_>,
    compiler: &mut Compiler<'d>,
    findings: &mut Findings,
) -> Option<Arc<Rule>> {
    match flag.field("targeting")? {
        Json::Null => None,
        Json::Object(rule) if rule.is_empty() => None,
        json => match compiler.rule(json) {
            Ok(rule) => Some(Arc::new(rule)),
            Err(refusal) => {
                refuse(&refusal, &path.key("targeting"), findings);
                None
            }
        },
    }
}

fn refuse(refusal: &Refusal, path: &Path<'_>, findings: &mut Findings) {
    let (code, allowed) = match refusal {
        Refusal::Circle(_) => (Code::Circle, "references that come to an end".to_owned()),
        Refusal::Deep => (Code::Limit, format!("at most {MAX_DEPTH} operators below each other")),
        Refusal::Big => (Code::Limit, format!("at most {MAX_NODES} nodes in all rules of the document")),
    };
    findings.add(code, path, refusal, allowed);
}

fn metadata(fields: &Fields<'_>, findings: &mut Findings) -> Vec<(String, Json)> {
    let Some(json) = fields.object("metadata", findings) else { return Vec::new() };
    let entries = Fields::last(json, &fields.path.key("metadata"), findings).unwrap_or_default();
    entries.into_iter().map(|(key, json)| (key.to_owned(), json.clone())).collect()
}

fn variants(fields: &Fields<'_>, findings: &mut Findings) -> Option<Vec<Variant>> {
    let Some(json) = fields.get("variants") else {
        fields.refuse_as(Code::Document, "variants", "an object of at least one variant", findings);
        return None;
    };
    let path = fields.path.key("variants");
    let variants = Fields::last(json, &path, findings)?;
    if variants.is_empty() || variants.len() > MAX_VARIANTS {
        findings.add(
            Code::Limit,
            &path,
            format_args!("{} variants", variants.len()),
            format!("1 to {MAX_VARIANTS} variants"),
        );
        return None;
    }
    for (name, value) in &variants {
        if name.len() > MAX_NAME_BYTES {
            findings.add(
                Code::Limit,
                &path.key(name).name(),
                format_args!("a name of {} bytes", name.len()),
                format!("at most {MAX_NAME_BYTES} bytes"),
            );
        }
        if matches!(value, Json::Null) {
            findings.add(Code::Value, &path.key(name), value, "a boolean, string, number, object or array");
        }
    }
    Some(variants.into_iter().map(|(name, value)| Variant { name: name.to_owned(), value: value.clone() }).collect())
}

fn default_variant(fields: &Fields<'_>, variants: &[Variant], findings: &mut Findings) -> Option<usize> {
    match fields.get("defaultVariant") {
        None | Some(Json::Null) => None,
        Some(json) => {
            let index = json.as_str().and_then(|name| variants.iter().position(|variant| variant.name == name));
            if index.is_none() {
                let names = quoted(&variant_names(variants));
                fields.refuse_as(
                    Code::DefaultVariant,
                    "defaultVariant",
                    format!("one of the flag's variants: {names}"),
                    findings,
                );
            }
            index
        }
    }
}

/// The names alone.
pub(super) fn variant_names(variants: &[Variant]) -> Vec<String> {
    variants.iter().map(|variant| variant.name.clone()).collect()
}

/// The names in quotes, the first ten of many.
pub(super) fn quoted(names: &[String]) -> String {
    let mut text = names.iter().take(10).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > 10 {
        text.push_str(", …");
    }
    text
}
