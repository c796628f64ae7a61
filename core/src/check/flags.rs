//! flagd's part of the document: keys, state, variants, defaultVariant, targeting with its evaluators, metadata, read as flagd reads them: what it
//! loads is loaded here, be it as odd as it may (`lint` says so); what it refuses is refused. Knows nothing of what stands under `weir`.

use std::sync::Arc;

use super::MAX_NAME_BYTES;
use super::entries::{Listed, entries, flags};
use super::fields::Fields;
use super::limits::Limits;
use crate::code::Code;
use crate::document::{Document, Flag, Variant};
use crate::finding::{Findings, Path};
use crate::json::Json;
use crate::rule::{Compiler, Refusal, Rule};

/// All flags, in the order of the file. What comes back compiles the rest of the document's rules.
pub(super) fn read<'d>(
    root: &Fields<'d>,
    limits: &Limits,
    document: &mut Document,
    findings: &mut Findings,
) -> Compiler<'d> {
    let evaluators = entries(root.get("$evaluators"));
    let mut compiler = Compiler::limited(evaluators.iter().copied(), limits.depth, limits.nodes);
    let place = root.path.key("$evaluators");
    for (name, _) in &evaluators {
        if let Err(refusal) = compiler.evaluator(name) {
            refuse(&refusal, &place.key(name), findings);
        }
    }
    let path = root.path.key("flags");
    let listed = listed(root.get("flags"), &path, findings);
    if listed.len() > limits.flags {
        let allowed = format!("at most {} flags", limits.flags);
        findings.add(Code::Limit, &path, format_args!("{} flags", listed.len()), allowed);
        return compiler;
    }
    let mut reader = Reader { compiler, limits, findings };
    document.flags = listed.iter().filter_map(|flag| reader.flag(flag, &flag.path(&path))).collect();
    document.metadata = metadata(root.get("metadata"));
    reader.compiler
}

/// Without `flags` there are none; of another kind they can't be read.
fn listed<'a>(json: Option<&'a Json>, path: &Path<'_>, findings: &mut Findings) -> Vec<Listed<'a>> {
    match json {
        None | Some(Json::Object(_)) => {}
        Some(Json::Array(items)) => {
            let keyless = |item: &Json| item.field("key").and_then(Json::as_str).is_none();
            for (i, item) in items.iter().enumerate().filter(|(_, item)| keyless(item)) {
                let allowed = "a flag with a key: {\"key\": NAME, \"state\": ...}";
                findings.add(Code::Document, &path.index(i), item, allowed);
            }
        }
        Some(other) => findings.add(Code::Document, path, other, "an object of flags by key"),
    }
    flags(json)
}

struct Reader<'d, 'f> {
    compiler: Compiler<'d>,
    limits: &'f Limits,
    findings: &'f mut Findings,
}

impl<'d> Reader<'d, '_> {
    fn flag(&mut self, listed: &Listed<'d>, path: &Path<'_>) -> Option<Flag> {
        let key = listed.key;
        self.name("key", key, path);
        let Some(fields) = Fields::open(listed.json, path) else {
            let allowed = "a flag: {\"state\": \"ENABLED\", \"variants\": ...}";
            self.findings.add(Code::Document, path, listed.json, allowed);
            return None;
        };
        let targeting = self.targeting(listed.json.field("targeting"), path);
        let enabled = match fields.get("state").and_then(Json::as_str) {
            Some("ENABLED") => true,
            Some("DISABLED") => false,
            _ => {
                // The flag is read on, so that its other errors are named too and whatever refers to it finds it.
                fields.refuse_as(Code::State, "state", "\"ENABLED\" or \"DISABLED\"", self.findings);
                true
            }
        };
        let variants = self.variants(&fields)?;
        let default_variant = self.default_variant(&fields, &variants);
        let metadata = metadata(fields.get("metadata"));
        let key = key.to_owned();
        Some(Flag { key, enabled, variants, default_variant, targeting, metadata, output: None, rollout: None })
    }

    fn name(&mut self, what: &str, name: &str, path: &Path<'_>) {
        if name.len() > MAX_NAME_BYTES {
            let found = format_args!("a {what} of {} bytes", name.len());
            self.findings.add(Code::Limit, &path.name(), found, format!("at most {MAX_NAME_BYTES} bytes"));
        }
    }

    /// Everybody gets the defaultVariant without a rule, which is what flagd takes anything without keys for.
    fn targeting(&mut self, json: Option<&'d Json>, path: &Path<'_>) -> Option<Arc<Rule>> {
        let json = json.filter(|json| has_keys(json))?;
        match self.compiler.rule(json) {
            Ok(rule) => Some(Arc::new(rule)),
            Err(refusal) => {
                refuse(&refusal, &path.key("targeting"), self.findings);
                None
            }
        }
    }

    fn variants(&mut self, fields: &Fields<'_>) -> Option<Vec<Variant>> {
        let path = fields.path.key("variants");
        let variants: Vec<Variant> = match fields.get("variants") {
            // As JavaScript counts them.
            Some(Json::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(i, value)| Variant { name: i.to_string(), value: value.clone() })
                .collect(),
            json => entries(json)
                .into_iter()
                .map(|(name, value)| Variant { name: name.to_owned(), value: value.clone() })
                .collect(),
        };
        if variants.len() > self.limits.variants {
            let allowed = format!("at most {} variants", self.limits.variants);
            self.findings.add(Code::Limit, &path, format_args!("{} variants", variants.len()), allowed);
            return None;
        }
        for variant in &variants {
            self.name("name", &variant.name, &path.key(&variant.name));
        }
        Some(variants)
    }

    /// An empty name is none, as in flagd.
    fn default_variant(&mut self, fields: &Fields<'_>, variants: &[Variant]) -> Option<usize> {
        let json = match fields.get("defaultVariant") {
            None | Some(Json::Null) => return None,
            Some(json) if json.as_str() == Some("") => return None,
            Some(json) => json,
        };
        let index = json.as_str().and_then(|name| variants.iter().position(|variant| variant.name == name));
        if index.is_none() {
            let allowed = format!("one of the flag's variants: {}", quoted(&variant_names(variants)));
            fields.refuse_as(Code::DefaultVariant, "defaultVariant", allowed, self.findings);
        }
        index
    }
}

/// Whether flagd takes it for a rule.
pub(super) fn has_keys(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(fields) => !fields.is_empty(),
    }
}

/// What a rule that can't be compiled is found as.
pub(super) fn refuse(refusal: &Refusal, path: &Path<'_>, findings: &mut Findings) {
    let (code, allowed) = match refusal {
        Refusal::Circle(_) => (Code::Circle, "references that come to an end".to_owned()),
        Refusal::Deep(most) => (Code::Limit, format!("at most {most} operators below each other")),
        Refusal::Big(most) => (Code::Limit, format!("at most {most} nodes in all rules of the document")),
    };
    findings.add(code, path, refusal, allowed);
}

fn metadata(json: Option<&Json>) -> Vec<(String, Json)> {
    entries(json).into_iter().map(|(key, json)| (key.to_owned(), json.clone())).collect()
}

/// The names alone.
pub(super) fn variant_names(variants: &[Variant]) -> Vec<String> {
    variants.iter().map(|variant| variant.name.clone()).collect()
}

/// The names in quotes, the first ten of many.
pub(super) fn quoted<T: AsRef<str>>(names: &[T]) -> String {
    let mut text = names.iter().take(10).map(|name| format!("{:?}", name.as_ref())).collect::<Vec<_>>().join(", ");
    if names.len() > 10 {
        text.push_str(", …");
    }
    text
}
