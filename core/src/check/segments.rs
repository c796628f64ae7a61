//! `weir.segments`: named rules, compiled as targeting is. Owns their names and form; what a rule may have wrong and yet loads is `lint`'s.

use std::sync::Arc;

use super::entries::entries;
use super::fields::Fields;
use super::flags::refuse;
use super::measures::named;
use crate::code::Code;
use crate::finding::Findings;
use crate::json::Json;
use crate::rule::Compiler;
use crate::segment::{MAX_SEGMENTS, Segment};

/// Reads the segments of a document with the compiler of its flags, so that their rules count towards its limits and its attributes.
pub(super) fn read<'d>(root: &Fields<'d>, compiler: &mut Compiler<'d>, findings: &mut Findings) -> Vec<Segment> {
    let Some(weir) = root.get("weir") else { return Vec::new() };
    let path = root.path.key("weir");
    let good = Fields::open(weir, &path).map(|weir| names(&weir, findings)).unwrap_or_default();
    let path = path.key("segments");
    let mut segments = Vec::with_capacity(good.len());
    for (name, json) in entries(weir.field("segments")).into_iter().filter(|(name, _)| good.iter().any(|n| n == name)) {
        match compiler.rule(json) {
            Ok(rule) => segments.push(Segment { name: name.to_owned(), rule: Arc::new(rule) }),
            Err(refusal) => refuse(&refusal, &path.key(name), findings),
        }
    }
    segments
}

/// The names of those that have the form of a rule.
fn names(weir: &Fields<'_>, findings: &mut Findings) -> Vec<String> {
    named(weir, "segments", MAX_SEGMENTS, findings, |name, json, path, findings| {
        if matches!(json, Json::Object(fields) if !fields.is_empty()) {
            return Some(name.to_owned());
        }
        findings.add(Code::Value, path, json, "a rule: {OPERATOR: [OPERAND, ...]}");
        None
    })
}
